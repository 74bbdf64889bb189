/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_PACK_H
#define VESPER_VZTMPL_PACK_H

#include <stdint.h>

#include "hash.h"

struct err;

struct pack_result {
	uint64_t entries;
	uint64_t unpacked_bytes;
	uint64_t size_bytes;
	char sha256[HASH_HEX_LEN];
};

/* Called for each block read; a value other than 0 ends the work with -EINTR. */
typedef int (*pack_tick_fn)(void *arg);

/*
 * Compress the recipe's tar @tar into the new file @out (synced), checking on
 * the way that it is a root file system with an init and nothing unique in it.
 */
int pack_archive(const char *tar, const char *out, pack_tick_fn tick, void *arg,
		 struct pack_result *ret, struct err *err);

#endif
