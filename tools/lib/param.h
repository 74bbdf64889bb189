/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_PARAM_H
#define VESPER_PARAM_H

#include <stdbool.h>
#include <stddef.h>

struct ct;
struct err;

/*
 * THE table of container parameters: options of create and set, keys of
 * CTID.conf and vz.conf, how each is checked, stored and put into effect. What
 * is not supported yet is in it too, so that one line refuses it by name.
 */
enum {
	PARAM_SET = 1 << 0,	/* option of vzctl set */
	PARAM_CREATE = 1 << 1,	/* option of vzctl create */
	PARAM_LIST = 1 << 2,	/* repeatable; stored with blanks between */
	PARAM_DEL = 1 << 3,	/* takes values off the list ("all": every one) */
	PARAM_REFUSED = 1 << 4, /* known and not supported yet */
	PARAM_STORED = 1 << 5,	/* means something only with --save */
	PARAM_NODE = 1 << 6,	/* key of vz.conf only */
	PARAM_FLAG = 1 << 7,	/* option without an argument */
	PARAM_CT = 1 << 8,	/* key of CTID.conf without an option */
	PARAM_KEYED = 1 << 9,	/* list of NAME:VALUE; a new value takes the place of the old one */
	PARAM_RESTART = 1 << 10, /* takes effect in a start only */
	PARAM_NETIF = 1 << 11,	 /* of a network device: param_change_netif() */
	PARAM_DEVICES = 1 << 12, /* its rows are put into effect together, and taken back so */
	PARAM_TARGET = 1 << 13, /* list whose items are told apart by what follows their last ':' */
	PARAM_ACTION = 1 << 14, /* done inside the container, by apply; not stored */
	PARAM_UNIQUE = 1 << 15, /* of a list of addresses: one that is there is refused */
	PARAM_STOPPED = 1 << 16, /* only of a container that neither runs nor is mounted */
	PARAM_DISK = 1 << 17,	 /* of the disk, which is changed whether it runs or not */
};

/* When a stored value takes effect in a start; files are written by its step "distribution", not by apply. */
enum param_phase { PHASE_NONE, PHASE_CGROUP, PHASE_FILES, PHASE_NET };

struct param {
	const char *key;    /* NULL: not stored */
	const char *option; /* NULL: configuration only */
	char letter;	    /* legacy one-letter option of set, 0: none */
	const char *arg;    /* its argument in help, NULL: none */
	unsigned int flags;
	int exit_code; /* when the value is bad, cannot be applied, or is refused */
	enum param_phase phase;
	int (*parse)(const char *in, char **ret_stored, struct err *err);
	/* Old value or NULL, new value or NULL; the container's cgroup (and, past PHASE_CGROUP, its init) exists. */
	int (*apply)(struct ct *ct, const char *old, const char *value, struct err *err);
	/* A line for the user about what @value really does, NULL for none; caller frees. */
	char *(*note)(const char *value);
	const char *summary; /* or, when refused, what takes its place */
};

extern const struct param params[];
extern const size_t param_count;

const struct param *param_by_option(const char *option, unsigned int flags);
const struct param *param_by_key(const char *key);

/* Put one option into ct->conf: checks it, merges lists. Nothing is stored or applied. */
int param_change(struct ct *ct, const struct param *p, const char *value, struct err *err);

/* Is @value on the list that @p is of? */
bool param_has(const struct ct *ct, const struct param *p, const char *value);

/* param_change() for an option with PARAM_NETIF, of the device that --ifname named before it (NULL: none did). */
int param_change_netif(struct ct *ct, const struct param *p, const char *ifname, const char *value,
		       struct err *err);

/* The sentence and exit code of an option that is not supported yet. */
int param_refuse(const struct param *p, struct err *err);

/* Put the stored form of @value into ct->conf, as a sample has it. */
int param_store(struct ct *ct, const struct param *p, const char *value, struct err *err);

/* What values do not allow each other: memory without swap (28), nodes without CPUs (2). */
int param_check_pairs(const struct ct *ct, struct err *err);

/* Check every value in the files that a start would use; exit code 85. */
int param_check_all(const struct ct *ct, struct err *err);

/* Put every stored value of @phase into effect on the starting container. */
int param_apply_phase(struct ct *ct, enum param_phase phase, struct err *err);

#endif
