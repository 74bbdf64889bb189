/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_LOG_H
#define VESPER_LOG_H

/*
 * Messages of programs (libraries never log above debug). log_init() is
 * called once by main(); -1 quiet, 0 normal, 1 and up verbose. VESPER_DEBUG=1
 * in the environment turns debug lines on. Errors and debug lines go to
 * standard error, information to standard output. A log file, when set, gets
 * every line that is shown as "date program : CT id : text" (id 0: no CT part);
 * one that cannot be opened is left out.
 */
void log_init(const char *program, int verbosity);
void log_set_file(const char *path, unsigned int ct_id);
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
