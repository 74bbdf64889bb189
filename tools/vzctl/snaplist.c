/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot-list: one table of fields. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "ct.h"
#include "ctsnap.h"
#include "err.h"
#include "exitcode.h"
#include "strbuf.h"
#include "strv.h"

struct row {
	const struct ctsnap *snap;
	char *target;	 /* owned; NULL: not mounted */
	char device[64]; /* empty then */
};

enum field { UUID, PARENT, CURRENT, DATE, NAME, DESC, DEVICE, TARGET, FIELDS };

static const struct column {
	const char *name, *alias, *title, *summary;
	int width;
} columns[FIELDS] = {
	[UUID] = {"uuid", "id", "UUID", "of the snapshot", 38},
	[PARENT] = {"parent_uuid", "parent_id", "PARENT_UUID", "of the one below it", 38},
	[CURRENT] = {"current", NULL, "C", "*: the disk stands on it", 1},
	[DATE] = {"date", NULL, "DATE", "when it was made", 19},
	[NAME] = {"name", NULL, "NAME", "its name", 32},
	[DESC] = {"desc", NULL, "DESC", "its description", 32},
	[DEVICE] = {"device", NULL, "DEVICE", "on which it is mounted", 16},
	[TARGET] = {"target", NULL, "TARGET", "where it is mounted", 32},
};

struct listing {
	const char *fields, *id;
	bool no_head, names;
	enum field shown[FIELDS];
	size_t n;
	bool mounts; /* one of the fields is about that */
};

static void found(void *arg, const char *option, const char *value)
{
	struct listing *l = arg;

	if (strcmp(option, "o") == 0)
		l->fields = value;
	else if (strcmp(option, "id") == 0)
		l->id = value;
	l->no_head |= strcmp(option, "H") == 0;
	l->names |= strcmp(option, "L") == 0;
}

static int add_field(struct listing *l, const char *name, struct err *err)
{
	enum field f;

	for (f = 0; f < FIELDS; f++)
		if (strcmp(columns[f].name, name) == 0 ||
		    (columns[f].alias && strcmp(columns[f].alias, name) == 0))
			break;
	if (f == FIELDS)
		return err_exit(err, VZ_BAD_VALUE, "snapshot-list: unknown field '%s' (see -L)",
				name);
	if (l->n == FIELDS)
		return err_exit(err, VZ_BAD_VALUE, "snapshot-list: too many fields");
	l->shown[l->n++] = f;
	l->mounts |= f == DEVICE || f == TARGET;
	return 0;
}

static int add_fields(struct listing *l, const char *list, struct err *err)
{
	_cleanup_strv_ char **names = NULL;
	size_t i;
	int r = strv_split(list, ",", &names);

	if (r < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; r == 0 && names && names[i]; i++)
		r = add_field(l, names[i], err);
	if (r == 0 && !l->n)
		r = err_exit(err, VZ_BAD_VALUE, "snapshot-list: -o needs fields");
	return r;
}

static void print_names(void)
{
	enum field f;

	for (f = 0; f < FIELDS; f++)
		printf("%-12s %s\n", columns[f].name, columns[f].summary);
}

static const char *value_of(const struct row *row, enum field f)
{
	switch (f) {
	case UUID:
		return row->snap->guid;
	case PARENT:
		return row->snap->parent;
	case CURRENT:
		return row->snap->current ? "*" : "";
	case DATE:
		return row->snap->date;
	case NAME:
		return row->snap->name;
	case DESC:
		return row->snap->description;
	case DEVICE:
		return row->device;
	default:
		return row->target ? row->target : "";
	}
}

/* @row NULL: the head. Texts are anybody's: a terminal gets characters of them and no commands. */
static void print_row(const struct listing *l, const struct row *row)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct column *c = &columns[l->shown[i]];
		const char *s = row ? value_of(row, l->shown[i]) : c->title;
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		bool last = i + 1 == l->n;

		strbuf_add_printable(&b, s, strlen(s), "");
		printf("%-*s%s", last ? 0 : c->width, b.s ? b.s : "", last ? "\n" : " ");
	}
}

static void look_for_mount(const struct ct *ct, struct row *row)
{
	char link[64], to[256];
	const char *base;
	ssize_t n;
	dev_t dev;

	if (ctsnap_mount_point(ct, row->snap->guid, &row->target, &dev, NULL) < 0)
		return;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(link, to, sizeof(to) - 1);
	to[n < 0 ? 0 : n] = '\0';
	base = strrchr(to, '/');
	if (base)
		snprintf(row->device, sizeof(row->device), "/dev/%.50s", base + 1);
}

static int print_list(struct ctx *ctx, const struct listing *l, const char *guid, struct err *err)
{
	struct ctsnap *list;
	bool seen = !*guid;
	size_t n, i;
	int r = ctsnap_list(ctx->ct, &list, &n, err);

	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		seen |= strcasecmp(list[i].guid, guid) == 0;
	if (seen && !l->no_head)
		print_row(l, NULL);
	for (i = 0; i < n; i++) {
		struct row row = {.snap = &list[i]};

		if (*guid && strcasecmp(list[i].guid, guid) != 0)
			continue;
		if (l->mounts)
			look_for_mount(ctx->ct, &row);
		print_row(l, &row);
		free(row.target);
	}
	ctsnap_list_free(list, n);
	return seen ? 0
		    : err_exit(err, VZ_SNAPSHOT_LIST, "container %s has no snapshot %s",
			       ctx->ct->idstr, guid);
}

int cmd_snapshot_list(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES] = "";
	struct listing l = {.fields = "parent_uuid,current,uuid,date,name"};
	int r = cmd_parse(argc, argv, found, &l, err);

	if (r == 0 && l.names) {
		print_names();
		return 0;
	}
	if (r == 0)
		r = add_fields(&l, l.fields, err);
	if (r == 0 && l.id)
		r = cmd_parse_guid(argv[0], l.id, guid, err);
	if (r == 0)
		r = ct_require(ctx->ct, err);
	return r < 0 ? r : print_list(ctx, &l, guid, err);
}
