/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_LEGACY_H
#define VESPER_LEGACY_H

#include <stdbool.h>
#include <stddef.h>

struct ct;

/*
 * Keys of OpenVZ's files that no parameter stands for, so that a file which has
 * one is not read in silence: a start names them. Some ask for what is so
 * anyway; of these nobody needs to hear.
 */
struct legacy_key {
	const char *key;
	const char *met;  /* the value that asks for what is so anyway; "*": whatever it is */
	const char *real; /* the key that it is another name of, else NULL */
};

extern const struct legacy_key legacy_keys[];
extern const size_t legacy_key_count;

/*
 * The keys in CTID.conf and vz.conf that ask for something which is not done,
 * with blanks between, those of vz.conf behind its name; NULL for none. Caller frees.
 */
char *legacy_unmet(const struct ct *ct);

#endif
