/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three processes:
 *
 *	vzctl ----fork---- middle ----clone3(CLONE_PARENT)---- init
 *	  |  <-- pid -------- |  private mounts, time namespace
 *	  |  id maps          exits
 *	  |  -- go ------------------------------------------>  own ids, root
 *	  |  <-- ready ---------------------------------------
 *	  |  network, ve.state "start PID"
 *	  |  -- go ------------------------------------------>  execve
 *	  |  <-- end of file (close-on-exec), or why not -----
 *
 * The middle exists because a time namespace is entered by children only and
 * because mounts get locked where a user namespace is crossed. init is vzctl's
 * child, so that no process id is ever guessed; when vzctl dies half way, init
 * reads the end of the file and goes too.
 *
 * CLONE_NEWCGROUP is not among the flags: it would root the namespace at the
 * cgroup of the caller. init unshares it when it is inside.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bindmount.h"
#include "cleanup.h"
#include "confine.h"
#include "err.h"
#include "exitcode.h"
#include "idmap.h"
#include "io.h"
#include "mounts.h"
#include "pty.h"
#include "report.h"

#define NSEC_PER_SEC 1000000000L

/* The container's clocks start at zero: offset = -now, written as seconds and a positive rest. */
static int set_clock_offset(clockid_t clock, const char *name, struct err *err)
{
	struct timespec now;
	long long sec;
	char line[80];
	long nsec;
	int r;

	clock_gettime(clock, &now);
	sec = -(long long)now.tv_sec - (now.tv_nsec > 0);
	nsec = now.tv_nsec > 0 ? NSEC_PER_SEC - now.tv_nsec : 0;
	snprintf(line, sizeof(line), "%s %lld %ld\n", name, sec, nsec);
	r = io_write_value(AT_FDCWD, "/proc/self/timens_offsets", line);
	return r < 0 ? err_errno(err, r, "cannot set the container's %s clock", name) : 0;
}

static int make_time_namespace(struct err *err)
{
	int r;

	if (unshare(CLONE_NEWTIME) < 0)
		return err_errno(err, errno, "cannot make a time namespace");
	r = set_clock_offset(CLOCK_MONOTONIC, "monotonic", err);
	return r < 0 ? r : set_clock_offset(CLOCK_BOOTTIME, "boottime", err);
}

/* A caller with real-time priority, or pinned to one processor, gives neither away. */
static void reset_scheduling(void)
{
	static const struct sched_param normal;
	cpu_set_t all[8]; /* 8192 processors, the most that Linux is built for */

	memset(all, 0xff, sizeof(all));
	sched_setscheduler(0, SCHED_OTHER, &normal);
	setpriority(PRIO_PROCESS, 0, 0);
	sched_setaffinity(0, sizeof(all), all);
	syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 0 /* IOPRIO_CLASS_NONE */);
	syscall(SYS_set_mempolicy, 0 /* MPOL_DEFAULT */, NULL, 0);
}

void spawn_reset_limits(void)
{
	static const struct {
		int resource;
		rlim_t soft, hard;
	} limits[] = {
		/* fs.nr_open, which podman asks for: nobody inside can raise it. */
		{RLIMIT_NOFILE, 1024, 1048576},
		{RLIMIT_CORE, 0, RLIM_INFINITY},
		{RLIMIT_STACK, 8 << 20, RLIM_INFINITY},
		{RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY},
		{RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY},
		{RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY},
		{RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY},
		{RLIMIT_RSS, RLIM_INFINITY, RLIM_INFINITY},
		{RLIMIT_LOCKS, RLIM_INFINITY, RLIM_INFINITY},
		{RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY},
		{RLIMIT_MEMLOCK, 8 << 20, 8 << 20},
		{RLIMIT_NICE, 0, 0},
		{RLIMIT_RTPRIO, 0, 0},
	};
	static const int of_init[] = {RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE};
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit rl = {limits[i].soft, limits[i].hard};

		setrlimit(limits[i].resource, &rl);
	}
	/* These have no value for everybody: what the host's own init has. */
	for (i = 0; i < sizeof(of_init) / sizeof(of_init[0]); i++) {
		struct rlimit rl;

		if (prlimit(1, of_init[i], NULL, &rl) == 0)
			setrlimit(of_init[i], &rl);
	}
	reset_scheduling();
	io_write_value(AT_FDCWD, "/proc/self/oom_score_adj", "0");
}

void spawn_reset_process(void)
{
	sigset_t none;
	int sig;

	for (sig = 1; sig < _NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	/* Possession of the caller's session keyring would be inherited otherwise. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}

static int become_root(struct err *err)
{
	if (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0)
		return err_errno(err, errno, "cannot become the container's root");
	return 0;
}

static int enter_container(const struct spawn_opts *opts, struct err *err)
{
	int r = become_root(err);

	if (r < 0)
		return r;
	if (setsid() < 0 && errno != EPERM)
		return err_errno(err, errno, "cannot make a session");
	if (unshare(CLONE_NEWCGROUP) < 0)
		return err_errno(err, errno, "cannot make a cgroup namespace");
	r = mounts_enter(err);
	if (r < 0)
		return r;
	if (sethostname(opts->hostname, strlen(opts->hostname)) < 0)
		return err_errno(err, errno, "cannot set the host name '%s'", opts->hostname);
	return 0;
}

/* The container's console as 0, 1, 2, as the kernel gives it to an init; its master for the host. */
static int open_console(int *ret_master, struct err *err)
{
	_cleanup_close_ int slave = -EBADF;
	int i, r = pty_open(ret_master, &slave, err);

	if (r == 0)
		r = pty_make_console(slave, err);
	for (i = 0; r == 0 && i < 3; i++)
		if (dup2(slave, i) < 0)
			r = err_errno(err, errno, "cannot redirect descriptor %d", i);
	return r;
}

/* Nothing of the host stays but @sock, as 3. */
static int close_descriptors(int *sock, struct err *err)
{
	if (*sock != 3 && dup3(*sock, 3, O_CLOEXEC) < 0)
		return err_errno(err, errno, "cannot move a descriptor");
	*sock = 3;
	if (syscall(SYS_close_range, 4U, ~0U, 0) < 0)
		return err_errno(err, errno, "cannot close descriptors");
	return 0;
}

static int exec_init(bool vzmarker, struct err *err)
{
	static const char *const paths[] = {"/sbin/init", "/etc/init", "/bin/init"};
	/* "-z" and the blanks are where old tools showed their state in ps; inits ignore both. */
	char *const argv[] = {"init", "-z", "      ", NULL};
	/* systemd must know that it is in a container, if not in which kind. */
	char *const envp[] = {"HOME=/", "TERM=linux",
			      vzmarker ? "container=openvz" : "container=other",
			      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			      NULL};
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		execve(paths[i], argv, envp);
		if (errno != ENOENT && errno != ENOTDIR)
			return err_errno(err, errno, "cannot run '%s'", paths[i]);
	}
	return err_exit(err, VZ_BAD_TEMPLATE,
			"no init: the container has no /sbin/init, /etc/init or /bin/init");
}

/* Body of the first process. */
static int run_init(const struct spawn_opts *opts, int *sock, struct err *err)
{
	_cleanup_close_ int master = -EBADF;
	int r = report_expect(*sock, REPORT_GO, NULL, NULL, err);

	if (r == 0)
		r = enter_container(opts, err);
	if (r == 0)
		r = open_console(&master, err);
	if (r < 0)
		return r;
	spawn_reset_process();
	r = confine_self(opts->confine, err);
	if (r == 0)
		r = report_send(*sock, REPORT_READY, 0, NULL, master);
	if (r == 0)
		r = close_descriptors(sock, err);
	if (r == 0)
		r = report_expect(*sock, REPORT_GO, NULL, NULL, err);
	return r < 0 ? r : exec_init(opts->vzmarker, err);
}

static pid_t clone_init(int cgroup)
{
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_INTO_CGROUP | CLONE_NEWUSER | CLONE_NEWNS |
			 CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
		.cgroup = cgroup,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

static int run_middle(const struct spawn_opts *opts, int *sock, struct err *err)
{
	_cleanup_close_ int cgroup = open(opts->cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
	pid_t pid;
	int r;

	if (cgroup < 0)
		return err_errno(err, errno, "cannot open cgroup '%s'", opts->cgroup);
	spawn_reset_limits();
	r = make_time_namespace(err);
	if (r == 0)
		r = mounts_attach(opts->root, &opts->ids, opts->devices, err);
	if (r == 0)
		r = bindmount_attach(opts->binds, &opts->ids, err);
	if (r < 0)
		return r;
	pid = clone_init(cgroup);
	if (pid < 0)
		return err_errno(err, errno, "cannot make the container's first process");
	if (pid > 0)
		return report_send(*sock, REPORT_PID, pid, NULL, -1);
	prctl(PR_SET_PDEATHSIG, 0);
	r = run_init(opts, sock, err);
	report_send(*sock, REPORT_FAILED, 0, err, -1);
	_exit(1);
}

/* Never returns. */
static void middle(const struct spawn_opts *opts, int sock)
{
	struct err err = ERR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (run_middle(opts, &sock, &err) < 0)
		report_send(sock, REPORT_FAILED, 0, &err, -1);
	_exit(0);
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int spawn_prepare(const struct spawn_opts *opts, struct spawn *ret_child, struct err *err)
{
	struct spawn child = SPAWN_INIT;
	int fds[2], pid = 0, r;
	pid_t mid;

	r = report_pair(fds, err);
	if (r < 0)
		return r;
	mid = fork();
	if (mid == 0) {
		close(fds[0]);
		middle(opts, fds[1]);
	}
	close(fds[1]);
	child.sock = fds[0];
	if (mid < 0) {
		close(fds[0]);
		return err_errno(err, errno, "cannot fork");
	}
	r = report_expect(child.sock, REPORT_PID, &pid, NULL, err);
	reap(mid);
	child.pid = pid;
	if (r == 0)
		r = idmap_write(child.pid, &opts->ids, err);
	if (r == 0) {
		report_send(child.sock, REPORT_GO, 0, NULL, -1);
		r = report_expect(child.sock, REPORT_READY, NULL, &child.console, err);
	}
	if (r < 0) {
		spawn_abort(&child);
		return r;
	}
	*ret_child = child;
	return 0;
}

int spawn_exec(struct spawn *child, struct err *err)
{
	report_send(child->sock, REPORT_GO, 0, NULL, -1);
	return report_expect(child->sock, REPORT_END, NULL, NULL, err);
}

void spawn_abort(struct spawn *child)
{
	if (child->pid > 0) {
		kill(child->pid, SIGKILL);
		reap(child->pid);
	}
	spawn_release(child);
}

void spawn_release(struct spawn *child)
{
	if (child->sock >= 0)
		close(child->sock);
	if (child->console >= 0)
		close(child->console);
	child->sock = child->console = -EBADF;
	child->pid = 0;
}
