/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is written to the shell, and what comes back:
 *
 *	vzctl --in--> exec 3>&2 2>&1		once
 *		      ( export ...; script ) </dev/null 3>&-
 *		      echo $? >&3
 *	      <-out-- what the script writes
 *	      <-err-- its status, a line of digits
 *
 * All that the script wrote itself is in the pipe before its status is, so that nothing
 * of it is taken for the next one's. Whatever else comes is text of the tenant's.
 */
#include "dist_shell.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "exec.h"
#include "log.h"
#include "strbuf.h"

/* A shell that has nothing left to read ends at once. */
#define END_MS 5000

struct dist_shell {
	struct exec_pipes pipes;
	bool begun; /* has been told where to write its status */
	int signalled;
};

/* One script on its way. */
struct turn {
	struct dist_shell *sh;
	struct dist_output *out;
	const char *text; /* that is still to be written */
	size_t left;
	int status;
	bool told, ended; /* its status came; the shell is gone */
};

/* In single quotes, which end for a quote of its own. */
static void add_quoted(struct strbuf *b, const char *s)
{
	strbuf_addc(b, '\'');
	for (; *s; s++)
		if (*s == '\'')
			strbuf_add(b, "'\\''");
		else
			strbuf_addc(b, *s);
	strbuf_addc(b, '\'');
}

static void make_text(struct strbuf *b, bool begun, const char *script, char *const *env)
{
	if (!begun)
		strbuf_add(b, "exec 3>&2 2>&1\n");
	strbuf_add(b, "(\n");
	for (; env && *env; env++) {
		size_t key = strcspn(*env, "=");

		strbuf_add(b, "export ");
		strbuf_addn(b, *env, key);
		strbuf_addc(b, '=');
		add_quoted(b, *env + key + !!(*env)[key]);
		strbuf_addc(b, '\n');
	}
	strbuf_add(b, script);
	strbuf_add(b, "\n) </dev/null 3>&-\necho $? >&3\n");
}

static void keep(struct dist_output *out, const char *text, size_t len)
{
	size_t room = sizeof(out->text) - 1 - out->len;

	if (len > room)
		len = room;
	memcpy(out->text + out->len, text, len);
	out->len += len;
	out->text[out->len] = '\0';
}

/* False when nothing is there now. What is too much is read, too, or who writes would wait. */
static bool take_output(struct turn *t)
{
	char buf[4096];
	ssize_t n = read(t->sh->pipes.out, buf, sizeof(buf));

	if (n > 0)
		keep(t->out, buf, n);
	return n > 0;
}

/* The last line, if it is a number of at most three digits; what is before it is text. */
static bool take_status(struct turn *t)
{
	char buf[4096];
	ssize_t n = read(t->sh->pipes.err, buf, sizeof(buf)), from = n - 1, i;

	if (n <= 0)
		return false;
	while (from > 0 && buf[from - 1] != '\n')
		from--;
	for (i = from; i < n && i < from + 3 && isdigit((unsigned char)buf[i]); i++)
		;
	if (i > from && i + 1 == n && buf[i] == '\n') {
		t->status = atoi(buf + from);
		t->told = true;
		n = from;
	}
	keep(t->out, buf, n);
	return true;
}

static void give(struct turn *t)
{
	ssize_t n = write(t->sh->pipes.in, t->text, t->left);

	if (n > 0) {
		t->text += n;
		t->left -= n;
	} else if (errno != EAGAIN && errno != EINTR) {
		t->left = 0; /* it reads no more: its end, or its time, says what of it */
	}
}

/* The second one is no request any more. */
static void pass_on(struct dist_shell *sh)
{
	struct signalfd_siginfo si;

	if (read(sh->pipes.signals, &si, sizeof(si)) == (ssize_t)sizeof(si) &&
	    si.ssi_signo != SIGWINCH)
		kill(-sh->pipes.pid, sh->signalled++ ? SIGKILL : (int)si.ssi_signo);
}

/* Until the script, the shell or the time ends. */
static int attend(struct turn *t, int timeout_sec, struct err *err)
{
	uint64_t end = log_clock_ms() + timeout_sec * UINT64_C(1000), now;
	enum { OUT, ERR, GONE, SIGNAL, IN, COUNT };
	const struct exec_pipes *pipes = &t->sh->pipes;
	struct pollfd p[COUNT] = {{.fd = pipes->out, .events = POLLIN},
				  {.fd = pipes->err, .events = POLLIN},
				  {.fd = pipes->pidfd, .events = POLLIN},
				  {.fd = pipes->signals, .events = POLLIN},
				  {.fd = pipes->in, .events = POLLOUT}};

	while (!t->told && !t->ended) {
		now = log_clock_ms();
		if (now >= end)
			return err_set(err, ETIMEDOUT,
				       "no end within %d seconds: killed, with all that it started",
				       timeout_sec);
		p[IN].fd = t->left ? pipes->in : -1;
		if (poll(p, COUNT, (int)(end - now)) < 0 && errno != EINTR)
			return err_errno(err, errno, "cannot wait for a script");
		if (p[SIGNAL].revents)
			pass_on(t->sh);
		if (p[IN].revents)
			give(t);
		if (p[OUT].revents && !take_output(t) && p[OUT].revents & POLLHUP)
			p[OUT].fd = -1;
		if (p[ERR].revents && !take_status(t) && p[ERR].revents & POLLHUP)
			p[ERR].fd = -1;
		t->ended = p[GONE].revents;
	}
	return 0;
}

/* What is there; nobody is waited for who has it open still, and who writes on is not followed. */
static void take_rest(struct turn *t)
{
	int i;

	for (i = 0; i < 64 && take_output(t); i++)
		;
	while (t->ended && !t->told && i++ < 64 && take_status(t))
		;
}

static int open_shell(struct dist_shell **ret, const struct ct *ct, int timeout_sec,
		      struct err *err)
{
	const struct exec_opts opts = {.timeout_sec = timeout_sec};
	_cleanup_free_ struct dist_shell *sh = calloc(1, sizeof(*sh));
	int r = sh ? exec_open(ct, &opts, &sh->pipes, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		*ret = steal_ptr(sh);
	return r;
}

static int close_shell(struct dist_shell **shell, int wait_ms)
{
	int status = exec_close(&(*shell)->pipes, wait_ms);

	free(*shell);
	*shell = NULL;
	return status;
}

void dist_shell_close(struct dist_shell **shell)
{
	if (*shell)
		close_shell(shell, END_MS);
}

int dist_shell_run(struct dist_shell **shell, const struct ct *ct, const char *script,
		   char *const *env, int timeout_sec, struct dist_output *out, int *ret_status,
		   struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct turn t = {.out = out};
	int r = *shell ? 0 : open_shell(shell, ct, timeout_sec, err);

	if (r < 0)
		return r;
	make_text(&b, (*shell)->begun, script, env);
	if (b.failed)
		return err_set(err, ENOMEM, "out of memory");
	(*shell)->begun = true;
	t.sh = *shell;
	t.text = b.s;
	t.left = b.len;
	r = attend(&t, timeout_sec, err);
	explicit_bzero(b.s, b.len); /* a password may be in it */
	take_rest(&t);
	if (r < 0)
		close_shell(shell, 0);
	else
		*ret_status = t.told ? t.status : close_shell(shell, END_MS);
	return r;
}
