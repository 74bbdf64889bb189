/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_IMPORT_H
#define VESPER_VZTMPL_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

struct cache;
struct err;

struct import_opts {
	const char *name; /* NULL: that of the file */
	uint32_t ids;	  /* as many as a container made from it has; 0: the default */
	bool keep_unique; /* what belongs to one machine only is not left out */
	bool force;	  /* replace a template of that name */
	bool quiet;
};

/*
 * Make a template of the tar or directory at @path. It comes from anywhere:
 * what no container's disk could hold is refused by name, and on failure the
 * cache is as it was.
 */
int import_template(const struct cache *c, const char *path, const struct import_opts *opts,
		    struct err *err);

#endif
