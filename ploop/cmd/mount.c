/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cmd.h"
#include "err.h"
#include "ploop.h"

static int mount_failed(struct err *err)
{
	switch (-err->code) {
	case EBUSY:
		return err_exit_default(err, PLOOP_EXIT_IN_USE);
	case EOPNOTSUPP:
		return err_exit_default(err, strstr(err->msg, "format version")
						     ? PLOOP_EXIT_FORMAT
						     : PLOOP_EXIT_DEVICE);
	case EBADMSG:
		return err_exit_default(err, PLOOP_EXIT_FORMAT);
	case EUCLEAN:
		return err_exit_default(err, PLOOP_EXIT_FSCK);
	default:
		return err_exit_default(
			err, strstr(err->msg, "device mapper") || strstr(err->msg, "device-mapper")
				     ? PLOOP_EXIT_DEVICE_IOCTL
			     : strstr(err->msg, "/dev/loop") || strstr(err->msg, "a loop device")
				     ? PLOOP_EXIT_LOOP
				     : PLOOP_EXIT_MOUNT);
	}
}

/* A format that was named must be the one that is found. */
static int parse_format(const char *s, const char **ret_format, struct err *err)
{
	enum ploop_format format;

	if (!cmd_parse_format(s, &format))
		return err_exit(err, PLOOP_EXIT_PARAM, "the format '%s' is not supported", s);
	*ret_format = cmd_format_name(format);
	return 0;
}

struct wish {
	struct ploop_mount_opts opts;
	const char *target, *format, *snapshot;
};

static int parse_option(int c, struct wish *w, char **argv, struct err *err)
{
	struct ploop_mount_opts *o = &w->opts;

	switch (c) {
	case 'm':
		w->target = optarg;
		return 0;
	case 'u':
		w->snapshot = optarg;
		return 0;
	case 'r':
		o->read_only = true;
		return 0;
	case 'F':
		o->fsck = true;
		return 0;
	case 'o':
		o->options = optarg;
		return 0;
	case 't':
		if (strcmp(optarg, "ext4") == 0)
			return 0;
		return err_exit(err, PLOOP_EXIT_PARAM,
				"the file system '%s' is not supported, only ext4", optarg);
	case 'f':
		return parse_format(optarg, &w->format, err);
	case 'b':
	case 'd':
		return err_exit(err, PLOOP_EXIT_PARAM, "the option '-%c' is not supported yet", c);
	default:
		return cmd_bad_option(err, argv, c);
	}
}

/* The oldest of those that the disk stands on. */
static int find_base(const char *path, char guid[PLOOP_GUID_BYTES], struct err *err)
{
	struct ploop_snapshot *list;
	const char *at = NULL;
	size_t n, i;
	int r = ploop_snapshots(path, &list, &n, err);

	if (r < 0)
		return cmd_open_failed(err);
	for (i = 0; i < n && !at; i++)
		if (list[i].top)
			at = list[i].guid;
	for (i = 0; at && i < n; i++) {
		if (strcasecmp(list[i].guid, at) != 0)
			continue;
		memcpy(guid, list[i].guid, PLOOP_GUID_BYTES);
		at = *list[i].parent ? list[i].parent : NULL;
		i = (size_t)-1;
	}
	ploop_snapshots_free(list, n);
	return 0;
}

/* As small as it is to be, if a crash kept that from it; else it is limited as before. */
static int open_current(const struct wish *w, const char *path, struct ploop_disk **ret,
			struct err *err)
{
	int r = ploop_open(path, ret, err);

	if (r == 0 && ploop_pending_bytes(*ret) && !w->opts.read_only) {
		ploop_close(*ret);
		(void)ploop_finish_resize(path, NULL);
		r = ploop_open(path, ret, err);
	}
	return r < 0 ? cmd_open_failed(err) : 0;
}

static int open_disk(const struct wish *w, const char *path, struct ploop_disk **ret,
		     struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	int r;

	if (!w->snapshot)
		return open_current(w, path, ret, err);
	r = strcmp(w->snapshot, "base") == 0 ? find_base(path, guid, err)
					     : cmd_parse_guid(w->snapshot, guid, err);
	if (r < 0)
		return r;
	r = ploop_open_snapshot(path, guid, ret, err);
	if (r == -ENOENT && strstr(err->msg, "snapshot"))
		return err_exit_default(err, PLOOP_EXIT_NO_SNAPSHOT);
	return r < 0 ? cmd_open_failed(err) : 0;
}

int cmd_mount(int argc, char **argv, struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	struct wish w = {.target = NULL};
	struct ploop_disk *disk;
	dev_t dev;
	int c, r;

	while ((c = getopt_long(argc, argv, ":rFf:bd:m:o:t:u:", none, NULL)) != -1) {
		r = parse_option(c, &w, argv, err);
		if (r < 0)
			return r;
	}
	if (argc - optind != 1)
		return cmd_usage(err, "mount takes one image");
	if (!w.target)
		return cmd_usage(err, "mount needs a directory (-m)");
	r = open_disk(&w, argv[optind], &disk, err);
	if (r < 0)
		return r;
	if (w.format && strcmp(w.format, cmd_format_name(ploop_disk_format(disk))) != 0)
		r = err_exit(err, PLOOP_EXIT_PARAM, "'%s' is not of the format %s", argv[optind],
			     w.format);
	else
		r = ploop_mount(disk, w.target, &w.opts, &dev, err);
	ploop_close(disk);
	if (r < 0)
		return mount_failed(err);
	printf("mounted %s on %s (device %u:%u)\n", argv[optind], w.target, major(dev), minor(dev));
	return 0;
}
