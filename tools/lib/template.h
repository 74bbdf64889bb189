/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_TEMPLATE_H
#define VESPER_TEMPLATE_H

struct err;
struct host;

/*
 * The archive of OS template @name in TEMPLATE/cache: NAME or NAME-x86_64 with
 * .tar.zst, .tar.xz, .tar.gz, .tar.bz2 or .tar. Caller frees. Exit code 91.
 */
int template_find(const struct host *host, const char *name, char **ret_path, struct err *err);

/* The short names of all there are, in no order; caller frees. */
int template_list(const struct host *host, char ***ret_names, struct err *err);

#endif
