/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "ploop.h"

static int by_device(const char *path, char **ret_target, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", path);
	if (!S_ISBLK(st.st_mode))
		return cmd_usage(err, "'%s' is no block device", path);
	return ploop_mount_point(NULL, st.st_rdev, ret_target, err);
}

static int by_image(const char *path, char **ret_target, struct err *err)
{
	struct ploop_disk *disk;
	int r = ploop_open(path, &disk, err);

	if (r < 0)
		return cmd_open_failed(err);
	r = ploop_mount_point(disk, 0, ret_target, err);
	ploop_close(disk);
	return r;
}

static int umount_failed(struct err *err)
{
	if (err->code == -EBUSY)
		return err_exit_default(err, PLOOP_EXIT_UMOUNT_BUSY);
	if (err->code == -EINVAL || err->code == -ENOENT)
		return err_exit_default(err, PLOOP_EXIT_NOT_MOUNTED);
	return err_exit_default(err, PLOOP_EXIT_UMOUNT);
}

int cmd_umount(int argc, char **argv, struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	_cleanup_free_ char *found = NULL;
	const char *target = NULL, *dev = NULL;
	int c, r = 0;

	while ((c = getopt_long(argc, argv, ":d:m:", none, NULL)) != -1) {
		if (c == 'm')
			target = optarg;
		else if (c == 'd')
			dev = optarg;
		else
			return cmd_bad_option(err, argv, c);
	}
	if ((target != NULL) + (dev != NULL) + (argc - optind) != 1)
		return cmd_usage(err, "umount takes one of -m DIR, -d DEVICE, or an image");
	if (dev)
		r = by_device(dev, &found, err);
	else if (!target)
		r = by_image(argv[optind], &found, err);
	if (r == 0)
		r = ploop_umount(target ? target : found, err);
	return r < 0 ? umount_failed(err) : 0;
}
