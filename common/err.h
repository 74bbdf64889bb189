/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_ERR_H
#define VESPER_ERR_H

/*
 * The one error convention of the project. A function that can fail for more
 * than one reason takes a caller-owned struct err as its last parameter,
 * returns 0 or -errno, and on failure has put a whole sentence into it. The
 * function that knows the reason writes the sentence; a caller may put
 * context in front, never replace it. A NULL err is allowed everywhere.
 * Sentences: lower case, no full stop, names in single quotes, errno text last.
 */

#define ERR_MSG_MAX 1024

struct err {
	int code;      /* -errno, 0 when nothing failed */
	int exit_code; /* the program's exit code, 0: its default */
	char msg[ERR_MSG_MAX];
};

#define ERR_INIT         \
	{                \
		0, 0, "" \
	}

/*
 * Store -|code| and the formatted sentence; returns the stored code, so that
 * a check is one line: return err_set(err, EINVAL, "bad id '%s'", s);
 */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set(), with ": strerror(code)" behind the sentence. */
int err_errno(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * As err_set() with EINVAL, and remember the exit code that the documentation
 * of the command promises for this failure (main() exits with it). err_set()
 * and err_errno() forget an exit code of an earlier failure.
 */
int err_exit(struct err *err, int exit_code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " in front of the sentence; returns err->code (-EIO for a NULL err, which knows no code). */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Fill in the exit code where the failing function did not; returns err->code. */
int err_exit_default(struct err *err, int exit_code);

void err_clear(struct err *err);

#endif
