/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GUIDs as the descriptor writes them: in braces, in small letters. */
#include "guid.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define DIGITS 36

bool ploop_guid_parse(const char *s, char ret[PLOOP_GUID_BYTES])
{
	bool braces = *s == '{';
	size_t i;

	s += braces;
	for (i = 0; i < DIGITS; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
		ret[i + 1] = (char)tolower((unsigned char)s[i]);
	}
	ret[0] = '{';
	ret[DIGITS + 1] = '}';
	ret[DIGITS + 2] = '\0';
	return strcmp(s + DIGITS, braces ? "}" : "") == 0;
}

int guid_random_bytes(uint8_t ret[16])
{
	if (getrandom(ret, 16, 0) != 16)
		return -EIO;
	/* RFC 4122: version 4, variant 1. */
	ret[6] = (ret[6] & 0x0f) | 0x40;
	ret[8] = (ret[8] & 0x3f) | 0x80;
	return 0;
}

int guid_random(char ret[PLOOP_GUID_BYTES])
{
	uint8_t b[16];
	int r = guid_random_bytes(b);

	if (r == 0)
		snprintf(ret, PLOOP_GUID_BYTES,
			 "{%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x}",
			 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
			 b[12], b[13], b[14], b[15]);
	return r;
}
