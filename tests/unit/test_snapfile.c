/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots.xml. If this fails, somebody's snapshots lose their names, what other
 * software noted in the file is gone, or a file in a private area that came from
 * elsewhere does what it wants.
 */
#include "fixture.h"

#include <errno.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "snapfile.h"

#define G1  "{11111111-0000-4000-8000-000000000001}"
#define G2  "{22222222-0000-4000-8000-000000000002}"
#define G3  "{33333333-0000-4000-8000-000000000003}"
#define G4  "{44444444-0000-4000-8000-000000000004}"
#define TOP "{5fbaabe3-6958-40ff-92a7-860e329aab41}"

#define XML(inner)	  "<?xml version=\"1.0\"?><ParallelsSavedStates>" inner "</ParallelsSavedStates>"
#define ITEM(guid, inner) "<SavedStateItem guid=\"" guid "\">" inner "</SavedStateItem>"

static void load(struct fixture *f, struct snapfile *ret)
{
	struct err err = ERR_INIT;

	if (snapfile_load(f->dirfd, "S", ret, &err) < 0)
		fail_msg("%s", err.msg);
}

static void store(struct fixture *f, struct snapfile *s, const struct ploop_snapshot *list,
		  size_t n)
{
	struct err err = ERR_INIT;

	if (snapfile_store(f->dirfd, "S", s, list, n, &err) < 0)
		fail_msg("%s", err.msg);
}

static char *text_of(struct fixture *f)
{
	char *text = NULL;

	assert_int_equal(io_read_file(f->dirfd, SNAPFILE_NAME, 1 << 20, &text, NULL, NULL), 0);
	return text;
}

static void one_that_is_missing_is_empty(void **state)
{
	struct fixture *f = *state;
	struct snapfile s;

	load(f, &s);
	assert_int_equal(s.count, 0);
	assert_null(snapfile_find(&s, G1));
	snapfile_free(&s);
}

static void loads_what_it_stores(void **state)
{
	static const struct ploop_snapshot list[] = {{.guid = G1},
						     {.guid = G2, .parent = G1},
						     {.guid = G3, .parent = G1},
						     {.guid = TOP, .parent = G3, .top = true}};
	struct fixture *f = *state;
	_cleanup_free_ char *text = NULL;
	struct snapfile s, back;

	load(f, &s);
	assert_int_equal(snapfile_add(&s, G1, " a & <b> ", "d\xc3\xa9\"'\n", "2026-11-26 12:00:00"),
			 0);
	assert_int_equal(snapfile_add(&s, G2, "", "", ""), 0);
	assert_int_equal(snapfile_add(&s, G1, "again", "", ""), -EEXIST);
	store(f, &s, list, 4);
	snapfile_free(&s);
	load(f, &back);
	assert_int_equal(back.count, 3);
	assert_string_equal(snapfile_find(&back, G1)->name, "a & <b>");
	assert_string_equal(snapfile_find(&back, G1)->description, "d\xc3\xa9\"'");
	assert_string_equal(snapfile_find(&back, G1)->date, "2026-11-26 12:00:00");
	assert_string_equal(snapfile_find(&back, G1)->parent, "");
	assert_string_equal(snapfile_find(&back, G2)->parent, G1);
	/* The descriptor has one that the file had not. */
	assert_string_equal(snapfile_find(&back, G3)->name, "");
	snapfile_free(&back);
	/* Scripts look for this. */
	text = text_of(f);
	assert_non_null(strstr(text, "<SavedStateItem guid=\"" G3 "\" current=\"yes\">"));
	assert_non_null(strstr(text, "d\xc3\xa9"));
}

/* If this fails, what is deleted comes back, or takes those with it that stood on it. */
static void follows_the_descriptor(void **state)
{
	static const struct ploop_snapshot before[] = {{.guid = G1},
						       {.guid = G2, .parent = G1},
						       {.guid = G3, .parent = G2},
						       {.guid = TOP, .parent = G3, .top = true}};
	static const struct ploop_snapshot after[] = {{.guid = G3},
						      {.guid = TOP, .parent = "", .top = true}};
	struct fixture *f = *state;
	_cleanup_free_ char *text = NULL;
	struct snapfile s;

	load(f, &s);
	assert_int_equal(snapfile_add(&s, G3, "three", "", ""), 0);
	store(f, &s, before, 4);
	store(f, &s, after, 2);
	snapfile_free(&s);
	load(f, &s);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.items[0].guid, G3);
	assert_string_equal(s.items[0].name, "three");
	assert_string_equal(s.items[0].parent, "");
	store(f, &s, after + 1, 1);
	snapfile_free(&s);
	text = text_of(f);
	assert_null(strstr(text, G3));
	assert_null(strstr(text, "current"));
}

static void keeps_what_it_does_not_know(void **state)
{
	static const char *const kept[] = {"<!-- by hand -->", "<Elsewhere a=\"1\">x</Elsewhere>",
					   "state=\"poweron\"", "<Creator>me</Creator>",
					   "<Note>of two</Note>"};
	static const char xml[] = XML("<!-- by hand --><Elsewhere a=\"1\">x</Elsewhere>" ITEM(
		"",
		"<Name></Name><SavedStateItem guid=\"" G1 "\" state=\"poweron\" current=\"yes\">"
		"<Name><![CDATA[one]]></Name><Creator>me</Creator>" ITEM(
			G4,
			"<Note>gone</Note>" ITEM(
				G2, "<Name>two</Name><Note>of two</Note>")) "</SavedStateItem>"));
	static const struct ploop_snapshot list[] = {
		{.guid = G1}, {.guid = G2, .parent = G1}, {.guid = TOP, .parent = G2, .top = true}};
	struct fixture *f = *state;
	_cleanup_free_ char *text = NULL;
	struct snapfile s;
	size_t i;

	fixture_write(f, SNAPFILE_NAME, xml, strlen(xml));
	load(f, &s);
	assert_int_equal(s.count, 3);
	assert_string_equal(snapfile_find(&s, G1)->name, "one");
	store(f, &s, list, 3);
	snapfile_free(&s);
	text = text_of(f);
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!strstr(text, kept[i]))
			fail_msg("lost '%s' of:\n%s", kept[i], text);
	assert_null(strstr(text, "gone"));
	load(f, &s);
	assert_int_equal(s.count, 2);
	assert_string_equal(snapfile_find(&s, G1)->name, "one");
	assert_string_equal(snapfile_find(&s, G2)->name, "two");
	snapfile_free(&s);
}

/* An element that would go with what it is in is not where others are put. */
static void takes_no_base_in_an_item(void **state)
{
	static const char xml[] = XML(ITEM(G1, ITEM("", ITEM(G2, "<Name>two</Name>"))));
	static const struct ploop_snapshot list[] = {{.guid = G2},
						     {.guid = TOP, .parent = G2, .top = true}};
	struct fixture *f = *state;
	struct snapfile s;

	fixture_write(f, SNAPFILE_NAME, xml, strlen(xml));
	load(f, &s);
	store(f, &s, list, 2);
	snapfile_free(&s);
	load(f, &s);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.items[0].name, "two");
	snapfile_free(&s);
}

/* As many images on top of each other as the kernel takes. */
static void is_as_deep_as_a_disk(void **state)
{
	static struct ploop_snapshot list[PLOOP_LEVELS_MAX];
	struct fixture *f = *state;
	struct snapfile s;
	size_t i;

	for (i = 0; i < PLOOP_LEVELS_MAX; i++) {
		snprintf(list[i].guid, sizeof(list[i].guid), "{11111111-0000-4000-8000-%012zu}", i);
		if (i)
			memcpy(list[i].parent, list[i - 1].guid, sizeof(list[i].parent));
	}
	list[PLOOP_LEVELS_MAX - 1].top = true;
	load(f, &s);
	store(f, &s, list, PLOOP_LEVELS_MAX);
	snapfile_free(&s);
	load(f, &s);
	assert_int_equal(s.count, PLOOP_LEVELS_MAX - 1);
	assert_string_equal(snapfile_find(&s, list[200].guid)->parent, list[199].guid);
	snapfile_free(&s);
}

static void refused(struct fixture *f, const char *xml, size_t len)
{
	struct err err = ERR_INIT;
	struct snapfile s;
	_cleanup_free_ char *after = NULL;

	fixture_write(f, SNAPFILE_NAME, xml, len);
	if (snapfile_load(f->dirfd, "S", &s, &err) == 0)
		fail_msg("loads: %.200s", xml);
	assert_true(err.code < 0);
	assert_non_null(strstr(err.msg, "'S'"));
	/* It is somebody's still. */
	after = text_of(f);
	assert_int_equal(strlen(after), strlen(xml));
}

static void refuses_what_is_no_list(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"<ParallelsSavedStates>",
		"<Parallels_disk_image/>",
		"<!DOCTYPE x [<!ENTITY e \"y\">]>" XML("&e;"),
		XML("&e;"),
		XML("&#1;"),
		XML(ITEM("11111111-0000-4000-8000-000000000001", "")),
		XML(ITEM("{11111111-0000-4000-8000-00000000000x}", "")),
		XML(ITEM("../../etc", "")),
		XML(ITEM(G1, "") ITEM(G1, "")),
		XML(ITEM(G1, ITEM("{11111111-0000-4000-8000-000000000001}", ""))),
	};
	struct fixture *f = *state;
	_cleanup_free_ char *deep = NULL;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(f, bad[i], strlen(bad[i]));
	refused(f, "<ParallelsSavedStates/>\0x", 25);
	deep = malloc(20 * 100000 + 1);
	assert_non_null(deep);
	for (i = 0; i < 40000; i++)
		memcpy(deep + 16 * i, "<SavedStateItem>", 16);
	deep[16 * i] = '\0';
	refused(f, deep, 16 * i);
}

static void refuses_one_that_is_too_large(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *big = malloc(2 << 20);
	struct err err = ERR_INIT;
	struct snapfile s;

	assert_non_null(big);
	memset(big, ' ', 2 << 20);
	fixture_write(f, SNAPFILE_NAME, big, 2 << 20);
	assert_int_equal(snapfile_load(f->dirfd, "S", &s, &err), -EFBIG);
}

/* A text that XML has no way to say is refused, and the file is what it was. */
static void stores_nothing_that_it_could_not_read(void **state)
{
	static const struct ploop_snapshot list[] = {{.guid = G1},
						     {.guid = TOP, .parent = G1, .top = true}};
	static const struct ploop_snapshot both[] = {
		{.guid = G1}, {.guid = G2, .parent = G1}, {.guid = TOP, .parent = G2, .top = true}};
	struct fixture *f = *state;
	_cleanup_free_ char *before = NULL, *after = NULL, *big = NULL;
	struct err err = ERR_INIT;
	struct snapfile s;

	load(f, &s);
	assert_int_equal(snapfile_add(&s, G1, "one", "", ""), 0);
	store(f, &s, list, 2);
	snapfile_free(&s);
	before = text_of(f);

	load(f, &s);
	assert_int_equal(snapfile_add(&s, G2, "o\001ther", "", ""), 0);
	assert_int_equal(snapfile_store(f->dirfd, "S", &s, both, 3, &err), -EINVAL);
	snapfile_free(&s);

	big = malloc(2 << 20);
	assert_non_null(big);
	memset(big, 'x', (2 << 20) - 1);
	big[(2 << 20) - 1] = '\0';
	load(f, &s);
	assert_int_equal(snapfile_add(&s, G2, big, "", ""), 0);
	assert_int_equal(snapfile_store(f->dirfd, "S", &s, both, 3, &err), -EFBIG);
	snapfile_free(&s);
	after = text_of(f);
	assert_string_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(one_that_is_missing_is_empty),
		fixture_test(loads_what_it_stores),
		fixture_test(follows_the_descriptor),
		fixture_test(keeps_what_it_does_not_know),
		fixture_test(takes_no_base_in_an_item),
		fixture_test(is_as_deep_as_a_disk),
		fixture_test(refuses_what_is_no_list),
		fixture_test(refuses_one_that_is_too_large),
		fixture_test(stores_nothing_that_it_could_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
