/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a template is taken for another one, or a damaged manifest for a good one. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "manifest.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static struct manifest sample(void)
{
	return (struct manifest){
		.name = (char *)"debian-12",
		.summary = (char *)"a \"small\" one",
		.kind = (char *)"container",
		.date = (char *)"2024-01-01T00:00:00Z",
		.recipe = (char *)"debian-12",
		.sha256 = SHA,
		.key = KEY,
		.size_bytes = 5ull << 32,
		.unpacked_bytes = 7,
		.entries = 3,
		.packages = json_pack("[{s:s, s:s}]", "name", "init", "version", "1:2.0-1"),
	};
}

static void store(struct fixture *f, const char *name)
{
	struct manifest m = sample();
	struct err err = ERR_INIT;

	if (manifest_store(&m, fixture_path(f, name), &err) < 0)
		fail_msg("%s", err.msg);
	json_decref(m.packages);
}

static void loads_what_it_stores(void **state)
{
	struct fixture *f = *state;
	_cleanup_(manifest_freep) struct manifest *got = NULL;
	struct manifest want = sample();

	store(f, "m");
	assert_int_equal(manifest_load(fixture_path(f, "m"), &got, NULL), 0);
	assert_string_equal(got->name, want.name);
	assert_string_equal(got->summary, want.summary);
	assert_string_equal(got->kind, want.kind);
	assert_string_equal(got->date, want.date);
	assert_string_equal(got->recipe, want.recipe);
	assert_null(got->source);
	assert_string_equal(got->sha256, want.sha256);
	assert_string_equal(got->key, want.key);
	assert_true(got->size_bytes == want.size_bytes);
	assert_true(got->unpacked_bytes == want.unpacked_bytes);
	assert_true(got->entries == want.entries);
	assert_true(json_equal(got->packages, want.packages));
	json_decref(want.packages);
}

/* Change @from to @to in a stored manifest and load that. */
static int load_changed(struct fixture *f, const char *from, const char *to, struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_free_ char *text = NULL, *changed = NULL;
	char *at;
	int r;

	store(f, "m");
	assert_int_equal(io_read_file(f->dirfd, "m", 1 << 20, &text, NULL, err), 0);
	at = strstr(text, from);
	assert_non_null(at);
	assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >
		    0);
	fixture_write(f, "m", changed, strlen(changed));
	r = manifest_load(fixture_path(f, "m"), &m, err);
	assert_true(r == 0 || !m);
	return r;
}

static void ignores_what_it_does_not_know(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(
		load_changed(*state, "\"kind\"", "\"later\": {\"x\": [1]}, \"kind\"", &err), 0);
}

/* One of before imports were possible: a recipe of its own name made it. */
static void an_old_one_names_no_recipe(void **state)
{
	struct err err = ERR_INIT;

	if (load_changed(*state, "\"recipe\": \"debian-12\",", "", &err) < 0)
		fail_msg("%s", err.msg);
}

static void one_that_was_imported_has_a_source(void **state)
{
	struct fixture *f = *state;
	_cleanup_(manifest_freep) struct manifest *got = NULL;
	struct manifest m = sample();
	struct err err = ERR_INIT;

	m.recipe = NULL;
	m.key[0] = '\0';
	m.source = (char *)"old.tar.gz";
	assert_int_equal(manifest_store(&m, fixture_path(f, "m"), &err), 0);
	json_decref(m.packages);
	if (manifest_load(fixture_path(f, "m"), &got, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(got->source, "old.tar.gz");
	assert_null(got->recipe);
	assert_string_equal(got->key, "");
}

static void refuses_what_is_no_manifest(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"{", "", "line 2"},
		{"\"kind\": \"container\",", "\"kind\": \"container\"", "line 6"},
		{"\"name\"", "\"nom\"", "'name' is missing"},
		{"\"manifest\": 1", "\"manifest\": 2", "of no version that is known"},
		{"\"manifest\": 1", "\"manifest\": \"1\"", "of no version that is known"},
		{"\"entries\": 3", "\"entries\": \"3\"", "'entries' is not a count"},
		{"\"entries\": 3", "\"entries\": -3", "'entries' is not a count"},
		{"\"entries\": 3,", "", "'entries' is missing"},
		{"\"summary\": \"", "\"summary\": 1, \"s\": \"", "'summary' is not a string"},
		{SHA, SHA "0", "'sha256' is no SHA-256"},
		{SHA, "", "'sha256' is no SHA-256"},
		{KEY, "00", "'recipe_key' is no SHA-256"},
		{"\"packages\": [", "\"packages\": 1, \"p\": [", "'packages' is not a list"},
		{"\"version\"", "\"v\"", "package 0 has no name or no version"},
		{"x86_64", "vax", "'arch' is 'vax'"},
		{"\"container\"", "\"other\"", "there is no kind 'other'"},
		{"2024-01-01", "2024-13-01", "is no date"},
		{"00:00Z", "00:00Z+1", "is no date"},
		{"\"recipe_key\"", "\"key\"", "it has to be built"},
		{"\"source\": null", "\"source\": \"a.tar\"", "it has to be built"},
		{"debian-12", "debian\\u000012", "line 3"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = ERR_INIT;

		if (load_changed(f, cases[i].from, cases[i].to, &err) != -EBADMSG ||
		    !strstr(err.msg, cases[i].why) || !strstr(err.msg, fixture_path(f, "m")))
			fail_msg("%s -> %s: %d '%s'", cases[i].from, cases[i].to, err.code,
				 err.msg);
	}
}

static void an_absent_one_is_no_failure_to_tell(void **state)
{
	struct fixture *f = *state;
	struct manifest *m = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(manifest_load(fixture_path(f, "gone"), &m, &err), -ENOENT);
	assert_string_equal(err.msg, "");
	assert_null(m);
	mkdirat(f->dirfd, "dir", 0700);
	assert_int_equal(manifest_load(fixture_path(f, "dir"), &m, &err), -EISDIR);
}

/* The old one serves until the new one is whole, and nothing half-made stays. */
static void stores_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct manifest m = sample();
	_cleanup_free_ char *names = NULL, *after = NULL;
	struct err err = ERR_INIT;

	store(f, "m");
	store(f, "m");
	names = fixture_list(f);
	assert_string_equal(names, "m");
	mkdirat(f->dirfd, "taken", 0700);
	fixture_write(f, "taken/x", "", 0);
	assert_true(manifest_store(&m, fixture_path(f, "taken"), &err) < 0);
	assert_non_null(strstr(err.msg, "taken'"));
	after = fixture_list(f);
	assert_string_equal(after, "m taken");
	json_decref(m.packages);
}

static int read_packages(struct fixture *f, const char *text, json_t **ret, struct err *err)
{
	fixture_write(f, "packages", text, strlen(text));
	return manifest_read_packages(fixture_path(f, "packages"), ret, err);
}

static void reads_the_list_of_packages(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	json_t *got = NULL, *want = json_pack("[{s:s, s:s}, {s:s, s:s}]", "name", "zlib", "version",
					      "1:1.2 x", "name", "base", "version", "2");

	assert_int_equal(read_packages(f, "zlib 1:1.2 x\n\nbase 2", &got, &err), 0);
	assert_true(json_equal(got, want));
	json_decref(got);
	json_decref(want);
	assert_int_equal(read_packages(f, "", &got, &err), 0);
	assert_int_equal(json_array_size(got), 0);
	json_decref(got);
}

static void refuses_packages_without_a_version(void **state)
{
	static const char *const bad[] = {"zlib", "zlib ", " 1.0", "a 1\nzlib\nb 2"};
	struct fixture *f = *state;
	json_t *list = NULL;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(read_packages(f, bad[i], &list, &err), -EINVAL);
		assert_non_null(strstr(err.msg, i == 2 ? "' 1.0'" : "'zlib"));
		assert_null(list);
	}
	assert_int_equal(manifest_read_packages(fixture_path(f, "gone"), &list, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(loads_what_it_stores),
		fixture_test(ignores_what_it_does_not_know),
		fixture_test(an_old_one_names_no_recipe),
		fixture_test(one_that_was_imported_has_a_source),
		fixture_test(refuses_what_is_no_manifest),
		fixture_test(an_absent_one_is_no_failure_to_tell),
		fixture_test(stores_whole_or_not_at_all),
		fixture_test(reads_the_list_of_packages),
		fixture_test(refuses_packages_without_a_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
