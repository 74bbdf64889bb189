/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_SCRIPT_H
#define VESPER_SCRIPT_H

struct ct;
struct err;

/*
 * Action scripts beside the configuration of a container: programs that the
 * administrator has put there, for one container or for all.
 *
 *	vps.premount CTID.premount	host	before the disk is mounted
 *	vps.mount    CTID.mount		host	after that
 *	CTID.start			inside	after init was run
 *	CTID.stop			inside	before init is asked to halt
 *	CTID.umount  vps.umount		host	before the disk is unmounted
 *	CTID.postumount vps.postumount	host	after that
 *
 * They run as root: one that others may write, or whose directory they may, and
 * a link, is refused by name. A missing one is none. Exit code 79 for whatever fails.
 */
enum script { SCRIPT_PREMOUNT, SCRIPT_MOUNT, SCRIPT_UMOUNT, SCRIPT_POSTUMOUNT };

/*
 * Whether the file @fd, opened in the directory @dir, is root's alone to write.
 * "@what '@path'" stands in the sentence.
 */
int script_check_safe(int dir, int fd, const char *what, const char *path, struct err *err);

/* On the host, with VEID and VE_CONFFILE in the environment. */
int script_run_host(const struct ct *ct, enum script which, struct err *err);

/*
 * CTID.start or CTID.stop by the container's shell. The shell is the tenant's: its
 * time is @timeout_sec.
 */
int script_run_inside(const struct ct *ct, const char *action, int timeout_sec, struct err *err);

/* The scripts of a container that goes become NAME.destroyed: the next one with its id is another's. */
int script_retire(const struct ct *ct, struct err *err);

#endif
