/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "steps.h"

#include <inttypes.h>

#include "log.h"

#define WORTH_SAYING_MS 10

void steps_undo(const struct step *steps, size_t count, void *arg)
{
	while (count--)
		if (steps[count].undo) {
			log_detail(1, "step '%s' is undone", steps[count].name);
			steps[count].undo(arg);
		}
}

int steps_run(const struct step *steps, size_t count, void *arg, struct err *err)
{
	size_t done;
	int r = 0;

	for (done = 0; done < count; done++) {
		uint64_t since = log_clock_ms(), ms;

		r = steps[done].run(arg, err);
		ms = log_clock_ms() - since;
		log_detail(ms < WORTH_SAYING_MS ? 2 : 1, "step '%s' %s %" PRIu64 " ms",
			   steps[done].name, r < 0 ? "failed after" : "took", ms);
		if (r < 0)
			break;
	}
	if (r >= 0)
		return 0;
	steps_undo(steps, done, arg);
	return r;
}
