/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the supervisor of a container has vzctl do. Nobody sees what is
 * printed here: what went wrong goes to the system's log, and to vzctl's own.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "lifecycle.h"
#include "log.h"
#include "state.h"
#include "supervisor.h"

/* A container that reboots as soon as it is up starts again no more often than this. */
#define REBOOT_PAUSE_SEC 5

static void tell(const struct ctx *ctx, int priority, const char *what, const char *more)
{
	openlog("vzctl", LOG_PID, LOG_DAEMON);
	syslog(priority, "container %s: %s%s%s", ctx->ct->idstr, what, more ? ": " : "",
	       more ? more : "");
	closelog();
	log_record("%s%s%s", what, more ? ": " : "", more ? more : "");
}

int cmd_ended(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	const struct lifecycle_opts opts = {.supervised = true, .note = cmd_note};
	long lived = argc > 1 ? strtol(argv[1], NULL, 10) : 0; /* seconds */
	bool again;
	int r = ct_ended(ctx->ct, &again, err);

	if (r == 0 && again) {
		tell(ctx, LOG_INFO, "it reboots", NULL);
		if (lived >= 0 && lived < REBOOT_PAUSE_SEC)
			sleep(REBOOT_PAUSE_SEC - lived);
		r = ct_start(ctx->ct, &opts, err);
	}
	if (r < 0)
		tell(ctx, LOG_ERR, "cannot tidy up after it or start it again", err->msg);
	return r;
}

/* Under the lock, so that of two that come at once one finds it done. */
int cmd_adopt(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	_cleanup_close_ int pidfd = -EBADF, console = -EBADF;
	int r = ct_lock(ctx->ct, err);

	(void)argc;
	(void)argv;
	if (r < 0 || supervisor_alive(ctx->ct))
		return r;
	r = supervisor_reopen(ctx->ct, &pidfd, &console, err);
	if (r == 0)
		r = supervisor_hand_over(pidfd, console);
	if (r == 0)
		tell(ctx, LOG_NOTICE, "its supervisor was gone, it has another", NULL);
	else
		tell(ctx, LOG_ERR, "it has no supervisor", err->msg);
	return r;
}

void cmd_adopt_if_alone(struct ctx *ctx)
{
	static const char *const job[] = {"adopt", NULL};
	struct ct_status st;

	if (supervisor_alive(ctx->ct) || state_status(ctx->ct, &st, NULL) < 0 || !st.running)
		return;
	supervisor_run(ctx->ct, ctx->flags, job, NULL);
}
