/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_CACHE_H
#define VESPER_VZTMPL_CACHE_H

#include <stdbool.h>

struct err;
struct manifest;

/* The template cache: a directory of <name>-<arch>.tar.zst and .json pairs. */
struct cache {
	char *dir;
};

enum cache_state {
	CACHE_OK,      /* archive and manifest agree */
	CACHE_ABSENT,  /* neither of them */
	CACHE_DAMAGED, /* one without the other, another size, or an unreadable manifest */
};

/* @dir may be NULL: VZTMPL_CACHE, else TEMPLATE/cache of /etc/vz/vz.conf, else /vz/template/cache. */
int cache_open(struct cache *c, const char *dir, struct err *err);
void cache_close(struct cache *c);

/* "<dir>/<name>-<arch><suffix>", suffix ".tar.zst" or ".json"; caller frees. */
char *cache_path(const struct cache *c, const char *name, const char *suffix);

/* The template's name without the architecture that it may carry; caller frees. */
char *cache_short_name(const char *name);

/* Templates of which anything is there, sorted; caller frees. */
int cache_names(const struct cache *c, char ***ret_names, struct err *err);

/*
 * Look at one template: sizes, and its checksum too when @whole. The manifest
 * is there when the state is CACHE_OK, else NULL; *err says what is wrong when
 * it is damaged. Negative only for what is no property of the template.
 */
int cache_look(const struct cache *c, const char *name, bool whole, enum cache_state *ret_state,
	       struct manifest **ret_manifest, struct err *err);

/* Lock the template against other builders; a descriptor or -errno (exit code 9 when held). */
int cache_lock(const struct cache *c, const char *name, struct err *err);

/* Remove both files; exit code 91 when there is nothing. */
int cache_remove(const struct cache *c, const char *name, struct err *err);

#endif
