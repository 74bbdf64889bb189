/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_PATH_H
#define VESPER_PATH_H

#include <sys/types.h>

struct err;

/* "a" + "b" -> "a/b" with exactly one slash; caller frees; NULL without memory. */
char *path_join(const char *a, const char *b);

/* mkdir -p; existing directories are fine. */
int path_mkdirs(const char *path, mode_t mode, struct err *err);

/* Put the name of @path itself on stable storage: fsync of its directory. */
int path_sync_parent(const char *path, struct err *err);

/*
 * Open @path below the directory @rootfd and never leave it: symbolic links
 * are followed inside the root, "..", absolute links and magic links cannot
 * get out (openat2 with RESOLVE_IN_ROOT). A descriptor or -errno.
 */
int path_open_in_root(int rootfd, const char *path, int flags, mode_t mode);

/*
 * Open @path below @dirfd with no link and no mount point on the way, the last
 * name included: what opens lies in the same file system, for a tree that
 * somebody hostile changes. A descriptor or -errno.
 */
int path_open_strict(int dirfd, const char *path, int flags);

/* Remove a directory tree below @dirfd without following links or crossing mounts. */
int path_remove_tree(int dirfd, const char *name, struct err *err);

#endif
