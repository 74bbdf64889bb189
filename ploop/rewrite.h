/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_REWRITE_H
#define PLOOP_REWRITE_H

/* Small text files of a file system that has just been filled. */

#include <ext2fs/ext2fs.h>

#include "ploop.h"

struct err;

/*
 * What @fn makes of the file @path ("etc/passwd") is its text from now on. Nothing is
 * done when there is no such file, a link is on the way to it, it is larger than
 * a mebibyte or no text, or @fn returns NULL. -ENOSPC as it is.
 */
int rewrite_file(ext2_filsys fs, const char *path, ploop_rewrite_fn fn, void *arg, struct err *err);

#endif
