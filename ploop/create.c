/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A new image, whole or not at all: it is made in a directory beside the one
 * that is wanted and gets its name when it is complete. With in_place only
 * the descriptor, written last, makes the files an image.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "ext_io.h"
#include "format.h"
#include "gpt.h"
#include "guid.h"
#include "mark.h"
#include "mkfs.h"
#include "newdir.h"
#include "populate.h"
#include "rewrite.h"
#include "size.h"

#define IMAGE_NAME "root.hds"

struct creation {
	const struct ploop_create_opts *opts;
	struct mkfs_opts fs;
	const char *name; /* of the image file */
	uint64_t size_bytes;
	uint32_t cluster_bytes;
};

/* The descriptor is XML and other tools read it: no byte that needs thought. */
static int check_name(const char *name, struct err *err)
{
	const char *p;

	for (p = name; *p; p++)
		if (*p < 0x21 || *p > 0x7e || *p == '/')
			break;
	if (!*name || *p || *name == '.' || strcmp(name, DESCRIPTOR_NAME) == 0 ||
	    strlen(name) > 200)
		return err_set(err, EINVAL, "'%s' cannot be the name of an image file", name);
	return 0;
}

/* A given UUID must give the same bytes: the seed follows from it then. */
static int set_identity(struct creation *c, struct err *err)
{
	size_t i;
	int r;

	c->fs.now = c->opts->now ? c->opts->now : time(NULL);
	c->fs.label = c->opts->label;
	if (c->opts->uuid) {
		memcpy(c->fs.uuid, c->opts->uuid, sizeof(c->fs.uuid));
		for (i = 0; i < sizeof(c->fs.hash_seed); i++)
			c->fs.hash_seed[i] =
				(uint8_t)(c->fs.uuid[(i * 7 + 5) % 16] ^ (uint8_t)(0x5a + i * 29));
		return 0;
	}
	r = guid_random_bytes(c->fs.uuid);
	if (r == 0)
		r = guid_random_bytes(c->fs.hash_seed);
	return r < 0 ? err_set(err, r, "there are no random numbers for a UUID") : 0;
}

static int prepare(struct creation *c, const struct ploop_create_opts *opts, struct err *err)
{
	uint32_t cluster = opts->cluster_bytes ? opts->cluster_bytes : PLOOP_CLUSTER_DEFAULT;
	int r;

	*c = (struct creation){.opts = opts};
	c->name = opts->image_name ? opts->image_name : IMAGE_NAME;
	r = check_name(c->name, err);
	if (r < 0)
		return r;
	if (cluster < PLOOP_CLUSTER_MIN || cluster > PLOOP_CLUSTER_MAX || (cluster & (cluster - 1)))
		return err_set(
			err, EINVAL,
			"clusters of %u bytes are not possible: a power of two from 32K to 16M",
			cluster);
	if (opts->size_bytes == 0 || opts->size_bytes > PLOOP_SIZE_MAX)
		return err_set(err, EINVAL, "a disk of %llu bytes is not possible: 1 byte to 50T",
			       (unsigned long long)opts->size_bytes);
	c->cluster_bytes = cluster;
	c->size_bytes = (opts->size_bytes + cluster - 1) / cluster * cluster;
	return set_identity(c, err);
}

/* The sentence for an image that is too small: how large it has to be. */
static int too_small(const struct creation *c, const struct populate_need *need, struct err *err)
{
	char have[32], want[32];
	struct err why = ERR_INIT;
	uint64_t bytes;
	int r = mkfs_size_for(need->blocks, need->inodes, c->cluster_bytes, &bytes, &why);

	size_format(c->size_bytes, have, sizeof(have));
	if (r < 0)
		return err_set(err, ENOSPC, "an image of %s is too small, and what is needed is %s",
			       have, why.msg);
	size_format(bytes, want, sizeof(want));
	return err_set(err, ENOSPC, "an image of %s is too small: at least %s is needed", have,
		       want);
}

static int rewrite_files(const struct creation *c, ext2_filsys fs, struct err *err)
{
	const char *const *path = c->opts->rewrite_paths;
	int r = 0;

	for (; path && *path && r == 0; path++)
		r = rewrite_file(fs, *path, c->opts->rewrite, c->opts->rewrite_arg, err);
	return r;
}

static int make_file_system(const struct creation *c, int dirfd, struct ext_io_range *range,
			    struct err *err)
{
	static const char *const no_tars[] = {NULL};
	const struct populate_opts popts = {
		.tars = c->opts->tars ? c->opts->tars : no_tars,
		.max_id = c->opts->max_id,
		.dirfd = dirfd,
		.now = c->fs.now,
		.progress = c->opts->progress,
		.progress_arg = c->opts->progress_arg,
		.tap = c->opts->tap,
		.tap_arg = c->opts->tap_arg,
	};
	struct populate_need need = {1, 1};
	ext2_filsys fs = NULL;
	int r = mkfs_create(range, &c->fs, &fs, err);

	if (r == -ENOSPC && !range->disk->io_error) {
		fs = NULL;
		r = 0;
	}
	if (r < 0)
		return r;
	if (!fs || c->opts->tars)
		r = populate(fs, range, &popts, &need, err);
	if (r == 0)
		r = rewrite_files(c, fs, err);
	if (r < 0) {
		if (fs)
			mkfs_abandon(fs);
		return r == -ENOSPC && !range->disk->io_error ? too_small(c, &need, err) : r;
	}
	return mkfs_close(fs, err);
}

static int fill_disk(const struct creation *c, int dirfd, struct ploop_disk *disk, struct err *err)
{
	struct ext_io_range range = {.disk = disk};
	const struct populate_need little = {1, 1};
	int r = gpt_create(disk, c->fs.uuid, &range.offset_bytes, &range.length_bytes, err);

	if (r == -ENOSPC && !disk->io_error)
		return too_small(c, &little, err);
	if (r == 0)
		r = make_file_system(c, dirfd, &range, err);
	if (r < 0)
		return r;
	r = disk_flush(disk);
	image_map_reserved(&disk->img);
	if (r < 0)
		return err_errno(err, r, "cannot write the image '%s'", c->name);
	r = image_finish(&disk->img, c->opts->sync, err);
	if (r == 0)
		mark_set(disk->img.fd, (struct mark){true, c->opts->max_id});
	return r;
}

/* Of the image file; the descriptor says the rest. */
static enum ploop_format file_format(const struct creation *c)
{
	return c->opts->format == PLOOP_FORMAT_RAW ? PLOOP_FORMAT_RAW : PLOOP_FORMAT_EXPANDED;
}

static int make_image(const struct creation *c, int dirfd, struct err *err)
{
	struct image img = {.fd = -EBADF};
	struct ploop_disk *disk;
	int r = image_create(dirfd, c->name, file_format(c), c->size_bytes, c->cluster_bytes, &img,
			     err);

	if (r < 0)
		return r;
	if (c->opts->version == 1 && img.format == PLOOP_FORMAT_EXPANDED)
		r = image_set_version(&img, 1, err);
	if (r == 0 && c->opts->format == PLOOP_FORMAT_PREALLOCATED)
		r = image_reserve(&img, err);
	if (r < 0) {
		image_close(&img);
	} else if (disk_new(&img, &disk) < 0) {
		image_close(&img);
		r = err_errno(err, ENOMEM, "cannot create the image '%s'", c->name);
	} else {
		r = fill_disk(c, dirfd, disk, err);
		disk_free(disk);
	}
	if (r < 0)
		unlinkat(dirfd, c->name, 0);
	return r;
}

static int make_files(const struct creation *c, int dirfd, struct err *err)
{
	struct descriptor d;
	int r;

	if (faccessat(dirfd, DESCRIPTOR_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, EEXIST, "there is an image already: '%s' exists",
			       DESCRIPTOR_NAME);
	r = make_image(c, dirfd, err);
	if (r < 0)
		return r;
	r = descriptor_init(&d, c->size_bytes, c->cluster_bytes, file_format(c), c->name);
	d.preallocated = c->opts->format == PLOOP_FORMAT_PREALLOCATED;
	r = r < 0 ? err_errno(err, r, "cannot describe the image '%s'", c->name)
		  : descriptor_store(dirfd, &d, err);
	descriptor_free(&d);
	if (r < 0) {
		/* It may have got its name and failed after that. */
		unlinkat(dirfd, DESCRIPTOR_NAME, 0);
		unlinkat(dirfd, c->name, 0);
	}
	return r;
}

static int fill_dir(const void *arg, int dirfd, struct err *err)
{
	return make_files(arg, dirfd, err);
}

static int create_in_place(const struct creation *c, const char *dir, struct err *err)
{
	_cleanup_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0)
		return err_errno(err, errno, "cannot open the directory '%s'", dir);
	return make_files(c, dirfd, err);
}

int ploop_create(const char *dir, const struct ploop_create_opts *opts, struct err *err)
{
	struct creation c;
	int r = prepare(&c, opts, err);

	if (r < 0)
		return r;
	return opts->in_place ? create_in_place(&c, dir, err)
			      : newdir_make(dir, opts->sync, fill_dir, &c, err);
}
