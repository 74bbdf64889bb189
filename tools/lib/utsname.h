/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_UTSNAME_H
#define VESPER_UTSNAME_H

struct ct;
struct err;

/* The host name of a running container; caller frees. */
int utsname_get(const struct ct *ct, char **ret_name, struct err *err);
int utsname_set(const struct ct *ct, const char *name, struct err *err);

#endif
