/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 by nettle, which libarchive brings along: libcrypto was 40 % of what a
 * start of vzctl cost.
 */
#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

void hash_init(struct hash *h)
{
	sha256_init(&h->sha256);
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	sha256_update(&h->sha256, len, data);
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

void hash_end(struct hash *h, char hex[HASH_HEX_LEN])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_digest(&h->sha256, sizeof(digest), digest);
	for (unsigned int i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

int hash_file(int dirfd, const char *path, char hex[HASH_HEX_LEN], struct err *err)
{
	struct hash h;
	int r;

	hash_init(&h);
	r = hash_add_file(&h, dirfd, path, err);
	if (r == 0)
		hash_end(&h, hex);
	return r;
}
