/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "err.h"
#include "manifest.h"
#include "pack.h"
#include "path.h"
#include "progress.h"
#include "recipe_run.h"
#include "vztmpl.h"

void work_free(struct work *w)
{
	free(w->dir);
	free(w->tar);
	free(w->packages);
	free(w->archive);
	free(w->json);
	free(w->pool);
	free(w->log);
}

int work_end(const struct cache *c, const char *name, struct err *err)
{
	_cleanup_close_ int dirfd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *base = NULL;
	struct stat st;

	if (dirfd < 0)
		return err_errno(err, errno, "cannot open the cache '%s'", c->dir);
	if (asprintf(&base, ".build-%s", name) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	return path_remove_tree(dirfd, base, err);
}

bool work_is_there(const struct cache *c, const char *name)
{
	_cleanup_free_ char *dir = NULL;

	return asprintf(&dir, "%s/.build-%s", c->dir, name) >= 0 && access(dir, F_OK) == 0;
}

int work_begin(const struct cache *c, const char *name, struct work *w, struct err *err)
{
	int r = work_end(c, name, err);

	if (r < 0)
		return r;
	if (asprintf(&w->dir, "%s/.build-%s", c->dir, name) < 0)
		w->dir = NULL;
	w->tar = w->dir ? path_join(w->dir, "tar") : NULL;
	w->packages = w->dir ? path_join(w->dir, "packages") : NULL;
	w->archive = w->dir ? path_join(w->dir, "archive") : NULL;
	w->json = w->dir ? path_join(w->dir, "manifest") : NULL;
	w->log = w->dir ? path_join(w->dir, "log") : NULL;
	w->pool = path_join(c->dir, ".packages");
	if (!w->tar || !w->packages || !w->archive || !w->json || !w->log || !w->pool)
		return err_set(err, ENOMEM, "out of memory");
	if (mkdir(w->dir, 0755) < 0)
		return err_errno(err, errno, "cannot make '%s'", w->dir);
	return 0;
}

/* Between blocks of the archive: show that it lives, and stop when asked to. */
static int tick(void *arg)
{
	progress_tick(arg);
	return recipe_run_interrupted();
}

int work_pack(const struct work *w, struct source *source, const struct scan_opts *opts,
	      mode_t mode, struct progress *p, struct pack_result *ret, struct err *err)
{
	struct scan_opts scan = *opts;
	int r;

	scan.dir = w->dir;
	scan.tick = tick;
	scan.tick_arg = p;
	progress_step(p, "compressing");
	r = pack_archive(source, &scan, w->archive, mode, ret, err);
	if (r == -EINTR)
		(void)err_exit_default(err, EXIT_INTERRUPTED);
	return r;
}

static char *now_text(void)
{
	char buf[32];
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	return strdup(buf);
}

static int sync_dir(const char *dir, struct err *err)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, errno, "cannot sync '%s'", dir);
	return 0;
}

static int put_in_place(const struct cache *c, const char *name, const struct work *w,
			struct err *err)
{
	_cleanup_free_ char *archive = cache_path(c, name, ".tar.zst");
	_cleanup_free_ char *json = cache_path(c, name, ".json");

	if (!archive || !json)
		return err_set(err, ENOMEM, "out of memory");
	if (rename(w->archive, archive) < 0)
		return err_errno(err, errno, "cannot put '%s' in place", archive);
	if (rename(w->json, json) < 0)
		return err_errno(err, errno, "cannot put '%s' in place", json);
	return sync_dir(c->dir, err);
}

int work_finish(const struct cache *c, const struct work *w, struct manifest *m,
		const struct pack_result *res, struct err *err)
{
	int r;

	m->size_bytes = res->size_bytes;
	m->unpacked_bytes = res->scan.unpacked_bytes;
	m->entries = res->scan.entries;
	memcpy(m->sha256, res->sha256, HASH_HEX_LEN);
	m->date = now_text();
	if (!m->name || !m->summary || !m->kind || !m->date || !m->packages)
		return err_set(err, ENOMEM, "out of memory");
	r = manifest_store(m, w->json, err);
	return r < 0 ? r : put_in_place(c, m->name, w, err);
}
