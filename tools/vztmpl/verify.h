/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_VERIFY_H
#define VESPER_VZTMPL_VERIFY_H

struct cache;
struct err;
struct manifest;

/*
 * Whether a template is what its manifest says, down to the last byte: sizes,
 * checksum, an archive that reads to its end and could become a container.
 * Exit codes 91 and 47. *ret is its manifest.
 */
int verify_template(const struct cache *c, const char *name, struct manifest **ret,
		    struct err *err);

/* As verify_template() without reading the archive as entries. */
int verify_checksum(const struct cache *c, const char *name, struct manifest **ret,
		    struct err *err);

#endif
