/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of columns: what vzlist can show, and where it comes from. */
#include "vzlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "strv.h"

static const struct cell none = {CELL_NULL, NULL, 0};

static struct cell text_cell(const char *s)
{
	return s && *s ? (struct cell){CELL_TEXT, s, 0} : none;
}

static struct cell get_id(const struct row *row, const struct column *col, char suffix)
{
	(void)col;
	(void)suffix;
	return (struct cell){CELL_NUMBER, NULL, row->ct->id};
}

static struct cell get_text(const struct row *row, const struct column *col, char suffix)
{
	(void)suffix;
	return text_cell(ct_get(row->ct, col->key));
}

static struct cell get_list(const struct row *row, const struct column *col, char suffix)
{
	const char *s = ct_get(row->ct, col->key);

	(void)suffix;
	return s && *s ? (struct cell){CELL_LIST, s, 0} : none;
}

static struct cell get_number(const struct row *row, const struct column *col, char suffix)
{
	const char *s = ct_get(row->ct, col->key);

	(void)suffix;
	return s && *s ? (struct cell){CELL_NUMBER, NULL, strtoull(s, NULL, 10)} : none;
}

static struct cell get_bool(const struct row *row, const struct column *col, char suffix)
{
	const char *s = ct_get(row->ct, col->key);

	(void)suffix;
	return s && *s ? (struct cell){CELL_BOOL, NULL, strcmp(s, "yes") == 0} : none;
}

static struct cell get_smart_name(const struct row *row, const struct column *col, char suffix)
{
	const char *name = ct_get(row->ct, "NAME");

	(void)col;
	(void)suffix;
	return text_cell(name && *name ? name : row->ct->idstr);
}

static struct cell get_status(const struct row *row, const struct column *col, char suffix)
{
	(void)col;
	(void)suffix;
	return text_cell(row->status.running   ? "running"
			 : row->status.mounted ? "mounted"
					       : "stopped");
}

static struct cell get_root(const struct row *row, const struct column *col, char suffix)
{
	(void)suffix;
	return text_cell(strcmp(col->name, "root") == 0 ? row->ct->root : row->ct->private_dir);
}

static struct cell get_uptime(const struct row *row, const struct column *col, char suffix)
{
	(void)col;
	(void)suffix;
	return row->uptime ? (struct cell){CELL_SECONDS, NULL, row->uptime} : none;
}

static struct cell get_numproc(const struct row *row, const struct column *col, char suffix)
{
	const struct kve_ubc *u = &row->numproc;
	uint64_t v = u->held;

	(void)col;
	if (!row->has_numproc)
		return none;
	if (suffix == 'm')
		v = u->maxheld;
	else if (suffix == 'b')
		v = u->barrier;
	else if (suffix == 'l')
		v = u->limit;
	else if (suffix == 'f')
		v = u->failcnt;
	return (struct cell){CELL_UBC, NULL, v};
}

/* clang-format off */
const struct column columns[] = {
	{ "ctid", "CTID", 10, true, false, NULL, get_id, false },
	{ "veid", "CTID", 10, true, true, NULL, get_id, false },
	{ "vpsid", "CTID", 10, true, true, NULL, get_id, false },
	{ "numproc", "NPROC", 10, true, false, NULL, get_numproc, true },
	{ "status", "STATUS", 9, false, false, NULL, get_status, false },
	{ "ip", "IP_ADDR", 15, false, false, "IP_ADDRESS", get_list, false },
	{ "hostname", "HOSTNAME", 32, false, false, "HOSTNAME", get_text, false },
	{ "name", "NAME", 32, false, false, "NAME", get_text, false },
	{ "smart_name", "SMARTNAME", 10, false, false, NULL, get_smart_name, false },
	{ "description", "DESCRIPTION", 32, false, false, "DESCRIPTION", get_text, false },
	{ "ostemplate", "OSTEMPLATE", 32, false, false, "OSTEMPLATE", get_text, false },
	{ "nameserver", "NAMESERVER", 32, false, false, "NAMESERVER", get_list, false },
	{ "searchdomain", "SEARCHDOMAIN", 32, false, false, "SEARCHDOMAIN", get_list, false },
	{ "uptime", "UPTIME", 15, false, false, NULL, get_uptime, false },
	{ "cpulimit", "CPULIM", 7, true, false, "CPULIMIT", get_number, false },
	{ "cpuunits", "CPUUNI", 7, true, false, "CPUUNITS", get_number, false },
	{ "onboot", "ONBOOT", 6, false, false, "ONBOOT", get_bool, false },
	{ "disabled", "DISABL", 6, false, false, "DISABLED", get_bool, false },
	{ "private", "PRIVATE", 32, false, false, NULL, get_root, false },
	{ "root", "ROOT", 32, false, false, NULL, get_root, false },
	{ "layout", "LAYOUT", 9, false, false, "VE_LAYOUT", get_text, false },
	{ "origin_sample", "ORIGIN_SAMPLE", 32, false, false, "ORIGIN_SAMPLE", get_text, false },
	{ NULL, NULL, 0, false, false, NULL, NULL, false },
};
/* clang-format on */

static int parse_field(const char *word, struct field *f, struct err *err)
{
	size_t len = strcspn(word, ".");
	const struct column *c;

	for (c = columns; c->name; c++)
		if (strlen(c->name) == len && memcmp(c->name, word, len) == 0)
			break;
	if (!c->name)
		return err_set(err, EINVAL,
			       "unknown or not yet supported field '%s' (see vzlist -L)", word);
	*f = (struct field){c, 0};
	if (!word[len])
		return 0;
	if (!c->suffixes || !word[len + 1] || word[len + 2] || !strchr("mblf", word[len + 1]))
		return err_set(err, EINVAL, "field '%s' has no suffix '%s'", c->name, word + len);
	f->suffix = word[len + 1];
	return 0;
}

int columns_parse(const char *list, struct field **ret_fields, size_t *ret_count, struct err *err)
{
	_cleanup_strv_ char **words = NULL;
	_cleanup_free_ struct field *fields = NULL;
	size_t i, n;
	int r;

	if (strv_split(list, ",", &words) < 0)
		return err_set(err, ENOMEM, "out of memory");
	n = strv_length(words);
	if (!n)
		return err_set(err, EINVAL, "no field is given");
	fields = calloc(n, sizeof(*fields));
	if (!fields)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		r = parse_field(words[i], &fields[i], err);
		if (r < 0)
			return r;
	}
	*ret_fields = steal_ptr(fields);
	*ret_count = n;
	return 0;
}

void row_load(struct row *row, struct ct *ct)
{
	struct state st;

	*row = (struct row){.ct = ct};
	state_status(ct, &row->status, NULL);
	if (!row->status.running)
		return;
	row->has_numproc = kve_get_ubc(ct->cgroup, "numproc", &row->numproc, NULL) == 0;
	if (state_load(ct, &st, NULL) == 0 && (uint64_t)time(NULL) > st.started)
		row->uptime = time(NULL) - st.started;
}

int compare_rows(const struct row *a, const struct row *b, const struct field *f)
{
	struct cell x = f->col->get(a, f->col, f->suffix), y = f->col->get(b, f->col, f->suffix);

	if (x.kind == CELL_NULL || y.kind == CELL_NULL)
		return (x.kind != CELL_NULL) - (y.kind != CELL_NULL);
	if (x.text && y.text)
		return strcmp(x.text, y.text);
	return x.number < y.number ? -1 : x.number > y.number;
}
