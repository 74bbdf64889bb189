/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_CPUSET_H
#define VESPER_CPUSET_H

#include <stdint.h>

struct ct;
struct err;

/*
 * On which CPUs a container runs (CPUMASK: a list as "0-3,5", "all", "auto")
 * and on which NUMA nodes its memory is (NODEMASK: a list, "all"): the cpuset
 * files of its cgroup. "auto" is the CPUs of the nodes in NODEMASK.
 */

#define CPUSET_MAX 4096 /* numbers that a list may hold: 0 to this less one */

struct cpuset {
	uint64_t bits[CPUSET_MAX / 64];
};

/* A list as the kernel writes them; -EINVAL for anything else, the empty one included. */
int cpuset_parse(const char *list, struct cpuset *ret_set);

/* The list in its shortest form; caller frees; NULL without memory. */
char *cpuset_format(const struct cpuset *set);

/* Parsers of struct param: every number is one that this node has online. */
int value_cpumask(const char *in, char **ret, struct err *err);
int value_nodemask(const char *in, char **ret, struct err *err);

/* Both or none, and "auto" has its nodes: exit code 2. */
int cpuset_check(const struct ct *ct, struct err *err);

int apply_cpumask(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_nodemask(struct ct *ct, const char *old, const char *value, struct err *err);

#endif
