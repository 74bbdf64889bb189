/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_WORK_H
#define VESPER_VZTMPL_WORK_H

/*
 * A template in the making: everything happens in <cache>/.build-<name>, which
 * belongs to the holder of the template's lock; what an interrupted one left
 * there is removed by the next. The finished archive and then its manifest are
 * renamed into place; until then the old template serves.
 */

#include <stdbool.h>
#include <sys/types.h>

struct cache;
struct err;
struct manifest;
struct pack_result;
struct progress;
struct scan_opts;
struct source;

struct work {
	char *dir, *tar, *packages, *archive, *json, *pool, *log;
};

int work_begin(const struct cache *c, const char *name, struct work *w, struct err *err);
void work_free(struct work *w);

/* Compress @source into the archive in work, shown as progress; exit code 130 when interrupted. */
int work_pack(const struct work *w, struct source *source, const struct scan_opts *opts,
	      mode_t mode, struct progress *p, struct pack_result *ret, struct err *err);

/* Store @m, completed by @res and the time, and put both files in place. */
int work_finish(const struct cache *c, const struct work *w, struct manifest *m,
		const struct pack_result *res, struct err *err);

/* Is there any of it, of a build or an import that goes on or was killed? */
bool work_is_there(const struct cache *c, const char *name);

/* Remove what is left of it. */
int work_end(const struct cache *c, const char *name, struct err *err);

#endif
