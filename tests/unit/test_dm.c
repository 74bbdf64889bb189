/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, a device on an image is not seen, and the image is mounted a
 * second time. What needs the kernel: tests/guest/ploop-expanded.sh.
 */
#include "fixture.h"

#include "dm.h"

static void deltas_of_a_status(void **state)
{
	static const struct {
		const char *status;
		unsigned int levels;
	} rows[] = {
		{"1 v2 2048 o", 1},
		{"254 v2 128 fs off=2048", 254},
		{"255 v2 128 o", 0},
		{"0 v2 2048 o", 0},
		{"-1 v2 2048 o", 0},
		{" 1 v2 2048 o", 0},
		{"3 v3 2048 o", 0},
		{"3v2 2048 o", 0},
		{"99999999999999999999 v2 2048 o", 0},
		{"18446744073709551617 v2 2048 o", 0},
		{"", 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (dm_ploop_levels(rows[i].status) != rows[i].levels)
			fail_msg("'%s': %u", rows[i].status, dm_ploop_levels(rows[i].status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deltas_of_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
