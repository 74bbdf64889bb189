/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_SIZE_H
#define VESPER_SIZE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Sizes as OpenVZ writes them (vzctl(8)): a number with an optional decimal
 * part and a suffix T G M K (powers of 1024), P (pages of 4096 bytes) or B
 * (bytes), either case; "unlimited" is SIZE_UNLIMITED (LONG_MAX, as the old
 * kernels show it). Without a suffix the number is in @unit_bytes.
 */
#define SIZE_UNLIMITED ((uint64_t)INT64_MAX)

/* "512M" -> bytes. 0, -EINVAL (not a size), -ERANGE (too large). */
int size_parse(const char *s, uint64_t unit_bytes, uint64_t *ret_bytes);

/* "10G" or "10G:12G" (one value sets both). 0, -EINVAL, -ERANGE, also -EINVAL when barrier > limit. */
int size_parse_pair(const char *s, uint64_t unit_bytes, uint64_t *ret_barrier_bytes,
		    uint64_t *ret_limit_bytes);

/* "10G" where exact, else the next smaller suffix that is; "unlimited". */
void size_format(uint64_t bytes, char *buf, size_t len);

#endif
