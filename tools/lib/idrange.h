/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_IDRANGE_H
#define VESPER_IDRANGE_H

#include <stddef.h>
#include <stdint.h>

struct ct;
struct err;
struct host;

/*
 * The host ids of a container: container id n is host id base + n, n < size.
 *
 * Ranges are taken from IDRANGE_FIRST..IDRANGE_LAST, a window that nothing on
 * a Debian host allocates from: above login users, above the sub-ids of
 * useradd(8) (100000..600100000), below 0x70000000, where systemd's container
 * range and then the signed 32-bit limit end. 3328 ranges of 262144 fit.
 */
#define IDRANGE_FIRST	 UINT32_C(0x3c000000)
#define IDRANGE_LAST	 UINT32_C(0x6fffffff)
#define IDRANGE_SIZE	 UINT32_C(262144)
#define IDRANGE_MIN_SIZE UINT32_C(65536)

struct idrange {
	uint32_t uid, gid, size;
};

/* The range recorded in the configuration (LOCAL_UID, LOCAL_GID, LOCAL_SIZE); exit code 85 when it is not valid. */
int idrange_load(const struct ct *ct, struct idrange *ret_range, struct err *err);

/*
 * Find a range for @ct that overlaps no other container's and none of
 * /etc/subuid and /etc/subgid, and put it into ct->conf; the caller holds the
 * lock of idrange_lock() until the configuration or its draft is on disk. A range that is
 * already set there is only checked. Where the file of another container does not tell which
 * ids it has, a warning names it and the range is the last free one of the window, not the
 * first, which is what that container once got; idrange_check_running() knows in the end.
 */
int idrange_choose(struct ct *ct, struct err *err);

/*
 * Does a container that has a cgroup, so that it runs or is being started, have
 * one of @ct's ids? A copied configuration brings the same ones. Exit code 85;
 * the caller holds the lock of idrange_lock() until @ct has its cgroup.
 */
int idrange_check_running(const struct ct *ct, struct err *err);

/* Note on @ct's cgroup which ids it runs with: others need not read its file, which may change. */
int idrange_mark(const struct ct *ct, const struct idrange *range, struct err *err);

/* A descriptor that keeps other allocations and starts away until it is closed; exit codes 9, 77. */
int idrange_lock(const struct host *host, struct err *err);

/* The first multiple of @size in the window that no used[] range touches; -ENOSPC. Pure, for tests. */
int idrange_find(const struct idrange *used, size_t count, uint32_t size, uint32_t *ret_base);
/* The last one. */
int idrange_find_last(const struct idrange *used, size_t count, uint32_t size, uint32_t *ret_base);

#endif
