/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 by libcrypto. A failed step is remembered and reported at the end,
 * so that callers check one result; that there is no libcrypto is one.
 *
 * It is loaded when there is something to hash. Most commands hash nothing, and
 * binding that library took 40 % of what a start of vzctl costs.
 */
#include "hash.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cleanup.h"
#include "err.h"

#define TEXT(x)	   TEXT_OF(x)
#define TEXT_OF(x) #x
/* That of the headers: another one has other types. */
#define LIBCRYPTO  "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)

struct hash {
	EVP_MD_CTX *ctx;
	bool failed;
	__typeof__(EVP_MD_CTX_new) *new;
	__typeof__(EVP_MD_CTX_free) *free;
	__typeof__(EVP_sha256) *sha256;
	__typeof__(EVP_DigestInit_ex) *init;
	__typeof__(EVP_DigestUpdate) *update;
	__typeof__(EVP_DigestFinal_ex) *final;
};

/* Never unloaded: it has an end of its own at the end of the program. */
static bool load(struct hash *h)
{
	void *lib = dlopen(LIBCRYPTO, RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return false;
	h->new = dlsym(lib, "EVP_MD_CTX_new");
	h->free = dlsym(lib, "EVP_MD_CTX_free");
	h->sha256 = dlsym(lib, "EVP_sha256");
	h->init = dlsym(lib, "EVP_DigestInit_ex");
	h->update = dlsym(lib, "EVP_DigestUpdate");
	h->final = dlsym(lib, "EVP_DigestFinal_ex");
	return h->new && h->free && h->sha256 && h->init && h->update && h->final;
}

struct hash *hash_new(void)
{
	struct hash *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->failed = !load(h);
	if (h->failed)
		return h;
	h->ctx = h->new ();
	if (!h->ctx) {
		free(h);
		return NULL;
	}
	h->failed = !h->init(h->ctx, h->sha256(), NULL);
	return h;
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	if (!h->failed && !h->update(h->ctx, data, len))
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

	if (h->failed || !h->final(h->ctx, md, &len) || len != 32)
		return -EIO;

	for (unsigned int i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
	h->failed = !h->init(h->ctx, h->sha256(), NULL);
	return 0;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	if (h->ctx)
		h->free(h->ctx);
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
