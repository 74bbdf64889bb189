/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a damaged template is used, a good one is built again, or two builders meet. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "err.h"
#include "manifest.h"
#include "strv.h"
#include "vztmpl.h"

#define ARCHIVE "t-x86_64.tar.zst"
#define JSON	"t-x86_64.json"

static struct cache open_cache(struct fixture *f)
{
	struct cache c = {NULL};

	assert_int_equal(cache_open(&c, f->dir, NULL), 0);
	return c;
}

/* An archive of these bytes and its manifest. */
static void make_template(struct fixture *f)
{
	struct manifest m = {
		.name = (char *)"t",
		.summary = (char *)"s",
		.kind = (char *)"container",
		.date = (char *)"2024-01-01T00:00:00Z",
		.size_bytes = 7,
		.packages = json_array(),
	};
	struct err err = ERR_INIT;

	fixture_write(f, ARCHIVE, "archive", 7);
	assert_int_equal(hash_file(f->dirfd, ARCHIVE, m.sha256, NULL), 0);
	memcpy(m.key, m.sha256, sizeof(m.key));
	if (manifest_store(&m, fixture_path(f, JSON), &err) < 0)
		fail_msg("%s", err.msg);
	json_decref(m.packages);
}

static enum cache_state look(const struct cache *c, bool whole, struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	enum cache_state state;

	assert_int_equal(cache_look(c, "t", whole, &state, &m, err), 0);
	assert_int_equal(state == CACHE_OK, m != NULL);
	return state;
}

static void names_files_and_templates(void **state)
{
	_cleanup_(cache_close) struct cache c = open_cache(*state);
	_cleanup_free_ char *path = cache_path(&c, "t", ".json"), *a, *b, *d;
	struct fixture *f = *state;

	assert_string_equal(path, fixture_path(f, JSON));
	a = cache_short_name("debian-12-x86_64");
	b = cache_short_name("debian-12");
	d = cache_short_name("-x86_64");
	assert_string_equal(a, "debian-12");
	assert_string_equal(b, "debian-12");
	assert_string_equal(d, "-x86_64");
}

static void is_where_it_was_told(void **state)
{
	struct fixture *f = *state;
	struct cache c = {NULL};

	setenv("VZTMPL_CACHE", "/of/the/environment", 1);
	assert_int_equal(cache_open(&c, NULL, NULL), 0);
	assert_string_equal(c.dir, "/of/the/environment");
	cache_close(&c);
	assert_int_equal(cache_open(&c, f->dir, NULL), 0);
	assert_string_equal(c.dir, f->dir);
	cache_close(&c);
	unsetenv("VZTMPL_CACHE");
}

static void lists_each_once_in_order(void **state)
{
	static const char *const files[] = {
		"b-x86_64.json",  "a-x86_64.tar.zst", "a-x86_64.json", "c-x86_64.tar.zst",
		".d-x86_64.json", "e-arm64.json",     "f.tar.zst",     "-x86_64.json",
	};
	_cleanup_(cache_close) struct cache c = open_cache(*state);
	_cleanup_strv_ char **names = NULL;
	_cleanup_free_ char *all = NULL;
	struct fixture *f = *state;
	char **nothing = (char **)f;
	struct cache none;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		fixture_write(f, files[i], "", 0);
	assert_int_equal(cache_names(&c, &names, NULL), 0);
	all = strv_join(names, " ");
	assert_string_equal(all, "a b c");
	none.dir = (char *)fixture_path(f, "gone");
	assert_int_equal(cache_names(&none, &nothing, NULL), 0);
	assert_null(nothing);
	none.dir = (char *)fixture_path(f, "f.tar.zst");
	assert_int_equal(cache_names(&none, &nothing, NULL), -ENOTDIR);
}

static void tells_whole_from_damaged(void **state)
{
	_cleanup_(cache_close) struct cache c = open_cache(*state);
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(look(&c, true, &err), CACHE_ABSENT);
	make_template(f);
	assert_int_equal(look(&c, true, &err), CACHE_OK);
	/* The size is the same: only the checksum tells. */
	fixture_write(f, ARCHIVE, "Archive", 7);
	assert_int_equal(look(&c, false, &err), CACHE_OK);
	assert_int_equal(look(&c, true, &err), CACHE_DAMAGED);
	assert_non_null(strstr(err.msg, "corrupt"));
	fixture_write(f, ARCHIVE, "short", 5);
	assert_int_equal(look(&c, false, &err), CACHE_DAMAGED);
	assert_non_null(strstr(err.msg, "5 bytes instead of 7"));
	unlinkat(f->dirfd, ARCHIVE, 0);
	assert_int_equal(look(&c, false, &err), CACHE_DAMAGED);
	make_template(f);
	fixture_write(f, JSON, "{", 1);
	assert_int_equal(look(&c, false, &err), CACHE_DAMAGED);
	assert_non_null(strstr(err.msg, JSON "' is damaged"));
	unlinkat(f->dirfd, JSON, 0);
	assert_int_equal(look(&c, false, &err), CACHE_DAMAGED);
	assert_non_null(strstr(err.msg, "has no manifest"));
}

static void a_manifest_serves_its_own_template(void **state)
{
	_cleanup_(cache_close) struct cache c = open_cache(*state);
	struct fixture *f = *state;
	struct manifest *m;
	enum cache_state st;
	struct err err = ERR_INIT;

	make_template(f);
	renameat(f->dirfd, ARCHIVE, f->dirfd, "u-x86_64.tar.zst");
	renameat(f->dirfd, JSON, f->dirfd, "u-x86_64.json");
	assert_int_equal(cache_look(&c, "u", false, &st, &m, &err), 0);
	assert_int_equal(st, CACHE_DAMAGED);
	assert_non_null(strstr(err.msg, "of 'u' is that of 't'"));
}

static void one_builder_at_a_time(void **state)
{
	_cleanup_(cache_close) struct cache c = open_cache(*state);
	_cleanup_close_ int one = cache_lock(&c, "t", NULL), other = -EBADF;
	struct err err = ERR_INIT;

	assert_true(one >= 0);
	assert_int_equal(cache_lock(&c, "t", &err), -EAGAIN);
	assert_int_equal(err.exit_code, EXIT_LOCKED);
	assert_non_null(strstr(err.msg, "template 't' is being built or removed"));
	other = cache_lock(&c, "u", &err);
	assert_true(other >= 0);
	close(steal_fd(&one));
	one = cache_lock(&c, "t", &err);
	assert_true(one >= 0);
}

static void removes_whole_and_half_ones(void **state)
{
	_cleanup_(cache_close) struct cache c = open_cache(*state);
	_cleanup_free_ char *left = NULL;
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	fixture_write(f, "t2-x86_64.json", "", 0);
	make_template(f);
	assert_int_equal(cache_remove(&c, "t", &err), 0);
	fixture_write(f, ARCHIVE, "", 0);
	assert_int_equal(cache_remove(&c, "t", &err), 0);
	fixture_write(f, JSON, "", 0);
	assert_int_equal(cache_remove(&c, "t", &err), 0);
	left = fixture_list(f);
	assert_string_equal(left, "t2-x86_64.json");
	assert_true(cache_remove(&c, "t", &err) < 0);
	assert_int_equal(err.exit_code, EXIT_NO_TEMPLATE);
	mkdirat(f->dirfd, JSON, 0700);
	assert_int_equal(cache_remove(&c, "t", &err), -EISDIR);
	assert_non_null(strstr(err.msg, JSON));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(names_files_and_templates),
		fixture_test(is_where_it_was_told),
		fixture_test(lists_each_once_in_order),
		fixture_test(tells_whole_from_damaged),
		fixture_test(a_manifest_serves_its_own_template),
		fixture_test(one_builder_at_a_time),
		fixture_test(removes_whole_and_half_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
