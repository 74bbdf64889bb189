/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dpkg's and apk's data bases are text: a record a package, an empty line
 * behind each. The file comes from anywhere: what is no plain word is no name
 * and no version, and its record counts for nothing.
 */
#include "pkgdb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "err.h"

/* Twice as many when every byte of a name is escaped, still fit into a manifest that loads. */
#define BYTES_MAX	  (6u << 20)
#define BYTES_PER_PACKAGE 64

struct pkgdb_form {
	const char *path;
	const char *name, *version;
	const char *status, *installed; /* the line that says so; NULL: all are */
};

static const struct pkgdb_form forms[] = {
	{"var/lib/dpkg/status", "Package: ", "Version: ", "Status: ", " ok installed"},
	{"lib/apk/db/installed", "P:", "V:", NULL, NULL},
	{"usr/lib/apk/db/installed", "P:", "V:", NULL, NULL},
};

int pkgdb_init(struct pkgdb *db, struct err *err)
{
	*db = (struct pkgdb){.packages = json_array()};
	return db->packages ? 0 : err_set(err, ENOMEM, "out of memory");
}

void pkgdb_done(struct pkgdb *db)
{
	json_decref(db->packages);
	db->packages = NULL;
}

static void begin_record(struct pkgdb *db)
{
	db->name[0] = db->version[0] = '\0';
	db->installed = !db->form->status;
}

bool pkgdb_begin(struct pkgdb *db, const char *path)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (strcmp(path, forms[i].path) != 0)
			continue;
		/* A later entry of the same name replaces the file. */
		json_array_clear(db->packages);
		db->form = &forms[i];
		db->len = 0;
		db->bytes = 0;
		begin_record(db);
		return true;
	}
	return false;
}

static bool is_word(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static int end_record(struct pkgdb *db)
{
	int r = 0;

	if (db->installed && is_word(db->name) && is_word(db->version)) {
		db->bytes += strlen(db->name) + strlen(db->version) + BYTES_PER_PACKAGE;
		if (db->bytes > BYTES_MAX)
			return -E2BIG;
		r = json_array_append_new(db->packages, json_pack("{s:s, s:s}", "name", db->name,
								  "version", db->version));
	}
	begin_record(db);
	return r < 0 ? -ENOMEM : 0;
}

/* The rest of the line behind @key, cut where it is longer than anything real. */
static bool take(const char *line, const char *key, char *ret, size_t size)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) != 0)
		return false;
	snprintf(ret, size, "%s", line + len);
	return true;
}

static bool ends_in(const char *s, const char *tail)
{
	size_t a = strlen(s), b = strlen(tail);

	return a >= b && strcmp(s + a - b, tail) == 0;
}

static int end_line(struct pkgdb *db)
{
	const struct pkgdb_form *f = db->form;
	bool empty = db->len == 0;

	db->line[db->len] = '\0';
	db->len = 0;
	if (empty)
		return end_record(db);
	if (take(db->line, f->name, db->name, sizeof(db->name)) ||
	    take(db->line, f->version, db->version, sizeof(db->version)))
		return 0;
	if (f->status && strncmp(db->line, f->status, strlen(f->status)) == 0)
		db->installed = ends_in(db->line, f->installed);
	return 0;
}

int pkgdb_add(struct pkgdb *db, const void *buf, size_t len)
{
	const char *s = buf;
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		if (s[i] == '\n')
			r = end_line(db);
		else if (db->len < sizeof(db->line) - 1)
			db->line[db->len++] = s[i];
	}
	return r;
}

int pkgdb_end(struct pkgdb *db)
{
	int r = db->len ? end_line(db) : 0;

	return r < 0 ? r : end_record(db);
}
