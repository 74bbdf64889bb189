/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "err.h"
#include "gpt.h"
#include "image.h"
#include "points.h"

static int open_directory(struct newfile *f, struct err *err)
{
	char *slash = strrchr(f->path, '/');
	struct stat st;

	f->name = slash ? slash + 1 : f->path;
	if (!*f->name)
		return err_set(err, EISDIR, "'%s' is not the name of a file", f->path);
	if (slash)
		*slash = '\0';
	f->dirfd = open(!slash		   ? "."
			: slash == f->path ? "/"
					   : f->path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dirfd < 0)
		err_errno(err, errno, "cannot open the directory '%s'", slash ? f->path : ".");
	if (slash)
		*slash = '/';
	if (f->dirfd < 0)
		return err ? err->code : -EIO;
	if (fstatat(f->dirfd, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, EEXIST, "'%s' exists already", f->path);
	return 0;
}

int newfile_begin(struct newfile *ret, const char *path, uint64_t size_bytes,
		  uint32_t cluster_bytes, struct err *err)
{
	struct newfile f = {.dirfd = -EBADF, .path = strdup(path)};
	struct image img = {.fd = -EBADF};
	int r = f.path ? open_directory(&f, err)
		       : err_errno(err, ENOMEM, "cannot create the image '%s'", path);

	if (r == 0)
		r = image_create_unnamed(f.dirfd, path, size_bytes, cluster_bytes, &img, err);
	if (r == 0 && disk_new(&img, &f.disk) < 0) {
		image_close(&img);
		r = err_errno(err, ENOMEM, "cannot create the image '%s'", path);
	}
	if (r < 0)
		newfile_drop(&f);
	else
		*ret = f;
	return r;
}

int newfile_put(struct newfile *f, uint32_t cluster, const void *buf, size_t len, struct err *err)
{
	uint64_t at = (uint64_t)cluster * f->disk->img.cluster_bytes;
	int r = buf ? disk_write(f->disk, at, buf, len) : disk_zero(f->disk, at, len);

	return r < 0 ? err_errno(err, r, "cannot write '%s'", f->path) : 0;
}

int newfile_flush(struct newfile *f, struct err *err)
{
	int r;

	f->disk->sync = true;
	r = disk_flush(f->disk);
	f->disk->sync = false;
	return r < 0 ? err_errno(err, r, "cannot write '%s'", f->path) : 0;
}

/* Its last name is this one, or none: whoever was first keeps it. */
static int give_name(struct newfile *f, struct err *err)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", f->disk->img.fd);
	if (linkat(AT_FDCWD, self, f->dirfd, f->name, AT_SYMLINK_FOLLOW) < 0)
		return errno == EEXIST ? err_set(err, EEXIST, "'%s' exists already", f->path)
				       : err_errno(err, errno, "cannot name '%s'", f->path);
	if (fsync(f->dirfd) == 0)
		return 0;
	err_errno(err, errno, "cannot flush the directory of '%s'", f->path);
	unlinkat(f->dirfd, f->name, 0);
	return err ? err->code : -EIO;
}

int newfile_end(struct newfile *f, const char *point, struct err *err)
{
	int r;

	/* A disk that grew while it was mounted has its tables behind; others stay what they are. */
	if (!gpt_is_settled(f->disk))
		(void)gpt_fit(f->disk, f->disk->img.size_bytes, NULL);
	r = newfile_flush(f, err);
	if (r == 0 && point)
		r = point_add(&f->disk->img.ext, &f->disk->img, point, err);
	if (r == 0)
		r = image_finish(&f->disk->img, true, err);
	return r < 0 ? r : give_name(f, err);
}

void newfile_drop(struct newfile *f)
{
	disk_free(f->disk);
	if (f->dirfd >= 0)
		close(f->dirfd);
	free(f->path);
	*f = (struct newfile){.dirfd = -EBADF};
}
