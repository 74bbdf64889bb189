/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VZLIST_H
#define VZLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kve.h"
#include "state.h"

struct ct;
struct err;
struct host;

/* One container, read once; what could not be read is absent, never zero. */
struct row {
	struct ct *ct;
	struct ct_status status;
	struct kve_ubc numproc;
	bool has_numproc;
	uint64_t uptime; /* seconds, 0 when it does not run */
};

enum cell_kind { CELL_NULL, CELL_TEXT, CELL_NUMBER, CELL_LIST, CELL_BOOL, CELL_SECONDS, CELL_UBC };

struct cell {
	enum cell_kind kind;
	const char *text; /* borrowed from the row */
	uint64_t number;
};

struct column {
	const char *name, *header;
	int width;
	bool right;
	bool alias;	 /* second name of another column: not in -L and -j */
	const char *key; /* parameter shown, for the plain getters */
	struct cell (*get)(const struct row *row, const struct column *col, char suffix);
	bool suffixes; /* .m .b .l .f */
};

extern const struct column columns[];

/* One field of -o: a column with its suffix or 0. */
struct field {
	const struct column *col;
	char suffix;
};

/* "ctid,numproc.l" -> *ret_fields (caller frees). -EINVAL with the name of what is unknown. */
int columns_parse(const char *list, struct field **ret_fields, size_t *ret_count, struct err *err);

void row_load(struct row *row, struct ct *ct);

struct output {
	struct field *fields;
	size_t count;
	bool header, trim;
};

void print_text(const struct row *rows, size_t count, const struct output *out);
/* 0 or -errno */
int print_json(const struct row *rows, size_t count, const struct output *out);

/* Order of two rows by @field; text by strcmp, numbers by size, absent first. */
int compare_rows(const struct row *a, const struct row *b, const struct field *field);

#endif
