// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The agent of the test guest: run COMMAND as root, send what it writes and its
 * status to the host. It is PID 1 in a root without systemd, a service in one with.
 *
 * COMMAND writes into pipes and not into the port: a port opens once only, and
 * scripts write to /dev/stderr. What background processes still hold open when
 * COMMAND ends is read dry and let go.
 */
#include "guest.h"
#include "proto.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PORT "/dev/vport0p1"

enum { OUT, ERR, STREAMS };

struct agent {
	struct conf conf;
	char **argv;
	int port;
	pid_t pid;  /* COMMAND */
	int status; /* of COMMAND, once done */
	int done;
	int from[STREAMS]; /* read ends; with a terminal only OUT, its master */
	int to;		   /* COMMAND's input, or -1 */
	int child_fd[3];   /* what COMMAND gets as 0, 1, 2 */
	char in[sizeof(struct frame_head) + FRAME_MAX];
	size_t in_len;	       /* bytes of frames from the host that are not taken yet */
	char typed[FRAME_MAX]; /* what COMMAND has not taken yet of the last one */
	size_t typed_len;
	int sized; /* the host has told the size of its terminal */
};

int read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	int ok = f && fgets(buf, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = 0;
	return ok;
}

void conf_load(struct conf *conf, const char *path)
{
	char line[128];
	FILE *f = fopen(path, "re");

	if (!f)
		fatal("cannot read %s", path);
	memset(conf, 0, sizeof(*conf));
	while (fgets(line, sizeof(line), f)) {
		conf->disk_root |= !strcmp(line, "root=disk\n");
		sscanf(line, "cpus=%d", &conf->cpus);
		sscanf(line, "shares=%d", &conf->shares);
		sscanf(line, "input=%d", &conf->input);
		sscanf(line, "terminal=%d", &conf->terminal);
		sscanf(line, "keep=%d", &conf->keep);
		sscanf(line, "leaks=%d", &conf->leaks);
		sscanf(line, "term=%31s", conf->term);
	}
	fclose(f);
}

/* /run/vesper/cmd: the words of COMMAND, each ended by a NUL byte. */
static char **command_load(const char *path)
{
	struct stat st;
	char **argv, *text, *end, *p;
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		fatal("cannot read %s", path);
	text = calloc(1, st.st_size + 1);
	if (!text || read(fd, text, st.st_size) != st.st_size)
		fatal("cannot read %s", path);
	close(fd);
	end = text + st.st_size;
	for (p = text; p < end; p += strlen(p) + 1)
		n++;
	argv = calloc(n + 1, sizeof(*argv));
	if (!argv)
		fatal("no memory for the command");
	for (n = 0, p = text; p < end; p += strlen(p) + 1)
		argv[n++] = p;
	return argv;
}

static void write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fatal("cannot write to the host");
		p += n;
		len -= n;
	}
}

static void send_frame(struct agent *a, uint8_t type, const void *data, size_t len)
{
	char buf[sizeof(struct frame_head) + FRAME_MAX];
	struct frame_head head;

	frame_set(&head, type, len);
	memcpy(buf, &head, sizeof(head));
	if (len)
		memcpy(buf + sizeof(head), data, len);
	write_all(a->port, buf, sizeof(head) + len);
}

static void note(struct agent *a, const char *text)
{
	send_frame(a, FRAME_NOTE, text, strlen(text));
}

/* The port appears a moment after the driver. */
static int open_port(void)
{
	int i, fd;

	for (i = 0; i < 1000; i++) {
		fd = open(PORT, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		usleep(10000);
	}
	fatal("cannot open " PORT);
}

/* What systemd would have mounted. */
static void mount_api(void)
{
	mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
	mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_at("mqueue", "/dev/mqueue", 0, NULL);
	mount_at("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_at("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		 "nsdelegate,memory_recursiveprot");
	mount_at("debugfs", "/sys/kernel/debug", 0, NULL);
	mount_at("securityfs", "/sys/kernel/security", 0, NULL);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		fatal("cannot bring up lo");
	close(fd);
}

static void mount_shares(int n)
{
	char where[32], tag[16];
	int i;

	for (i = 1; i <= n; i++) {
		snprintf(tag, sizeof(tag), i == 1 ? "x" : "x%d", i);
		snprintf(where, sizeof(where), "/mnt/%s", tag);
		mkdir("/mnt", 0755);
		mkdir(where, 0755);
		if (mount(tag, where, "9p", 0,
			  "trans=virtio,version=9p2000.L,msize=262144,cache=mmap") < 0)
			fatal("cannot mount the share on %s", where);
	}
}

static void make_streams(struct agent *a)
{
	int p[2], i, master;

	a->to = -1;
	if (a->conf.terminal) {
		master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
			fatal("cannot open a terminal");
		for (i = 0; i < 3; i++)
			a->child_fd[i] = -1;
		fcntl(master, F_SETFL, O_NONBLOCK);
		a->from[OUT] = a->to = master;
		a->from[ERR] = -1;
		return;
	}
	a->child_fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (a->conf.input) {
		if (pipe2(p, O_CLOEXEC) < 0)
			fatal("cannot make a pipe");
		a->child_fd[0] = p[0];
		a->to = p[1];
		fcntl(a->to, F_SETFL, O_NONBLOCK);
	}
	for (i = 0; i < STREAMS; i++) {
		if (pipe2(p, O_CLOEXEC) < 0)
			fatal("cannot make a pipe");
		a->from[i] = p[0];
		a->child_fd[1 + i] = p[1];
		fcntl(a->from[i], F_SETFL, O_NONBLOCK);
	}
}

/* In the child: descriptors, session, environment; then COMMAND. */
static void run_command(struct agent *a)
{
	sigset_t none;
	int i, fd;

	setsid();
	if (a->conf.terminal) {
		fd = open(ptsname(a->from[OUT]), O_RDWR | O_CLOEXEC);
		ioctl(fd, TIOCSCTTY, 0);
		for (i = 0; i < 3; i++)
			a->child_fd[i] = fd;
	}
	for (i = 0; i < 3; i++)
		dup2(a->child_fd[i], i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", a->conf.term[0] ? a->conf.term : "dumb", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	umask(022);
	if (chdir("/root") < 0 && chdir("/") < 0)
		_exit(126);
	execvp(a->argv[0], a->argv);
	fprintf(stderr, "cannot run '%s' in the guest: %s\n", a->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Never waits: COMMAND may itself be waiting for us to take its output. */
static void write_typed(struct agent *a)
{
	ssize_t n = write(a->to, a->typed, a->typed_len);

	if (n >= 0) {
		a->typed_len -= n;
		memmove(a->typed, a->typed + n, a->typed_len);
	} else if (errno != EAGAIN && errno != EINTR) {
		/* Nobody reads it any more. A terminal is also where output comes from. */
		if (!a->conf.terminal)
			close(a->to);
		a->to = -1;
		a->typed_len = 0;
	}
}

static void take_size(struct agent *a, const char *data)
{
	struct winsize ws = {0};
	uint16_t size[2];

	memcpy(size, data, sizeof(size));
	ws.ws_row = size[0];
	ws.ws_col = size[1];
	ioctl(a->from[OUT], TIOCSWINSZ, &ws);
	a->sized = 1;
}

static void take_frame(struct agent *a, uint8_t type, const char *data, size_t len)
{
	if (type == FRAME_WINSIZE && len == 2 * sizeof(uint16_t) && a->conf.terminal) {
		take_size(a, data);
	} else if (type == FRAME_STDIN && a->to >= 0 && (len > 0 || a->conf.terminal)) {
		a->typed_len = len > 0 ? len : 1;
		memcpy(a->typed, len > 0 ? data : "\4", a->typed_len);
		write_typed(a);
	} else if (type == FRAME_STDIN && a->to >= 0) {
		close(a->to);
		a->to = -1;
	}
}

/* Whole frames, while COMMAND takes what they hold. */
static void take_frames(struct agent *a)
{
	struct frame_head head;
	size_t whole;

	while (a->in_len >= sizeof(head) && a->typed_len == 0) {
		memcpy(&head, a->in, sizeof(head));
		whole = sizeof(head) + frame_len(&head);
		if (whole > sizeof(a->in))
			fatal("a frame from the host is too long");
		if (a->in_len < whole)
			break;
		take_frame(a, head.type, a->in + sizeof(head), frame_len(&head));
		memmove(a->in, a->in + whole, a->in_len - whole);
		a->in_len -= whole;
	}
}

static void pass_input(struct agent *a)
{
	ssize_t n = read(a->port, a->in + a->in_len, sizeof(a->in) - a->in_len);

	if (n <= 0)
		return;
	a->in_len += n;
	take_frames(a);
}

static void start_command(struct agent *a)
{
	int i;

	make_streams(a);
	send_frame(a, FRAME_READY, NULL, 0);
	while (a->conf.terminal && !a->sized)
		pass_input(a);
	a->pid = fork();
	if (a->pid < 0)
		fatal("cannot fork");
	if (a->pid == 0)
		run_command(a);
	for (i = 0; i < 3; i++)
		if (a->child_fd[i] >= 0)
			close(a->child_fd[i]);
}

/* One read of a stream; 0 when there is nothing (now, or for ever). */
static int pass_stream(struct agent *a, int i)
{
	char buf[FRAME_MAX];
	ssize_t n = read(a->from[i], buf, sizeof(buf));

	if (n > 0) {
		send_frame(a, i == OUT ? FRAME_STDOUT : FRAME_STDERR, buf, n);
		return 1;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		if (a->from[i] == a->to) {
			a->to = -1;
			a->typed_len = 0;
		}
		close(a->from[i]);
		a->from[i] = -1;
	}
	return 0;
}

/* As PID 1 every orphan comes here; only COMMAND's status counts. */
static void reap(struct agent *a)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != a->pid)
			continue;
		a->done = 1;
		a->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

static void on_child(int sig)
{
	(void)sig;
}

/* Relay until COMMAND is done; SIGCHLD comes in only while ppoll waits. */
static void relay(struct agent *a, const sigset_t *waiting)
{
	enum { HOST = STREAMS, INPUT, ALL };
	struct pollfd p[ALL];
	int i;

	while (!a->done) {
		for (i = 0; i < STREAMS; i++)
			p[i] = (struct pollfd){.fd = a->from[i], .events = POLLIN};
		/* What COMMAND does not take stays with the host. */
		i = a->conf.input && a->typed_len == 0;
		p[HOST] = (struct pollfd){.fd = i ? a->port : -1, .events = POLLIN};
		p[INPUT] = (struct pollfd){.fd = a->typed_len ? a->to : -1, .events = POLLOUT};
		if (ppoll(p, ALL, NULL, waiting) > 0) {
			for (i = 0; i < STREAMS; i++)
				if (p[i].revents)
					pass_stream(a, i);
			if (p[HOST].revents & POLLIN)
				pass_input(a);
			if (p[INPUT].revents && a->to >= 0)
				write_typed(a);
			take_frames(a);
		}
		reap(a);
	}
	for (i = 0; i < STREAMS; i++)
		while (a->from[i] >= 0 && pass_stream(a, i))
			;
}

/*
 * Two scans: what the first finds may be a pointer that was in a register; what
 * is still there after the second is a leak.
 */
static void scan_leaks(struct agent *a)
{
	static const char path[] = "/sys/kernel/debug/kmemleak";
	char buf[FRAME_MAX];
	ssize_t n;
	int i, fd;

	mount_at("debugfs", "/sys/kernel/debug", 0, NULL);
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (i = 0; i < 2; i++) {
		if (fd >= 0 && write(fd, "scan", 4) == 4)
			continue;
		/* What was not looked for is not known to be absent. */
		note(a, "cannot scan for leaks\n");
		a->status = GUEST_KERNEL;
		break;
	}
	if (fd < 0)
		return;
	/* From its beginning: what was written has moved the place to read at. */
	n = pread(fd, buf, sizeof(buf), 0);
	if (n > 0) {
		note(a, "kmemleak:\n");
		send_frame(a, FRAME_NOTE, buf, n);
		a->status = GUEST_KERNEL;
	}
	close(fd);
}

/* A root that is written through is left clean: frozen, its journal is empty. */
static void leave_clean(struct agent *a)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	sync();
	if (fd < 0 || ioctl(fd, FIFREEZE, 0) < 0)
		note(a, "cannot leave the root file system clean\n");
}

static int cpus_match(struct agent *a)
{
	char text[160];
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (online == a->conf.cpus)
		return 1;
	snprintf(text, sizeof(text), "%ld CPUs are online in the guest, not %d\n", online,
		 a->conf.cpus);
	note(a, text);
	return 0;
}

int agent_main(void)
{
	struct agent a = {.status = GUEST_BROKEN};
	struct sigaction sa = {.sa_handler = on_child};
	sigset_t block, waiting;
	uint8_t status;

	if (getpid() == 1) {
		mount_api();
		loopback_up();
		if (sethostname("guest", 5) < 0)
			fatal("cannot set the host name");
	}
	conf_load(&a.conf, "/run/vesper/conf");
	a.argv = command_load("/run/vesper/cmd");
	mount_shares(a.conf.shares);
	a.port = open_port();

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &waiting);
	sigdelset(&waiting, SIGCHLD);
	if (cpus_match(&a)) {
		start_command(&a);
		relay(&a, &waiting);
		if (a.conf.leaks)
			scan_leaks(&a);
	}
	if (a.conf.keep)
		leave_clean(&a);
	status = a.status;
	send_frame(&a, FRAME_EXIT, &status, 1);
	/* The host ends QEMU now; without a host there is nothing to stay for. */
	sleep(30);
	reboot(RB_POWER_OFF);
	return 0;
}
