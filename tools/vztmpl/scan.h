/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_SCAN_H
#define VESPER_VZTMPL_SCAN_H

/* Reading a tar as the root file system that a template must be. */

#include <stdbool.h>
#include <stdint.h>

#include "sieve.h"
#include "unique.h"

struct err;
struct pkgdb;
struct source;

/* What happens to a file that belongs to one machine only. */
enum scan_unique { SCAN_REFUSE, SCAN_LEAVE_OUT, SCAN_KEEP };

struct scan_opts {
	const char *what; /* the tar, for messages: "the recipe's tar", "'a.tar.gz'" */
	enum scan_unique unique;
	uint32_t max_id; /* 0: any */
	const char *dir; /* where the index of many names goes, if it can be written; NULL: memory */
	struct pkgdb *pkgdb;  /* filled; NULL: not asked for */
	sieve_write_fn write; /* gets the template's tar; NULL: only look */
	void *write_arg;
	int (*tick)(void *arg); /* between blocks; other than 0: -EINTR. May be NULL. */
	void *tick_arg;
};

struct scan_result {
	uint64_t entries;
	uint64_t unpacked_bytes; /* of regular files */
	uint64_t left_out[UNIQUE_RULES];
};

/*
 * Read @source to its end. Refused by name: what cannot become an image, has
 * no init, or holds what is unique (SCAN_REFUSE).
 */
int scan_tar(struct source *source, const struct scan_opts *opts, struct scan_result *ret,
	     struct err *err);

#endif
