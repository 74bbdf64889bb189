/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "cmd.h"
#include "err.h"
#include "ploop.h"

static const struct option options[] = {
	{"ro", no_argument, NULL, 'r'},
	{"silent", no_argument, NULL, 's'},
	{"check", no_argument, NULL, 'c'},
	{"force", no_argument, NULL, 'f'},
	{"hard-force", no_argument, NULL, 'F'},
	{"drop-inuse", no_argument, NULL, 'd'},
	{"repair-sparse", no_argument, NULL, 'S'},
	{"raw", no_argument, NULL, 'R'},
	{NULL, 0, NULL, 0},
};

static void print_finding(void *arg, const char *sentence)
{
	(void)arg;
	printf("%s\n", sentence);
}

struct wish {
	bool silent, read_only, drop;
};

static int parse_option(int c, struct wish *w, char **argv, struct err *err)
{
	switch (c) {
	case 'r':
		w->read_only = true;
		return 0;
	case 'c':
	case 'f':
		return 0;
	case 's':
		w->silent = true;
		return 0;
	case 'd':
	case 'S':
		w->drop = true;
		return 0;
	case 'F':
		return err_exit(err, PLOOP_EXIT_PARAM,
				"the option '-%c' repairs, which is not supported yet", c);
	case 'R':
	case 'b':
		return err_exit(err, PLOOP_EXIT_PARAM, "the option '-%c' is not supported: %s", c,
				"the format is found out");
	default:
		return cmd_bad_option(err, argv, c);
	}
}

int cmd_check(int argc, char **argv, struct err *err)
{
	struct wish w = {.silent = false};
	unsigned int findings = 0;
	int c, r;

	while ((c = getopt_long(argc, argv, ":rcsfFdSRb:", options, NULL)) != -1) {
		r = parse_option(c, &w, argv, err);
		if (r < 0)
			return r;
	}
	if (argc - optind != 1)
		return cmd_usage(err, "check takes one image");
	if (w.drop && w.read_only)
		return cmd_usage(err, "-d and -S change the image, and -r forbids it");
	r = w.drop ? ploop_drop_in_use(argv[optind], err) : 0;
	if (r == 0)
		r = ploop_check(argv[optind], print_finding, NULL, &findings, err);
	if (r < 0)
		return cmd_open_failed(err);
	if (findings)
		return err_exit(err, PLOOP_EXIT_FORMAT, "'%s' has %u error%s", argv[optind],
				findings, findings == 1 ? "" : "s");
	if (!w.silent)
		printf("%s: no errors\n", argv[optind]);
	return 0;
}
