/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_CTSNAP_H
#define VESPER_CTSNAP_H

/*
 * Snapshots of a container's disk, with what VE_PRIVATE has for each: its name in
 * Snapshots.xml, the configuration of then in dump/{GUID}.ve.conf.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ploop.h"

struct config;
struct ct;
struct err;

struct ctsnap {
	char guid[PLOOP_GUID_BYTES];
	char parent[PLOOP_GUID_BYTES];	 /* empty: none */
	bool current;			 /* the disk stands on it */
	bool temporary;			 /* being deleted */
	char *name, *description, *date; /* anybody's bytes; owned */
};

/*
 * As the descriptor has them. A Snapshots.xml that cannot be read is told to
 * ct->warn, and they have no names. Caller frees the list.
 */
int ctsnap_list(const struct ct *ct, struct ctsnap **ret, size_t *ret_count, struct err *err);
void ctsnap_list_free(struct ctsnap *list, size_t count);

/* The caller holds the container's lock for the following, where they change something. */

struct ctsnap_opts {
	const char *name, *description; /* no control characters; NULL: none */
	bool skip_config;		/* do not keep the configuration */
};

/* Of a container in whatever state. An empty GUID becomes a new one. Exit codes 43, 156. */
int ctsnap_create(struct ct *ct, char guid[PLOOP_GUID_BYTES], const struct ctsnap_opts *opts,
		  struct err *err);

/*
 * Can one go back to that one? *ret_conf is the configuration that comes back
 * with it, NULL when none was kept; what belongs to the place and not to the
 * time (paths, host ids, name) is as it is now. Exit codes 43, 85, 159.
 */
int ctsnap_look(struct ct *ct, const char *guid, bool skip_config, struct config **ret_conf,
		struct err *err);

/* Go back, of an unmounted container; takes @conf, which may be NULL. Exit codes 139, 159. */
int ctsnap_switch(struct ct *ct, const char *guid, struct config *conf, struct err *err);

/* Exit codes 43, 158. */
int ctsnap_delete(struct ct *ct, const char *guid, struct err *err);

/* Mount it for reading. Exit codes 41 when it is already, 43, 160. */
int ctsnap_mount(const struct ct *ct, const char *guid, const char *target, struct err *err);

/* Exit codes 40, 161. */
int ctsnap_umount(const struct ct *ct, const char *guid, struct err *err);

/* Where it is mounted; caller frees. -ENOENT when it is not. */
int ctsnap_mount_point(const struct ct *ct, const char *guid, char **ret_target, dev_t *ret_dev,
		       struct err *err);

/* Exit code 41 when one of them is mounted somewhere. What cannot be looked at is not. */
int ctsnap_check_unmounted(const struct ct *ct, struct err *err);

#endif
