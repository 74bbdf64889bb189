/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_MERGE_H
#define PLOOP_MERGE_H

/*
 * The contents of two deltas, one on the other, into one of them. Whoever reads
 * through both sees the same before, in the middle and after it: an entry is
 * added above where the one below says the same, or changed below where the one
 * above hides it. So a crash, or an error, leaves nothing to be put right but
 * the file that was written to, which is marked as in use then.
 */

#include <stdbool.h>

struct err;
struct location;

/* What the parent of @guid has and @guid has not comes into @guid. */
int merge_from_parent(struct location *loc, const char *guid, struct err *err);

/*
 * What @guid has comes into its parent, which is no more what it was before from
 * the first write on; nothing else may stand on that, and it is no smaller. If it is
 * larger, it ends where @guid does after that.
 */
int merge_into_parent(struct location *loc, const char *guid, struct err *err);

/*
 * The same while the disk that stands on both is mounted: the caller knows that
 * no other one stands on the parent, whose readers have locks.
 */
int merge_into_read_parent(struct location *loc, const char *guid, struct err *err);

/*
 * Which of the two writes less: 1 merge_into_parent(), 0 merge_from_parent();
 * -errno. *ret_possible: the former can be done.
 */
int merge_is_shorter_down(struct location *loc, const char *guid, bool *ret_possible,
			  struct err *err);

#endif
