/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "path.h"
#include "ploop.h"

static int check_format(const char *dir, const char *image, const char *want, struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, image);
	enum ploop_format format;
	struct ploop_disk *disk;
	bool raw;

	if (!cmd_parse_format(want, &format))
		return cmd_usage(err, "unknown format '%s'", want);
	if (!path)
		return err_errno(err, ENOMEM, "cannot open '%s'", image);
	if (ploop_open(path, &disk, err) < 0)
		return cmd_open_failed(err);
	raw = ploop_disk_format(disk) == PLOOP_FORMAT_RAW;
	ploop_close(disk);
	return raw == (format == PLOOP_FORMAT_RAW)
		       ? 0
		       : err_exit(err, PLOOP_EXIT_PARAM, "'%s' is not of the format %s", image,
				  want);
}

static int parse_sectors(const char *s, uint32_t *ret_bytes, struct err *err)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || n < 64 || n > 32768 || (n & (n - 1)))
		return cmd_usage(
			err, "'%s' is no cluster size: a power of two from 64 to 32768 sectors", s);
	*ret_bytes = (uint32_t)n * 512;
	return 0;
}

int cmd_restore_descriptor(int argc, char **argv, struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	const char *format = NULL;
	uint32_t cluster_bytes = 0;
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, ":f:b:", none, NULL)) != -1) {
		if (c == 'f')
			format = optarg;
		else
			r = c == 'b' ? parse_sectors(optarg, &cluster_bytes, err)
				     : cmd_bad_option(err, argv, c);
	}
	if (r == 0 && argc - optind != 2)
		r = cmd_usage(err, "restore-descriptor takes a directory and an image in it");
	if (r == 0 && format)
		r = check_format(argv[optind], argv[optind + 1], format, err);
	if (r < 0)
		return r;
	r = ploop_restore_descriptor(argv[optind], argv[optind + 1], cluster_bytes, err);
	if (r == -EEXIST)
		return err_exit_default(err, PLOOP_EXIT_PARAM);
	return r < 0 ? cmd_open_failed(err) : 0;
}
