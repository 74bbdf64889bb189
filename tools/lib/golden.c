/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "golden.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "lock.h"
#include "path.h"
#include "ploop.h"
#include "strbuf.h"

#define LOCK_SECONDS 600

/* The snapshot of a golden image that disks stand on: they all have it by this name. */
static const char snapshot[] = "{676f6c64-656e-4000-8000-000000000000}";

struct golden {
	const char *template_dir;
	char *dir, *path; /* TEMPLATE/golden, and the image directory in it; owned */
	char *stem;	  /* what all of that template begin with; owned */
	int lock;	  /* owned */
};

bool golden_is(const char *guid)
{
	return strcasecmp(guid, snapshot) == 0;
}

static void release(struct golden *g)
{
	if (g->lock >= 0)
		close(g->lock);
	free(g->dir);
	free(g->path);
	free(g->stem);
}

/* Named for all that its contents depend on: another archive of the same name is another one. */
static int name_it(struct golden *g, const char *template_dir, const char *tar, uint64_t size_bytes,
		   uint32_t max_id, struct err *err)
{
	const char *slash = strrchr(tar, '/');
	struct strbuf stem = STRBUF_INIT, path = STRBUF_INIT;
	struct stat st;

	if (stat(tar, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", tar);
	strbuf_add(&stem, slash ? slash + 1 : tar);
	g->stem = strbuf_steal(&stem);
	g->template_dir = template_dir;
	g->dir = path_join(template_dir, GOLDEN_DIR);
	if (g->dir && g->stem)
		strbuf_addf(&path, "%s/%s.%" PRIu64 "-%" PRIu32 "-%llu-%lld-%lld.%09ld", g->dir,
			    g->stem, size_bytes, max_id, (unsigned long long)st.st_ino,
			    (long long)st.st_size, (long long)st.st_mtim.tv_sec,
			    st.st_mtim.tv_nsec);
	g->path = strbuf_steal(&path);
	return g->path ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int lock_it(struct golden *g, struct err *err)
{
	_cleanup_free_ char *lock = path_join(g->dir, ".lock");
	int r;

	if (!lock)
		return err_set(err, ENOMEM, "out of memory");
	/* The images are disks of tenants to be. */
	r = path_mkdirs(g->dir, 0700, err);
	if (r < 0)
		return r;
	g->lock = lock_file(lock, LOCK_SECONDS, err);
	return g->lock < 0 ? g->lock : 0;
}

static bool is_ready(const char *path)
{
	struct ploop_snapshot *list;
	bool ready = false;
	size_t n, i;

	if (ploop_snapshots(path, &list, &n, NULL) < 0)
		return false;
	for (i = 0; i < n; i++)
		ready = ready || strcmp(list[i].guid, snapshot) == 0;
	ploop_snapshots_free(list, n);
	return ready;
}

/* What is there and no golden image was begun by somebody who was killed. */
static int make_ready(const struct golden *g, golden_build_fn build, const void *arg,
		      struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	int r = 0;

	if (is_ready(g->path))
		return 0;
	if (access(g->path, F_OK) == 0)
		r = path_remove_tree(AT_FDCWD, g->path, err);
	if (r == 0)
		r = build(arg, g->path, err);
	if (r < 0)
		return r;
	memcpy(guid, snapshot, sizeof(guid));
	r = ploop_snapshot(g->path, guid, err);
	if (r < 0)
		path_remove_tree(AT_FDCWD, g->path, NULL);
	else
		golden_remove(g->template_dir, g->stem, strrchr(g->path, '-'));
	return r;
}

int golden_clone(const char *template_dir, const char *tar, uint64_t size_bytes, uint32_t max_id,
		 golden_build_fn build, const void *arg, const char *dir, struct err *err)
{
	struct golden g = {.lock = -EBADF};
	int r = name_it(&g, template_dir, tar, size_bytes, max_id, err);

	if (r == 0)
		r = lock_it(&g, err);
	if (r == 0)
		r = make_ready(&g, build, arg, err);
	if (r == 0)
		r = ploop_clone(g.path, snapshot, dir, err);
	release(&g);
	return r < 0 ? 1 : 0;
}
