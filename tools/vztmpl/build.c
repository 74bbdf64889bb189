/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a template. Everything happens in <cache>/.build-<name>, which
 * belongs to the holder of the template's lock: what an interrupted build left
 * there is removed by the next. The finished archive and then its manifest are
 * renamed into place; until then the old template serves.
 */
#include "build.h"

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
#include "recipe.h"
#include "recipe_run.h"
#include "vztmpl.h"

struct work {
	char *dir, *tar, *packages, *archive, *json, *pool;
};

static void work_done(struct work *w)
{
	free(w->dir);
	free(w->tar);
	free(w->packages);
	free(w->archive);
	free(w->json);
	free(w->pool);
}

static int remove_work(const struct cache *c, const char *name, struct err *err)
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

static int make_work(const struct cache *c, const char *name, struct work *w, struct err *err)
{
	int r = remove_work(c, name, err);

	if (r < 0)
		return r;
	if (asprintf(&w->dir, "%s/.build-%s", c->dir, name) < 0)
		w->dir = NULL;
	w->tar = w->dir ? path_join(w->dir, "tar") : NULL;
	w->packages = w->dir ? path_join(w->dir, "packages") : NULL;
	w->archive = w->dir ? path_join(w->dir, "archive") : NULL;
	w->json = w->dir ? path_join(w->dir, "manifest") : NULL;
	w->pool = path_join(c->dir, ".packages");
	if (!w->tar || !w->packages || !w->archive || !w->json || !w->pool)
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

static char *now_text(void)
{
	char buf[32];
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	return strdup(buf);
}

static int write_manifest(const struct recipe *r, const struct pack_result *res,
			  const struct work *w, struct err *err)
{
	struct manifest m = {.size_bytes = res->size_bytes,
			     .unpacked_bytes = res->unpacked_bytes,
			     .entries = res->entries};
	int ret = manifest_read_packages(w->packages, &m.packages, err);

	if (ret < 0)
		return ret;
	memcpy(m.sha256, res->sha256, HASH_HEX_LEN);
	memcpy(m.key, r->key, HASH_HEX_LEN);
	m.name = strdup(r->name);
	m.summary = strdup(r->summary);
	m.kind = strdup(r->kind);
	m.date = now_text();
	if (m.name && m.summary && m.kind && m.date)
		ret = manifest_store(&m, w->json, err);
	else
		ret = err_set(err, ENOMEM, "out of memory");
	manifest_done(&m);
	return ret;
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

static int make(const struct cache *c, const struct recipe *r, const struct build_opts *opts,
		struct progress *p, struct pack_result *res, struct err *err)
{
	_cleanup_(work_done) struct work w = {0};
	int ret = make_work(c, r->name, &w, err);
	struct recipe_run run = {.recipe = r, .mirror = opts->mirror};

	if (ret < 0)
		return ret;
	run.work = w.dir;
	run.out = w.tar;
	run.packages = w.packages;
	run.pool = w.pool;

	ret = recipe_run(&run, p, err);
	if (ret < 0)
		return ret;
	progress_step(p, "compressing");
	ret = pack_archive(w.tar, w.archive, tick, p, res, err);
	if (ret == -EINTR)
		(void)err_exit_default(err, EXIT_INTERRUPTED);
	if (ret < 0)
		return err_prefix(err, "cannot build '%s'", r->name);
	ret = write_manifest(r, res, &w, err);
	if (ret < 0)
		return ret;
	return put_in_place(c, r->name, &w, err);
}

static bool is_fresh(const struct cache *c, const struct recipe *r)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	enum cache_state state;

	return cache_look(c, r->name, true, &state, &m, NULL) == 0 && state == CACHE_OK &&
	       strcmp(m->key, r->key) == 0;
}

static void report(const char *name, const char *what, const struct build_opts *opts)
{
	if (!opts->quiet)
		fprintf(stderr, "vztmpl: %s: %s\n", name, what);
}

int build_template(const struct cache *c, const char *name, const struct build_opts *opts,
		   struct err *err)
{
	_cleanup_(recipe_freep) struct recipe *r = NULL;
	_cleanup_close_ int lock = -EBADF;
	struct pack_result res;
	struct progress p;
	char line[128], buf[16];
	int ret = recipe_load(opts->recipes, name, &r, err);

	if (ret < 0)
		return ret;
	ret = path_mkdirs(c->dir, 0755, err);
	if (ret < 0)
		return ret;
	lock = cache_lock(c, name, err);
	if (lock < 0)
		return lock;
	if (!opts->force && is_fresh(c, r)) {
		report(name, "up to date", opts);
		return remove_work(c, name, err);
	}

	progress_start(&p, name, opts->quiet);
	ret = make(c, r, opts, &p, &res, err);
	progress_end(&p);
	if (ret < 0) {
		(void)remove_work(c, name, NULL);
		return ret;
	}
	snprintf(line, sizeof(line), "built in %s, %.1f MB, %llu entries",
		 progress_elapsed(&p, buf), (double)res.size_bytes / 1e6,
		 (unsigned long long)res.entries);
	report(name, line, opts);
	return remove_work(c, name, err);
}
