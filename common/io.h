/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_IO_H
#define VESPER_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct stat;

/* Read or write all of @len, retrying short counts and EINTR. 0 or -errno; -EIO when the file ends early. */
int io_read_full(int fd, void *buf, size_t len);
int io_write_full(int fd, const void *buf, size_t len);
int io_pread_full(int fd, void *buf, size_t len, uint64_t off_bytes);
int io_pwrite_full(int fd, const void *buf, size_t len, uint64_t off_bytes);

/*
 * Read a whole file below directory @dirfd (AT_FDCWD for a path), at most
 * @max_bytes (-EFBIG above). *ret_data is NUL-terminated; caller frees it.
 */
int io_read_file(int dirfd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
		 struct err *err);

/* One write(2) of @data to an existing file (cgroup, proc): -errno as the kernel gave it, no sentence. */
int io_write_value(int dirfd, const char *path, const char *data);

/*
 * Replace a file so that a crash leaves the old or the new one, and nothing
 * else where the file system knows unnamed files: temporary file in the same
 * directory, fsync, rename, fsync of the directory.
 */
int io_replace_file(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		    struct err *err);

/* The same, with the owner, the group and the mode of @like. */
int io_replace_file_like(int dirfd, const char *path, const void *data, size_t len,
			 const struct stat *like, struct err *err);

/* A file without a name in the directory, for reading and writing; it goes when it is closed. -errno. */
int io_unnamed_file(int dirfd);

#endif
