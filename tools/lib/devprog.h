/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_DEVPROG_H
#define VESPER_DEVPROG_H

#include <stddef.h>

struct bpf_insn;
struct devices;
struct err;

/*
 * The device policy as the kernel runs it: a program of the type
 * BPF_PROG_TYPE_CGROUP_DEVICE, asked whenever something in the cgroup opens a
 * device.
 */

/* The instructions for @d; caller frees; NULL without memory. */
struct bpf_insn *devprog_build(const struct devices *d, size_t *ret_count);

/*
 * Let @cgroup and all below it have the policy @d from now on; an earlier one
 * of ours is replaced in one step. It stays as long as the cgroup does.
 */
int devprog_attach(const char *cgroup, const struct devices *d, struct err *err);

#endif
