/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list and stat: what is attached, for people and as JSON. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "ploop.h"
#include "strbuf.h"

#define COUNTERS_MAX 16

static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};

static int failed(struct err *err)
{
	switch (-err->code) {
	case EACCES:
	case EPERM:
		return err_exit_default(err, PLOOP_EXIT_DEVICE_IOCTL);
	case ENOTBLK:
		return err_exit_default(err, PLOOP_EXIT_DEVICE);
	case ENOENT:
		return err_exit_default(err, PLOOP_EXIT_NOT_MOUNTED);
	default:
		return err_exit_default(err, PLOOP_EXIT_READ);
	}
}

/* A name that somebody else chose, for a terminal; caller frees. */
static char *shown(const char *name)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add_printable(&b, name, strlen(name), "");
	return strbuf_steal(&b);
}

static json_t *json_name(const char *name)
{
	_cleanup_free_ char *s = name ? shown(name) : NULL;

	return s ? json_string(s) : json_null();
}

static json_t *json_device(const struct ploop_device *d)
{
	return json_pack("{s:o*, s:o*, s:o*, s:b, s:I, s:I, s:I, s:I, s:s}", "device",
			 json_sprintf("/dev/%s", d->name), "image", json_name(d->image), "mounted",
			 json_name(d->target), "read_only", d->read_only, "size",
			 (json_int_t)d->size_bytes, "offset", (json_int_t)d->offset_bytes, "levels",
			 (json_int_t)d->levels, "blocksize", (json_int_t)d->cluster_bytes / 512,
			 "flags", d->flags);
}

static int print_json(json_t *json, struct err *err)
{
	int r = json ? json_dumpf(json, stdout, JSON_INDENT(2)) : -1;

	json_decref(json);
	if (r < 0)
		return err_errno(err, ENOMEM, "cannot write JSON");
	putchar('\n');
	return 0;
}

/* --- list ------------------------------------------------------------------------------ */

static void print_line(const struct ploop_device *d)
{
	_cleanup_free_ char *image = shown(d->image), *target = shown(d->target ? d->target : "-");

	printf("/dev/%-8s %s %s\n", d->name, image ? image : "?", target ? target : "?");
}

static int print_list(const struct ploop_device *list, size_t n, bool all, bool json,
		      struct err *err)
{
	json_t *array = json ? json_array() : NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!list[i].target && !all)
			continue;
		if (json)
			json_array_append_new(array, json_device(&list[i]));
		else
			print_line(&list[i]);
	}
	return json ? print_json(array, err) : 0;
}

int cmd_list(int argc, char **argv, struct err *err)
{
	struct ploop_device *list;
	bool all = false, json = false;
	size_t n;
	int c, r;

	while ((c = getopt_long(argc, argv, ":a", options, NULL)) != -1) {
		if (c == 'a')
			all = true;
		else if (c == 'j')
			json = true;
		else
			return cmd_bad_option(err, argv, c);
	}
	if (argc != optind)
		return cmd_usage(err, "list takes no '%s'", argv[optind]);
	if (ploop_devices(&list, &n, err) < 0)
		return failed(err);
	r = print_list(list, n, all, json, err);
	ploop_devices_free(list, n);
	return r;
}

/* --- stat ------------------------------------------------------------------------------ */

struct counter {
	const char *name;
	uint64_t value;
};

static size_t counters_of(const struct ploop_io *io, struct counter out[COUNTERS_MAX])
{
	const struct counter all[] = {
		{"reads", io->reads},
		{"read_bytes", io->read_bytes},
		{"read_ms", io->read_ms},
		{"writes", io->writes},
		{"write_bytes", io->write_bytes},
		{"write_ms", io->write_ms},
		{"discards", io->discards},
		{"discard_bytes", io->discard_bytes},
		{"discard_ms", io->discard_ms},
		{"flushes", io->flushes},
		{"flush_ms", io->flush_ms},
		{"in_flight", io->in_flight},
		{"busy_ms", io->busy_ms},
	};

	memcpy(out, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

static void print_device(const struct ploop_device *d, const struct counter *io, size_t n)
{
	_cleanup_free_ char *image = shown(d->image), *target = shown(d->target ? d->target : "no");
	size_t i;

	printf("device:          /dev/%s\n", d->name);
	printf("image:           %s\n", image ? image : "?");
	printf("mounted:         %s\n", target ? target : "?");
	printf("read_only:       %s\n", d->read_only ? "yes" : "no");
	printf("size:            %" PRIu64 "\n", d->size_bytes);
	printf("offset:          %" PRIu64 "\n", d->offset_bytes);
	printf("levels:          %u\n", d->levels);
	if (d->cluster_bytes) {
		printf("blocksize:       %" PRIu32 "\n", d->cluster_bytes / 512);
		printf("flags:           %s\n", d->flags);
	}
	for (i = 0; i < n; i++)
		printf("%s:%*s%" PRIu64 "\n", io[i].name, (int)(16 - strlen(io[i].name)), "",
		       io[i].value);
}

static int print_stat(const struct ploop_device *d, bool json, struct err *err)
{
	struct counter io[COUNTERS_MAX];
	struct ploop_io counted;
	json_t *object;
	size_t i, n;
	int r = ploop_device_io(d, &counted, err);

	if (r < 0)
		return failed(err);
	n = counters_of(&counted, io);
	if (!json) {
		print_device(d, io, n);
		return 0;
	}
	object = json_device(d);
	for (i = 0; object && i < n; i++)
		json_object_set_new(object, io[i].name, json_integer((json_int_t)io[i].value));
	return print_json(object, err);
}

static int by_device(const char *path, struct ploop_device **ret, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", path);
	if (!S_ISBLK(st.st_mode))
		return cmd_usage(err, "'%s' is no block device", path);
	return ploop_device_of(NULL, st.st_rdev, ret, err);
}

static int by_image(const char *path, struct ploop_device **ret, struct err *err)
{
	struct ploop_disk *disk;
	int r = ploop_open(path, &disk, err);

	if (r < 0)
		return cmd_open_failed(err);
	r = ploop_device_of(disk, 0, ret, err);
	ploop_close(disk);
	return r;
}

int cmd_stat(int argc, char **argv, struct err *err)
{
	struct ploop_device *d;
	const char *dev = NULL;
	bool json = false;
	int c, r;

	while ((c = getopt_long(argc, argv, ":d:", options, NULL)) != -1) {
		if (c == 'd')
			dev = optarg;
		else if (c == 'j')
			json = true;
		else
			return cmd_bad_option(err, argv, c);
	}
	if ((dev != NULL) + (argc - optind) != 1)
		return cmd_usage(err, "stat takes one of -d DEVICE, or an image");
	r = dev ? by_device(dev, &d, err) : by_image(argv[optind], &d, err);
	if (r < 0)
		return failed(err);
	r = print_stat(d, json, err);
	ploop_devices_free(d, 1);
	return r;
}
