// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench outside|beside|inside ROUNDS - nanoseconds a call of a few kernel paths,
 * one line a round: "PATH NANOSECONDS". In a guest with -i a nanosecond is an
 * instruction, so the numbers say how much longer our kernel makes a path and
 * nothing of the machine.
 *
 * outside: no container on the node. beside: one runs and does nothing, we are
 * outside. inside: we are in it. On a kernel without containers the last two do
 * the same with a cgroup and namespaces: that is what ours is compared with.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CGROUP "/sys/fs/cgroup/bench"

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

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
		fail("fork");
}

static void do_exec(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl("/proc/self/exe", "bench", NULL);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		fail("exec");
}

static void read_file(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, buf, sizeof(buf)) < 0)
		fail(path);
	close(fd);
}

static void do_open(void)
{
	read_file("/dev/null");
}

static void do_status(void)
{
	read_file("/proc/self/status");
}

static void do_uptime(void)
{
	read_file("/proc/uptime");
}

static void do_mount(void)
{
	if (mount("bench", "/tmp", "tmpfs", 0, NULL) < 0 || umount2("/tmp", MNT_DETACH) < 0)
		fail("mount");
}

static const struct {
	const char *name;
	void (*call)(void);
	int times;
} paths[] = {
	{"getppid", do_getppid, 10000},	      {"fork_exit_wait", do_fork, 50},
	{"vfork_exec_wait", do_exec, 30},     {"open_read_close", do_open, 1000},
	{"proc_status", do_status, 200},      {"proc_uptime", do_uptime, 200},
	{"mount_tmpfs_umount", do_mount, 50},
};

static void measure(int rounds)
{
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
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

static void map_ids(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	put(path, "0 100000 65536");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	put(path, "0 100000 65536");
}

/* The first process of the container; it starts when the host says so. */
static void be_init(int go, bool work, int rounds)
{
	char c;

	if (read(go, &c, 1) != 1)
		_exit(1);
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
		fail("setresuid");
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		fail("proc");
	if (!work)
		pause();
	measure(rounds);
	fflush(stdout);
	_exit(0);
}

/* A container as vzctl makes one, as far as the kernel counts it: cgroup, id, namespaces, start. */
static pid_t start_container(bool work, int rounds)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS |
			 CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID,
		.exit_signal = SIGCHLD,
	};
	bool ours = access("/sys/fs/cgroup/ve.orphans", F_OK) == 0;
	char start[32];
	int go[2];
	pid_t pid;

	if (mkdir(CGROUP, 0755) < 0)
		fail(CGROUP);
	if (ours)
		put(CGROUP "/ve.id", "1");
	if (mkdir(CGROUP "/init", 0755) < 0 || pipe2(go, O_CLOEXEC) < 0)
		fail(CGROUP);
	args.cgroup = open(CGROUP "/init", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fflush(stdout);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		fail("clone3");
	if (pid == 0)
		be_init(go[0], work, rounds);
	map_ids(pid);
	if (ours) {
		snprintf(start, sizeof(start), "start %d", pid);
		put(CGROUP "/ve.state", start);
	}
	if (write(go[1], "g", 1) != 1)
		fail("start");
	return pid;
}

int main(int argc, char *argv[])
{
	int rounds, status = 0;
	pid_t pid;

	if (argc < 3)
		return 0; /* what vfork_exec_wait runs */
	rounds = atoi(argv[2]);
	if (strcmp(argv[1], "outside") == 0) {
		measure(rounds);
	} else if (strcmp(argv[1], "beside") == 0) {
		pid = start_container(false, 0);
		measure(rounds);
		kill(pid, SIGKILL);
	} else {
		pid = start_container(true, rounds);
		if (waitpid(pid, &status, 0) < 0 || status)
			fail("the container ended badly");
	}
	return 0;
}
