/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_NETBPF_H
#define VESPER_NETBPF_H

#include <stdbool.h>

#include "link.h"

struct err;
struct netaddr;

/*
 * What a container may not send, decided by two BPF programs on devices of the
 * host: nothing inside can take them off, they need no pin, and they go with
 * their device. They see a packet before anything of the host does.
 */

/*
 * On what the container sends through the netkit pair whose host end is
 * @ifindex: unicast IPv4 and IPv6 from a source that netbpf_allow() named
 * passes, everything else is dropped. Nothing is allowed at first.
 */
int netbpf_guard_source(int ifindex, struct err *err);
int netbpf_allow(int ifindex, const struct netaddr *network, struct err *err);
int netbpf_forbid(int ifindex, const struct netaddr *network, struct err *err);

/* On what comes out of the veth @ifindex: only frames with the source @mac pass. NULL: all do. */
int netbpf_guard_mac(int ifindex, const unsigned char mac[LINK_MAC_LEN], struct err *err);

#endif
