/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "ploop.h"
#include "strv.h"

static const struct option none[] = {{NULL, 0, NULL, 0}};

int cmd_parse_guid(const char *s, char ret[PLOOP_GUID_BYTES], struct err *err)
{
	if (ploop_guid_parse(s, ret))
		return 0;
	return err_exit(err, PLOOP_EXIT_PARAM, "'%s' is no UUID", s);
}

static int failed(struct err *err)
{
	switch (-err->code) {
	case ENOENT:
		return err_exit_default(err, strstr(err->msg, "cannot open")
						     ? PLOOP_EXIT_OPEN
						     : PLOOP_EXIT_NO_SNAPSHOT);
	case EEXIST:
	case E2BIG:
	case EMLINK:
		return err_exit_default(err, PLOOP_EXIT_PARAM);
	default:
		return cmd_open_failed(err);
	}
}

/* "-u UUID" and one directory. @guid is empty without it. */
static int parse(int argc, char **argv, const char *what, char guid[PLOOP_GUID_BYTES],
		 struct err *err)
{
	int c, r = 0;

	*guid = '\0';
	while (r == 0 && (c = getopt_long(argc, argv, ":u:", none, NULL)) != -1)
		r = c == 'u' ? cmd_parse_guid(optarg, guid, err) : cmd_bad_option(err, argv, c);
	if (r == 0 && argc - optind != 1)
		r = cmd_usage(err, "%s takes one image directory", what);
	return r;
}

int cmd_snapshot(int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	int r = parse(argc, argv, "snapshot", guid, err);

	if (r < 0)
		return r;
	if (ploop_snapshot(argv[optind], guid, err) < 0)
		return failed(err);
	printf("Snapshot %s was made\n", guid);
	return 0;
}

int cmd_snapshot_switch(int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	int r = parse(argc, argv, "snapshot-switch", guid, err);

	if (r == 0 && !*guid)
		r = cmd_usage(err, "snapshot-switch needs a snapshot (-u)");
	if (r < 0)
		return r;
	return ploop_snapshot_switch(argv[optind], guid, err) < 0 ? failed(err) : 0;
}

int cmd_snapshot_delete(int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	int r = parse(argc, argv, "snapshot-delete", guid, err);

	if (r == 0 && !*guid)
		r = cmd_usage(err, "snapshot-delete needs a snapshot (-u)");
	if (r < 0)
		return r;
	return ploop_snapshot_delete(argv[optind], guid, err) < 0 ? failed(err) : 0;
}

/* Each merge is one level less; the last one finds nothing below. */
static int merge_all(const char *path, struct err *err)
{
	int r;

	do
		r = ploop_snapshot_merge(path, NULL, err);
	while (r == 0);
	if (r != -ENOENT || !strstr(err->msg, "nothing lies below"))
		return failed(err);
	err_clear(err);
	return 0;
}

int cmd_snapshot_merge(int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES] = "";
	bool all = false;
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, ":Anu:", none, NULL)) != -1) {
		if (c == 'A')
			all = true;
		else if (c == 'u')
			r = cmd_parse_guid(optarg, guid, err);
		else if (c == 'n')
			r = err_exit(err, PLOOP_EXIT_PARAM, "the option '-n' is not supported");
		else
			r = cmd_bad_option(err, argv, c);
	}
	if (r == 0 && argc - optind != 1)
		r = cmd_usage(err, "snapshot-merge takes one image directory");
	if (r == 0 && all && *guid)
		r = cmd_usage(err, "snapshot-merge takes -A or -u");
	if (r < 0)
		return r;
	if (all)
		return merge_all(argv[optind], err);
	return ploop_snapshot_merge(argv[optind], *guid ? guid : NULL, err) < 0 ? failed(err) : 0;
}

/* --- telling -------------------------------------------------------------------------- */

#define DESCRIPTOR "DiskDescriptor.xml"
#define NO_PARENT  "{00000000-0000-0000-0000-000000000000}"

struct column {
	const char *name, *title;
	int width;
};

static const struct column columns[] = {
	{"parent_uuid", "PARENT_UUID", 38},
	{"current", "C", 1},
	{"uuid", "UUID", 38},
	{"fname", "FNAME", 0},
};

#define NCOLUMNS (sizeof(columns) / sizeof(columns[0]))

struct listing {
	const struct column *shown[NCOLUMNS];
	size_t n;
	bool head;
	char guid[PLOOP_GUID_BYTES];
	char *dir;
};

static int add_column(struct listing *l, const char *name, struct err *err)
{
	size_t i;

	for (i = 0; i < NCOLUMNS; i++) {
		if (strcmp(columns[i].name, name) != 0)
			continue;
		if (l->n == NCOLUMNS)
			return cmd_usage(err, "-o has too many fields");
		l->shown[l->n++] = &columns[i];
		return 0;
	}
	return cmd_usage(err, "unknown field '%s'", name);
}

static int parse_columns(struct listing *l, const char *list, struct err *err)
{
	_cleanup_strv_ char **names = NULL;
	size_t i;
	int r = strv_split(list, ",", &names);

	if (r < 0)
		return err_errno(err, r, "cannot read the fields '%s'", list);
	l->n = 0;
	for (i = 0; r == 0 && names && names[i]; i++)
		r = add_column(l, names[i], err);
	if (r == 0 && !l->n)
		r = cmd_usage(err, "-o needs fields");
	return r;
}

static const char *value_of(const struct column *c, const struct ploop_snapshot *s)
{
	if (c == &columns[0])
		return *s->parent ? s->parent : NO_PARENT;
	if (c == &columns[1])
		return s->top ? "*" : "";
	return c == &columns[2] ? s->guid : s->file;
}

static void print_row(const struct listing *l, const struct ploop_snapshot *s)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct column *c = l->shown[i];
		bool last = i + 1 == l->n;

		printf("%s%s%-*s%s", s && !c->width ? l->dir : "", s && !c->width ? "/" : "",
		       last ? 0 : c->width, s ? value_of(c, s) : c->title, last ? "\n" : " ");
	}
}

static int print_list(const struct listing *l, const char *path, struct err *err)
{
	struct ploop_snapshot *list;
	bool found = false;
	size_t n, i;
	int r = ploop_snapshots(path, &list, &n, err);

	if (r < 0)
		return failed(err);
	for (i = 0; i < n; i++) {
		if (*l->guid && strcasecmp(l->guid, list[i].guid) != 0)
			continue;
		if (l->head && !found)
			print_row(l, NULL);
		print_row(l, &list[i]);
		found = true;
	}
	ploop_snapshots_free(list, n);
	return found ? 0
		     : err_exit(err, PLOOP_EXIT_NO_SNAPSHOT, "'%s' has no snapshot %s", path,
				l->guid);
}

static int parse_listing(struct listing *l, int c, char **argv, struct err *err)
{
	switch (c) {
	case 'H':
		l->head = false;
		return 0;
	case 's':
		return parse_columns(l, "uuid", err);
	case 'o':
		return parse_columns(l, optarg, err);
	case 'u':
		return cmd_parse_guid(optarg, l->guid, err);
	default:
		return cmd_bad_option(err, argv, c);
	}
}

/* Of the descriptor, if that is what was named; caller frees. */
static char *directory_of(const char *path)
{
	size_t len = strlen(path), tail = strlen(DESCRIPTOR);

	if (len >= tail && strcmp(path + len - tail, DESCRIPTOR) == 0)
		len -= tail;
	while (len > 1 && path[len - 1] == '/')
		len--;
	return len ? strndup(path, len) : strdup(".");
}

int cmd_snapshot_list(int argc, char **argv, struct err *err)
{
	struct listing l = {.head = true};
	int c, r = parse_columns(&l, "parent_uuid,current,uuid,fname", err);

	while (r == 0 && (c = getopt_long(argc, argv, ":Hso:u:", none, NULL)) != -1)
		r = parse_listing(&l, c, argv, err);
	if (r == 0 && argc - optind != 1)
		r = cmd_usage(err, "snapshot-list takes one image directory");
	if (r < 0)
		return r;
	l.dir = directory_of(argv[optind]);
	if (!l.dir)
		return err_errno(err, ENOMEM, "cannot list '%s'", argv[optind]);
	r = print_list(&l, argv[optind], err);
	free(l.dir);
	return r;
}
