/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_DIST_H
#define VESPER_DIST_H

#include <stdbool.h>

struct ct;
struct dist_shell;
struct err;

/*
 * Distribution scripts: how the files of a distribution are set, by those who
 * know better than osdep.h. Of the container's DISTRIBUTION, else OSTEMPLATE,
 * "debian-12-x86_64", the first of
 *
 *	dists/debian-12-x86_64.conf  dists/debian-12.conf  dists/debian.conf  dists/default.conf
 *
 * that is there names for each action a file in dists/scripts, or none:
 *
 *	ADD_IP DEL_IP SET_HOSTNAME SET_DNS SET_USERPASS PRE_START	inside
 *	POST_CREATE							host
 *
 * dists/scripts/functions stands before every one. A script takes the place of
 * what vzctl does for the action by itself (osdep.h); the families that we build have
 * them. Inside means the container's shell, its namespaces, ids and confinement, in a
 * start before there is an init.
 *
 * Files that others than root may write are refused. Exit codes: 107 there is no
 * such configuration or it is not safe, 85 something in it is wrong, 108 a script is
 * missing or not safe, 15 it did not end in time, or the action's own: 34, 70, 72,
 * 74, 79. Without a directory dists there is no script of anything.
 */
enum dist_action {
	DIST_ADD_IP,
	DIST_DEL_IP,
	DIST_SET_HOSTNAME,
	DIST_SET_DNS,
	DIST_SET_USERPASS,
	DIST_PRE_START,
	DIST_POST_CREATE,
	DIST_ACTIONS
};

#define DIST_TIMEOUT_DEFAULT 300

/* What there is for an action; both are owned. */
struct dist_script {
	char *path;
	char *text; /* with the functions before it */
};

#define DIST_SCRIPT_INIT   \
	{                  \
		NULL, NULL \
	}

void dist_script_free(struct dist_script *s);
#define _cleanup_dist_script_ __attribute__((cleanup(dist_script_free)))

const char *dist_name(enum dist_action action);

/* 1 and the script, or 0 when none is named. */
int dist_find(const struct ct *ct, enum dist_action action, struct dist_script *ret_script,
	      struct err *err);

/* The same without the script. */
int dist_has(const struct ct *ct, enum dist_action action, struct err *err);

/* All that is named is there; a warning names each action of OpenVZ's that is not done. */
int dist_check(const struct ct *ct, struct err *err);

/*
 * The scripts of one command in one container, which share a shell of it.
 * @starting: in a container whose init has not been run.
 */
struct dist_run {
	const struct ct *ct;
	bool starting;
	bool hung; /* one did in this start: it would again, and no other is asked */
	struct dist_shell *shell;
};

#define DIST_RUN(ct, starting)            \
	{                                 \
		ct, starting, false, NULL \
	}

void dist_run_end(struct dist_run *run);
#define _cleanup_dist_run_ __attribute__((cleanup(dist_run_end)))

/*
 * Run the script of an action: 1 when it did, 0 when none is named, or, PRE_START
 * aside, when the container has no shell. In a start one that failed, or hung, is told
 * and 0 too, but for PRE_START and a password. Nothing is asked of a script when the
 * container has no host name, no DNS server, or addresses do not change.
 */
int dist_hostname(struct dist_run *run, struct err *err);
int dist_dns(struct dist_run *run, struct err *err);
int dist_userpasswd(struct dist_run *run, const char *userpw, struct err *err);
int dist_pre_start(struct dist_run *run, struct err *err);

/*
 * ADD_IP with all addresses in a start; else DEL_IP with those of the list @before
 * that are not in @after, then ADD_IP with the new ones. Either is told the whole list
 * that is to be after it, too. After an ADD_IP that failed the opposite one is asked
 * for the same addresses, and for those before them; a DEL_IP that failed is told.
 */
int dist_addresses(struct dist_run *run, const char *before, const char *after, struct err *err);

/*
 * POST_CREATE on the host, in the disk of a container that is not mounted: it is for
 * this script alone, no link in it is followed and no program of it runs.
 */
int dist_post_create(const struct ct *ct, struct err *err);

#endif
