/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_RECIPE_RUN_H
#define VESPER_VZTMPL_RECIPE_RUN_H

struct err;
struct progress;
struct recipe;

/* The places that a recipe is given; templates/README.md is the contract. */
struct recipe_run {
	const struct recipe *recipe;
	const char *work;	 /* scratch directory, removed by the caller */
	const char *out;	 /* the tar to write */
	const char *packages;	 /* the package list to write */
	const char *pool;	 /* downloaded packages, kept between builds */
	const char *mirror;	 /* NULL: the machine's own */
	const char *apt_sources; /* absolute; NULL: the distribution's public ones */
	int lock;		 /* the template's: held as long as anything of the recipe runs */
};

/* Run the recipe's build.sh; -EINTR (exit code 130) after a signal to end. */
int recipe_run(const struct recipe_run *run, struct progress *p, struct err *err);

/* From here on SIGINT, SIGTERM and SIGHUP are remembered instead of fatal. */
void recipe_run_catch_signals(void);
int recipe_run_interrupted(void);

#endif
