/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_TOP_H
#define PLOOP_TOP_H

/* New, empty images that others lie below of. */

#include <stdbool.h>

struct descriptor;
struct err;
struct mark;

/* A name nobody has: that of @file, without what such a one has behind it, and a GUID. Caller frees. */
int top_name(const char *file, char **ret, struct err *err);

/*
 * Make the image @name below @dirfd for the disk that @d describes, closed, on
 * stable storage. @mark: of what it lies on.
 */
int top_make(int dirfd, const char *name, const struct descriptor *d, struct mark mark,
	     struct err *err);

#endif
