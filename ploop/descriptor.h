/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_DESCRIPTOR_H
#define PLOOP_DESCRIPTOR_H

/*
 * DiskDescriptor.xml: which files make the disk. Each delta is a file and has
 * what was written since its parent was made a snapshot; the top is the one that
 * is written to. In the XML a delta is an <Image> and a <Shot> of the same GUID.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ploop.h"

struct err;

#define DESCRIPTOR_NAME	     "DiskDescriptor.xml"
#define DESCRIPTOR_TOP_GUID  "{5fbaabe3-6958-40ff-92a7-860e329aab41}"
#define DESCRIPTOR_ROOT_GUID "{00000000-0000-0000-0000-000000000000}"

struct descriptor_delta {
	char guid[PLOOP_GUID_BYTES];
	char parent[PLOOP_GUID_BYTES]; /* DESCRIPTOR_ROOT_GUID: none */
	bool temporary;		       /* not a state to go back to: it is about to be merged */
	enum ploop_format format;
	char *file;	    /* plain file name in the descriptor's directory; owned */
	void *image, *shot; /* their elements, NULL: not written yet */
};

struct descriptor {
	uint64_t size_bytes;
	uint64_t pending_bytes; /* what it is to become when it is not mounted; 0: nothing else */
	uint32_t cluster_bytes;
	bool preallocated; /* what lies at the bottom, if it is not raw */
	char top[PLOOP_GUID_BYTES];
	struct descriptor_delta *deltas; /* owned */
	size_t count;
	void *doc; /* as it was read, with what this library does not know; owned, may be NULL */
};

/* One of a disk that is this file. 0 or -ENOMEM. */
int descriptor_init(struct descriptor *ret, uint64_t size_bytes, uint32_t cluster_bytes,
		    enum ploop_format format, const char *file);

/*
 * Read and check the descriptor in @dirfd (@shown: its path, for messages).
 * What names files elsewhere or twice, has entities or a circle of parents, or
 * describes what this library cannot do (encryption, volumes) is refused.
 */
int descriptor_load(int dirfd, const char *shown, struct descriptor *ret, struct err *err);

/* Write it so that a crash leaves the old or the new one; what was unknown when it was read stays. */
int descriptor_store(int dirfd, struct descriptor *d, struct err *err);

void descriptor_free(struct descriptor *d);

/* NULL: there is none. Letters of a GUID may be large or small. */
struct descriptor_delta *descriptor_find(const struct descriptor *d, const char *guid);
struct descriptor_delta *descriptor_top(const struct descriptor *d);

/* The deltas from the oldest to @guid, which there is, into @ret; how many. */
unsigned int descriptor_chain(const struct descriptor *d, const char *guid,
			      const struct descriptor_delta *ret[PLOOP_LEVELS_MAX]);

/* How many deltas stand on that one; the first of them, if there is any. */
unsigned int descriptor_children(const struct descriptor *d, const char *guid,
				 struct descriptor_delta **ret_first);

/* Pointers to deltas hold until the next of these. 0 or -ENOMEM. */
int descriptor_add(struct descriptor *d, const char *guid, const char *parent,
		   enum ploop_format format, const char *file);
void descriptor_remove(struct descriptor *d, const char *guid);

/* With those that stand on it. */
void descriptor_rename(struct descriptor *d, const char *guid, const char *to);

#endif
