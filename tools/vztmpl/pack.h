/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_PACK_H
#define VESPER_VZTMPL_PACK_H

/* From a tar to the archive in the cache. */

#include <stdint.h>
#include <sys/types.h>

#include "hash.h"
#include "scan.h"

struct err;
struct source;

struct pack_result {
	struct scan_result scan;
	uint64_t size_bytes;
	char sha256[HASH_HEX_LEN];
};

/*
 * Compress what scan_tar() lets through of @source into the new file @out,
 * synced; @opts without its write. On failure @out is what it is.
 */
int pack_archive(struct source *source, const struct scan_opts *opts, const char *out, mode_t mode,
		 struct pack_result *ret, struct err *err);

#endif
