/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of programs: errors and debug lines to standard error, information
 * to standard output, as vzctl always did; a copy of all to the log file.
 */
#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *log_program = "vesper";
static int log_verbosity;
static int log_debugging;
static int log_fd = -1;
static unsigned int log_ct;

void log_init(const char *program, int verbosity)
{
	const char *env = getenv("VESPER_DEBUG");

	log_program = program;
	log_verbosity = verbosity;
	log_debugging = env && strcmp(env, "1") == 0;
}

void log_set_file(const char *path, unsigned int ct_id)
{
	if (log_fd >= 0)
		close(log_fd);
	log_fd = -1;
	log_ct = ct_id;
	if (path)
		log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

/* One write a line, so that lines of programs that run at once do not mix. */
static void log_to_file(const char *text)
{
	char when[40] = "", line[2400];
	time_t t = time(NULL);
	struct tm tm;
	int n;

	if (log_fd < 0)
		return;
	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S%z", &tm);
	if (log_ct)
		n = snprintf(line, sizeof(line), "%s %s : CT %u : %s\n", when, log_program, log_ct,
			     text);
	else
		n = snprintf(line, sizeof(line), "%s %s : %s\n", when, log_program, text);
	if (n >= (int)sizeof(line)) {
		n = (int)sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	if (n > 0)
		(void)!write(log_fd, line, (size_t)n);
}

void log_error(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", log_program, text);
	log_to_file(text);
}

void log_info(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	if (log_verbosity < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("%s\n", text);
	fflush(stdout);
	log_to_file(text);
}

void log_debug(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	if (!log_debugging && log_verbosity < 1)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: debug: %s\n", log_program, text);
	log_to_file(text);
}
