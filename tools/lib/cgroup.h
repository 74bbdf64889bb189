/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_CGROUP_H
#define VESPER_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

/*
 * Directories of the cgroup2 file system. A cgroup is its absolute path.
 *
 *	<root>/            controllers on, no processes
 *	<root>/CTID/       the VE: limits; nothing in it is the container's
 *	<root>/CTID/init/  delegated: root of the container's cgroup namespace
 *	.../init/vzctl-N/  a leaf of its own for each exec and enter
 *	<root>/CTID/vzctl-N/  the same where the container's tree takes none
 */

/* Make @root with every parent's and its own controllers switched on; -ENODEV without cgroup2. */
int cgroup_prepare_root(const char *root, struct err *err);

/* mkdir; -EEXIST is an error. */
int cgroup_make(const char *path, struct err *err);

/* Switch memory, cpu, io and pids on for the children of @path, as far as the kernel offers them. */
int cgroup_enable(const char *path, struct err *err);

/* Switch cpuset on in all that is above @path, so that @path has its files and nothing below has. */
int cgroup_enable_cpuset(const char *path, struct err *err);

/* Give @path to a container's root: the directory and what /sys/kernel/cgroup/delegate lists. */
int cgroup_delegate(const char *path, uid_t uid, gid_t gid, struct err *err);

int cgroup_write(const char *path, const char *file, const char *value, struct err *err);
/* The content without the last newline; caller frees. */
int cgroup_read(const char *path, const char *file, char **ret_value, struct err *err);

bool cgroup_exists(const char *path);

/*
 * Bound what a container can make below its root @path: each one takes one of
 * the 65535 ids that the kernel's memory controller has for the whole machine.
 */
#define CGROUP_DEPTH_MAX       "32"
#define CGROUP_DESCENDANTS_MAX "2048"
int cgroup_bound(const char *path, struct err *err);

/* SIGKILL to everything below. */
int cgroup_kill(const char *path, struct err *err);

/* Remove @path with all below, waiting up to @timeout_ms for dying tasks; a missing one is fine. */
int cgroup_remove(const char *path, int timeout_ms, struct err *err);

/* Remove the empty leaves of execs below @path whose process is gone. */
void cgroup_sweep_leaves(const char *path);

#endif
