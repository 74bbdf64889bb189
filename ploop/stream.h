/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_STREAM_H
#define PLOOP_STREAM_H

/*
 * A disk on its way through a pipe: a header, frames, each with its number and
 * checksums, and an end mark; docs/ploop-format.md has the bytes. All of it is
 * little endian. Whoever reads trusts none of it.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define STREAM_MAGIC	     "VesperPloopCopy\n"
#define STREAM_MAGIC_BYTES   16
#define STREAM_VERSION	     1
#define STREAM_VERSION_SINCE 2		 /* a second header follows the first one */
#define STREAM_FRAME_MAGIC   0x72466c50u /* "PlFr" */
#define STREAM_ANSWER_MAGIC  0x6e416c50u /* "PlAn" */
#define STREAM_TEXT_BYTES    232

struct stream_header {
	/* 0x00 */ uint8_t magic[STREAM_MAGIC_BYTES];
	/* 0x10 */ uint32_t version;
	/* 0x14 */ uint32_t cluster_sectors;
	/* 0x18 */ uint64_t disk_sectors;
	/* 0x20 */ uint8_t reserved[28];
	/* 0x3c */ uint32_t crc;
} __attribute__((packed));

static_assert(offsetof(struct stream_header, disk_sectors) == 0x18, "disk_sectors");
static_assert(offsetof(struct stream_header, crc) == 0x3c, "crc");
static_assert(sizeof(struct stream_header) == 64, "stream header");

/* Only what was written since a point comes; zeros for no new point. */
struct stream_since {
	/* 0x00 */ uint8_t since[16];
	/* 0x10 */ uint8_t point[16];
	/* 0x20 */ uint8_t reserved[28];
	/* 0x3c */ uint32_t crc;
} __attribute__((packed));

static_assert(offsetof(struct stream_since, crc) == 0x3c, "crc");
static_assert(sizeof(struct stream_since) == 64, "stream since");

enum stream_type {
	STREAM_DATA = 1,  /* a cluster whole, or what the disk has of its last one */
	STREAM_ZERO = 2,  /* such a one of zeros */
	STREAM_FLUSH = 3, /* what came is to be stable, and an answer wanted */
	STREAM_END = 4,
};

struct stream_frame_header {
	/* 0x00 */ uint32_t magic;
	/* 0x04 */ uint32_t type;
	/* 0x08 */ uint64_t number;
	/* 0x10 */ uint32_t cluster;
	/* 0x14 */ uint32_t length;
	/* 0x18 */ uint32_t data_crc;
	/* 0x1c */ uint32_t crc;
} __attribute__((packed));

static_assert(offsetof(struct stream_frame_header, cluster) == 0x10, "cluster");
static_assert(offsetof(struct stream_frame_header, crc) == 0x1c, "crc");
static_assert(sizeof(struct stream_frame_header) == 32, "frame header");

struct stream_answer {
	/* 0x00 */ uint32_t magic;
	/* 0x04 */ uint32_t status;
	/* 0x08 */ uint64_t number;
	/* 0x10 */ uint8_t text[STREAM_TEXT_BYTES];
	/* 0xf8 */ uint32_t reserved;
	/* 0xfc */ uint32_t crc;
} __attribute__((packed));

static_assert(offsetof(struct stream_answer, text) == 0x10, "text");
static_assert(offsetof(struct stream_answer, crc) == 0xfc, "crc");
static_assert(sizeof(struct stream_answer) == 256, "answer");

/* CRC-32C. */
uint32_t stream_crc(const void *data, size_t len);

struct stream {
	int fd;		 /* borrowed */
	uint64_t number; /* of the next frame */
	uint64_t size_bytes;
	uint32_t cluster_bytes;
	bool increment; /* what follows is since[], and there is a new point if that is not zeros */
	uint8_t since[16], point[16];
};

struct stream_frame {
	enum stream_type type;
	uint32_t cluster;
	uint32_t length; /* of what it stands for: of ZERO, too */
};

/* Write the header. */
int stream_begin(struct stream *s, int fd, uint64_t size_bytes, uint32_t cluster_bytes,
		 struct err *err);

/* The same of what was written since a point; @point NULL: there is no new one. */
int stream_begin_since(struct stream *s, int fd, uint64_t size_bytes, uint32_t cluster_bytes,
		       const uint8_t since[16], const uint8_t *point, struct err *err);

/* Write a frame; @buf for STREAM_DATA only. */
int stream_put(struct stream *s, const struct stream_frame *frame, const void *buf,
	       struct err *err);

/* Read the header. -EPROTO, as all that reads. */
int stream_open(struct stream *s, int fd, struct err *err);

/* Read a frame, which is one of this disk; @buf has room for a cluster. */
int stream_get(struct stream *s, struct stream_frame *ret, void *buf, struct err *err);

/* Tell how it goes with the last frame: well, or with the sentence in @failed. */
int stream_answer(const struct stream *s, int fd, const struct err *failed);

/* Wait for that. -EREMOTEIO with the other's sentence, made of printable characters. */
int stream_await(const struct stream *s, int fd, struct err *err);

#endif
