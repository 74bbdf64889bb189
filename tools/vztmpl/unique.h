/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_UNIQUE_H
#define VESPER_VZTMPL_UNIQUE_H

/* What belongs to one machine only, and so to no template: keys, ids, seeds, logs. */

#include <stdint.h>

struct archive_entry;

enum {
	UNIQUE_RULES = 15, /* length of the table */
};

struct unique_rule {
	const char *pattern; /* fnmatch over the whole path */
	const char *one, *all;
	enum {
		UNIQUE_BARE,  /* may be there only when empty, and is left out otherwise */
		UNIQUE_KEEP,  /* must stay there, empty: that it is missing would mean something */
		UNIQUE_NEVER, /* not even empty */
	} kind;
};

/*
 * The rule that @e, whose plain path is @path, breaks; NULL for none. Regular
 * files only, and other names of them, whose contents cannot be seen.
 */
const struct unique_rule *unique_find(const char *path, struct archive_entry *e);

/* Which one it is, below UNIQUE_RULES, and back. */
unsigned int unique_index(const struct unique_rule *rule);
const struct unique_rule *unique_rule(unsigned int index);

#endif
