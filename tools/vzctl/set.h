/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VZCTL_SET_H
#define VZCTL_SET_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct ctx;
struct err;
struct former;
struct param;

/* What one `vzctl set` is to do. */
struct set {
	struct ctx *ctx;
	bool save, force, reset_ub, restart, offline;
	bool disk_pending; /* it gets smaller at the next stop */
	const char *sample_name, *setmode;
	struct config *sample;	      /* what values of changes are borrowed from */
	const struct config *unsaved; /* what is in effect and not in the file */
	const char *ifname;	      /* what the last --ifname named */
	bool ifname_alone;	      /* and nothing has changed it yet */
	struct change {
		const struct param *p; /* NULL: a key that nobody knows, from a sample */
		const char *key, *value;
		const char *ifname; /* the device that --ifname named before it */
		bool stored;	    /* @value has the form that it is stored in */
	} changes[128];
	size_t count;
	struct {
		const struct param *p;
		char *value;
	} actions[16];
	size_t n_actions;
	struct former *former; /* of a running container's files, when they are to change; owned */
};

/* One more; exit code 20 when it is too many. */
int set_add(struct set *s, struct change change, struct err *err);

/* --applyconfig: the keys of the sample as changes, in front of what the command line has. Exit code 109. */
int set_add_sample(struct set *s, struct err *err);

/* --reset_ub: exit code 31 when it does not run. */
int set_reset_ub(struct ctx *ctx, struct err *err);

#endif
