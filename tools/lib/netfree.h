/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_NETFREE_H
#define VESPER_NETFREE_H

#include <stdbool.h>

struct err;
struct netaddr;

/*
 * May the container whose device in the host is @own get the network @net?
 * Not what another container has, what is inside of it or around it, an
 * address of the host, or what a route of the host names: exit code 78.
 * *ret_own: it has a route to it already. @sock is in the host.
 */
int netfree_check(int sock, int own, const struct netaddr *net, bool *ret_own, struct err *err);

#endif
