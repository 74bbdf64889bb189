/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands: each asks the cache or a worker and prints. */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "build.h"
#include "cache.h"
#include "cleanup.h"
#include "err.h"
#include "import.h"
#include "manifest.h"
#include "recipe.h"
#include "recipe_run.h"
#include "strv.h"
#include "verify.h"
#include "vztmpl.h"

static int print_json(json_t *doc, struct err *err)
{
	_cleanup_free_ char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;

	json_decref(doc);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	puts(text);
	return 0;
}

int cmd_build(struct options *o, char **names, struct err *err)
{
	_cleanup_free_ char *recipes = NULL;
	_cleanup_free_ char *sources = NULL;
	_cleanup_(cache_close) struct cache c = {NULL};
	struct build_opts opts = {.mirror = o->mirror, .force = o->force, .quiet = o->quiet};
	int r = recipe_find_dir(&recipes, err);

	if (r == 0)
		r = cache_open(&c, o->cache, err);
	opts.recipes = recipes;
	if (r == 0 && o->apt_sources) {
		/* The recipe runs elsewhere. */
		sources = realpath(o->apt_sources, NULL);
		if (!sources)
			r = err_errno(err, errno, "cannot open '%s'", o->apt_sources);
		opts.apt_sources = sources;
	}
	recipe_run_catch_signals();
	for (; r == 0 && *names; names++) {
		_cleanup_free_ char *name = cache_short_name(*names);

		r = name ? build_template(&c, name, &opts, err)
			 : err_set(err, ENOMEM, "out of memory");
	}
	return r;
}

int cmd_import(struct options *o, char **names, struct err *err)
{
	_cleanup_(cache_close) struct cache c = {NULL};
	struct import_opts opts = {
		.name = o->name,
		.ids = o->ids,
		.keep_unique = o->keep_unique,
		.force = o->force,
		.quiet = o->quiet,
	};
	int r = cache_open(&c, o->cache, err);

	recipe_run_catch_signals();
	return r < 0 ? r : import_template(&c, names[0], &opts, err);
}

static int list_recipes(const struct options *o, struct err *err)
{
	_cleanup_free_ char *recipes = NULL;
	_cleanup_strv_ char **names = NULL;
	json_t *list = o->json ? json_array() : NULL;
	int r = recipe_find_dir(&recipes, err);

	if (r == 0)
		r = recipe_names(recipes, &names, err);
	if (r == 0 && !o->json && !o->no_header)
		printf("%-20s %-10s %s\n", "NAME", "KIND", "SUMMARY");
	for (char **n = names; r == 0 && n && *n; n++) {
		_cleanup_(recipe_freep) struct recipe *rec = NULL;

		r = recipe_load(recipes, *n, &rec, err);
		if (r == 0 && list)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", rec->name,
							      "kind", rec->kind, "summary",
							      rec->summary));
		else if (r == 0)
			printf("%-20s %-10s %s\n", rec->name, rec->kind, rec->summary);
	}
	if (r == 0 && o->json)
		return print_json(list, err);
	json_decref(list);
	return r;
}

static void print_row(const char *name, const struct manifest *m)
{
	if (m)
		printf("%-20s %7.1fM %8zu  %-20s  ok\n", name, (double)m->size_bytes / 1e6,
		       json_array_size(m->packages), m->date);
	else
		printf("%-20s %8s %8s  %-20s  damaged\n", name, "-", "-", "-");
}

static void add_row(json_t *list, const char *name, const struct manifest *m)
{
	json_t *doc = m ? manifest_to_json(m) : json_pack("{s:s}", "name", name);

	json_object_del(doc, "packages");
	json_object_set_new(doc, "state", json_string(m ? "ok" : "damaged"));
	json_array_append_new(list, doc);
}

int cmd_list(struct options *o, char **unused, struct err *err)
{
	_cleanup_(cache_close) struct cache c = {NULL};
	_cleanup_strv_ char **names = NULL;
	json_t *list = NULL;
	int r;

	(void)unused;
	if (o->recipes)
		return list_recipes(o, err);
	r = cache_open(&c, o->cache, err);
	if (r == 0)
		r = cache_names(&c, &names, err);
	if (r < 0)
		return r;

	if (o->json)
		list = json_array();
	else if (!o->no_header)
		printf("%-20s %8s %8s  %-20s  %s\n", "NAME", "SIZE", "PACKAGES", "BUILT", "STATE");
	for (char **n = names; n && *n && r == 0; n++) {
		_cleanup_(manifest_freep) struct manifest *m = NULL;
		enum cache_state state;

		r = cache_look(&c, *n, false, &state, &m, NULL);
		if (r < 0 || state == CACHE_ABSENT)
			continue;
		if (o->json)
			add_row(list, *n, m);
		else
			print_row(*n, m);
	}
	if (o->json && r == 0)
		return print_json(list, err);
	json_decref(list);
	return r < 0 ? err_set(err, -r, "cannot read the cache '%s'", c.dir) : 0;
}

static void print_info(const struct cache *c, const struct manifest *m)
{
	_cleanup_free_ char *archive = cache_path(c, m->name, ".tar.zst");
	size_t i;
	json_t *p;

	printf("name:     %s\nsummary:  %s\nkind:     %s\narchive:  %s\n", m->name, m->summary,
	       m->kind, archive ? archive : "");
	printf("size:     %llu bytes, %llu unpacked, %llu entries\n",
	       (unsigned long long)m->size_bytes, (unsigned long long)m->unpacked_bytes,
	       (unsigned long long)m->entries);
	printf("sha256:   %s (verified)\n", m->sha256);
	if (m->recipe)
		printf("built:    %s\nrecipe:   %s %s\n", m->date, m->recipe, m->key);
	else
		printf("imported: %s\nsource:   %s\n", m->date, m->source);
	printf("packages: %zu\n", json_array_size(m->packages));
	json_array_foreach(m->packages, i, p)
		printf("  %s %s\n", json_string_value(json_object_get(p, "name")),
		       json_string_value(json_object_get(p, "version")));
}

int cmd_info(struct options *o, char **names, struct err *err)
{
	_cleanup_(cache_close) struct cache c = {NULL};
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_free_ char *name = cache_short_name(names[0]);
	int r = name ? cache_open(&c, o->cache, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = verify_checksum(&c, name, &m, err);
	if (r < 0)
		return r;
	if (o->json)
		return print_json(manifest_to_json(m), err);
	print_info(&c, m);
	return 0;
}

static int verify_one(const struct cache *c, const char *arg, struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_free_ char *name = cache_short_name(arg);
	int r = name ? verify_template(c, name, &m, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		printf("%s: ok, %llu entries, %zu packages\n", name, (unsigned long long)m->entries,
		       json_array_size(m->packages));
	return r;
}

/* All of them are looked at, whatever the others are; the last failure's code is the result. */
int cmd_verify(struct options *o, char **names, struct err *err)
{
	_cleanup_(cache_close) struct cache c = {NULL};
	int r = cache_open(&c, o->cache, err);

	if (r < 0)
		return r;
	for (; *names; names++) {
		struct err why = ERR_INIT;

		if (verify_one(&c, *names, &why) == 0)
			continue;
		if (r < 0)
			fprintf(stderr, "vztmpl: %s\n", err->msg);
		*err = why;
		r = why.code;
	}
	return r;
}

int cmd_remove(struct options *o, char **names, struct err *err)
{
	_cleanup_(cache_close) struct cache c = {NULL};
	int r = cache_open(&c, o->cache, err);

	for (; r == 0 && *names; names++) {
		_cleanup_free_ char *name = cache_short_name(*names);
		_cleanup_(manifest_freep) struct manifest *m = NULL;
		_cleanup_close_ int lock = -EBADF;
		enum cache_state state;

		r = name ? recipe_check_name(name, err) : err_set(err, ENOMEM, "out of memory");
		/* Nothing there: say so, and make no lock file for a name that is none. */
		if (r == 0)
			r = cache_look(&c, name, false, &state, &m, NULL);
		if (r < 0)
			return r;
		if (state == CACHE_ABSENT)
			return cache_remove(&c, name, err);
		lock = cache_lock(&c, name, err);
		if (lock < 0)
			return lock;
		r = cache_remove(&c, name, err);
	}
	return r;
}
