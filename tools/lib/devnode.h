/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_DEVNODE_H
#define VESPER_DEVNODE_H

#include <stdint.h>
#include <sys/types.h>

struct ct;
struct devices;
struct err;
struct idrange;

/*
 * Device nodes in a container's /dev, a tmpfs of the host's: one that belonged
 * to the container's user namespace would open no device, and the container
 * could still make none. Whoever may open what is devprog.h's; a node is only
 * the name.
 */

/* The nodes of a fresh /dev, not yet in anybody's reach: @dev is its root. */
int devnode_make_all(int dev, const struct devices *d, const struct idrange *ids, struct err *err);

/*
 * The nodes of a running container go from those of @from to those of @to. Its
 * /dev is in its own hands; whatever it puts there, nothing is made, changed or
 * removed in another file system.
 */
int devnode_update(const struct ct *ct, const struct devices *from, const struct devices *to,
		   struct err *err);

/* The number of the file system that process @pid has on /dev, for the record. */
int devnode_identify(pid_t pid, uint64_t *ret_dev, struct err *err);

#endif
