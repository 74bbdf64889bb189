/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_NET_H
#define VESPER_NET_H

#include <net/if.h>
#include <stdbool.h>
#include <sys/types.h>

struct ct;
struct err;

/*
 * venet0: a netkit pair in L3 mode, one end in the container, the other,
 * venet<CTID>, in the host. No link layer, no ARP, no multicast: packets go by
 * address only (netroute.h), and only with a source that is the container's
 * (netbpf.h). Until that check stands the pair drops what the container sends.
 */
#define NET_GUEST_DEV "venet0"

/* Gateways in name only: one next hop, so one neighbour for all peers of a container. */
#define NET_GATEWAY_IPV4      0xc0000201 /* 192.0.2.1, OpenVZ's fake gateway */
#define NET_GATEWAY_IPV4_TEXT "192.0.2.1"
#define NET_GATEWAY_IPV4_NET  "192.0.2.0"
#define NET_GATEWAY_IPV6      "fe80::1" /* an address of every venet<CTID> */
#define NET_GUEST_IPV6	      "fe80::2" /* what the host's routes go through */

void net_host_dev(const struct ct *ct, char name[IFNAMSIZ]);
bool net_is_host_dev(const char *name); /* of any container, by its name */

/* Make the pair, with the container's end in the network namespace of @pid. */
int net_create(const struct ct *ct, pid_t pid, struct err *err);

/* The default route of a family inside; one that is there stays. -errno as the kernel said. */
int net_default_route(int guest, int index, int family);

/* Remove it and every other device of the container in the host; missing is fine. */
int net_remove(const struct ct *ct, struct err *err);

#endif
