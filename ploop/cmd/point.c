/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "err.h"
#include "ploop.h"

static int failed(struct err *err)
{
	switch (-err->code) {
	case EEXIST:
	case E2BIG:
		return err_exit_default(err, PLOOP_EXIT_PARAM);
	case ENOENT:
		return err_exit_default(err, PLOOP_EXIT_NO_SNAPSHOT);
	default:
		return cmd_open_failed(err);
	}
}

static int parse(int argc, char **argv, const char *name, char guid[PLOOP_GUID_BYTES],
		 struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	int c, r = 0;

	*guid = '\0';
	while (r == 0 && (c = getopt_long(argc, argv, ":u:", none, NULL)) != -1)
		r = c == 'u' ? cmd_parse_guid(optarg, guid, err) : cmd_bad_option(err, argv, c);
	if (r == 0 && argc - optind != 1)
		r = cmd_usage(err, "%s takes one image", name);
	return r;
}

/* -ENOENT is about the point from here on. */
static int check_there(const char *path, struct err *err)
{
	struct ploop_disk *disk;
	int r = ploop_open(path, &disk, err);

	if (r < 0)
		return cmd_open_failed(err);
	ploop_close(disk);
	return 0;
}

int cmd_point(int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	int r = parse(argc, argv, "point", guid, err);

	if (r == 0)
		r = check_there(argv[optind], err);
	if (r < 0)
		return r;
	if (ploop_point(argv[optind], guid, err) < 0)
		return failed(err);
	printf("Point %s was made\n", guid);
	return 0;
}

int cmd_point_delete(int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	int r = parse(argc, argv, "point-delete", guid, err);

	if (r == 0 && !*guid)
		r = cmd_usage(err, "point-delete needs a point (-u)");
	if (r == 0)
		r = check_there(argv[optind], err);
	if (r < 0)
		return r;
	return ploop_point_delete(argv[optind], guid, err) < 0 ? failed(err) : 0;
}

static int print_json(const struct ploop_point *list, size_t n, struct err *err)
{
	json_t *array = json_array();
	size_t i;
	int r = array ? 0 : -1;

	for (i = 0; r == 0 && i < n; i++)
		r = json_array_append_new(array, json_pack("{s:s, s:I}", "uuid", list[i].guid,
							   "written_bytes",
							   (json_int_t)list[i].written_bytes));
	if (r == 0)
		r = json_dumpf(array, stdout, JSON_INDENT(2));
	json_decref(array);
	if (r < 0)
		return err_errno(err, ENOMEM, "cannot write JSON");
	putchar('\n');
	return 0;
}

int cmd_point_list(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	struct ploop_point *list;
	bool json = false;
	size_t n, i;
	int c, r = 0;

	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c != 'j')
			return cmd_bad_option(err, argv, c);
		json = true;
	}
	if (argc - optind != 1)
		return cmd_usage(err, "point-list takes one image");
	if (ploop_points(argv[optind], &list, &n, err) < 0)
		return cmd_open_failed(err);
	if (json)
		r = print_json(list, n, err);
	for (i = 0; !json && i < n; i++)
		printf("%s %" PRIu64 "\n", list[i].guid, list[i].written_bytes);
	free(list);
	return r;
}
