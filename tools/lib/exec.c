/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entering a running container takes two steps, because a process id namespace
 * is entered by children only:
 *
 *	vzctl ---fork--- enterer ---clone3(CLONE_PARENT, INTO_CGROUP)--- program
 *	  |                 | setns(pidfd), all but user and cgroup        |
 *	  | <---- pid ----- | exits                                        |
 *	  | -- go ---------------------------------------------------------> user
 *	  | <-- ready [terminal] ------------------------------------------- | and
 *	  | <-- end of file: it runs, or why not --------------------------- | cgroup
 *
 * The program is born in the VE: one process enters, which the kernel lets in
 * by force, so this works in a container that is at its limit; a fork inside
 * would not. The kernel also guards it until its exec: the container can
 * neither trace nor open it. Its user namespace comes last, as the door into
 * the VE asks for rights in the host's; and its cgroup namespace with it, as
 * nsdelegate does not let a process move across that from inside.
 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "confine.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "idrange.h"
#include "path.h"
#include "pty.h"
#include "relay.h"
#include "report.h"
#include "spawn.h"
#include "state.h"
#include "strbuf.h"
#include "strv.h"

#define OUTER_NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWTIME)
#define INNER_NAMESPACES (CLONE_NEWUSER | CLONE_NEWCGROUP)

/* What was killed may take a moment to go. */
#define KILLED_MS 2000
#define LATE_MS	  10000

struct session {
	const struct exec_opts *opts;
	const char *term;
	struct winsize size; /* and settings of our terminal, when there is one */
	struct termios settings;
	bool has_size, has_settings;
	bool piped; /* for exec_open() */
	struct confine confine;
	char *leaf;		   /* cgroup */
	int cgroup;		   /* its descriptor */
	int init;		   /* pidfd of the container's init */
	int in[2], out[2], err[2]; /* read end, write end */
	int sock;		   /* the child's side */
	int signals;		   /* signalfd */
	struct idrange ids;
	int64_t end_ms; /* CLOCK_MONOTONIC, 0: it has all the time */
};

static void close_pair(int fds[2])
{
	int i;

	for (i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -EBADF;
	}
}

/* As the person's own: the size, the keys that edit a line, UTF-8. Before the program can ask. */
static void set_terminal(const struct session *s, int slave)
{
	struct termios t;

	if (s->has_size)
		ioctl(slave, TIOCSWINSZ, &s->size);
	if (!s->has_settings || tcgetattr(slave, &t) < 0)
		return;
	memcpy(t.c_cc, s->settings.c_cc, sizeof(t.c_cc));
	t.c_iflag = (t.c_iflag & ~IUTF8) | (s->settings.c_iflag & IUTF8);
	tcsetattr(slave, TCSANOW, &t);
}

/* A terminal of the container: slave on 0, 1, 2, its master to the parent. */
static int open_terminal(const struct session *s, int *ret_master, struct err *err)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	int i, r = pty_open(&master, &slave, err);

	if (r < 0)
		return r;
	for (i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			return err_errno(err, errno, "cannot redirect descriptor %d", i);
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		return err_errno(err, errno, "cannot make the terminal the controlling one");
	set_terminal(s, slave);
	*ret_master = steal_fd(&master);
	return 0;
}

static int redirect_pipes(struct session *s, struct err *err)
{
	_cleanup_close_ int null = -EBADF;

	if (s->opts->quiet) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0)
			return err_errno(err, errno, "cannot open /dev/null in the container");
	}
	if (dup2(s->opts->quiet ? null : s->in[0], 0) < 0 ||
	    dup2(s->opts->quiet ? null : s->out[1], 1) < 0 ||
	    dup2(s->opts->quiet ? null : s->err[1], 2) < 0)
		return err_errno(err, errno, "cannot redirect the standard descriptors");
	return 0;
}

static int keep_only_socket(struct session *s, struct err *err)
{
	if (s->sock != 3 && dup3(s->sock, 3, O_CLOEXEC) < 0)
		return err_errno(err, errno, "cannot move a descriptor");
	s->sock = 3;
	if (syscall(SYS_close_range, 4U, ~0U, 0) < 0)
		return err_errno(err, errno, "cannot close descriptors");
	return 0;
}

static int exec_program(const struct session *s, char *const *envp, struct err *err)
{
	static const char *const shells[] = {"/bin/bash", "/bin/sh"};
	static const char *const login[] = {"-bash", "-sh"};
	const struct exec_opts *opts = s->opts;
	size_t i;

	if (opts->argv) {
		execvpe(opts->argv[0], opts->argv, envp);
		err_errno(err, errno, "cannot run '%s' in the container", opts->argv[0]);
		return err_exit_default(err, VZ_COMMAND);
	}
	for (i = 0; i < 2; i++) {
		const char *argv[] = {login[i] + 1, "-c", opts->command, NULL};

		if (!opts->command && s->piped) {
			argv[1] = "-s";
			argv[2] = NULL;
		} else if (!opts->command) {
			argv[0] = login[i];
			argv[1] = NULL;
		}
		execve(shells[i], (char *const *)argv, envp);
		if (errno != ENOENT)
			break;
	}
	err_errno(err, errno, "cannot run a shell in the container");
	return err_exit_default(err, VZ_COMMAND);
}

static int prepare_program(struct session *s, struct err *err)
{
	_cleanup_close_ int master = -EBADF;
	/* Our own id must reach the parent before our own messages do. */
	int r = report_expect(s->sock, REPORT_GO, NULL, NULL, err);

	if (r < 0)
		return r;
	if (setns(s->init, INNER_NAMESPACES) < 0)
		return err_errno(err, errno, "cannot enter the container's user namespace");
	if (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0)
		return err_errno(err, errno, "cannot become the container's root");
	if (setsid() < 0)
		return err_errno(err, errno, "cannot make a session");
	/* Late, as another user id takes it back. */
	if (s->piped)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (chdir("/root") < 0 && chdir("/") < 0)
		return err_errno(err, errno, "cannot enter the container's root directory");
	r = s->opts->tty ? open_terminal(s, &master, err) : redirect_pipes(s, err);
	if (r < 0)
		return r;
	r = report_send(s->sock, REPORT_READY, 0, NULL, master);
	return r < 0 ? r : keep_only_socket(s, err);
}

static int make_env(const struct session *s, char ***ret_env, struct err *err)
{
	static const char *const base[] = {
		"HOME=/root",
		"USER=root",
		"LOGNAME=root",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	};
	const char *const *more;
	char term[80];
	size_t i;
	int r = 0;

	snprintf(term, sizeof(term), "TERM=%.64s", s->term);
	for (i = 0; r == 0 && i < sizeof(base) / sizeof(base[0]); i++)
		r = strv_add(ret_env, base[i]);
	if (r == 0)
		r = strv_add(ret_env, term);
	for (more = s->opts->env; r == 0 && more && *more; more++)
		r = strv_add(ret_env, *more);
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* Never returns. */
static void program(struct session *s)
{
	struct err err = ERR_INIT;
	char **envp = NULL;

	if (make_env(s, &envp, &err) == 0 && prepare_program(s, &err) == 0) {
		spawn_reset_process();
		environ = envp; /* execvpe looks programs up by this PATH */
		if (confine_self(&s->confine, &err) == 0)
			exec_program(s, envp, &err);
	}
	report_send(s->sock, REPORT_FAILED, 0, &err, -1);
	_exit(1);
}

/* Never returns. */
static void enterer(struct session *s)
{
	struct clone_args args = {.flags = CLONE_PARENT | CLONE_INTO_CGROUP, .cgroup = s->cgroup};
	struct err err = ERR_INIT;
	pid_t pid;

	spawn_reset_limits();
	if (setns(s->init, OUTER_NAMESPACES) < 0) {
		err_errno(&err, errno, "cannot enter the container's namespaces");
	} else {
		pid = syscall(SYS_clone3, &args, sizeof(args));
		if (pid == 0)
			program(s);
		if (pid > 0)
			_exit(report_send(s->sock, REPORT_PID, pid, NULL, -1) < 0);
		err_errno(&err, errno, "cannot make a process in the container");
	}
	report_send(s->sock, REPORT_FAILED, 0, &err, -1);
	_exit(1);
}

/* Held by a descriptor, and checked again after. */
int exec_open_init(const struct ct *ct, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct state st;
	int r = state_load(ct, &st, err);

	if (r == 0) {
		fd = syscall(SYS_pidfd_open, st.init_pid, 0);
		r = fd < 0 ? -errno : state_load(ct, &st, err);
	}
	if (r < 0)
		return err_exit(err, VZ_NOT_RUNNING, "container %s is not running", ct->idstr);
	return steal_fd(&fd);
}

/* A cgroup of our own in @dir; a name that is in the container's reach may be taken. */
static int make_leaf(const char *dir, char **ret_leaf, struct err *err)
{
	_cleanup_free_ char *leaf = NULL, *type = NULL;
	int i, r = -EEXIST;

	for (i = 0; r == -EEXIST && i < 100; i++) {
		struct strbuf b = STRBUF_INIT;

		free(leaf);
		strbuf_addf(&b, "%s/vzctl-%d%s%.0d", dir, (int)getpid(), i ? "-" : "", i);
		leaf = strbuf_steal(&b);
		r = leaf ? cgroup_make(leaf, err) : err_set(err, ENOMEM, "out of memory");
	}
	if (r == 0)
		r = cgroup_read(leaf, "cgroup.type", &type, err);
	/* Below a root of threads no process can be. */
	if (r == 0 && strcmp(type, "domain invalid") == 0) {
		cgroup_remove(leaf, 0, NULL);
		r = err_set(err, EOPNOTSUPP, "'%s' takes no process", leaf);
	}
	if (r == 0)
		*ret_leaf = steal_ptr(leaf);
	return r;
}

/*
 * In the container's own tree, where what looks for its cgroup expects to be. The
 * tenant can see to it that nothing can be made or run there; then beside it, so
 * that he keeps nobody out.
 */
static int make_cgroup(const struct ct *ct, struct session *s, struct err *err)
{
	_cleanup_free_ char *init = path_join(ct->cgroup, "init");
	int r;

	if (!init)
		return err_set(err, ENOMEM, "out of memory");
	cgroup_sweep_leaves(init);
	r = make_leaf(init, &s->leaf, NULL);
	if (r == 0)
		r = cgroup_delegate(s->leaf, s->ids.uid, s->ids.gid, err);
	if (r < 0) {
		cgroup_sweep_leaves(ct->cgroup);
		if (s->leaf)
			cgroup_remove(s->leaf, 0, NULL);
		free(s->leaf);
		s->leaf = NULL;
		r = make_leaf(ct->cgroup, &s->leaf, err);
	}
	if (r < 0)
		return r;
	s->cgroup = open(s->leaf, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->cgroup < 0 ? err_errno(err, errno, "cannot open cgroup '%s'", s->leaf) : 0;
}

/* The container's root owns them: a program may open /dev/stdout by that name. */
static int open_pipe(struct session *s, int fds[2], struct err *err)
{
	if (pipe2(fds, O_CLOEXEC) < 0 || fchown(fds[0], s->ids.uid, s->ids.gid) < 0)
		return err_errno(err, errno, "cannot make a pipe");
	return 0;
}

static int open_pipes(struct session *s, struct err *err)
{
	int r;

	if (s->opts->tty || s->opts->quiet)
		return 0;
	r = open_pipe(s, s->in, err);
	if (r == 0)
		r = open_pipe(s, s->out, err);
	return r < 0 ? r : open_pipe(s, s->err, err);
}

static void reap(pid_t pid, int *ret_status)
{
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static int timed_out(const struct session *s, struct err *err)
{
	return err_set(err, ETIMEDOUT, "no end within %d seconds: killed, with all that it started",
		       s->opts->timeout_sec);
}

/*
 * As report_expect(), ended by a signal and by the time too: until its exec the
 * other side is in the hands of the container, which may stop it for as long as
 * it likes.
 */
static int expect(const struct session *s, int sock, enum report_kind want, int *ret_value,
		  int *ret_fd, struct err *err)
{
	struct pollfd p[] = {{.fd = sock, .events = POLLIN}, {.fd = s->signals, .events = POLLIN}};
	struct signalfd_siginfo si;

	while (!p[0].revents) {
		int64_t left = s->end_ms ? s->end_ms - now_ms() : -1;

		if (s->end_ms && left <= 0)
			return timed_out(s, err);
		if (poll(p, 2, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR)
			return err_errno(err, errno, "cannot wait for the program");
		if (p[1].revents && read(s->signals, &si, sizeof(si)) == (ssize_t)sizeof(si) &&
		    si.ssi_signo != SIGWINCH)
			return err_set(err, EINTR, "interrupted before the program ran");
	}
	return report_expect(sock, want, ret_value, ret_fd, err);
}

/* Bring the program up to its exec; *ret_pid is our child then. */
static int launch(struct session *s, int fds[2], pid_t *ret_pid, int *ret_pty, struct err *err)
{
	int pid = 0, r;
	pid_t enter = fork();

	if (enter == 0) {
		close(fds[0]);
		s->sock = fds[1];
		enterer(s);
	}
	if (enter < 0)
		return err_errno(err, errno, "cannot fork");
	close(fds[1]);
	fds[1] = -EBADF;
	close_pair((int[]){s->in[0], s->out[1]});
	close_pair((int[]){s->err[1], -EBADF});
	s->in[0] = s->out[1] = s->err[1] = -EBADF;
	r = report_expect(fds[0], REPORT_PID, &pid, NULL, err);
	reap(enter, NULL);
	if (r == 0)
		r = report_send(fds[0], REPORT_GO, 0, NULL, -1);
	if (r == 0)
		r = expect(s, fds[0], REPORT_READY, NULL, ret_pty, err);
	if (r == 0)
		r = expect(s, fds[0], REPORT_END, NULL, NULL, err);
	if (r < 0 && pid > 0) {
		kill(pid, SIGKILL);
		reap(pid, NULL);
	}
	*ret_pid = pid;
	return r;
}

static int decode_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_session(struct session *s, int *ret_status, struct err *err)
{
	struct relay relay = RELAY_INIT;
	int fds[2], status = 0, r;
	pid_t pid = 0;

	r = open_pipes(s, err);
	if (r == 0)
		r = report_pair(fds, err);
	if (r < 0)
		return r;
	r = launch(s, fds, &pid, &relay.pty, err);
	close_pair(fds);
	if (r < 0)
		return r;
	relay.pid = pid;
	relay.pidfd = syscall(SYS_pidfd_open, pid, 0);
	relay.in = steal_fd(&s->in[1]);
	relay.out = steal_fd(&s->out[0]);
	relay.err = steal_fd(&s->err[0]);
	relay.end_ms = s->end_ms;
	if (s->opts->quiet)
		reap(pid, &status);
	else
		r = relay_run(&relay, s->signals, &status, err);
	if (r == -ETIMEDOUT)
		timed_out(s, err);
	/* All of the leaf first, so that nobody is left to start it again. */
	if (r == -ETIMEDOUT)
		cgroup_kill(s->leaf, NULL);
	if (r < 0) {
		kill(pid, SIGKILL);
		reap(pid, NULL);
	}
	relay_close(&relay);
	*ret_status = decode_status(status);
	return r;
}

#define SESSION_INIT(o)                                                                \
	{                                                                              \
		.opts = (o), .init = -EBADF, .cgroup = -EBADF, .in = {-EBADF, -EBADF}, \
		.out = {-EBADF, -EBADF}, .err = {-EBADF, -EBADF}, .sock = -EBADF,      \
		.signals = -EBADF                                                      \
	}

static int session_begin(const struct ct *ct, struct session *s, struct err *err)
{
	const char *term = getenv("TERM");
	struct state st;
	int r;

	s->term = term ? term : "linux";
	s->init = exec_open_init(ct, err);
	if (s->init < 0)
		return s->init;
	r = state_load(ct, &st, err);
	if (r == 0)
		r = confine_prepare(st.caps, &s->confine, err);
	if (r == 0)
		r = idrange_load(ct, &s->ids, err);
	if (r == 0)
		r = make_cgroup(ct, s, err);
	if (r < 0)
		return r;
	if (s->opts->timeout_sec)
		s->end_ms = now_ms() + s->opts->timeout_sec * INT64_C(1000);
	s->has_size = ioctl(STDIN_FILENO, TIOCGWINSZ, &s->size) == 0;
	s->has_settings = tcgetattr(STDIN_FILENO, &s->settings) == 0;
	s->signals = relay_block_signals();
	return s->signals < 0 ? err_errno(err, s->signals, "cannot make a signal descriptor") : 0;
}

static void session_end(struct session *s, int r)
{
	/* What it left running keeps its leaf; a later exec sweeps it away. */
	if (s->leaf)
		cgroup_remove(s->leaf, r == -ETIMEDOUT ? KILLED_MS : 0, NULL);
	if (s->cgroup >= 0)
		close(s->cgroup);
	if (s->signals >= 0)
		close(s->signals);
	close_pair(s->in);
	close_pair(s->out);
	close_pair(s->err);
	if (s->init >= 0)
		close(s->init);
	confine_free(&s->confine);
	free(s->leaf);
}

int exec_run(const struct ct *ct, const struct exec_opts *opts, int *ret_status, struct err *err)
{
	struct session s = SESSION_INIT(opts);
	int r = session_begin(ct, &s, err);

	if (r == 0)
		r = run_session(&s, ret_status, err);
	session_end(&s, r);
	return r;
}

/* --- with pipes of the caller's ----------------------------------------------------- */

static void restore_signals(const struct exec_pipes *p)
{
	sigaction(SIGPIPE, &p->sigpipe, NULL);
	sigprocmask(SIG_SETMASK, &p->mask, NULL);
}

/* The program runs: what is the caller's from now on leaves @s. */
static int hand_out(struct session *s, struct exec_pipes *p, struct err *err)
{
	if (fcntl(s->in[1], F_SETFL, O_NONBLOCK) < 0 || fcntl(s->out[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(s->err[0], F_SETFL, O_NONBLOCK) < 0)
		return err_errno(err, errno, "cannot make a pipe");
	p->pidfd = syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0)
		return err_errno(err, errno, "cannot watch the program");
	p->in = steal_fd(&s->in[1]);
	p->out = steal_fd(&s->out[0]);
	p->err = steal_fd(&s->err[0]);
	p->signals = steal_fd(&s->signals);
	p->leaf = steal_ptr(s->leaf);
	return 0;
}

int exec_open(const struct ct *ct, const struct exec_opts *opts, struct exec_pipes *ret_pipes,
	      struct err *err)
{
	struct session s = SESSION_INIT(opts);
	int fds[2] = {-EBADF, -EBADF}, r;

	s.piped = true;
	sigprocmask(SIG_BLOCK, NULL, &ret_pipes->mask);
	sigaction(SIGPIPE, NULL, &ret_pipes->sigpipe);
	r = session_begin(ct, &s, err);
	if (r == 0)
		r = open_pipes(&s, err);
	if (r == 0)
		r = report_pair(fds, err);
	if (r == 0)
		r = launch(&s, fds, &ret_pipes->pid, NULL, err);
	close_pair(fds);
	if (r == 0) {
		r = hand_out(&s, ret_pipes, err);
		if (r < 0) {
			kill(ret_pipes->pid, SIGKILL);
			reap(ret_pipes->pid, NULL);
		}
	}
	session_end(&s, r);
	if (r < 0)
		restore_signals(ret_pipes);
	return r;
}

int exec_close(struct exec_pipes *p, int wait_ms)
{
	struct pollfd ended = {.fd = p->pidfd, .events = POLLIN};
	int r, status;
	bool killed;

	if (p->in >= 0)
		close(p->in);
	close(p->out);
	close(p->err);
	do {
		r = poll(&ended, 1, wait_ms);
	} while (r < 0 && errno == EINTR);
	killed = r <= 0;
	/* All of the leaf first, so that nobody is left to start it again. */
	if (killed) {
		cgroup_kill(p->leaf, NULL);
		kill(p->pid, SIGKILL);
		r = poll(&ended, 1, LATE_MS);
	}
	/* What the kernel does not let go is left to who inherits it. */
	status = SIGKILL;
	if (r > 0)
		reap(p->pid, &status);
	close(p->pidfd);
	close(p->signals);
	cgroup_remove(p->leaf, killed ? KILLED_MS : 0, NULL);
	free(p->leaf);
	restore_signals(p);
	return decode_status(status);
}
