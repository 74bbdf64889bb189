/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VZLIST_H
#define VZLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>

struct config;
struct ct;
struct err;
struct host;
struct param;
struct state_mounts;
struct strbuf;

/* What the command line asks for; strings are borrowed from it. */
struct query {
	const char *etc, *fields, *sort, *hostname, *name, *description;
	bool all, stopped, no_header, no_trim, json, names, ids_only;
};

/* 0: optind is at the first container; 1: all is done; negative: a bad option, exit code 2. */
int parse_options(int argc, char **argv, struct query *q, struct err *err);

/* What has to be read for a column beside CTID.conf, so that a list costs only what it shows. */
enum {
	NEED_MOUNTS = 1 << 0,  /* what is mounted in the host */
	NEED_CHANGES = 1 << 1, /* parameters set without --save */
	NEED_UBC = 1 << 2,     /* the kernel's beancounters */
	NEED_MEMORY = 1 << 3,  /* the memory controller's files */
	NEED_DISK = 1 << 4,    /* the mounted file system */
	NEED_UPTIME = 1 << 5,  /* the record of the start */
};

/* Readings that may be there one by one: bit i of known for v[i]. */
struct values {
	uint64_t v[5];
	unsigned int known;
};

/* One container, read once; what could not be read is absent, never zero. Everything is owned. */
struct row {
	struct ct *ct;
	struct config *changes; /* NULL: none, or it does not run */
	bool unread;		/* CTID.conf is bad: nothing that stands in it is known */
	bool running, mounted;
	char *ubc_stat;		    /* NULL: it does not run */
	struct values ram, swap;    /* in pages, in the order of a beancounter's parts */
	struct values disk, inodes; /* in the order of a quota's parts */
	double uptime;		    /* seconds; negative: unknown */
};

/*
 * Read @needs of a container; takes @ct. @unread: CTID.conf could not be read.
 * @mounts may be NULL without NEED_MOUNTS. row_clear() also clears a row of zeros.
 */
void row_load(struct row *row, struct ct *ct, bool unread, unsigned int needs,
	      const struct state_mounts *mounts);
void row_clear(struct row *row);

/* What is in effect for @param, NULL when that is nothing or unknown; borrowed. */
const char *row_get(const struct row *row, const struct param *param);

enum cell_kind {
	CELL_NONE,
	CELL_TEXT,
	CELL_WORD, /* text that sorts by its number */
	CELL_LIST, /* text, with blanks or commas between the items */
	CELL_BOOL,
	CELL_NUMBER,
	CELL_REAL,
	CELL_SECONDS,
};

struct cell {
	enum cell_kind kind;
	const char *text; /* borrowed from the row */
	uint64_t number;
	double real;
};

/* A column with several values has one for each suffix; in JSON it is an object of them. */
struct part {
	char suffix; /* 0: the one without */
	const char *json;
};

struct column {
	const char *name, *header;
	int width;
	bool right;
	bool alias; /* a second name of another column: not in -j */
	unsigned int needs;
	const struct param *param; /* what is shown, NULL: computed */
	uint64_t unit;		   /* bytes of one unit of a beancounter */
	const struct part *parts;  /* ended by json == NULL; NULL: one value */
	struct cell (*get)(const struct row *row, const struct column *col, unsigned int part);
};

/* Every column: the computed ones, then one for each parameter of a container. Owned, for good. */
int columns_get(const struct column **ret_columns, size_t *ret_count, struct err *err);

/* Fields of OpenVZ 7 that have no meaning here; ended by name == NULL. */
struct refused_field {
	const char *name, *why;
};
extern const struct refused_field refused_fields[];

/* One field of -o: a column and one of its values. */
struct field {
	const struct column *col;
	unsigned int part;
};

/* "numproc.l" -> *ret_field. -EINVAL with the name of what is unknown. */
int field_parse(const char *word, struct field *ret_field, struct err *err);

/* The suffix of a field, 0: none. */
char field_suffix(const struct field *f);

/* Order of two rows by @field: text by its bytes, numbers by size, lists as versions, absent first. */
int compare_rows(const struct row *a, const struct row *b, const struct field *field);

struct output {
	struct field *fields;
	size_t count;
	bool header, trim;
};

/* Onto standard output: 0 or -EIO. */
int print_text(const struct row *rows, size_t count, const struct output *out);
int print_json(const struct row *rows, size_t count, const struct output *out);

/*
 * Text for a person. What a terminal would act on, or cannot show, is written
 * as \xNN when standard output is one; elsewhere bytes stay as they are stored.
 */
void text_init(void);

/* Append @s, cut to @max columns; how many it takes. */
size_t text_add(struct strbuf *b, const char *s, size_t max);

/* @s as UTF-8, U+FFFD for each byte that is none; caller frees; NULL without memory. */
char *text_utf8(const char *s);

#endif
