/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tar may have too much of, without an image: else a small archive
 * would fill the memory or the disk of whoever imports it. That all else is
 * refused as populate() refuses it is in test_populate.c.
 */
#include "fixture.h"

#include <errno.h>

#include <archive.h>
#include <archive_entry.h>

#include "err.h"
#include "tarfile.h"
#include "vet.h"

#define MANY 100000

static int put(struct vet *vet, const char *name, unsigned int type, const char *link,
	       struct err *err)
{
	struct archive_entry *e = tarfile_entry(name, type);
	int r;

	if (link)
		archive_entry_set_hardlink(e, link);
	r = vet_entry(vet, e, err);
	archive_entry_free(e);
	return r;
}

static void a_flood_of_devices_is_refused(void **state)
{
	struct err err = ERR_INIT;
	struct vet *vet;
	char name[32];
	int i;

	(void)state;
	assert_int_equal(vet_new(-EBADF, 0, MANY, &vet, &err), 0);
	for (i = 0; i < 4096; i++) {
		snprintf(name, sizeof(name), "dev/%d", i);
		assert_int_equal(put(vet, name, i % 2 ? AE_IFCHR : AE_IFBLK, NULL, &err), 0);
	}
	assert_int_equal(put(vet, "fifo", AE_IFIFO, NULL, &err), 0);
	assert_int_equal(put(vet, "dev/more", AE_IFCHR, NULL, &err), -E2BIG);
	assert_string_equal(err.msg, "'dev/more' is one device too many: 4096 are possible");
	vet_free(vet);
}

static void a_file_has_so_many_names(void **state)
{
	struct err err = ERR_INIT;
	struct vet *vet;
	char name[32];
	int i;

	(void)state;
	assert_int_equal(vet_new(-EBADF, 0, MANY, &vet, &err), 0);
	assert_int_equal(put(vet, "f", AE_IFREG, NULL, &err), 0);
	for (i = 1; i < 65000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(put(vet, name, AE_IFREG, "f", &err), 0);
	}
	/* The same name again is no other one. */
	assert_int_equal(put(vet, "17", AE_IFREG, "f", &err), 0);
	assert_int_equal(put(vet, "more", AE_IFREG, "f", &err), -EMLINK);
	assert_int_equal(put(vet, "g", AE_IFREG, NULL, &err), 0);
	assert_int_equal(put(vet, "h", AE_IFREG, "g", &err), 0);
	vet_free(vet);
}

static void names_are_bounded(void **state)
{
	char path[2 * 101 + 1] = "";
	struct err err = ERR_INIT;
	struct vet *vet;
	int i;

	(void)state;
	assert_int_equal(vet_new(-EBADF, 0, 100, &vet, &err), 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(put(vet, "f", AE_IFREG, NULL, &err), i < 89 ? 0 : -E2BIG);
	vet_free(vet);
	assert_int_equal(vet_new(-EBADF, 0, 100, &vet, &err), 0);
	assert_int_equal(put(vet, "f", AE_IFREG, NULL, &err), 0);
	for (i = 1; i < 100; i++)
		assert_int_equal(put(vet, "f", AE_IFREG, "f", &err), 0);
	assert_int_equal(put(vet, "g", AE_IFREG, "f", &err), -E2BIG);
	assert_string_equal(err.msg, "has more than 100 entries");
	vet_free(vet);
	/* One entry, and a hundred directories that it makes. */
	for (i = 0; i < 100; i++)
		strcat(path, "d/");
	assert_int_equal(vet_new(-EBADF, 0, 100, &vet, &err), 0);
	assert_int_equal(put(vet, path, AE_IFDIR, NULL, &err), -E2BIG);
	assert_string_equal(err.msg, "has more than 100 files and directories");
	vet_free(vet);
}

static void owners_say_how_many_ids_they_take(void **state)
{
	struct archive_entry *e = tarfile_entry("own", AE_IFREG);
	struct err err = ERR_INIT;
	struct vet *vet;

	(void)state;
	archive_entry_set_uid(e, 262144);
	archive_entry_set_gid(e, 7);
	assert_int_equal(vet_new(-EBADF, 262143, MANY, &vet, &err), 0);
	assert_int_equal(vet_entry(vet, e, &err), -ERANGE);
	assert_string_equal(err.msg, "'own' belongs to 262144:7; ids go up to 262143 here, "
				     "262145 are needed");
	vet_free(vet);
	assert_int_equal(vet_new(-EBADF, 262144, MANY, &vet, &err), 0);
	assert_int_equal(vet_entry(vet, e, &err), 0);
	vet_free(vet);
	archive_entry_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_devices_is_refused),
		cmocka_unit_test(a_file_has_so_many_names),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(owners_say_how_many_ids_they_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
