/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows as lines for people and scripts, and as JSON. */
#include "vzlist.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "strbuf.h"
#include "strv.h"

static void format_uptime(uint64_t sec, char *buf, size_t len)
{
	snprintf(buf, len, "%.3" PRIu64 "d%.2dh:%.2dm:%.2ds", sec / 86400, (int)(sec / 3600 % 24),
		 (int)(sec / 60 % 60), (int)(sec % 60));
}

/* The text of a cell: borrowed, or put into @buf. */
static const char *format_cell(const struct cell *c, char *buf, size_t len)
{
	switch (c->kind) {
	case CELL_NONE:
		return "-";
	case CELL_TEXT:
	case CELL_WORD:
	case CELL_LIST:
		return c->text;
	case CELL_BOOL:
		return c->number ? "yes" : "no";
	case CELL_SECONDS:
		format_uptime(c->real, buf, len);
		return buf;
	case CELL_REAL:
		snprintf(buf, len, "%g", c->real);
		return buf;
	case CELL_NUMBER:
		snprintf(buf, len, "%" PRIu64, c->number);
		return buf;
	}
	return "-";
}

static void pad(struct strbuf *b, size_t used, size_t width)
{
	for (; used < width; used++)
		strbuf_addc(b, ' ');
}

/* @max: columns to cut at. The last one of a line is neither cut nor filled up. */
static void add_field(struct strbuf *line, const struct field *f, const char *s, size_t max,
		      bool last)
{
	_cleanup_strbuf_ struct strbuf shown = STRBUF_INIT;
	size_t used = text_add(&shown, s, last ? SIZE_MAX : max), width = f->col->width;

	if (f->col->right)
		pad(line, used, width);
	strbuf_add(line, shown.s ? shown.s : "");
	if (last)
		strbuf_addc(line, '\n');
	else if (!f->col->right)
		pad(line, used, width);
	if (!last)
		strbuf_addc(line, ' ');
}

/* Write a line and empty it. */
static int put_line(struct strbuf *line)
{
	int r = line->failed || fwrite(line->s, 1, line->len, stdout) != line->len ? -EIO : 0;

	line->len = 0;
	return r;
}

static int print_header(struct strbuf *line, const struct output *out)
{
	char name[48];
	size_t i;

	for (i = 0; i < out->count; i++) {
		const struct field *f = &out->fields[i];
		char suffix = field_suffix(f);

		snprintf(name, sizeof(name), "%s%s%c", f->col->header, suffix ? "." : "",
			 suffix ? suffix - 'a' + 'A' : '\0');
		add_field(line, f, name, SIZE_MAX, i + 1 == out->count);
	}
	return put_line(line);
}

/* Only texts are cut, and of a list before another column only the first item is shown. */
static void add_cell(struct strbuf *line, const struct row *row, const struct field *f, bool trim,
		     bool last)
{
	struct cell c = f->col->get(row, f->col, f->part);
	_cleanup_free_ char *first = NULL;
	size_t max = SIZE_MAX;
	char buf[32];

	if (trim && !last && c.kind == CELL_LIST)
		first = strndup(c.text, strcspn(c.text, " "));
	if (first)
		c.text = first;
	if (trim && c.kind == CELL_TEXT)
		max = f->col->width;
	add_field(line, f, format_cell(&c, buf, sizeof(buf)), max, last);
}

int print_text(const struct row *rows, size_t count, const struct output *out)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	int r = out->header ? print_header(&line, out) : 0;
	size_t i, j;

	for (i = 0; r == 0 && i < count; i++) {
		for (j = 0; j < out->count; j++)
			add_cell(&line, &rows[i], &out->fields[j], out->trim, j + 1 == out->count);
		r = put_line(&line);
	}
	return r == 0 && fflush(stdout) == EOF ? -EIO : r;
}

static json_t *json_text(const char *text)
{
	_cleanup_free_ char *valid = text_utf8(text);

	return valid ? json_string(valid) : NULL;
}

static json_t *json_list(const char *text)
{
	_cleanup_strv_ char **v = NULL;
	json_t *a = json_array();
	size_t i;

	if (!a || strv_split(text, " ,", &v) < 0)
		return a;
	for (i = 0; v && v[i]; i++)
		json_array_append_new(a, json_text(v[i]));
	return a;
}

static json_t *json_cell(const struct cell *c)
{
	switch (c->kind) {
	case CELL_NONE:
		return json_null();
	case CELL_TEXT:
	case CELL_WORD:
		return json_text(c->text);
	case CELL_LIST:
		return json_list(c->text);
	case CELL_BOOL:
		return json_boolean(c->number);
	case CELL_SECONDS:
		return json_real((double)(int64_t)(c->real * 1000) / 1000);
	case CELL_REAL:
		return json_real(c->real);
	case CELL_NUMBER:
		return json_integer((json_int_t)c->number);
	}
	return json_null();
}

/* An object of the column's parts, null when none of them is known. */
static json_t *json_parts(const struct row *row, const struct column *col)
{
	json_t *o = json_object();
	bool known = false;
	unsigned int i;

	for (i = 0; col->parts[i].json; i++) {
		struct cell c = col->get(row, col, i);

		known = known || c.kind != CELL_NONE;
		json_object_set_new(o, col->parts[i].json, json_cell(&c));
	}
	if (known)
		return o;
	json_decref(o);
	return json_null();
}

static json_t *json_column(const struct row *row, const struct column *col)
{
	struct cell c;

	if (col->parts)
		return json_parts(row, col);
	c = col->get(row, col, 0);
	return json_cell(&c);
}

/* One object at a time: a node with many containers does not hold them all in memory. */
static int dump_row(const struct row *row, const struct output *out, bool first)
{
	json_t *o = json_object();
	int r = 0;
	size_t j;

	for (j = 0; r == 0 && j < out->count; j++)
		r = json_object_set_new(o, out->fields[j].col->name,
					json_column(row, out->fields[j].col));
	if (r == 0)
		r = fputs(first ? "[\n" : ",\n", stdout) == EOF;
	if (r == 0)
		r = json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	json_decref(o);
	return r;
}

int print_json(const struct row *rows, size_t count, const struct output *out)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (dump_row(&rows[i], out, i == 0) != 0)
			return -EIO;
	fputs(count ? "\n]\n" : "[]\n", stdout);
	return fflush(stdout) == EOF ? -EIO : 0;
}
