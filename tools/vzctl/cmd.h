/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VZCTL_CMD_H
#define VZCTL_CMD_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct ct;
struct err;
struct host;
struct param;

/* What every command gets: the node, its container, and the global flags. */
struct ctx {
	struct host *host;
	struct ct *ct;
	bool quiet, skip_lock;
	int verbose;	      /* how often it was said */
	bool supervised;      /* a job of the supervisor */
	const char *flags[8]; /* those that jobs of this command are to have */
};

/*
 * argv[0] is the command's name, the rest are its arguments without the id.
 * Returns the exit code (>= 0), or -errno with err set.
 */
typedef int (*cmd_fn)(struct ctx *ctx, int argc, char **argv, struct err *err);

int cmd_create(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_destroy(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_start(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_stop(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_restart(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_mount(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_umount(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_status(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_exec(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_enter(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_convert(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_compact(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_set(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_runscript(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_console(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_snapshot(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_snapshot_switch(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_snapshot_delete(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_snapshot_list(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_snapshot_mount(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_snapshot_umount(struct ctx *ctx, int argc, char **argv, struct err *err);

/* Jobs of the supervisor, no commands of a person. */
int cmd_ended(struct ctx *ctx, int argc, char **argv, struct err *err);
int cmd_adopt(struct ctx *ctx, int argc, char **argv, struct err *err);

/* A container that runs gets a supervisor if it has none; failure is no failure of the command. */
void cmd_adopt_if_alone(struct ctx *ctx);

/* Options that are no parameters, for --list-options and the commands' own parsing. */
struct cmd_option {
	const char *command, *option; /* of one letter: "-H" and not "--H" */
	const char *arg;	      /* what it takes, NULL: nothing */
	int refused;		      /* exit code, 0: supported */
};

extern const struct cmd_option cmd_options[];

/* Parse options of a command that takes only rows of cmd_options; @found gets one call for each. */
typedef void (*cmd_option_fn)(void *arg, const char *option, const char *value);
int cmd_parse(int argc, char **argv, cmd_option_fn found, void *arg, struct err *err);

/* Parse options that are parameters with @flags (and rows of cmd_options). */
typedef int (*cmd_param_fn)(void *arg, const struct param *p, const char *value, struct err *err);
int cmd_parse_params(int argc, char **argv, unsigned int flags, cmd_param_fn param,
		     cmd_option_fn found, void *arg, struct err *err);

/* A line on standard output unless --quiet, and in the log. */
void cmd_say(const struct ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As a lifecycle_note_fn; quiet when the program is. */
void cmd_note(const char *text);

/* The templates or the samples that create can take, a line each: for completion. */
int names_print(const char *etc, bool samples, struct err *err);

int cmd_lock(struct ctx *ctx, struct err *err);

/* Locked, the container is there; is its disk mounted? */
int cmd_lock_disk(struct ctx *ctx, bool *ret_mounted, struct err *err);

/* "UUID" or "{UUID}" in an option into @ret, with 39 bytes of room. Exit code 21. */
int cmd_parse_guid(const char *command, const char *s, char *ret, struct err *err);

/* Name what is in the configuration and has no effect, on standard error. */
void cmd_say_unsupported(const struct ctx *ctx);

/* The sample @name, $VEID expanded; exit codes 21, 82, 85. Caller frees. */
int cmd_load_sample(const struct ct *ct, const char *name, struct config **ret_conf,
		    struct err *err);

/*
 * What the argument of an option with PARAM_ACTION means: the keys in the file that
 * it names, the password from standard input. A password in the argument itself is
 * overwritten there, so that no process list shows it. Caller wipes and frees.
 */
int cmd_action_value(const struct param *p, const char *in, char **ret_value, struct err *err);

#endif
