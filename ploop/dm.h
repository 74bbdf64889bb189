/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_DM_H
#define PLOOP_DM_H

/*
 * The kernel's device mapper, by its ioctls. No library is between: such a one
 * makes nodes in /dev/mapper, which stay when the kernel removes a device by
 * itself, and waits for udev, which need not be there.
 *
 * All return 0 or -errno. @dm is the control device, from dm_open(); a device is
 * named by its number while it is held open, and by its name when it may go.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	DM_NAME_BYTES = 128,
	DM_UUID_BYTES = 129,
	DM_TYPE_BYTES = 16,
};

struct dm_state {
	dev_t dev;
	char uuid[DM_UUID_BYTES];
	unsigned int openers;
	bool live; /* has a table in use */
};

/* A descriptor of the control device, caller closes. */
int dm_open(void);

/* Is there such a target? A module with it is loaded. */
bool dm_has_target(int dm, const char *target);

/* A device without a table. -EBUSY when the name or the UUID is taken. */
int dm_create(int dm, const char *name, const char *uuid, dev_t *ret_dev);

/* A table of one target, to be used from the next resume on. */
int dm_load(int dm, dev_t dev, bool read_only, uint64_t sectors, const char *target,
	    const char *params);

/*
 * With a word to udev that it is nobody's to look into. A device in use that has
 * another table loaded is suspended for it, its file system frozen meanwhile.
 */
int dm_resume(int dm, dev_t dev);

/* Take the table away that was loaded and is not in use yet. */
int dm_clear(int dm, dev_t dev);

int dm_rename(int dm, const char *name, const char *to);

/* Now; -EBUSY when it is open. */
int dm_remove(int dm, const char *name);

/* By the kernel, when the last opener closes it: the caller is one of them. */
int dm_remove_at_close(int dm, dev_t dev);

int dm_look(int dm, const char *name, struct dm_state *ret);

/* The type and the state of the first target of a device in use. -ENODATA: it has none. */
int dm_look_target(int dm, dev_t dev, char type[DM_TYPE_BYTES], char *ret_state, size_t size);

/* Send a message to its target; the answer, may be empty. */
int dm_message(int dm, dev_t dev, const char *message, char *ret_answer, size_t size);

/* Calls @fn for each device until one does not return 0, which is returned. */
typedef int (*dm_each_fn)(void *arg, const char *name, dev_t dev);
int dm_each(int dm, dm_each_fn fn, void *arg);

/* The "deltas" of what the target ploop says of itself; 0: it makes no sense. */
unsigned int dm_ploop_levels(const char *state);

#endif
