/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_MOUNTS_H
#define VESPER_MOUNTS_H

struct devices;
struct err;
struct idrange;

/*
 * How the mounted disk of a container (@root, in the host) becomes the root of
 * its mount namespace, in three places:
 *
 *  host   mounts_make_points(): /dev, /proc, /sys exist and are directories
 *  middle mounts_attach(): in a private mount namespace still owned by the
 *         host, the idmapped copy of the disk goes over @root and a /dev of
 *         ours into it. Crossing into the container's user namespace after
 *         this locks its nodev: no device node of an image ever opens.
 *  inside mounts_enter(): current directory = that mount; bind it onto itself
 *         (a locked mount cannot become a root), mount proc, sysfs, devpts and
 *         cgroup2 while the host's proc is still visible (the kernel demands
 *         that), pivot_root and let go of everything else.
 */
int mounts_make_points(const char *root, struct err *err);
int mounts_attach(const char *root, const struct idrange *ids, const struct devices *devices,
		  struct err *err);
int mounts_enter(struct err *err);

#endif
