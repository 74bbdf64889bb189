/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_VET_H
#define PLOOP_VET_H

/* Whether a tar could become an image, without making one, in the memory that names.h says. */

#include <stdint.h>

struct archive_entry;
struct err;
struct vet;

/*
 * Owners above @max_id are refused, 0: any that a file system can hold; and more
 * than @entries_max entries, or files and directories. @dirfd as in names_init().
 * Free with vet_free().
 */
int vet_new(int dirfd, uint32_t max_id, uint32_t entries_max, struct vet **ret, struct err *err);

/*
 * The next entry of the tar: refused by name if populate() would refuse it.
 * What depends on the image, its size and how many attributes fit into a file's
 * block of them, is not seen here.
 */
int vet_entry(struct vet *vet, struct archive_entry *e, struct err *err);

void vet_free(struct vet *vet);

#endif
