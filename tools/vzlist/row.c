/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One container as it is now: its file, its cgroup, its record. What cannot
 * be read (a kernel without the file, a user who may not) stays unknown. No
 * lock is taken: a row is true for a moment, and its parts may be some
 * microseconds apart.
 */
#include "vzlist.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "kve.h"
#include "param.h"
#include "size.h"
#include "state.h"

#define PAGE_BYTES 4096U

static void know(struct values *v, unsigned int part, uint64_t value)
{
	v->v[part] = value;
	v->known |= 1U << part;
}

/* A file of the memory controller with one number of bytes, or "max". */
static void read_pages(const char *cg, const char *file, unsigned int part, struct values *v)
{
	_cleanup_free_ char *text = NULL;

	if (cgroup_read(cg, file, &text, NULL) < 0)
		return;
	know(v, part,
	     strcmp(text, "max") == 0 ? SIZE_UNLIMITED : strtoull(text, NULL, 10) / PAGE_BYTES);
}

/* The count behind @name in a file of "name count" lines. */
static void read_event(const char *cg, const char *file, const char *name, unsigned int part,
		       struct values *v)
{
	_cleanup_free_ char *text = NULL;
	size_t len = strlen(name);
	const char *line;

	if (cgroup_read(cg, file, &text, NULL) < 0)
		return;
	for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, name, len) == 0 && line[len] == ' ')
			know(v, part, strtoull(line + len, NULL, 10));
}

/*
 * physpages are all pages of a container, page cache and kernel among them:
 * what memory.current counts. A failure is an allocation that no reclaim could
 * help, when swap was full too: "oom". swappages is the swap in use.
 */
static void read_memory(struct row *row)
{
	const char *cg = row->ct->cgroup;

	read_pages(cg, "memory.current", 0, &row->ram);
	read_pages(cg, "memory.peak", 1, &row->ram);
	know(&row->ram, 2, 0);
	read_pages(cg, "memory.max", 3, &row->ram);
	read_event(cg, "memory.events", "oom", 4, &row->ram);
	read_pages(cg, "memory.swap.current", 0, &row->swap);
	read_pages(cg, "memory.swap.peak", 1, &row->swap);
	know(&row->swap, 2, 0);
	read_pages(cg, "memory.swap.max", 3, &row->swap);
	read_event(cg, "memory.swap.events", "fail", 4, &row->swap);
}

/* Used, and the size as both limits: nobody can write more than the disk holds. */
static void read_disk(struct row *row)
{
	struct statvfs s;
	unsigned int i;

	if (!row->mounted || !row->ct->root || statvfs(row->ct->root, &s) < 0)
		return;
	know(&row->disk, 0, (s.f_blocks - s.f_bfree) * s.f_frsize / 1024);
	know(&row->inodes, 0, s.f_files - s.f_ffree);
	for (i = 1; i <= 2; i++) {
		know(&row->disk, i, s.f_blocks * s.f_frsize / 1024);
		know(&row->inodes, i, s.f_files);
	}
}

/* Counted from the start of the first process: setting the clock does not change it. */
static void read_uptime(struct row *row)
{
	struct state st;
	struct timespec now;

	if (state_load(row->ct, &st, NULL) < 0 || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return;
	row->uptime = now.tv_sec + now.tv_nsec / 1e9 - (double)st.init_start / sysconf(_SC_CLK_TCK);
	if (row->uptime < 0)
		row->uptime = 0;
}

void row_load(struct row *row, struct ct *ct, bool unread, unsigned int needs,
	      const struct state_mounts *mounts)
{
	*row = (struct row){.ct = ct, .unread = unread, .uptime = -1};
	row->running = state_is_running(ct);
	row->mounted = mounts && ct->root && state_mounts_has(mounts, ct->root);
	if (needs & NEED_DISK)
		read_disk(row);
	if (!row->running)
		return;
	if (needs & NEED_CHANGES)
		state_load_changes(ct, &row->changes, NULL);
	if (needs & NEED_UBC)
		kve_read_ubc(ct->cgroup, &row->ubc_stat, NULL);
	if (needs & NEED_MEMORY)
		read_memory(row);
	if (needs & NEED_UPTIME)
		read_uptime(row);
}

void row_clear(struct row *row)
{
	ct_close(row->ct);
	config_free(row->changes);
	free(row->ubc_stat);
	*row = (struct row){0};
}

const char *row_get(const struct row *row, const struct param *param)
{
	const char *v = NULL;

	/* A start keeps what is not supported yet in the file and does not apply it. */
	if (row->unread || (row->running && (param->flags & PARAM_REFUSED)))
		return NULL;
	if (row->changes)
		v = config_get(row->changes, param->key);
	if (!v)
		v = ct_get(row->ct, param->key);
	return v && *v ? v : NULL;
}
