/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running a recipe: output into a log file, progress lines from descriptor 3.
 *
 *	vztmpl ---- keeper ---- sh build.sh ---- mmdebstrap ...
 *	            \______ one process group _________/
 *
 * The keeper ends the whole group, and what has left it, when vztmpl asks, or is
 * no more, even by SIGKILL: else mmdebstrap would go on in a directory that the next build
 * removes. It holds the template's lock until then, because it inherited it; and so
 * does all that the recipe runs, for when the keeper is killed as well.
 */
#include "recipe_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "path.h"
#include "progress.h"
#include "recipe.h"
#include "vztmpl.h"

#define PROGRESS_FD 3
#define GRACE_SEC   10
#define POLL_USEC   50000

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

void recipe_run_catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

int recipe_run_interrupted(void)
{
	return interrupted;
}

static void set_environment(const struct recipe_run *run)
{
	setenv("VZTMPL_NAME", run->recipe->name, 1);
	setenv("VZTMPL_RECIPE", run->recipe->dir, 1);
	setenv("VZTMPL_LIB", run->recipe->lib, 1);
	setenv("VZTMPL_WORK", run->work, 1);
	setenv("VZTMPL_OUT", run->out, 1);
	setenv("VZTMPL_PACKAGES", run->packages, 1);
	setenv("VZTMPL_POOL", run->pool, 1);
	setenv("VZTMPL_MIRROR", run->mirror ? run->mirror : "", 1);
	setenv("VZTMPL_APT_SOURCES", run->apt_sources ? run->apt_sources : "", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("TZ", "UTC", 1);
	unsetenv("SOURCE_DATE_EPOCH");
	umask(022);
}

/* Of what is open above the progress lines the lock alone goes on, under some number. */
static void keep_lock(int lock)
{
	int fd = fcntl(lock, F_DUPFD, PROGRESS_FD + 1);

	if (fd < 0)
		_exit(125);
	if (fd > PROGRESS_FD + 1)
		close_range(PROGRESS_FD + 1, fd - 1, 0);
	close_range(fd + 1, ~0U, 0);
}

static void __attribute__((noreturn))
exec_recipe(const struct recipe_run *run, const char *log, int progress_fd)
{
	_cleanup_free_ char *script = path_join(run->recipe->dir, "build.sh");
	int null_fd, log_fd, lock = fcntl(run->lock, F_DUPFD_CLOEXEC, PROGRESS_FD + 1);

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (!script || lock < 0 || null_fd < 0 || log_fd < 0 || dup2(null_fd, 0) < 0 ||
	    dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0)
		_exit(125);
	if (progress_fd == PROGRESS_FD)
		fcntl(progress_fd, F_SETFD, 0);
	else if (dup2(progress_fd, PROGRESS_FD) < 0)
		_exit(125);
	keep_lock(lock);
	set_environment(run);
	execl("/bin/sh", "sh", script, (char *)NULL);
	_exit(126);
}

/* SIGKILL to every child there is now; their children are the keeper's then. false when that cannot be seen. */
static bool kill_children(void)
{
	_cleanup_free_ char *list = NULL;
	char path[64], *word, *save = NULL;
	size_t len;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	if (io_read_file(AT_FDCWD, path, 1 << 20, &list, &len, NULL) < 0)
		return false;
	for (word = strtok_r(list, " ", &save); word; word = strtok_r(NULL, " ", &save))
		kill((pid_t)strtol(word, NULL, 10), SIGKILL);
	return true;
}

/* What left the group, by a session of its own, is a child of the keeper once those above it are dead. */
static void end_descendants(void)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < GRACE_SEC * 20; i++) {
		if (!kill_children())
			return;
		do
			pid = waitpid(-1, &status, WNOHANG);
		while (pid > 0);
		if (pid < 0)
			return;
		usleep(POLL_USEC);
	}
}

/* End the own group: politely, then not, and who left it; the group's end is the caller's too. */
static void __attribute__((noreturn)) end_group(pid_t recipe)
{
	kill(0, SIGTERM);
	for (int i = 0; i < GRACE_SEC * 20 && waitpid(recipe, NULL, WNOHANG) == 0; i++)
		usleep(POLL_USEC);
	end_descendants();
	kill(0, SIGKILL);
	_exit(EXIT_INTERRUPTED);
}

static void __attribute__((noreturn))
keeper(const struct recipe_run *run, const char *log, int progress_fd, pid_t parent)
{
	pid_t pid;
	int status;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (getppid() != parent)
		_exit(125);
	pid = fork();
	if (pid == 0)
		exec_recipe(run, log, progress_fd);
	close(progress_fd);
	if (pid < 0)
		_exit(125);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (interrupted)
			end_group(pid);
		usleep(POLL_USEC);
	}
	end_descendants();
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

struct reader {
	char line[512];
	size_t len;
	char error[512]; /* the recipe's own last word */
};

static void take_line(struct reader *rd, struct progress *p)
{
	if (strncmp(rd->line, "step ", 5) == 0)
		progress_step(p, rd->line + 5);
	else if (strncmp(rd->line, "error ", 6) == 0)
		snprintf(rd->error, sizeof(rd->error), "%s", rd->line + 6);
}

/* 0 when the other side has closed. */
static int read_progress(struct reader *rd, int fd, struct progress *p)
{
	char buf[256];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && errno == EINTR;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != '\n') {
			if (rd->len < sizeof(rd->line) - 1)
				rd->line[rd->len++] = buf[i];
			continue;
		}
		rd->line[rd->len] = '\0';
		rd->len = 0;
		take_line(rd, p);
	}
	return 1;
}

static int wait_recipe(pid_t pid, int fd, struct reader *rd, struct progress *p)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int status;

	for (;;) {
		int n = poll(&pfd, 1, 1000);

		if (interrupted) {
			kill(pid, SIGTERM);
			waitpid(pid, NULL, 0);
			return -EINTR;
		}
		if (n > 0 && !read_progress(rd, fd, p))
			pfd.fd = -1;
		progress_tick(p);
		if (waitpid(pid, &status, pfd.fd < 0 ? 0 : WNOHANG) == pid)
			break;
	}
	while (pfd.fd >= 0 && poll(&pfd, 1, 0) > 0 && read_progress(rd, fd, p))
		;
	return status;
}

/* The last lines of the log, for a recipe that ended without a word. */
static const char *log_tail(char *text, size_t len)
{
	int lines = 0;

	while (len > 0 && (text[len - 1] != '\n' || lines++ < 4))
		len--;
	return text + len;
}

static int failed(const struct recipe_run *run, const char *log, int status,
		  const struct reader *rd, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	if (rd->error[0])
		return err_set(err, EIO, "cannot build '%s': %s", run->recipe->name, rd->error);
	(void)io_read_file(AT_FDCWD, log, 64 << 20, &text, &len, NULL);
	return err_set(err, EIO, "cannot build '%s': its build.sh ended with status %d:\n%s",
		       run->recipe->name,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		       text ? log_tail(text, len) : "");
}

int recipe_run(const struct recipe_run *run, struct progress *p, struct err *err)
{
	_cleanup_free_ char *log = path_join(run->work, "log");
	struct reader rd = {.len = 0};
	pid_t parent = getpid(), pid;
	int fds[2], status;

	if (!log)
		return err_set(err, ENOMEM, "out of memory");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "cannot make a pipe");

	pid = fork();
	if (pid == 0)
		keeper(run, log, fds[1], parent);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_errno(err, errno, "cannot run the recipe");
	}
	status = wait_recipe(pid, fds[0], &rd, p);
	close(fds[0]);

	if (status == -EINTR) {
		(void)err_set(err, EINTR, "build of '%s' interrupted, nothing kept",
			      run->recipe->name);
		return err_exit_default(err, EXIT_INTERRUPTED);
	}
	return status == 0 ? 0 : failed(run, log, status, &rd, err);
}
