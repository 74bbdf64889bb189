/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_SNAPFILE_H
#define VESPER_SNAPFILE_H

/*
 * VE_PRIVATE/Snapshots.xml: what people call the snapshots of a container, and
 * when they were made. Which snapshots there are, and which stands on which, is
 * the disk descriptor's to say; this file follows it. See vzctl(8).
 */

#include <stddef.h>

#include "ploop.h"

struct err;

#define SNAPFILE_NAME "Snapshots.xml"

struct snapfile_item {
	char guid[PLOOP_GUID_BYTES];
	char parent[PLOOP_GUID_BYTES];	 /* empty: none */
	char *name, *description, *date; /* as they were written, by anybody; empty: none; owned */
	void *element;			 /* NULL: not written yet */
};

struct snapfile {
	struct snapfile_item *items; /* owned */
	size_t count;
	void *doc;  /* as it was read, with what is not known here; owned, may be NULL */
	void *base; /* the element that the oldest are in, NULL: none yet */
};

/*
 * Read and check the file in @dirfd (@shown: its path, for messages), as hostile.
 * One that is missing is empty.
 */
int snapfile_load(int dirfd, const char *shown, struct snapfile *ret, struct err *err);
void snapfile_free(struct snapfile *f);

/* NULL: there is none. Pointers hold until the next change. */
const struct snapfile_item *snapfile_find(const struct snapfile *f, const char *guid);

/* One more, or -EEXIST; blanks around the texts go. 0 or -ENOMEM. */
int snapfile_add(struct snapfile *f, const char *guid, const char *name, const char *description,
		 const char *date);

/*
 * Write it as the descriptor's @list has them: those that are not in it go, those
 * that are missing come without a name. A crash leaves the old or the new file.
 */
int snapfile_store(int dirfd, const char *shown, struct snapfile *f,
		   const struct ploop_snapshot *list, size_t count, struct err *err);

#endif
