/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_GOLDEN_H
#define VESPER_GOLDEN_H

#include <stdbool.h>
#include <stdint.h>

#define GOLDEN_DIR "golden"

struct err;

/*
 * Golden images: what a template becomes as a disk, kept in TEMPLATE/golden, so
 * that a container's disk stands on it instead of being made anew. One for each
 * template, as its file is now, size of disk and largest owner. Its image file is
 * linked into the private areas that stand on it: they keep it whatever becomes of
 * the template or of TEMPLATE/golden.
 */

/* Makes the image directory @dir, which does not exist. */
typedef int (*golden_build_fn)(const void *arg, const char *dir, struct err *err);

/*
 * The new image directory @dir with a disk on the golden image of @tar, which
 * @build makes when there is none. 1 when that cannot be, say for TEMPLATE is on
 * another file system, or nothing may be written there: @err says why, @dir is not
 * there, and a disk of its own is the way. Else 0.
 */
int golden_clone(const char *template_dir, const char *tar, uint64_t size_bytes, uint32_t max_id,
		 golden_build_fn build, const void *arg, const char *dir, struct err *err);

/* Is that the snapshot by which disks stand on a golden image? */
bool golden_is(const char *guid);

/* Those of the template archive @name, but those whose names end in @keep (NULL: none). Best effort. */
void golden_remove(const char *template_dir, const char *name, const char *keep);

#endif
