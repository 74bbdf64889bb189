/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "strbuf.h"

#define TEXT_MAX  2048
#define LEVEL_ALL 2

static const char *log_program = "vesper";
static int log_verbosity;

static struct {
	const char *path; /* NULL: no file */
	int level;
	unsigned int ct_id;
	pid_t owner;
	bool failed; /* it has been said */
} file;

void log_init(const char *program, int verbosity)
{
	const char *env = getenv("VESPER_DEBUG");

	log_program = program;
	log_verbosity = env && strcmp(env, "1") == 0 ? LEVEL_ALL : verbosity;
}

void log_set_file(const char *path, int level, unsigned int ct_id)
{
	file.path = path;
	file.level = level;
	file.ct_id = ct_id;
	file.owner = getpid();
	file.failed = false;
}

uint64_t log_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Bytes of the character at @s that a viewer may show, 0 when it is none. */
static size_t printable(const unsigned char *s)
{
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2, i;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* U+0080 to U+009F control terminals as well, and U+2028, U+2029 end lines. */
	if ((s[0] == 0xc2 && s[1] < 0xa0) ||
	    (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9)))
		return 0;
	return n;
}

static void add_printable(struct strbuf *b, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	for (; *s; s += n ? n : 1) {
		n = printable(s);
		if (n)
			strbuf_addn(b, (const char *)s, n);
		else
			strbuf_addf(b, "\\%03o", *s);
	}
}

static int append(const char *line)
{
	_cleanup_close_ int fd = open(
		file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	size_t len = strlen(line);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* A pipe may have nobody who reads it, which would end us. */
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	/* One write a line, so that lines of programs that run at once do not mix. */
	return write(fd, line, len) == (ssize_t)len ? 0 : -EIO;
}

static void log_to_file(int level, const char *text)
{
	_cleanup_free_ char *line = NULL;
	struct strbuf b = STRBUF_INIT;
	char when[40] = "";
	time_t t = time(NULL);
	struct tm tm;

	if (!file.path || level > file.level || file.owner != getpid())
		return;
	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S%z", &tm);
	strbuf_addf(&b, "%s %s : ", when, log_program);
	if (file.ct_id)
		strbuf_addf(&b, "CT %u : ", file.ct_id);
	add_printable(&b, text);
	strbuf_addc(&b, '\n');
	line = strbuf_steal(&b);
	if (line && append(line) < 0 && !file.failed) {
		file.failed = true;
		log_detail(1, "the log '%s' cannot be written", file.path);
	}
}

static void say(int shown_level, int file_level, const char *fmt, va_list ap)
{
	int saved = errno;
	char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (shown_level == 0 && log_verbosity >= 0)
		printf("%s\n", text);
	fflush(stdout);
	if (shown_level != 0 && log_verbosity >= shown_level)
		fprintf(stderr, "%s: %s\n", log_program, text);
	log_to_file(file_level, text);
	errno = saved;
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(-1, -1, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(0, 0, fmt, ap);
	va_end(ap);
}

void log_record(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(1, 0, fmt, ap);
	va_end(ap);
}

void log_detail(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(level, level, fmt, ap);
	va_end(ap);
}
