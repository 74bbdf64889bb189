/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>

#include "cleanup.h"
#include "descriptor.h"
#include "err.h"
#include "io.h"

static const struct descriptor sample = {
	.size_bytes = 10ull << 30,
	.cluster_bytes = 1 << 20,
	.format = PLOOP_FORMAT_EXPANDED,
	.file = (char *)"root.hds",
};

static void loads_what_it_stores(void **state)
{
	static const enum ploop_format formats[] = {PLOOP_FORMAT_RAW, PLOOP_FORMAT_EXPANDED};
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int i;

	for (i = 0; i < 2; i++) {
		struct descriptor d = sample, back;

		d.format = formats[i];
		d.file = (char *)"a&b<c>.hds";
		assert_int_equal(descriptor_store(f->dirfd, &d, &err), 0);
		if (descriptor_load(f->dirfd, "D", &back, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(back.size_bytes == d.size_bytes);
		assert_int_equal(back.cluster_bytes, d.cluster_bytes);
		assert_int_equal(back.format, d.format);
		assert_string_equal(back.file, d.file);
		descriptor_free(&back);
	}
}

/* Change @from to @to in a stored descriptor and load that. */
static int load_changed(struct fixture *f, const char *from, const char *to, struct err *err)
{
	_cleanup_free_ char *text = NULL, *changed = NULL;
	struct descriptor d = {.file = NULL};
	char *at;
	int r;

	assert_int_equal(descriptor_store(f->dirfd, &sample, err), 0);
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
		{"<Blocksize>2048", "<Blocksize>2047", EINVAL, "2047"},
		{"<Start>0", "<Start>8", EINVAL, "whole disk"},
		{"<Padding>0</Padding>", "<Encryption><KeyId>k</KeyId></Encryption>", EOPNOTSUPP,
		 "encrypted"},
		{"</Image>",
		 "</Image><Image><GUID>{1}</GUID><Type>Plain</Type><File>b</File></Image>",
		 EOPNOTSUPP, "snapshots"},
		{"</Shot>", "</Shot><Shot><GUID>{1}</GUID></Shot>", EOPNOTSUPP, "snapshots"},
		{"<ParentGUID>{0", "<ParentGUID>{1", EINVAL, "snapshot tree"},
		{"<TopGUID>{5", "<TopGUID>{6", EINVAL, "snapshot tree"},
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
		fixture_test(takes_what_openvz_7_writes),
		fixture_test(refuses_hostile_and_foreign_ones),
		fixture_test(refuses_a_document_type_in_utf_16),
		fixture_test(refuses_huge_and_missing_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
