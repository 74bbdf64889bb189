/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "steps.h"

void steps_undo(const struct step *steps, size_t count, void *arg)
{
	while (count--)
		if (steps[count].undo)
			steps[count].undo(arg);
}

int steps_run(const struct step *steps, size_t count, void *arg, struct err *err)
{
	size_t done;
	int r = 0;

	for (done = 0; done < count; done++) {
		r = steps[done].run(arg, err);
		if (r < 0)
			break;
	}
	if (r >= 0)
		return 0;
	steps_undo(steps, done, arg);
	return r;
}
