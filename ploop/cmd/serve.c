/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "ploop.h"

static const struct option options[] = {
	{"once", no_argument, NULL, '1'},
	{NULL, 0, NULL, 0},
};

/* Only its owner may connect, from the first moment on. */
static int listen_at(const char *path, struct err *err)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (fd < 0)
		return err_errno(err, errno, "cannot make a socket");
	if (strlen(path) >= sizeof(a.sun_path))
		return err_exit(err, PLOOP_EXIT_PARAM, "'%s' is too long for a socket", path);
	strcpy(a.sun_path, path);
	umask(0177);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0)
		return err_errno(err, errno, "cannot listen at '%s'", path);
	return steal_fd(&fd);
}

/* Readable when somebody ends us: the image is to be closed then. */
static int signals(struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(err, errno, "cannot wait for signals");
	return fd;
}

static int serve(const char *path, const char *at, struct ploop_serve_opts *opts, struct err *err)
{
	_cleanup_close_ int stop = signals(err), fd = -EBADF;
	int r;

	if (stop < 0)
		return stop;
	fd = listen_at(at, err);
	if (fd < 0)
		return err_exit_default(err, PLOOP_EXIT_CREATE);
	opts->stop = stop;
	r = ploop_serve(path, fd, opts, err);
	unlink(at);
	return r < 0 ? cmd_open_failed(err) : 0;
}

int cmd_serve(int argc, char **argv, struct err *err)
{
	struct ploop_serve_opts opts = {.stop = -1};
	const char *at = NULL;
	int c;

	while ((c = getopt_long(argc, argv, ":U:r", options, NULL)) != -1) {
		if (c == 'U')
			at = optarg;
		else if (c == 'r')
			opts.read_only = true;
		else if (c == '1')
			opts.once = true;
		else
			return cmd_bad_option(err, argv, c);
	}
	if (!at)
		return cmd_usage(err, "serve needs a socket (-U)");
	if (argc - optind != 1)
		return cmd_usage(err, "serve takes one image");
	return serve(argv[optind], at, &opts, err);
}
