/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_PROGRESS_H
#define VESPER_VZTMPL_PROGRESS_H

#include <stdbool.h>
#include <time.h>

/*
 * What a person who waits sees on standard error: on a terminal one line that
 * is rewritten each second, elsewhere a line a step and one every 30 seconds.
 */
struct progress {
	const char *what;
	char step[128];
	bool quiet, tty;
	struct timespec start;
	long shown_sec; /* when the last line was printed */
};

void progress_start(struct progress *p, const char *what, bool quiet);
void progress_step(struct progress *p, const char *step);
void progress_tick(struct progress *p);
/* Ends the line on a terminal; elapsed time as text for a closing line. */
void progress_end(struct progress *p);
const char *progress_elapsed(const struct progress *p, char buf[16]);

#endif
