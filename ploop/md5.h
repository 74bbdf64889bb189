/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_MD5_H
#define PLOOP_MD5_H

/* RFC 1321: the format's own checksum of its extension, against accidents and not against anybody. */

#include <stddef.h>
#include <stdint.h>

#define MD5_BYTES 16

void md5(const void *data, size_t len, uint8_t ret[MD5_BYTES]);

#endif
