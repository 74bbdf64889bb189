/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one error convention: a code and a sentence, kept by the caller. A
 * sentence that does not fit is cut at the end, a prefix never eats the start.
 */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strlcat(3), which this libc does not have. */
static void append(char *msg, const char *s)
{
	size_t len = strlen(msg), n = strlen(s);

	if (n > ERR_MSG_MAX - 1 - len)
		n = ERR_MSG_MAX - 1 - len;
	memcpy(msg + len, s, n);
	msg[len + n] = '\0';
}

static int set_sentence(struct err *err, int code, const char *tail, const char *fmt, va_list ap)
{
	char msg[ERR_MSG_MAX];

	code = -abs(code);
	if (!err)
		return code;

	/* The arguments may point into err->msg, so it is written last. */
	vsnprintf(msg, sizeof(msg), fmt, ap);
	if (tail) {
		append(msg, ": ");
		append(msg, tail);
	}
	err->code = code;
	err->exit_code = 0;
	memcpy(err->msg, msg, sizeof(msg));
	return code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = set_sentence(err, code, NULL, fmt, ap);
	va_end(ap);
	return r;
}

int err_errno(struct err *err, int code, const char *fmt, ...)
{
	char buf[128];
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = set_sentence(err, code, strerror_r(abs(code), buf, sizeof(buf)), fmt, ap);
	va_end(ap);
	return r;
}

int err_exit(struct err *err, int exit_code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = set_sentence(err, EINVAL, NULL, fmt, ap);
	va_end(ap);
	if (err)
		err->exit_code = exit_code;
	return r;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;

	if (!err)
		return -EIO;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	append(msg, ": ");
	append(msg, err->msg);
	memcpy(err->msg, msg, sizeof(msg));
	return err->code;
}

int err_exit_default(struct err *err, int exit_code)
{
	if (!err)
		return -EIO;
	if (!err->exit_code)
		err->exit_code = exit_code;
	return err->code;
}

void err_clear(struct err *err)
{
	if (err)
		*err = (struct err)ERR_INIT;
}
