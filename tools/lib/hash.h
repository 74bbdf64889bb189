/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_HASH_H
#define VESPER_HASH_H

#include <nettle/sha2.h>
#include <stddef.h>

struct err;

#define HASH_HEX_LEN 65 /* SHA-256 in hexadecimal and a NUL */

/* A running SHA-256. */
struct hash {
	struct sha256_ctx sha256;
};

void hash_init(struct hash *h);
void hash_add(struct hash *h, const void *data, size_t len);
/* Add what the file below @dirfd holds. */
int hash_add_file(struct hash *h, int dirfd, const char *path, struct err *err);
/* The result; the hash is at its start again. */
void hash_end(struct hash *h, char hex[HASH_HEX_LEN]);

int hash_file(int dirfd, const char *path, char hex[HASH_HEX_LEN], struct err *err);

#endif
