/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree of populate.c without a file system below: the same code walks the
 * same names, so that what passes here is not refused when a container is
 * made from it. The number of entries has a limit, because a tar of names
 * without contents compresses to next to nothing; and so has that of inodes,
 * because one name may be a path of half a million directories.
 */
#include "vet.h"

#include <errno.h>
#include <stdlib.h>

#include "err.h"
#include "populate.h"
#include "tree.h"

struct vet {
	struct tree t;
	uint32_t entries, entries_max;
};

int vet_new(int dirfd, uint32_t max_id, uint32_t entries_max, struct vet **ret, struct err *err)
{
	struct vet *vet = calloc(1, sizeof(*vet));
	int r;

	if (!vet)
		return err_set(err, ENOMEM, "out of memory");
	vet->t.max_id = max_id;
	vet->t.dirfd = dirfd;
	vet->entries_max = entries_max;
	r = tree_init(&vet->t, err);
	if (r < 0) {
		vet_free(vet);
		return r;
	}
	*ret = vet;
	return 0;
}

int vet_entry(struct vet *vet, struct archive_entry *e, struct err *err)
{
	int r;

	if (++vet->entries > vet->entries_max)
		return err_set(err, E2BIG, "has more than %u entries", vet->entries_max);
	r = populate_entry(&vet->t, NULL, e, err);
	if (r == 0 && vet->t.last_ino > vet->entries_max)
		return err_set(err, E2BIG, "has more than %u files and directories",
			       vet->entries_max);
	return r;
}

void vet_free(struct vet *vet)
{
	if (!vet)
		return;
	tree_free(&vet->t);
	free(vet);
}
