/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "size.h"
#include "strv.h"
#include "vzlist.h"

static void format_uptime(uint64_t sec, char *buf, size_t len)
{
	snprintf(buf, len, "%.3" PRIu64 "d%.2dh:%.2dm:%.2ds", sec / 86400, (int)(sec / 3600 % 24),
		 (int)(sec / 60 % 60), (int)(sec % 60));
}

/* The text of a cell: borrowed, or put into @buf. */
static const char *format_cell(const struct cell *c, char *buf, size_t len)
{
	switch (c->kind) {
	case CELL_NULL:
		return "-";
	case CELL_TEXT:
	case CELL_LIST:
		return c->text;
	case CELL_BOOL:
		return c->number ? "yes" : "no";
	case CELL_SECONDS:
		format_uptime(c->number, buf, len);
		return buf;
	case CELL_NUMBER:
	case CELL_UBC:
		snprintf(buf, len, "%" PRIu64, c->number);
		return buf;
	}
	return "-";
}

static void print_field(const struct field *f, const char *s, bool last, bool trim)
{
	int width = f->col->width;

	if (f->col->right)
		printf("%*s", width, s);
	else if (last)
		printf("%.*s", trim ? width : (int)strlen(s), s);
	else
		printf("%-*.*s", width, trim ? width : (int)strlen(s), s);
	putchar(last ? '\n' : ' ');
}

static void print_header(const struct output *out)
{
	char name[48];
	size_t i;

	for (i = 0; i < out->count; i++) {
		const struct field *f = &out->fields[i];

		snprintf(name, sizeof(name), "%s%s%c", f->col->header, f->suffix ? "." : "",
			 f->suffix ? f->suffix - 'a' + 'A' : '\0');
		print_field(f, name, i + 1 == out->count, false);
	}
}

void print_text(const struct row *rows, size_t count, const struct output *out)
{
	size_t i, j;

	if (out->header)
		print_header(out);
	for (i = 0; i < count; i++)
		for (j = 0; j < out->count; j++) {
			const struct field *f = &out->fields[j];
			struct cell c = f->col->get(&rows[i], f->col, f->suffix);
			char buf[32];

			print_field(f, format_cell(&c, buf, sizeof(buf)), j + 1 == out->count,
				    out->trim);
		}
}

static json_t *json_list(const char *text)
{
	_cleanup_strv_ char **v = NULL;
	json_t *a = json_array();
	size_t i;

	if (!a || strv_split(text, " ", &v) < 0)
		return a;
	for (i = 0; v && v[i]; i++)
		json_array_append_new(a, json_string(v[i]));
	return a;
}

static json_t *json_ubc(const struct row *row)
{
	const struct kve_ubc *u = &row->numproc;

	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "held", (json_int_t)u->held, "maxheld",
			 (json_int_t)u->maxheld, "barrier", (json_int_t)u->barrier, "limit",
			 (json_int_t)u->limit, "failcnt", (json_int_t)u->failcnt);
}

static json_t *json_cell(const struct row *row, const struct field *f)
{
	struct cell c = f->col->get(row, f->col, 0);

	switch (c.kind) {
	case CELL_NULL:
		return json_null();
	case CELL_TEXT:
		/* A file may hold any bytes; JSON may not. */
		return json_string(c.text) ?: json_null();
	case CELL_LIST:
		return json_list(c.text);
	case CELL_BOOL:
		return json_boolean(c.number);
	case CELL_SECONDS:
		return json_real((double)c.number);
	case CELL_NUMBER:
		return json_integer((json_int_t)c.number);
	case CELL_UBC:
		return json_ubc(row);
	}
	return json_null();
}

int print_json(const struct row *rows, size_t count, const struct output *out)
{
	json_t *list = json_array(), *o;
	size_t i, j;
	int r;

	for (i = 0; i < count; i++) {
		o = json_object();
		for (j = 0; j < out->count; j++)
			json_object_set_new(o, out->fields[j].col->name,
					    json_cell(&rows[i], &out->fields[j]));
		json_array_append_new(list, o);
	}
	r = json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	json_decref(list);
	putchar('\n');
	return r < 0 || fflush(stdout) == EOF ? -EIO : 0;
}
