/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at an image without trusting or changing it. Every finding is told
 * and the search goes on as far as what was found still makes sense; only what
 * cannot be read ends it. What lies inside of the file system is e2fsck's.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "extension.h"
#include "format.h"
#include "gpt.h"
#include "holes.h"
#include "io.h"
#include "open.h"
#include "path.h"

struct check {
	const char *path;
	const char *shown; /* the file, where there are several */
	int fd;
	uint64_t file_bytes;
	ploop_finding_fn fn;
	void *arg;
	unsigned int findings;
};

static void __attribute__((format(printf, 2, 3))) found(struct check *c, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	size_t n = 0;
	va_list ap;

	if (c->shown)
		n = (size_t)snprintf(msg, sizeof(msg), "'%.200s': ", c->shown);
	va_start(ap, fmt);
	vsnprintf(msg + n, sizeof(msg) - n, fmt, ap);
	va_end(ap);
	c->findings++;
	c->fn(c->arg, msg);
}

static int check_holes(struct check *c)
{
	uint64_t at;
	int r = holes_find(c->fd, c->file_bytes, &at);

	if (r > 0)
		found(c, "there is a hole in the image file at byte %llu", (unsigned long long)at);
	return r < 0 ? r : 0;
}

/* Its clusters are in no entry. */
static int check_extension(struct check *c, const struct ploop_header *h, const struct bat *bat,
			   uint32_t *owner)
{
	struct err why = ERR_INIT;
	struct extension e;
	uint32_t i;
	int r = extension_load(c->fd, h, bat, c->file_bytes, c->path, &e, &why);

	if (r == -EUCLEAN || r == -EOPNOTSUPP) {
		found(c, "%s", why.msg);
		return 0;
	}
	for (i = 0; r == 0 && i < e.n_clusters; i++)
		owner[e.clusters[i]] = UINT32_MAX;
	extension_free(&e);
	return r;
}

/* Every entry, where image_open() stops at the first. */
static int check_map(struct check *c, const struct ploop_header *h)
{
	uint32_t first = h->first_block_sectors / h->cluster_sectors, i;
	uint64_t clusters = c->file_bytes / (h->cluster_sectors * PLOOP_SECTOR);
	_cleanup_free_ uint32_t *owner = calloc((size_t)clusters + 1, sizeof(*owner));
	uint64_t lost = 0, n;
	struct bat bat;
	int r;

	if (!owner)
		return -ENOMEM;
	r = bat_read(&bat, c->fd, h->bat_entries, first, image_map_unit(h));
	if (r < 0)
		return r;
	for (i = 0; i < bat.count; i++) {
		uint32_t e = bat_lookup(&bat, i);

		if (!e)
			continue;
		if (e < first || e >= clusters)
			found(c, "block %u is said to be in cluster %u, outside of the data", i, e);
		else if (owner[e])
			found(c, "blocks %u and %u are both said to be in cluster %u", owner[e] - 1,
			      i, e);
		else
			owner[e] = i + 1;
	}
	r = check_extension(c, h, &bat, owner);
	bat_free(&bat);
	if (r < 0)
		return r;
	for (n = first; n < clusters; n++)
		lost += !owner[n];
	if (lost)
		found(c, "%llu clusters of the file belong to no block", (unsigned long long)lost);
	return 0;
}

static int check_expanded(struct check *c, bool *ret_usable)
{
	uint8_t bytes[sizeof(struct ploop_header)];
	unsigned int before = c->findings;
	struct err why = ERR_INIT;
	struct ploop_header h;
	int r;

	*ret_usable = false;
	if (c->file_bytes < sizeof(bytes)) {
		found(c, "the file is too short for an image");
		return 0;
	}
	r = io_pread_full(c->fd, bytes, sizeof(bytes), 0);
	if (r < 0)
		return r;
	r = image_parse_header(bytes, c->file_bytes, c->path, &h, &why);
	if (r < 0) {
		found(c, "%s", why.msg);
		return 0;
	}
	if (h.in_use == PLOOP_INUSE)
		found(c, "the image is marked as in use: it is open now, or was not closed");
	if (h.flags & PLOOP_FLAG_CONVERTING)
		found(c, "the image was left in the middle of a conversion");
	if (c->file_bytes % (h.cluster_sectors * PLOOP_SECTOR))
		found(c, "the file ends %llu bytes into a cluster",
		      (unsigned long long)(c->file_bytes % (h.cluster_sectors * PLOOP_SECTOR)));
	r = check_map(c, &h);
	if (r == 0)
		r = check_holes(c);
	*ret_usable = c->findings == before;
	return r;
}

static bool same_table(const struct gpt_header *a, const struct gpt_header *b)
{
	return a->alternate_lba == b->my_lba && b->alternate_lba == a->my_lba &&
	       a->first_usable_lba == b->first_usable_lba &&
	       a->last_usable_lba == b->last_usable_lba && a->entries_crc32 == b->entries_crc32 &&
	       memcmp(a->disk_guid, b->disk_guid, 16) == 0;
}

/* A failure that says something about the image, and not about the machine. */
static bool is_verdict(int r)
{
	return r == -EINVAL || r == -EUCLEAN || r == -EOPNOTSUPP || r == -EBUSY || r == -ERANGE;
}

/* 1 when there is no sound table at @lba, which has been told. */
static int look_at_table(struct check *c, struct ploop_disk *disk, uint64_t lba,
			 struct gpt_header *ret, struct err *err)
{
	struct err why = ERR_INIT;
	uint64_t from, to;
	int r = gpt_read(disk, lba, ret, &from, &to, &why);

	if (r < 0 && !is_verdict(r))
		return err_set(err, r, "%s", why.msg);
	if (r < 0)
		found(c, "%s", why.msg);
	return r < 0;
}

static int check_gpt(struct check *c, struct ploop_disk *disk, struct err *err)
{
	uint64_t last = disk->img.size_bytes / PLOOP_SECTOR - 1;
	struct gpt_header primary, backup;
	uint8_t mark[2] = {0, 0};
	int a, b, r = disk_read(disk, MBR_MARK_OFFSET, mark, 2);

	if (r < 0 && !is_verdict(r))
		return err_errno(err, r, "cannot read '%s'", c->path);
	if (mark[0] != 0x55 || mark[1] != 0xaa)
		found(c, "the protective MBR is missing");
	a = look_at_table(c, disk, 1, &primary, err);
	if (a < 0)
		return a;
	b = look_at_table(c, disk, last, &backup, err);
	if (b < 0)
		return b;
	if (!a && !b && !same_table(&primary, &backup))
		found(c, "the two partition tables do not agree");
	return 0;
}

static int check_disk(struct check *c, const struct location *loc, struct err *err)
{
	struct ploop_disk *disk;
	struct err why = ERR_INIT;
	int r = location_open(loc, OPEN_CLOSED, &disk, &why);

	if (r < 0 && !is_verdict(r))
		return err_set(err, r, "%s", why.msg);
	if (r < 0) {
		found(c, "%s", why.msg);
		return 0;
	}
	/* It grew, and its partition tables and descriptor did not yet. */
	if (loc->described && loc->desc.size_bytes != disk->img.size_bytes)
		found(c, "the descriptor says %llu bytes and the image %llu",
		      (unsigned long long)loc->desc.size_bytes,
		      (unsigned long long)disk->img.size_bytes);
	else
		r = check_gpt(c, disk, err);
	disk_free(disk);
	return r;
}

static int check_image(struct check *c, const struct location *loc, const struct level *level,
		       bool *ret_usable, struct err *err)
{
	_cleanup_close_ int fd = openat(loc->dirfd, level->file,
					O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	enum ploop_format format;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot open '%s'", c->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", c->path);
	c->fd = fd;
	c->file_bytes = (uint64_t)st.st_size;
	r = image_probe(fd, &format);
	if (r == 0 && level->format == PLOOP_FORMAT_EXPANDED)
		r = check_expanded(c, ret_usable);
	return r < 0 ? err_errno(err, r, "cannot read '%s'", c->path) : 0;
}

static int check_one(struct check *c, const struct location *loc, const struct level *level,
		     bool *usable, struct err *err)
{
	_cleanup_free_ char *path = path_join(loc->dir, level->file);
	bool this_usable = true;
	int r;

	if (!path)
		return err_errno(err, ENOMEM, "cannot check '%s'", loc->path);
	c->path = path;
	c->shown = loc->desc.count > 1 ? level->file : NULL;
	r = check_image(c, loc, level, &this_usable, err);
	c->path = loc->path;
	c->shown = NULL;
	*usable = *usable && this_usable;
	return r;
}

/* Snapshots that the disk does not stand on as well. */
static int check_all(struct check *c, const struct location *loc, bool *usable, struct err *err)
{
	size_t i;
	int r = 0;

	if (!loc->described)
		return check_one(c, loc, location_top(loc), usable, err);
	for (i = 0; r == 0 && i < loc->desc.count; i++) {
		const struct descriptor_delta *d = &loc->desc.deltas[i];

		r = check_one(c, loc, &(struct level){d->file, d->format}, usable, err);
	}
	return r;
}

int ploop_check(const char *path, ploop_finding_fn fn, void *arg, unsigned int *ret_findings,
		struct err *err)
{
	struct check c = {.fd = -EBADF, .fn = fn, .arg = arg};
	struct location loc;
	bool usable = true;
	int r = location_find(&loc, path, NULL, err);

	if (r < 0)
		return r;
	r = check_all(&c, &loc, &usable, err);
	/* The partition tables of a disk whose map is wrong say nothing. */
	if (r == 0 && usable)
		r = check_disk(&c, &loc, err);
	if (r == 0)
		*ret_findings = c.findings;
	location_free(&loc);
	return r;
}
