/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_CONFINE_H
#define VESPER_CONFINE_H

#include <stdint.h>

struct err;
struct sysfilter;

/*
 * What every process of a container is confined to on its way in, the same for
 * its init and for what exec and enter start: capabilities (caps.h) and system
 * calls (sysfilter.h).
 */
struct confine {
	uint64_t caps;
	struct sysfilter *filter;
};

#define CONFINE_INIT    \
	{               \
		0, NULL \
	}

/* Before the fork. @caps from caps_load() or the record of a running container. */
int confine_prepare(uint64_t caps, struct confine *ret_confine, struct err *err);
void confine_free(struct confine *confine);
#define _cleanup_confine_ __attribute__((cleanup(confine_free)))

/* In the child, as root of the container's user namespace, with nothing left to do but exec. */
int confine_self(const struct confine *confine, struct err *err);

#endif
