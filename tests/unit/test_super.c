/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, an image from anywhere leads the kernel into code of ext4 that
 * no container needs, or one that a former mke2fs made is refused.
 */
#include "fixture.h"

#include <endian.h>
#include <errno.h>

#include <ext2fs/ext2_fs.h>

#include "err.h"
#include "super.h"

/* Of /etc/mke2fs.conf's ext2, ext3, ext4 over the years, a mounted one, and quotas. */
#define COMPAT	  0x103cu
#define INCOMPAT  0x22d6u
#define RO_COMPAT 0x1257bu

static struct ext2_super_block sample(void)
{
	return (struct ext2_super_block){
		.s_magic = htole16(EXT2_SUPER_MAGIC),
		.s_rev_level = htole32(EXT2_DYNAMIC_REV),
		.s_feature_compat = htole32(COMPAT),
		.s_feature_incompat = htole32(INCOMPAT),
		.s_feature_ro_compat = htole32(RO_COMPAT),
		.s_journal_inum = htole32(EXT2_JOURNAL_INO),
		.s_errors = htole16(EXT2_ERRORS_PANIC),
	};
}

static void takes_what_is_known(void **state)
{
	struct ext2_super_block sb = sample();
	struct err err = ERR_INIT;

	(void)state;
	if (super_check(&sb, &err) < 0)
		fail_msg("%s", err.msg);
	sb.s_feature_compat = sb.s_feature_incompat = sb.s_feature_ro_compat = 0;
	assert_int_equal(super_check(&sb, &err), 0);
}

static void refuses_every_other_feature(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit < 96; bit++) {
		struct ext2_super_block sb = sample();
		uint32_t *words[] = {&sb.s_feature_compat, &sb.s_feature_incompat,
				     &sb.s_feature_ro_compat};
		const uint32_t known[] = {COMPAT, INCOMPAT, RO_COMPAT};
		uint32_t mask = UINT32_C(1) << bit % 32;
		struct err err = ERR_INIT;

		if (known[bit / 32] & mask)
			continue;
		*words[bit / 32] |= htole32(mask);
		if (super_check(&sb, &err) != -EUCLEAN || !strstr(err.msg, "feature"))
			fail_msg("word %u, 0x%x: %d '%s'", bit / 32, mask, err.code, err.msg);
	}
}

static void names_what_it_refuses(void **state)
{
	struct ext2_super_block sb = sample();
	struct err err = ERR_INIT;

	(void)state;
	sb.s_feature_incompat |= htole32(EXT4_FEATURE_INCOMPAT_ENCRYPT);
	assert_int_equal(super_check(&sb, &err), -EUCLEAN);
	assert_string_equal(err.msg,
			    "has a file system with the feature 'encrypt', which is not taken");
	sb = sample();
	sb.s_feature_ro_compat |= htole32(UINT32_C(1) << 31);
	assert_int_equal(super_check(&sb, &err), -EUCLEAN);
	assert_string_equal(err.msg, "has a file system with unknown ro_compat features "
				     "0x80000000");
	sb = sample();
	sb.s_magic = 0;
	assert_int_equal(super_check(&sb, &err), -EUCLEAN);
	assert_string_equal(err.msg, "has no ext4 file system");
}

static void nothing_of_the_host_is_asked_for(void **state)
{
	struct ext2_super_block sb = sample();
	struct err err = ERR_INIT;

	(void)state;
	sb.s_journal_dev = htole32(0x801);
	assert_int_equal(super_check(&sb, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "journal is another device"));
	sb = sample();
	memcpy(sb.s_mount_opts, "errors=panic", 12);
	assert_int_equal(super_check(&sb, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "mount options of its own"));
}

static void an_error_or_a_crash_is_not_clean(void **state)
{
	struct ext2_super_block sb = sample();

	(void)state;
	sb.s_feature_incompat &= htole32(~EXT3_FEATURE_INCOMPAT_RECOVER);
	sb.s_state = htole16(EXT2_VALID_FS);
	assert_true(super_is_clean(&sb));
	sb.s_state = htole16(EXT2_VALID_FS | EXT2_ERROR_FS);
	assert_false(super_is_clean(&sb));
	sb.s_state = 0;
	assert_false(super_is_clean(&sb));
	sb.s_state = htole16(EXT2_VALID_FS);
	sb.s_feature_incompat |= htole32(EXT3_FEATURE_INCOMPAT_RECOVER);
	assert_false(super_is_clean(&sb));
	sb = sample();
	sb.s_state = htole16(EXT2_VALID_FS);
	sb.s_magic = 0;
	assert_false(super_is_clean(&sb));
}

static void tells_its_size(void **state)
{
	struct ext2_super_block sb = sample();

	(void)state;
	sb.s_blocks_count = htole32(1000);
	sb.s_log_block_size = htole32(2);
	assert_true(super_size_bytes(&sb) == 4096000);
	sb.s_blocks_count_hi = htole32(1);
	assert_true(super_size_bytes(&sb) == ((1ull << 32) + 1000) * 4096);
	sb.s_feature_incompat = 0;
	assert_true(super_size_bytes(&sb) == 4096000);
	sb.s_log_block_size = htole32(0);
	assert_true(super_size_bytes(&sb) == 1024000);
	sb.s_log_block_size = htole32(7);
	assert_true(super_size_bytes(&sb) == UINT64_MAX);
	sb.s_log_block_size = htole32(UINT32_MAX);
	assert_true(super_size_bytes(&sb) == UINT64_MAX);
	sb = sample();
	sb.s_blocks_count_hi = htole32(UINT32_MAX);
	sb.s_log_block_size = htole32(6);
	assert_true(super_size_bytes(&sb) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_its_size),
		cmocka_unit_test(takes_what_is_known),
		cmocka_unit_test(refuses_every_other_feature),
		cmocka_unit_test(names_what_it_refuses),
		cmocka_unit_test(nothing_of_the_host_is_asked_for),
		cmocka_unit_test(an_error_or_a_crash_is_not_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
