/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Templates when memory or files fail. If this fails, a machine that lacks
 * something takes a good template for damaged, or a half-made one for good.
 */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "err.h"
#include "faults.h"
#include "manifest.h"
#include "pack.h"
#include "recipe.h"
#include "source.h"
#include "strv.h"
#include "tarfile.h"

/* SHA-256 of "archive". */
#define SHA "0eb3e36bfb24dcd9bb1d1bece1531216b59539a8fde17ee80224af0653c92aa3"

static void only(struct fixture *f, const char *want)
{
	_cleanup_free_ char *names = fixture_list(f);

	assert_string_equal(names, want);
}

/* --- the manifest --------------------------------------------------------- */

static int store(struct fixture *f, const char *name, const char *summary, struct err *err)
{
	struct manifest m = {
		.name = (char *)"t",
		.summary = (char *)summary,
		.kind = (char *)"container",
		.date = (char *)"2024-01-01T00:00:00Z",
		.sha256 = SHA,
		.key = SHA,
		.size_bytes = 7,
		.packages = json_array(),
	};
	char path[200];
	int r;

	assert_true(snprintf(path, sizeof(path), "%s/%s", f->dir, name) < (int)sizeof(path));
	r = manifest_store(&m, path, err);
	json_decref(m.packages);
	return r;
}

static void store_old(struct fixture *f)
{
	assert_int_equal(store(f, "m", "old", NULL), 0);
}

static int store_new(struct fixture *f, struct err *err)
{
	return store(f, "m", "new", err);
}

static void is_old_or_new(struct fixture *f, int r)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;

	only(f, "m");
	assert_int_equal(manifest_load(fixture_path(f, "m"), &m, NULL), 0);
	assert_true(strcmp(m->summary, "new") == 0 || (r < 0 && strcmp(m->summary, "old") == 0));
}

static int load_old(struct fixture *f, struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	int r = manifest_load(fixture_path(f, "m"), &m, err);

	if (r == 0)
		assert_string_equal(m->summary, "old");
	return r;
}

static void write_packages(struct fixture *f)
{
	fixture_write(f, "packages", "init 1.0\n", 9);
}

static int read_packages(struct fixture *f, struct err *err)
{
	json_t *list = NULL;
	int r = manifest_read_packages(fixture_path(f, "packages"), &list, err);

	if (r == 0)
		assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	return r;
}

static void the_manifest(void **state)
{
	static const struct fault_op ops[] = {
		{"store a manifest", store_old, store_new, is_old_or_new},
		{"load a manifest", store_old, load_old, NULL},
		{"read packages", write_packages, read_packages, NULL},
	};
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		faults_each(*state, &ops[i]);
}

/* --- the recipe ----------------------------------------------------------- */

static void make_recipe(struct fixture *f)
{
	static const char conf[] = "summary = s\nfamily = none\ninputs = /dev/null /dev/null\n";

	mkdirat(f->dirfd, "lib", 0700);
	mkdirat(f->dirfd, "t", 0700);
	fixture_write(f, "lib/recipe.sh", "", 0);
	fixture_write(f, "lib/none.sh", "", 0);
	fixture_write(f, "t/build.sh", "true\n", 5);
	fixture_write(f, "t/recipe.conf", conf, strlen(conf));
}

/* The key of the first run is that of all. */
static int load_recipe(struct fixture *f, struct err *err)
{
	_cleanup_(recipe_freep) struct recipe *r = NULL;
	static char key[HASH_HEX_LEN];
	int ret = recipe_load(f->dir, "t", &r, err);

	if (ret < 0)
		return ret;
	assert_int_equal(strv_length(r->inputs), 2);
	if (!key[0])
		memcpy(key, r->key, HASH_HEX_LEN);
	assert_string_equal(r->key, key);
	return 0;
}

static int list_recipes(struct fixture *f, struct err *err)
{
	_cleanup_strv_ char **names = NULL;
	int r = recipe_names(f->dir, &names, err);

	if (r == 0)
		assert_string_equal(names[0], "t");
	return r;
}

static void the_recipe(void **state)
{
	static const struct fault_op load = {"load a recipe", NULL, load_recipe, NULL};
	static const struct fault_op list = {"list recipes", NULL, list_recipes, NULL};

	make_recipe(*state);
	faults_each(*state, &load);
	faults_each(*state, &list);
}

/* --- the cache and the archive -------------------------------------------- */

static void make_cache(struct fixture *f)
{
	fixture_write(f, "t-x86_64.tar.zst", "archive", 7);
	assert_int_equal(store(f, "t-x86_64.json", "s", NULL), 0);
}

static int list_cache(struct fixture *f, struct err *err)
{
	struct cache c = {f->dir};
	_cleanup_strv_ char **names = NULL;
	int r = cache_names(&c, &names, err);

	if (r == 0) {
		assert_int_equal(strv_length(names), 1);
		assert_string_equal(names[0], "t");
	}
	return r;
}

static int look_up(struct fixture *f, struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	struct cache c = {f->dir};
	enum cache_state state;
	int r = cache_look(&c, "t", true, &state, &m, err);

	/* A file that cannot be read is damage; memory is no property of the template. */
	return r == 0 && state != CACHE_OK ? -EIO : r;
}

static int lock(struct fixture *f, struct err *err)
{
	struct cache c = {f->dir};
	_cleanup_close_ int fd = cache_lock(&c, "t", err);

	return fd < 0 ? fd : 0;
}

static void write_tar(struct fixture *f)
{
	struct archive *a = tarfile_new(fixture_path(f, "tar"));

	tarfile_file(a, "./sbin/init", "#!/bin/sh\n");
	tarfile_close(a);
	unlinkat(f->dirfd, "out", 0);
}

static int pack(struct fixture *f, struct err *err)
{
	const struct scan_opts opts = {.what = "the tar", .unique = SCAN_REFUSE};
	struct pack_result res;
	struct source *source;
	struct stat st;
	int r = source_open(fixture_path(f, "tar"), &source, err);

	if (r < 0)
		return r;
	r = pack_archive(source, &opts, fixture_path(f, "out"), 0600, &res, err);
	source_close(source);
	if (r == 0) {
		assert_int_equal(fstatat(f->dirfd, "out", &st, 0), 0);
		assert_true(res.size_bytes == (uint64_t)st.st_size && res.scan.entries == 1);
	}
	return r;
}

static void the_cache(void **state)
{
	static const struct fault_op ops[] = {
		{"list a cache", make_cache, list_cache, NULL},
		{"look up a template", make_cache, look_up, NULL},
		{"lock a template", NULL, lock, NULL},
		{"pack an archive", write_tar, pack, NULL},
	};
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		faults_each(*state, &ops[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(the_manifest),
		fixture_test(the_recipe),
		fixture_test(the_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
