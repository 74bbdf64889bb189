// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tsc - the kHz of this machine's time stamp counter, which an emulated guest
 * counts by too. A guest that measures it itself, against emulated timers on a
 * busy machine, has been seen to find a sixth of it: its seconds are then
 * short, and time limits that were meant to be long.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct pair {
	uint64_t ticks;
	int64_t nsec;
};

/* Both clocks at one moment: of many tries the one that was least interrupted. */
static struct pair sample(void)
{
	struct pair best = {0};
	uint64_t least = UINT64_MAX;
	int i;

	for (i = 0; i < 1000; i++) {
		struct timespec ts;
		uint64_t before = __rdtsc(), width;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		width = __rdtsc() - before;
		if (width >= least)
			continue;
		least = width;
		best.ticks = before + width / 2;
		best.nsec = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
	}
	return best;
}

int main(void)
{
	const struct timespec pause = {.tv_nsec = 30 * 1000 * 1000};
	struct pair a = sample(), b;

	nanosleep(&pause, NULL);
	b = sample();
	printf("%.0f\n", (double)(b.ticks - a.ticks) * 1000000 / (double)(b.nsec - a.nsec));
	return 0;
}
