/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a damaged archive is taken for a whole one, or a whole one for damaged. */
#include "fixture.h"

#include <errno.h>

#include "err.h"
#include "hash.h"

#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_ABC	   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void is_sha_256_and_begins_anew(void **state)
{
	struct hash h;
	char hex[HASH_HEX_LEN];

	(void)state;
	hash_init(&h);
	hash_add(&h, "a", 1);
	hash_add(&h, "", 0);
	hash_add(&h, "bc", 2);
	hash_end(&h, hex);
	assert_string_equal(hex, OF_ABC);
	hash_end(&h, hex);
	assert_string_equal(hex, OF_NOTHING);
}

static void of_files(void **state)
{
	struct fixture *f = *state;
	char hex[HASH_HEX_LEN] = "as before";
	struct err err = ERR_INIT;

	fixture_write(f, "abc", "abc", 3);
	fixture_write(f, "none", "", 0);
	assert_int_equal(hash_file(f->dirfd, "gone", hex, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "'gone'"));
	assert_int_equal(hash_file(f->dirfd, ".", hex, &err), -EISDIR);
	assert_string_equal(hex, "as before");
	assert_int_equal(hash_file(f->dirfd, "abc", hex, &err), 0);
	assert_string_equal(hex, OF_ABC);
	assert_int_equal(hash_file(f->dirfd, "none", hex, &err), 0);
	assert_string_equal(hex, OF_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_sha_256_and_begins_anew),
		fixture_test(of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
