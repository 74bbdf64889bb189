/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An io_manager over the partition of an image. libext2fs opens a channel by a
 * string only; here the string is the address of a struct ext_io_range, so
 * that nothing global is needed. No caching: the disk below has one.
 */
#include "ext_io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <et/com_err.h>

#include "disk.h"
#include "err.h"

void ext_io_name(const struct ext_io_range *range, char name[EXT_IO_NAME_MAX])
{
	snprintf(name, EXT_IO_NAME_MAX, "range:%" PRIxPTR, (uintptr_t)range);
}

int ext_io_errno(errcode_t code)
{
	switch (code) {
	case EXT2_ET_NO_MEMORY:
		return -ENOMEM;
	case EXT2_ET_BLOCK_ALLOC_FAIL:
	case EXT2_ET_INODE_ALLOC_FAIL:
	case EXT2_ET_TOOSMALL:
	case EXT2_ET_DIR_NO_SPACE:
		return -ENOSPC;
	default:
		return code > 0 && code < 4096 ? -(int)code : -EIO;
	}
}

int ext_io_err(struct err *err, errcode_t code, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	initialize_ext2_error_table();
	return err_set(err, ext_io_errno(code), "%s: %s", msg, error_message(code));
}

static errcode_t range_open(const char *name, int flags, io_channel *ret)
{
	io_channel ch = NULL;
	uintptr_t address;
	errcode_t e;

	(void)flags;
	if (sscanf(name, "range:%" SCNxPTR, &address) != 1)
		return EXT2_ET_BAD_DEVICE_NAME;
	e = ext2fs_get_memzero(sizeof(*ch), &ch);
	if (e)
		return e;
	ch->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	ch->manager = &ext_io_manager;
	ch->block_size = 1024;
	ch->refcount = 1;
	/* The range covers a fresh image where it is not written: it reads zero. */
	ch->flags = CHANNEL_FLAGS_DISCARD_ZEROES;
	ch->private_data = (void *)address;
	e = ext2fs_get_mem(strlen(name) + 1, &ch->name);
	if (e) {
		ext2fs_free_mem(&ch);
		return e;
	}
	strcpy(ch->name, name);
	*ret = ch;
	return 0;
}

static errcode_t range_close(io_channel ch)
{
	if (--ch->refcount > 0)
		return 0;
	ext2fs_free_mem(&ch->name);
	ext2fs_free_mem(&ch);
	return 0;
}

static errcode_t range_set_blksize(io_channel ch, int blksize)
{
	ch->block_size = blksize;
	return 0;
}

/* A negative count is bytes. */
static errcode_t locate(io_channel ch, unsigned long long block, int count, uint64_t *ret_off,
			uint64_t *ret_len)
{
	const struct ext_io_range *range = ch->private_data;
	uint64_t size = (uint64_t)ch->block_size;

	*ret_len = count < 0 ? (uint64_t) - (int64_t)count : (uint64_t)count * size;
	if (block > range->length_bytes / size || *ret_len > range->length_bytes - block * size)
		return EXT2_ET_BAD_BLOCK_NUM;
	*ret_off = range->offset_bytes + block * size;
	return 0;
}

static errcode_t range_read(io_channel ch, unsigned long long block, int count, void *data)
{
	const struct ext_io_range *range = ch->private_data;
	uint64_t off, len;
	errcode_t e = locate(ch, block, count, &off, &len);

	return e ? e : -disk_read(range->disk, off, data, len);
}

static errcode_t range_write(io_channel ch, unsigned long long block, int count, const void *data)
{
	const struct ext_io_range *range = ch->private_data;
	uint64_t off, len;
	errcode_t e = locate(ch, block, count, &off, &len);

	return e ? e : -disk_write(range->disk, off, data, len);
}

static errcode_t range_read32(io_channel ch, unsigned long block, int count, void *data)
{
	return range_read(ch, block, count, data);
}

static errcode_t range_write32(io_channel ch, unsigned long block, int count, const void *data)
{
	return range_write(ch, block, count, data);
}

static errcode_t range_zeroout(io_channel ch, unsigned long long block, unsigned long long count)
{
	const struct ext_io_range *range = ch->private_data;
	uint64_t size = (uint64_t)ch->block_size;

	if (block > range->length_bytes / size || count > range->length_bytes / size - block)
		return EXT2_ET_BAD_BLOCK_NUM;
	return -disk_zero(range->disk, range->offset_bytes + block * size, count * size);
}

/* Stable storage is the disk's business: only it knows the order of data and map. */
static errcode_t range_flush(io_channel ch)
{
	const struct ext_io_range *range = ch->private_data;

	return range->disk->sync ? -disk_flush(range->disk) : 0;
}

struct struct_io_manager ext_io_manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "ploop image",
	.open = range_open,
	.close = range_close,
	.set_blksize = range_set_blksize,
	.read_blk = range_read32,
	.write_blk = range_write32,
	.read_blk64 = range_read,
	.write_blk64 = range_write,
	.flush = range_flush,
	.zeroout = range_zeroout,
};
