/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_PKGDB_H
#define VESPER_VZTMPL_PKGDB_H

/* Which packages a root file system has, from the data base of its package manager as it passes by. */

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct err;

struct pkgdb {
	json_t *packages; /* owned; [{"name","version"}] */
	const struct pkgdb_form *form;
	char line[512], name[256], version[256];
	size_t len;
	size_t bytes; /* of the packages, as the manifest has them */
	bool installed;
};

int pkgdb_init(struct pkgdb *db, struct err *err);
void pkgdb_done(struct pkgdb *db);

/* Whether the file at this plain path is such a data base; then its contents are to come. */
bool pkgdb_begin(struct pkgdb *db, const char *path);
/* 0, -ENOMEM, or -E2BIG: more than a manifest can hold. */
int pkgdb_add(struct pkgdb *db, const void *buf, size_t len);
int pkgdb_end(struct pkgdb *db);

#endif
