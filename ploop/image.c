/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image file from open to close.
 *
 *            create / open for writing            finish
 *   closed ------------------------------> in use --------> closed
 *   marker 0                               "Ynot"            marker 0
 *
 * The marker is stable in the file before the first write of anything else and
 * taken away after the last: an image that says "in use" while nobody has it
 * open is one whose writer died. What a writer may then have lost is space at
 * the end of the file; see bat.c.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "format.h"
#include "io.h"

#define ZERO_CHUNK (64u << 10)
#define MAP_TRIES  5

/* @extension: where it is in the file, 0: there is none. */
static int write_header(struct image *img, uint32_t in_use, uint64_t extension)
{
	uint64_t sectors = img->size_bytes / PLOOP_SECTOR;
	uint64_t track = PLOOP_HEADS * PLOOP_TRACK_SECTORS;
	uint64_t cylinders = (sectors + track - 1) / track;
	bool empty = img->bat.next - img->ext.n_clusters == img->bat.first;
	struct ploop_header h = {
		.type = htole32(PLOOP_TYPE_EXPANDED),
		.heads = htole32(PLOOP_HEADS),
		.cylinders = htole32(cylinders > UINT32_MAX ? UINT32_MAX : (uint32_t)cylinders),
		.cluster_sectors = htole32(img->cluster_bytes / PLOOP_SECTOR),
		.bat_entries = htole32(img->bat.count),
		.disk_sectors = htole64(sectors),
		.in_use = htole32(in_use),
		.first_block_sectors =
			htole32(img->bat.first * (img->cluster_bytes / PLOOP_SECTOR)),
		.flags = htole32(empty ? PLOOP_FLAG_EMPTY : 0),
		.extension_sectors = htole64(extension),
	};

	memcpy(h.signature, img->version == 1 ? PLOOP_SIG_V1 : PLOOP_SIG_V2, PLOOP_SIG_LEN);
	return io_pwrite_full(img->fd, &h, sizeof(h), 0);
}

/* Whole clusters of zeros for header and table: an expanded image has no holes. */
static int write_empty_map(struct image *img)
{
	_cleanup_free_ void *zeros = calloc(1, ZERO_CHUNK);
	uint64_t off, end = (uint64_t)img->bat.first * img->cluster_bytes;
	size_t step = img->cluster_bytes < ZERO_CHUNK ? img->cluster_bytes : ZERO_CHUNK;
	int r;

	if (!zeros)
		return -ENOMEM;
	for (off = 0; off < end; off += step) {
		r = io_pwrite_full(img->fd, zeros, step, off);
		if (r < 0)
			return r;
	}
	memset(img->bat.dirty, 0,
	       (size_t)((PLOOP_BAT_OFFSET + 4ull * img->bat.count + 4095) / 4096));
	return write_header(img, PLOOP_INUSE, 0);
}

static int init_expanded(struct image *img)
{
	int r = bat_init(&img->bat, image_clusters(img), img->cluster_bytes);

	return r < 0 ? r : write_empty_map(img);
}

static int init_raw(struct image *img)
{
	img->present = calloc(1, image_clusters(img) / 8 + 1);
	if (!img->present)
		return -ENOMEM;
	return ftruncate(img->fd, (off_t)img->size_bytes) < 0 ? -errno : 0;
}

/* On the empty file @fd, which is taken. */
static int create_on(int fd, const char *name, enum ploop_format format, uint64_t size_bytes,
		     uint32_t cluster_bytes, struct image *img, struct err *err)
{
	struct image new = {
		.fd = fd,
		.format = format,
		.version = format == PLOOP_FORMAT_EXPANDED ? 2 : 0,
		.cluster_bytes = cluster_bytes,
		.size_bytes = size_bytes,
		.writable = true,
		.marked = format == PLOOP_FORMAT_EXPANDED,
	};
	int r;

	new.name = strdup(name);
	r = new.name ? 0 : -ENOMEM;
	if (r == 0)
		r = format == PLOOP_FORMAT_EXPANDED ? init_expanded(&new) : init_raw(&new);
	if (r < 0) {
		image_close(&new);
		return err_errno(err, r, "cannot create the image '%s'", name);
	}
	*img = new;
	return 0;
}

int image_set_version(struct image *img, unsigned int version, struct err *err)
{
	uint32_t sectors = img->cluster_bytes / PLOOP_SECTOR;
	int r;

	/* All of it must have a place that the table can name. */
	if (version == 1 &&
	    ((uint64_t)img->bat.first + img->bat.count) * sectors > (uint64_t)UINT32_MAX)
		return err_set(err, EFBIG, "'%s' is too large for format version 1: up to 2T",
			       img->name);
	img->version = version;
	img->bat.unit = version == 1 ? sectors : 1;
	r = write_header(img, PLOOP_INUSE, 0);
	return r < 0 ? err_errno(err, r, "cannot create the image '%s'", img->name) : 0;
}

int image_reserve(struct image *img, struct err *err)
{
	uint64_t end = (uint64_t)img->bat.first + img->bat.count;

	if (end >= UINT32_MAX / img->bat.unit)
		return err_set(err, EFBIG, "'%s' cannot be preallocated, it is too large",
			       img->name);
	if (fallocate(img->fd, 0, 0, (off_t)(end * img->cluster_bytes)) < 0)
		return err_errno(err, errno, "cannot preallocate the image '%s'", img->name);
	img->bat.next = (uint32_t)end;
	img->reserved = true;
	return 0;
}

void image_map_reserved(struct image *img)
{
	uint32_t i;

	for (i = 0; img->reserved && i < img->bat.count; i++)
		if (!bat_lookup(&img->bat, i))
			bat_set(&img->bat, i, img->bat.first + i);
}

int image_create(int dirfd, const char *name, enum ploop_format format, uint64_t size_bytes,
		 uint32_t cluster_bytes, struct image *img, struct err *err)
{
	int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), r;

	if (fd < 0)
		return err_errno(err, errno, "cannot create the image '%s'", name);
	r = create_on(fd, name, format, size_bytes, cluster_bytes, img, err);
	if (r < 0)
		unlinkat(dirfd, name, 0);
	return r;
}

int image_create_unnamed(int dirfd, const char *name, uint64_t size_bytes, uint32_t cluster_bytes,
			 struct image *img, struct err *err)
{
	int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, errno, "cannot create the image '%s'", name);
	return create_on(fd, name, PLOOP_FORMAT_EXPANDED, size_bytes, cluster_bytes, img, err);
}

int image_create_trial(uint64_t size_bytes, struct image *img, struct err *err)
{
	struct image new = {
		.format = PLOOP_FORMAT_RAW,
		.cluster_bytes = PLOOP_CLUSTER_DEFAULT,
		.size_bytes = size_bytes,
		.writable = true,
	};
	int r;

	new.fd = memfd_create("trial", MFD_CLOEXEC);
	new.name = strdup("trial");
	r = new.fd < 0 ? -errno : new.name ? init_raw(&new) : -ENOMEM;
	if (r < 0) {
		image_close(&new);
		return err_errno(err, r, "cannot make a trial image");
	}
	*img = new;
	return 0;
}

static void header_to_host(struct ploop_header *h)
{
	h->type = le32toh(h->type);
	h->heads = le32toh(h->heads);
	h->cylinders = le32toh(h->cylinders);
	h->cluster_sectors = le32toh(h->cluster_sectors);
	h->bat_entries = le32toh(h->bat_entries);
	h->disk_sectors = le64toh(h->disk_sectors);
	h->in_use = le32toh(h->in_use);
	h->first_block_sectors = le32toh(h->first_block_sectors);
	h->flags = le32toh(h->flags);
	h->extension_sectors = le64toh(h->extension_sectors);
}

static int check_geometry(const struct ploop_header *h, const char *name, struct err *err)
{
	uint64_t cluster = (uint64_t)h->cluster_sectors * PLOOP_SECTOR;
	uint64_t clusters;

	if (cluster < PLOOP_CLUSTER_MIN || cluster > PLOOP_CLUSTER_MAX || (cluster & (cluster - 1)))
		return err_set(err, EINVAL,
			       "'%s' has clusters of %u sectors, which is not possible", name,
			       h->cluster_sectors);
	if (h->disk_sectors == 0 || h->disk_sectors > PLOOP_SIZE_MAX / PLOOP_SECTOR)
		return err_set(err, EINVAL, "'%s' says that its disk has %llu sectors", name,
			       (unsigned long long)h->disk_sectors);
	clusters = (h->disk_sectors + h->cluster_sectors - 1) / h->cluster_sectors;
	if (h->bat_entries != clusters)
		return err_set(err, EINVAL,
			       "'%s' has %u block table entries for a disk of %llu clusters", name,
			       h->bat_entries, (unsigned long long)clusters);
	if (h->first_block_sectors % h->cluster_sectors ||
	    h->first_block_sectors / h->cluster_sectors < bat_clusters(clusters, (uint32_t)cluster))
		return err_set(err, EINVAL,
			       "the data of '%s' starts at sector %u, inside of its block table",
			       name, h->first_block_sectors);
	return 0;
}

int image_parse_header(const void *bytes, uint64_t file_bytes, const char *name,
		       struct ploop_header *ret, struct err *err)
{
	struct ploop_header h;
	int r;

	memcpy(&h, bytes, sizeof(h));
	header_to_host(&h);
	/* What is behind it is not said to be zero. */
	if (memcmp(h.signature, PLOOP_SIG_V1, PLOOP_SIG_LEN) == 0)
		h.disk_sectors &= UINT32_MAX;
	else if (memcmp(h.signature, PLOOP_SIG_V2, PLOOP_SIG_LEN) != 0)
		return err_set(err, EINVAL, "'%s' is not an expanded ploop image", name);
	if (h.type != PLOOP_TYPE_EXPANDED)
		return err_set(err, EINVAL, "'%s' is of the unknown type %u", name, h.type);
	if (h.in_use != PLOOP_INUSE && h.in_use != PLOOP_CLOSED && h.in_use != PLOOP_CLOSED_V21)
		return err_set(err, EINVAL, "'%s' has the unknown in-use marker 0x%08x", name,
			       h.in_use);
	if (h.flags & ~PLOOP_FLAGS_KNOWN)
		return err_set(err, EOPNOTSUPP, "'%s' has the unknown flags 0x%x", name,
			       h.flags & ~PLOOP_FLAGS_KNOWN);
	r = check_geometry(&h, name, err);
	if (r < 0)
		return r;
	if (file_bytes < (uint64_t)h.first_block_sectors * PLOOP_SECTOR)
		return err_set(err, EINVAL, "'%s' ends inside of its block table", name);
	*ret = h;
	return 0;
}

int image_probe(int fd, enum ploop_format *ret)
{
	uint8_t sig[PLOOP_SIG_LEN];
	int r = io_pread_full(fd, sig, sizeof(sig), 0);

	if (r < 0 && r != -EIO)
		return r;
	*ret = r == 0 && (memcmp(sig, PLOOP_SIG_V1, PLOOP_SIG_LEN) == 0 ||
			  memcmp(sig, PLOOP_SIG_V2, PLOOP_SIG_LEN) == 0)
		       ? PLOOP_FORMAT_EXPANDED
		       : PLOOP_FORMAT_RAW;
	return 0;
}

static int load_expanded(struct image *img, uint64_t file_bytes, bool any, struct err *err)
{
	uint8_t bytes[sizeof(struct ploop_header)];
	struct ploop_header h;
	int r;

	if (file_bytes < sizeof(bytes))
		return err_set(err, EINVAL, "'%s' is too short for an image", img->name);
	r = io_pread_full(img->fd, bytes, sizeof(bytes), 0);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", img->name);
	r = image_parse_header(bytes, file_bytes, img->name, &h, err);
	if (r < 0)
		return r;
	if (h.in_use == PLOOP_INUSE && !any)
		return err_set(
			err, EBUSY,
			"the image '%s' is in use, or was not closed; 'ploop check' tells more",
			img->name);
	if (h.flags & PLOOP_FLAG_CONVERTING)
		return err_set(err, EUCLEAN,
			       "the image '%s' was left in the middle of a conversion", img->name);
	img->cluster_bytes = h.cluster_sectors * PLOOP_SECTOR;
	img->size_bytes = h.disk_sectors * PLOOP_SECTOR;
	img->version = image_map_unit(&h) == 1 ? 2 : 1;
	img->unmapped = h.in_use == PLOOP_INUSE;
	if (img->unmapped)
		return 0;
	return image_load_map(img->fd, &h, file_bytes, img->name, &img->bat, err);
}

uint32_t image_map_unit(const struct ploop_header *h)
{
	return memcmp(h->signature, PLOOP_SIG_V1, PLOOP_SIG_LEN) == 0 ? h->cluster_sectors : 1;
}

int image_load_map(int fd, const struct ploop_header *h, uint64_t file_bytes, const char *name,
		   struct bat *ret, struct err *err)
{
	return bat_load(ret, fd, h->bat_entries, h->first_block_sectors / h->cluster_sectors,
			image_map_unit(h),
			file_bytes / ((uint64_t)h->cluster_sectors * PLOOP_SECTOR), name, err);
}

static int load_raw(struct image *img, uint64_t file_bytes, uint32_t cluster_bytes, struct err *err)
{
	if (file_bytes == 0 || file_bytes % PLOOP_SECTOR || file_bytes > PLOOP_SIZE_MAX)
		return err_set(err, EINVAL, "'%s' is %llu bytes long, which no raw image is",
			       img->name, (unsigned long long)file_bytes);
	img->cluster_bytes = cluster_bytes ? cluster_bytes : PLOOP_CLUSTER_DEFAULT;
	img->size_bytes = file_bytes;
	return 0;
}

int image_load_extension(struct image *img, struct err *err)
{
	uint8_t bytes[sizeof(struct ploop_header)];
	struct ploop_header h;
	struct stat st;
	int r = io_pread_full(img->fd, bytes, sizeof(bytes), 0);

	if (r < 0 || fstat(img->fd, &st) < 0)
		return err_errno(err, r < 0 ? r : errno, "cannot read '%s'", img->name);
	r = image_parse_header(bytes, (uint64_t)st.st_size, img->name, &h, err);
	if (r < 0)
		return r;
	extension_free(&img->ext);
	return extension_load(img->fd, &h, &img->bat, (uint64_t)st.st_size, img->name, &img->ext,
			      err);
}

/* One that is wrong says nothing, and is not in the header any more when the image is closed. */
static int keep_extension(struct image *img, struct err *err)
{
	struct err why = ERR_INIT;
	int r = image_load_extension(img, &why);

	return r < 0 && r != -EUCLEAN ? err_set(err, why.code, "%s", why.msg) : 0;
}

static int mark_in_use(struct image *img, struct err *err)
{
	int r = keep_extension(img, err);

	if (r < 0)
		return r;
	r = write_header(img, PLOOP_INUSE, 0);
	if (r == 0 && fdatasync(img->fd) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot mark '%s' as in use", img->name);
	img->marked = true;
	return 0;
}

static int load(struct image *img, enum ploop_format want, uint32_t raw_cluster_bytes, bool any,
		struct err *err)
{
	enum ploop_format found;
	struct stat st;
	int r;

	if (fstat(img->fd, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", img->name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", img->name);
	if (img->writable && flock(img->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? err_set(err, EBUSY, "the image '%s' is in use", img->name)
			       : err_errno(err, errno, "cannot lock '%s'", img->name);
	r = image_probe(img->fd, &found);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", img->name);
	if (want == PLOOP_FORMAT_RAW && found == PLOOP_FORMAT_EXPANDED)
		return err_set(err, EINVAL, "'%s' should be a raw image and is an expanded one",
			       img->name);
	img->format = want;
	if (want == PLOOP_FORMAT_RAW)
		return load_raw(img, (uint64_t)st.st_size, raw_cluster_bytes, err);
	r = load_expanded(img, (uint64_t)st.st_size, any, err);
	return r < 0 || !img->writable ? r : mark_in_use(img, err);
}

int image_take(struct image *img, int fd, struct err *err)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return err_errno(err, errno, "cannot write to '%s'", img->name);
	close(img->fd);
	img->fd = own;
	img->writable = true;
	return img->format == PLOOP_FORMAT_EXPANDED ? mark_in_use(img, err) : 0;
}

/* O_NONBLOCK: a fifo in an image's place must not hang us. */
int image_open_file(int dirfd, const char *name, bool writable, const char *path, struct err *err)
{
	int fd = openat(dirfd, name,
			(writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
				O_NOCTTY);

	if (fd >= 0)
		return fd;
	return errno == ETXTBSY ? err_set(err, EBUSY, "the image '%s' is in use", path)
				: err_errno(err, errno, "cannot open the image '%s'", path);
}

static int open_image(int dirfd, const char *name, enum ploop_format want,
		      uint32_t raw_cluster_bytes, bool writable, bool any, struct image *img,
		      struct err *err)
{
	struct image new = {.writable = writable};
	int r;

	new.fd = image_open_file(dirfd, name, writable, name, err);
	if (new.fd < 0)
		return new.fd;
	new.name = strdup(name);
	r = new.name ? load(&new, want, raw_cluster_bytes, any, err)
		     : err_errno(err, ENOMEM, "cannot open the image '%s'", name);
	if (r < 0) {
		image_close(&new);
		return r;
	}
	*img = new;
	return 0;
}

int image_open(int dirfd, const char *name, enum ploop_format want, uint32_t raw_cluster_bytes,
	       bool writable, struct image *img, struct err *err)
{
	return open_image(dirfd, name, want, raw_cluster_bytes, writable, false, img, err);
}

int image_open_any(int dirfd, const char *name, enum ploop_format want, uint32_t raw_cluster_bytes,
		   struct image *img, struct err *err)
{
	return open_image(dirfd, name, want, raw_cluster_bytes, false, true, img, err);
}

int image_is_marked(int dirfd, const char *name, bool *ret, struct err *err)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	uint8_t bytes[sizeof(struct ploop_header)];
	struct ploop_header h;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot open the image '%s'", name);
	r = io_pread_full(fd, bytes, sizeof(bytes), 0);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", name);
	r = image_parse_header(bytes, (uint64_t)st.st_size, name, &h, err);
	if (r == 0)
		*ret = h.in_use == PLOOP_INUSE;
	return r;
}

/*
 * A writer makes room before it names it, and reuses a cluster only after it
 * has taken its name away: what looks wrong because it was read in between is
 * right the next time.
 */
int image_map_now(struct image *img, struct err *err)
{
	uint8_t bytes[sizeof(struct ploop_header)];
	struct ploop_header h;
	struct stat st;
	int i, r = -EIO;

	for (i = 0; i < MAP_TRIES && img->unmapped; i++) {
		if (fstat(img->fd, &st) < 0)
			return err_errno(err, errno, "cannot look at '%s'", img->name);
		r = io_pread_full(img->fd, bytes, sizeof(bytes), 0);
		if (r < 0)
			return err_errno(err, r, "cannot read '%s'", img->name);
		r = image_parse_header(bytes, (uint64_t)st.st_size, img->name, &h, err);
		if (r < 0)
			return r;
		if (h.cluster_sectors * PLOOP_SECTOR != img->cluster_bytes ||
		    h.disk_sectors * PLOOP_SECTOR != img->size_bytes)
			return err_set(err, ESTALE, "the image '%s' was changed meanwhile",
				       img->name);
		r = image_load_map(img->fd, &h, (uint64_t)st.st_size, img->name, &img->bat, err);
		img->unmapped = r < 0;
		if (r < 0 && r != -EUCLEAN)
			return r;
	}
	return img->unmapped ? r : 0;
}

int image_store_map(struct image *img, bool sync)
{
	int r;

	if (img->format == PLOOP_FORMAT_RAW || !bat_is_dirty(&img->bat))
		return sync && fdatasync(img->fd) < 0 ? -errno : 0;
	if (sync && fdatasync(img->fd) < 0)
		return -errno;
	r = bat_store(&img->bat, img->fd);
	if (r < 0)
		return r;
	return sync && fdatasync(img->fd) < 0 ? -errno : 0;
}

static int drop_behind(struct image *img, uint32_t count)
{
	uint32_t i;

	for (i = count; i < img->bat.count; i++)
		if (bat_lookup(&img->bat, i))
			bat_set(&img->bat, i, 0);
	return image_store_map(img, true);
}

int image_cut(struct image *img, uint64_t size_bytes)
{
	uint32_t count = (uint32_t)(size_bytes / img->cluster_bytes);
	int r;

	if (img->format == PLOOP_FORMAT_RAW) {
		r = ftruncate(img->fd, (off_t)size_bytes) < 0 ? -errno : 0;
	} else {
		r = drop_behind(img, count);
		img->bat.count = count;
	}
	img->size_bytes = size_bytes;
	/* They are of the disk as it was. */
	extension_free(&img->ext);
	if (r == 0 && img->format == PLOOP_FORMAT_EXPANDED)
		r = write_header(img, PLOOP_INUSE, 0);
	return r == 0 && fdatasync(img->fd) < 0 ? -errno : r;
}

/* The extension is stable before the header names it. */
static int close_header(struct image *img, bool sync)
{
	uint64_t at;
	int r = extension_store(&img->ext, img->fd, img->cluster_bytes, &at);

	if (r == 0 && at && sync && fdatasync(img->fd) < 0)
		r = -errno;
	return r < 0 ? r : write_header(img, at ? PLOOP_CLOSED_V21 : PLOOP_CLOSED, at);
}

int image_finish(struct image *img, bool sync, struct err *err)
{
	int r;

	if (!img->writable)
		return 0;
	r = extension_make_room(&img->ext, img->fd, &img->bat, img->cluster_bytes);
	if (r == 0)
		r = image_store_map(img, sync);
	if (r == 0 && img->marked)
		r = close_header(img, sync);
	if (r == 0 && sync && fsync(img->fd) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot finish the image '%s'", img->name);
	img->marked = false;
	return 0;
}

void image_close(struct image *img)
{
	if (img->fd >= 0)
		close(img->fd);
	bat_free(&img->bat);
	extension_free(&img->ext);
	free(img->present);
	free(img->name);
	*img = (struct image){.fd = -EBADF};
}
