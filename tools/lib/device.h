/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_DEVICE_H
#define VESPER_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/*
 * Which devices a container may open. What every container has is one table,
 * device_defaults[]; DEVICES and DEVNODES of a container are laid over it. A
 * list is in the order of precedence: the first rule that names a device
 * decides, and what no rule names is refused.
 */
enum {
	DEVICE_READ = 1 << 0,
	DEVICE_WRITE = 1 << 1,
	DEVICE_QUOTA = 1 << 2, /* block devices: may be named to quotactl(2) */
};

#define DEVICE_ALL UINT32_MAX /* every minor number */

struct device {
	const char *name; /* node below /dev, NULL: none */
	char type;	  /* 'c', 'b' */
	uint32_t major, minor;
	unsigned int access; /* 0: none */
	mode_t perm;	     /* of the node */
};

extern const struct device device_defaults[];
extern const size_t device_default_count;

struct devices {
	struct device *v; /* each with a name of its own */
	size_t count;
};

#define DEVICES_INIT    \
	{               \
		NULL, 0 \
	}

/* Stored forms of DEVICES "c:10:200:rw" and DEVNODES "net/tun:rw"; contract in value.h. */
int device_value(const char *in, char **ret, struct err *err);
/* The name must be that of a device of this host: exit code 86. */
int device_value_node(const char *in, char **ret, struct err *err);

/*
 * All rules of a container with these lists (NULL: empty), defaults last.
 * Device numbers of DEVNODES are looked up in the host's /dev, and must be
 * there; @past: no longer, as these were in effect once. Exit code 86.
 */
int devices_load(const char *devices, const char *devnodes, bool past, struct devices *ret,
		 struct err *err);
void devices_free(struct devices *d);
#define _cleanup_devices_ __attribute__((cleanup(devices_free)))

/* The rule that decides about a device; NULL: none, refused. */
const struct device *devices_find(const struct devices *d, char type, uint32_t major,
				  uint32_t minor);

/* Is a node made for rule @index: does it have a name, and what decides let it be opened? */
bool devices_has_node(const struct devices *d, size_t index);

#endif
