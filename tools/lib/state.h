/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_STATE_H
#define VESPER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct config;
struct ct;
struct err;

/*
 * What is known of a started container only at run time, in RUNDIR/CTID/state.
 * It survives the tool and not the boot: a record of another boot, or whose
 * process is gone or another one, does not load (-ENOENT).
 */
struct state {
	pid_t init_pid;
	uint64_t init_start; /* start time of that process, ticks since boot */
	uint64_t started;    /* seconds since the epoch */
	uint64_t dev_fs;     /* st_dev of its /dev */
	uint64_t caps;	     /* its capabilities, a bit each */
};

int state_store(const struct ct *ct, const struct state *st, struct err *err);
int state_load(const struct ct *ct, struct state *ret_st, struct err *err);
void state_remove(const struct ct *ct);

/* A descriptor of the namespace @name ("net", "uts") of the process that state_load() finds, of no other. */
int state_open_ns(const struct ct *ct, const char *name, struct err *err);

/* Of this boot or not, complete or not: somebody began to start it and nobody has tidied up. */
bool state_exists(const struct ct *ct);

/*
 * Parameters that were changed without --save: what is in effect is CTID.conf
 * with these over it. Gone with the record. Caller frees; empty when none.
 */
int state_load_changes(const struct ct *ct, struct config **ret_c, struct err *err);
int state_store_changes(const struct ct *ct, const struct config *c, struct err *err);

/* Start time of a process; -ESRCH when it is gone, another -errno when that cannot be seen. */
int state_process_start(pid_t pid, uint64_t *ret_ticks);

/* What `vzctl status` tells; never waits. */
struct ct_status {
	bool exists, mounted, running;
};

int state_status(const struct ct *ct, struct ct_status *ret_status, struct err *err);

/* As the kernel says; starting is not yet. */
bool state_is_running(const struct ct *ct);

/* Every mount point at one moment, for who asks about many containers. */
struct state_mounts;
int state_mounts_load(struct state_mounts **ret_mounts, struct err *err);
bool state_mounts_has(const struct state_mounts *mounts, const char *path);
void state_mounts_free(struct state_mounts *mounts);
void state_mounts_freep(struct state_mounts **mounts);
#define _cleanup_mounts_ __attribute__((cleanup(state_mounts_freep)))

/* Is something mounted exactly on @path? */
int state_is_mounted(const char *path, bool *ret_mounted, struct err *err);

/* What is mounted below @path, a mount before those in it; NULL for nothing. Caller frees. */
int state_mounts_below(const char *path, char ***ret_points, struct err *err);

#endif
