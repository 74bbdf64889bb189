/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "ploop.h"

static int failed(struct err *err)
{
	switch (-err->code) {
	case EBUSY:
	case ENOENT:
	case EUCLEAN:
	case EOPNOTSUPP:
		break;
	case EINVAL:
		if (strstr(err->msg, "no format version"))
			return err_exit_default(err, PLOOP_EXIT_PARAM);
		break;
	case EFBIG:
		return err_exit_default(err, PLOOP_EXIT_PARAM);
	default:
		return err_exit_default(err, strstr(err->msg, "cannot read") ? PLOOP_EXIT_READ
									     : PLOOP_EXIT_WRITE);
	}
	return cmd_open_failed(err);
}

int cmd_convert(int argc, char **argv, struct err *err)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	enum ploop_format format = PLOOP_FORMAT_EXPANDED;
	unsigned int version = 0;
	bool formatted = false;
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, ":f:v:", none, NULL)) != -1) {
		if (c == 'f') {
			formatted = cmd_parse_format(optarg, &format);
			r = formatted ? 0 : cmd_usage(err, "unknown format '%s'", optarg);
		} else {
			r = c == 'v' ? cmd_parse_version(optarg, &version, err)
				     : cmd_bad_option(err, argv, c);
		}
	}
	if (r == 0 && formatted == (version != 0))
		r = cmd_usage(err, "convert takes one of -f FORMAT and -v VERSION");
	if (r == 0 && argc - optind != 1)
		r = cmd_usage(err, "convert takes one image directory");
	if (r < 0)
		return r;
	r = version ? ploop_convert_version(argv[optind], version, err)
		    : ploop_convert(argv[optind], format, err);
	if (r < 0 && strstr(err->msg, "cannot preallocate"))
		return err_exit_default(err, PLOOP_EXIT_FALLOCATE);
	return r < 0 ? failed(err) : 0;
}
