/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vzlist: which containers there are. Reads files and cgroups, never waits for a lock. */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "strbuf.h"
#include "vzlist.h"

#define DEFAULT_FIELDS "ctid,numproc,status,ip,hostname"

struct query {
	const char *etc, *fields, *sort, *hostname, *name, *description;
	bool all, stopped, no_header, no_trim, json, names, ids_only;
};

/* clang-format off */
static const struct option_row {
	struct option o;
	const char *arg, *summary;
} option_rows[] = {
	{ { "all", no_argument, NULL, 'a' }, NULL, "also containers that do not run" },
	{ { "stopped", no_argument, NULL, 'S' }, NULL, "only containers that do not run" },
	{ { "names", no_argument, NULL, 'n' }, NULL, "the NAME column first" },
	{ { "no-header", no_argument, NULL, 'H' }, NULL, "no header line" },
	{ { "no-trim", no_argument, NULL, 't' }, NULL, "do not cut long values" },
	{ { "json", no_argument, NULL, 'j' }, NULL, "a JSON array of objects" },
	{ { "output", required_argument, NULL, 'o' }, "field,...", "these fields" },
	{ { "1", no_argument, NULL, '1' }, NULL, "ids only, as -H -o ctid" },
	{ { "sort", required_argument, NULL, 's' }, "[-]field", "sort by it, - descending" },
	{ { "hostname", required_argument, NULL, 'h' }, "pattern", "only these host names" },
	{ { "name", required_argument, NULL, 'N' }, "pattern", "only these names" },
	{ { "description", required_argument, NULL, 'd' }, "pattern", "only these descriptions" },
	{ { "list", no_argument, NULL, 'L' }, NULL, "the fields there are" },
	{ { "help", no_argument, NULL, 'Z' }, NULL, "this text" },
	{ { "list-options", no_argument, NULL, 'O' }, NULL, NULL },
	{ { "config-root", required_argument, NULL, 'R' }, NULL, NULL },
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void print_help(void)
{
	size_t i;

	printf("vzlist version %s\n\nusage: vzlist [OPTION...] [CTID|NAME...]\n\n", VERSION);
	for (i = 0; i < COUNT(option_rows); i++) {
		const struct option_row *r = &option_rows[i];

		if (r->summary && r->o.val != 'Z')
			printf("  -%c, --%s %-*s %s\n", r->o.val, r->o.name,
			       24 - (int)strlen(r->o.name), r->arg ? r->arg : "", r->summary);
	}
	printf("\nsee vzlist(8)\n");
}

static void list_options(void)
{
	const struct column *c;
	size_t i;

	for (i = 0; i < COUNT(option_rows); i++)
		if (option_rows[i].summary && option_rows[i].o.val != 'Z')
			printf("vzlist -%c - ok\n", option_rows[i].o.val);
	for (c = columns; c->name; c++)
		printf("vzlist %s - ok\n", c->name);
}

static void list_fields(void)
{
	const struct column *c;

	for (c = columns; c->name; c++)
		printf("%-16s %s\n", c->name, c->header);
}

/* 0: go on, 1: done, -1: usage */
static int handle(struct query *q, int c)
{
	const struct {
		int c;
		bool *flag;
		const char **text;
	} simple[] = {
		{'a', &q->all, NULL},	    {'S', &q->stopped, NULL}, {'n', &q->names, NULL},
		{'H', &q->no_header, NULL}, {'t', &q->no_trim, NULL}, {'j', &q->json, NULL},
		{'1', &q->ids_only, NULL},  {'o', NULL, &q->fields},  {'s', NULL, &q->sort},
		{'h', NULL, &q->hostname},  {'N', NULL, &q->name},    {'d', NULL, &q->description},
		{'R', NULL, &q->etc},
	};
	size_t i;

	for (i = 0; i < COUNT(simple); i++) {
		if (simple[i].c != c)
			continue;
		if (simple[i].flag)
			*simple[i].flag = true;
		else
			*simple[i].text = optarg;
		return 0;
	}
	if (c == 'L')
		list_fields();
	else if (c == 'O')
		list_options();
	else if (c == 'Z')
		print_help();
	else
		fprintf(stderr, "vzlist: bad option (try vzlist --help)\n");
	return c == 'L' || c == 'O' || c == 'Z' ? 1 : -1;
}

static int parse(int argc, char **argv, struct query *q)
{
	struct option options[COUNT(option_rows) + 1] = {0};
	size_t i;
	int c, r = 0;

	for (i = 0; i < COUNT(option_rows); i++)
		options[i] = option_rows[i].o;
	opterr = 0;
	while (r == 0 && (c = getopt_long(argc, argv, "aSnHtj1o:s:h:N:d:L", options, NULL)) != -1)
		r = handle(q, c);
	return r;
}

static bool matches(const struct ct *ct, const char *key, const char *pattern)
{
	const char *v = ct_get(ct, key);

	return !pattern || fnmatch(pattern, v ? v : "", 0) == 0;
}

static bool wanted(const struct query *q, const struct row *row, bool named)
{
	if (q->stopped ? row->status.running : !row->status.running && !q->all && !named)
		return false;
	return matches(row->ct, "HOSTNAME", q->hostname) && matches(row->ct, "NAME", q->name) &&
	       matches(row->ct, "DESCRIPTION", q->description);
}

/* A container whose file cannot be read costs a line, not the list. */
static bool load_one(const struct query *q, const struct host *host, uint32_t id, bool named,
		     struct row *row)
{
	struct err err = ERR_INIT;
	struct ct *ct;

	if (ct_open(host, id, &ct, &err) < 0) {
		fprintf(stderr, "vzlist: %s\n", err.msg);
		return false;
	}
	row_load(row, ct);
	if ((ct->exists || row->status.running) && wanted(q, row, named))
		return true;
	ct_close(ct);
	return false;
}

static int select_ids(const struct host *host, int argc, char **argv, uint32_t **ret_ids,
		      size_t *ret_count, struct err *err)
{
	uint32_t *ids;
	int i, r;

	if (!argc)
		return ct_list(host, ret_ids, ret_count, err);
	ids = calloc(argc, sizeof(*ids));
	if (!ids)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < argc; i++) {
		r = ct_resolve(host, argv[i], &ids[i], err);
		if (r < 0) {
			free(ids);
			return r;
		}
	}
	*ret_ids = ids;
	*ret_count = argc;
	return 0;
}

/* qsort_r's context: the field and its direction */
struct order {
	struct field field;
	bool descending;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	int r = compare_rows(a, b, &o->field);

	return o->descending ? -r : r;
}

static int sort_rows(struct row *rows, size_t count, const char *spec, struct err *err)
{
	struct order o = {.descending = *spec == '-'};
	_cleanup_free_ struct field *f = NULL;
	size_t n;
	int r = columns_parse(spec + o.descending, &f, &n, err);

	if (r < 0)
		return r;
	o.field = f[0];
	qsort_r(rows, count, sizeof(*rows), compare, &o);
	return 0;
}

static char *field_list(const struct query *q)
{
	struct strbuf b = STRBUF_INIT;
	const struct column *c;

	if (q->json && !q->fields) {
		for (c = columns; c->name; c++)
			if (!c->alias)
				strbuf_addf(&b, "%s%s", b.len ? "," : "", c->name);
		return strbuf_steal(&b);
	}
	if (q->names && !q->ids_only)
		strbuf_add(&b, "name,");
	strbuf_add(&b, q->ids_only ? "ctid" : q->fields ? q->fields : DEFAULT_FIELDS);
	return strbuf_steal(&b);
}

static int print(const struct query *q, struct row *rows, size_t count, struct err *err)
{
	struct output out = {.header = !q->no_header && !q->ids_only, .trim = !q->no_trim};
	_cleanup_free_ char *list = field_list(q);
	_cleanup_free_ struct field *fields = NULL;
	size_t i;
	int r;

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	r = columns_parse(list, &fields, &out.count, err);
	if (r == 0 && q->sort)
		r = sort_rows(rows, count, q->sort, err);
	if (r < 0)
		return r;
	out.fields = fields;
	for (i = 0; q->json && i < out.count; i++)
		if (fields[i].suffix)
			return err_set(err, EINVAL, "-j shows '%s' whole: leave the suffix away",
				       fields[i].col->name);
	if (q->json)
		return print_json(rows, count, &out);
	if (!count)
		return err_set(err, ENOENT, "no container found");
	print_text(rows, count, &out);
	return 0;
}

static int run(const struct query *q, int argc, char **argv, struct err *err)
{
	_cleanup_host_ struct host *host = NULL;
	_cleanup_free_ uint32_t *ids = NULL;
	_cleanup_free_ struct row *rows = NULL;
	size_t n = 0, count = 0, i;
	int r = host_open(q->etc, &host, err);

	if (r == 0)
		r = select_ids(host, argc, argv, &ids, &n, err);
	if (r < 0)
		return r;
	rows = calloc(n + 1, sizeof(*rows));
	if (!rows)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < n; i++)
		if (load_one(q, host, ids[i], argc > 0, &rows[count]))
			count++;
	r = print(q, rows, count, err);
	for (i = 0; i < count; i++)
		ct_close(rows[i].ct);
	return r;
}

int main(int argc, char **argv)
{
	struct query q = {.etc = CT_DEFAULT_ETC};
	struct err err = ERR_INIT;
	int r = parse(argc, argv, &q);

	if (r)
		return r < 0 ? 2 : 0;
	r = run(&q, argc - optind, argv + optind, &err);
	if (r == 0)
		return 0;
	fprintf(stderr, "vzlist: %s\n", err.msg[0] ? err.msg : "cannot write");
	return err.exit_code ? err.exit_code : 1;
}
