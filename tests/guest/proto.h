/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What relay (on the host) and agent (in the guest) say to each other over one
 * virtio-serial port: frames of a type, a little-endian length and a payload.
 *
 * One port for all, and not one a stream: frames keep their order, so when the
 * host sees FRAME_EXIT it has all output, and QEMU may go at once.
 */
#ifndef TESTS_GUEST_PROTO_H
#define TESTS_GUEST_PROTO_H

#include <stdint.h>

/* guest to host */
#define FRAME_READY  'R' /* COMMAND is about to be run */
#define FRAME_STDOUT 'O'
#define FRAME_STDERR 'E'
#define FRAME_NOTE   'N' /* a sentence of init or agent, for standard error */
#define FRAME_EXIT   'X' /* payload: the status, one byte; the last frame */

/* host to guest */
#define FRAME_STDIN   'I' /* no payload: end of input */
#define FRAME_WINSIZE 'W' /* payload: rows and columns, two uint16_t */

#define FRAME_MAX 16384

struct frame_head {
	uint8_t type;
	uint8_t len[4];
};

#define GUEST_BROKEN 98 /* COMMAND was never reached */
#define GUEST_KERNEL 99 /* the kernel complained */
#define GUEST_LATE   124

static inline void frame_set(struct frame_head *h, uint8_t type, uint32_t len)
{
	h->type = type;
	h->len[0] = len & 0xff;
	h->len[1] = len >> 8 & 0xff;
	h->len[2] = len >> 16 & 0xff;
	h->len[3] = len >> 24;
}

static inline uint32_t frame_len(const struct frame_head *h)
{
	return h->len[0] | h->len[1] << 8 | h->len[2] << 16 | (uint32_t)h->len[3] << 24;
}

#endif
