/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_GUID_H
#define PLOOP_GUID_H

/* Names of deltas; ploop_guid_parse() is in ploop.h. */

#include <stdint.h>

#include "ploop.h"

/* A new one. 0, or -EIO where there are no random numbers. */
int guid_random(char ret[PLOOP_GUID_BYTES]);
int guid_random_bytes(uint8_t ret[16]);

#endif
