/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, a mistake in a recipe is taken in silence, or its key follows
 * a clock or an order of files instead of what the recipe is.
 */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "recipe.h"
#include "strv.h"
#include "vztmpl.h"

#define GOOD "summary = s\nfamily = none\n"

static void put(struct fixture *f, const char *name, const char *text)
{
	fixture_write(f, name, text, strlen(text));
}

/* Recipes in @f: lib/, and t/ of this recipe.conf. */
static void make(struct fixture *f, const char *conf)
{
	mkdirat(f->dirfd, "lib", 0700);
	mkdirat(f->dirfd, "t", 0700);
	put(f, "lib/recipe.sh", "# shared\n");
	put(f, "lib/none.sh", "# the family\n");
	put(f, "t/build.sh", "true\n");
	put(f, "t/recipe.conf", conf);
}

static int load(struct fixture *f, struct recipe **ret, struct err *err)
{
	return recipe_load(f->dir, "t", ret, err);
}

static void reads_its_keys(void **state)
{
	_cleanup_(recipe_freep) struct recipe *r = NULL, *plain = NULL;
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	make(f,
	     "# comment\n\n  summary =  a = b \nfamily=none\r\nkind = host\nsummary = the later");
	if (load(f, &r, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(r->summary, "the later");
	assert_string_equal(r->family, "none");
	assert_string_equal(r->kind, "host");
	assert_null(r->inputs);
	make(f, GOOD);
	assert_int_equal(load(f, &plain, &err), 0);
	assert_string_equal(plain->kind, "container");
	assert_string_equal(plain->name, "t");
}

static void refuses_by_file_line_and_reason(void **state)
{
	static const struct {
		const char *conf, *why;
	} cases[] = {
		{GOOD "colour = red\n", "t/recipe.conf:3: unknown key 'colour'"},
		{"\n# x\n= red\n", "t/recipe.conf:3: unknown key ''"},
		{GOOD "\nnonsense\n", "t/recipe.conf:4: not 'key = value'"},
		{"kind = other\n" GOOD, "t/recipe.conf:1: bad value of 'kind'"},
		{"family = none\n", "t/recipe.conf: 'summary' is missing"},
		{"summary = s\n", "t/recipe.conf: 'family' is missing"},
		{"", "t/recipe.conf: 'family' is missing"},
		{"summary = s\nfamily = gone\n", "recipe 't': there is no family 'gone'"},
		{GOOD "inputs = /dev/null /no/such\n", "recipe 't' needs '/no/such'"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = ERR_INIT;
		struct recipe *r = NULL;

		make(f, cases[i].conf);
		if (load(f, &r, &err) >= 0 || r || !strstr(err.msg, cases[i].why))
			fail_msg("'%s': %d '%s'", cases[i].conf, err.code, err.msg);
	}
}

static void a_name_becomes_a_file_name(void **state)
{
	static const char *const bad[] = {"", "../t", ".t", "-t", "a/b", "a b", "\xc3\xa4"};
	struct fixture *f = *state;
	struct recipe *r = NULL;
	struct err err = ERR_INIT;
	char name[102];
	size_t i;

	make(f, GOOD);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(recipe_load(f->dir, bad[i], &r, &err) < 0);
		assert_int_equal(err.exit_code, EXIT_NO_TEMPLATE);
	}
	memset(name, 'x', 101);
	name[101] = '\0';
	assert_true(recipe_check_name(name, &err) < 0);
	assert_int_equal(recipe_check_name(name + 1, &err), 0);
	assert_int_equal(recipe_load(f->dir, "gone", &r, &err), -ENOENT);
	assert_int_equal(err.exit_code, EXIT_NO_TEMPLATE);
	assert_null(r);
}

static void lists_recipes_by_name(void **state)
{
	_cleanup_strv_ char **names = NULL;
	_cleanup_free_ char *all = NULL;
	struct fixture *f = *state;
	static const char *const dirs[] = {"zeta", "alpha", "no-conf", ".hidden"};
	char conf[64];
	size_t i;

	make(f, GOOD);
	for (i = 0; i < 4; i++) {
		mkdirat(f->dirfd, dirs[i], 0700);
		snprintf(conf, sizeof(conf), "%s/recipe.conf", dirs[i]);
		if (i != 2)
			put(f, conf, GOOD);
	}
	put(f, "README.md", "");
	assert_int_equal(recipe_names(f->dir, &names, NULL), 0);
	all = strv_join(names, " ");
	assert_string_equal(all, "alpha t zeta");
}

/* Of t/ as it is now; a buffer of its own for each of the last calls. */
static const char *key(struct fixture *f)
{
	_cleanup_(recipe_freep) struct recipe *r = NULL;
	static char bufs[4][HASH_HEX_LEN];
	struct err err = ERR_INIT;
	static int next;

	if (load(f, &r, &err) < 0)
		fail_msg("%s", err.msg);
	next = (next + 1) % 4;
	memcpy(bufs[next], r->key, HASH_HEX_LEN);
	assert_int_equal(strlen(bufs[next]), HASH_HEX_LEN - 1);
	return bufs[next];
}

static void the_key_follows_content_and_nothing_else(void **state)
{
	const struct timespec old[2] = {{1, 0}, {1, 0}};
	struct fixture *f = *state;
	const char *first;

	make(f, GOOD "inputs = /dev/null\n");
	mkdirat(f->dirfd, "t/files", 0700);
	put(f, "t/files/a", "1");
	put(f, "t/files/b", "2");
	first = key(f);
	/* Made again in the other order, with other times; another family has changed. */
	unlinkat(f->dirfd, "t/files/a", 0);
	unlinkat(f->dirfd, "t/files/b", 0);
	put(f, "t/files/b", "2");
	put(f, "t/files/a", "1");
	utimensat(f->dirfd, "t/build.sh", old, 0);
	put(f, "lib/other.sh", "changed");
	assert_string_equal(key(f), first);
	/* The other way round it is another recipe. */
	put(f, "t/files/a", "2");
	put(f, "t/files/b", "1");
	assert_string_not_equal(key(f), first);
}

static void the_key_changes_with_every_part(void **state)
{
	struct fixture *f = *state;
	char conf[128], *input = NULL, seen[9][HASH_HEX_LEN];
	size_t n = 0, i, j;

	assert_true(asprintf(&input, "%s/input", f->dir) > 0);
	put(f, "input", "x");
	snprintf(conf, sizeof(conf), GOOD "inputs = %s\n", input);
	make(f, conf);
	strcpy(seen[n++], key(f));
	put(f, "input", "y");
	strcpy(seen[n++], key(f));
	put(f, "lib/recipe.sh", "# changed\n");
	strcpy(seen[n++], key(f));
	put(f, "lib/none.sh", "# changed\n");
	strcpy(seen[n++], key(f));
	mkdirat(f->dirfd, "lib/none", 0700);
	put(f, "lib/none/part", "");
	strcpy(seen[n++], key(f));
	fchmodat(f->dirfd, "t/build.sh", 0755, 0);
	strcpy(seen[n++], key(f));
	renameat(f->dirfd, "t/build.sh", f->dirfd, "t/built.sh");
	strcpy(seen[n++], key(f));
	symlinkat("one", f->dirfd, "t/link");
	strcpy(seen[n++], key(f));
	unlinkat(f->dirfd, "t/link", 0);
	symlinkat("two", f->dirfd, "t/link");
	strcpy(seen[n++], key(f));
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			if (strcmp(seen[i], seen[j]) == 0)
				fail_msg("change %zu gives the key of %zu", i, j);
	free(input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(reads_its_keys),
		fixture_test(refuses_by_file_line_and_reason),
		fixture_test(a_name_becomes_a_file_name),
		fixture_test(lists_recipes_by_name),
		fixture_test(the_key_follows_content_and_nothing_else),
		fixture_test(the_key_changes_with_every_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
