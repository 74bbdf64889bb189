/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Size strings. Input: a byte for the unit, then the string. What parses is in
 * range, and what is printed of it parses to the same number.
 */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "size.h"

static const uint64_t units[] = {1, 1024, 4096, 1 << 20};

static void check_pair(const char *s, uint64_t unit)
{
	const char *colon = strchr(s, ':');
	uint64_t barrier, limit, alone;

	if (size_parse_pair(s, unit, &barrier, &limit) < 0)
		return;
	fuzz_check(barrier <= limit);
	fuzz_check(size_parse(colon ? colon + 1 : s, unit, &alone) == 0);
	fuzz_check(alone == limit);
	fuzz_check(colon || barrier == limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *s = NULL;
	uint64_t unit, bytes, again;
	char text[32];

	if (len == 0)
		return 0;
	unit = units[data[0] % 4];
	s = strndup((const char *)data + 1, len - 1);
	check_pair(s, unit);
	if (size_parse(s, unit, &bytes) < 0)
		return 0;
	fuzz_check(bytes <= SIZE_UNLIMITED);
	size_format(bytes, text, sizeof(text));
	fuzz_check(size_parse(text, unit, &again) == 0);
	fuzz_check(again == bytes);
	return 0;
}

void fuzz_seeds(void)
{
	static const char *const seeds[] = {
		"\0010",
		"\001512M",
		"\0011.5G",
		"\0029223372036854775807",
		"\002unlimited",
		"\0010.000000001T",
		"\0021p",
		"\00110G:12G",
		"\0038388607.999T",
		"\0022:unlimited",
		"\0032:1.5K",
		"\001017B",
	};
	size_t i;

	for (i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		fuzz_seed(seeds[i], strlen(seeds[i]));
}
