/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths that other people's data may steer. Everything here works below a
 * directory descriptor and lets the kernel refuse what leaves it.
 */
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

char *path_join(const char *a, const char *b)
{
	size_t la = strlen(a);
	char *s;

	while (la > 0 && a[la - 1] == '/')
		la--;
	while (*b == '/')
		b++;
	if (la == 0 && *a != '/')
		return strdup(b);
	if (asprintf(&s, "%.*s/%s", (int)la, a, b) < 0)
		return NULL;
	return s;
}

int path_mkdirs(const char *path, mode_t mode, struct err *err)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;
	char *p;

	if (!copy)
		return err_errno(err, ENOMEM, "cannot make the directory '%s'", path);

	for (p = copy; *p;) {
		char saved;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		saved = *p;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST) {
			/* A read-only parent says EROFS or EACCES before EEXIST. */
			int saved_errno = errno;

			if (stat(copy, &st) < 0 || !S_ISDIR(st.st_mode))
				return err_errno(err, saved_errno, "cannot make the directory '%s'",
						 copy);
		}
		*p = saved;
	}
	if (stat(path, &st) < 0)
		return err_errno(err, errno, "cannot make the directory '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_errno(err, ENOTDIR, "cannot make the directory '%s'", path);
	return 0;
}

int path_sync_parent(const char *path, struct err *err)
{
	_cleanup_free_ char *parent = strdup(path);
	_cleanup_close_ int fd = -EBADF;
	size_t len = parent ? strlen(parent) : 0;

	if (!parent)
		return err_errno(err, ENOMEM, "cannot flush the directory of '%s'", path);
	while (len > 1 && parent[len - 1] == '/')
		len--;
	while (len && parent[len - 1] != '/')
		len--;
	parent[len] = '\0';
	fd = open(len ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, errno, "cannot flush the directory of '%s'", path);
	return 0;
}

static int openat2_retry(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.resolve = resolve,
	};
	int tries;
	long fd = -1;

	/* The kernel is strict here: a mode without O_CREAT is EINVAL. */
	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & 07777;

	/* EAGAIN: a rename or mount elsewhere raced with the walk. */
	for (tries = 0; tries < 64; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int path_open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
	return openat2_retry(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_strict(int dirfd, const char *path, int flags)
{
	/* Without O_NOFOLLOW, which would make a last link open as itself. */
	return openat2_retry(dirfd, path, flags & ~O_NOFOLLOW, 0,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

/*
 * Removing a tree keeps one descriptor a level open. Trees deeper than
 * DEPTH_MAX are hostile; what lies below is moved up into the tree's own top
 * directory under a fresh name and removed in the next round.
 */
#define DEPTH_MAX 64

struct removal {
	int top;	      /* the tree's top directory, borrowed */
	unsigned int hoisted; /* how many were moved up, makes their names */
	bool again;	      /* something was moved up: another round */
};

static int empty_dir(struct removal *rm, int fd, int depth);

static int hoist(struct removal *rm, int dirfd, const char *name)
{
	char fresh[40];

	do
		snprintf(fresh, sizeof(fresh), ".vesper-remove.%u", rm->hoisted++);
	while (faccessat(rm->top, fresh, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	if (renameat(dirfd, name, rm->top, fresh) < 0)
		return -errno;
	rm->again = true;
	return 0;
}

static int remove_entry(struct removal *rm, int dirfd, const char *name, int depth)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* A directory is EISDIR; EPERM is what POSIX and some systems say instead. */
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return errno == ENOTDIR ? -EPERM : -errno;
	if (depth >= DEPTH_MAX)
		return hoist(rm, dirfd, name);

	fd = openat2_retry(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
			   RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
	if (fd < 0)
		return fd;
	r = empty_dir(rm, steal_fd(&fd), depth + 1);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Takes @fd. */
static int empty_dir(struct removal *rm, int fd, int depth)
{
	_cleanup_closedir_ DIR *d = fdopendir(fd);
	struct dirent *de;
	int r;

	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	rewinddir(d);
	while (errno = 0, (de = readdir(d))) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		r = remove_entry(rm, dirfd(d), de->d_name, depth);
		if (r < 0)
			return r;
	}
	return -errno;
}

int path_remove_tree(int dirfd, const char *name, struct err *err)
{
	struct removal rm = {.again = false};
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(err, errno, "cannot remove '%s'", name);

	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "cannot remove '%s'", name);
	rm.top = fd;
	do {
		rm.again = false;
		r = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		r = r < 0 ? -errno : empty_dir(&rm, r, 0);
		if (r < 0)
			return err_errno(err, r, "cannot remove what is in '%s'", name);
	} while (rm.again);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
		return err_errno(err, errno, "cannot remove '%s'", name);
	return 0;
}
