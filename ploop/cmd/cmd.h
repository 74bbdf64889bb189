/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PLOOP_CMD_H
#define PLOOP_CMD_H

/* The commands of ploop(8). A handler returns 0 or a negative code with the sentence and exit code in err. */

#include <stdbool.h>
#include <stdint.h>

#include "ploop.h"

struct err;

/* Exit codes that OpenVZ's ploop promises (SYSEXIT_*). */
enum {
	PLOOP_EXIT_CREATE = 1,
	PLOOP_EXIT_DEVICE = 2,
	PLOOP_EXIT_DEVICE_IOCTL = 3,
	PLOOP_EXIT_OPEN = 4,
	PLOOP_EXIT_READ = 6,
	PLOOP_EXIT_WRITE = 7,
	PLOOP_EXIT_FORMAT = 11,
	PLOOP_EXIT_PROTOCOL = 13,
	PLOOP_EXIT_LOOP = 14,
	PLOOP_EXIT_BUSY = 17,
	PLOOP_EXIT_FALLOCATE = 20,
	PLOOP_EXIT_MOUNT = 21,
	PLOOP_EXIT_UMOUNT = 22,
	PLOOP_EXIT_RESIZE = 26,
	PLOOP_EXIT_ABORT = 29,
	PLOOP_EXIT_GPT = 33,
	PLOOP_EXIT_IN_USE = 37,
	PLOOP_EXIT_PARAM = 38,
	PLOOP_EXIT_DESCRIPTOR = 39,
	PLOOP_EXIT_NOT_MOUNTED = 40,
	PLOOP_EXIT_FSCK = 41,
	PLOOP_EXIT_NO_SNAPSHOT = 43,
	PLOOP_EXIT_UMOUNT_BUSY = 46,
};

/* An option of OpenVZ's ploop that does nothing here yet: refused by its name. */
struct refused {
	char letter;
	const char *name, *why;
};

int cmd_init(int argc, char **argv, struct err *err);
int cmd_info(int argc, char **argv, struct err *err);
int cmd_convert(int argc, char **argv, struct err *err);
int cmd_copy(int argc, char **argv, struct err *err);
int cmd_check(int argc, char **argv, struct err *err);
int cmd_list(int argc, char **argv, struct err *err);
int cmd_mount(int argc, char **argv, struct err *err);
int cmd_stat(int argc, char **argv, struct err *err);
int cmd_umount(int argc, char **argv, struct err *err);
int cmd_balloon(int argc, char **argv, struct err *err);
int cmd_point(int argc, char **argv, struct err *err);
int cmd_point_delete(int argc, char **argv, struct err *err);
int cmd_point_list(int argc, char **argv, struct err *err);
int cmd_replace(int argc, char **argv, struct err *err);
int cmd_restore_descriptor(int argc, char **argv, struct err *err);
int cmd_resize(int argc, char **argv, struct err *err);
int cmd_serve(int argc, char **argv, struct err *err);
int cmd_snapshot(int argc, char **argv, struct err *err);
int cmd_snapshot_delete(int argc, char **argv, struct err *err);
int cmd_snapshot_list(int argc, char **argv, struct err *err);
int cmd_snapshot_merge(int argc, char **argv, struct err *err);
int cmd_snapshot_switch(int argc, char **argv, struct err *err);

/* "raw" and so on, and back; false: there is none of that name. */
const char *cmd_format_name(enum ploop_format format);
bool cmd_parse_format(const char *s, enum ploop_format *ret);

/* Of the format: 1 or 2. */
int cmd_parse_version(const char *s, unsigned int *ret, struct err *err);

/* A UUID given by a person. */
int cmd_parse_guid(const char *s, char ret[PLOOP_GUID_BYTES], struct err *err);

/* "try 'ploop COMMAND --help'" with the exit code of wrong parameters. */
int cmd_usage(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What getopt_long() just did not like, in a sentence. */
int cmd_bad_option(struct err *err, char *const *argv, int c);

/* The exit code for a failed open: by what the code says. */
int cmd_open_failed(struct err *err);

#endif
