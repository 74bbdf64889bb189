/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vz-supervisor DIR CGROUP CTID VZCTL [FLAG...] -- JOB [ARG...]
 *
 * The process beside a container; tools/lib/supervisor.h says what for. It
 * starts with a job, "VZCTL FLAG... --supervised JOB CTID ARG...", which hands
 * it the container's init and console, and lives until init has ended and the
 * job "ended" has not handed it a new one. It links no library but libc, reads
 * no file, and believes nothing of what comes over the console.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "console.h"
#include "supervisor.h"

struct supervisor {
	const char *dir, *cgroup, *ctid;
	char **vzctl;  /* program and flags, NULL-terminated */
	int init;      /* pidfd; -1: none */
	time_t since;  /* when we got that */
	int claim;     /* DIR/supervisor, locked */
	int signals;   /* signalfd */
	int handover;  /* our end, while a job runs */
	pid_t job;     /* 0: none */
	bool reported; /* the starter has gone its way */
	int status;    /* of the last job */
	struct console console;
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static char **job_argv(const struct supervisor *s, char **job)
{
	size_t n = 0, m = 0;
	char **argv;

	while (s->vzctl[n])
		n++;
	while (job[m])
		m++;
	argv = calloc(n + m + 3, sizeof(*argv));
	if (!argv)
		return NULL;
	memcpy(argv, s->vzctl, n * sizeof(*argv));
	argv[n] = "--supervised";
	argv[n + 1] = job[0];
	argv[n + 2] = (char *)s->ctid;
	memcpy(argv + n + 3, job + 1, (m - 1) * sizeof(*argv));
	return argv;
}

/* Wait for whoever stops the container, if anybody does. Has he done all of it, to the record, which goes last? */
static bool is_stopped(const struct supervisor *s)
{
	struct stat st;
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/" SUPERVISOR_STOP, s->dir) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return false;
	while (fd >= 0 && flock(fd, LOCK_SH) < 0 && errno == EINTR)
		;
	return fstat(s->claim, &st) == 0 && st.st_nlink == 0;
}

/* Never returns. */
static void run_job(const struct supervisor *s, char **job, int sock)
{
	char **argv = job_argv(s, job);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (s->reported && is_stopped(s))
		_exit(0);
	if (sock == SUPERVISOR_HANDOVER)
		fcntl(sock, F_SETFD, 0);
	else
		dup2(sock, SUPERVISOR_HANDOVER);
	if (argv)
		execv(argv[0], argv);
	_exit(127);
}

static void start_job(struct supervisor *s, char **job)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		_exit(1);
	s->job = fork();
	if (s->job == 0)
		run_job(s, job, fds[1]);
	close(fds[1]);
	s->handover = fds[0];
	if (s->job < 0)
		_exit(1);
}

/* Out of the cgroup whose end would be ours: that of a login, of a unit. */
static void leave_cgroup(const struct supervisor *s)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", s->cgroup) >= (int)sizeof(path))
		return;
	mkdir(s->cgroup, 0755);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, "0", 1);
	close(fd);
}

/* The lock tells everybody that this container has its supervisor. */
static bool claim(struct supervisor *s)
{
	char path[4096];
	int fd;

	shut(&s->claim);
	if (snprintf(path, sizeof(path), "%s/" SUPERVISOR_FILE, s->dir) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !console_listen(&s->console, s->dir)) {
		close(fd);
		return false;
	}
	s->claim = fd;
	return true;
}

/* Two descriptors in one message: the pidfd of init, the master of its console. */
static bool receive(int sock, int fds[2])
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(2 * sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(2 * sizeof(int)))
		return false;
	memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
	return true;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void take_over(struct supervisor *s)
{
	int fds[2];

	if (!receive(s->handover, fds)) {
		/* The end of the job, which SIGCHLD tells as well. */
		shut(&s->handover);
		return;
	}
	shut(&s->init);
	s->init = fds[0];
	s->since = now();
	console_set(&s->console, fds[1]);
	/* Another one was quicker: it holds init, we go when the job has ended. */
	if (claim(s))
		leave_cgroup(s);
	else
		shut(&s->init);
	(void)!write(s->handover, "", 1);
}

/* The starter goes on; from now on nobody sees what we say. */
static void report(struct supervisor *s)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), i;

	for (i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	shut(&null);
	(void)!write(SUPERVISOR_REPORT, "", 1);
	close(SUPERVISOR_REPORT);
	close(SUPERVISOR_LOCK);
	s->reported = true;
}

static void reap(struct supervisor *s)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	(void)!read(s->signals, &si, sizeof(si));
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != s->job)
			continue;
		s->job = 0;
		s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (s->handover >= 0)
			take_over(s);
		shut(&s->handover);
		if (s->reported || s->init < 0)
			continue;
		/* A job that fails has undone what it handed over; a killed one has not. */
		if (WIFEXITED(status) && s->status)
			shut(&s->init);
		else
			report(s);
	}
}

static void ended(struct supervisor *s)
{
	char lived[24];
	char *job[] = {"ended", lived, NULL};

	snprintf(lived, sizeof(lived), "%lld", (long long)(now() - s->since));
	shut(&s->init);
	console_hang_up(&s->console);
	start_job(s, job);
}

enum { POLL_SIGNALS, POLL_HANDOVER, POLL_INIT, POLL_CONSOLE };

static void turn(struct supervisor *s)
{
	struct pollfd p[POLL_CONSOLE + CONSOLE_POLLS];

	p[POLL_SIGNALS] = (struct pollfd){.fd = s->signals, .events = POLLIN};
	p[POLL_HANDOVER] = (struct pollfd){.fd = s->handover, .events = POLLIN};
	p[POLL_INIT] = (struct pollfd){.fd = s->job ? -1 : s->init, .events = POLLIN};
	console_poll(&s->console, p + POLL_CONSOLE);
	if (poll(p, POLL_CONSOLE + CONSOLE_POLLS, -1) < 0)
		return;
	console_turn(&s->console, p + POLL_CONSOLE);
	if (p[POLL_HANDOVER].revents)
		take_over(s);
	if (p[POLL_SIGNALS].revents)
		reap(s);
	else if (p[POLL_INIT].revents)
		ended(s);
}

/* Out of the session; what happens to it is none of ours. */
static bool detach(struct supervisor *s)
{
	sigset_t set;

	setsid();
	/* What a job leaves behind is ours to reap: init is that. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Without a lock its place is taken all the same: report() closes it. */
	if (fcntl(SUPERVISOR_LOCK, F_GETFD) < 0)
		dup3(SUPERVISOR_REPORT, SUPERVISOR_LOCK, O_CLOEXEC);
	fcntl(SUPERVISOR_REPORT, F_SETFD, FD_CLOEXEC);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return s->signals >= 0 && chdir("/") == 0;
}

int main(int argc, char **argv)
{
	struct supervisor s = {.init = -1, .claim = -1, .handover = -1, .console = CONSOLE_INIT};
	int i;

	for (i = 4; i < argc && strcmp(argv[i], "--") != 0; i++)
		;
	if (i < 5 || i + 1 >= argc) {
		static const char text[] = "vz-supervisor is started by vzctl\n";

		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		return 2;
	}
	argv[i] = NULL;
	s.dir = argv[1];
	s.cgroup = argv[2];
	s.ctid = argv[3];
	s.vzctl = argv + 4;
	if (!detach(&s))
		return 127;
	start_job(&s, argv + i + 1);
	while (s.job || s.init >= 0)
		turn(&s);
	return s.status;
}
