/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is attached. Nothing keeps a record of that: devices of the target ploop are
 * asked which image they are on, and a loop device is one of ours when the file
 * behind it is the top of the image directory that it is in. A device may go
 * while it is looked at: then there is none.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "attach.h"
#include "cleanup.h"
#include "dm.h"
#include "err.h"
#include "format.h"
#include "io.h"

#define TARGET	    "ploop"
#define STATE_BYTES 1024
#define PATH_BYTES  4200

static int read_sysfs(const char *name, const char *what, char **ret)
{
	char path[96];
	size_t len;
	int r;

	snprintf(path, sizeof(path), "/sys/block/%s/%s", name, what);
	r = io_read_file(AT_FDCWD, path, PATH_BYTES, ret, &len, NULL);
	if (r == 0)
		(*ret)[strcspn(*ret, "\n")] = '\0';
	return r;
}

/* --- one of the target ---------------------------------------------------------------- */

/* "<deltas> v2 <cluster_sectors> <flags>[ off=N]" */
static int parse_state(const char *state, struct ploop_device *d)
{
	unsigned int sectors;
	char flags[sizeof(d->flags)];
	const char *off = strstr(state, " off=");

	d->levels = dm_ploop_levels(state);
	if (!d->levels || sscanf(state, "%*u v2 %u %7s", &sectors, flags) != 2 ||
	    sectors > PLOOP_CLUSTER_MAX / PLOOP_SECTOR)
		return -EINVAL;
	d->cluster_bytes = sectors * PLOOP_SECTOR;
	d->offset_bytes = off ? strtoull(off + 5, NULL, 10) * PLOOP_SECTOR : 0;
	strcpy(d->flags, flags);
	return 0;
}

static int look_at_dm(int dm, struct ploop_device *d)
{
	char type[DM_TYPE_BYTES], state[STATE_BYTES], message[32], path[PATH_BYTES];
	int r = dm < 0 ? -ENOENT : dm_look_target(dm, d->dev, type, state, sizeof(state));

	if (r == 0 && strcmp(type, TARGET) != 0)
		r = -ENOENT;
	if (r == 0)
		r = parse_state(state, d);
	if (r < 0)
		return r;
	snprintf(message, sizeof(message), "get_img_name %u", d->levels - 1);
	r = dm_message(dm, d->dev, message, path, sizeof(path));
	if (r < 0)
		return r;
	d->image = strdup(path);
	return d->image ? 0 : -ENOMEM;
}

/* --- a loop device ---------------------------------------------------------------------- */

static bool is_top(const char *image)
{
	_cleanup_free_ char *dir = strndup(image, (size_t)(strrchr(image, '/') - image) + 1);
	struct ploop_disk *disk;
	struct stat top, st;
	bool is;

	if (!dir || ploop_open(dir, &disk, NULL) < 0)
		return false;
	is = stat(ploop_top_image(disk), &top) == 0 && stat(image, &st) == 0 &&
	     top.st_dev == st.st_dev && top.st_ino == st.st_ino;
	ploop_close(disk);
	return is;
}

static int look_at_loop(struct ploop_device *d)
{
	_cleanup_free_ char *offset = NULL;
	int r = read_sysfs(d->name, "loop/backing_file", &d->image);

	if (r < 0 || *d->image != '/' || !is_top(d->image))
		return -ENOENT;
	d->levels = 1;
	if (read_sysfs(d->name, "loop/offset", &offset) == 0)
		d->offset_bytes = strtoull(offset, NULL, 10);
	return 0;
}

/* --- all of them -------------------------------------------------------------------------- */

static void free_device(struct ploop_device *d)
{
	free(d->image);
	free(d->target);
}

/* -ENOENT and others that say that there is none any more. */
static bool is_none(int r)
{
	return r == -ENOENT || r == -ENXIO || r == -ENODATA || r == -ENODEV || r == -EINVAL;
}

static int look(int dm, struct ploop_device *d, struct err *err)
{
	bool loop = attach_name(d->dev, d->name) == &attach_loop;
	_cleanup_free_ char *size = NULL;
	int r = loop ? look_at_loop(d) : look_at_dm(dm, d);

	if (is_none(r))
		return -ENOENT;
	if (r < 0)
		return err_errno(err, r, "cannot look at the device '/dev/%s'", d->name);
	if (read_sysfs(d->name, "size", &size) < 0)
		return -ENOENT;
	d->size_bytes = strtoull(size, NULL, 10) * PLOOP_SECTOR;
	d->read_only = attach_is_read_only(d->dev);
	r = ploop_mount_point(NULL, d->dev, &d->target, err);
	if (r == -ENOENT) {
		err_clear(err);
		r = 0;
	}
	return r;
}

/* Who has no device mapper has no device of it. */
static int open_mapper(struct err *err)
{
	int dm = dm_open();

	return dm >= 0 || dm == -ENOENT || dm == -ENODEV || dm == -ENXIO
		       ? dm
		       : err_errno(err, dm, "cannot open the device mapper");
}

static int compare(const void *a, const void *b)
{
	return strverscmp(((const struct ploop_device *)a)->name,
			  ((const struct ploop_device *)b)->name);
}

static int add(struct ploop_device **list, size_t *count, int dm, const char *name, struct err *err)
{
	struct ploop_device d = {.image = NULL}, *more;
	int r = attach_number(name, &d.dev) < 0 || !attach_name(d.dev, d.name) ? -ENOENT
									       : look(dm, &d, err);

	if (r == 0 && !(more = reallocarray(*list, *count + 1, sizeof(d))))
		r = err_errno(err, ENOMEM, "cannot list the devices");
	if (r < 0) {
		free_device(&d);
		return r == -ENOENT ? 0 : r;
	}
	more[(*count)++] = d;
	*list = more;
	return 0;
}

int ploop_devices(struct ploop_device **ret, size_t *ret_count, struct err *err)
{
	_cleanup_closedir_ DIR *dir = opendir("/sys/block");
	struct ploop_device *list = NULL;
	_cleanup_close_ int dm = -EBADF;
	struct dirent *de;
	size_t n = 0;
	int r = 0;

	if (!dir)
		return err_errno(err, errno, "cannot look for devices");
	dm = open_mapper(err);
	if (dm == -EACCES || dm == -EPERM)
		return dm;
	while (r == 0 && (de = readdir(dir)))
		if (*de->d_name != '.')
			r = add(&list, &n, dm, de->d_name, err);
	if (r < 0) {
		ploop_devices_free(list, n);
		return r;
	}
	if (n)
		qsort(list, n, sizeof(*list), compare);
	*ret = list;
	*ret_count = n;
	return 0;
}

void ploop_devices_free(struct ploop_device *list, size_t count)
{
	while (count)
		free_device(&list[--count]);
	free(list);
}

int ploop_device_of(struct ploop_disk *disk, dev_t dev, struct ploop_device **ret, struct err *err)
{
	struct ploop_device *d;
	_cleanup_close_ int dm = -EBADF;
	int r = disk ? attach_find(disk, &dev, err) : 0;

	if (r < 0)
		return r;
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_errno(err, ENOMEM, "cannot look at the device");
	d->dev = dev;
	dm = open_mapper(err);
	r = dm == -EACCES || dm == -EPERM ? dm : 0;
	if (r == 0)
		r = attach_name(dev, d->name) ? look(dm, d, err) : -ENOENT;
	if (r == 0) {
		*ret = d;
		return 0;
	}
	ploop_devices_free(d, 1);
	return r == -ENOENT ? err_set(err, ENOTBLK, "device %u:%u is on no image", major(dev),
				      minor(dev))
			    : r;
}

/* --- counters --------------------------------------------------------------------------------- */

/* Documentation/block/stat.rst: sectors are of 512 bytes, whatever the device's are. */
int ploop_device_io(const struct ploop_device *d, struct ploop_io *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	uint64_t v[17];
	const char *p;
	char *end;
	unsigned int i;
	int r = read_sysfs(d->name, "stat", &text);

	if (r < 0)
		return err_errno(err, r, "cannot read the counters of '/dev/%s'", d->name);
	for (i = 0, p = text; i < sizeof(v) / sizeof(v[0]); i++, p = end) {
		v[i] = strtoull(p, &end, 10);
		if (end == p)
			return err_set(err, EIO, "the counters of '/dev/%s' make no sense",
				       d->name);
	}
	*ret = (struct ploop_io){
		.reads = v[0],
		.read_bytes = v[2] * PLOOP_SECTOR,
		.read_ms = v[3],
		.writes = v[4],
		.write_bytes = v[6] * PLOOP_SECTOR,
		.write_ms = v[7],
		.in_flight = v[8],
		.busy_ms = v[9],
		.discards = v[11],
		.discard_bytes = v[13] * PLOOP_SECTOR,
		.discard_ms = v[14],
		.flushes = v[15],
		.flush_ms = v[16],
	};
	return 0;
}
