/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_LINK_H
#define VESPER_LINK_H

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ct;
struct err;
struct rtnl_req;

/*
 * Network devices by rtnetlink, in the namespace of @sock. The host's end of
 * every pair of a container is in the container's device group from the moment
 * it exists: one request removes them all whatever they are called, and a
 * device outside of the group is never taken for one of the container's.
 */
#define LINK_MAC_LEN 6

struct link {
	int index;
	char name[IFNAMSIZ];
	char kind[16]; /* "veth", "bridge"...; "" for a physical one */
	uint32_t group;
	int master; /* index of the bridge it is a port of, 0: none */
	unsigned char mac[LINK_MAC_LEN];
};

uint32_t link_group(const struct ct *ct);

/* -ENODEV when there is none. */
int link_find(int sock, const char *name, struct link *ret);

/* Start a change of a device; more attributes may follow before rtnl_talk(). */
void link_begin_change(struct rtnl_req *req, int index);

/* All: -errno as the kernel said. */
int link_set_up(int sock, int index);
int link_rename(int sock, int index, const char *name);
int link_set_mac(int sock, int index, const unsigned char mac[LINK_MAC_LEN]);
int link_set_master(int sock, int index, int master);
int link_delete(int sock, int index);

/* Delete by name and by group; nothing there is fine. */
int link_delete_name(int sock, const char *name);
int link_delete_group(int sock, uint32_t group);

/* net.<family>.conf.<dev>.<key> of the host; a kernel without IPv6 has none, which is fine. */
int link_sysctl(const char *family, const char *dev, const char *key, const char *value,
		struct err *err);

#endif
