/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEARTBEAT_SEC 30

static long elapsed_sec(const struct progress *p)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)(now.tv_sec - p->start.tv_sec);
}

const char *progress_elapsed(const struct progress *p, char buf[16])
{
	unsigned int sec = (unsigned int)elapsed_sec(p);

	snprintf(buf, 16, "%u:%02u", sec / 60, sec % 60);
	return buf;
}

static void show(struct progress *p)
{
	char buf[16];

	p->shown_sec = elapsed_sec(p);
	if (p->tty)
		fprintf(stderr, "\r\033[Kvztmpl: %s: %s  %s ", p->what, p->step,
			progress_elapsed(p, buf));
	else
		fprintf(stderr, "vztmpl: %s: %s (%s)\n", p->what, p->step,
			progress_elapsed(p, buf));
	fflush(stderr);
}

void progress_start(struct progress *p, const char *what, bool quiet)
{
	memset(p, 0, sizeof(*p));
	p->what = what;
	p->quiet = quiet;
	p->tty = isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &p->start);
}

void progress_step(struct progress *p, const char *step)
{
	snprintf(p->step, sizeof(p->step), "%s", step);
	if (!p->quiet)
		show(p);
}

void progress_tick(struct progress *p)
{
	long pause = p->tty ? 1 : HEARTBEAT_SEC;

	if (!p->quiet && elapsed_sec(p) - p->shown_sec >= pause)
		show(p);
}

void progress_end(struct progress *p)
{
	if (p->tty && !p->quiet)
		fputs("\r\033[K", stderr);
}
