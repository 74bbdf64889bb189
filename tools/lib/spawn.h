/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_SPAWN_H
#define VESPER_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "idrange.h"

struct confine;
struct devices;
struct err;

/*
 * The first process of a container. spawn_prepare() brings it up to the point
 * where everything of its own is done (namespaces, ids, root, mounts, host
 * name) and it waits; what must be done from outside (network, ve.state) comes
 * then; spawn_exec() lets it become init and knows whether that worked.
 */
struct spawn_opts {
	const char *root;   /* the container's disk, mounted in the host */
	const char *cgroup; /* cgroup it is born in, root of its cgroup namespace */
	const char *hostname;
	const char *binds; /* what of the host it sees, see bindmount.h; NULL: nothing */
	const struct devices *devices; /* nodes in its /dev */
	const struct confine *confine;
	bool vzmarker; /* its environment says that it is OpenVZ's */
	struct idrange ids;
};

struct spawn {
	pid_t pid; /* 0: none */
	int sock;
	int console; /* master of the container's /dev/console */
};

#define SPAWN_INIT                \
	{                         \
		0, -EBADF, -EBADF \
	}

int spawn_prepare(const struct spawn_opts *opts, struct spawn *ret_child, struct err *err);

/* Exit code 47 when the disk has no init. */
int spawn_exec(struct spawn *child, struct err *err);

/* Kill and reap a child that did not get to be init; fine with none. */
void spawn_abort(struct spawn *child);

/* Close our side, the console too; the container goes on. */
void spawn_release(struct spawn *child);

/*
 * What every process that becomes the container's sheds. Limits, nice value
 * and OOM score while it still has the host's rights (raising one needs them);
 * signal dispositions and mask, umask, the caller's keyring as the last thing
 * before exec.
 */
void spawn_reset_limits(void);
void spawn_reset_process(void);

#endif
