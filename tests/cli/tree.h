/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_CLI_TREE_H
#define VESPER_CLI_TREE_H

/*
 * What treecmp and treelist have in common: an image read by libext2fs alone. It is
 * a header, as every C file here is a program of its own.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ext2fs/ext2fs.h>

static void __attribute__((noreturn, format(printf, 1, 2))) give_up(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static inline ext2_filsys tree_open(const char *image)
{
	ext2_filsys fs;

	if (ext2fs_open(image, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs))
		give_up("cannot open the image '%s'", image);
	return fs;
}

static inline int64_t tree_seconds(uint32_t low, uint32_t extra)
{
	return (int32_t)low + ((int64_t)(extra & EXT4_EPOCH_MASK) << 32);
}

static inline uint32_t tree_nanoseconds(uint32_t extra)
{
	return extra >> EXT4_EPOCH_BITS;
}

/* Small numbers are in the first word, others in the second. */
static inline void tree_device(const uint32_t *block, unsigned int *ret_major,
			       unsigned int *ret_minor)
{
	*ret_major = block[0] >> 8 & 0xff;
	*ret_minor = block[0] & 0xff;
	if (!block[0]) {
		*ret_major = block[1] >> 8 & 0xfff;
		*ret_minor = (block[1] & 0xff) | (block[1] >> 12 & 0xfff00);
	}
}

/* Where a symbolic link leads, with a 0 behind it; caller frees. */
static inline char *tree_target(ext2_filsys fs, const char *path, ext2_ino_t ino,
				struct ext2_inode_large *inode)
{
	char *target = calloc(1, (size_t)inode->i_size + 1);
	ext2_file_t file;
	unsigned int n;

	if (!target)
		give_up("out of memory");
	if (ext2fs_is_fast_symlink((struct ext2_inode *)inode))
		memcpy(target, inode->i_block, inode->i_size);
	else if (ext2fs_file_open(fs, ino, 0, &file) ||
		 ext2fs_file_read(file, target, inode->i_size, &n) || ext2fs_file_close(file))
		give_up("%s: cannot read the link", path);
	return target;
}

#endif
