/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_DEVSET_H
#define VESPER_DEVSET_H

struct ct;
struct devices;
struct err;

/*
 * The devices of a container put into effect, in the order that never lets
 * more through than both the old and the new policy would: the kernel's list
 * of block devices (ve.devices) and the program on the cgroup, then the nodes.
 */

/*
 * For a start: the rules of the stored DEVICES and DEVNODES stand on the
 * cgroup, and the disk is the container's. *ret are for the nodes in its /dev.
 */
int devset_start(const struct ct *ct, struct devices *ret, struct err *err);

/*
 * What DEVICES and DEVNODES now say into effect, as far as the host has it, and
 * no node: after a change of both that failed, as each sees the other's new value.
 */
int devset_restore(const struct ct *ct, struct err *err);

/* For `vzctl set`; contracts in param.h. */
int devset_apply_devices(struct ct *ct, const char *old, const char *value, struct err *err);
int devset_apply_devnodes(struct ct *ct, const char *old, const char *value, struct err *err);

#endif
