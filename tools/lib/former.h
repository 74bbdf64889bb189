/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_FORMER_H
#define VESPER_FORMER_H

struct ct;
struct err;
struct former;

/*
 * What the parameters of PHASE_FILES change of a running container, as it is
 * now: its host name and three files of its /etc. A value that is taken away is
 * left in effect by them, so a change that failed is undone from this.
 */
int former_take(const struct ct *ct, struct former **ret, struct err *err);

/* As it was, as far as that can be done. */
void former_put_back(const struct ct *ct, const struct former *f);

void former_free(struct former *f);
void former_freep(struct former **f);

#endif
