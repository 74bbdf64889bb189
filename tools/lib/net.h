/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_NET_H
#define VESPER_NET_H

#include <sys/types.h>

struct ct;
struct err;

/*
 * venet0: a netkit pair in L3 mode, one end in the container, the other,
 * venet<CTID>, in the host. No link layer, no ARP, no multicast: packets go by
 * address only. Each address of the container is a /32 on its venet0 and a
 * host route; a packet from the container whose source is not one of these
 * addresses fails the strict reverse path check of venet<CTID> and is dropped.
 */

/* Make the pair, with the container's end in the network namespace of @pid. */
int net_create(const struct ct *ct, pid_t pid, struct err *err);

/* Remove the pair; missing is fine. Routes go with it. */
int net_remove(const struct ct *ct, struct err *err);

/* Give the container an address and take it away, inside and outside. Exit codes 78, 34. */
int net_add_address(const struct ct *ct, pid_t pid, const char *address, struct err *err);
int net_del_address(const struct ct *ct, pid_t pid, const char *address, struct err *err);

#endif
