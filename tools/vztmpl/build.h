/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_BUILD_H
#define VESPER_VZTMPL_BUILD_H

#include <stdbool.h>

struct cache;
struct err;

struct build_opts {
	const char *recipes;	 /* directory of the recipes */
	const char *mirror;	 /* NULL: the one this machine's apt uses */
	const char *apt_sources; /* the template's own package sources; NULL: public ones */
	bool force;		 /* also when nothing changed */
	bool quiet;
};

/*
 * Make template @name in the cache unless it is there, whole, and of the
 * recipe's present content. Other builders of it are locked out; on failure
 * the cache is as it was.
 */
int build_template(const struct cache *c, const char *name, const struct build_opts *opts,
		   struct err *err);

#endif
