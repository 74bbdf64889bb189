// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench ROUNDS - nanoseconds a call of a few kernel paths, one line a round:
 * "PATH NANOSECONDS". In a guest with -i a nanosecond is an instruction, so the
 * numbers say how much longer our kernel makes a path and nothing of the machine.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

static void do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		exit(1);
}

static void do_open(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || close(fd) < 0)
		exit(1);
}

static void do_proc(void)
{
	char buf[4096];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, buf, sizeof(buf)) <= 0)
		exit(1);
	close(fd);
}

static const struct {
	const char *name;
	void (*call)(void);
	int times;
} paths[] = {
	{"getppid", do_getppid, 10000},
	{"fork_exit_wait", do_fork, 50},
	{"open_close", do_open, 1000},
	{"proc_status", do_proc, 200},
};

int main(int argc, char *argv[])
{
	int rounds = argc > 1 ? atoi(argv[1]) : 31;
	size_t p;
	long start;
	int r, i;

	/* The first round is cold: up to a third dearer. */
	for (r = -1; r < rounds; r++) {
		for (p = 0; p < sizeof(paths) / sizeof(paths[0]); p++) {
			start = now();
			for (i = 0; i < paths[p].times; i++)
				paths[p].call();
			if (r >= 0)
				printf("%s %ld\n", paths[p].name, (now() - start) / paths[p].times);
		}
	}
	return 0;
}
