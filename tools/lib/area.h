/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_AREA_H
#define VESPER_AREA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ploop.h"

struct ct;
struct err;

/* The private area of a container: VE_PRIVATE/root.hdd, an image directory of libploop. */

typedef void (*area_progress_fn)(void *arg, uint64_t done, uint64_t total);

struct area_create_opts {
	const char *tar; /* template */
	uint64_t size_bytes;
	enum ploop_format format; /* all but raw ones need the kernel's target ploop */
	bool full;	 /* of its own, and none that stands on the golden image of its template */
	uint32_t max_id; /* largest owner the container's id range can hold */
	area_progress_fn progress;
	void *progress_arg;
};

/* The image directory; caller frees; NULL without memory. */
char *area_image_dir(const struct ct *ct);

/* Exit code 44 when VE_PRIVATE is there, or another container's, made or being made. */
int area_check_free(const struct ct *ct, struct err *err);

/* Make the private area whole or not at all, where area_check_free() said yes. Exit codes 46, 47, 48, 151. */
int area_create(const struct ct *ct, const struct area_create_opts *opts, struct err *err);

/*
 * Remove it; missing is fine. Refused when it is not a private area or another
 * container's as well (exit code 52), or in use (41).
 */
int area_destroy(const struct ct *ct, struct err *err);

/* -EPERM when others than root of the host can get to what is mounted on @root. */
int area_check_closed(const char *root, struct err *err);

/*
 * Is the disk mounted on VE_ROOT? -EBUSY when something else is, which is
 * nobody's to start in or to unmount. *ret_dev, its device, may be NULL.
 */
int area_look(const struct ct *ct, bool *ret_mounted, dev_t *ret_dev, struct err *err);

/*
 * Mount it on VE_ROOT (made when missing, in a directory that only root
 * enters), nodiratime until the caller's scripts are through. *ret_dev may be NULL.
 * Exit codes 41, 43, 49, 50, and 99 where the kernel cannot mount its kind.
 */
int area_mount(const struct ct *ct, dev_t *ret_dev, struct err *err);

/* The block device of the mounted disk; exit code 40 when it is not. */
int area_device(const struct ct *ct, dev_t *ret_dev, struct err *err);

/*
 * The disk, mounted or not, and its file system have @bytes from now on, rounded up to
 * a cluster. *ret_pending: it is mounted and gets smaller when it is not; until then it
 * only uses no more. Exit code 154.
 */
int area_resize(const struct ct *ct, uint64_t bytes, bool *ret_pending, struct err *err);

/*
 * What the disk has no use for goes back to the host: what is free in the file system
 * when it is mounted, what is free in the file when it is not. Exit code 166.
 */
int area_compact(const struct ct *ct, struct err *err);

/* What a value of VE_LAYOUT, as value_layout() gives it, stands for. */
enum ploop_format area_format(const char *layout);

/*
 * The disk becomes one of that format, its snapshots stay. Exit code 155, in use too; 46
 * without room for a second image.
 */
int area_convert(const struct ct *ct, enum ploop_format format, struct err *err);

/* What the images take on the host; 0 when that cannot be told. */
uint64_t area_taken_bytes(const struct ct *ct);

/* Exit codes 40, 51. */
int area_umount(const struct ct *ct, struct err *err);

#endif
