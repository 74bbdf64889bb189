/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Read and changed by a child that is in the container's namespace. */
#include "utsname.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "state.h"

#define NAME_BYTES 65 /* the kernel's, with its NUL */

static int wait_for(pid_t pid)
{
	int status;

	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EPERM : 0;
}

int utsname_get(const struct ct *ct, char **ret_name, struct err *err)
{
	_cleanup_close_ int ns = state_open_ns(ct, "uts", err);
	char name[NAME_BYTES] = "";
	int fds[2], r;
	pid_t pid;

	if (ns < 0)
		return ns;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0)
		_exit(setns(ns, CLONE_NEWUTS) < 0 || gethostname(name, sizeof(name)) < 0 ||
		      write(fds[1], name, sizeof(name)) != (ssize_t)sizeof(name));
	close(fds[1]);
	r = wait_for(pid);
	if (r == 0 && read(fds[0], name, sizeof(name)) != (ssize_t)sizeof(name))
		r = -EIO;
	close(fds[0]);
	if (r < 0)
		return err_errno(err, r, "cannot read the host name of the container");
	name[sizeof(name) - 1] = '\0';
	*ret_name = strdup(name);
	return *ret_name ? 0 : err_set(err, ENOMEM, "out of memory");
}

int utsname_set(const struct ct *ct, const char *name, struct err *err)
{
	_cleanup_close_ int ns = state_open_ns(ct, "uts", err);
	pid_t pid;
	int r;

	if (ns < 0)
		return ns;
	pid = fork();
	if (pid == 0)
		_exit(setns(ns, CLONE_NEWUTS) < 0 || sethostname(name, strlen(name)) < 0);
	r = wait_for(pid);
	return r < 0 ? err_errno(err, r, "cannot set the host name '%s'", name) : 0;
}
