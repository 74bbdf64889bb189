/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_BAT_H
#define PLOOP_BAT_H

/*
 * The block table of an expanded image, whole in memory: which cluster of the
 * file holds which cluster of the virtual disk. 0 is "nowhere, reads zero".
 */

#include <stdbool.h>
#include <stdint.h>

struct err;

struct bat {
	uint32_t *entries; /* host byte order; owned */
	uint32_t count;	   /* clusters of the virtual disk */
	uint32_t first;	   /* first data cluster of the file */
	uint32_t next;	   /* where the next allocation goes: end of the file */
	uint32_t unit;	   /* what an entry in the file counts a cluster as: 1, or its sectors */
	uint8_t *dirty;	   /* one byte a page of the table; owned */
};

/* Clusters that header and table take in the file. */
uint32_t bat_clusters(uint64_t entries, uint32_t cluster_bytes);

/* An empty table that counts clusters, nothing written yet. 0 or -ENOMEM. */
int bat_init(struct bat *bat, uint32_t count, uint32_t cluster_bytes);

/*
 * Read and validate: every entry inside the file and behind the table, none
 * twice. @file_clusters: whole clusters of the file; a shorter tail is what a
 * crashed extension left and is not counted.
 */
int bat_load(struct bat *bat, int fd, uint32_t count, uint32_t first, uint32_t unit,
	     uint64_t file_clusters, const char *name, struct err *err);

/*
 * Read without judging, for check; what is wrong is for the caller to find. An
 * entry that is no whole number of units is UINT32_MAX. 0 or -errno.
 */
int bat_read(struct bat *bat, int fd, uint32_t count, uint32_t first, uint32_t unit);

/* The file's cluster, 0 when not allocated. */
static inline uint32_t bat_lookup(const struct bat *bat, uint32_t cluster)
{
	return bat->entries[cluster];
}

/* The next free cluster of the file; it is in no entry until bat_set(). 0 when the table is full. */
uint32_t bat_allocate(struct bat *bat);

/* Map @cluster, whose data has been written; reaches the file with bat_store(). */
void bat_set(struct bat *bat, uint32_t cluster, uint32_t file_cluster);

/* Write the changed pages. The data they point to must be stable before (see disk_flush). 0 or -errno. */
int bat_store(struct bat *bat, int fd);

bool bat_is_dirty(const struct bat *bat);

void bat_free(struct bat *bat);

#endif
