/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_SYSFILTER_H
#define VESPER_SYSFILTER_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct sysfilter;

/*
 * The system calls that a container's processes do not get, as one seccomp
 * filter over all architectures that the kernel runs. All else is allowed: it
 * is a machine, not a service.
 */
struct sysfilter_rule {
	const char *call;
	int error;	 /* what it returns, positive */
	bool if_arg2;	 /* only when its third argument is not 0 */
	const char *why; /* it is refused, and by that error */
};

extern const struct sysfilter_rule sysfilter_rules[];
extern const size_t sysfilter_count;

/* Build the filter, which takes memory and time: in the parent, once. */
int sysfilter_new(struct sysfilter **ret_filter, struct err *err);
void sysfilter_free(struct sysfilter *filter);

/*
 * Put this process and all it starts under it, for good. Wants CAP_SYS_ADMIN
 * in its user namespace, because no_new_privs stays off: sudo works inside.
 */
int sysfilter_load(const struct sysfilter *filter, struct err *err);

/* The program as struct sock_filter, for tests. */
int sysfilter_export(const struct sysfilter *filter, int fd, struct err *err);

#endif
