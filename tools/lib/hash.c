/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 by libcrypto. A failed step is remembered and reported at the end,
 * so that callers check one result.
 */
#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cleanup.h"
#include "err.h"

struct hash {
	EVP_MD_CTX *ctx;
	bool failed;
};

struct hash *hash_new(void)
{
	struct hash *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;

	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx) {
		free(h);
		return NULL;
	}

	h->failed = !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL);
	return h;
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	if (!h->failed && !EVP_DigestUpdate(h->ctx, data, len))
		h->failed = true;
}

int hash_add_file(struct hash *h, int dirfd, const char *path, struct err *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *buf = malloc(1 << 17);

	if (fd < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	if (!buf)
		return err_set(err, ENOMEM, "out of memory");

	for (;;) {
		ssize_t n = read(fd, buf, 1 << 17);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot read '%s'", path);
		if (n == 0)
			return 0;
		hash_add(h, buf, (size_t)n);
	}
}

int hash_end(struct hash *h, char hex[HASH_HEX_LEN])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (h->failed || !EVP_DigestFinal_ex(h->ctx, md, &len) || len != 32)
		return -EIO;

	for (unsigned int i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
	h->failed = !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL);
	return 0;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

static void hash_freep(struct hash **h)
{
	hash_free(*h);
}

int hash_file(int dirfd, const char *path, char hex[HASH_HEX_LEN], struct err *err)
{
	_cleanup_(hash_freep) struct hash *h = hash_new();
	int r;

	if (!h)
		return err_set(err, ENOMEM, "out of memory");

	r = hash_add_file(h, dirfd, path, err);
	if (r < 0)
		return r;

	if (hash_end(h, hex) < 0)
		return err_set(err, EIO, "cannot compute the checksum of '%s'", path);
	return 0;
}
