/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_ATTACH_H
#define PLOOP_ATTACH_H

/*
 * Block devices on image files: raw images are on loop devices, expanded ones
 * on the device mapper's target ploop. Both hold the open image file, and with
 * it the lock on it, from the set-up to their own end, and end with their last
 * mount, whoever unmounts. A device is known by the kernel's name for it,
 * "loop3" or "dm-0".
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ploop.h"

struct err;
struct ploop_disk;
struct stat;

enum { ATTACH_NAME_MAX = 32 };

/* What a device is to be of. */
struct attach {
	struct ploop_disk *disk;
	int image;		     /* the top, locked; borrowed */
	int older[PLOOP_LEVELS_MAX]; /* as in the disk, locked for readers; borrowed */
	bool read_only;
	uint64_t offset, length; /* bytes of the partition; a device may go on behind it */
};

struct attach_kind {
	const char *prefix; /* of the kernel's names */

	/*
	 * Everything that can be refused, before there is a device; what the
	 * last writer left is put right. Fills in offset and length. -EBADMSG for a
	 * damaged image.
	 */
	int (*prepare)(struct attach *a, struct err *err);

	/* Make the device: a descriptor that holds it, and its name in @name. A failure leaves none. */
	int (*make)(const struct attach *a, char name[ATTACH_NAME_MAX], struct err *err);

	/* Closes @dev, the last that holds the device @name, which is gone then. */
	void (*drop)(const char *name, int dev);

	/* Did make() make @name for that image, as its top? */
	bool (*is_of)(const char *name, const struct stat *image);

	/* Is the device @name, of whoever's making, on that file? */
	bool (*is_on)(const char *name, const struct stat *image);

	/*
	 * The image, and its mounted device @dev, get as large as @size_bytes, which is
	 * no less than they are. What is there already is well.
	 */
	int (*grow)(struct ploop_disk *disk, dev_t dev, uint64_t size_bytes, struct err *err);

	/*
	 * May the lock on that file be one of a device that is about to go? NULL:
	 * never, such a device lets go of both at once.
	 */
	bool (*is_leaving)(const struct stat *image);

	/*
	 * The file system on @name was unmounted here: wait for other mounts to
	 * end and for all to be written, and note what it was left like. Takes
	 * @dev, which has held the device.
	 */
	void (*unmounted)(const char *name, int dev);
};

extern const struct attach_kind attach_loop, attach_dm;

const struct attach_kind *attach_kind_of(const struct ploop_disk *disk);

/* The kind and the name of the device @dev; NULL: of none of ours. */
const struct attach_kind *attach_name(dev_t dev, char name[ATTACH_NAME_MAX]);

/* The number of the device @name, without opening it; 0 or -errno. */
int attach_number(const char *name, dev_t *ret);

/* -EBUSY when any device, of whoever's making, is on the open file @image. */
int attach_check_none(int image, const char *path, struct err *err);

/* The same for all but the device @dev. */
int attach_check_no_other(int image, dev_t dev, const char *path, struct err *err);

/*
 * The image that a device may still write to though the descriptor has a newer
 * top already: whoever made the snapshot was killed in between. NULL: there is none.
 */
const struct image *attach_behind(const struct ploop_disk *disk);

/* The device that @disk was attached to, be it behind. -ENOENT when it is not. */
int attach_find(const struct ploop_disk *disk, dev_t *ret_dev, struct err *err);

/* attach_dm.grow() */
int attach_dm_grow(struct ploop_disk *disk, dev_t dev, uint64_t size_bytes, struct err *err);

/* Nobody writes to the device. */
bool attach_is_read_only(dev_t dev);

/*
 * The mounted disk @dev goes on with the images of @disk, which has the same top
 * and says the same: another one of those below is gone.
 */
int attach_reload(struct ploop_disk *disk, dev_t dev, struct err *err);

/*
 * Whoever likes may write to the older delta @image of @dev, which holds its files
 * against that; or, !@share, nobody any more. The next table holds them all.
 */
int attach_share(dev_t dev, int image, bool share, struct err *err);

/* Is the disk on @dev without its newest top? */
bool attach_is_behind(const struct ploop_disk *disk, dev_t dev);

/*
 * The mounted disk @dev of @disk goes on with the empty image @name as its top.
 * First a table is loaded, which changes nothing; the switch then freezes the
 * file system, closes the old top and takes the new one. Either of the two
 * others ends it. A switch that fails leaves the device as it was, or, when it
 * does not take that table either, frozen with one of the two.
 */
struct attach_push;
int attach_push_load(struct ploop_disk *disk, dev_t dev, const char *name, struct attach_push **ret,
		     struct err *err);
int attach_push_switch(struct attach_push *push, bool *ret_frozen, struct err *err);
void attach_push_cancel(struct attach_push *push);

/* The number that no other device has until the next boot, without opening it. 0 or -errno. */
int attach_sequence(dev_t dev, uint64_t *ret);

/*
 * The lock on the open image or device @fd; who has it for a moment, as udev a device and a
 * device that is gone its image, is waited for.
 */
bool attach_lock(int fd);

/* Held, by a reader. Negative errno. */
int attach_open(const char *name, int flags);

/* Nothing is mounted from the device any more: held, nobody else mounts it. Negative: others go on. */
int attach_open_settled(const char *name);

/* Was the file system left without a fault? */
bool attach_is_clean(int dev);

#endif
