/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_IDMAP_H
#define VESPER_IDMAP_H

#include <sys/types.h>

struct err;
struct idrange;

/* Write the id maps of the user namespace of process @pid. */
int idmap_write(pid_t pid, const struct idrange *ids, struct err *err);

/* A descriptor of a fresh user namespace with that mapping, for idmapped mounts. */
int idmap_open_userns(const struct idrange *ids, struct err *err);

#endif
