/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descriptor for an image that has lost its own. What a header says is taken;
 * what it does not say is refused by name: which of several images stands on
 * which, and by what GUID.
 */
#include "ploop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "image.h"
#include "kept.h"

/* Is the file another image of what may have been one disk? Raw ones look like anything: by the name. */
static bool is_image(int dirfd, const char *name, const char *image)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	size_t len = strlen(name), tail = strlen(KEPT_SUFFIX);
	enum ploop_format format;

	if (fd < 0 || strcmp(name, image) == 0)
		return false;
	if (len > tail && strcmp(name + len - tail, KEPT_SUFFIX) == 0)
		return false;
	return (image_probe(fd, &format) == 0 && format == PLOOP_FORMAT_EXPANDED) ||
	       strstr(name, ".{");
}

static int check_alone(int dirfd, const char *dir, const char *image, struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return err_errno(err, errno, "cannot open the directory '%s'", dir);
	while ((errno = 0, e = readdir(d)))
		if (is_image(dirfd, e->d_name, image))
			return err_set(err, EOPNOTSUPP,
				       "'%s' has the image '%s' as well, and which of the two "
				       "stands on the other cannot be known",
				       dir, e->d_name);
	return errno ? err_errno(err, errno, "cannot read the directory '%s'", dir) : 0;
}

/* Has it all of its clusters, each at its own place, as one that was made so? */
static bool is_preallocated(const struct image *img)
{
	uint32_t i;

	for (i = 0; i < img->bat.count; i++)
		if (bat_lookup(&img->bat, i) != img->bat.first + i)
			return false;
	return img->format == PLOOP_FORMAT_EXPANDED;
}

static int describe(int dirfd, const char *image, const struct image *img, struct err *err)
{
	struct descriptor d;
	int r = descriptor_init(&d, img->size_bytes, img->cluster_bytes, img->format, image);

	d.preallocated = is_preallocated(img);
	r = r < 0 ? err_errno(err, r, "cannot describe the image '%s'", image)
		  : descriptor_store(dirfd, &d, err);
	descriptor_free(&d);
	return r;
}

static int check_missing(int dirfd, const char *dir, struct err *err)
{
	struct descriptor d;

	if (faccessat(dirfd, DESCRIPTOR_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	/* A damaged one is replaced, and so is an empty one. */
	if (descriptor_load(dirfd, DESCRIPTOR_NAME, &d, NULL) < 0)
		return 0;
	descriptor_free(&d);
	return err_set(err, EEXIST, "'%s' has a sound %s", dir, DESCRIPTOR_NAME);
}

static int restore(int dirfd, const char *dir, const char *image, uint32_t cluster_bytes,
		   struct err *err)
{
	struct image img = {.fd = -EBADF};
	enum ploop_format format;
	_cleanup_close_ int fd =
		openat(dirfd, image, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_errno(err, errno, "cannot open the image '%s'", image);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "the image '%s/%s' is in use", dir, image);
	r = image_probe(fd, &format);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", image);
	r = check_alone(dirfd, dir, image, err);
	if (r == 0)
		r = image_open(dirfd, image, format, cluster_bytes, false, &img, err);
	if (r == 0)
		r = describe(dirfd, image, &img, err);
	image_close(&img);
	return r;
}

int ploop_restore_descriptor(const char *dir, const char *image, uint32_t cluster_bytes,
			     struct err *err)
{
	_cleanup_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dirfd < 0)
		return err_errno(err, errno, "cannot open the directory '%s'", dir);
	if (strchr(image, '/'))
		return err_set(err, EINVAL, "the image '%s' is to be named without a directory",
			       image);
	if (flock(dirfd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "another program is changing the snapshots of '%s'",
			       dir);
	r = check_missing(dirfd, dir, err);
	return r < 0 ? r : restore(dirfd, dir, image, cluster_bytes, err);
}
