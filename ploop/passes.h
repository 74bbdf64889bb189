/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_PASSES_H
#define PLOOP_PASSES_H

/*
 * A copy of a disk that is written to meanwhile: all of it, then again and again
 * what was written since, then, when that is little, the rest while the disk
 * stands still.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct ploop_copied;

/* The disk. Its writes are noted from before has() on. */
struct passes_from {
	uint64_t size_bytes;
	uint32_t cluster_bytes;
	void *arg;

	/* May it be other than what the copy has before anything is put? */
	bool (*has)(void *arg, uint32_t cluster);
	bool zeros_too; /* that is not zeros */

	/* @len bytes from the start of @cluster on, as they are now. */
	int (*read)(void *arg, uint32_t cluster, void *buf, size_t len, struct err *err);

	/* A cluster that was written, which is not told again until it is written again; -EAGAIN: none. */
	int (*next)(void *arg, uint32_t *ret_cluster, struct err *err);

	/* What others keep in memory of what they wrote is written: it would come after the stop. */
	void (*sync)(void *arg);

	/* From now on nobody writes to it; what was answered before that has been told, or will be. */
	int (*stop)(void *arg, struct err *err);
	int (*go_on)(void *arg, struct err *err);
};

/* The copy, zeros before anything is put, or the disk as it was at a point. */
struct passes_to {
	void *arg;

	/* A cluster whole, or what the disk has of its last one; @buf NULL: zeros. */
	int (*put)(void *arg, uint32_t cluster, const void *buf, size_t len, struct err *err);

	/* What was put is stable: before the stop, so that little is left to do after it. */
	int (*flush)(void *arg, struct err *err);
};

/* *ret_copied may be NULL. A failure after the stop lets the disk go on, too. */
int passes_run(const struct passes_from *from, const struct passes_to *to,
	       struct ploop_copied *ret_copied, struct err *err);

#endif
