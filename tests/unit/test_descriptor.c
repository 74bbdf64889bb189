/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>

#include "cleanup.h"
#include "descriptor.h"
#include "err.h"
#include "io.h"

#define G1 "{11111111-0000-4000-8000-000000000001}"
#define G2 "{22222222-0000-4000-8000-000000000002}"
#define G3 "{33333333-0000-4000-8000-000000000003}"

static void sample(struct descriptor *d, enum ploop_format format, const char *file)
{
	assert_int_equal(descriptor_init(d, 10ull << 30, 1 << 20, format, file), 0);
}

static void store_sample(struct fixture *f)
{
	struct err err = ERR_INIT;
	struct descriptor d;

	sample(&d, PLOOP_FORMAT_EXPANDED, "root.hds");
	if (descriptor_store(f->dirfd, &d, &err) < 0)
		fail_msg("%s", err.msg);
	descriptor_free(&d);
}

static void load(struct fixture *f, struct descriptor *d)
{
	struct err err = ERR_INIT;

	if (descriptor_load(f->dirfd, "D", d, &err) < 0)
		fail_msg("%s", err.msg);
}

static void loads_what_it_stores(void **state)
{
	static const enum ploop_format formats[] = {PLOOP_FORMAT_RAW, PLOOP_FORMAT_EXPANDED};
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int i;

	for (i = 0; i < 2; i++) {
		struct descriptor d, back;

		sample(&d, formats[i], "a&b<c>.hds");
		assert_int_equal(descriptor_store(f->dirfd, &d, &err), 0);
		load(f, &back);
		assert_true(back.size_bytes == d.size_bytes);
		assert_int_equal(back.cluster_bytes, d.cluster_bytes);
		assert_int_equal(back.count, 1);
		assert_int_equal(back.deltas[0].format, formats[i]);
		assert_string_equal(back.deltas[0].file, "a&b<c>.hds");
		assert_string_equal(back.deltas[0].guid, back.top);
		descriptor_free(&back);
		descriptor_free(&d);
	}
}

/* Two snapshots, one of them with a branch beside the top. */
static void make_tree(struct fixture *f)
{
	struct err err = ERR_INIT;
	struct descriptor d;

	sample(&d, PLOOP_FORMAT_RAW, "base");
	descriptor_rename(&d, DESCRIPTOR_TOP_GUID, G1);
	assert_int_equal(descriptor_add(&d, G2, G1, PLOOP_FORMAT_EXPANDED, "two"), 0);
	assert_int_equal(descriptor_add(&d, G3, G1, PLOOP_FORMAT_EXPANDED, "three"), 0);
	assert_int_equal(descriptor_add(&d, DESCRIPTOR_TOP_GUID, G2, PLOOP_FORMAT_EXPANDED, "top"),
			 0);
	if (descriptor_store(f->dirfd, &d, &err) < 0)
		fail_msg("%s", err.msg);
	descriptor_free(&d);
}

static void has_a_tree_of_deltas(void **state)
{
	const struct descriptor_delta *chain[PLOOP_LEVELS_MAX];
	struct fixture *f = *state;
	struct descriptor_delta *child;
	struct descriptor d;

	make_tree(f);
	load(f, &d);
	assert_int_equal(d.count, 4);
	assert_int_equal(descriptor_chain(&d, d.top, chain), 3);
	assert_string_equal(chain[0]->file, "base");
	assert_string_equal(chain[1]->file, "two");
	assert_string_equal(chain[2]->file, "top");
	assert_int_equal(descriptor_chain(&d, G3, chain), 2);
	assert_string_equal(chain[1]->file, "three");
	assert_int_equal(descriptor_chain(&d, "{none}", chain), 0);
	assert_int_equal(descriptor_children(&d, G1, NULL), 2);
	assert_int_equal(descriptor_children(&d, G2, &child), 1);
	assert_string_equal(child->file, "top");
	assert_int_equal(descriptor_children(&d, G3, NULL), 0);
	descriptor_free(&d);
}

/* If this fails, other software loses what it noted about a disk when a snapshot is made here. */
static void keeps_what_it_does_not_know(void **state)
{
	static const char *const kept[] = {"Virtuozzo_disk_image Version=\"1.1\"",
					   "<Max_delta_size>7</Max_delta_size>",
					   "<Note>of two</Note>",
					   "<Miscellaneous>x &amp; y</Miscellaneous>",
					   "<!-- by hand -->",
					   "<Heads>99</Heads>"};
	struct fixture *f = *state;
	_cleanup_free_ char *text = NULL, *after = NULL;
	struct err err = ERR_INIT;
	struct descriptor d;
	char *two, *whole;
	size_t i;

	make_tree(f);
	assert_int_equal(io_read_file(f->dirfd, DESCRIPTOR_NAME, 1 << 20, &text, NULL, NULL), 0);
	two = strstr(text, "two</File>");
	assert_non_null(two);
	two[-strlen("      <File>")] = '\0';
	assert_true(asprintf(&whole,
			     "<?xml version=\"1.0\"?>\n<!-- by hand --><Virtuozzo_disk_image "
			     "Version=\"1.1\"><Miscellaneous>x &amp; y</Miscellaneous>%s"
			     "<Note>of two</Note><File>%s",
			     strstr(text, "<Disk_Parameters>"), two) > 0);
	after = strstr(whole, "<Heads>16");
	assert_non_null(after);
	memcpy(after, "<Heads>99", 9);
	after = NULL;
	two = strstr(whole, "<Padding>0</Padding>");
	{
		char *end = strstr(whole, "</Parallels_disk_image>"), *out;

		assert_true(asprintf(&out,
				     "%.*s<Max_delta_size>7</Max_delta_size>%.*s"
				     "</Virtuozzo_disk_image>",
				     (int)(two - whole), whole, (int)(end - two), two) > 0);
		fixture_write(f, DESCRIPTOR_NAME, out, strlen(out));
		free(out);
	}
	free(whole);
	load(f, &d);
	descriptor_remove(&d, G3);
	descriptor_rename(&d, DESCRIPTOR_TOP_GUID, G3);
	assert_int_equal(descriptor_add(&d, DESCRIPTOR_TOP_GUID, G3, PLOOP_FORMAT_EXPANDED, "new"),
			 0);
	if (descriptor_store(f->dirfd, &d, &err) < 0)
		fail_msg("%s", err.msg);
	descriptor_free(&d);
	assert_int_equal(io_read_file(f->dirfd, DESCRIPTOR_NAME, 1 << 20, &after, NULL, NULL), 0);
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!strstr(after, kept[i]))
			fail_msg("'%s' is gone: %s", kept[i], after);
	assert_null(strstr(after, "three"));
	load(f, &d);
	assert_int_equal(d.count, 4);
	assert_string_equal(descriptor_find(&d, G3)->file, "top");
	assert_string_equal(descriptor_top(&d)->parent, G3);
	descriptor_free(&d);
}

static void tells_what_is_temporary(void **state)
{
	struct fixture *f = *state;
	struct descriptor d;

	make_tree(f);
	load(f, &d);
	assert_false(descriptor_find(&d, G2)->temporary);
	descriptor_find(&d, G2)->temporary = true;
	assert_int_equal(descriptor_store(f->dirfd, &d, NULL), 0);
	descriptor_free(&d);
	load(f, &d);
	assert_true(descriptor_find(&d, G2)->temporary);
	assert_false(descriptor_find(&d, G1)->temporary);
	descriptor_find(&d, G2)->temporary = false;
	assert_int_equal(descriptor_store(f->dirfd, &d, NULL), 0);
	descriptor_free(&d);
	load(f, &d);
	assert_false(descriptor_find(&d, G2)->temporary);
	descriptor_free(&d);
}

/* If this fails, a disk that is to be smaller stays as large, or what was made smaller is so again. */
static void keeps_what_is_pending(void **state)
{
	struct fixture *f = *state;
	struct descriptor d;

	store_sample(f);
	load(f, &d);
	assert_int_equal(d.pending_bytes, 0);
	d.pending_bytes = 5ull << 30;
	assert_int_equal(descriptor_store(f->dirfd, &d, NULL), 0);
	descriptor_free(&d);
	load(f, &d);
	assert_int_equal(d.pending_bytes, 5ull << 30);
	d.pending_bytes = 0;
	assert_int_equal(descriptor_store(f->dirfd, &d, NULL), 0);
	descriptor_free(&d);
	load(f, &d);
	assert_int_equal(d.pending_bytes, 0);
	descriptor_free(&d);
}

/* Change @from to @to in a stored descriptor and load that. */
static int load_changed_of(struct fixture *f, void (*make)(struct fixture *f), const char *from,
			   const char *to, struct err *err)
{
	_cleanup_free_ char *text = NULL, *changed = NULL;
	struct descriptor d = {.doc = NULL};
	char *at;
	int r;

	make(f);
	assert_int_equal(io_read_file(f->dirfd, DESCRIPTOR_NAME, 1 << 20, &text, NULL, err), 0);
	at = strstr(text, from);
	assert_non_null(at);
	assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >
		    0);
	fixture_write(f, DESCRIPTOR_NAME, changed, strlen(changed));
	r = descriptor_load(f->dirfd, "D", &d, err);
	descriptor_free(&d);
	return r;
}

static int load_changed(struct fixture *f, const char *from, const char *to, struct err *err)
{
	return load_changed_of(f, store_sample, from, to, err);
}

static void takes_what_openvz_7_writes(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(load_changed(f, "<Padding>0</Padding>",
				      "<Max_delta_size>0</Max_delta_size><Padding> 0 </Padding>",
				      &err),
			 0);
	assert_int_equal(
		load_changed(f, "<Blocksize>2048</Blocksize>",
			     "<Blocksize> 2048\n</Blocksize><Preallocated>0</Preallocated>", &err),
		0);
}

static void refuses_hostile_and_foreign_ones(void **state)
{
	static const struct {
		const char *from, *to;
		int code;
		const char *why;
	} cases[] = {
		{"<?xml version=\"1.0\"?>",
		 "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>", EINVAL,
		 "document type"},
		{"root.hds", "../root.hds", EINVAL, "outside"},
		{"root.hds", "/etc/shadow", EINVAL, "outside"},
		{"root.hds", "..", EINVAL, "outside"},
		{"<File>root.hds", "<File>", EINVAL, "outside"},
		{"root.hds", "a&#13;b", EINVAL, "control character"},
		{"root.hds", "a\nb", EINVAL, "control character"},
		{"Compressed", "Weird", EINVAL, "Weird"},
		{"Parallels_disk_image Version", "Other Version", EINVAL, "well-formed"},
		{"<Disk_size>20971520", "<Disk_size>-5", EINVAL, "Disk_size"},
		{"<Disk_size>20971520", "<Disk_size>99999999999999999999999", EINVAL, "Disk_size"},
		{"<Disk_size>20971520", "<Disk_size>0", EINVAL, "0 sectors"},
		{"<Disk_size>20971520", "<Disk_size>20971521", EINVAL, "whole disk"},
		{"<Padding>0</Padding>", "<Pending_size>-1</Pending_size>", EINVAL, "Pending_size"},
		{"<Padding>0</Padding>", "<Pending_size>107374182401</Pending_size>", EINVAL,
		 "107374182401 sectors"},
		{"<Blocksize>2048", "<Blocksize>2047", EINVAL, "2047"},
		{"<Start>0", "<Start>8", EINVAL, "whole disk"},
		{"<Padding>0</Padding>", "<Encryption><KeyId>k</KeyId></Encryption>", EOPNOTSUPP,
		 "encrypted"},
		{"<GUID>{5fb", "<GUID>{5gb", EINVAL, "no GUID"},
		{"{5fbaabe3", "5fbaabe3", EINVAL, "no GUID"},
		{"</Image>",
		 "</Image><Image><GUID>" G1 "</GUID><Type>Plain</Type><File>b</File></Image>",
		 EINVAL, "no snapshot of the image 'b'"},
		{"</Image>",
		 "</Image><Image><GUID>" DESCRIPTOR_TOP_GUID
		 "</GUID><Type>Plain</Type><File>b</File></Image>",
		 EINVAL, "two images"},
		{"</Image>",
		 "</Image><Image><GUID>" G1
		 "</GUID><Type>Plain</Type><File>root.hds</File></Image>",
		 EINVAL, "twice"},
		{"</Shot>",
		 "</Shot><Shot><GUID>" G1 "</GUID><ParentGUID>" G1 "</ParentGUID></Shot>", EINVAL,
		 "no image of"},
		{"<ParentGUID>{0", "<ParentGUID>{1", EINVAL, "stands on"},
		{"<TopGUID>{5", "<TopGUID>{6", EINVAL, "of its top"},
		{"<StorageData>", "<StorageData><Volume/>", EOPNOTSUPP, "volume"},
		{"</StorageData>", "", EINVAL, "well-formed"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = ERR_INIT;

		if (load_changed(f, cases[i].from, cases[i].to, &err) != -cases[i].code ||
		    !strstr(err.msg, cases[i].why))
			fail_msg("%s -> %s: %d '%s'", cases[i].from, cases[i].to, err.code,
				 err.msg);
	}
}

/* If this fails, a descriptor makes this library go round and round, or write to what others stand on. */
static void refuses_trees_that_are_none(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"<ParentGUID>" G2, "<ParentGUID>{f2222222-0000-4000-8000-000000000002}",
		 "stands on"},
		{"<ParentGUID>{00000000-0000-0000-0000-000000000000}", "<ParentGUID>" G3,
		 "raw image 'base' on top"},
		{"<ParentGUID>" G1, "<ParentGUID>" DESCRIPTOR_TOP_GUID, "circle"},
		{"<TopGUID>" DESCRIPTOR_TOP_GUID, "<TopGUID>" G2, "stand on its top"},
		{"<Type>Compressed", "<Type>Plain", "on top of another"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = ERR_INIT;

		if (load_changed_of(f, make_tree, cases[i].from, cases[i].to, &err) != -EINVAL ||
		    !strstr(err.msg, cases[i].why))
			fail_msg("%s -> %s: %d '%s'", cases[i].from, cases[i].to, err.code,
				 err.msg);
	}
}

/* One more than the kernel takes. */
static void refuses_too_many_levels(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct descriptor d;
	int i;

	sample(&d, PLOOP_FORMAT_EXPANDED, "f0");
	for (i = 1; i <= PLOOP_LEVELS_MAX; i++) {
		char guid[PLOOP_GUID_BYTES], file[16];

		if (i == PLOOP_LEVELS_MAX)
			assert_int_equal(descriptor_store(f->dirfd, &d, &err), 0);
		snprintf(guid, sizeof(guid), "{%08x-0000-4000-8000-000000000000}", i);
		snprintf(file, sizeof(file), "f%d", i);
		descriptor_rename(&d, DESCRIPTOR_TOP_GUID, guid);
		assert_int_equal(descriptor_add(&d, DESCRIPTOR_TOP_GUID, guid,
						PLOOP_FORMAT_EXPANDED, file),
				 0);
	}
	assert_int_equal(descriptor_store(f->dirfd, &d, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "more than 254"));
	descriptor_free(&d);
}

static void knows_guids(void **state)
{
	static const char *const bad[] = {"",
					  "{",
					  "x",
					  "{5fbaabe3-6958-40ff-92a7-860e329aab41",
					  "5fbaabe3-6958-40ff-92a7-860e329aab41}",
					  "5fbaabe3-6958-40ff-92a7-860e329aab4",
					  "5fbaabe3-6958-40ff-92a7-860e329aab412",
					  "5fbaabe3 6958-40ff-92a7-860e329aab41"};
	char guid[PLOOP_GUID_BYTES];
	size_t i;

	(void)state;
	assert_true(ploop_guid_parse("{5FBAABE3-6958-40ff-92a7-860e329aab41}", guid));
	assert_string_equal(guid, DESCRIPTOR_TOP_GUID);
	assert_true(ploop_guid_parse("5fbaabe3-6958-40ff-92a7-860E329AAB41", guid));
	assert_string_equal(guid, DESCRIPTOR_TOP_GUID);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ploop_guid_parse(bad[i], guid));
}

/* An encoding in which the plain search for a document type sees nothing. */
static void refuses_a_document_type_in_utf_16(void **state)
{
	static const char text[] =
		"<?xml version=\"1.0\" encoding=\"UTF-16LE\"?>"
		"<!DOCTYPE x [<!ENTITY e \"y\">]>"
		"<Parallels_disk_image Version=\"1.0\">&e;</Parallels_disk_image>";
	struct fixture *f = *state;
	char wide[2 * sizeof(text)] = {(char)0xff, (char)0xfe};
	struct err err = ERR_INIT;
	struct descriptor d;
	size_t i;

	for (i = 0; i < sizeof(text) - 1; i++)
		wide[2 + 2 * i] = text[i];
	fixture_write(f, DESCRIPTOR_NAME, wide, sizeof(wide));
	assert_int_equal(descriptor_load(f->dirfd, "D", &d, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "document type"));
}

static void refuses_huge_and_missing_ones(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *big = malloc(2 << 20);
	struct err err = ERR_INIT;
	struct descriptor d;

	assert_int_equal(descriptor_load(f->dirfd, "D", &d, &err), -ENOENT);
	memset(big, ' ', 2 << 20);
	fixture_write(f, DESCRIPTOR_NAME, big, 2 << 20);
	assert_int_equal(descriptor_load(f->dirfd, "D", &d, &err), -EFBIG);
	fixture_write(f, DESCRIPTOR_NAME, "", 0);
	assert_int_equal(descriptor_load(f->dirfd, "D", &d, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(loads_what_it_stores),
		fixture_test(has_a_tree_of_deltas),
		fixture_test(keeps_what_it_does_not_know),
		fixture_test(tells_what_is_temporary),
		fixture_test(refuses_trees_that_are_none),
		fixture_test(refuses_too_many_levels),
		cmocka_unit_test(knows_guids),
		fixture_test(keeps_what_is_pending),
		fixture_test(takes_what_openvz_7_writes),
		fixture_test(refuses_hostile_and_foreign_ones),
		fixture_test(refuses_a_document_type_in_utf_16),
		fixture_test(refuses_huge_and_missing_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
