/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_POWER_H
#define VESPER_POWER_H

/*
 * A machine that loses power. What our own objects do to the files below a
 * directory is noted down (by tests/lib/faults.c, with its limits) while it is
 * done; afterwards the directory is made as a cut after any number of those
 * steps may have left it:
 *
 *   - what was written to a file before an fsync() of it is there;
 *   - what came after it is there or not, each write for itself, and of one any of
 *     its sectors;
 *   - of what was done to the names of a directory after its last fsync() there is
 *     the beginning, as journals keep the order of those.
 *
 * That a new file is synced says nothing of its name, and a name nothing of what
 * is in the file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum power_how {
	POWER_NONE,   /* only what was synced */
	POWER_ALL,    /* all that was done */
	POWER_TORN,   /* that, and of the write that comes next some sectors */
	POWER_RANDOM, /* of what was not synced whatever @seed says */
};

/* Note down from here on what is done below @dir, where the files are regular ones and directories. */
void power_begin(const char *dir);
/* How many steps it was; flushes are steps, too. */
unsigned int power_end(void);
/* What was noted down is needed no more. */
void power_free(void);

/*
 * Make @dir, which is empty, what a cut after @steps steps leaves. false: nothing
 * that power_replay() did not make before, and nothing is made.
 */
bool power_replay(const char *dir, unsigned int steps, enum power_how how, uint64_t seed);

/* One line about step @step. */
const char *power_step(unsigned int step);

/* Called for each call that came off; they look for themselves whether it is to be noted. */
void power_opened(int fd, int dirfd, const char *path, int flags, bool existed);
void power_wrote(int fd, const void *buf, size_t len, off_t off);
void power_sized(int fd, off_t len);
void power_allocated(int fd, int how, off_t off, off_t len);
void power_linked(int fd_or_dir, const char *from, int dirfd, const char *name);
void power_renamed(int fromfd, const char *from, int tofd, const char *to);
void power_unlinked(int dirfd, const char *name);
void power_made_directory(const char *path);
void power_synced(int fd);
bool power_is_on(void);

#endif
