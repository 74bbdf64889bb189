/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What mke2fs makes for a server, by libext2fs: 4 KiB blocks, 256-byte inodes,
 * extents, 64bit, flex_bg, metadata_csum, journal, resize_inode (online growth
 * up to a thousandfold without meta_bg), and a project quota. A fresh image reads as zeros, so
 * inode tables and the journal are initialised by not touching them, and are
 * marked so: no lazy initialisation is left for the first mount.
 *
 * With uuid, hash seed and time given the bytes are always the same.
 */
#include "mkfs.h"

#include <errno.h>
#include <string.h>

#include "disk.h"
#include "err.h"
#include "ext_io.h"
#include "format.h"
#include "gpt.h"
#include "prjquota.h"

#define MIB		      (1ull << 20)
#define GIB		      (1ull << 30)
#define TIB		      (1ull << 40)
#define LOST_AND_FOUND_BLOCKS 4

/* Nobody inside of a container may use the reserve; one per cent is for the host's rescue. */
#define RESERVED_PERCENT 1

/* mke2fs's usage types, by size. */
static uint64_t bytes_per_inode(uint64_t bytes)
{
	if (bytes < 512 * MIB)
		return 4096;
	if (bytes < 4 * TIB)
		return 16384;
	return bytes < 16 * TIB ? 32768 : 65536;
}

static void set_params(struct ext2_super_block *p, uint64_t bytes)
{
	uint64_t blocks = bytes / MKFS_BLOCK_BYTES, inodes = bytes / bytes_per_inode(bytes);

	memset(p, 0, sizeof(*p));
	p->s_rev_level = EXT2_DYNAMIC_REV;
	p->s_log_block_size = 2;
	p->s_log_cluster_size = 2;
	p->s_inode_size = 256;
	p->s_desc_size = EXT2_MIN_DESC_SIZE_64BIT;
	p->s_log_groups_per_flex = 4;
	p->s_creator_os = EXT2_OS_LINUX;
	p->s_feature_compat = EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR |
			      EXT2_FEATURE_COMPAT_DIR_INDEX;
	p->s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
				EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_64BIT;
	p->s_feature_ro_compat =
		EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
		EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
		EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
	/* The resize inode is an indirect file: it cannot point above 32 bits. */
	if (blocks <= UINT32_MAX / 2)
		p->s_feature_compat |= EXT2_FEATURE_COMPAT_RESIZE_INODE;
	ext2fs_blocks_count_set(p, blocks);
	ext2fs_r_blocks_count_set(p, blocks * RESERVED_PERCENT / 100);
	p->s_inodes_count = inodes > UINT32_MAX - 16 ? UINT32_MAX - 16 : (uint32_t)inodes;
}

static void set_super(ext2_filsys fs, const struct mkfs_opts *opts)
{
	struct ext2_super_block *s = fs->super;

	fs->now = opts->now;
	fs->umask = 022;
	s->s_mkfs_time = (uint32_t)opts->now;
	s->s_mkfs_time_hi = (uint8_t)((uint64_t)opts->now >> 32);
	s->s_lastcheck = s->s_mkfs_time;
	s->s_lastcheck_hi = s->s_mkfs_time_hi;
	s->s_checksum_type = EXT2_CRC32C_CHKSUM;
	s->s_def_hash_version = EXT2_HASH_HALF_MD4;
	/* Fixed, so that the bytes do not depend on the signedness of char here. */
	s->s_flags |= EXT2_FLAGS_SIGNED_HASH;
	s->s_max_mnt_count = -1;
	s->s_checkinterval = 0;
	s->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
	memcpy(s->s_uuid, opts->uuid, sizeof(s->s_uuid));
	memcpy(s->s_hash_seed, opts->hash_seed, sizeof(s->s_hash_seed));
	if (opts->label)
		strncpy((char *)s->s_volume_name, opts->label, sizeof(s->s_volume_name));
	ext2fs_init_csum_seed(fs);
}

/* The tables read as zeros: say that they are initialised. */
static void mark_tables_zeroed(ext2_filsys fs)
{
	dgrp_t i;

	for (i = 0; i < fs->group_desc_count; i++) {
		ext2fs_bg_flags_set(fs, i, EXT2_BG_INODE_ZEROED);
		ext2fs_group_desc_csum_set(fs, i);
	}
}

static errcode_t make_root(ext2_filsys fs)
{
	ext2_ino_t ino;
	errcode_t e;
	int i;

	e = ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL);
	if (e)
		return e;
	for (ino = EXT2_ROOT_INO + 1; ino < EXT2_FIRST_INODE(fs->super); ino++)
		ext2fs_inode_alloc_stats2(fs, ino, 1, 0);
	ext2fs_inode_alloc_stats2(fs, EXT2_BAD_INO, 1, 0);

	fs->umask = 077;
	e = ext2fs_mkdir(fs, EXT2_ROOT_INO, 0, "lost+found");
	fs->umask = 022;
	if (e)
		return e;
	e = ext2fs_lookup(fs, EXT2_ROOT_INO, "lost+found", 10, NULL, &ino);
	for (i = 1; !e && i < LOST_AND_FOUND_BLOCKS; i++)
		e = ext2fs_expand_dir(fs, ino);
	return e;
}

static errcode_t make_bad_blocks_inode(ext2_filsys fs)
{
	ext2_badblocks_list list = NULL;
	errcode_t e = ext2fs_badblocks_list_create(&list, 0);

	if (!e)
		e = ext2fs_update_bb_inode(fs, list);
	if (list)
		ext2fs_badblocks_list_free(list);
	return e;
}

static errcode_t make_journal(ext2_filsys fs)
{
	struct ext2fs_journal_params params = {0};
	int blocks = ext2fs_default_journal_size(ext2fs_blocks_count(fs->super));

	if (blocks <= 0)
		return EXT2_ET_TOOSMALL;
	params.num_journal_blocks = (blk_t)blocks;
	return ext2fs_add_journal_inode3(fs, &params, ~0ULL, EXT2_MKJOURNAL_LAZYINIT);
}

static errcode_t build(ext2_filsys fs, const struct mkfs_opts *opts)
{
	errcode_t e;

	set_super(fs, opts);
	e = ext2fs_allocate_tables(fs);
	if (e)
		return e;
	mark_tables_zeroed(fs);
	e = make_root(fs);
	if (!e)
		e = make_bad_blocks_inode(fs);
	if (!e)
		e = prjquota_make(fs);
	if (!e && ext2fs_has_feature_resize_inode(fs->super))
		e = ext2fs_create_resize_inode(fs);
	return e ? e : make_journal(fs);
}

int mkfs_create(struct ext_io_range *range, const struct mkfs_opts *opts, ext2_filsys *ret_fs,
		struct err *err)
{
	struct ext2_super_block params;
	char name[EXT_IO_NAME_MAX];
	ext2_filsys fs;
	errcode_t e;

	if (opts->label && strlen(opts->label) > sizeof(params.s_volume_name))
		return err_set(err, EINVAL, "the label '%s' is longer than %zu bytes", opts->label,
			       sizeof(params.s_volume_name));
	ext_io_name(range, name);
	set_params(&params, range->length_bytes);
	e = ext2fs_initialize(name, EXT2_FLAG_64BITS | EXT2_FLAG_EXCLUSIVE, &params,
			      &ext_io_manager, &fs);
	if (!e) {
		e = build(fs, opts);
		if (e)
			mkfs_abandon(fs);
	}
	if (ext_io_errno(e) == -ENOSPC && e != ENOSPC)
		return err_set(err, ENOSPC, "%llu bytes are too small for a file system",
			       (unsigned long long)range->length_bytes);
	if (e)
		return ext_io_err(err, e, "cannot make a file system");
	*ret_fs = fs;
	return 0;
}

int mkfs_close(ext2_filsys fs, struct err *err)
{
	errcode_t e = prjquota_count(fs);

	if (!e)
		e = ext2fs_close2(fs, EXT2_FLAG_FLUSH_NO_SYNC);
	if (!e)
		return 0;
	mkfs_abandon(fs);
	return ext_io_err(err, e, "cannot finish the file system");
}

/* ext2fs_free() writes nothing. */
void mkfs_abandon(ext2_filsys fs)
{
	ext2fs_free(fs);
}

static int trial(uint64_t disk_bytes, uint64_t *ret_blocks, uint64_t *ret_inodes, struct err *err)
{
	const struct mkfs_opts opts = {.now = 1};
	struct ext_io_range range = {NULL, 0, 0};
	struct image img = {.fd = -EBADF};
	uint64_t first, last;
	ext2_filsys fs;
	int r = gpt_layout(disk_bytes, &first, &last);

	if (r < 0)
		return err_set(err, -r, "too small for a partition");
	r = image_create_trial(disk_bytes, &img, err);
	if (r < 0)
		return r;
	if (disk_new(&img, &range.disk) < 0) {
		image_close(&img);
		return err_errno(err, ENOMEM, "cannot make a trial disk");
	}
	range.offset_bytes = first * PLOOP_SECTOR;
	range.length_bytes = (last - first + 1) * PLOOP_SECTOR;
	r = mkfs_create(&range, &opts, &fs, err);
	if (r == 0) {
		*ret_blocks = ext2fs_free_blocks_count(fs->super);
		*ret_inodes = fs->super->s_free_inodes_count;
		mkfs_abandon(fs);
	}
	disk_free(range.disk);
	return r;
}

int mkfs_size_for(uint64_t blocks, uint64_t inodes, uint64_t step_bytes, uint64_t *ret_bytes,
		  struct err *err)
{
	uint64_t size = 16 * MIB + blocks * MKFS_BLOCK_BYTES;
	int tries;

	/* Each round adds what is still short, so a few rounds reach it; sizes only grow. */
	for (tries = 0; tries < 64; tries++) {
		uint64_t have_blocks = 0, have_inodes = 0, more = 0;
		int r;

		size = (size + step_bytes - 1) / step_bytes * step_bytes;
		if (size > PLOOP_SIZE_MAX)
			return err_set(err, EFBIG, "larger than any image can be");
		r = trial(size, &have_blocks, &have_inodes, err);
		if (r < 0 && r != -ENOSPC)
			return r;
		if (have_blocks < blocks)
			more = (blocks - have_blocks) * MKFS_BLOCK_BYTES;
		if (have_inodes < inodes && (inodes - have_inodes) * bytes_per_inode(size) > more)
			more = (inodes - have_inodes) * bytes_per_inode(size);
		if (r == 0 && more == 0) {
			err_clear(err);
			*ret_bytes = size;
			return 0;
		}
		size += more > step_bytes ? more : step_bytes;
	}
	return err_set(err, EFBIG, "no size was found that is large enough");
}
