/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_NETBPF_H
#define VESPER_NETBPF_H

struct err;
struct netaddr;

/*
 * What a container may not send, decided by a BPF program on its device of the
 * host: nothing inside can take it off, it needs no pin, and it goes with the
 * device. It sees a packet before anything of the host does.
 */

/*
 * On what the container sends through the netkit pair whose host end is
 * @ifindex: unicast IPv4 and IPv6 from a source that netbpf_allow() named
 * passes, everything else is dropped. Nothing is allowed at first.
 */
int netbpf_guard_source(int ifindex, struct err *err);
int netbpf_allow(int ifindex, const struct netaddr *network, struct err *err);
int netbpf_forbid(int ifindex, const struct netaddr *network, struct err *err);

#endif
