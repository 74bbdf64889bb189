/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run-time record, and the state of a container as the kernel tells it.
 * The kernel is the authority (ve.state, mountinfo); the record only adds what
 * the kernel does not keep: which process is init, since when.
 */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "area.h"
#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "io.h"
#include "kve.h"
#include "path.h"
#include "strbuf.h"
#include "strv.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static char *state_path(const struct ct *ct, const char *file)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "%s/%s%s%s", ct->host->rundir, ct->idstr, file ? "/" : "",
		    file ? file : "");
	return strbuf_steal(&b);
}

static int boot_id(char **ret_id, struct err *err)
{
	size_t len;
	int r = io_read_file(AT_FDCWD, BOOT_ID, 256, ret_id, &len, err);

	if (r == 0)
		(*ret_id)[strcspn(*ret_id, "\n")] = '\0';
	return r;
}

static int set_number(struct config *c, const char *key, uint64_t n, struct err *err)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRIu64, n);
	return config_set(c, key, buf, err);
}

int state_store(const struct ct *ct, const struct state *st, struct err *err)
{
	_cleanup_config_ struct config *c = config_new();
	_cleanup_free_ char *dir = state_path(ct, NULL), *file = state_path(ct, "state");
	_cleanup_free_ char *boot = NULL;
	int r;

	if (!c || !dir || !file)
		return err_set(err, ENOMEM, "out of memory");
	r = boot_id(&boot, err);
	if (r == 0)
		r = config_set(c, "BOOT_ID", boot, err);
	if (r == 0)
		r = set_number(c, "INIT_PID", st->init_pid, err);
	if (r == 0)
		r = set_number(c, "INIT_START", st->init_start, err);
	if (r == 0)
		r = set_number(c, "STARTED", st->started, err);
	if (r == 0)
		r = set_number(c, "DEV_FS", st->dev_fs, err);
	if (r == 0)
		r = set_number(c, "CAPABILITIES", st->caps, err);
	if (r == 0)
		r = path_mkdirs(dir, 0755, err);
	return r < 0 ? r : config_store(c, file, err);
}

static uint64_t get_number_or(const struct config *c, const char *key, uint64_t otherwise)
{
	const char *v = config_get(c, key);

	return v ? strtoull(v, NULL, 10) : otherwise;
}

static uint64_t get_number(const struct config *c, const char *key)
{
	return get_number_or(c, key, 0);
}

int state_load(const struct ct *ct, struct state *ret_st, struct err *err)
{
	_cleanup_free_ char *file = state_path(ct, "state"), *boot = NULL;
	_cleanup_config_ struct config *c = NULL;
	const char *recorded;
	struct state st;
	uint64_t start;
	int r;

	if (!file)
		return err_set(err, ENOMEM, "out of memory");
	r = config_load(file, NULL, &c, err);
	if (r == 0)
		r = boot_id(&boot, err);
	if (r < 0)
		return r;
	recorded = config_get(c, "BOOT_ID");
	st.init_pid = get_number(c, "INIT_PID");
	st.init_start = get_number(c, "INIT_START");
	st.started = get_number(c, "STARTED");
	st.dev_fs = get_number(c, "DEV_FS");
	/* Before there was this key, init had them all; what enters it must have no fewer. */
	st.caps = get_number_or(c, "CAPABILITIES", UINT64_MAX);
	if (!recorded || strcmp(recorded, boot) != 0)
		return err_set(err, ENOENT, "'%s' is of another boot", file);
	r = state_process_start(st.init_pid, &start);
	if (r < 0 && r != -ESRCH)
		return err_errno(err, r, "cannot look at the process of '%s'", file);
	if (r < 0 || start != st.init_start)
		return err_set(err, ENOENT, "the process of '%s' is gone", file);
	*ret_st = st;
	return 0;
}

int state_open_ns(const struct ct *ct, const char *name, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct state st;
	char path[48];
	int r = state_load(ct, &st, err), errnum;

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)st.init_pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	errnum = errno;
	/* Once more: the id may have become another process's meanwhile. */
	r = state_load(ct, &st, err);
	if (r < 0)
		return r;
	return fd < 0 ? err_errno(err, errnum, "cannot open '%s'", path) : steal_fd(&fd);
}

bool state_exists(const struct ct *ct)
{
	_cleanup_free_ char *dir = state_path(ct, NULL);

	return dir && access(dir, F_OK) == 0;
}

/* All of it: a killed tool may have left the temporary file of a record it never finished. */
void state_remove(const struct ct *ct)
{
	_cleanup_free_ char *path = state_path(ct, NULL);
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	rmdir(path);
}

int state_load_changes(const struct ct *ct, struct config **ret_c, struct err *err)
{
	_cleanup_free_ char *file = state_path(ct, "changes");
	int r;

	if (!file)
		return err_set(err, ENOMEM, "out of memory");
	r = config_load(file, NULL, ret_c, err);
	if (r != -ENOENT)
		return r;
	err_clear(err);
	*ret_c = config_new();
	return *ret_c ? 0 : err_set(err, ENOMEM, "out of memory");
}

int state_store_changes(const struct ct *ct, const struct config *c, struct err *err)
{
	_cleanup_free_ char *file = state_path(ct, "changes");

	if (!file)
		return err_set(err, ENOMEM, "out of memory");
	return config_store(c, file, err);
}

int state_process_start(pid_t pid, uint64_t *ret_ticks)
{
	_cleanup_free_ char *text = NULL;
	char path[32], *s;
	size_t len;
	int field, r;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = io_read_file(AT_FDCWD, path, 4096, &text, &len, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* The name may hold anything, so count from its last parenthesis: that is field 2. */
	s = strrchr(text, ')');
	for (field = 2; s && field < 22; field++) {
		s = strchr(s, ' ');
		s = s ? s + 1 : NULL;
	}
	if (!s)
		return -ESRCH;
	*ret_ticks = strtoull(s, NULL, 10);
	return 0;
}

/* mountinfo writes blank, tab, newline and backslash as octal. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Sorted, as mountinfo names them: absolute and without links. */
struct state_mounts {
	char **points;
	size_t count;
};

static int compare_points(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Field 5 of a line, decoded in place; NULL for a line that has none. */
static char *mount_point(char *line)
{
	char *save = NULL, *word = strtok_r(line, " ", &save);
	int i;

	for (i = 0; word && i < 4; i++)
		word = strtok_r(NULL, " ", &save);
	if (word)
		unescape(word);
	return word;
}

int state_mounts_load(struct state_mounts **ret_mounts, struct err *err)
{
	_cleanup_mounts_ struct state_mounts *m = calloc(1, sizeof(*m));
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0, points_cap = 0;

	if (!f)
		return err_errno(err, errno, "cannot read /proc/self/mountinfo");
	while (m && getline(&line, &cap, f) > 0) {
		const char *point = mount_point(line);

		if (!point)
			continue;
		if (m->count == points_cap) {
			char **p = reallocarray(m->points, points_cap + 64, sizeof(*p));

			if (!p)
				return err_set(err, ENOMEM, "out of memory");
			m->points = p;
			points_cap += 64;
		}
		m->points[m->count] = strdup(point);
		if (!m->points[m->count++])
			return err_set(err, ENOMEM, "out of memory");
	}
	if (!m)
		return err_set(err, ENOMEM, "out of memory");
	if (m->count)
		qsort(m->points, m->count, sizeof(*m->points), compare_points);
	*ret_mounts = steal_ptr(m);
	return 0;
}

void state_mounts_free(struct state_mounts *m)
{
	size_t i;

	for (i = 0; m && i < m->count; i++)
		free(m->points[i]);
	free(m ? m->points : NULL);
	free(m);
}

void state_mounts_freep(struct state_mounts **m)
{
	state_mounts_free(*m);
}

static bool has_point(const struct state_mounts *m, const char *path)
{
	return m->count && bsearch(&path, m->points, m->count, sizeof(path), compare_points);
}

bool state_mounts_has(const struct state_mounts *m, const char *path)
{
	_cleanup_free_ char *real = NULL;

	if (has_point(m, path))
		return true;
	real = realpath(path, NULL);
	return real && has_point(m, real);
}

/* Headers of Debian 12 know no listmount(2): our own copy of the numbers (6.8). */
#ifndef SYS_listmount
#define SYS_listmount 458
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

/* Is there nothing mounted below the mount on @path, surely? Most often so, and the list is long. */
static bool is_bare(const char *path)
{
	struct {
		uint32_t size, spare;
		uint64_t mnt_id, last;
	} req = {.size = sizeof(req)};
	struct statx st;
	uint64_t id;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID_UNIQUE, &st) <
		    0 ||
	    !(st.stx_mask & STATX_MNT_ID_UNIQUE) || !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return false;
	req.mnt_id = st.stx_mnt_id;
	return syscall(SYS_listmount, &req, &id, 1, 0) == 0;
}

int state_mounts_below(const char *path, char ***ret_points, struct err *err)
{
	_cleanup_mounts_ struct state_mounts *m = NULL;
	_cleanup_free_ char *real = realpath(path, NULL);
	_cleanup_strv_ char **v = NULL;
	size_t i, len = real ? strlen(real) : 0;
	int r;

	if (is_bare(path)) {
		*ret_points = NULL;
		return 0;
	}
	r = state_mounts_load(&m, err);
	for (i = 0; r == 0 && real && i < m->count; i++)
		if (strncmp(m->points[i], real, len) == 0 && m->points[i][len] == '/' &&
		    strv_add(&v, m->points[i]) < 0)
			r = err_set(err, ENOMEM, "out of memory");
	if (r == 0)
		*ret_points = steal_ptr(v);
	return r;
}

/* Of the directory itself, however many mounts there are; -EOPNOTSUPP where that does not tell. */
static int look_at_point(const char *path, bool *ret_mounted)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &st) < 0) {
		/* Whoever may not look there, or has a dead server there, asks the list. */
		if (errno != ENOENT && errno != ENOTDIR)
			return -EOPNOTSUPP;
		*ret_mounted = false;
		return 0;
	}
	if (!(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
		return -EOPNOTSUPP;
	*ret_mounted = st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return 0;
}

int state_is_mounted(const char *path, bool *ret_mounted, struct err *err)
{
	_cleanup_mounts_ struct state_mounts *m = NULL;
	int r;

	if (look_at_point(path, ret_mounted) == 0)
		return 0;
	r = state_mounts_load(&m, err);
	if (r == 0)
		*ret_mounted = state_mounts_has(m, path);
	return r;
}

bool state_is_running(const struct ct *ct)
{
	enum kve_state ks;

	/* A container that is just being started is down until its init runs. */
	return kve_get_state(ct->cgroup, &ks) == 0 && (ks == KVE_RUNNING || ks == KVE_STOPPING);
}

int state_status(const struct ct *ct, struct ct_status *ret_status, struct err *err)
{
	struct ct_status st = {.exists = ct->exists};
	int r;

	if (ct->root) {
		r = state_is_mounted(ct->root, &st.mounted, err);
		if (r < 0)
			return r;
		/* Something else there is not this container's; who may not look has to believe it. */
		if (st.mounted && ct->private_dir && geteuid() == 0)
			st.mounted = area_look(ct, &st.mounted, NULL, NULL) == 0;
	}
	st.running = state_is_running(ct);
	*ret_status = st;
	return 0;
}
