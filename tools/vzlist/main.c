/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vzlist: which containers there are. Reads files and cgroups, never waits for a lock. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "param.h"
#include "state.h"
#include "strbuf.h"
#include "strv.h"
#include "vzlist.h"

#define DEFAULT_FIELDS "ctid,numproc,status,ip,hostname"

/* What is listed, and how: fields, order and what must be read for them. */
struct plan {
	struct output out;
	struct field order;
	bool ordered, descending;
	unsigned int needs;
};

static int add_fields(struct output *out, const char *list, struct err *err)
{
	_cleanup_strv_ char **words = NULL;
	size_t i, n;
	int r = 0;

	if (strv_split(list, ",", &words) < 0)
		return err_set(err, ENOMEM, "out of memory");
	n = strv_length(words);
	if (!n)
		return err_set(err, EINVAL, "no field is given");
	out->fields = calloc(n, sizeof(*out->fields));
	if (!out->fields)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; r == 0 && i < n; i++)
		r = field_parse(words[i], &out->fields[i], err);
	out->count = n;
	return r;
}

/* Every column that is no alias. */
static int add_all_fields(struct output *out, struct err *err)
{
	const struct column *cols;
	size_t i, n;
	int r = columns_get(&cols, &n, err);

	if (r < 0)
		return r;
	out->fields = calloc(n, sizeof(*out->fields));
	if (!out->fields)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < n; i++)
		if (!cols[i].alias)
			out->fields[out->count++].col = &cols[i];
	return 0;
}

static int choose_fields(const struct query *q, struct output *out, struct err *err)
{
	const char *list = q->ids_only ? "ctid" : q->fields ? q->fields : DEFAULT_FIELDS;
	struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *names = NULL;
	size_t i;
	int r;

	if (q->json && !q->fields && !q->ids_only)
		return add_all_fields(out, err);
	strbuf_addf(&b, "%s%s", q->names && !q->ids_only ? "name," : "", list);
	names = strbuf_steal(&b);
	if (!names)
		return err_set(err, ENOMEM, "out of memory");
	r = add_fields(out, names, err);
	for (i = 0; r == 0 && q->json && i < out->count; i++)
		if (field_suffix(&out->fields[i]))
			return err_set(err, EINVAL, "-j shows '%s' whole: leave the suffix away",
				       out->fields[i].col->name);
	return r;
}

static int make_plan(const struct query *q, struct plan *p, struct err *err)
{
	size_t i;
	int r = choose_fields(q, &p->out, err);

	if (r < 0)
		return r;
	p->out.header = !q->no_header && !q->ids_only;
	p->out.trim = !q->no_trim;
	for (i = 0; i < p->out.count; i++)
		p->needs |= p->out.fields[i].col->needs;
	if (q->hostname || q->name || q->description)
		p->needs |= NEED_CHANGES;
	if (!q->sort)
		return 0;
	p->ordered = true;
	p->descending = *q->sort == '-';
	r = field_parse(q->sort + p->descending, &p->order, err);
	if (r == 0)
		p->needs |= p->order.col->needs;
	return r;
}

static bool matches(const struct row *row, const char *key, const char *pattern)
{
	const char *v;

	if (!pattern)
		return true;
	v = row_get(row, param_by_key(key));
	return v && fnmatch(pattern, v, 0) == 0;
}

static bool wanted(const struct query *q, const struct row *row, bool named)
{
	if (q->stopped ? row->running : !row->running && !q->all && !named)
		return false;
	return matches(row, "HOSTNAME", q->hostname) && matches(row, "NAME", q->name) &&
	       matches(row, "DESCRIPTION", q->description);
}

/* A container whose file cannot be read costs a line, and is listed with what the kernel knows. */
static int load_one(const struct host *host, uint32_t id, const struct plan *p,
		    const struct state_mounts *mounts, struct row *row, struct err *err)
{
	struct err bad = ERR_INIT;
	bool unread = false;
	struct ct *ct;
	int r = ct_open(host, id, &ct, &bad);

	if (r < 0) {
		r = ct_open_unread(host, id, &ct, err);
		if (r < 0)
			return r;
		unread = true;
		fprintf(stderr, "vzlist: %s\n", bad.msg);
	}
	row_load(row, ct, unread, p->needs, mounts);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int select_ids(const struct host *host, int argc, char **argv, uint32_t **ret_ids,
		      size_t *ret_count, struct err *err)
{
	_cleanup_free_ uint32_t *ids = NULL;
	size_t i, n = 0;
	int r;

	if (!argc)
		return ct_list_all(host, ret_ids, ret_count, err);
	ids = calloc(argc, sizeof(*ids));
	if (!ids)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < (size_t)argc; i++) {
		r = ct_resolve(host, argv[i], &ids[i], err);
		if (r < 0)
			return r;
	}
	qsort(ids, argc, sizeof(*ids), compare_ids);
	for (i = 0; i < (size_t)argc; i++)
		if (!n || ids[n - 1] != ids[i])
			ids[n++] = ids[i];
	*ret_ids = steal_ptr(ids);
	*ret_count = n;
	return 0;
}

/* Rows that are equal stay in the order of their ids. */
static int compare(const void *a, const void *b, void *arg)
{
	const struct row *x = a, *y = b;
	const struct plan *p = arg;
	int r = compare_rows(x, y, &p->order);

	if (r)
		return p->descending ? -r : r;
	return compare_ids(&x->ct->id, &y->ct->id);
}

struct list {
	struct row *rows;
	size_t count;
	bool missing; /* one that was named does not exist */
};

static int load_rows(const struct query *q, const struct plan *p, const struct host *host, int argc,
		     char **argv, struct list *l, struct err *err)
{
	_cleanup_mounts_ struct state_mounts *mounts = NULL;
	_cleanup_free_ uint32_t *ids = NULL;
	size_t n = 0, i;
	int r = select_ids(host, argc, argv, &ids, &n, err);

	if (r == 0 && p->needs & NEED_MOUNTS)
		r = state_mounts_load(&mounts, err);
	if (r < 0)
		return r;
	l->rows = calloc(n + 1, sizeof(*l->rows));
	if (!l->rows)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		struct row *row = &l->rows[l->count];
		bool there;

		r = load_one(host, ids[i], p, mounts, row, err);
		if (r < 0)
			return r;
		there = row->ct->exists || row->unread || row->running;
		if (!there && argc) {
			fprintf(stderr, "vzlist: container %u does not exist\n", ids[i]);
			l->missing = true;
		}
		if (there && wanted(q, row, argc > 0))
			l->count++;
		else
			row_clear(row);
	}
	return 0;
}

static int print(const struct query *q, struct plan *p, struct list *l, struct err *err)
{
	int r;

	if (p->ordered)
		qsort_r(l->rows, l->count, sizeof(*l->rows), compare, p);
	if (!l->count && !q->json)
		return l->missing ? 0 : err_set(err, ENOENT, "no container found");
	r = (q->json ? print_json : print_text)(l->rows, l->count, &p->out);
	return r < 0 ? err_set(err, -r, "cannot write to standard output") : 0;
}

static int run(const struct query *q, int argc, char **argv, struct err *err)
{
	_cleanup_host_ struct host *host = NULL;
	struct plan p = {0};
	struct list l = {0};
	size_t i;
	int r = make_plan(q, &p, err);

	if (r == 0)
		r = host_open(q->etc, &host, err);
	if (r == 0)
		r = load_rows(q, &p, host, argc, argv, &l, err);
	if (r == 0)
		r = print(q, &p, &l, err);
	for (i = 0; i < l.count; i++)
		row_clear(&l.rows[i]);
	free(l.rows);
	free(p.out.fields);
	return r == 0 && l.missing ? 1 : r;
}

int main(int argc, char **argv)
{
	struct query q = {.etc = CT_DEFAULT_ETC};
	struct err err = ERR_INIT;
	int r = parse_options(argc, argv, &q, &err);

	text_init();
	if (r == 0)
		r = run(&q, argc - optind, argv + optind, &err);
	else if (r > 0)
		r = 0;
	if (r >= 0)
		return r;
	fprintf(stderr, "vzlist: %s\n", err.msg);
	return err.exit_code ? err.exit_code : 1;
}
