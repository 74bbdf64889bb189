/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done inside a container: arguments of --userpasswd and --ssh-key, and runscript. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "feed.h"
#include "io.h"
#include "log.h"
#include "param.h"
#include "state.h"

#define KEYS_MAX_BYTES (64 << 10)
#define PASSWORD_BYTES 1024

/* One line of standard input, byte by byte: what follows is another's. Not shown at a terminal. */
static int read_line(char *buf, size_t size, struct err *err)
{
	struct termios saved, silent;
	bool tty = tcgetattr(STDIN_FILENO, &saved) == 0;
	size_t len = 0;
	ssize_t n;
	char c;

	if (tty) {
		silent = saved;
		/* No signal either, which would leave a terminal that shows nothing. */
		silent.c_lflag &= ~(ECHO | ISIG);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
		(void)!write(STDERR_FILENO, "Password: ", 10);
	}
	while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n' && len < size - 1)
		buf[len++] = c;
	buf[len] = '\0';
	if (tty) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
		(void)!write(STDERR_FILENO, "\n", 1);
	}
	if (n < 0)
		return err_errno(err, errno, "cannot read the password");
	return 0;
}

static int read_password(const struct param *p, char *in, char **ret_value, struct err *err)
{
	char buf[PASSWORD_BYTES] = "";
	size_t user = strcspn(in, ":");
	int r = 0;

	if (user >= sizeof(buf) / 2)
		return err_set(err, EINVAL, "not user:password, with a name of a user");
	if (strcmp(in + user, ":-") == 0) {
		memcpy(buf, in, user + 1);
		r = read_line(buf + user + 1, sizeof(buf) - user - 1, err);
	} else {
		r = p->parse(in, ret_value, err);
		if (in[user])
			memset(in + user + 1, 'x', strlen(in + user + 1));
		return r;
	}
	if (r == 0)
		r = p->parse(buf, ret_value, err);
	explicit_bzero(buf, sizeof(buf));
	return r;
}

int cmd_action_value(const struct param *p, const char *in, char **ret_value, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	/* argv is ours to change. */
	if (strcmp(p->option, "userpasswd") == 0)
		return read_password(p, (char *)in, ret_value, err);
	r = io_read_file(AT_FDCWD, in, KEYS_MAX_BYTES, &text, &len, err);
	if (r < 0)
		return r;
	if (strlen(text) != len)
		return err_set(err, EINVAL, "'%s' is not text", in);
	r = p->parse(text, ret_value, err);
	return r < 0 ? err_prefix(err, "'%s'", in) : 0;
}

static int open_script(const char *name, struct err *err)
{
	_cleanup_close_ int fd = strcmp(name, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
							: open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_errno(err, errno, "cannot open '%s'", name);
		return err_exit_default(err, VZ_BAD_VALUE);
	}
	if (S_ISDIR(st.st_mode))
		return err_exit(err, VZ_BAD_VALUE, "'%s' is a directory", name);
	return steal_fd(&fd);
}

int cmd_runscript(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	char *start[] = {(char *)"start", NULL}, *stop[] = {(char *)"stop", NULL};
	_cleanup_close_ int script = -EBADF;
	struct ct_status st;
	int status = 0, stopped, r;

	if (argc != 2)
		return err_exit(err, VZ_BAD_OPTION, "%s: one script is expected", argv[0]);
	script = open_script(argv[1], err);
	r = script < 0 ? script : ct_require(ctx->ct, err);
	if (r == 0)
		r = state_status(ctx->ct, &st, err);
	/* The lock is held from before the start to the end of the stop. */
	if (r == 0 && !st.running)
		r = cmd_lock(ctx, err);
	if (r == 0 && !st.running)
		r = cmd_start(ctx, 1, start, err);
	/* The start itself has said why. */
	if (r)
		return r;
	r = feed_shell(ctx->ct, script, 0, &status, err);
	if (r < 0)
		err_exit_default(err, VZ_COMMAND);
	else
		log_record("script '%s' of the host was run inside: status %d", argv[1], status);
	stopped = st.running ? 0 : cmd_stop(ctx, 1, stop, r < 0 ? NULL : err);
	if (r < 0 || stopped < 0)
		return r < 0 ? r : stopped;
	return status;
}
