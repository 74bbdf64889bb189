/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_NETROUTE_H
#define VESPER_NETROUTE_H

#include <sys/types.h>

struct ct;
struct err;

/*
 * Bring the running container from the addresses @before
 * to @after (stored lists; NULL: none): routes of the host, allowed sources,
 * addresses inside. All of it or nothing: what was changed before a failure is
 * put back. Exit codes 78 (taken by somebody else), 71 (no list), 34.
 */
int netroute_change(const struct ct *ct, const char *before, const char *after, struct err *err);

#endif
