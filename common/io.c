/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole reads and writes, and the one way in the project to replace a file
 * that has to survive a crash.
 */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

enum io_call { IO_READ, IO_WRITE, IO_PREAD, IO_PWRITE };

/* Every byte or an error: -EIO where a file ends or a device takes nothing. */
static int transfer(enum io_call call, int fd, void *buf, size_t len, uint64_t off_bytes)
{
	char *p = buf;

	while (len > 0) {
		ssize_t n = call == IO_READ    ? read(fd, p, len)
			    : call == IO_WRITE ? write(fd, p, len)
			    : call == IO_PREAD ? pread(fd, p, len, (off_t)off_bytes)
					       : pwrite(fd, p, len, (off_t)off_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
		off_bytes += (uint64_t)n;
	}
	return 0;
}

static bool fits(size_t len, uint64_t off_bytes)
{
	return off_bytes <= INT64_MAX && len <= INT64_MAX - off_bytes;
}

int io_read_full(int fd, void *buf, size_t len)
{
	return transfer(IO_READ, fd, buf, len, 0);
}

int io_write_full(int fd, const void *buf, size_t len)
{
	return transfer(IO_WRITE, fd, (void *)buf, len, 0);
}

int io_pread_full(int fd, void *buf, size_t len, uint64_t off_bytes)
{
	return fits(len, off_bytes) ? transfer(IO_PREAD, fd, buf, len, off_bytes) : -EOVERFLOW;
}

int io_pwrite_full(int fd, const void *buf, size_t len, uint64_t off_bytes)
{
	return fits(len, off_bytes) ? transfer(IO_PWRITE, fd, (void *)buf, len, off_bytes) : -EFBIG;
}

/* st_size is only a hint: proc and cgroup files say 0 and have contents. */
int io_read_file(int dirfd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
		 struct err *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *buf = NULL;
	size_t len = 0, cap = 0;

	if (fd < 0)
		return err_errno(err, errno, "cannot open '%s'", path);

	for (;;) {
		ssize_t n;

		if (cap - len < 2) {
			size_t want = cap ? cap * 2 : 4096;
			char *p = realloc(buf, want);

			if (!p)
				return err_errno(err, ENOMEM, "cannot read '%s'", path);
			buf = p;
			cap = want;
		}
		n = read(fd, buf + len, cap - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot read '%s'", path);
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max_bytes)
			return err_set(err, EFBIG, "'%s' is larger than %zu bytes", path,
				       max_bytes);
	}
	buf[len] = '\0';
	if (ret_len)
		*ret_len = len;
	*ret_data = steal_ptr(buf);
	return 0;
}

int io_write_value(int dirfd, const char *path, const char *data)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = strlen(data);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int open_parent(int dirfd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = NULL;
	int fd;

	if (!slash) {
		dir = strdup(".");
	} else {
		dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
		path = slash + 1;
	}
	if (!dir)
		return -ENOMEM;
	if (!*path)
		return -EISDIR;

	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_name = path;
	return fd;
}

static int write_new(int parent, const char *tmp, const void *data, size_t len, mode_t mode,
		     const struct stat *owner)
{
	_cleanup_close_ int fd = openat(parent, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = io_write_full(fd, data, len);
	if (r < 0)
		return r;
	/* The mode comes last: a change of the owner would take bits away. */
	if (owner && fchown(fd, owner->st_uid, owner->st_gid) < 0)
		return -errno;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return -errno;
	return close(steal_fd(&fd)) < 0 ? -errno : 0;
}

static int replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		   const struct stat *owner, struct err *err)
{
	_cleanup_close_ int parent = -EBADF;
	_cleanup_free_ char *tmp = NULL;
	const char *name = NULL;
	uint64_t salt = 0;
	int r;

	parent = open_parent(dirfd, path, &name);
	if (parent < 0)
		return err_errno(err, parent, "cannot write '%s'", path);
	if (getrandom(&salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return err_errno(err, EIO, "cannot write '%s': no random numbers", path);
	/* Cut, so that a name of full length still has a temporary one. */
	if (asprintf(&tmp, ".%.200s.%016llx", name, (unsigned long long)salt) < 0) {
		tmp = NULL;
		return err_errno(err, ENOMEM, "cannot write '%s'", path);
	}

	r = write_new(parent, tmp, data, len, mode, owner);
	if (r == 0 && renameat(parent, tmp, parent, name) < 0)
		r = -errno;
	if (r < 0) {
		if (r != -EEXIST)
			unlinkat(parent, tmp, 0);
		return err_errno(err, r, "cannot write '%s'", path);
	}
	if (fsync(parent) < 0)
		return err_errno(err, errno, "cannot flush the directory of '%s'", path);
	return 0;
}

int io_replace_file(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		    struct err *err)
{
	return replace(dirfd, path, data, len, mode, NULL, err);
}

int io_replace_file_like(int dirfd, const char *path, const void *data, size_t len,
			 const struct stat *like, struct err *err)
{
	return replace(dirfd, path, data, len, like->st_mode & 07777, like, err);
}
