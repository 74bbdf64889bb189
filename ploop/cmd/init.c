/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <uuid/uuid.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "ploop.h"
#include "size.h"
#include "strv.h"

enum { OPT_TAR = 256, OPT_UUID, OPT_TIME, OPT_SYNC };

static const struct option options[] = {
	{"tar", required_argument, NULL, OPT_TAR},
	{"uuid", required_argument, NULL, OPT_UUID},
	{"time", required_argument, NULL, OPT_TIME},
	{"sync", no_argument, NULL, OPT_SYNC},
	{NULL, 0, NULL, 0},
};

static int parse_number(const char *s, uint64_t max, const char *what, uint64_t *ret,
			struct err *err)
{
	char *end;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || errno || *ret > max)
		return cmd_usage(err, "'%s' is no %s", s, what);
	return 0;
}

static int parse_format(const char *s, struct ploop_create_opts *o, struct err *err)
{
	return cmd_parse_format(s, &o->format) ? 0 : cmd_usage(err, "unknown format '%s'", s);
}

static int parse_blocks(int c, const char *s, struct ploop_create_opts *o, struct err *err)
{
	uint64_t n;
	int r = parse_number(s, 1u << 20, "block size", &n, err);

	if (r < 0)
		return r;
	if (c == 'b')
		o->cluster_bytes = (uint32_t)n * 512;
	if (c == 'b' && (n < 64 || n > 32768 || (n & (n - 1))))
		return cmd_usage(
			err, "'%s' is no cluster size: a power of two from 64 to 32768 sectors", s);
	if (c == 'B' && n != 4096)
		return err_exit(err, PLOOP_EXIT_PARAM,
				"file system blocks of %s bytes are not supported yet, only 4096",
				s);
	return 0;
}

/* Options that OpenVZ's ploop has: taken where we do what they say, refused by name where not. */
static int parse_legacy(int c, const char *s, struct err *err)
{
	switch (c) {
	case 't':
		if (strcmp(s, "ext4") == 0)
			return 0;
		return err_exit(err, PLOOP_EXIT_PARAM,
				"the file system '%s' is not supported, only ext4", s);
	case 'T':
		if (strcmp(s, "ploop") == 0)
			return 0;
		return err_exit(err, PLOOP_EXIT_PARAM,
				"the image type '%s' is not supported, only ploop", s);
	case 'k':
		return err_exit(err, PLOOP_EXIT_PARAM, "encryption (-k) is not supported yet");
	default:
		return err_exit(err, PLOOP_EXIT_PARAM, "the option '-%c' is not supported yet", c);
	}
}

static int parse_option(int c, struct ploop_create_opts *o, uint8_t uuid[16], char ***tars,
			char **argv, struct err *err)
{
	uint64_t n;
	int r;

	switch (c) {
	case 's':
		if (size_parse(optarg, 1024, &o->size_bytes) < 0 || o->size_bytes == SIZE_UNLIMITED)
			return cmd_usage(err, "'%s' is no size", optarg);
		return 0;
	case 'f':
		return parse_format(optarg, o, err);
	case 'v':
		return cmd_parse_version(optarg, &o->version, err);
	case 'b':
	case 'B':
		return parse_blocks(c, optarg, o, err);
	case 'L':
		o->label = optarg;
		return 0;
	case OPT_TAR:
		return strv_add(tars, optarg) < 0 ? err_errno(err, ENOMEM, "cannot start") : 0;
	case OPT_UUID:
		if (uuid_parse(optarg, uuid) < 0)
			return cmd_usage(err, "'%s' is no UUID", optarg);
		o->uuid = uuid;
		return 0;
	case OPT_TIME:
		r = parse_number(optarg, UINT32_MAX, "time in seconds", &n, err);
		o->now = (time_t)n;
		return r < 0 ? r : n ? 0 : cmd_usage(err, "'0' is no time in seconds");
	case OPT_SYNC:
		o->sync = true;
		return 0;
	case '?':
	case ':':
		return cmd_bad_option(err, argv, c);
	default:
		return parse_legacy(c, optarg, err);
	}
}

/* FILE names the image; its directory holds the descriptor and is made when it is missing. */
static int create(const char *file, struct ploop_create_opts *o, struct err *err)
{
	const char *slash = strrchr(file, '/');
	_cleanup_free_ char *dir = NULL;
	struct stat st;
	int r;

	o->image_name = slash ? slash + 1 : file;
	dir = slash ? strndup(file, slash == file ? 1 : (size_t)(slash - file)) : strdup(".");
	if (!dir)
		return err_errno(err, ENOMEM, "cannot start");
	if (!*o->image_name)
		return cmd_usage(err, "'%s' names a directory and no image file", file);
	if (stat(file, &st) == 0)
		return err_exit(err, PLOOP_EXIT_CREATE, "'%s' exists already", file);
	o->in_place = stat(dir, &st) == 0;
	r = ploop_create(dir, o, err);
	if (r < 0 && strstr(err->msg, "cannot preallocate"))
		return err_exit_default(err, PLOOP_EXIT_FALLOCATE);
	return r < 0 ? err_exit_default(err, PLOOP_EXIT_CREATE) : 0;
}

int cmd_init(int argc, char **argv, struct err *err)
{
	struct ploop_create_opts o = {.format = PLOOP_FORMAT_EXPANDED};
	_cleanup_strv_ char **tars = NULL;
	uint8_t uuid[16];
	int c, r;

	while ((c = getopt_long(argc, argv, ":s:f:v:t:T:b:B:L:nk:", options, NULL)) != -1) {
		r = parse_option(c, &o, uuid, &tars, argv, err);
		if (r < 0)
			return r;
	}
	if (argc - optind != 1)
		return cmd_usage(err, "init takes one image file");
	if (!o.size_bytes)
		return cmd_usage(err, "init needs a size (-s)");
	o.tars = (const char *const *)tars;
	return create(argv[optind], &o, err);
}
