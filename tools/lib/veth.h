/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VETH_H
#define VESPER_VETH_H

#include <sys/types.h>

struct ct;
struct err;

/*
 * Bring the container whose first process is @pid from the Ethernet pairs
 * @before to @after (values of NETIF; NULL: none): made, changed where they
 * are, removed. All of it or nothing. A pair has its MAC filter and its bridge
 * before its end in the host comes up; the end inside is the container's to
 * bring up. Exit code 130.
 */
int veth_change(const struct ct *ct, const char *before, const char *after, struct err *err);

#endif
