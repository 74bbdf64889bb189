/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apart from the rest, since it needs no libploop. */
#include "golden.h"

#include <dirent.h>
#include <string.h>

#include "cleanup.h"
#include "path.h"

/* "NAME.SIZE-OWNER-INODE-BYTES-TIME", see golden.c. */
static bool is_of(const char *entry, const char *name, const char *keep)
{
	size_t len = strlen(name);
	const char *dash = strrchr(entry, '-');

	return strncmp(entry, name, len) == 0 && entry[len] == '.' && dash &&
	       (!keep || strcmp(dash, keep) != 0);
}

void golden_remove(const char *template_dir, const char *name, const char *keep)
{
	_cleanup_free_ char *dir = path_join(template_dir, GOLDEN_DIR);
	_cleanup_closedir_ DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (is_of(de->d_name, name, keep))
			path_remove_tree(dirfd(d), de->d_name, NULL);
}
