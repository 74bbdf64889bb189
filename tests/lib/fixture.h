/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_FIXTURE_H
#define VESPER_FIXTURE_H

/* What unit tests share. cmocka's own headers come with it, in the order they need. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A directory of one test; everything in it goes with fixture_teardown(). */
struct fixture {
	char dir[64];
	int dirfd;
};

/* cmocka set-up and tear-down; the test gets a struct fixture in *state. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* "dir/name"; valid until the eighth call after it. */
const char *fixture_path(struct fixture *f, const char *name);

/* Make a file with this text in it. */
void fixture_write(struct fixture *f, const char *name, const void *data, size_t len);

struct ct;
struct host;

/* Container 101 of a host of its own in the directory, whose vz.conf is @vz_conf; caller closes both. */
struct ct *fixture_ct(struct fixture *f, const char *vz_conf, struct host **ret_host);

/* Names in the directory, sorted, blank between; caller frees. */
char *fixture_list(struct fixture *f);

/*
 * After @n more calls of pwrite() every further one fails with @error
 * (a cut); negative: never. fixture_writes() counts calls since then.
 */
void fixture_cut_writes(int n, int error);
int fixture_writes(void);

/*
 * What was done since fixture_cut_writes(), in order: 'h' a write below
 * @map_bytes at the very start, 'm' another below it, 'd' one above, 's' a flush.
 */
const char *fixture_order(uint64_t map_bytes);

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

#endif
