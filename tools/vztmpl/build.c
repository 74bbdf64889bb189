/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a recipe to a template; work.c has where it happens. */
#include "build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "err.h"
#include "idrange.h"
#include "manifest.h"
#include "pack.h"
#include "path.h"
#include "progress.h"
#include "recipe.h"
#include "recipe_run.h"
#include "source.h"
#include "vztmpl.h"
#include "work.h"

static int store(const struct cache *c, const struct recipe *r, const struct work *w,
		 const struct pack_result *res, struct err *err)
{
	struct manifest m = {.name = NULL};
	int ret = manifest_read_packages(w->packages, &m.packages, err);

	if (ret < 0)
		return ret;
	memcpy(m.key, r->key, HASH_HEX_LEN);
	m.name = strdup(r->name);
	m.summary = strdup(r->summary);
	m.kind = strdup(r->kind);
	m.recipe = strdup(r->name);
	ret = m.recipe ? work_finish(c, w, &m, res, err) : err_set(err, ENOMEM, "out of memory");
	manifest_done(&m);
	return ret;
}

static int pack(const struct recipe *r, const struct work *w, struct progress *p,
		struct pack_result *res, struct err *err)
{
	struct scan_opts opts = {.what = "the recipe's tar", .unique = SCAN_REFUSE};
	struct source *source;
	int ret = source_open(w->tar, &source, err);

	if (ret == -ENOENT)
		return err_set(err, ENOENT, "the recipe wrote no tar");
	if (ret < 0)
		return ret;
	if (strcmp(r->kind, "container") == 0)
		opts.max_id = IDRANGE_SIZE - 1;
	ret = work_pack(w, source, &opts, 0644, p, res, err);
	source_close(source);
	return ret;
}

static int make(const struct cache *c, const struct recipe *r, const struct build_opts *opts,
		struct work *w, int lock, struct progress *p, struct pack_result *res,
		struct err *err)
{
	int ret = work_begin(c, r->name, w, err);
	struct recipe_run run = {
		.recipe = r,
		.mirror = opts->mirror,
		.apt_sources = opts->apt_sources,
		.lock = lock,
	};

	if (ret < 0)
		return ret;
	run.work = w->dir;
	run.out = w->tar;
	run.packages = w->packages;
	run.pool = w->pool;

	ret = recipe_run(&run, p, err);
	if (ret < 0)
		return ret;
	ret = pack(r, w, p, res, err);
	if (ret < 0)
		return err_prefix(err, "cannot build '%s'", r->name);
	return store(c, r, w, res, err);
}

/*
 * A damaged template is made anew where that loses nothing: its manifest says
 * that a recipe of its name made it, or it is half of one that a killed build
 * was putting in place. An import may be the only copy of something.
 */
static int check_damaged(const struct cache *c, const struct recipe *r, const char *why,
			 struct err *err)
{
	_cleanup_free_ char *json = cache_path(c, r->name, ".json");
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	int ret = json ? manifest_load(json, &m, NULL) : -ENOMEM;

	if (ret == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	if (m && m->recipe && strcmp(m->recipe, r->name) == 0 && strcmp(m->name, r->name) == 0)
		return 0;
	if (ret == -ENOENT && work_is_there(c, r->name))
		return 0;
	if (m && m->source)
		return err_set(err, EEXIST,
			       "template '%s' was imported from '%s' and is damaged: %s "
			       "(--force replaces it, 'vztmpl remove' removes it)",
			       r->name, m->source, why);
	return err_set(err, EEXIST,
		       "template '%s' is damaged and may be no build of ours: %s "
		       "(--force replaces it, 'vztmpl remove' removes it)",
		       r->name, why);
}

/* 1 when there is nothing to do. */
static int look(const struct cache *c, const struct recipe *r, const struct build_opts *opts,
		struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	enum cache_state state = CACHE_ABSENT;
	struct err why = ERR_INIT;
	int ret = opts->force ? 0 : cache_look(c, r->name, true, &state, &m, &why);

	if (ret < 0 && err)
		*err = why;
	if (ret < 0 || state == CACHE_ABSENT)
		return ret;
	if (state == CACHE_DAMAGED)
		return check_damaged(c, r, why.msg, err);
	if (m->source)
		return err_set(err, EEXIST,
			       "template '%s' was imported from '%s' "
			       "(--force replaces it, 'vztmpl remove' removes it)",
			       r->name, m->source);
	return strcmp(m->key, r->key) == 0;
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
	_cleanup_(work_free) struct work w = {.dir = NULL};
	_cleanup_close_ int lock = -EBADF;
	struct pack_result res;
	struct progress p;
	char line[128], buf[16];
	int ret = recipe_load(opts->recipes, name, &r, err);

	if (ret < 0)
		return ret;
	if (opts->apt_sources)
		ret = recipe_key_add(r, opts->apt_sources, err);
	if (ret == 0)
		ret = path_mkdirs(c->dir, 0755, err);
	if (ret < 0)
		return ret;
	lock = cache_lock(c, name, err);
	if (lock < 0)
		return lock;
	ret = look(c, r, opts, err);
	if (ret < 0)
		return ret;
	if (ret == 1) {
		report(name, "up to date", opts);
		return work_end(c, name, err);
	}

	progress_start(&p, name, opts->quiet);
	ret = make(c, r, opts, &w, lock, &p, &res, err);
	progress_end(&p);
	if (ret < 0) {
		(void)work_end(c, name, NULL);
		return ret;
	}
	snprintf(line, sizeof(line), "built in %s, %.1f MB, %llu entries",
		 progress_elapsed(&p, buf), (double)res.size_bytes / 1e6,
		 (unsigned long long)res.scan.entries);
	report(name, line, opts);
	return work_end(c, name, err);
}
