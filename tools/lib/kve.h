/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_KVE_H
#define VESPER_KVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/*
 * The kernel's `ve` controller (docs/kernel-abi.md): the only file of the
 * tools that knows the names and words of ve.*. @cg is the VE's cgroup.
 */
enum kve_state { KVE_NONE, KVE_STARTING, KVE_RUNNING, KVE_STOPPING, KVE_STOPPED };

struct kve_ubc {
	uint64_t held, maxheld, barrier, limit, failcnt;
};

struct kve_events {
	char reason[16]; /* none, exit, signal, reboot, halt */
	int status;
};

/* Exit code 5, with one line, when the kernel gives cgroup @cg no ve.id. */
int kve_require(const char *cg, struct err *err);

int kve_set_id(const char *cg, uint32_t id, struct err *err);

/* Tell the kernel that process @pid is the init of the VE. */
int kve_start(const char *cg, pid_t pid, struct err *err);

/* -ENOENT: no such cgroup, or a kernel without the controller. */
int kve_get_state(const char *cg, enum kve_state *ret_state);

/* Wait until the state is @want or a later one; -ETIMEDOUT without a sentence. */
int kve_wait(const char *cg, enum kve_state want, int timeout_ms, struct err *err);

int kve_get_events(const char *cg, struct kve_events *ret_ev, struct err *err);

/* @access: "r", "rw", "quota", or "-" to take the grant back. */
int kve_grant_device(const char *cg, dev_t dev, const char *access, struct err *err);

/* The block devices that are granted, in any mode; caller frees. */
int kve_get_devices(const char *cg, dev_t **ret_devs, size_t *ret_count, struct err *err);

/* Whether the container sees that it is one: /proc/vz and what goes with it. */
int kve_set_marker(const char *cg, bool shown, struct err *err);

int kve_set_limit(const char *cg, const char *resource, uint64_t barrier, uint64_t limit,
		  struct err *err);

/* All readings at one moment, as text for kve_find_ubc(); caller frees. */
int kve_read_ubc(const char *cg, char **ret_stat, struct err *err);

/* -ENOENT for a resource that the kernel does not count. "max" is SIZE_UNLIMITED. */
int kve_find_ubc(const char *stat, const char *resource, struct kve_ubc *ret_ubc);

#endif
