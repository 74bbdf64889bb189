/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_LIFECYCLE_H
#define VESPER_LIFECYCLE_H

#include <stdbool.h>

struct ct;
struct err;

/* A line of progress for the user. */
typedef void (*lifecycle_note_fn)(const char *text);

struct lifecycle_opts {
	bool fast;		/* stop: kill at once */
	bool skip_umount;	/* stop: leave the disk mounted */
	bool supervised;	/* start: as a job of the supervisor, which gets init and console */
	lifecycle_note_fn note; /* NULL: silent */
};

#define STOP_TIMEOUT_DEFAULT 60

/* The caller holds the container's lock for all of these. */

/*
 * The disk on VE_ROOT, with the action scripts before and after (exit code 79); what
 * is mounted below it goes with it. Exit codes as area_mount() and area_umount().
 */
int ct_mount(struct ct *ct, struct err *err);
int ct_umount(struct ct *ct, struct err *err);

/* Is it mounted, scripts and all? What a command killed on the way left is unmounted first. */
int ct_is_mounted(struct ct *ct, bool *ret_mounted, struct err *err);

/* What action scripts mounted below VE_ROOT. Exit code 51. */
int ct_umount_below(const struct ct *ct, struct err *err);

/* Bring a container up; on failure everything is undone. Exit codes 32, 105 and the steps' own. */
int ct_start(struct ct *ct, const struct lifecycle_opts *opts, struct err *err);

/*
 * What a container is before its init is run, without its addresses, for as long as @act
 * takes: it is done in one that does not run. Exit codes as ct_start().
 */
typedef int (*lifecycle_act_fn)(struct ct *ct, void *arg, struct err *err);
int ct_act(struct ct *ct, lifecycle_act_fn act, void *arg, struct err *err);

/* Bring it down. Exit codes 31, 33. */
int ct_stop(struct ct *ct, const struct lifecycle_opts *opts, struct err *err);

/*
 * Remove what a container that ended by itself, or a tool that was killed,
 * left behind: processes, cgroup, network device, record, and the disk's mount
 * with @umount. Never touches a running one (-EBUSY).
 */
int ct_cleanup(struct ct *ct, bool umount, struct err *err);

/*
 * What the supervisor's job "ended" does: tidy up after an init that is gone,
 * unless somebody else has. *ret_again: the container asked for a reboot. Takes
 * the lock once it is free and there is still something to do; never waits for a
 * command that does it.
 */
int ct_ended(struct ct *ct, bool *ret_again, struct err *err);

#endif
