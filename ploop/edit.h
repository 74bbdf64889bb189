/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_EDIT_H
#define PLOOP_EDIT_H

/*
 * A change of which files make a disk. The descriptor is the truth, and is
 * replaced at once; files that are new with it, or belong to nothing after it,
 * are written down before, so that whoever comes after a crash removes them.
 */

#include <stddef.h>

#include "open.h"

struct err;

struct edit {
	struct location loc; /* its desc is what edit_store() stores */
	int lock;	     /* owned; nobody else edits meanwhile */
};

/* -EBUSY when somebody else is at it; -EINVAL when there is no descriptor. */
int edit_begin(const char *path, struct edit *ret, struct err *err);

/* From now on a file @names that the descriptor does not name may be removed: at the next of these, at the end, or after a crash. */
int edit_expect(struct edit *e, const char *const *names, size_t n, struct err *err);

/*
 * The file of @delta, locked so that it is nobody else's, caller closes; one with
 * another name is locked for reading. -EBUSY when it is mounted.
 */
int edit_lock_delta(const struct edit *e, const struct descriptor_delta *delta, struct err *err);

int edit_store(struct edit *e, struct err *err);

/* What was expected and is not in the descriptor on the disk goes. Best effort: the next edit does it, too. */
void edit_end(struct edit *e);

#endif
