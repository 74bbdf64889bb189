/* SPDX-License-Identifier: GPL-2.0-or-later */
/* runscript: a script of the host for the shell of a container. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "feed.h"
#include "state.h"

static int open_script(const char *name, struct err *err)
{
	_cleanup_close_ int fd = strcmp(name, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
							: open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_errno(err, errno, "cannot open '%s'", name);
		return err_exit_default(err, VZ_BAD_VALUE);
	}
	if (S_ISDIR(st.st_mode))
		return err_exit(err, VZ_BAD_VALUE, "'%s' is a directory", name);
	return steal_fd(&fd);
}

int cmd_runscript(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	char *start[] = {(char *)"start", NULL}, *stop[] = {(char *)"stop", NULL};
	_cleanup_close_ int script = -EBADF;
	struct ct_status st;
	int status = 0, stopped, r;

	if (argc != 2)
		return err_exit(err, VZ_BAD_OPTION, "%s: one script is expected", argv[0]);
	script = open_script(argv[1], err);
	r = script < 0 ? script : ct_require(ctx->ct, err);
	if (r == 0)
		r = state_status(ctx->ct, &st, err);
	/* The lock is held from before the start to the end of the stop. */
	if (r == 0 && !st.running)
		r = cmd_lock(ctx, err);
	if (r == 0 && !st.running)
		r = cmd_start(ctx, 1, start, err);
	/* The start itself has said why. */
	if (r)
		return r;
	r = feed_shell(ctx->ct, script, 0, &status, err);
	if (r < 0)
		err_exit_default(err, VZ_COMMAND);
	stopped = st.running ? 0 : cmd_stop(ctx, 1, stop, r < 0 ? NULL : err);
	if (r < 0 || stopped < 0)
		return r < 0 ? r : stopped;
	return status;
}
