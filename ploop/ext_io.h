/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_EXT_IO_H
#define PLOOP_EXT_IO_H

/* libext2fs on a byte range of a virtual disk. */

#include <stddef.h>
#include <stdint.h>

#include <ext2fs/ext2fs.h>

struct err;
struct ploop_disk;

/* What a channel works on; borrowed by it until it is closed. */
struct ext_io_range {
	struct ploop_disk *disk;
	uint64_t offset_bytes, length_bytes;
};

/* Its "device name" is what ext_io_name() writes: the address of a range. */
extern struct struct_io_manager ext_io_manager;

#define EXT_IO_NAME_MAX 32
void ext_io_name(const struct ext_io_range *range, char name[EXT_IO_NAME_MAX]);

/* libext2fs's codes as -errno, and err_set() with its text last. */
int ext_io_errno(errcode_t code);
int ext_io_err(struct err *err, errcode_t code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
