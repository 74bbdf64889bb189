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
		return err_exit_default(err, PLOOP_EXIT_DEVICE);
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
	if (strcmp(s, "raw") != 0 && strcmp(s, "expanded") != 0)
		return err_exit(err, PLOOP_EXIT_PARAM,
				"the format '%s' is not supported, only raw and expanded", s);
	*ret_format = s;
	return 0;
}

static int parse_option(int c, struct ploop_mount_opts *o, const char **target, const char **format,
			char **argv, struct err *err)
{
	switch (c) {
	case 'm':
		*target = optarg;
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
		return parse_format(optarg, format, err);
	case 'b':
	case 'd':
	case 'u':
		return err_exit(err, PLOOP_EXIT_PARAM, "the option '-%c' is not supported yet", c);
	default:
		return cmd_bad_option(err, argv, c);
	}
}

int cmd_mount(int argc, char **argv, struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	struct ploop_mount_opts o = {.read_only = false};
	const char *target = NULL, *format = NULL;
	struct ploop_disk *disk;
	dev_t dev;
	int c, r;

	while ((c = getopt_long(argc, argv, ":rFf:bd:m:o:t:u:", none, NULL)) != -1) {
		r = parse_option(c, &o, &target, &format, argv, err);
		if (r < 0)
			return r;
	}
	if (argc - optind != 1)
		return cmd_usage(err, "mount takes one image");
	if (!target)
		return cmd_usage(err, "mount needs a directory (-m)");
	r = ploop_open(argv[optind], &disk, err);
	if (r < 0)
		return cmd_open_failed(err);
	if (format && (strcmp(format, "raw") == 0) != (ploop_disk_format(disk) == PLOOP_FORMAT_RAW))
		r = err_exit(err, PLOOP_EXIT_PARAM, "'%s' is not of the format %s", argv[optind],
			     format);
	else
		r = ploop_mount(disk, target, &o, &dev, err);
	ploop_close(disk);
	if (r < 0)
		return mount_failed(err);
	printf("mounted %s on %s (device %u:%u)\n", argv[optind], target, major(dev), minor(dev));
	return 0;
}
