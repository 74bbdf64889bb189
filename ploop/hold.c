/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holding an image directory: the lock that a mount takes on an image, on
 * every file there. The files are taken as they are found, since an image that
 * nobody can read any more may still be mounted.
 */
#include "ploop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

struct ploop_hold {
	int *fds;
	size_t count, cap;
};

void ploop_release(struct ploop_hold *h)
{
	if (!h)
		return;
	while (h->count)
		close(h->fds[--h->count]);
	free(h->fds);
	free(h);
}

/* Takes @fd. */
static int keep(struct ploop_hold *h, int fd)
{
	if (h->count == h->cap) {
		int *p = reallocarray(h->fds, h->cap + 16, sizeof(*p));

		if (!p) {
			close(fd);
			return -ENOMEM;
		}
		h->fds = p;
		h->cap += 16;
	}
	h->fds[h->count++] = fd;
	return 0;
}

static int hold_file(struct ploop_hold *h, int dirfd, const char *dir, const char *name,
		     struct err *err)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s/%s'", dir, name);
	if (!S_ISREG(st.st_mode))
		return 0;
	/* A file with another name is also below disks that are none of this directory; the top never is. */
	if (flock(fd, (st.st_nlink > 1 ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s/%s' is in use: is it mounted?", dir,
			       name);
	if (keep(h, steal_fd(&fd)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

int ploop_hold(const char *dir, struct ploop_hold **ret_hold, struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct ploop_hold *h = calloc(1, sizeof(*h));
	struct dirent *e;
	int r = 0;

	if (!h)
		return err_set(err, ENOMEM, "out of memory");
	if (!d)
		r = err_errno(err, errno, "cannot open the directory '%s'", dir);
	while (r == 0 && (errno = 0, e = readdir(d)))
		r = hold_file(h, dirfd(d), dir, e->d_name, err);
	if (r == 0 && errno)
		r = err_errno(err, errno, "cannot read the directory '%s'", dir);
	if (r < 0) {
		ploop_release(h);
		return r;
	}
	*ret_hold = h;
	return 0;
}
