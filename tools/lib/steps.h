/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_STEPS_H
#define VESPER_STEPS_H

#include <stddef.h>

struct err;

/*
 * Work with effects outside of memory (mounts, cgroups, devices) as a table:
 * steps are done in order, and when one fails those before it are undone in
 * reverse. A failing step cleans up after itself; its own undo is not called.
 */
struct step {
	const char *name;
	int (*run)(void *arg, struct err *err);
	void (*undo)(void *arg); /* NULL: nothing to undo */
};

/* 0, or the failed step's error as it put it. */
int steps_run(const struct step *steps, size_t count, void *arg, struct err *err);

/* Undo what steps_run() has done. */
void steps_undo(const struct step *steps, size_t count, void *arg);

#endif
