/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GNU tar follows no link below the directory, knows holes and extended
 * attributes, ACLs among them (with --acls it would write them by the names that
 * this machine has for the numbers), and with these options equal trees are equal bytes (but for its
 * own process number, in headers of sparse files that nobody reads). It stays
 * on the file system of the directory: what is mounted below is another's.
 */
#include "treetar.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"

#define CANNOT_RUN 127

static void __attribute__((noreturn)) exec_tar(const struct treetar *t, int out, pid_t parent)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int log = open(t->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || in < 0 || log < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(log, 2) < 0)
		_exit(CANNOT_RUN);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	close_range(3, ~0U, 0);
	setenv("LC_ALL", "C", 1);
	unsetenv("TAR_OPTIONS");
	execlp("tar", "tar", "-C", t->dir, "-cf", "-", "--format=posix", "--sort=name",
	       "--numeric-owner", "--xattrs", "--sparse", "--one-file-system",
	       "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", ".",
	       (char *)NULL);
	_exit(CANNOT_RUN);
}

int treetar_start(struct treetar *t, const char *dir, const char *log, int *ret_fd, struct err *err)
{
	pid_t parent = getpid();
	int fds[2];

	*t = (struct treetar){.dir = dir, .log = log};
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "cannot make a pipe");
	t->pid = fork();
	if (t->pid == 0)
		exec_tar(t, fds[1], parent);
	close(fds[1]);
	if (t->pid < 0) {
		close(fds[0]);
		return err_errno(err, errno, "cannot run tar");
	}
	*ret_fd = fds[0];
	return 0;
}

int treetar_end(struct treetar *t, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest;
	int status;

	while (waitpid(t->pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, errno, "cannot wait for tar");
	/* Nobody reads on: who closed the pipe knows why. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
		return err_set(err, ENOENT, "cannot run 'tar' (Debian package tar)");
	(void)io_read_file(AT_FDCWD, t->log, 1 << 20, &text, NULL, NULL);
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (strncmp(line, "tar: ", 5) == 0 && !strstr(line, ": socket ignored"))
			return err_set(err, EIO, "cannot read '%s': %s", t->dir, line + 5);
	return err_set(err, EIO, "cannot read '%s': tar has failed", t->dir);
}
