// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a container's confinement costs a process, in nanoseconds a call, before
 * and after: "getppid" under the system call filter (and under one that allows
 * everything, the least that any filter costs), "open" of a device under the
 * device program. One line each: PATH BEFORE AFTER. In a guest with -i a
 * nanosecond is an instruction. Wants root and cgroup2 at /sys/fs/cgroup.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "devprog.h"
#include "err.h"
#include "io.h"
#include "sysfilter.h"

#define CGROUP "/sys/fs/cgroup/bench-confine"
#define ROUNDS 31

static void fail(const char *why)
{
	fprintf(stderr, "confine: %s\n", why);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

static void do_open(void)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("cannot open a device");
	close(fd);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The median of the rounds after a first one that is cold. */
static double measure(void (*call)(void), int times)
{
	double v[ROUNDS], start;
	int r, i;

	for (r = -1; r < ROUNDS; r++) {
		start = now();
		for (i = 0; i < times; i++)
			call();
		if (r >= 0)
			v[r] = (now() - start) / times;
	}
	qsort(v, ROUNDS, sizeof(*v), by_size);
	return v[ROUNDS / 2];
}

static void guard_devices(struct err *err)
{
	struct devices d;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (mkdir(CGROUP, 0755) < 0 || io_write_value(AT_FDCWD, CGROUP "/cgroup.procs", pid) < 0)
		fail("cannot make a cgroup");
	if (devices_load(NULL, NULL, false, &d, err) < 0 || devprog_attach(CGROUP, &d, err) < 0)
		fail(err->msg);
	devices_free(&d);
}

/* In a child: a filter is for good. */
static void measure_empty_filter(double before)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog prog = {1, &allow};
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
			fail("cannot load a filter");
		printf("getppid_empty %.1f %.1f\n", before, measure(do_getppid, 10000));
		exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		fail("cannot fork");
}

int main(void)
{
	struct err err = ERR_INIT;
	struct sysfilter *filter;
	double before, start;

	before = measure(do_open, 1000);
	guard_devices(&err);
	printf("open %.1f %.1f\n", before, measure(do_open, 1000));
	before = measure(do_getppid, 10000);
	measure_empty_filter(before);
	start = now();
	if (sysfilter_new(&filter, &err) < 0)
		fail(err.msg);
	printf("build_filter 0 %.0f\n", now() - start);
	start = now();
	if (sysfilter_load(filter, &err) < 0)
		fail(err.msg);
	printf("load_filter 0 %.0f\n", now() - start);
	printf("getppid %.1f %.1f\n", before, measure(do_getppid, 10000));
	sysfilter_free(filter);
	return 0;
}
