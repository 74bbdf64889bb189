/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "feed.h"
#include "log.h"
#include "run.h"
#include "strbuf.h"

static const struct action {
	const char *name;
	bool global_first;
} actions[] = {
	[SCRIPT_PREMOUNT] = {"premount", true},
	[SCRIPT_MOUNT] = {"mount", true},
	[SCRIPT_UMOUNT] = {"umount", false},
	[SCRIPT_POSTUMOUNT] = {"postumount", false},
};

/* "KEY=value" or a path; caller frees. */
static char *text3(const char *a, const char *b, const char *c)
{
	struct strbuf s = STRBUF_INIT;

	strbuf_add(&s, a);
	strbuf_add(&s, b);
	strbuf_add(&s, c);
	return strbuf_steal(&s);
}

static bool is_ours(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Who may replace the file or write to it runs as root with the next mount. */
int script_check_safe(int dir, int fd, const char *what, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(dir, &st) < 0 || !is_ours(&st))
		return err_set(err, EPERM, "the directory of %s '%s' is not root's alone to write",
			       what, path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot look at %s '%s'", what, path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s '%s' is not a file", what, path);
	if (!is_ours(&st))
		return err_set(err, EPERM, "%s '%s' is not root's alone to write", what, path);
	return 0;
}

/* etc/conf/@who.@action, open for reading. */
static int open_script(const struct ct *ct, const char *who, const char *action, char **ret_path,
		       struct err *err)
{
	_cleanup_free_ char *conf = text3(ct->host->etc, "/conf", "");
	_cleanup_free_ char *name = text3(who, ".", action);
	_cleanup_free_ char *path = conf && name ? text3(conf, "/", name) : NULL;
	_cleanup_close_ int dir = -EBADF, fd = -EBADF;
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	dir = open(conf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "cannot open '%s'", conf);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, ELOOP, "action script '%s' is a symbolic link", path);
	if (fd < 0)
		return err_errno(err, errno, "cannot open action script '%s'", path);
	r = script_check_safe(dir, fd, "action script", path, err);
	if (r < 0)
		return r;
	*ret_path = steal_ptr(path);
	return steal_fd(&fd);
}

static int run_one(const struct ct *ct, const char *who, const char *action, struct err *err)
{
	static const char path_env[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
				       "/sbin:/bin";
	_cleanup_free_ char *veid = text3("VEID=", ct->idstr, "");
	_cleanup_free_ char *conf = text3("VE_CONFFILE=", ct->conf_path, "");
	const char *const env[] = {path_env, "HOME=/root", veid, conf, NULL};
	const struct run_opts opts = {.env = env, .cwd = "/"};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = open_script(ct, who, action, &path, err);
	const char *argv[] = {path, NULL};
	uint64_t since;
	int r;

	if (fd == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (fd < 0)
		return fd;
	if (!veid || !conf)
		return err_set(err, ENOMEM, "out of memory");
	since = log_clock_ms();
	r = run_program(argv, &opts, err);
	if (r < 0)
		return err_prefix(err, "action script");
	log_detail(1, "action script '%s': status %d, %" PRIu64 " ms", path, r,
		   log_clock_ms() - since);
	return r ? err_set(err, EIO, "action script '%s' failed with status %d", path, r) : 0;
}

int script_run_host(const struct ct *ct, enum script which, struct err *err)
{
	const struct action *a = &actions[which];
	int r = run_one(ct, a->global_first ? "vps" : ct->idstr, a->name, err);

	if (r == 0)
		r = run_one(ct, a->global_first ? ct->idstr : "vps", a->name, err);
	return r < 0 ? err_exit_default(err, VZ_ACTION_SCRIPT) : 0;
}

int script_run_inside(const struct ct *ct, const char *action, int timeout_sec, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = open_script(ct, ct->idstr, action, &path, err);
	uint64_t since = log_clock_ms();
	int status = 0, r;

	if (fd == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (fd < 0)
		return err_exit_default(err, VZ_ACTION_SCRIPT);
	r = feed_shell(ct, fd, timeout_sec, &status, err);
	if (r == 0)
		log_detail(1, "action script '%s', inside: status %d, %" PRIu64 " ms", path, status,
			   log_clock_ms() - since);
	if (r < 0)
		err_prefix(err, "action script '%s'", path);
	else if (status)
		r = err_set(err, EIO, "action script '%s' failed with status %d", path, status);
	if (r < 0 && err)
		err->exit_code = VZ_ACTION_SCRIPT;
	return r;
}

int script_retire(const struct ct *ct, struct err *err)
{
	static const char *const names[] = {"premount", "mount",  "start",
					    "stop",	"umount", "postumount"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		_cleanup_free_ char *dir = text3(ct->host->etc, "/conf/", ct->idstr);
		_cleanup_free_ char *path = dir ? text3(dir, ".", names[i]) : NULL;
		_cleanup_free_ char *old = path ? text3(path, ".destroyed", "") : NULL;

		if (!old)
			return err_set(err, ENOMEM, "out of memory");
		if (rename(path, old) < 0 && errno != ENOENT)
			return err_errno(err, errno, "cannot rename '%s'", path);
	}
	return 0;
}
