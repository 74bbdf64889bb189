/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_GPT_H
#define PLOOP_GPT_H

/* The partition table of an image: GPT, one partition, aligned to 1 MiB. */

#include <stdbool.h>
#include <stdint.h>

struct err;
struct gpt_header;
struct ploop_disk;

/*
 * Write protective MBR, primary and backup table with one Linux partition over
 * the whole disk. GUIDs follow from @uuid (16 bytes). -ENOSPC when nothing is
 * left for a partition.
 */
int gpt_create(struct ploop_disk *disk, const uint8_t *uuid, uint64_t *ret_offset_bytes,
	       uint64_t *ret_length_bytes, struct err *err);

/* Where gpt_create() would put the partition; 0 or -ENOSPC. */
int gpt_layout(uint64_t disk_bytes, uint64_t *ret_first_lba, uint64_t *ret_last_lba);

/*
 * The first used partition, by the primary table, by the backup one where the
 * primary is damaged. -EINVAL when there is none.
 */
int gpt_find(struct ploop_disk *disk, uint64_t *ret_offset_bytes, uint64_t *ret_length_bytes,
	     struct err *err);

/* Do both tables say the same, and end where the disk does? Yes where there is none. */
bool gpt_is_settled(struct ploop_disk *disk);

/*
 * The tables are those of a disk of @disk_bytes, no more than it has, and the
 * partition goes to its end. Whatever is cut, one of the two is whole.
 */
int gpt_fit(struct ploop_disk *disk, uint64_t disk_bytes, struct err *err);

/* Read and check one of the two tables at @lba; the sentence says what is wrong with it. */
int gpt_read(struct ploop_disk *disk, uint64_t lba, struct gpt_header *ret_header,
	     uint64_t *ret_first_lba, uint64_t *ret_last_lba, struct err *err);

/* CRC-32 of IEEE 802.3. */
uint32_t gpt_crc32(const void *data, size_t len);

#endif
