/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_APPLY_H
#define VESPER_APPLY_H

struct ct;
struct err;

/* How parameters take effect; contracts in param.h (struct param, apply and note). */
int apply_ram(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_swap(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_cpulimit(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_cpuunits(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_numproc(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_hostname(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_dns(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_addresses(struct ct *ct, const char *old, const char *value, struct err *err);
int apply_netif(struct ct *ct, const char *old, const char *value, struct err *err);

char *note_cpuunits(const char *value);

#endif
