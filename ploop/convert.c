/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images of another format, or format version: a new file beside the old one.
 *
 *   1  both names are written down (edit.h): what the descriptor does not name goes
 *   2  the new file, closed and stable; then it is read again
 *   3  a descriptor that names it: from here on the disk is the new file
 *   4  the old file goes, the new one gets its name in addition
 *   5  a descriptor with the old name, and the other name goes
 *
 * A crash leaves the descriptor of before 3, or one that names the new file by
 * the one or the other of its names.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "image.h"
#include "mark.h"
#include "mend.h"
#include "top.h"

/* One that becomes another. */
struct change {
	char guid[PLOOP_GUID_BYTES];
	char *file, *beside; /* its name, and that of the new one until it has it; owned */
	struct mark mark;
	bool base; /* nothing is below it */
};

struct conversion {
	struct edit *e;
	enum ploop_format format; /* of the file: raw or expanded */
	unsigned int version;
	bool preallocated;	/* the base */
	struct change *changes; /* owned */
	size_t n;
	int *locks; /* on all images of the directory, then on the new ones; owned */
	size_t nlocks;
};

static void free_conversion(struct conversion *c)
{
	while (c->n) {
		free(c->changes[--c->n].file);
		free(c->changes[c->n].beside);
	}
	while (c->nlocks)
		close(c->locks[--c->nlocks]);
	free(c->changes);
	free(c->locks);
}

/* What its writer left in use is mended, if it is not another disk's as well. */
static int mend_own(const struct conversion *c, const struct descriptor_delta *delta, int fd,
		    struct err *err)
{
	bool marked;
	struct stat st;
	int r = image_is_marked(c->e->loc.dirfd, delta->file, &marked, err);

	if (r < 0 || !marked || fstat(fd, &st) < 0 || st.st_nlink > 1)
		return r;
	return mend_image(fd, false, delta->file, err);
}

/* Nobody reads the images either: those who do know them by their files. */
static int lock_all(struct conversion *c, struct err *err)
{
	const struct descriptor *d = &c->e->loc.desc;
	int r = 0;

	c->locks = calloc(2 * d->count, sizeof(*c->locks));
	c->changes = calloc(d->count, sizeof(*c->changes));
	if (!c->locks || !c->changes)
		return err_errno(err, ENOMEM, "cannot convert '%s'", c->e->loc.dir);
	while (r == 0 && c->nlocks < d->count) {
		const struct descriptor_delta *delta = &d->deltas[c->nlocks];
		int fd = edit_lock_delta(c->e, delta, err);

		if (fd < 0)
			return fd;
		c->locks[c->nlocks++] = fd;
		if (delta->format == PLOOP_FORMAT_EXPANDED)
			r = mend_own(c, delta, fd, err);
	}
	return r;
}

static int add_change(struct conversion *c, const struct descriptor_delta *delta, struct err *err)
{
	struct change *ch = &c->changes[c->n++];

	memcpy(ch->guid, delta->guid, sizeof(ch->guid));
	ch->file = strdup(delta->file);
	if (!ch->file)
		return err_errno(err, ENOMEM, "cannot convert '%s'", delta->file);
	ch->base = strcmp(delta->parent, DESCRIPTOR_ROOT_GUID) == 0;
	ch->mark = mark_get(c->locks[delta - c->e->loc.desc.deltas]);
	return top_name(delta->file, &ch->beside, err);
}

/* What is in the image @guid alone. */
static int open_alone(struct conversion *c, const char *guid, struct ploop_disk **ret,
		      struct err *err)
{
	struct location *loc = &c->e->loc;
	int r = location_select(loc, guid, err);

	if (r < 0)
		return r;
	loc->levels[0] = *location_top(loc);
	loc->n = 1;
	return location_open(loc, OPEN_CLOSED, ret, err);
}

static int make_image(const struct conversion *c, const struct ploop_disk *from,
		      const struct change *ch, struct ploop_disk **ret, struct err *err)
{
	int dirfd = c->e->loc.dirfd, r;
	struct image img;

	r = image_create(dirfd, ch->beside, c->format, from->img.size_bytes,
			 from->img.cluster_bytes, &img, err);
	if (r < 0)
		return r;
	if (c->version == 1)
		r = image_set_version(&img, 1, err);
	if (r == 0 && c->preallocated && ch->base)
		r = image_reserve(&img, err);
	if (r == 0 && disk_new(&img, ret) < 0)
		r = err_errno(err, ENOMEM, "cannot create the image '%s'", ch->beside);
	if (r < 0)
		image_close(&img);
	return r;
}

typedef int (*each_fn)(struct ploop_disk *from, struct ploop_disk *to, uint32_t cluster, void *a,
		       void *b, struct err *err);

static int each_cluster(struct ploop_disk *from, struct ploop_disk *to, each_fn fn, struct err *err)
{
	uint32_t size = from->img.cluster_bytes, cluster;
	_cleanup_free_ void *a = malloc(size), *b = malloc(size);
	int r = a && b ? 0 : err_errno(err, ENOMEM, "cannot convert '%s'", from->img.name);

	for (cluster = 0; r == 0 && cluster < image_clusters(&from->img); cluster++)
		r = fn(from, to, cluster, a, b, err);
	return r;
}

static size_t length_of(const struct image *img, uint32_t cluster)
{
	uint64_t left = img->size_bytes - (uint64_t)cluster * img->cluster_bytes;

	return left < img->cluster_bytes ? (size_t)left : img->cluster_bytes;
}

static int copy(struct ploop_disk *from, struct ploop_disk *to, uint32_t cluster, void *a, void *b,
		struct err *err)
{
	uint64_t at = (uint64_t)cluster * from->img.cluster_bytes;
	size_t len = length_of(&from->img, cluster);
	int r;

	(void)b;
	if (!disk_has(from, cluster))
		return 0;
	r = disk_read(from, at, a, len);
	if (r < 0)
		return err_errno(err, r, "cannot read the image '%s'", from->img.name);
	r = disk_write(to, at, a, len);
	return r < 0 ? err_errno(err, r, "cannot write the image '%s'", to->img.name) : 0;
}

static int compare(struct ploop_disk *from, struct ploop_disk *to, uint32_t cluster, void *a,
		   void *b, struct err *err)
{
	uint64_t at = (uint64_t)cluster * from->img.cluster_bytes;
	size_t len = length_of(&from->img, cluster);
	int r;

	/* What is in neither reads as zeros in both. */
	if (!disk_has(from, cluster) && !disk_has(to, cluster))
		return 0;
	r = disk_read(from, at, a, len);
	if (r == 0)
		r = disk_read(to, at, b, len);
	if (r < 0)
		return err_errno(err, r, "cannot read the image '%s' again", to->img.name);
	return memcmp(a, b, len) == 0
		       ? 0
		       : err_set(err, EIO, "the image '%s' is not what was written to it",
				 to->img.name);
}

/* As whoever opens it next finds it. */
static int verify(const struct conversion *c, struct ploop_disk *from, const char *name,
		  struct err *err)
{
	struct image img = {.fd = -EBADF};
	struct ploop_disk *to;
	int r = image_open(c->e->loc.dirfd, name, c->format, from->img.cluster_bytes, false, &img,
			   err);

	if (r < 0)
		return r;
	if (disk_new(&img, &to) < 0) {
		image_close(&img);
		return err_errno(err, ENOMEM, "cannot read the image '%s' again", name);
	}
	r = to->img.size_bytes == from->img.size_bytes
		    ? each_cluster(from, to, compare, err)
		    : err_set(err, EIO, "the image '%s' is not as long as it was made", name);
	disk_free(to);
	return r;
}

static int write_image(struct ploop_disk *from, struct ploop_disk *to, struct err *err)
{
	int r = each_cluster(from, to, copy, err);

	if (r == 0 && (r = disk_flush(to)) < 0)
		err_errno(err, r, "cannot write the image '%s'", to->img.name);
	if (r < 0)
		return r;
	image_map_reserved(&to->img);
	return image_finish(&to->img, true, err);
}

/* From the moment that it has a name in the descriptor others may open it. */
static int lock_new(struct conversion *c, const char *name, struct err *err)
{
	_cleanup_close_ int fd = openat(c->e->loc.dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_errno(err, errno, "cannot lock the image '%s'", name);
	c->locks[c->nlocks++] = steal_fd(&fd);
	return 0;
}

static int convert_image(struct conversion *c, const struct change *ch, struct err *err)
{
	struct ploop_disk *from, *to;
	int r = open_alone(c, ch->guid, &from, err);

	if (r < 0)
		return r;
	r = make_image(c, from, ch, &to, err);
	if (r == 0) {
		/* They hide what is below. */
		to->keep_zeros = !ch->base;
		r = write_image(from, to, err);
		disk_free(to);
	}
	if (r == 0)
		r = verify(c, from, ch->beside, err);
	if (r == 0)
		r = lock_new(c, ch->beside, err);
	disk_free(from);
	return r;
}

static int expect_files(struct conversion *c, struct err *err)
{
	_cleanup_free_ const char **names = calloc(2 * c->n, sizeof(*names));
	size_t i;

	if (!names)
		return err_errno(err, ENOMEM, "cannot convert '%s'", c->e->loc.dir);
	for (i = 0; i < c->n; i++) {
		names[2 * i] = c->changes[i].file;
		names[2 * i + 1] = c->changes[i].beside;
	}
	return edit_expect(c->e, names, 2 * c->n, err);
}

static int name_files(struct conversion *c, bool beside, struct err *err)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		struct descriptor_delta *delta =
			descriptor_find(&c->e->loc.desc, c->changes[i].guid);
		char *file = strdup(beside ? c->changes[i].beside : c->changes[i].file);

		if (!file)
			return err_errno(err, ENOMEM, "cannot convert '%s'", c->e->loc.dir);
		free(delta->file);
		delta->file = file;
		delta->format = c->format;
	}
	return edit_store(c->e, err);
}

static void mark_again(const struct conversion *c, const struct change *ch)
{
	_cleanup_close_ int fd =
		openat(c->e->loc.dirfd, ch->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0)
		mark_set(fd, ch->mark);
}

/* The names that people know; where that does not come off, the others are as good. */
static void take_old_names(struct conversion *c)
{
	int dirfd = c->e->loc.dirfd;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (unlinkat(dirfd, c->changes[i].file, 0) < 0 ||
		    linkat(dirfd, c->changes[i].beside, dirfd, c->changes[i].file, 0) < 0)
			return;
	if (name_files(c, false, NULL) < 0)
		return;
	for (i = 0; i < c->n; i++)
		mark_again(c, &c->changes[i]);
}

static int convert_all(struct conversion *c, struct err *err)
{
	size_t i;
	int r = expect_files(c, err);

	for (i = 0; r == 0 && i < c->n; i++)
		r = convert_image(c, &c->changes[i], err);
	if (r == 0)
		r = name_files(c, true, err);
	if (r == 0)
		take_old_names(c);
	return r;
}

static bool is_what_is_wanted(const struct conversion *c, const struct descriptor_delta *base)
{
	return base->format == c->format &&
	       (c->format == PLOOP_FORMAT_RAW || c->e->loc.desc.preallocated == c->preallocated);
}

static int convert_base(struct conversion *c, struct err *err)
{
	struct descriptor *d = &c->e->loc.desc;
	const struct descriptor_delta *chain[PLOOP_LEVELS_MAX], *base;
	bool was = d->preallocated;
	int r;

	descriptor_chain(d, d->top, chain);
	base = chain[0];
	if (is_what_is_wanted(c, base))
		return 0;
	r = lock_all(c, err);
	if (r == 0)
		r = add_change(c, base, err);
	if (r < 0)
		return r;
	/* Stored with the new name. */
	d->preallocated = c->preallocated;
	r = convert_all(c, err);
	if (r < 0)
		d->preallocated = was;
	return r;
}

int ploop_convert(const char *path, enum ploop_format format, struct err *err)
{
	struct edit e;
	struct conversion c = {
		.e = &e,
		.format = format == PLOOP_FORMAT_RAW ? PLOOP_FORMAT_RAW : PLOOP_FORMAT_EXPANDED,
		.version = format == PLOOP_FORMAT_RAW ? 0 : 2,
		.preallocated = format == PLOOP_FORMAT_PREALLOCATED,
	};
	int r = edit_begin(path, &e, err);

	if (r < 0)
		return r;
	r = convert_base(&c, err);
	free_conversion(&c);
	edit_end(&e);
	return r;
}

static int version_of(const struct edit *e, const struct descriptor_delta *delta, unsigned int *ret,
		      struct err *err)
{
	struct image img = {.fd = -EBADF};
	int r = image_open(e->loc.dirfd, delta->file, delta->format, 0, false, &img, err);

	*ret = img.version;
	image_close(&img);
	return r;
}

static int convert_versions(struct conversion *c, struct err *err)
{
	const struct descriptor *d = &c->e->loc.desc;
	bool any = false;
	size_t i;
	int r = lock_all(c, err);

	for (i = 0; r == 0 && i < d->count; i++) {
		unsigned int version;

		if (d->deltas[i].format == PLOOP_FORMAT_RAW)
			continue;
		any = true;
		r = version_of(c->e, &d->deltas[i], &version, err);
		if (r == 0 && version != c->version)
			r = add_change(c, &d->deltas[i], err);
	}
	if (r == 0 && !any)
		return err_set(err, EINVAL, "'%s' is a raw image, which has no format version",
			       c->e->loc.path);
	return r < 0 || !c->n ? r : convert_all(c, err);
}

int ploop_convert_version(const char *path, unsigned int version, struct err *err)
{
	struct edit e;
	struct conversion c = {.e = &e, .format = PLOOP_FORMAT_EXPANDED, .version = version};
	int r;

	if (version != 1 && version != 2)
		return err_set(err, EINVAL, "there is no format version %u", version);
	r = edit_begin(path, &e, err);
	if (r < 0)
		return r;
	c.preallocated = e.loc.desc.preallocated;
	r = convert_versions(&c, err);
	free_conversion(&c);
	edit_end(&e);
	return r;
}
