/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VALUE_H
#define VESPER_VALUE_H

#include <stdint.h>

struct err;

/*
 * Values of parameters: each checks what a person or a file gave and returns
 * the one form that is stored (caller frees). Reasons say what would be right.
 */
int value_bool(const char *in, char **ret, struct err *err); /* yes|no */
int value_text(const char *in, char **ret, struct err *err); /* one line */
int value_name(const char *in, char **ret, struct err *err); /* NAME: letters, digits, ._- */
int value_hostname(const char *in, char **ret, struct err *err);
int value_domain(const char *in, char **ret, struct err *err);	   /* or "inherit" */
int value_address(const char *in, char **ret, struct err *err);	   /* netaddr.h */
int value_nameserver(const char *in, char **ret, struct err *err); /* address or "inherit" */
int value_path(const char *in, char **ret, struct err *err);	   /* absolute */
int value_layout(const char *in, char **ret,
		 struct err *err); /* ploop[:raw|:expanded|:preallocated] */
int value_template(const char *in, char **ret, struct err *err);
int value_number(const char *in, char **ret, struct err *err);	  /* 0..4294967295 */
int value_cpuunits(const char *in, char **ret, struct err *err);  /* 8..500000 */
int value_cpulimit(const char *in, char **ret, struct err *err);  /* percent of one CPU, 0: none */
int value_items(const char *in, char **ret, struct err *err);	  /* barrier[:limit], no suffix */
int value_ram_bytes(const char *in, char **ret, struct err *err); /* plain numbers are bytes */
int value_ram_pages(const char *in, char **ret, struct err *err); /* plain numbers are pages */
int value_disk(const char *in, char **ret, struct err *err);	  /* plain numbers are KiB */

/* Stored forms back to numbers; SIZE_UNLIMITED for "unlimited". -EINVAL */
int value_get_pages(const char *stored, uint64_t *ret_bytes);
int value_get_disk(const char *stored, uint64_t *ret_bytes);
int value_get_items(const char *stored, uint64_t *ret_barrier, uint64_t *ret_limit);

#endif
