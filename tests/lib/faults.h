/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_FAULTS_H
#define VESPER_FAULTS_H

/*
 * Memory and files that fail at the N-th call. The linker sends the calls of
 * our own objects here (test_WRAP in tests/build.mk): what libext2fs, libxml2,
 * libarchive, jansson, and libc itself allocate does not fail.
 */

#include <stdbool.h>

struct err;
struct fixture;

enum fault {
	FAULT_MEMORY,	 /* the N-th allocation */
	FAULT_NO_MEMORY, /* that one and all after it */
	FAULT_FILE,	 /* the N-th call that reads, writes, opens or names a file: EIO */
	FAULT_CRASH,	 /* there the process ends, with FAULTS_CRASHED */
};

enum { FAULTS_CRASHED = 99 };

/* From here on, counted from 0. While armed, nothing is flushed to a real disk. */
void faults_arm(enum fault fault, unsigned int n);
/* No more of them; whether one happened. */
bool faults_disarm(void);

/*
 * When set, takes the place of ioctl(), and the device mapper's control device can
 * be opened wherever the test runs.
 */
extern int (*faults_ioctl)(int fd, unsigned long request, void *arg);

/* What must come off, or fail with a sentence, whatever fails below it. */
struct fault_op {
	const char *name;
	/* The files as they are before; NULL: nothing to do. */
	void (*prepare)(struct fixture *f);
	/* Does it, checks what comes out when that is 0, and frees it. */
	int (*run)(struct fixture *f, struct err *err);
	/* The files as they are after it returned @r. */
	void (*look)(struct fixture *f, int r);
};

/*
 * Run @op with each of its faults until it meets none, with and without a
 * place for the sentence. Fails the test for an error without a sentence, one
 * that is not -ENOMEM where memory failed, and an open descriptor left behind.
 */
void faults_each(struct fixture *f, const struct fault_op *op);

#endif
