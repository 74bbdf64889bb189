/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_LOG_H
#define VESPER_LOG_H

#include <stdint.h>

/*
 * Messages of programs. What is said has a level:
 *
 *	error	-1	standard error	whatever the verbosity
 *	info	0	standard output	unless quiet
 *	detail	1, 2	standard error	what is done; how long each part of it takes
 *
 * A line is shown up to the program's verbosity and goes to the log file, if
 * one is set, up to the file's own level. Libraries only give details. log_init()
 * is called once by main(), -1 is quiet; VESPER_DEBUG=1 in the environment shows
 * all details.
 */
void log_init(const char *program, int verbosity);

/*
 * A line in the file is "date program : CT id : text" (id 0: no CT part), in one
 * write, and whatever the text holds it is one line: what is no printable
 * character stands as \ooo. The file is opened for each line and only by the
 * process that named it: no child, which may be in a container by then, has it
 * open or looks its path up. One that cannot be written is left out; a detail says
 * so. @path is borrowed.
 */
void log_set_file(const char *path, int level, unsigned int ct_id);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For the file's level 0, but shown as a detail only. */
void log_record(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_detail(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Milliseconds, to tell how long something took. */
uint64_t log_clock_ms(void);

#endif
