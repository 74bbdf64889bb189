/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "err.h"
#include "image.h"
#include "io.h"
#include "strbuf.h"
#include "strv.h"

#define EXPECT_NAME  DESCRIPTOR_NAME ".expect"
#define EXPECT_BYTES 65536

static bool is_named(const struct descriptor *d, const char *file)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		if (strcmp(d->deltas[i].file, file) == 0)
			return true;
	return false;
}

static void remove_unnamed(int dirfd, const struct descriptor *d, char *const *names)
{
	size_t i;

	for (i = 0; names && names[i]; i++)
		if (*names[i] && !strchr(names[i], '/') && strcmp(names[i], DESCRIPTOR_NAME) != 0 &&
		    !is_named(d, names[i]))
			unlinkat(dirfd, names[i], 0);
}

/* By the descriptor as it is on the disk, whatever became of a change. */
static int clean(int dirfd, const char *shown, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ char **names = NULL;
	struct descriptor d;
	int r = io_read_file(dirfd, EXPECT_NAME, EXPECT_BYTES, &text, NULL, NULL);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = strv_split(text, "\n", &names);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", EXPECT_NAME);
	r = descriptor_load(dirfd, shown, &d, err);
	if (r < 0)
		return r;
	remove_unnamed(dirfd, &d, names);
	descriptor_free(&d);
	/* They are to be gone before they are forgotten. */
	if (fsync(dirfd) < 0 || unlinkat(dirfd, EXPECT_NAME, 0) < 0)
		return err_errno(err, errno, "cannot remove what is left of an earlier change");
	return 0;
}

int edit_begin(const char *path, struct edit *ret, struct err *err)
{
	struct edit e = {.lock = -EBADF};
	int r = location_find(&e.loc, path, NULL, err);

	if (r < 0)
		return r;
	if (!e.loc.described)
		r = err_set(err, EINVAL, "'%s' is an image without a descriptor", path);
	else if (flock(e.loc.dirfd, LOCK_EX | LOCK_NB) < 0)
		r = err_set(err, EBUSY, "another program is changing the snapshots of '%s'",
			    e.loc.dir);
	if (r < 0) {
		location_free(&e.loc);
		return r;
	}
	e.lock = steal_fd(&e.loc.dirfd);
	location_free(&e.loc);
	/* As it is now that it is locked. */
	r = clean(e.lock, path, err);
	if (r == 0)
		r = location_find(&e.loc, path, NULL, err);
	if (r < 0) {
		close(e.lock);
		return r;
	}
	*ret = e;
	return 0;
}

int edit_expect(struct edit *e, const char *const *names, size_t n, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	size_t i;
	int r = clean(e->lock, e->loc.dir, err);

	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		/* The list has a line for each. */
		if (strchr(names[i], '\n'))
			return err_set(err, EINVAL, "'%s' has an image with a newline in its name",
				       e->loc.dir);
		strbuf_addf(&b, "%s\n", names[i]);
	}
	if (b.failed)
		return err_errno(err, ENOMEM, "cannot write '%s'", EXPECT_NAME);
	return io_replace_file(e->lock, EXPECT_NAME, b.s, b.len, 0600, err);
}

int edit_lock_delta(const struct edit *e, const struct descriptor_delta *delta, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	if (fstatat(e->loc.dirfd, delta->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "cannot open the image '%s'", delta->file);
	/* Other disks may stand on a file with another name: it is read, and not written to. */
	fd = image_open_file(e->loc.dirfd, delta->file, st.st_nlink == 1, delta->file, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", delta->file);
	if (flock(fd, (st.st_nlink > 1 ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s/%s' is in use", e->loc.dir, delta->file);
	r = st.st_nlink > 1 ? 0 : attach_check_none(fd, delta->file, err);
	return r < 0 ? r : steal_fd(&fd);
}

int edit_store(struct edit *e, struct err *err)
{
	return descriptor_store(e->lock, &e->loc.desc, err);
}

void edit_end(struct edit *e)
{
	(void)clean(e->lock, e->loc.dir, NULL);
	close(e->lock);
	location_free(&e->loc);
}
