/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "newdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "path.h"

/* A directory of our own beside @dir, on the same file system; its name is hidden. */
static int make_beside(const char *dir, char **ret_tmp, struct err *err)
{
	size_t len = strlen(dir);
	const char *base;
	char *tmp;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	for (base = dir + len; base > dir && base[-1] != '/'; base--)
		continue;
	if (asprintf(&tmp, "%.*s.%.*s.tmp-XXXXXX", (int)(base - dir), dir,
		     (int)(dir + len - base) > 200 ? 200 : (int)(dir + len - base), base) < 0)
		return err_errno(err, ENOMEM, "cannot make '%s'", dir);
	if (!mkdtemp(tmp)) {
		int e = errno;

		free(tmp);
		return err_errno(err, e, "cannot make a directory beside '%s'", dir);
	}
	*ret_tmp = tmp;
	return 0;
}

static int sync_parent(const char *dir)
{
	_cleanup_free_ char *up = path_join(dir, "..");
	_cleanup_close_ int fd = -EBADF;

	if (!up)
		return -ENOMEM;
	fd = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int fill_at(const char *dir, newdir_fill_fn fill, const void *arg, struct err *err)
{
	_cleanup_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0)
		return err_errno(err, errno, "cannot open the directory '%s'", dir);
	return fill(arg, dirfd, err);
}

int newdir_make(const char *dir, bool sync, newdir_fill_fn fill, const void *arg, struct err *err)
{
	_cleanup_free_ char *tmp = NULL;
	struct stat st;
	int r;

	if (lstat(dir, &st) == 0)
		return err_set(err, EEXIST, "'%s' exists already", dir);
	r = make_beside(dir, &tmp, err);
	if (r < 0)
		return r;
	r = fill_at(tmp, fill, arg, err);
	if (r == 0 && renameat2(AT_FDCWD, tmp, AT_FDCWD, dir, RENAME_NOREPLACE) < 0)
		r = err_errno(err, errno, "cannot give '%s' its name", dir);
	if (r < 0) {
		path_remove_tree(AT_FDCWD, tmp, NULL);
		return r;
	}
	r = sync ? sync_parent(dir) : 0;
	if (r < 0) {
		/* A crash might take the name away again: then rather nothing now. */
		path_remove_tree(AT_FDCWD, dir, NULL);
		return err_errno(err, r, "cannot flush the directory of '%s'", dir);
	}
	return 0;
}
