/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cluster cache. A cluster is loaded whole when it is first touched, from the
 * youngest image that has it, changed in memory, and written to the top when
 * its slot is needed or at a flush.
 *
 *   expanded, new cluster   written whole (no holes), appended, then mapped;
 *                           dropped when it is all zeros and no older image has
 *                           it: unmapped reads zero
 *   expanded, known         the changed range
 *   raw, new cluster        the pages that are not zero: holes stay holes
 *   raw, known              the changed range
 *
 * The table in memory names a cluster only after its data was written, and
 * reaches the file in image_store_map() after a data flush: data before map.
 */
#include "disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "io.h"

#define CACHE_BYTES (12u << 20)
#define HOLE_BYTES  4096u

int disk_new(struct image *img, struct ploop_disk **ret_disk)
{
	struct ploop_disk *disk = calloc(1, sizeof(*disk));
	unsigned int i, n;

	if (!disk)
		return -ENOMEM;
	disk->dirfd = -EBADF;
	disk->img.fd = -EBADF;
	n = CACHE_BYTES / img->cluster_bytes;
	disk->nslots = n < 2 ? 2 : n > DISK_SLOTS_MAX ? DISK_SLOTS_MAX : n;
	for (i = 0; i < disk->nslots; i++) {
		disk->slots[i].buf = malloc(img->cluster_bytes);
		if (!disk->slots[i].buf) {
			disk_free(disk);
			return -ENOMEM;
		}
	}
	disk->img = *img;
	*img = (struct image){.fd = -EBADF};
	*ret_disk = disk;
	return 0;
}

int disk_add_older(struct ploop_disk *disk, struct image *img)
{
	struct image *older = reallocarray(disk->older, disk->n_older + 1, sizeof(*older));

	if (!older)
		return -ENOMEM;
	disk->older = older;
	older[disk->n_older++] = *img;
	*img = (struct image){.fd = -EBADF};
	return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* A raw image that we did not make may end inside of a cluster. */
static uint32_t cluster_length(const struct image *img, uint32_t cluster)
{
	uint64_t left = img->size_bytes - (uint64_t)cluster * img->cluster_bytes;

	return left < img->cluster_bytes ? (uint32_t)left : img->cluster_bytes;
}

/* An older image may be of a time when the disk was smaller. */
static bool in_file(const struct image *img, uint32_t cluster)
{
	if (cluster >= image_clusters(img))
		return false;
	if (img->format == PLOOP_FORMAT_EXPANDED)
		return bat_lookup(&img->bat, cluster) != 0;
	return !img->present || (img->present[cluster / 8] & (1u << (cluster % 8)));
}

static uint64_t file_offset(const struct image *img, uint32_t cluster)
{
	if (img->format == PLOOP_FORMAT_EXPANDED)
		cluster = bat_lookup(&img->bat, cluster);
	return (uint64_t)cluster * img->cluster_bytes;
}

/* Of the older images from the @from-th on the youngest that has it; NULL: none. */
static const struct image *older_holder(const struct ploop_disk *disk, unsigned int from,
					uint32_t cluster)
{
	unsigned int i;

	for (i = from; i < disk->n_older; i++)
		if (in_file(&disk->older[i], cluster))
			return &disk->older[i];
	return NULL;
}

/* The youngest image that has it; NULL: none, it reads zero. */
static const struct image *holder(const struct ploop_disk *disk, uint32_t cluster)
{
	return in_file(&disk->img, cluster) ? &disk->img : older_holder(disk, 0, cluster);
}

bool disk_has_below(const struct ploop_disk *disk, uint32_t cluster)
{
	return older_holder(disk, 0, cluster) != NULL;
}

bool disk_has(const struct ploop_disk *disk, uint32_t cluster)
{
	return holder(disk, cluster) != NULL;
}

bool disk_keeps_space(const struct ploop_disk *disk)
{
	return disk->preallocated && !disk->n_older;
}

static int write_new_expanded(struct ploop_disk *disk, struct disk_slot *s)
{
	struct image *img = &disk->img;
	uint32_t where;
	int r;

	if (!disk->keep_zeros && is_zero(s->buf, img->cluster_bytes) && !disk_has(disk, s->cluster))
		return 0;
	where = img->reserved ? img->bat.first + s->cluster : bat_allocate(&img->bat);
	if (!where)
		return -EFBIG;
	r = io_pwrite_full(img->fd, s->buf, img->cluster_bytes,
			   (uint64_t)where * img->cluster_bytes);
	if (r < 0)
		return r;
	bat_set(&img->bat, s->cluster, where);
	s->fresh = false;
	return 0;
}

static int write_new_raw(struct image *img, struct disk_slot *s)
{
	uint64_t base = (uint64_t)s->cluster * img->cluster_bytes;
	uint32_t len = cluster_length(img, s->cluster), off, end;
	int r;

	for (off = 0; off < len; off = end) {
		for (end = off; end < len && !is_zero(s->buf + end, HOLE_BYTES); end += HOLE_BYTES)
			continue;
		if (end == off) {
			end += HOLE_BYTES;
			continue;
		}
		/* Not behind the end of an image that has only a part of its last page. */
		r = io_pwrite_full(img->fd, s->buf + off, (end < len ? end : len) - off,
				   base + off);
		if (r < 0)
			return r;
		s->fresh = false;
	}
	if (!s->fresh)
		img->present[s->cluster / 8] |= (uint8_t)(1u << (s->cluster % 8));
	return 0;
}

static int write_back(struct ploop_disk *disk, struct disk_slot *s)
{
	struct image *img = &disk->img;
	int r;

	if (!s->used || s->dirty_lo >= s->dirty_hi)
		return 0;
	if (!s->fresh)
		r = io_pwrite_full(img->fd, s->buf + s->dirty_lo, s->dirty_hi - s->dirty_lo,
				   file_offset(img, s->cluster) + s->dirty_lo);
	else if (img->format == PLOOP_FORMAT_EXPANDED)
		r = write_new_expanded(disk, s);
	else
		r = write_new_raw(img, s);
	if (r < 0) {
		if (!disk->io_error)
			disk->io_error = r;
		return r;
	}
	extension_note(&img->ext, (uint64_t)s->cluster * img->cluster_bytes + s->dirty_lo,
		       s->dirty_hi - s->dirty_lo);
	s->dirty_lo = UINT32_MAX;
	s->dirty_hi = 0;
	return 0;
}

static struct disk_slot *find_slot(struct ploop_disk *disk, uint32_t cluster)
{
	unsigned int i;

	if (disk->last && disk->last->used && disk->last->cluster == cluster)
		return disk->last;
	for (i = 0; i < disk->nslots; i++)
		if (disk->slots[i].used && disk->slots[i].cluster == cluster)
			return &disk->slots[i];
	return NULL;
}

static int load_slot(const struct ploop_disk *disk, struct disk_slot *s, uint32_t cluster)
{
	const struct image *from = holder(disk, cluster);
	uint32_t len = from ? cluster_length(from, cluster) : 0;
	int r;

	s->used = false;
	s->fresh = from != &disk->img;
	if (from) {
		r = io_pread_full(from->fd, s->buf, len, file_offset(from, cluster));
		if (r < 0)
			return r;
	}
	/* Behind the end of an older image are zeros, too. */
	memset(s->buf + len, 0, disk->img.cluster_bytes - len);
	s->cluster = cluster;
	s->dirty_lo = UINT32_MAX;
	s->dirty_hi = 0;
	s->used = true;
	return 0;
}

static int get_slot(struct ploop_disk *disk, uint32_t cluster, struct disk_slot **ret_slot)
{
	struct disk_slot *s = find_slot(disk, cluster);
	unsigned int i;
	int r;

	if (!s) {
		s = &disk->slots[0];
		for (i = 1; i < disk->nslots && s->used; i++)
			if (!disk->slots[i].used || disk->slots[i].stamp < s->stamp)
				s = &disk->slots[i];
		r = write_back(disk, s);
		if (r == 0)
			r = load_slot(disk, s, cluster);
		if (r < 0)
			return r;
	}
	s->stamp = ++disk->clock;
	disk->last = s;
	*ret_slot = s;
	return 0;
}

static bool in_range(const struct ploop_disk *disk, uint64_t off, uint64_t len)
{
	return off <= disk->img.size_bytes && len <= disk->img.size_bytes - off;
}

bool disk_is_mapped(const struct ploop_disk *disk)
{
	unsigned int i;

	for (i = 0; i < disk->n_older; i++)
		if (disk->older[i].unmapped)
			return false;
	return !disk->img.unmapped;
}

int disk_read(struct ploop_disk *disk, uint64_t off_bytes, void *buf, size_t len)
{
	uint32_t size = disk->img.cluster_bytes;
	uint8_t *p = buf;

	if (!in_range(disk, off_bytes, len))
		return -ERANGE;
	if (!disk_is_mapped(disk))
		return -EBUSY;
	while (len > 0) {
		uint32_t cluster = (uint32_t)(off_bytes / size), in = (uint32_t)(off_bytes % size);
		size_t n = size - in < len ? size - in : len;
		struct disk_slot *s = find_slot(disk, cluster);
		int r = 0;

		/* Looking at what is not there must not cost a slot. */
		if (!s && !disk_has(disk, cluster))
			memset(p, 0, n);
		else if ((r = get_slot(disk, cluster, &s)) == 0)
			memcpy(p, s->buf + in, n);
		if (r < 0)
			return r;
		p += n;
		off_bytes += n;
		len -= n;
	}
	return 0;
}

/* @src NULL: zeros. */
static int change(struct ploop_disk *disk, uint64_t off, const uint8_t *src, uint64_t len)
{
	uint32_t size = disk->img.cluster_bytes;

	if (!disk->img.writable)
		return -EROFS;
	if (!in_range(disk, off, len))
		return -ERANGE;
	while (len > 0) {
		uint32_t cluster = (uint32_t)(off / size), in = (uint32_t)(off % size);
		uint32_t n = size - in < len ? size - in : (uint32_t)len;
		struct disk_slot *s;
		int r;

		if (src || find_slot(disk, cluster) || disk_has(disk, cluster)) {
			r = get_slot(disk, cluster, &s);
			if (r < 0)
				return r;
			if (src)
				memcpy(s->buf + in, src, n);
			else
				memset(s->buf + in, 0, n);
			s->dirty_lo = in < s->dirty_lo ? in : s->dirty_lo;
			s->dirty_hi = in + n > s->dirty_hi ? in + n : s->dirty_hi;
		}
		src = src ? src + n : NULL;
		off += n;
		len -= n;
	}
	return 0;
}

int disk_write(struct ploop_disk *disk, uint64_t off_bytes, const void *buf, size_t len)
{
	return change(disk, off_bytes, buf, len);
}

int disk_zero(struct ploop_disk *disk, uint64_t off_bytes, uint64_t len)
{
	return change(disk, off_bytes, NULL, len);
}

int disk_pull(struct ploop_disk *disk, uint32_t cluster)
{
	struct disk_slot *s;
	int r;

	if (!disk->n_older || in_file(&disk->img, cluster) || !in_file(&disk->older[0], cluster))
		return 0;
	r = get_slot(disk, cluster, &s);
	if (r < 0 || (is_zero(s->buf, disk->img.cluster_bytes) && !older_holder(disk, 1, cluster)))
		return r;
	s->dirty_lo = 0;
	s->dirty_hi = disk->img.cluster_bytes;
	return 0;
}

/* The changed slot of the lowest cluster: new clusters then lie in the file as on the disk. */
static struct disk_slot *next_dirty(struct ploop_disk *disk)
{
	struct disk_slot *s = NULL;
	unsigned int i;

	for (i = 0; i < disk->nslots; i++) {
		struct disk_slot *x = &disk->slots[i];

		if (x->used && x->dirty_lo < x->dirty_hi && (!s || x->cluster < s->cluster))
			s = x;
	}
	return s;
}

int disk_flush(struct ploop_disk *disk)
{
	struct disk_slot *s;
	int r;

	if (!disk->img.writable)
		return 0;
	while ((s = next_dirty(disk))) {
		r = write_back(disk, s);
		if (r < 0)
			return r;
	}
	return image_store_map(&disk->img, disk->sync);
}

void disk_free(struct ploop_disk *disk)
{
	unsigned int i;

	if (!disk)
		return;
	for (i = 0; i < DISK_SLOTS_MAX; i++)
		free(disk->slots[i].buf);
	image_close(&disk->img);
	while (disk->n_older)
		image_close(&disk->older[--disk->n_older]);
	free(disk->older);
	if (disk->dirfd >= 0)
		close(disk->dirfd);
	free(disk->dir);
	free(disk->path);
	free(disk->guid);
	free(disk);
}
