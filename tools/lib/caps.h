/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_CAPS_H
#define VESPER_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * Capabilities of a container's root, all of them within the container's user
 * namespace. A set is a bit for each number.
 */
struct cap {
	const char *name; /* upper case, without CAP_ */
	unsigned int number;
	bool given;	 /* a container has it unless CAPABILITY says off */
	const char *why; /* given: for what; else: why it never can be */
};

extern const struct cap cap_table[];
extern const size_t cap_count;

/* One word of CAPABILITY, "net_admin:off" -> "NET_ADMIN:off"; contract in value.h. Exit code 13. */
int caps_value(const char *in, char **ret, struct err *err);

/*
 * The set of a container whose CAPABILITY is @list; NULL: none is taken away.
 * From those that are given, with @all from every one that the kernel has.
 */
int caps_load(const char *list, bool all, uint64_t *ret_set, struct err *err);

/* Bound this process and what it executes to @set; what it holds itself stays until exec. */
int caps_bound(uint64_t set, struct err *err);

#endif
