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

#define LINK_TRIES 8

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

/* What a file is to hold; @owner: of whom, NULL: ours. */
struct content {
	const void *data;
	size_t len;
	mode_t mode;
	const struct stat *owner;
};

static int write_content(int fd, const struct content *c)
{
	int r = io_write_full(fd, c->data, c->len);

	if (r < 0)
		return r;
	/* The mode comes last: a change of the owner would take bits away. */
	if (c->owner && fchown(fd, c->owner->st_uid, c->owner->st_gid) < 0)
		return -errno;
	return fchmod(fd, c->mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Cut, so that a name of full length still has a temporary one. */
static int temporary_name(const char *name, bool fixed, char **ret)
{
	uint64_t salt = 0;
	int n;

	if (!fixed && getrandom(&salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return -EIO;
	n = fixed ? asprintf(ret, ".%.200s.new", name)
		  : asprintf(ret, ".%.200s.%016llx", name, (unsigned long long)salt);
	return n < 0 ? -ENOMEM : 0;
}

static int link_as(int parent, const char *name, int fd)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, parent, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* A name of its own, then that one in the place of @name. */
static int link_over(int parent, const char *name, int fd, bool fixed)
{
	_cleanup_free_ char *tmp = NULL;
	int r = temporary_name(name, fixed, &tmp);

	if (r == 0 && fixed)
		unlinkat(parent, tmp, 0);
	if (r == 0)
		r = link_as(parent, tmp, fd);
	if (r < 0)
		return r;
	r = renameat(parent, tmp, parent, name) < 0 ? -errno : 0;
	/* There still when it failed, and when both were the same file already. */
	unlinkat(parent, tmp, 0);
	return r;
}

/*
 * The file has no name until it is whole and stable, so that a kill leaves
 * nothing; where there is an old one, it has another name for a moment, which
 * the next takes away. Whoever does the same at the same time may take it away
 * too: again, and if it cannot be had at all, under a name of chance.
 * -EOPNOTSUPP where files must have names.
 */
static int replace_unnamed(int parent, const char *name, const struct content *c)
{
	_cleanup_close_ int fd = openat(parent, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	int tries, r;

	if (fd < 0)
		return errno == EISDIR || errno == EINVAL || errno == ENOENT ? -EOPNOTSUPP : -errno;
	r = write_content(fd, c);
	if (r < 0)
		return r;
	r = link_as(parent, name, fd);
	for (tries = 0; (r == -EEXIST || r == -ENOENT) && tries < LINK_TRIES; tries++)
		r = link_over(parent, name, fd, tries < LINK_TRIES / 2);
	return r == -ENOENT ? -EOPNOTSUPP : r;
}

static int replace_named(int parent, const char *name, const struct content *c)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *tmp = NULL;
	int r = temporary_name(name, false, &tmp);

	if (r < 0)
		return r;
	fd = openat(parent, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_content(fd, c);
	if (r == 0 && (close(steal_fd(&fd)) < 0 || renameat(parent, tmp, parent, name) < 0))
		r = -errno;
	if (r < 0)
		unlinkat(parent, tmp, 0);
	return r;
}

static int replace(int dirfd, const char *path, const struct content *c, struct err *err)
{
	_cleanup_close_ int parent = -EBADF;
	const char *name = NULL;
	int r;

	parent = open_parent(dirfd, path, &name);
	if (parent < 0)
		return err_errno(err, parent, "cannot write '%s'", path);
	r = replace_unnamed(parent, name, c);
	if (r == -EOPNOTSUPP)
		r = replace_named(parent, name, c);
	if (r < 0)
		return err_errno(err, r, "cannot write '%s'", path);
	if (fsync(parent) < 0)
		return err_errno(err, errno, "cannot flush the directory of '%s'", path);
	return 0;
}

int io_replace_file(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		    struct err *err)
{
	const struct content c = {.data = data, .len = len, .mode = mode};

	return replace(dirfd, path, &c, err);
}

int io_replace_file_like(int dirfd, const char *path, const void *data, size_t len,
			 const struct stat *like, struct err *err)
{
	const struct content c = {
		.data = data, .len = len, .mode = like->st_mode & 07777, .owner = like};

	return replace(dirfd, path, &c, err);
}

int io_unnamed_file(int dirfd)
{
	_cleanup_free_ char *tmp = NULL;
	int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600), r;

	if (fd >= 0)
		return fd;
	if (errno != EISDIR && errno != EINVAL && errno != ENOENT && errno != EOPNOTSUPP)
		return -errno;
	/* Where files must have names, it has one for a moment. */
	r = temporary_name("unnamed", false, &tmp);
	if (r < 0)
		return r;
	fd = openat(dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	unlinkat(dirfd, tmp, 0);
	return fd;
}
