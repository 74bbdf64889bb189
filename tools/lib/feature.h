/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_FEATURE_H
#define VESPER_FEATURE_H

#include <stdbool.h>

struct ct;
struct err;

/*
 * FEATURES of a container. Most of OpenVZ's are no choice here: what a network
 * namespace has, every container has; what a user namespace cannot mount, none
 * has. Such a feature takes the value that is so, and refuses the other.
 */

/* One word of FEATURES, "nfs:off"; contract in value.h. */
int feature_value(const char *in, char **ret, struct err *err);

/* Does this container show that it is one? */
bool feature_vzmarker(const struct ct *ct);

/*
 * Does its root hold every capability, as Docker before 23 wants it for a
 * container with --privileged? Those that are not given otherwise do nothing
 * either way, which is what programs that look for them then do not know.
 */
bool feature_nesting(const struct ct *ct);

/* In a start; contract in param.h. */
int feature_apply(struct ct *ct, const char *old, const char *value, struct err *err);

#endif
