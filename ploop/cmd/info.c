/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "ploop.h"

static int print_size(struct ploop_disk *disk, struct err *err)
{
	uint64_t offset, length;
	int r = ploop_partition(disk, &offset, &length, err);

	if (r < 0)
		return err_exit_default(err, PLOOP_EXIT_GPT);
	printf("size:            %" PRIu64 "\n", ploop_size_bytes(disk));
	if (ploop_pending_bytes(disk))
		printf("pending_size:    %" PRIu64 "\n", ploop_pending_bytes(disk));
	printf("blocksize:       %" PRIu32 "\n", ploop_cluster_bytes(disk) / 512);
	printf("fmt_version:     %u\n", ploop_version(disk));
	printf("format:          %s\n", cmd_format_name(ploop_disk_format(disk)));
	printf("image:           %s\n", ploop_top_image(disk));
	printf("partition:       %" PRIu64 " %" PRIu64 "\n", offset, length);
	return 0;
}

static int print_device(struct ploop_disk *disk, struct err *err)
{
	_cleanup_free_ char *target = NULL;
	int r = ploop_mount_point(disk, 0, &target, err);

	if (r == -ENOENT) {
		err_clear(err);
		printf("mounted:         no\n");
		return 0;
	}
	if (r < 0)
		return r;
	printf("mounted:         %s\n", target);
	return 0;
}

int cmd_info(int argc, char **argv, struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	bool size = false, device = false;
	struct ploop_disk *disk;
	int c, r;

	while ((c = getopt_long(argc, argv, ":sd", none, NULL)) != -1) {
		if (c == 's')
			size = true;
		else if (c == 'd')
			device = true;
		else
			return cmd_bad_option(err, argv, c);
	}
	if (argc - optind != 1)
		return cmd_usage(err, "info takes one image");
	r = ploop_open(argv[optind], &disk, err);
	if (r < 0)
		return cmd_open_failed(err);
	if (size || !device)
		r = print_size(disk, err);
	if (r == 0 && (device || !size))
		r = print_device(disk, err);
	ploop_close(disk);
	return r;
}
