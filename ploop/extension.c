/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extensions come from whoever wrote the image: nothing is taken from one before
 * its checksum, and each place that it names, was looked at. Who writes to an
 * image takes the extension out of its header first, and puts one back at the
 * end, so that a crash leaves none: whatever it says is true, or nobody reads it.
 */
#include "extension.h"

#include <endian.h>
#include <errno.h>
#include <nettle/md5.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bat.h"
#include "cleanup.h"
#include "err.h"
#include "format.h"
#include "io.h"

/* 50 TiB at 64 KiB a bit are 100 MiB. */
#define BITS_BYTES_MAX (128ull << 20)
#define POINTS_MAX     64u
#define ALIGN	       8u

void extension_free(struct extension *e)
{
	unsigned int i;

	for (i = 0; i < e->n; i++)
		free(e->points[i].bits);
	free(e->points);
	free(e->clusters);
	*e = (struct extension){.n = 0};
}

/* What an extension says of itself: that of all behind its head. */
static void checksum(const uint8_t *cluster, uint32_t cluster_bytes, uint8_t ret[MD5_DIGEST_SIZE])
{
	const size_t head = sizeof(struct ploop_extension);
	struct md5_ctx ctx;

	md5_init(&ctx);
	md5_update(&ctx, cluster_bytes - head, cluster + head);
	md5_digest(&ctx, MD5_DIGEST_SIZE, ret);
}

/* --- points ------------------------------------------------------------------------------ */

static uint64_t bits_of(const struct point *p)
{
	return (p->disk_sectors + p->granularity_sectors - 1) / p->granularity_sectors;
}

static uint64_t bytes_for(uint64_t bits)
{
	return (bits + 63) / 64 * 8;
}

static uint64_t table_entries(const struct point *p, uint32_t cluster_bytes)
{
	return (p->bytes + cluster_bytes - 1) / cluster_bytes;
}

/* Of the bits from @at on, in one cluster. */
static size_t length_of(const struct point *p, uint64_t at, uint32_t cluster_bytes)
{
	return p->bytes - at < cluster_bytes ? (size_t)(p->bytes - at) : cluster_bytes;
}

/* First and last bit of the bytes; false: they are behind the end. */
static bool range_of(const struct point *p, uint64_t at, uint64_t len, uint64_t *ret_first,
		     uint64_t *ret_last)
{
	uint64_t unit = (uint64_t)p->granularity_sectors * PLOOP_SECTOR, bits = bits_of(p);

	if (!len || at / unit >= bits)
		return false;
	*ret_first = at / unit;
	*ret_last = (at + len - 1) / unit;
	if (*ret_last >= bits)
		*ret_last = bits - 1;
	return true;
}

void extension_note(struct extension *e, uint64_t at, uint64_t len)
{
	uint64_t first, last;
	unsigned int i;

	for (i = 0; i < e->n; i++) {
		if (!range_of(&e->points[i], at, len, &first, &last))
			continue;
		for (; first <= last; first++)
			e->points[i].bits[first / 8] |= (uint8_t)(1u << (first % 8));
	}
}

bool point_has(const struct point *p, uint64_t at, uint64_t len)
{
	uint64_t first, last;

	if (!range_of(p, at, len, &first, &last))
		return false;
	for (; first <= last; first++)
		if (p->bits[first / 8] & (1u << (first % 8)))
			return true;
	return false;
}

struct point *extension_find(const struct extension *e, const uint8_t id[POINT_ID_BYTES])
{
	unsigned int i;

	for (i = 0; i < e->n; i++)
		if (memcmp(e->points[i].id, id, POINT_ID_BYTES) == 0)
			return &e->points[i];
	return NULL;
}

static uint64_t feature_bytes(const struct point *p, uint32_t cluster_bytes)
{
	return sizeof(struct ploop_feature) + sizeof(struct ploop_dirty) +
	       8 * table_entries(p, cluster_bytes);
}

static bool fits(const struct extension *e, const struct point *more, uint32_t cluster_bytes)
{
	uint64_t bytes = sizeof(struct ploop_extension) + feature_bytes(more, cluster_bytes) +
			 sizeof(struct ploop_feature);
	unsigned int i;

	for (i = 0; i < e->n; i++)
		bytes += feature_bytes(&e->points[i], cluster_bytes);
	return e->n < POINTS_MAX && more->bytes <= BITS_BYTES_MAX && bytes <= cluster_bytes;
}

/* Takes p->bits on success. */
static int append(struct extension *e, const struct point *p)
{
	struct point *more = reallocarray(e->points, e->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	e->points = more;
	more[e->n++] = *p;
	return 0;
}

int extension_add(struct extension *e, const uint8_t id[POINT_ID_BYTES], uint64_t disk_sectors,
		  uint32_t cluster_bytes)
{
	struct point p = {
		.disk_sectors = disk_sectors,
		.granularity_sectors = cluster_bytes / PLOOP_SECTOR,
	};
	int r;

	if (extension_find(e, id))
		return -EEXIST;
	memcpy(p.id, id, POINT_ID_BYTES);
	p.bytes = bytes_for(bits_of(&p));
	if (!fits(e, &p, cluster_bytes))
		return -E2BIG;
	p.bits = calloc(1, p.bytes);
	r = p.bits ? append(e, &p) : -ENOMEM;
	if (r < 0)
		free(p.bits);
	return r;
}

void extension_remove(struct extension *e, const struct point *p)
{
	size_t i = (size_t)(p - e->points);

	free(e->points[i].bits);
	memmove(&e->points[i], &e->points[i + 1], (e->n - i - 1) * sizeof(*p));
	e->n--;
}

/* --- reading ------------------------------------------------------------------------------- */

struct loader {
	int fd;
	const char *name;
	uint32_t cluster_bytes, first;
	uint64_t file_clusters, disk_sectors;
	uint8_t *taken;	  /* a bit for each cluster of the file; owned */
	uint8_t *cluster; /* of the extension; owned */
	struct extension *ext;
	struct err *err;
};

static int broken(const struct loader *l, const char *what)
{
	return err_set(l->err, EUCLEAN, "the extension of '%s' %s", l->name, what);
}

static int no_memory(const struct loader *l)
{
	return err_errno(l->err, ENOMEM, "cannot read the extension of '%s'", l->name);
}

/* A cluster of the file that nobody else has, from now on its own. */
static int take_cluster(struct loader *l, uint64_t sectors, const char *what)
{
	uint32_t unit = l->cluster_bytes / PLOOP_SECTOR, *more;
	uint64_t n = sectors / unit;

	if (sectors % unit || n < l->first || n >= l->file_clusters)
		return err_set(l->err, EUCLEAN,
			       "%s of '%s' is said to be at sector %llu, outside of the data", what,
			       l->name, (unsigned long long)sectors);
	if (l->taken[n / 8] & (1u << (n % 8)))
		return err_set(l->err, EUCLEAN,
			       "%s of '%s' is in cluster %llu, which belongs to something else",
			       what, l->name, (unsigned long long)n);
	more = reallocarray(l->ext->clusters, l->ext->n_clusters + 1, sizeof(*more));
	if (!more)
		return no_memory(l);
	l->ext->clusters = more;
	more[l->ext->n_clusters++] = (uint32_t)n;
	l->taken[n / 8] |= (uint8_t)(1u << (n % 8));
	return 0;
}

static int read_bits(struct loader *l, struct point *p, const uint8_t *table)
{
	uint64_t i, at = 0;
	int r = 0;

	for (i = 0; r == 0 && at < p->bytes; i++, at += l->cluster_bytes) {
		size_t len = length_of(p, at, l->cluster_bytes);
		uint64_t entry;

		memcpy(&entry, table + 8 * i, sizeof(entry));
		entry = le64toh(entry);
		if (entry == PLOOP_DIRTY_ALL)
			memset(p->bits + at, 0xff, len);
		if (entry == PLOOP_DIRTY_ALL || entry == PLOOP_DIRTY_NONE)
			continue;
		r = take_cluster(l, entry, "a bitmap");
		if (r < 0)
			return r;
		r = io_pread_full(l->fd, p->bits + at, len, entry * PLOOP_SECTOR);
		if (r < 0)
			return err_errno(l->err, r, "cannot read a bitmap of '%s'", l->name);
	}
	return r;
}

/* Bits behind the end are nobody's. */
static void clear_tail(struct point *p)
{
	uint64_t bits = bits_of(p);

	for (; bits < 8 * p->bytes; bits++)
		p->bits[bits / 8] &= (uint8_t) ~(1u << (bits % 8));
}

static int check_dirty(const struct loader *l, const struct point *p, uint32_t entries,
		       uint32_t data_bytes)
{
	uint32_t unit = p->granularity_sectors;

	if (p->disk_sectors != l->disk_sectors)
		return err_set(l->err, EUCLEAN,
			       "a bitmap of '%s' is of a disk of %llu sectors, and not of %llu",
			       l->name, (unsigned long long)p->disk_sectors,
			       (unsigned long long)l->disk_sectors);
	if (!unit || (unit & (unit - 1)))
		return err_set(l->err, EUCLEAN,
			       "a bitmap of '%s' has a granularity of %u sectors, which is not "
			       "possible",
			       l->name, unit);
	if (p->bytes > BITS_BYTES_MAX)
		return err_set(l->err, EUCLEAN,
			       "a bitmap of '%s' has a granularity of %u sectors, which is too "
			       "small for that disk",
			       l->name, unit);
	if (entries != table_entries(p, l->cluster_bytes) ||
	    8ull * entries > data_bytes - sizeof(struct ploop_dirty))
		return err_set(l->err, EUCLEAN,
			       "a bitmap of '%s' has a table of %u entries, which is wrong",
			       l->name, entries);
	if (extension_find(l->ext, p->id))
		return broken(l, "has two bitmaps of the same name");
	return l->ext->n >= POINTS_MAX ? broken(l, "has too many bitmaps") : 0;
}

static int load_dirty(struct loader *l, const uint8_t *data, uint32_t data_bytes)
{
	struct ploop_dirty d;
	struct point p = {.bits = NULL};
	int r;

	if (data_bytes < sizeof(d))
		return broken(l, "has a bitmap that is too short");
	memcpy(&d, data, sizeof(d));
	p.disk_sectors = le64toh(d.disk_sectors);
	p.granularity_sectors = le32toh(d.granularity_sectors);
	memcpy(p.id, d.id, POINT_ID_BYTES);
	p.bytes = p.granularity_sectors ? bytes_for(bits_of(&p)) : 0;
	r = check_dirty(l, &p, le32toh(d.table_entries), data_bytes);
	if (r < 0)
		return r;
	p.bits = calloc(1, p.bytes);
	r = p.bits ? read_bits(l, &p, data + sizeof(d)) : no_memory(l);
	if (r == 0) {
		clear_tail(&p);
		r = append(l->ext, &p) < 0 ? no_memory(l) : 0;
	}
	if (r < 0)
		free(p.bits);
	return r;
}

/* One that nobody has to know is left out, and gone when the image is closed. */
static int load_feature(struct loader *l, const struct ploop_feature *f, const uint8_t *data)
{
	uint64_t magic = le64toh(f->magic);

	if (magic == PLOOP_FEATURE_DIRTY)
		return load_dirty(l, data, le32toh(f->data_bytes));
	if (le64toh(f->flags) & PLOOP_FEATURE_NECESSARY)
		return err_set(l->err, EOPNOTSUPP,
			       "'%s' has the unknown feature 0x%016llx, which has to be known",
			       l->name, (unsigned long long)magic);
	return 0;
}

static int load_features(struct loader *l)
{
	uint32_t at = sizeof(struct ploop_extension), left, bytes;
	struct ploop_feature f;
	int r;

	for (;;) {
		left = l->cluster_bytes - at;
		if (left < sizeof(f))
			return broken(l, "does not end");
		memcpy(&f, l->cluster + at, sizeof(f));
		at += sizeof(f);
		left -= sizeof(f);
		bytes = le32toh(f.data_bytes);
		if (le64toh(f.magic) == PLOOP_FEATURE_END)
			return 0;
		if (bytes > left)
			return broken(l, "has a feature that goes over its end");
		r = load_feature(l, &f, l->cluster + at);
		if (r < 0)
			return r;
		at += (bytes + ALIGN - 1) / ALIGN * ALIGN;
	}
}

static int load(struct loader *l, uint64_t sectors)
{
	struct ploop_extension h;
	uint8_t sum[MD5_DIGEST_SIZE];
	int r = take_cluster(l, sectors, "the extension");

	if (r < 0)
		return r;
	r = io_pread_full(l->fd, l->cluster, l->cluster_bytes, sectors * PLOOP_SECTOR);
	if (r < 0)
		return err_errno(l->err, r, "cannot read the extension of '%s'", l->name);
	memcpy(&h, l->cluster, sizeof(h));
	if (le64toh(h.magic) != PLOOP_EXT_MAGIC)
		return broken(l, "is none");
	checksum(l->cluster, l->cluster_bytes, sum);
	if (memcmp(sum, h.md5, sizeof(sum)) != 0)
		return broken(l, "has a wrong checksum");
	return load_features(l);
}

static void take_data(struct loader *l, const struct bat *bat)
{
	uint32_t i, e;

	for (i = 0; i < bat->count; i++) {
		e = bat_lookup(bat, i);
		if (e && e < l->file_clusters)
			l->taken[e / 8] |= (uint8_t)(1u << (e % 8));
	}
}

int extension_load(int fd, const struct ploop_header *h, const struct bat *bat, uint64_t file_bytes,
		   const char *name, struct extension *ret, struct err *err)
{
	struct extension e = {.n = 0};
	struct loader l = {
		.fd = fd,
		.name = name,
		.cluster_bytes = h->cluster_sectors * PLOOP_SECTOR,
		.first = h->first_block_sectors / h->cluster_sectors,
		.disk_sectors = h->disk_sectors,
		.ext = &e,
		.err = err,
	};
	int r;

	*ret = e;
	if (h->in_use != PLOOP_CLOSED_V21 || !h->extension_sectors)
		return 0;
	l.file_clusters = file_bytes / l.cluster_bytes;
	if (l.file_clusters > UINT32_MAX)
		l.file_clusters = UINT32_MAX;
	l.taken = calloc(1, (size_t)(l.file_clusters / 8 + 1));
	l.cluster = malloc(l.cluster_bytes);
	if (l.taken && l.cluster) {
		take_data(&l, bat);
		r = load(&l, h->extension_sectors);
	} else {
		r = no_memory(&l);
	}
	free(l.taken);
	free(l.cluster);
	if (r < 0)
		extension_free(&e);
	else
		*ret = e;
	return r;
}

/* --- writing --------------------------------------------------------------------------------- */

struct storer {
	const struct extension *ext;
	int fd;
	uint32_t cluster_bytes;
	uint32_t used; /* of its clusters */
};

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* One for itself, and those of bits of which some are set. */
static uint32_t clusters_for(const struct extension *e, uint32_t cluster_bytes)
{
	uint32_t n = e->n != 0;
	unsigned int i;
	uint64_t at;

	for (i = 0; i < e->n; i++)
		for (at = 0; at < e->points[i].bytes; at += cluster_bytes)
			n += !is_zero(e->points[i].bits + at,
				      length_of(&e->points[i], at, cluster_bytes));
	return n;
}

static int copy_cluster(int fd, uint32_t from, uint32_t to, uint32_t cluster_bytes)
{
	_cleanup_free_ void *buf = malloc(cluster_bytes);
	int r = buf ? io_pread_full(fd, buf, cluster_bytes, (uint64_t)from * cluster_bytes)
		    : -ENOMEM;

	return r < 0 ? r : io_pwrite_full(fd, buf, cluster_bytes, (uint64_t)to * cluster_bytes);
}

/* A cluster that nothing is in, not the last one if there is data. */
static int free_cluster(int fd, struct bat *bat, uint32_t cluster_bytes, uint32_t *ret)
{
	uint32_t new = bat_allocate(bat), last = 0, i;
	int r;

	if (!new)
		return -EFBIG;
	for (i = 1; i < bat->count; i++)
		if (bat_lookup(bat, i) > bat_lookup(bat, last))
			last = i;
	*ret = new;
	if (!bat_lookup(bat, last))
		return 0;
	r = copy_cluster(fd, bat_lookup(bat, last), new, cluster_bytes);
	if (r < 0)
		return r;
	*ret = bat_lookup(bat, last);
	bat_set(bat, last, new);
	return 0;
}

int extension_make_room(struct extension *e, int fd, struct bat *bat, uint32_t cluster_bytes)
{
	uint32_t need = clusters_for(e, cluster_bytes), *more;
	int r = 0;

	while (r == 0 && e->n_clusters < need) {
		more = reallocarray(e->clusters, e->n_clusters + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		e->clusters = more;
		r = free_cluster(fd, bat, cluster_bytes, &more[e->n_clusters]);
		e->n_clusters += r == 0;
	}
	return r;
}

static int put_cluster(struct storer *s, const void *buf, uint32_t *ret)
{
	*ret = s->ext->clusters[s->used++];
	return io_pwrite_full(s->fd, buf, s->cluster_bytes, (uint64_t)*ret * s->cluster_bytes);
}

static int put_bits(struct storer *s, const struct point *p, uint8_t *table)
{
	_cleanup_free_ uint8_t *buf = malloc(s->cluster_bytes);
	uint64_t i, at = 0, entry;
	uint32_t where;
	int r = buf ? 0 : -ENOMEM;

	for (i = 0; r == 0 && at < p->bytes; i++, at += s->cluster_bytes) {
		size_t len = length_of(p, at, s->cluster_bytes);

		entry = PLOOP_DIRTY_NONE;
		if (!is_zero(p->bits + at, len)) {
			memcpy(buf, p->bits + at, len);
			memset(buf + len, 0, s->cluster_bytes - len);
			r = put_cluster(s, buf, &where);
			entry = (uint64_t)where * (s->cluster_bytes / PLOOP_SECTOR);
		}
		entry = htole64(entry);
		memcpy(table + 8 * i, &entry, sizeof(entry));
	}
	return r;
}

/* Its length; it fits, see fits(). */
static int put_feature(struct storer *s, const struct point *p, uint8_t *out, uint32_t *ret_bytes)
{
	uint32_t entries = (uint32_t)table_entries(p, s->cluster_bytes);
	struct ploop_feature f = {
		.magic = htole64(PLOOP_FEATURE_DIRTY),
		.data_bytes = htole32((uint32_t)sizeof(struct ploop_dirty) + 8 * entries),
	};
	struct ploop_dirty d = {
		.disk_sectors = htole64(p->disk_sectors),
		.granularity_sectors = htole32(p->granularity_sectors),
		.table_entries = htole32(entries),
	};

	memcpy(d.id, p->id, POINT_ID_BYTES);
	memcpy(out, &f, sizeof(f));
	memcpy(out + sizeof(f), &d, sizeof(d));
	*ret_bytes = (uint32_t)feature_bytes(p, s->cluster_bytes);
	return put_bits(s, p, out + sizeof(f) + sizeof(d));
}

int extension_store(const struct extension *e, int fd, uint32_t cluster_bytes,
		    uint64_t *ret_sectors)
{
	struct storer s = {e, fd, cluster_bytes, 1};
	struct ploop_extension h = {.magic = htole64(PLOOP_EXT_MAGIC)};
	_cleanup_free_ uint8_t *cluster = NULL;
	uint32_t at = sizeof(h), own, bytes;
	unsigned int i;
	int r;

	*ret_sectors = 0;
	if (!e->n)
		return 0;
	cluster = calloc(1, cluster_bytes);
	r = cluster ? 0 : -ENOMEM;
	for (i = 0; r == 0 && i < e->n; i++, at += bytes)
		r = put_feature(&s, &e->points[i], cluster + at, &bytes);
	if (r < 0)
		return r;
	checksum(cluster, cluster_bytes, h.md5);
	memcpy(cluster, &h, sizeof(h));
	s.used = 0;
	r = put_cluster(&s, cluster, &own);
	if (r == 0)
		*ret_sectors = (uint64_t)own * (cluster_bytes / PLOOP_SECTOR);
	return r;
}
