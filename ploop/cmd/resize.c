/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd.h"
#include "err.h"
#include "ploop.h"
#include "size.h"

static int failed(struct err *err)
{
	switch (-err->code) {
	case EOPNOTSUPP:
		return err_exit_default(err, PLOOP_EXIT_DEVICE);
	case EUCLEAN:
		return err_exit_default(err, PLOOP_EXIT_FSCK);
	case ENOENT:
	case EBUSY:
	case EINVAL:
		return cmd_open_failed(err);
	default:
		return err_exit_default(err, PLOOP_EXIT_RESIZE);
	}
}

static void say_pending(const char *path)
{
	struct ploop_disk *disk;

	if (ploop_open(path, &disk, NULL) < 0)
		return;
	if (ploop_pending_bytes(disk))
		printf("%s is mounted: no more of it is used than fits into %" PRIu64
		       " bytes, and it gets that small when it is unmounted\n",
		       path, ploop_pending_bytes(disk));
	ploop_close(disk);
}

int cmd_resize(int argc, char **argv, struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	uint64_t bytes = 0;
	int c;

	while ((c = getopt_long(argc, argv, ":s:", none, NULL)) != -1) {
		if (c != 's')
			return cmd_bad_option(err, argv, c);
		if (size_parse(optarg, 1024, &bytes) < 0 || !bytes || bytes == SIZE_UNLIMITED)
			return err_exit(err, PLOOP_EXIT_PARAM, "'%s' is not a size", optarg);
	}
	if (!bytes)
		return cmd_usage(err, "resize needs a size (-s)");
	if (argc - optind != 1)
		return cmd_usage(err, "resize takes one image directory");
	if (ploop_resize(argv[optind], bytes, err) < 0)
		return failed(err);
	say_pending(argv[optind]);
	return 0;
}
