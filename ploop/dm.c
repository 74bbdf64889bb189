/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One struct in, the same out: a header, then what the command takes or says.
 * A device is found by exactly one of its number, its name and its UUID.
 */
#include "dm.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"

#define CONTROL	   "/dev/mapper/control"
#define DATA_BYTES 8192
#define LIST_MAX   (16u << 20)

/*
 * What goes to udev with an event, in the upper half of the number that tells
 * it whose event it is: the rules of device-mapper and of disks, and all others,
 * leave this device alone; the file system on it is a tenant's.
 */
#define UDEV_DISABLE_DM	       (1u << 0)
#define UDEV_DISABLE_SUBSYSTEM (1u << 1)
#define UDEV_DISABLE_DISK      (1u << 2)
#define UDEV_DISABLE_OTHER     (1u << 3)
#define UDEV_PRIMARY_SOURCE    (1u << 6)
#define UDEV_SHIFT	       16
#define UDEV_LEAVE_ALONE                                                                      \
	((UDEV_DISABLE_DM | UDEV_DISABLE_SUBSYSTEM | UDEV_DISABLE_DISK | UDEV_DISABLE_OTHER | \
	  UDEV_PRIMARY_SOURCE)                                                                \
	 << UDEV_SHIFT)

struct request {
	struct dm_ioctl io;
	char data[DATA_BYTES];
};

static_assert(sizeof(struct dm_ioctl) % 8 == 0, "what follows is aligned");
static_assert(DM_NAME_BYTES == DM_NAME_LEN, "name");
static_assert(DM_UUID_BYTES == DM_UUID_LEN, "uuid");
static_assert(DM_TYPE_BYTES == DM_MAX_TYPE_NAME, "type");

/* The kernel's own packing of a number into 64 bits. */
static uint64_t pack_dev(dev_t dev)
{
	return (minor(dev) & 0xff) | ((uint64_t)major(dev) << 8) |
	       ((uint64_t)(minor(dev) & ~0xffu) << 12);
}

static dev_t unpack_dev(uint64_t dev)
{
	return makedev((unsigned int)(dev >> 8) & 0xfff,
		       (unsigned int)((dev & 0xff) | ((dev >> 12) & 0xfff00)));
}

static void init(struct dm_ioctl *io, size_t bytes, uint32_t flags)
{
	memset(io, 0, bytes);
	/* The first version that removes a device at its last close. */
	io->version[0] = 4;
	io->version[1] = 27;
	io->data_size = (uint32_t)bytes;
	io->data_start = sizeof(*io);
	io->flags = flags;
}

static struct request request_for(dev_t dev, uint32_t flags)
{
	struct request q;

	init(&q.io, sizeof(q), flags);
	q.io.dev = pack_dev(dev);
	return q;
}

static int set_name(struct dm_ioctl *io, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= sizeof(io->name))
		return -ENAMETOOLONG;
	memcpy(io->name, name, len + 1);
	return 0;
}

static int call(int dm, unsigned long command, void *io)
{
	return ioctl(dm, command, io) < 0 ? -errno : 0;
}

int dm_open(void)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool dm_has_target(int dm, const char *target)
{
	struct request q;

	init(&q.io, sizeof(q), 0);
	return set_name(&q.io, target) == 0 && call(dm, DM_GET_TARGET_VERSION, &q) == 0;
}

int dm_create(int dm, const char *name, const char *uuid, dev_t *ret_dev)
{
	struct request q;
	int r;

	init(&q.io, sizeof(q), 0);
	r = set_name(&q.io, name);
	if (r < 0 || strlen(uuid) >= sizeof(q.io.uuid))
		return -ENAMETOOLONG;
	strcpy(q.io.uuid, uuid);
	r = call(dm, DM_DEV_CREATE, &q);
	if (r == 0)
		*ret_dev = unpack_dev(q.io.dev);
	return r;
}

int dm_load(int dm, dev_t dev, bool read_only, uint64_t sectors, const char *target,
	    const char *params)
{
	struct request q = request_for(dev, read_only ? DM_READONLY_FLAG : 0);
	struct dm_target_spec *spec = (struct dm_target_spec *)q.data;
	size_t len = strlen(params);

	if (strlen(target) >= sizeof(spec->target_type) || len >= sizeof(q.data) - sizeof(*spec))
		return -ENAMETOOLONG;
	q.io.target_count = 1;
	spec->length = sectors;
	spec->next = sizeof(q.data);
	strcpy(spec->target_type, target);
	memcpy(spec + 1, params, len + 1);
	return call(dm, DM_TABLE_LOAD, &q);
}

int dm_resume(int dm, dev_t dev)
{
	struct request q = request_for(dev, 0);

	q.io.event_nr = UDEV_LEAVE_ALONE;
	return call(dm, DM_DEV_SUSPEND, &q);
}

int dm_clear(int dm, dev_t dev)
{
	struct request q = request_for(dev, 0);

	return call(dm, DM_TABLE_CLEAR, &q);
}

int dm_rename(int dm, const char *name, const char *to)
{
	struct request q;
	int r;

	init(&q.io, sizeof(q), 0);
	q.io.event_nr = UDEV_LEAVE_ALONE;
	r = set_name(&q.io, name);
	if (r < 0 || strlen(to) >= DM_NAME_BYTES)
		return -ENAMETOOLONG;
	strcpy(q.data, to);
	return call(dm, DM_DEV_RENAME, &q);
}

int dm_remove(int dm, const char *name)
{
	struct request q;
	int r;

	init(&q.io, sizeof(q), 0);
	q.io.event_nr = UDEV_LEAVE_ALONE;
	r = set_name(&q.io, name);
	return r < 0 ? r : call(dm, DM_DEV_REMOVE, &q);
}

int dm_remove_at_close(int dm, dev_t dev)
{
	struct request q = request_for(dev, DM_DEFERRED_REMOVE);
	int r = call(dm, DM_DEV_REMOVE, &q);

	/* The flag comes back when it waits: otherwise the device is gone already. */
	return r < 0 ? r : q.io.flags & DM_DEFERRED_REMOVE ? 0 : -ENXIO;
}

int dm_look(int dm, const char *name, struct dm_state *ret)
{
	struct request q;
	int r;

	init(&q.io, sizeof(q), 0);
	r = set_name(&q.io, name);
	if (r == 0)
		r = call(dm, DM_DEV_STATUS, &q);
	if (r < 0)
		return r;
	ret->dev = unpack_dev(q.io.dev);
	ret->openers = (unsigned int)q.io.open_count;
	ret->live = q.io.flags & DM_ACTIVE_PRESENT_FLAG;
	memcpy(ret->uuid, q.io.uuid, sizeof(ret->uuid));
	ret->uuid[sizeof(ret->uuid) - 1] = '\0';
	return 0;
}

static int copy_out(const char *from, size_t max, char *to, size_t size)
{
	size_t len = strnlen(from, max);

	if (len == max || len >= size)
		return -EMSGSIZE;
	memcpy(to, from, len + 1);
	return 0;
}

int dm_look_target(int dm, dev_t dev, char type[DM_TYPE_BYTES], char *ret_state, size_t size)
{
	struct request q = request_for(dev, DM_NOFLUSH_FLAG);
	const struct dm_target_spec *spec = (const struct dm_target_spec *)q.data;
	int r = call(dm, DM_TABLE_STATUS, &q);

	if (r < 0)
		return r;
	if (q.io.flags & DM_BUFFER_FULL_FLAG)
		return -EMSGSIZE;
	if (!q.io.target_count || q.io.data_start != sizeof(q.io))
		return -ENODATA;
	r = copy_out(spec->target_type, sizeof(spec->target_type), type, DM_TYPE_BYTES);
	return r < 0 ? r
		     : copy_out((const char *)(spec + 1), sizeof(q.data) - sizeof(*spec), ret_state,
				size);
}

int dm_message(int dm, dev_t dev, const char *message, char *ret_answer, size_t size)
{
	struct request q = request_for(dev, 0);
	struct dm_target_msg *msg = (struct dm_target_msg *)q.data;
	size_t len = strlen(message);
	int r;

	if (len >= sizeof(q.data) - sizeof(*msg))
		return -ENAMETOOLONG;
	memcpy(msg->message, message, len + 1);
	r = call(dm, DM_TARGET_MSG, &q);
	if (r < 0)
		return r;
	if (q.io.flags & DM_BUFFER_FULL_FLAG)
		return -EMSGSIZE;
	if (!(q.io.flags & DM_DATA_OUT_FLAG) || q.io.data_start != sizeof(q.io))
		return copy_out("", 1 + 1, ret_answer, size);
	return copy_out(q.data, sizeof(q.data), ret_answer, size);
}

/* The whole list; caller frees. */
static int list(int dm, struct dm_ioctl **ret)
{
	size_t bytes;

	for (bytes = sizeof(struct request); bytes <= LIST_MAX; bytes *= 4) {
		_cleanup_free_ struct dm_ioctl *io = malloc(bytes);
		int r;

		if (!io)
			return -ENOMEM;
		init(io, bytes, 0);
		r = call(dm, DM_LIST_DEVICES, io);
		if (r < 0)
			return r;
		if (!(io->flags & DM_BUFFER_FULL_FLAG)) {
			io->data_size = (uint32_t)bytes;
			*ret = steal_ptr(io);
			return 0;
		}
	}
	return -EMSGSIZE;
}

int dm_each(int dm, dm_each_fn fn, void *arg)
{
	_cleanup_free_ struct dm_ioctl *io = NULL;
	const struct dm_name_list *entry;
	uint32_t at;
	int r = list(dm, &io);

	if (r < 0)
		return r;
	for (at = io->data_start; r == 0; at += entry->next) {
		if (at > io->data_size - sizeof(*entry))
			return -EMSGSIZE;
		entry = (const struct dm_name_list *)((const char *)io + at);
		/* An empty list is one entry of zeros. */
		if (!entry->dev)
			return 0;
		r = fn(arg, entry->name, unpack_dev(entry->dev));
		if (!entry->next)
			break;
	}
	return r;
}

unsigned int dm_ploop_levels(const char *state)
{
	char *end;
	unsigned long n;

	if (*state < '1' || *state > '9')
		return 0;
	n = strtoul(state, &end, 10);
	return strncmp(end, " v2 ", 4) == 0 && n <= 254 ? (unsigned int)n : 0;
}
