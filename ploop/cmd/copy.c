/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "ploop.h"
#include "run.h"
#include "strv.h"

static const struct option options[] = {{"since", required_argument, NULL, 'S'},
					{NULL, 0, NULL, 0}};

struct copy {
	const char *source, *image;
	char **stop; /* words; owned */
	char since[PLOOP_GUID_BYTES], point[PLOOP_GUID_BYTES];
	int in, out, feedback;
};

static int failed(struct err *err)
{
	switch (-err->code) {
	case EPROTO:
	case EREMOTEIO:
		return err_exit_default(err, PLOOP_EXIT_PROTOCOL);
	case ECANCELED:
		return err_exit_default(err, PLOOP_EXIT_ABORT);
	case ESTALE:
		return err_exit_default(err, strstr(err->msg, " point ") ? PLOOP_EXIT_PARAM
									 : PLOOP_EXIT_DEVICE);
	case ENOTBLK:
	case EOPNOTSUPP:
		return err_exit_default(err, PLOOP_EXIT_DEVICE);
	case E2BIG:
	case EEXIST:
	case ELOOP:
		return err_exit_default(err, PLOOP_EXIT_PARAM);
	case ENOENT:
		return err_exit_default(err, strstr(err->msg, "not mounted")
						     ? PLOOP_EXIT_NOT_MOUNTED
					     : strstr(err->msg, "no point") ? PLOOP_EXIT_NO_SNAPSHOT
									    : PLOOP_EXIT_OPEN);
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EPIPE:
		return err_exit_default(err, PLOOP_EXIT_WRITE);
	default:
		return strstr(err->msg, "cannot read")	  ? err_exit_default(err, PLOOP_EXIT_READ)
		       : strstr(err->msg, "cannot write") ? err_exit_default(err, PLOOP_EXIT_WRITE)
							  : cmd_open_failed(err);
	}
}

/* What it says is for people: standard output may be the stream. */
static int run_stop(void *arg, struct err *err)
{
	const struct copy *c = arg;
	_cleanup_free_ char *out = NULL;
	const struct run_opts opts = {.ret_out = &out, .out_tail = true};
	int r = run_program((const char *const *)c->stop, &opts, err);

	if (out && *out)
		fputs(out, stderr);
	if (r < 0)
		return err_set(err, ECANCELED, "cannot run the stop command '%s'", c->stop[0]);
	return r ? err_set(err, ECANCELED, "the stop command '%s' failed: exit code %d", c->stop[0],
			   r)
		 : 0;
}

static int parse_fd(const char *s, int *ret, struct err *err)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || n > INT32_MAX || fcntl((int)n, F_GETFD) < 0)
		return err_exit(err, PLOOP_EXIT_PARAM, "'%s' is no open file descriptor", s);
	*ret = (int)n;
	return 0;
}

static int parse_stop(struct copy *c, const char *words, struct err *err)
{
	strv_free(c->stop);
	c->stop = NULL;
	if (strv_split(words, " \t\n", &c->stop) < 0)
		return err_errno(err, ENOMEM, "cannot read the stop command");
	return c->stop && c->stop[0] ? 0 : cmd_usage(err, "the stop command is empty");
}

static int parse_option(struct copy *c, int option, char **argv, struct err *err)
{
	switch (option) {
	case 's':
		c->source = optarg;
		return 0;
	case 'd':
		c->image = optarg;
		return 0;
	case 'F':
		return parse_stop(c, optarg, err);
	case 'i':
		return parse_fd(optarg, &c->in, err);
	case 'o':
		return parse_fd(optarg, &c->out, err);
	case 'f':
		return parse_fd(optarg, &c->feedback, err);
	case 'S':
		return cmd_parse_guid(optarg, c->since, err);
	case 'u':
		return cmd_parse_guid(optarg, c->point, err);
	default:
		return cmd_bad_option(err, argv, option);
	}
}

/* One of the three ways to use it. */
static int check_use(const struct copy *c, struct err *err)
{
	if (*c->since && !c->source)
		return cmd_usage(err, "--since goes with -s");
	if (*c->point && (!c->source || (!*c->since && c->out >= 0)))
		return cmd_usage(err, "-u goes with --since, or with -s and -d");
	if (c->source && c->image && c->in < 0 && c->out < 0 && c->feedback < 0)
		return 0;
	if (c->source && !c->image && c->in < 0 && c->out >= 0)
		return 0;
	if (!c->source && c->image && c->in >= 0 && c->out < 0 && !c->stop)
		return 0;
	return cmd_usage(err, "copy takes -s and -d, -s and -o, or -d and -i");
}

static int copy(struct copy *c, struct err *err)
{
	const struct ploop_copy_opts opts = {.stop = c->stop ? run_stop : NULL,
					     .stop_arg = c,
					     .since = *c->since ? c->since : NULL,
					     .point = *c->point ? c->point : NULL};
	struct ploop_copied done;
	int r;

	/* Who ends a pipe is told of in a sentence. */
	signal(SIGPIPE, SIG_IGN);
	if (!c->source)
		return ploop_copy_receive(c->image, c->in, c->feedback, err);
	if (c->out >= 0)
		r = ploop_copy_send(c->source, c->out, c->feedback, &opts, &done, err);
	else
		r = ploop_copy(c->source, c->image, &opts, &done, err);
	if (r == 0 && *c->since)
		fprintf(c->out >= 0 ? stderr : stdout,
			"%" PRIu64 " bytes were copied that were written since %s\n", done.bytes,
			c->since);
	else if (r == 0)
		fprintf(c->out >= 0 ? stderr : stdout,
			"%" PRIu64 " bytes were copied in %u passes, the disk stood still for "
			"%" PRIu64 " ms\n",
			done.bytes, done.passes, done.stopped_ns / 1000000);
	return r;
}

int cmd_copy(int argc, char **argv, struct err *err)
{
	struct copy c = {.in = -1, .out = -1, .feedback = -1};
	int option, r = 0;

	while (r == 0 && (option = getopt_long(argc, argv, ":s:d:i:o:f:F:u:", options, NULL)) != -1)
		r = parse_option(&c, option, argv, err);
	if (r == 0 && optind != argc)
		r = cmd_usage(err, "copy takes no '%s'", argv[optind]);
	if (r == 0)
		r = check_use(&c, err);
	if (r == 0 && copy(&c, err) < 0)
		r = failed(err);
	strv_free(c.stop);
	return r;
}
