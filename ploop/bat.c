/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Block table in memory and in the file.
 *
 *   table in the file, from byte 64:   [e0][e1][e2]...[e(count-1)]  padding
 *   written in pages of 4096 bytes of the file; the header shares page 0, so
 *   entry k is in page (64 + 4k) / 4096 and page 0 starts at entry 0.
 *
 * Invariants: an entry is 0 or in [first, next); no two are equal; next is the
 * number of clusters that the file has or is about to have. Allocation only
 * appends: a cluster that no entry names is lost until a compaction, never
 * harmful, so a crash between data and table costs space and nothing else.
 */
#include "bat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "format.h"
#include "io.h"

#define PAGE 4096u

static uint32_t pages(uint32_t count)
{
	return (uint32_t)((PLOOP_BAT_OFFSET + 4ull * count + PAGE - 1) / PAGE);
}

static uint32_t page_of(uint32_t entry)
{
	return (uint32_t)((PLOOP_BAT_OFFSET + 4ull * entry) / PAGE);
}

uint32_t bat_clusters(uint64_t entries, uint32_t cluster_bytes)
{
	return (uint32_t)((PLOOP_BAT_OFFSET + 4 * entries + cluster_bytes - 1) / cluster_bytes);
}

static int allocate_arrays(struct bat *bat, uint32_t count, uint32_t first)
{
	*bat = (struct bat){.count = count, .first = first, .next = first, .unit = 1};
	bat->entries = calloc(count ? count : 1, sizeof(*bat->entries));
	bat->dirty = calloc(pages(count), 1);
	if (!bat->entries || !bat->dirty) {
		bat_free(bat);
		return -ENOMEM;
	}
	return 0;
}

int bat_init(struct bat *bat, uint32_t count, uint32_t cluster_bytes)
{
	int r = allocate_arrays(bat, count, bat_clusters(count, cluster_bytes));

	if (r < 0)
		return r;
	memset(bat->dirty, 1, pages(count));
	return 0;
}

static uint32_t from_file(uint32_t entry, uint32_t unit)
{
	return entry % unit ? UINT32_MAX : entry / unit;
}

int bat_read(struct bat *bat, int fd, uint32_t count, uint32_t first, uint32_t unit)
{
	uint32_t i;
	int r = allocate_arrays(bat, count, first);

	if (r < 0)
		return r;
	r = io_pread_full(fd, bat->entries, 4ull * count, PLOOP_BAT_OFFSET);
	if (r < 0) {
		bat_free(bat);
		return r;
	}
	bat->unit = unit;
	for (i = 0; i < count; i++)
		bat->entries[i] = from_file(le32toh(bat->entries[i]), unit);
	return 0;
}

static int validate(const struct bat *bat, uint64_t file_clusters, const char *name,
		    struct err *err)
{
	_cleanup_free_ uint8_t *seen = calloc(1, (size_t)(file_clusters / 8 + 1));
	uint32_t i;

	if (!seen)
		return err_errno(err, ENOMEM, "cannot check the block table of '%s'", name);

	for (i = 0; i < bat->count; i++) {
		uint32_t e = bat->entries[i];

		if (!e)
			continue;
		if (e < bat->first || e >= file_clusters)
			return err_set(
				err, EUCLEAN,
				"block %u of '%s' is said to be in cluster %u, outside of the data",
				i, name, e);
		if (seen[e / 8] & (1u << (e % 8)))
			return err_set(err, EUCLEAN,
				       "cluster %u of '%s' is in its block table twice", e, name);
		seen[e / 8] |= (uint8_t)(1u << (e % 8));
	}
	return 0;
}

int bat_load(struct bat *bat, int fd, uint32_t count, uint32_t first, uint32_t unit,
	     uint64_t file_clusters, const char *name, struct err *err)
{
	int r = bat_read(bat, fd, count, first, unit);

	if (r < 0)
		return err_errno(err, r, "cannot read the block table of '%s'", name);
	if (file_clusters > UINT32_MAX)
		file_clusters = UINT32_MAX;
	r = validate(bat, file_clusters, name, err);
	if (r < 0) {
		bat_free(bat);
		return r;
	}
	bat->next = (uint32_t)(file_clusters > first ? file_clusters : first);
	return 0;
}

uint32_t bat_allocate(struct bat *bat)
{
	return bat->next >= UINT32_MAX / bat->unit ? 0 : bat->next++;
}

void bat_set(struct bat *bat, uint32_t cluster, uint32_t file_cluster)
{
	bat->entries[cluster] = file_cluster;
	bat->dirty[page_of(cluster)] = 1;
}

/* Entries of page @page as [*ret_from, *ret_to). */
static void page_range(const struct bat *bat, uint32_t page, uint32_t *ret_from, uint32_t *ret_to)
{
	const uint32_t skip = (uint32_t)PLOOP_BAT_OFFSET / 4, per = PAGE / 4;
	uint64_t from = page ? (uint64_t)page * per - skip : 0;
	uint64_t to = (uint64_t)(page + 1) * per - skip;

	*ret_from = (uint32_t)from;
	*ret_to = to > bat->count ? bat->count : (uint32_t)to;
}

int bat_store(struct bat *bat, int fd)
{
	uint32_t buf[PAGE / 4], page, n = pages(bat->count);

	for (page = 0; page < n; page++) {
		uint32_t from, to, i;
		int r;

		if (!bat->dirty[page])
			continue;
		page_range(bat, page, &from, &to);
		for (i = from; i < to; i++)
			buf[i - from] = htole32(bat->entries[i] * bat->unit);
		r = io_pwrite_full(fd, buf, 4ull * (to - from), PLOOP_BAT_OFFSET + 4ull * from);
		if (r < 0)
			return r;
		bat->dirty[page] = 0;
	}
	return 0;
}

bool bat_is_dirty(const struct bat *bat)
{
	return memchr(bat->dirty, 1, pages(bat->count)) != NULL;
}

void bat_free(struct bat *bat)
{
	free(bat->entries);
	free(bat->dirty);
	*bat = (struct bat){.count = 0};
}
