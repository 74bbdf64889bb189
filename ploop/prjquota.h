/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_PRJQUOTA_H
#define PLOOP_PRJQUOTA_H

/*
 * The project quota of a new file system: all files are of project 0, which has no
 * limit until a mounted disk is made smaller (limit.h).
 */

#include <ext2fs/ext2fs.h>

/* Give the quota its inode and its blocks; the first after lost+found. */
errcode_t prjquota_make(ext2_filsys fs);

/* Write down what the files of @fs take, and mark its directories: the last of all. */
errcode_t prjquota_count(ext2_filsys fs);

#endif
