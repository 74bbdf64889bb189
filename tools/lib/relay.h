/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_RELAY_H
#define VESPER_RELAY_H

#include <stdint.h>

#include <errno.h>
#include <sys/types.h>

struct err;

/*
 * Carries bytes between our standard descriptors and a process in a container,
 * which never gets one of them: a terminal of the host in its hands could be
 * typed into, a directory walked.
 */
struct relay {
	int in;		/* we write our standard input to it */
	int out, err;	/* we read its output from them; -EBADF: none */
	int pty;	/* instead of the three: the master of its terminal */
	int pidfd;	/* of the process */
	pid_t pid;	/* our child, leader of a session; reaped by relay_run() */
	int64_t end_ms; /* CLOCK_MONOTONIC: it has time until then; 0: for ever */
};

#define RELAY_INIT                                           \
	{                                                    \
		-EBADF, -EBADF, -EBADF, -EBADF, -EBADF, 0, 0 \
	}

/*
 * Block the signals that relay_run() handles, before the process is made:
 * a descriptor that tells them (signalfd), or -errno. Caller closes.
 */
int relay_block_signals(void);

/*
 * Run until the process has ended and what it wrote is out, however slow who
 * reads it. What it left running may hold its output open: that is not waited for.
 * A signal that would end us goes to the process and those of its group, the second
 * time as SIGKILL; on a terminal, as when that is gone, all of its session get SIGHUP.
 * @signals: of relay_block_signals(). *ret_status: as waitpid() tells it; the
 * process is reaped at once, as a container does not stop before that; but
 * when its time is over (-ETIMEDOUT) it is left to the caller to end and to reap.
 */
int relay_run(struct relay *r, int signals, int *ret_status, struct err *err);

void relay_close(struct relay *r);

#endif
