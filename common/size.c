/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"

static const struct {
	char letter;
	uint64_t bytes;
} suffixes[] = {
	{'T', 1ULL << 40}, {'G', 1ULL << 30}, {'M', 1ULL << 20},
	{'K', 1ULL << 10}, {'P', 4096},	      {'B', 1},
};

static uint64_t suffix_bytes(char c)
{
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (toupper((unsigned char)c) == suffixes[i].letter)
			return suffixes[i].bytes;
	return 0;
}

/* Digits of @s as number/10^n, at most 18 of them count (a byte is 2^-40 T). */
static const char *parse_fraction(const char *s, uint64_t *ret_num, uint64_t *ret_den)
{
	uint64_t num = 0, den = 1;

	for (; isdigit((unsigned char)*s); s++) {
		if (den >= 1000000000000000000ULL)
			continue;
		num = num * 10 + (uint64_t)(*s - '0');
		den *= 10;
	}
	*ret_num = num;
	*ret_den = den;
	return s;
}

int size_parse(const char *s, uint64_t unit_bytes, uint64_t *ret_bytes)
{
	uint64_t whole = 0, num = 0, den = 1, unit = unit_bytes;
	unsigned __int128 bytes;
	const char *p = s;

	if (strcasecmp(s, "unlimited") == 0) {
		*ret_bytes = SIZE_UNLIMITED;
		return 0;
	}
	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++) {
		if (whole > UINT64_MAX / 10 - 10)
			whole = UINT64_MAX / 10 - 10;
		whole = whole * 10 + (uint64_t)(*p - '0');
	}
	if (*p == '.') {
		if (!isdigit((unsigned char)p[1]))
			return -EINVAL;
		p = parse_fraction(p + 1, &num, &den);
	}
	if (*p) {
		unit = suffix_bytes(*p);
		if (!unit || p[1])
			return -EINVAL;
	} else if (whole == SIZE_UNLIMITED && num == 0) {
		/* LONG_MAX in any native unit is how old files say unlimited. */
		*ret_bytes = SIZE_UNLIMITED;
		return 0;
	}
	/* Half a process or half a byte is a mistake, not a size. */
	if (unit == 1 && num != 0)
		return -EINVAL;

	bytes = (unsigned __int128)whole * unit + (unsigned __int128)num * unit / den;
	if (bytes > SIZE_UNLIMITED)
		return -ERANGE;
	*ret_bytes = (uint64_t)bytes;
	return 0;
}

int size_parse_pair(const char *s, uint64_t unit_bytes, uint64_t *ret_barrier_bytes,
		    uint64_t *ret_limit_bytes)
{
	const char *colon = strchr(s, ':');
	_cleanup_free_ char *first = NULL;
	uint64_t barrier, limit;
	int r;

	first = colon ? strndup(s, (size_t)(colon - s)) : strdup(s);
	if (!first)
		return -ENOMEM;
	r = size_parse(first, unit_bytes, &barrier);
	if (r < 0)
		return r;
	limit = barrier;
	if (colon) {
		r = size_parse(colon + 1, unit_bytes, &limit);
		if (r < 0)
			return r;
	}
	if (barrier > limit)
		return -EINVAL;
	*ret_barrier_bytes = barrier;
	*ret_limit_bytes = limit;
	return 0;
}

void size_format(uint64_t bytes, char *buf, size_t len)
{
	static const char letters[] = {'T', 'G', 'M', 'K'};
	size_t i;

	if (bytes == SIZE_UNLIMITED) {
		snprintf(buf, len, "unlimited");
		return;
	}
	for (i = 0; bytes && i < sizeof(letters); i++) {
		uint64_t unit = suffix_bytes(letters[i]);

		if (bytes % unit == 0) {
			snprintf(buf, len, "%" PRIu64 "%c", bytes / unit, letters[i]);
			return;
		}
	}
	snprintf(buf, len, "%" PRIu64 "%s", bytes, bytes ? "B" : "");
}
