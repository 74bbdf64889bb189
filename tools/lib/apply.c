/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stored values put into effect. Each function serves the start (old is NULL)
 * and `vzctl set` on a running container (old is what was in effect).
 */
#include "apply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "dist.h"
#include "err.h"
#include "kve.h"
#include "netroute.h"
#include "osdep.h"
#include "size.h"
#include "state.h"
#include "utsname.h"
#include "value.h"
#include "veth.h"

#define CPU_PERIOD_US 100000
#define WEIGHT_MAX    10000U

static int write_memory(struct ct *ct, const char *file, const char *value, struct err *err)
{
	uint64_t bytes = SIZE_UNLIMITED;
	char word[24] = "max";

	if (value && value_get_pages(value, &bytes) < 0)
		return err_set(err, EINVAL, "'%s' is not a size", value);
	if (bytes != SIZE_UNLIMITED)
		snprintf(word, sizeof(word), "%" PRIu64, bytes);
	return cgroup_write(ct->cgroup, file, word, err);
}

int apply_ram(struct ct *ct, const char *old, const char *value, struct err *err)
{
	(void)old;
	return write_memory(ct, "memory.max", value, err);
}

int apply_swap(struct ct *ct, const char *old, const char *value, struct err *err)
{
	(void)old;
	return write_memory(ct, "memory.swap.max", value, err);
}

int apply_cpulimit(struct ct *ct, const char *old, const char *value, struct err *err)
{
	unsigned long percent = value ? strtoul(value, NULL, 10) : 0;
	char word[48];

	(void)old;
	if (percent)
		snprintf(word, sizeof(word), "%lu %d", percent * (CPU_PERIOD_US / 100),
			 CPU_PERIOD_US);
	else
		snprintf(word, sizeof(word), "max %d", CPU_PERIOD_US);
	return cgroup_write(ct->cgroup, "cpu.max", word, err);
}

/* 1000 units, the default, are the weight 100, the kernel's default. */
static unsigned int weight_of(const char *value)
{
	unsigned long weight = strtoul(value ? value : "1000", NULL, 10) / 10;

	return weight < 1 ? 1 : weight > WEIGHT_MAX ? WEIGHT_MAX : weight;
}

int apply_cpuunits(struct ct *ct, const char *old, const char *value, struct err *err)
{
	char word[16];

	(void)old;
	snprintf(word, sizeof(word), "%u", weight_of(value));
	return cgroup_write(ct->cgroup, "cpu.weight", word, err);
}

char *note_cpuunits(const char *value)
{
	unsigned long units = strtoul(value, NULL, 10);
	char *s;

	if (units >= 10 && units / 10 <= WEIGHT_MAX)
		return NULL;
	if (asprintf(&s, "cpuunits %lu is outside what the kernel can weigh: applied as %u", units,
		     weight_of(value) * 10) < 0)
		return NULL;
	return s;
}

int apply_numproc(struct ct *ct, const char *old, const char *value, struct err *err)
{
	uint64_t barrier = SIZE_UNLIMITED, limit = SIZE_UNLIMITED;

	(void)old;
	if (value && value_get_items(value, &barrier, &limit) < 0)
		return err_set(err, EINVAL, "'%s' is not barrier:limit", value);
	return kve_set_limit(ct->cgroup, "numproc", barrier, limit, err);
}

int apply_hostname(struct ct *ct, const char *old, const char *value, struct err *err)
{
	_cleanup_dist_run_ struct dist_run run = DIST_RUN(ct, false);
	int r = dist_hostname(&run, err);

	(void)old;
	if (r == 0)
		r = osdep_hostname(ct, err);
	if (r < 0 || !value || !*value)
		return r < 0 ? r : 0;
	return utsname_set(ct, value, err);
}

int apply_dns(struct ct *ct, const char *old, const char *value, struct err *err)
{
	_cleanup_dist_run_ struct dist_run run = DIST_RUN(ct, false);
	int r = dist_dns(&run, err);

	(void)old;
	(void)value;
	if (r == 0)
		r = osdep_dns(ct, err);
	return r < 0 ? r : 0;
}

int apply_addresses(struct ct *ct, const char *old, const char *value, struct err *err)
{
	_cleanup_dist_run_ struct dist_run run = DIST_RUN(ct, false);
	int r = netroute_change(ct, old, value, err);

	if (r < 0 || !old)
		return r;
	r = dist_addresses(&run, old, value, err);
	if (r < 0)
		netroute_change(ct, value, old, NULL);
	return r < 0 ? r : 0;
}

int apply_netif(struct ct *ct, const char *old, const char *value, struct err *err)
{
	return veth_change(ct, old, value, err);
}
