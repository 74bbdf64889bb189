/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_MANIFEST_H
#define VESPER_MANIFEST_H

#include <stdint.h>

#include <jansson.h>

#include "hash.h"

struct err;

#define TEMPLATE_ARCH "x86_64"

/*
 * What the cache knows of a template: <name>-<arch>.json beside the archive.
 * Written last, so that an archive without a manifest is one that a crash
 * left behind.
 */
struct manifest {
	char *name;
	char *summary;
	char *kind;
	char *date;   /* of the build, ISO 8601, UTC */
	char *recipe; /* that it was built from; NULL: it was imported */
	char *source; /* that it was imported from; NULL: it was built */
	char sha256[HASH_HEX_LEN];
	char key[HASH_HEX_LEN];	 /* of the recipe; empty: it was imported */
	uint64_t size_bytes;	 /* of the archive */
	uint64_t unpacked_bytes; /* of its regular files */
	uint64_t entries;
	json_t *packages; /* [{"name","version"}] */
};

/* The document as it is stored; caller drops the reference. NULL without memory. */
json_t *manifest_to_json(const struct manifest *m);

int manifest_store(const struct manifest *m, const char *path, struct err *err);
/* -ENOENT without a sentence when there is none; -EBADMSG when it is none, or does not agree with itself. */
int manifest_load(const char *path, struct manifest **ret_manifest, struct err *err);

/* Read "name version" lines as a recipe writes them. */
int manifest_read_packages(const char *path, json_t **ret_packages, struct err *err);

void manifest_done(struct manifest *m);
void manifest_free(struct manifest *m);
void manifest_freep(struct manifest **m);

#endif
