/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_SUPERVISOR_H
#define VESPER_SUPERVISOR_H

#include <stdbool.h>

struct ct;
struct err;

/*
 * One small process a container (tools/supervisor): parent of its init, holder
 * of its console. It knows nothing of containers: what has to be done it lets
 * vzctl do ("jobs"), so an upgrade of the tools reaches containers that run.
 *
 *	vzctl start --> vz-supervisor --> vzctl --supervised start --> init
 *	      <- 3: up --  |  ^            |
 *	                   |  5: pidfd and console
 *	                   +--> vzctl --supervised ended   when init has ended,
 *	                        but by a stop that has done what there was to do
 *
 * Nothing depends on it: killed, it takes the console along and no more, and
 * the next command that works on the container starts another ("adopts").
 */

/* Descriptors that it and its jobs are started with. */
enum {
	SUPERVISOR_REPORT = 3,	/* supervisor to its starter: one byte, the first job went well */
	SUPERVISOR_LOCK = 4,	/* to the first job: the container's lock, held by the starter */
	SUPERVISOR_HANDOVER = 5 /* job to supervisor: pidfd of init and console; one byte back */
};

/* Files in RUNDIR/CTID: the one it keeps locked, the one that a stop does, the socket of its console. */
#define SUPERVISOR_FILE	   "supervisor"
#define SUPERVISOR_STOP	   "stop"
#define SUPERVISOR_CONSOLE "console"

/*
 * A message on the console's socket (SOCK_SEQPACKET): its kind, then the rest.
 * Only CONSOLE_DATA goes both ways.
 */
enum { CONSOLE_DATA = 'd', CONSOLE_SIZE = 'w' /* struct winsize */ };
#define CONSOLE_MESSAGE_MAX 4096

/* Does a supervisor hold @ct? */
bool supervisor_alive(const struct ct *ct);

/*
 * For who stops @ct, before its init ends: as long as the descriptor is open the
 * supervisor leaves what is to be tidied up to him. Negative when it cannot be told so,
 * which only costs a job that finds nothing to do.
 */
int supervisor_stop_begin(const struct ct *ct);

/*
 * Start a supervisor with the first job "vzctl @flags --supervised @job", and
 * wait until that is done. Messages are the job's. Returns the job's exit
 * status, or -errno when there was none. @flags and @job end with NULL; the
 * lock of @ct goes to the job if it is held.
 */
int supervisor_run(const struct ct *ct, const char *const *flags, const char *const *job,
		   struct err *err);

/* In a job: hand init and console over; waits until they are held. 0 or -errno. */
int supervisor_hand_over(int pidfd, int console);

/* In a job that adopts: make a new console in the running container; caller closes both. */
int supervisor_reopen(const struct ct *ct, int *ret_pidfd, int *ret_console, struct err *err);

#endif
