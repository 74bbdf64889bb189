/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, an interrupted or failed build costs the template that was
 * there, or leaves something that the next one trips over.
 */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "cache.h"
#include "cleanup.h"
#include "err.h"
#include "manifest.h"
#include "vztmpl.h"

/* Counts its runs in the file "runs"; then whatever the test adds. */
#define RECIPE                                                                      \
	"set -e\necho run >>$VZTMPL_RECIPE/../runs\nmkdir -p $VZTMPL_WORK/r/sbin\n" \
	": >$VZTMPL_WORK/r/sbin/init\n"                                             \
	"tar -C $VZTMPL_WORK/r -cf $VZTMPL_OUT --mtime=@1 .\necho init 1 >$VZTMPL_PACKAGES\n"
#define PAIR "t-x86_64.json t-x86_64.tar.zst"

static void recipe(struct fixture *f, const char *more)
{
	char script[512];
	int n = snprintf(script, sizeof(script), RECIPE "%s\n", more);

	mkdirat(f->dirfd, "lib", 0700);
	mkdirat(f->dirfd, "t", 0700);
	fixture_write(f, "lib/recipe.sh", "", 0);
	fixture_write(f, "lib/none.sh", "", 0);
	fixture_write(f, "t/recipe.conf", "summary = s\nfamily = none\n", 26);
	fixture_write(f, "t/build.sh", script, (size_t)n);
}

static int build(struct fixture *f, bool force, struct err *err)
{
	const struct build_opts opts = {.recipes = f->dir, .force = force, .quiet = true};
	struct cache c = {(char *)fixture_path(f, "cache")};

	return build_template(&c, "t", &opts, err);
}

static void holds(struct fixture *f, const char *want)
{
	struct fixture cache = {.dirfd = -EBADF};
	_cleanup_free_ char *names = NULL;

	assert_true(snprintf(cache.dir, sizeof(cache.dir), "%s/cache", f->dir) <
		    (int)sizeof(cache.dir));
	names = fixture_list(&cache);
	assert_string_equal(names, want);
}

static long runs(struct fixture *f)
{
	struct stat st;

	return fstatat(f->dirfd, "runs", &st, 0) < 0 ? 0 : (long)st.st_size / 4;
}

static enum cache_state look(struct fixture *f)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	const struct cache c = {(char *)fixture_path(f, "cache")};
	enum cache_state state;

	assert_int_equal(cache_look(&c, "t", true, &state, &m, NULL), 0);
	return state;
}

static void builds_once_until_something_changes(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	recipe(f, "");
	if (build(f, false, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(look(f), CACHE_OK);
	holds(f, ".t.lock " PAIR);
	assert_int_equal(build(f, false, &err), 0);
	assert_int_equal(runs(f), 1);
	assert_int_equal(build(f, true, &err), 0);
	assert_int_equal(runs(f), 2);
	recipe(f, "true");
	assert_int_equal(build(f, false, &err), 0);
	assert_int_equal(runs(f), 3);
	/* A damaged one is made anew. */
	fixture_write(f, "cache/t-x86_64.tar.zst", "x", 1);
	assert_int_equal(build(f, false, &err), 0);
	assert_int_equal(runs(f), 4);
	assert_int_equal(look(f), CACHE_OK);
}

static void a_failure_leaves_the_cache_as_it_was(void **state)
{
	static const struct {
		const char *more, *why;
	} cases[] = {
		{"exit 7", "status 7"},
		{"echo 'error no moon' >&3; exit 1", "cannot build 't': no moon"},
		{"rm $VZTMPL_OUT", "wrote no tar"},
		{"echo x >$VZTMPL_OUT", "tar"},
		{"rm $VZTMPL_PACKAGES", "packages'"},
		{"echo broken >$VZTMPL_PACKAGES", "package list: 'broken'"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const char *more = cases[i / 2].more;
		struct err err = ERR_INIT;

		/* First with an empty cache, then with a template in it. */
		if (i % 2) {
			recipe(f, "");
			assert_int_equal(build(f, true, &err), 0);
		}
		recipe(f, more);
		if (build(f, false, &err) >= 0 || !strstr(err.msg, cases[i / 2].why))
			fail_msg("'%s': %d '%s'", more, err.code, err.msg);
		holds(f, i % 2 ? ".t.lock " PAIR : ".t.lock");
		assert_int_equal(look(f), i % 2 ? CACHE_OK : CACHE_ABSENT);
		unlinkat(f->dirfd, "cache/t-x86_64.json", 0);
		unlinkat(f->dirfd, "cache/t-x86_64.tar.zst", 0);
	}
}

static void what_a_crash_left_is_cleared(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	recipe(f, "");
	mkdirat(f->dirfd, "cache", 0700);
	mkdirat(f->dirfd, "cache/.build-t", 0700);
	mkdirat(f->dirfd, "cache/.build-t/r", 0700);
	fixture_write(f, "cache/.build-t/r/half", "x", 1);
	fixture_write(f, "cache/t-x86_64.tar.zst", "no manifest", 11);
	if (build(f, false, &err) < 0)
		fail_msg("%s", err.msg);
	holds(f, ".t.lock " PAIR);
	assert_int_equal(look(f), CACHE_OK);
}

/* Nothing of it can be had again: it has to be named. */
static void a_damaged_import_stays(void **state)
{
	static const char *const manifests[] = {
		NULL,				  /* as it is: "source" */
		"",				  /* none */
		"{\"recipe\": \"t\"",		  /* damaged itself */
		"{\"manifest\": 1, \"name\": 7}", /* the same, and JSON */
	};
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char text[1000];
	size_t i;

	recipe(f, "");
	snprintf(text, sizeof(text),
		 "{\"manifest\": 1, \"name\": \"t\", \"arch\": \"x86_64\", \"kind\": "
		 "\"container\", \"summary\": \"s\", \"date\": \"2026-01-01T00:00:00Z\", "
		 "\"size\": 100, \"sha256\": \"%064d\", \"unpacked_size\": 1, \"entries\": 1, "
		 "\"source\": \"old.tar\", \"packages\": []}",
		 0);
	mkdirat(f->dirfd, "cache", 0700);
	for (i = 0; i < sizeof(manifests) / sizeof(manifests[0]); i++) {
		const char *m = manifests[i] ? manifests[i] : text;

		fixture_write(f, "cache/t-x86_64.tar.zst", "all that is left", 16);
		if (*m)
			fixture_write(f, "cache/t-x86_64.json", m, strlen(m));
		else
			unlinkat(f->dirfd, "cache/t-x86_64.json", 0);
		if (build(f, false, &err) != -EEXIST || !strstr(err.msg, "template 't'") ||
		    !strstr(err.msg, "damaged") || !strstr(err.msg, "--force") ||
		    !strstr(err.msg, "vztmpl remove"))
			fail_msg("%zu: %d '%s'", i, err.code, err.msg);
		if (i == 0)
			assert_non_null(strstr(err.msg, "imported from 'old.tar'"));
		assert_int_equal(runs(f), 0);
	}
	assert_int_equal(build(f, true, &err), 0);
	assert_int_equal(look(f), CACHE_OK);
}

static void waits_for_nobody(void **state)
{
	struct fixture *f = *state;
	const struct cache c = {(char *)fixture_path(f, "cache")};
	_cleanup_close_ int lock = -EBADF;
	struct err err = ERR_INIT;

	recipe(f, "");
	mkdirat(f->dirfd, "cache", 0700);
	lock = cache_lock(&c, "t", NULL);
	assert_int_equal(build(f, false, &err), -EAGAIN);
	assert_int_equal(err.exit_code, EXIT_LOCKED);
	assert_int_equal(runs(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(builds_once_until_something_changes),
		fixture_test(a_failure_leaves_the_cache_as_it_was),
		fixture_test(what_a_crash_left_is_cleared),
		fixture_test(a_damaged_import_stays),
		fixture_test(waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
