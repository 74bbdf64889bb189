/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "ploop.h"

/* Which image, by one of three ways; which other file. */
struct wish {
	char guid[PLOOP_GUID_BYTES];
	const char *level, *current, *file;
	bool keep_name;
};

static int failed(struct err *err)
{
	switch (-err->code) {
	case ENOENT:
		return err_exit_default(err, strstr(err->msg, "snapshot") ? PLOOP_EXIT_NO_SNAPSHOT
									  : PLOOP_EXIT_OPEN);
	case EEXIST:
		return err_exit_default(err, PLOOP_EXIT_PARAM);
	default:
		return cmd_open_failed(err);
	}
}

static const struct ploop_snapshot *by_guid(const struct ploop_snapshot *list, size_t n,
					    const char *guid)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcasecmp(list[i].guid, guid) == 0)
			return &list[i];
	return NULL;
}

/* What the disk stands on, counted from the bottom, 0 first. */
static const struct ploop_snapshot *by_level(const struct ploop_snapshot *list, size_t n,
					     unsigned long level)
{
	const struct ploop_snapshot *s = NULL, *at;
	unsigned long depth = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i].top)
			s = &list[i];
	for (at = s; at && *at->parent; at = by_guid(list, n, at->parent))
		depth++;
	for (; s && depth > level; depth--)
		s = by_guid(list, n, s->parent);
	return depth == level ? s : NULL;
}

static const struct ploop_snapshot *by_file(const struct ploop_snapshot *list, size_t n,
					    const char *file)
{
	const char *slash = strrchr(file, '/');
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(list[i].file, slash ? slash + 1 : file) == 0)
			return &list[i];
	return NULL;
}

static int find(struct wish *w, const char *path, struct err *err)
{
	const struct ploop_snapshot *s;
	struct ploop_snapshot *list;
	char *end = NULL;
	size_t n;

	if (*w->guid)
		return 0;
	if (ploop_snapshots(path, &list, &n, err) < 0)
		return failed(err);
	if (w->current)
		s = by_file(list, n, w->current);
	else
		s = by_level(list, n, strtoul(w->level, &end, 10));
	if (s && (!end || (end != w->level && !*end)))
		memcpy(w->guid, s->guid, sizeof(w->guid));
	ploop_snapshots_free(list, n);
	if (*w->guid)
		return 0;
	return err_exit(err, PLOOP_EXIT_PARAM, "'%s' has no image %s'%s'", path,
			w->current ? "" : "of the level ", w->current ? w->current : w->level);
}

/* The name in the image directory, if it is there that it is. */
static const char *plain_name(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	_cleanup_free_ char *dir = NULL;
	struct stat of, st;

	if (!slash)
		return file;
	dir = strndup(file, slash == file ? 1 : (size_t)(slash - file));
	if (!dir || stat(dir, &of) < 0 || stat(path, &st) < 0)
		return file;
	if (S_ISREG(st.st_mode)) {
		_cleanup_free_ char *up = strdup(path);
		char *last = up ? strrchr(up, '/') : NULL;

		if (last)
			last[last == up] = '\0';
		if (!up || stat(last ? up : ".", &st) < 0)
			return file;
	}
	return of.st_dev == st.st_dev && of.st_ino == st.st_ino ? slash + 1 : file;
}

static int parse(int argc, char **argv, struct wish *w, struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, ":u:l:o:i:k", none, NULL)) != -1) {
		switch (c) {
		case 'u':
			r = cmd_parse_guid(optarg, w->guid, err);
			break;
		case 'l':
			w->level = optarg;
			break;
		case 'o':
			w->current = optarg;
			break;
		case 'i':
			w->file = optarg;
			break;
		case 'k':
			w->keep_name = true;
			break;
		default:
			r = cmd_bad_option(err, argv, c);
		}
	}
	if (r == 0 && (*w->guid != 0) + (w->level != NULL) + (w->current != NULL) != 1)
		r = cmd_usage(err, "replace takes one of -u UUID, -l LEVEL and -o FILE");
	if (r == 0 && !w->file)
		r = cmd_usage(err, "replace needs another file (-i)");
	if (r == 0 && argc - optind != 1)
		r = cmd_usage(err, "replace takes one image directory");
	return r;
}

int cmd_replace(int argc, char **argv, struct err *err)
{
	struct wish w = {.level = NULL};
	int r = parse(argc, argv, &w, err);

	if (r == 0)
		r = find(&w, argv[optind], err);
	if (r < 0)
		return r;
	r = ploop_replace(argv[optind], w.guid, plain_name(w.file, argv[optind]), w.keep_name, err);
	return r < 0 ? failed(err) : 0;
}
