/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_CT_H
#define VESPER_CT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct err;

#define CT_ID_MAX      2147483644U /* the kernel's and OpenVZ's bound */
#define CT_ID_RESERVED 100U	   /* ids up to here are the system's by tradition */
#define CT_DEFAULT_ETC "/etc/vz"

/* The node: vz.conf and the places it names. Everything is owned. */
struct host {
	char *etc;	     /* /etc/vz */
	struct config *conf; /* vz.conf */
	char *lockdir;	     /* LOCKDIR */
	char *rundir;	     /* RUNDIR, /run/vz */
	char *cgroup;	     /* CGROUP_ROOT, /sys/fs/cgroup/vz.slice */
	char *template_dir;  /* TEMPLATE */
};

/* A sentence about what is done otherwise than asked for, which is no reason to fail. */
typedef void (*ct_warn_fn)(const char *sentence);

/* A container as its files describe it. Owned, but for host. */
struct ct {
	const struct host *host;
	uint32_t id;
	char idstr[11];
	char *conf_path;
	char *draft_path;	 /* the same of a container that is being made */
	struct config *conf;	 /* CTID.conf; empty when there is none */
	struct config *defaults; /* vz.conf with $VEID expanded */
	bool exists;		 /* CTID.conf is there */
	char *root;		 /* VE_ROOT */
	char *private_dir;	 /* VE_PRIVATE */
	char *cgroup;		 /* the VE's cgroup */
	int lock_fd;		 /* -EBADF: not locked */
	ct_warn_fn warn;	 /* NULL: nobody listens */
};

/* Read @etc/vz.conf. Exit code 10 when it is missing. */
int host_open(const char *etc, struct host **ret_host, struct err *err);
void host_close(struct host *host);
void host_closep(struct host **host);
#define _cleanup_host_ __attribute__((cleanup(host_closep)))

/* @s as a container id; -EINVAL no number, -ERANGE outside 1..CT_ID_MAX. */
int ct_parse_id(const char *s, uint32_t *ret_id);

/* The id of a number or a NAME (link in @etc/names). Exit code 21 for neither. */
int ct_resolve(const struct host *host, const char *id_or_name, uint32_t *ret_id, struct err *err);

/*
 * Open container @id; a missing configuration is no error here (see
 * ct_require()). A bad line in it is, with exit code 85.
 */
int ct_open(const struct host *host, uint32_t id, struct ct **ret_ct, struct err *err);

/* As ct_open() with an empty CTID.conf: the kernel knows a container whose file is bad. */
int ct_open_unread(const struct host *host, uint32_t id, struct ct **ret_ct, struct err *err);

/*
 * Another container than the command's, made or (@draft) being made: what its
 * file still says. 1 when that is not all, with the reason in @bad, which
 * names the file; then what it does not say is not known. -ENOENT: it is gone.
 */
int ct_open_other(const struct host *host, uint32_t id, bool draft, struct ct **ret_ct,
		  struct err *bad);
void ct_close(struct ct *ct);
void ct_closep(struct ct **ct);
#define _cleanup_ct_ __attribute__((cleanup(ct_closep)))

/* Recompute the paths after the configuration changed. */
int ct_refresh(struct ct *ct, struct err *err);

/* Exit code 14 when the container does not exist, 22/23 without VE_ROOT, VE_PRIVATE. */
int ct_require(const struct ct *ct, struct err *err);

/*
 * Exit code 9 when somebody else holds it; released by ct_close(). Reads
 * CTID.conf again: what ct_get() gave before is invalid.
 */
int ct_lock(struct ct *ct, struct err *err);

void ct_warn(const struct ct *ct, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A parameter: CTID.conf, else vz.conf, else NULL. Borrowed. */
const char *ct_get(const struct ct *ct, const char *key);

/* Write CTID.conf; exit code 139. */
int ct_store(struct ct *ct, struct err *err);

/*
 * The draft of a configuration, CTID.conf.creating, stands for a container that
 * is being made: it keeps its host ids, its private area and its name from
 * others, and tells who comes after a killed create what to remove. ct_publish()
 * makes it CTID.conf, in one step; exit code 139.
 */
int ct_store_draft(struct ct *ct, struct err *err);
int ct_publish(struct ct *ct, struct err *err);
/* Into ct->conf; -ENOENT when there is none. */
int ct_load_draft(struct ct *ct, struct err *err);
void ct_drop_draft(const struct ct *ct);
/* The ids that have one, ascending; caller frees. */
int ct_list_drafts(const struct host *host, uint32_t **ret_ids, size_t *ret_count, struct err *err);

/* Exit code 131 when another container has the name. */
int ct_check_name(const struct ct *ct, const char *name, struct err *err);

/* Make the link names/NAME -> CTID.conf (and drop the one of @old_name); exit code 131. */
int ct_set_name(struct ct *ct, const char *old_name, const char *name, struct err *err);

/* Keep other changes of this kind on the node away; a descriptor. Exit codes 9, 77. */
int host_lock(const struct host *host, const char *kind, struct err *err);

/* Every id with a configuration, ascending; caller frees. */
int ct_list(const struct host *host, uint32_t **ret_ids, size_t *ret_count, struct err *err);

/* With them every id that has a cgroup: it may run although its configuration is gone. */
int ct_list_all(const struct host *host, uint32_t **ret_ids, size_t *ret_count, struct err *err);

#endif
