/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_EXEC_H
#define VESPER_EXEC_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct ct;
struct err;

/*
 * A program inside a running container: born in a leaf of its own below the
 * container's cgroup, then in its namespaces, with its ids, and with no
 * descriptor of the host but pipes or a terminal of the container's own.
 */
struct exec_opts {
	const char *command; /* for the container's bash or sh, "-c" */
	char *const *argv;   /* or: a program and its arguments, no shell */
	/* or neither: a login shell, of which exec_open() makes one that reads its input */
	const char *const *env; /* "KEY=value" besides what every one has; NULL: none */
	bool tty;		/* on a terminal of its own */
	bool quiet;		/* nothing in, nothing out: all is /dev/null */
	int timeout_sec;	/* past it all in the leaf is killed; 0: never. Not with quiet */
};

/*
 * *ret_status: the exit status, 128 + signal when it was killed. Exit code 31
 * when the container does not run, 8 when the program could not be run.
 * -ETIMEDOUT: it took too long and was killed.
 */
int exec_run(const struct ct *ct, const struct exec_opts *opts, int *ret_status, struct err *err);

/*
 * The same, with pipes to it that the caller reads and writes: nothing waits for it
 * but exec_close(). Until then signals that would end us, and SIGPIPE, do not; they are
 * told by @signals (signalfd). Whoever ends without exec_close() sends it SIGTERM.
 */
struct exec_pipes {
	int in;	      /* what it reads: closed by the caller, or by exec_close() */
	int out, err; /* what it writes; they do not block */
	int pidfd;    /* its own, readable when it has ended */
	int signals;
	pid_t pid;     /* our child, leader of a process group */
	char *leaf;    /* its cgroup, and that of all that it starts */
	sigset_t mask; /* of before, as the next */
	struct sigaction sigpipe;
};

int exec_open(const struct ct *ct, const struct exec_opts *opts, struct exec_pipes *ret_pipes,
	      struct err *err);

/*
 * Past @wait_ms after the end of its input all in the leaf is killed. What it left
 * running when it ended by itself stays. Returns its status as exec_run().
 */
int exec_close(struct exec_pipes *pipes, int wait_ms);

/*
 * The init of a running container, as a pidfd: surely the one that the record
 * names, and no other that has its number now. Exit code 31.
 */
int exec_open_init(const struct ct *ct, struct err *err);

#endif
