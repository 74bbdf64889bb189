/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tar or a directory becomes a template in one pass, and what belongs to the
 * machine that it was is left out and named. The archive is the owner's alone:
 * unlike a recipe's it may hold passwords.
 */
#include "import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "err.h"
#include "idrange.h"
#include "manifest.h"
#include "pack.h"
#include "path.h"
#include "pkgdb.h"
#include "progress.h"
#include "recipe.h"
#include "source.h"
#include "strbuf.h"
#include "treetar.h"
#include "vztmpl.h"
#include "work.h"

struct import {
	const struct cache *c;
	const struct import_opts *opts;
	const char *path;
	bool is_dir;
	char *name, *base; /* owned; base: of the path, printable */
	struct work w;
	struct pkgdb pkgdb;
	struct pack_result res;
};

static void import_done(struct import *im)
{
	free(im->name);
	free(im->base);
	work_free(&im->w);
	pkgdb_done(&im->pkgdb);
}

/* The last component, without slashes behind it and bytes that no terminal should see. */
static char *base_of(const char *path)
{
	struct strbuf b = STRBUF_INIT;
	size_t len = strlen(path), start;

	while (len > 0 && path[len - 1] == '/')
		len--;
	for (start = len; start > 0 && path[start - 1] != '/'; start--)
		continue;
	strbuf_add(&b, "");
	for (; start < len; start++)
		strbuf_addc(&b, path[start] >= ' ' && path[start] <= '~' ? path[start] : '?');
	return strbuf_steal(&b);
}

static char *name_of(const char *base, bool is_dir)
{
	static const char *const tails[] = {".gz",  ".xz",  ".zst",  ".bz2",  ".tar",
					    ".tgz", ".txz", ".tzst", ".tbz2", ".tbz"};
	_cleanup_free_ char *name = strdup(base);

	for (size_t i = 0; name && !is_dir && i < sizeof(tails) / sizeof(*tails); i++) {
		size_t len = strlen(name), tail = strlen(tails[i]);

		if (len > tail && strcmp(name + len - tail, tails[i]) == 0)
			name[len - tail] = '\0';
	}
	return name ? cache_short_name(name) : NULL;
}

static int choose_name(struct import *im, struct err *err)
{
	struct stat st;

	if (stat(im->path, &st) < 0)
		return err_errno(err, errno, "cannot open '%s'", im->path);
	im->is_dir = S_ISDIR(st.st_mode);
	im->base = base_of(im->path);
	if (im->opts->name)
		im->name = cache_short_name(im->opts->name);
	else if (im->base)
		im->name = name_of(im->base, im->is_dir);
	if (!im->name || !im->base)
		return err_set(err, ENOMEM, "out of memory");
	if (recipe_check_name(im->name, err) == 0)
		return 0;
	if (im->opts->name)
		return err->code;
	return err_exit(err, EXIT_USAGE, "'%s' gives no name for a template; try --name NAME",
			im->path);
}

/* What is there stays: it may be the only copy of what somebody imported. */
static int check_absent(const struct import *im, struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	enum cache_state state;
	int r;

	if (im->opts->force)
		return 0;
	r = cache_look(im->c, im->name, false, &state, &m, err);
	if (r < 0 || state == CACHE_ABSENT)
		return r;
	return err_set(err, EEXIST,
		       "template '%s' is in the cache '%s' already (--force replaces it)", im->name,
		       im->c->dir);
}

static int pack_source(struct import *im, struct source *source, struct progress *p,
		       struct err *err)
{
	_cleanup_free_ char *what = NULL;
	struct scan_opts opts = {
		.unique = im->opts->keep_unique ? SCAN_KEEP : SCAN_LEAVE_OUT,
		.max_id = (im->opts->ids ? im->opts->ids : IDRANGE_SIZE) - 1,
		.pkgdb = &im->pkgdb,
	};

	if (asprintf(&what, "'%s'", im->path) < 0)
		return err_set(err, ENOMEM, "out of memory");
	opts.what = what;
	return work_pack(&im->w, source, &opts, 0600, p, &im->res, err);
}

static int pack_dir(struct import *im, struct progress *p, struct err *err)
{
	struct err why = ERR_INIT;
	struct source *source;
	struct treetar tar;
	int fd, r = treetar_start(&tar, im->path, im->w.log, &fd, err);

	if (r < 0)
		return r;
	r = source_take(fd, im->path, &source, err);
	if (r == 0) {
		r = pack_source(im, source, p, err);
		source_close(source);
	}
	/* When tar has failed, its stream has too, and its own word says more. */
	if (treetar_end(&tar, &why) < 0 && r != -EINTR) {
		*err = why;
		return why.code;
	}
	return r;
}

static int pack(struct import *im, struct progress *p, struct err *err)
{
	struct source *source;
	int r;

	if (im->is_dir)
		return pack_dir(im, p, err);
	r = source_open(im->path, &source, err);
	if (r < 0)
		return r;
	r = pack_source(im, source, p, err);
	source_close(source);
	return r;
}

static int store(struct import *im, struct err *err)
{
	struct manifest m = {.packages = json_incref(im->pkgdb.packages)};
	int r;

	m.name = strdup(im->name);
	m.kind = strdup("container");
	m.source = strdup(im->base);
	if (asprintf(&m.summary, "imported from %s", im->base) < 0)
		m.summary = NULL;
	r = m.source ? work_finish(im->c, &im->w, &m, &im->res, err)
		     : err_set(err, ENOMEM, "out of memory");
	manifest_done(&m);
	return r;
}

static int make(struct import *im, struct progress *p, struct err *err)
{
	int r = work_begin(im->c, im->name, &im->w, err);

	if (r == 0)
		r = pkgdb_init(&im->pkgdb, err);
	if (r == 0)
		r = pack(im, p, err);
	return r < 0 ? r : store(im, err);
}

/* Said also to who wants no progress: the template is not all that was given. */
static void say_left_out(const struct import *im)
{
	struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *text = NULL;

	for (unsigned int i = 0; i < UNIQUE_RULES; i++) {
		const struct unique_rule *rule = unique_rule(i);
		uint64_t n = 0;

		/* Rules of one kind stand together: the first of them speaks for all. */
		if (i > 0 && strcmp(unique_rule(i - 1)->all, rule->all) == 0)
			continue;
		for (unsigned int j = i;
		     j < UNIQUE_RULES && strcmp(unique_rule(j)->all, rule->all) == 0; j++)
			n += im->res.scan.left_out[j];
		if (n > 0)
			strbuf_addf(&b, "%s%s (%llu)", b.len ? ", " : "", rule->all,
				    (unsigned long long)n);
	}
	text = strbuf_steal(&b);
	if (text && *text)
		fprintf(stderr, "vztmpl: %s: left out what belongs to one machine only: %s\n",
			im->name, text);
}

static void report(const struct import *im, const struct progress *p)
{
	char buf[16];

	if (!im->opts->quiet)
		fprintf(stderr, "vztmpl: %s: imported in %s, %.1f MB, %llu entries\n", im->name,
			progress_elapsed(p, buf), (double)im->res.size_bytes / 1e6,
			(unsigned long long)im->res.scan.entries);
	say_left_out(im);
}

int import_template(const struct cache *c, const char *path, const struct import_opts *opts,
		    struct err *err)
{
	_cleanup_(import_done) struct import im = {.c = c, .opts = opts, .path = path};
	_cleanup_close_ int lock = -EBADF;
	struct progress p;
	int r = choose_name(&im, err);

	if (r == 0)
		r = path_mkdirs(c->dir, 0755, err);
	if (r < 0)
		return r;
	lock = cache_lock(c, im.name, err);
	if (lock < 0)
		return lock;
	r = check_absent(&im, err);
	if (r < 0)
		return r;

	progress_start(&p, im.name, opts->quiet);
	r = make(&im, &p, err);
	progress_end(&p);
	if (r < 0) {
		(void)err_prefix(err, "cannot import '%s'", im.name);
		(void)work_end(c, im.name, NULL);
		return r;
	}
	report(&im, &p);
	return work_end(c, im.name, err);
}
