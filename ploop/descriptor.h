/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_DESCRIPTOR_H
#define PLOOP_DESCRIPTOR_H

/* DiskDescriptor.xml: which files make the disk. One image for now. */

#include <stdint.h>

#include "ploop.h"

struct err;

#define DESCRIPTOR_NAME	     "DiskDescriptor.xml"
#define DESCRIPTOR_TOP_GUID  "{5fbaabe3-6958-40ff-92a7-860e329aab41}"
#define DESCRIPTOR_ROOT_GUID "{00000000-0000-0000-0000-000000000000}"

struct descriptor {
	uint64_t size_bytes;
	uint32_t cluster_bytes;
	enum ploop_format format;
	char *file; /* plain file name in the descriptor's directory; owned */
};

/*
 * Read and check the descriptor in @dirfd (@shown: its path, for messages).
 * What names files elsewhere, has entities, or describes what this library
 * cannot do (several images, encryption) is refused.
 */
int descriptor_load(int dirfd, const char *shown, struct descriptor *ret, struct err *err);

/* Write it so that a crash leaves the old or the new one. */
int descriptor_store(int dirfd, const struct descriptor *d, struct err *err);

void descriptor_free(struct descriptor *d);

#endif
