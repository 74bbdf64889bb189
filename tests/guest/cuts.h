/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_GUEST_CUTS_H
#define TESTS_GUEST_CUTS_H

/*
 * What cuts-load.c writes and cuts.c demands: the load tells each fact that an
 * fsync has made true by a mark in the log of writes, at its place in time.
 *
 *	s FILE BYTES		file "a<FILE>" has that many bytes of its pattern
 *	v WORKER BLOCK VERSION	block of "b<WORKER>" is of that version or a later one
 *	u FILE			"a<FILE>" is being unlinked
 *	g FILE			it is gone
 *	z SECTORS		the image says that its disk has that many
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CUTS_BLOCK = 4096,
	CUTS_BLOCKS = 64,
	CUTS_WORKERS = 3,
	CUTS_FILES = 3000,
};

/* Any 8 bytes of any file are unlike those of other places, files and versions. */
static inline void cuts_fill(uint64_t *p, size_t bytes, uint32_t file, uint32_t version,
			     uint64_t at)
{
	uint64_t base = ((uint64_t)file << 44) ^ ((uint64_t)version << 24) ^ 0x5a5a000000000000;
	size_t i;

	for (i = 0; i < bytes / 8; i++)
		p[i] = base ^ ((at + i * 8) * 0x9e3779b1);
}

int cuts_load(int argc, char **argv);

/* Message to the device-mapper device of that name. */
int cuts_message(const char *device, const char *message);

void cuts_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
