/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_NEWDIR_H
#define PLOOP_NEWDIR_H

#include <stdbool.h>

struct err;

/*
 * A new directory @dir, which @fill puts things into, whole or not at all: it has
 * a hidden name beside its place until then. @sync: its name is on stable storage,
 * too. -EEXIST when there is one.
 */
typedef int (*newdir_fill_fn)(const void *arg, int dirfd, struct err *err);
int newdir_make(const char *dir, bool sync, newdir_fill_fn fill, const void *arg, struct err *err);

#endif
