/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "err.h"
#include "ploop.h"

/* What OpenVZ did with a hidden file in the file system of each container. */
static const char *const refused[] = {"show",	  "status", "clear", "change",
				      "complete", "check",  "repair"};

static const struct option options[] = {
	{"automount", no_argument, NULL, 'A'},
	{"to-free", required_argument, NULL, 'f'},
	{"min-block", required_argument, NULL, 'b'},
	{"defrag", no_argument, NULL, 'g'},
	{NULL, 0, NULL, 0},
};

static int failed(struct err *err)
{
	return err->code == -EOPNOTSUPP ? err_exit_default(err, PLOOP_EXIT_DEVICE_IOCTL)
					: cmd_open_failed(err);
}

/* What lies free in the file system is known only while it is mounted. */
static int discard_mounted(const char *path, uint64_t *freed, struct err *err)
{
	const struct ploop_mount_opts opts = {.fsck = true};
	char dir[] = "/tmp/ploop.XXXXXX";
	struct err why = ERR_INIT;
	struct ploop_disk *disk;
	dev_t dev;
	int r = ploop_open(path, &disk, err);

	if (r < 0)
		return cmd_open_failed(err);
	if (!mkdtemp(dir)) {
		r = err_errno(err, errno, "cannot make '%s'", dir);
		ploop_close(disk);
		return r;
	}
	r = ploop_mount(disk, dir, &opts, &dev, err);
	ploop_close(disk);
	if (r == 0) {
		r = ploop_compact(path, freed, err);
		if (ploop_umount(dir, r < 0 ? &why : err) < 0 && r == 0)
			r = err_exit_default(err, PLOOP_EXIT_UMOUNT);
	} else {
		err_exit_default(err, PLOOP_EXIT_MOUNT);
	}
	rmdir(dir);
	return r;
}

static bool is_mounted(const char *path)
{
	struct err why = ERR_INIT;
	struct ploop_disk *disk;
	char *target = NULL;
	bool mounted;

	if (ploop_open(path, &disk, &why) < 0)
		return false;
	mounted = ploop_mount_point(disk, 0, &target, &why) == 0;
	free(target);
	ploop_close(disk);
	return mounted;
}

static int discard(const char *path, bool automount, struct err *err)
{
	uint64_t freed = 0;
	int r;

	if (automount && !is_mounted(path))
		r = discard_mounted(path, &freed, err);
	else
		r = ploop_compact(path, &freed, err) < 0 ? failed(err) : 0;
	if (r == 0)
		printf("%" PRIu64 " bytes were given back\n", freed);
	return r;
}

int cmd_balloon(int argc, char **argv, struct err *err)
{
	bool automount = false;
	size_t i;
	int c;

	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'A')
			automount = true;
		else if (c == 'f' || c == 'b' || c == 'g')
			return err_exit(err, PLOOP_EXIT_PARAM, "the option '%s' is not supported",
					c == 'f'   ? "--to-free"
					: c == 'b' ? "--min-block"
						   : "--defrag");
		else
			return cmd_bad_option(err, argv, c);
	}
	if (argc - optind != 2)
		return cmd_usage(err, "balloon takes 'discard' and one image");
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(argv[optind], refused[i]) == 0)
			return err_exit(err, PLOOP_EXIT_PARAM,
					"'balloon %s' is not supported: there is no balloon here",
					refused[i]);
	if (strcmp(argv[optind], "discard") != 0)
		return cmd_usage(err, "unknown command 'balloon %s'", argv[optind]);
	return discard(argv[optind + 1], automount, err);
}
