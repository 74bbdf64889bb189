/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_NBD_H
#define PLOOP_NBD_H

/*
 * A disk for a client of the network block device protocol: fixed newstyle, one
 * export without a name, simple replies.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* What is served; all return 0 or -errno. */
struct nbd_export {
	uint64_t size_bytes;
	bool read_only;
	void *arg;
	int (*read)(void *arg, uint64_t off_bytes, void *buf, size_t len);
	int (*write)(void *arg, uint64_t off_bytes, const void *buf, size_t len);
	int (*zero)(void *arg, uint64_t off_bytes, uint64_t len);
	int (*flush)(void *arg); /* what was written is stable */
};

/*
 * Serve the client @fd until it goes, which is 0, or @stop (negative: never) is
 * readable, -ECANCELED. -EPROTO: it does not speak the protocol.
 */
int nbd_serve(const struct nbd_export *export, int fd, int stop, struct err *err);

#endif
