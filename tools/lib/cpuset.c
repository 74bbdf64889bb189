/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cpuset.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"
#include "path.h"
#include "strbuf.h"

#define CPUS_ONLINE    "/sys/devices/system/cpu/online"
#define NODES_ONLINE   "/sys/devices/system/node/online"
#define LIST_MAX_BYTES (CPUSET_MAX * 5)

static bool has(const struct cpuset *set, unsigned int n)
{
	return set->bits[n / 64] >> (n % 64) & 1;
}

static int parse_number(const char **s, unsigned int *ret)
{
	unsigned int n = 0;

	if (!isdigit((unsigned char)**s))
		return -EINVAL;
	for (; isdigit((unsigned char)**s); (*s)++) {
		n = 10 * n + (**s - '0');
		if (n >= CPUSET_MAX)
			return -EINVAL;
	}
	*ret = n;
	return 0;
}

int cpuset_parse(const char *list, struct cpuset *ret_set)
{
	struct cpuset set = {0};
	const char *s = list;

	for (;; s++) {
		unsigned int first, last;

		if (parse_number(&s, &first) < 0)
			return -EINVAL;
		last = first;
		if (*s == '-') {
			s++;
			if (parse_number(&s, &last) < 0 || last < first)
				return -EINVAL;
		}
		for (; first <= last; first++)
			set.bits[first / 64] |= UINT64_C(1) << (first % 64);
		if (!*s)
			break;
		if (*s != ',')
			return -EINVAL;
	}
	*ret_set = set;
	return 0;
}

char *cpuset_format(const struct cpuset *set)
{
	struct strbuf b = STRBUF_INIT;
	unsigned int n, last;

	for (n = 0; n < CPUSET_MAX; n = last + 1) {
		last = n;
		if (!has(set, n))
			continue;
		while (last + 1 < CPUSET_MAX && has(set, last + 1))
			last++;
		strbuf_addf(&b, "%s%u", b.len ? "," : "", n);
		if (last > n)
			strbuf_addf(&b, "-%u", last);
	}
	return strbuf_steal(&b);
}

/* The list in a file of sysfs. A kernel without NUMA has one node and no file. */
static int read_set(const char *path, struct cpuset *ret_set, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = io_read_file(AT_FDCWD, path, LIST_MAX_BYTES, &text, &len, err);

	if (r == -ENOENT && strcmp(path, NODES_ONLINE) == 0)
		return cpuset_parse("0", ret_set);
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	*ret_set = (struct cpuset){0};
	/* A node of memory alone has no CPUs. */
	r = *text ? cpuset_parse(text, ret_set) : 0;
	return r < 0 ? err_set(err, EINVAL, "'%s' has no list of numbers", path) : 0;
}

static int value_set(const char *in, const char *what, const char *online, char **ret,
		     struct err *err)
{
	_cleanup_free_ char *here = NULL;
	struct cpuset set, node;
	unsigned int n;
	int r;

	if (cpuset_parse(in, &set) < 0)
		return err_set(err, EINVAL, "'%s' is not a list of %ss, as 0-3,5", in, what);
	r = read_set(online, &node, err);
	if (r < 0)
		return r;
	for (n = 0; n < CPUSET_MAX; n++) {
		if (!has(&set, n) || has(&node, n))
			continue;
		here = cpuset_format(&node);
		return err_set(err, EINVAL, "this host has no %s %u (it has %s)", what, n,
			       here ? here : "others");
	}
	*ret = cpuset_format(&set);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int value_word(const char *in, char **ret, struct err *err)
{
	*ret = strdup(in);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

int value_cpumask(const char *in, char **ret, struct err *err)
{
	if (strcmp(in, "all") == 0 || strcmp(in, "auto") == 0)
		return value_word(in, ret, err);
	return value_set(in, "CPU", CPUS_ONLINE, ret, err);
}

int value_nodemask(const char *in, char **ret, struct err *err)
{
	if (strcmp(in, "all") == 0)
		return value_word(in, ret, err);
	return value_set(in, "NUMA node", NODES_ONLINE, ret, err);
}

static bool is_set(const char *value)
{
	return value && *value;
}

int cpuset_check(const struct ct *ct, struct err *err)
{
	const char *cpus = ct_get(ct, "CPUMASK"), *nodes = ct_get(ct, "NODEMASK");

	if (is_set(nodes) && !is_set(cpus))
		return err_exit(err, VZ_CPU_SET, "--nodemask needs --cpumask: CPUMASK is not set");
	if (is_set(cpus) && strcmp(cpus, "auto") == 0 && !is_set(nodes))
		return err_exit(err, VZ_CPU_SET,
				"--cpumask auto needs --nodemask: NODEMASK is not set");
	return 0;
}

/* The CPUs of the nodes in @nodes, as a list. */
static int cpus_of_nodes(const char *nodes, char **ret_list, struct err *err)
{
	struct cpuset set, cpus = {0}, one;
	unsigned int n;
	size_t i;
	int r;

	if (strcmp(nodes, "all") == 0 || cpuset_parse(nodes, &set) < 0)
		return value_word("all", ret_list, err);
	for (n = 0; n < CPUSET_MAX; n++) {
		char path[64];

		if (!has(&set, n))
			continue;
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", n);
		r = read_set(path, &one, err);
		/* The one node of a kernel without NUMA. */
		if (r == -ENOENT && n == 0)
			r = read_set(CPUS_ONLINE, &one, err);
		if (r < 0)
			return r;
		for (i = 0; i < CPUSET_MAX / 64; i++)
			cpus.bits[i] |= one.bits[i];
	}
	*ret_list = cpuset_format(&cpus);
	return *ret_list ? 0 : err_set(err, ENOMEM, "out of memory");
}

/*
 * A cgroup without a list has what is above it. Once it has one and processes, the
 * kernel does not take it away any more: then it gets the list of what is above.
 */
static int write_all(struct ct *ct, const char *file, struct err *err)
{
	_cleanup_free_ char *path = path_join(ct->cgroup, file), *now = NULL, *above = NULL;
	char effective[32];
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (!cgroup_exists(path))
		return 0;
	r = cgroup_read(ct->cgroup, file, &now, err);
	if (r < 0 || !*now)
		return r;
	snprintf(effective, sizeof(effective), "%s.effective", file);
	r = cgroup_read(ct->host->cgroup, effective, &above, err);
	return r < 0 ? r : cgroup_write(ct->cgroup, file, above, err);
}

static int write_list(struct ct *ct, const char *file, const char *list, struct err *err)
{
	_cleanup_free_ char *path = path_join(ct->cgroup, file);
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (!is_set(list) || strcmp(list, "all") == 0)
		return write_all(ct, file, err);
	r = cgroup_enable_cpuset(ct->cgroup, err);
	if (r < 0)
		return r;
	if (!cgroup_exists(path))
		return err_set(err, EOPNOTSUPP, "the kernel has no cpuset for '%s'", ct->cgroup);
	return cgroup_write(ct->cgroup, file, list, err);
}

static int apply_cpus(struct ct *ct, const char *mask, const char *nodes, struct err *err)
{
	_cleanup_free_ char *cpus = NULL;
	int r;

	if (!is_set(mask) || strcmp(mask, "auto") != 0)
		return write_list(ct, "cpuset.cpus", mask, err);
	r = cpus_of_nodes(nodes ? nodes : "all", &cpus, err);
	return r < 0 ? r : write_list(ct, "cpuset.cpus", cpus, err);
}

int apply_cpumask(struct ct *ct, const char *old, const char *value, struct err *err)
{
	int r = cpuset_check(ct, err);

	(void)old;
	return r < 0 ? r : apply_cpus(ct, value, ct_get(ct, "NODEMASK"), err);
}

int apply_nodemask(struct ct *ct, const char *old, const char *value, struct err *err)
{
	int r = cpuset_check(ct, err);

	(void)old;
	if (r == 0)
		r = write_list(ct, "cpuset.mems", value, err);
	/* "auto" goes with the nodes. */
	return r < 0 ? r : apply_cpus(ct, ct_get(ct, "CPUMASK"), value, err);
}
