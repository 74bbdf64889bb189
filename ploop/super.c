/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image may come from anybody, and the kernel's ext4 has a lot of code that
 * only a feature bit leads to. The list is one of what is taken: what mkfs.c
 * and today's and former mke2fs switch on, quotas, and what tells of a
 * file system that was not unmounted. A feature that is not in it is refused,
 * whether it has a name here or not.
 */
#include "super.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <ext2fs/ext2_fs.h>

#include "err.h"

enum word { COMPAT, INCOMPAT, RO_COMPAT };

static const uint32_t taken[] = {
	[COMPAT] = EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR |
		   EXT2_FEATURE_COMPAT_RESIZE_INODE | EXT2_FEATURE_COMPAT_DIR_INDEX |
		   EXT4_FEATURE_COMPAT_ORPHAN_FILE,
	[INCOMPAT] = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER |
		     EXT2_FEATURE_INCOMPAT_META_BG | EXT3_FEATURE_INCOMPAT_EXTENTS |
		     EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |
		     EXT4_FEATURE_INCOMPAT_CSUM_SEED,
	[RO_COMPAT] = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
		      EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
		      EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
		      EXT4_FEATURE_RO_COMPAT_QUOTA | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM |
		      EXT4_FEATURE_RO_COMPAT_PROJECT | EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT,
};

/* As tune2fs(8) names those of the others that a sound image may have. */
static const struct {
	enum word word;
	uint32_t bit;
	const char *name;
} names[] = {
	{COMPAT, EXT4_FEATURE_COMPAT_SPARSE_SUPER2, "sparse_super2"},
	{COMPAT, EXT4_FEATURE_COMPAT_FAST_COMMIT, "fast_commit"},
	{COMPAT, EXT4_FEATURE_COMPAT_STABLE_INODES, "stable_inodes"},
	{INCOMPAT, EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, "journal_dev"},
	{INCOMPAT, EXT4_FEATURE_INCOMPAT_MMP, "mmp"},
	{INCOMPAT, EXT4_FEATURE_INCOMPAT_EA_INODE, "ea_inode"},
	{INCOMPAT, EXT4_FEATURE_INCOMPAT_LARGEDIR, "large_dir"},
	{INCOMPAT, EXT4_FEATURE_INCOMPAT_INLINE_DATA, "inline_data"},
	{INCOMPAT, EXT4_FEATURE_INCOMPAT_ENCRYPT, "encrypt"},
	{INCOMPAT, EXT4_FEATURE_INCOMPAT_CASEFOLD, "casefold"},
	{RO_COMPAT, EXT4_FEATURE_RO_COMPAT_BIGALLOC, "bigalloc"},
	{RO_COMPAT, EXT4_FEATURE_RO_COMPAT_READONLY, "read-only"},
	{RO_COMPAT, EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, "shared_blocks"},
	{RO_COMPAT, EXT4_FEATURE_RO_COMPAT_VERITY, "verity"},
};

static int check_word(enum word word, uint32_t features, struct err *err)
{
	static const char *const words[] = {"compat", "incompat", "ro_compat"};
	uint32_t other = features & ~taken[word];

	if (!other)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].word == word && (names[i].bit & other))
			return err_set(
				err, EUCLEAN,
				"has a file system with the feature '%s', which is not taken",
				names[i].name);
	return err_set(err, EUCLEAN, "has a file system with unknown %s features 0x%x", words[word],
		       other);
}

int super_check(const void *buf, struct err *err)
{
	struct ext2_super_block sb;
	int r;

	static_assert(sizeof(sb) == SUPER_BYTES, "a super block has this size");
	memcpy(&sb, buf, sizeof(sb));
	if (le16toh(sb.s_magic) != EXT2_SUPER_MAGIC)
		return err_set(err, EUCLEAN, "has no ext4 file system");
	r = check_word(COMPAT, le32toh(sb.s_feature_compat), err);
	if (r == 0)
		r = check_word(INCOMPAT, le32toh(sb.s_feature_incompat), err);
	if (r == 0)
		r = check_word(RO_COMPAT, le32toh(sb.s_feature_ro_compat), err);
	if (r < 0)
		return r;
	/* The kernel would open the device of that number, which is one of this machine's. */
	if (sb.s_journal_dev)
		return err_set(err, EUCLEAN, "has a file system whose journal is another device");
	if (sb.s_mount_opts[0])
		return err_set(err, EUCLEAN, "has a file system with mount options of its own");
	return 0;
}

uint64_t super_size_bytes(const void *buf)
{
	struct ext2_super_block sb;
	uint64_t blocks;
	uint32_t log;

	memcpy(&sb, buf, sizeof(sb));
	blocks = le32toh(sb.s_blocks_count);
	log = EXT2_MIN_BLOCK_LOG_SIZE + le32toh(sb.s_log_block_size);
	if (le32toh(sb.s_feature_incompat) & EXT4_FEATURE_INCOMPAT_64BIT)
		blocks |= (uint64_t)le32toh(sb.s_blocks_count_hi) << 32;
	if (log < EXT2_MIN_BLOCK_LOG_SIZE || log > EXT2_MAX_BLOCK_LOG_SIZE ||
	    blocks > UINT64_MAX >> log)
		return UINT64_MAX;
	return blocks << log;
}

uint32_t super_block_bytes(const void *buf)
{
	struct ext2_super_block sb;
	uint32_t log;

	memcpy(&sb, buf, sizeof(sb));
	log = EXT2_MIN_BLOCK_LOG_SIZE + le32toh(sb.s_log_block_size);
	return log < EXT2_MIN_BLOCK_LOG_SIZE || log > EXT2_MAX_BLOCK_LOG_SIZE
		       ? 1u << EXT2_MIN_BLOCK_LOG_SIZE
		       : 1u << log;
}

bool super_is_clean(const void *buf)
{
	struct ext2_super_block sb;

	memcpy(&sb, buf, sizeof(sb));
	return le16toh(sb.s_magic) == EXT2_SUPER_MAGIC &&
	       (le16toh(sb.s_state) & (EXT2_VALID_FS | EXT2_ERROR_FS)) == EXT2_VALID_FS &&
	       !(le32toh(sb.s_feature_incompat) & EXT3_FEATURE_INCOMPAT_RECOVER);
}
