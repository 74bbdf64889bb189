/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_FUZZ_COMMON_H
#define VESPER_FUZZ_COMMON_H

/*
 * What fuzzers share. A fuzzer is one file with LLVMFuzzerTestOneInput() and
 * fuzz_seeds(); it holds what was parsed against what must be true of it, and
 * fuzz_check() ends the process where that is not so: libFuzzer then keeps
 * the input. `fuzz_X --seeds DIR` writes the inputs that it begins with.
 */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Of each fuzzer: calls fuzz_seed() and fuzz_seed_file(). */
void fuzz_seeds(void);
void fuzz_seed(const void *data, size_t len);
/* A byte @head and then a file of the tree, whose top is the working directory. */
void fuzz_seed_file(uint8_t head, const char *path);

/* A directory of this process below TMPDIR, gone when it exits; and a file in it. */
int fuzz_dirfd(void);
const char *fuzz_path(const char *name);
void fuzz_write(const char *name, const void *data, size_t len);
/* How many names it has, hidden ones too. */
unsigned int fuzz_entries(void);

#define fuzz_check(cond) ((cond) ? (void)0 : fuzz_fail("%s:%d: %s", __FILE__, __LINE__, #cond))
void fuzz_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
