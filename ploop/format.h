/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_FORMAT_H
#define PLOOP_FORMAT_H

/*
 * The bytes of an expanded image; docs/ploop-format.md is the authority, this
 * file mirrors it and nothing else knows an offset. Everything is little endian.
 * Format version 1 differs in the signature, in the upper half of disk_sectors,
 * which is not read, and in the block table, which counts sectors.
 *
 *   cluster 0             header (64 bytes), block table from byte 64 on
 *   ... first_block       further clusters of the block table
 *   first_block ...       data clusters, in the order they were allocated
 */

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>

#define PLOOP_SIG_V1  "WithoutFreeSpace"
#define PLOOP_SIG_V2  "WithouFreSpacExt"
#define PLOOP_SIG_LEN 16

#define PLOOP_TYPE_EXPANDED 2
#define PLOOP_HEADS	    16
#define PLOOP_TRACK_SECTORS 32

#define PLOOP_INUSE	 0x746F6E59u /* "Ynot": open for writing, or was when it crashed */
#define PLOOP_CLOSED	 0u	     /* closed */
#define PLOOP_CLOSED_V21 0x312e3276u /* closed by software that knows the extension */

#define PLOOP_FLAG_EMPTY      1u /* nothing is allocated */
#define PLOOP_FLAG_CONVERTING 2u /* a version change was cut short */
#define PLOOP_FLAGS_KNOWN     (PLOOP_FLAG_EMPTY | PLOOP_FLAG_CONVERTING)

#define PLOOP_SECTOR	      512u
#define PLOOP_CLUSTER_MIN     (32u << 10)
#define PLOOP_CLUSTER_MAX     (16u << 20)
#define PLOOP_CLUSTER_DEFAULT (1u << 20)
#define PLOOP_SIZE_MAX	      (50ull << 40) /* of the virtual disk */

struct ploop_header {
	/* 0x00 */ uint8_t signature[PLOOP_SIG_LEN];
	/* 0x10 */ uint32_t type;
	/* 0x14 */ uint32_t heads;
	/* 0x18 */ uint32_t cylinders;
	/* 0x1c */ uint32_t cluster_sectors;
	/* 0x20 */ uint32_t bat_entries;
	/* 0x24 */ uint64_t disk_sectors;
	/* 0x2c */ uint32_t in_use;
	/* 0x30 */ uint32_t first_block_sectors;
	/* 0x34 */ uint32_t flags;
	/* 0x38 */ uint64_t extension_sectors;
} __attribute__((packed));

static_assert(offsetof(struct ploop_header, type) == 0x10, "type");
static_assert(offsetof(struct ploop_header, heads) == 0x14, "heads");
static_assert(offsetof(struct ploop_header, cylinders) == 0x18, "cylinders");
static_assert(offsetof(struct ploop_header, cluster_sectors) == 0x1c, "cluster_sectors");
static_assert(offsetof(struct ploop_header, bat_entries) == 0x20, "bat_entries");
static_assert(offsetof(struct ploop_header, disk_sectors) == 0x24, "disk_sectors");
static_assert(offsetof(struct ploop_header, in_use) == 0x2c, "in_use");
static_assert(offsetof(struct ploop_header, first_block_sectors) == 0x30, "first_block_sectors");
static_assert(offsetof(struct ploop_header, flags) == 0x34, "flags");
static_assert(offsetof(struct ploop_header, extension_sectors) == 0x38, "extension_sectors");
static_assert(sizeof(struct ploop_header) == 64, "header");

/* The block table starts right behind the header: its entry 0 is at byte 64. */
#define PLOOP_BAT_OFFSET ((uint64_t)sizeof(struct ploop_header))

/*
 * The format extension: a cluster with this header, then features, each of them
 * with its data and zeros up to the next 8 bytes; one of zeros ends them.
 */
#define PLOOP_EXT_MAGIC	    0xAB234CEF23DCEA87ull
#define PLOOP_FEATURE_END   0ull
#define PLOOP_FEATURE_DIRTY 0x20385FAE252CB34Aull

#define PLOOP_FEATURE_NECESSARY 1ull /* whoever does not know it must not write to the image */
#define PLOOP_FEATURE_TRANSIT	2ull /* whoever does not know it keeps it */

struct ploop_extension {
	/* 0x00 */ uint64_t magic;
	/* 0x08 */ uint8_t md5[16]; /* of the rest of the cluster */
} __attribute__((packed));

static_assert(sizeof(struct ploop_extension) == 24, "extension");

struct ploop_feature {
	/* 0x00 */ uint64_t magic;
	/* 0x08 */ uint64_t flags;
	/* 0x10 */ uint32_t data_bytes;
	/* 0x14 */ uint32_t reserved;
} __attribute__((packed));

static_assert(offsetof(struct ploop_feature, data_bytes) == 0x10, "data_bytes");
static_assert(sizeof(struct ploop_feature) == 24, "feature");

/* Behind it, for each cluster of bits, where that is in sectors; 0: none of them is set, 1: all. */
struct ploop_dirty {
	/* 0x00 */ uint64_t disk_sectors;
	/* 0x08 */ uint8_t id[16];
	/* 0x18 */ uint32_t granularity_sectors;
	/* 0x1c */ uint32_t table_entries;
} __attribute__((packed));

static_assert(offsetof(struct ploop_dirty, granularity_sectors) == 0x18, "granularity_sectors");
static_assert(sizeof(struct ploop_dirty) == 32, "dirty");

#define PLOOP_DIRTY_NONE 0ull
#define PLOOP_DIRTY_ALL	 1ull

/* GUID partition table (UEFI 2.10, 5.3). Sectors of 512 bytes. */

#define GPT_SIGNATURE	  "EFI PART"
#define GPT_REVISION	  0x00010000u
#define GPT_HEADER_BYTES  92u
#define GPT_ENTRIES	  128u
#define GPT_ENTRY_BYTES	  128u
#define GPT_TABLE_SECTORS (GPT_ENTRIES * GPT_ENTRY_BYTES / PLOOP_SECTOR)
#define GPT_FIRST_USABLE  (2u + GPT_TABLE_SECTORS)
#define GPT_ALIGN_SECTORS 2048u

struct gpt_header {
	/* 0x00 */ uint8_t signature[8];
	/* 0x08 */ uint32_t revision;
	/* 0x0c */ uint32_t header_bytes;
	/* 0x10 */ uint32_t header_crc32;
	/* 0x14 */ uint32_t reserved;
	/* 0x18 */ uint64_t my_lba;
	/* 0x20 */ uint64_t alternate_lba;
	/* 0x28 */ uint64_t first_usable_lba;
	/* 0x30 */ uint64_t last_usable_lba;
	/* 0x38 */ uint8_t disk_guid[16];
	/* 0x48 */ uint64_t entries_lba;
	/* 0x50 */ uint32_t entries;
	/* 0x54 */ uint32_t entry_bytes;
	/* 0x58 */ uint32_t entries_crc32;
} __attribute__((packed));

static_assert(offsetof(struct gpt_header, my_lba) == 0x18, "my_lba");
static_assert(offsetof(struct gpt_header, disk_guid) == 0x38, "disk_guid");
static_assert(offsetof(struct gpt_header, entries_crc32) == 0x58, "entries_crc32");
static_assert(sizeof(struct gpt_header) == GPT_HEADER_BYTES, "gpt header");

struct gpt_entry {
	/* 0x00 */ uint8_t type_guid[16];
	/* 0x10 */ uint8_t guid[16];
	/* 0x20 */ uint64_t first_lba;
	/* 0x28 */ uint64_t last_lba;
	/* 0x30 */ uint64_t attributes;
	/* 0x38 */ uint16_t name[36];
} __attribute__((packed));

static_assert(offsetof(struct gpt_entry, first_lba) == 0x20, "first_lba");
static_assert(sizeof(struct gpt_entry) == GPT_ENTRY_BYTES, "gpt entry");

/* Protective MBR: one entry at 0x1be, the mark at 0x1fe. */
#define MBR_ENTRY_OFFSET 0x1be
#define MBR_MARK_OFFSET	 0x1fe
#define MBR_TYPE_GPT	 0xee

#endif
