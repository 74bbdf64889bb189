/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two guards stand before a device. The program (devprog.c) knows every rule
 * and judges each open of a node. ve.devices knows block devices only: each
 * belongs to one container at most, and "quota" lets one be named and not
 * opened, which is how the container holds its own disk.
 */
#include "devset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "area.h"
#include "cleanup.h"
#include "ct.h"
#include "device.h"
#include "devnode.h"
#include "devprog.h"
#include "err.h"
#include "exitcode.h"
#include "kve.h"

static const char *mode_of(const struct device *rule)
{
	if (rule->access & DEVICE_WRITE)
		return "rw";
	return rule->access & DEVICE_READ ? "r" : "quota";
}

/* The rule by which block device @dev is granted, NULL when it is not. */
static const struct device *grant_of(const struct devices *d, dev_t dev)
{
	const struct device *rule = devices_find(d, 'b', major(dev), minor(dev));

	return rule && rule->access ? rule : NULL;
}

static int grant_blocks(const struct ct *ct, const struct devices *d, dev_t disk, struct err *err)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		const struct device *rule = &d->v[i];
		dev_t dev = makedev(rule->major, rule->minor);
		int r;

		if (rule->type != 'b' || rule->minor == DEVICE_ALL || grant_of(d, dev) != rule)
			continue;
		/* Writing below its own mounted file system would crash the host's ext4. */
		if (dev == disk)
			return err_exit(err, VZ_DEVICE_SET,
					"device b:%u:%u is the disk of container %s itself",
					rule->major, rule->minor, ct->idstr);
		r = kve_grant_device(ct->cgroup, dev, mode_of(rule), err);
		if (r == -EBUSY)
			return err_exit(err, VZ_DEVICE_SET, "device b:%u:%u is another container's",
					rule->major, rule->minor);
		if (r < 0)
			return r;
	}
	return 0;
}

static int revoke_blocks(const struct ct *ct, const struct devices *d, dev_t disk, struct err *err)
{
	_cleanup_free_ dev_t *devs = NULL;
	size_t i, n;
	int r = kve_get_devices(ct->cgroup, &devs, &n, err);

	for (i = 0; r == 0 && i < n; i++)
		if (devs[i] != disk && !grant_of(d, devs[i]))
			r = kve_grant_device(ct->cgroup, devs[i], "-", err);
	return r;
}

static int put_policy(const struct ct *ct, const struct devices *d, struct err *err)
{
	dev_t disk;
	int r = area_device(ct, &disk, err);

	if (r == 0)
		r = grant_blocks(ct, d, disk, err);
	if (r == 0)
		r = devprog_attach(ct->cgroup, d, err);
	return r < 0 ? r : revoke_blocks(ct, d, disk, err);
}

int devset_start(const struct ct *ct, struct devices *ret, struct err *err)
{
	_cleanup_devices_ struct devices d = DEVICES_INIT;
	dev_t disk;
	int r = area_device(ct, &disk, err);

	if (r == 0)
		r = kve_grant_device(ct->cgroup, disk, "quota", err);
	if (r < 0)
		return r;
	r = devices_load(ct_get(ct, "DEVICES"), ct_get(ct, "DEVNODES"), false, &d, err);
	if (r == 0)
		r = put_policy(ct, &d, err);
	if (r < 0)
		return err_exit_default(err, VZ_DEVICE_SET);
	*ret = d;
	d = (struct devices)DEVICES_INIT;
	return 0;
}

/* All or nothing: what failed half way leaves @from in effect. */
static int change(const struct ct *ct, const struct devices *from, const struct devices *to,
		  struct err *err)
{
	int r = put_policy(ct, to, err);

	if (r == 0)
		r = devnode_update(ct, from, to, err);
	if (r < 0)
		put_policy(ct, from, NULL);
	return r;
}

int devset_restore(const struct ct *ct, struct err *err)
{
	_cleanup_devices_ struct devices d = DEVICES_INIT;
	int r = devices_load(ct_get(ct, "DEVICES"), ct_get(ct, "DEVNODES"), true, &d, err);

	return r < 0 ? r : put_policy(ct, &d, err);
}

/* What a word newly names was looked up when it was parsed; others may be unplugged since. */
int devset_apply_devices(struct ct *ct, const char *old, const char *value, struct err *err)
{
	_cleanup_devices_ struct devices from = DEVICES_INIT, to = DEVICES_INIT;
	const char *nodes = ct_get(ct, "DEVNODES");
	int r = devices_load(old, nodes, true, &from, err);

	if (r == 0)
		r = devices_load(value, nodes, true, &to, err);
	return r < 0 ? r : change(ct, &from, &to, err);
}

int devset_apply_devnodes(struct ct *ct, const char *old, const char *value, struct err *err)
{
	_cleanup_devices_ struct devices from = DEVICES_INIT, to = DEVICES_INIT;
	const char *numbers = ct_get(ct, "DEVICES");
	int r = devices_load(numbers, old, true, &from, err);

	if (r == 0)
		r = devices_load(numbers, value, true, &to, err);
	return r < 0 ? r : change(ct, &from, &to, err);
}
