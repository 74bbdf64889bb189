// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relay [-i] [-t] [-l LOG] [-r FILE] -T SECONDS -- QEMU ARG... - start QEMU with one end of a
 * socket pair as its descriptor 3, and pass what the guest's agent says on the
 * other end to standard output, standard error and the exit status.
 *
 *   -i  pass standard input to COMMAND      -t  and treat it as a terminal
 *   -T  the time limit (0: none)         -l  where QEMU's own messages go
 *   -r  a file that is made when COMMAND is reached
 *
 * Exits with COMMAND's status; 98 when the guest ended before there was one
 * (and said so), 124 past the time limit. QEMU never outlives this process.
 * Whether the kernel complained is for the caller to see, in the console log.
 */
#include "proto.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct relay {
	int sock;
	pid_t qemu;
	int input, terminal;
	int input_open;
	const char *log; /* QEMU's own messages */
	const char *reached;
	int ready;  /* COMMAND was reached */
	int status; /* of COMMAND, -1 until it is known */
	char buf[sizeof(struct frame_head) + FRAME_MAX];
	size_t len;
};

static volatile sig_atomic_t stopped, resized;
static struct termios saved;

static void on_stop(int sig)
{
	stopped = sig;
}

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

static void restore_terminal(void)
{
	tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

/* From when COMMAND runs: until then a ^C is for us. */
static void raw_terminal(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		return;
	atexit(restore_terminal);
	raw = saved;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void write_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* the reader went away; COMMAND's status still counts */
		p += n;
		len -= n;
	}
}

static void send_frame(struct relay *r, uint8_t type, const void *data, size_t len)
{
	struct frame_head head;

	frame_set(&head, type, len);
	write_all(r->sock, (const char *)&head, sizeof(head));
	write_all(r->sock, data, len);
}

static void send_size(struct relay *r)
{
	struct winsize ws = {0};
	uint16_t size[2];

	ioctl(STDIN_FILENO, TIOCGWINSZ, &ws);
	size[0] = ws.ws_row;
	size[1] = ws.ws_col;
	send_frame(r, FRAME_WINSIZE, size, sizeof(size));
}

static void take_frame(struct relay *r, uint8_t type, const char *data, size_t len)
{
	switch (type) {
	case FRAME_READY:
		r->ready = 1;
		if (r->reached)
			close(open(r->reached, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		r->input_open = r->input;
		if (r->terminal) {
			raw_terminal();
			send_size(r);
		}
		break;
	case FRAME_STDOUT:
		write_all(STDOUT_FILENO, data, len);
		break;
	case FRAME_STDERR:
		write_all(STDERR_FILENO, data, len);
		break;
	case FRAME_NOTE:
		write_all(STDERR_FILENO, "guest: ", 7);
		write_all(STDERR_FILENO, data, len);
		break;
	case FRAME_EXIT:
		r->status = len == 1 ? (uint8_t)data[0] : GUEST_BROKEN;
		break;
	}
}

/* 0 when the guest's end is closed. */
static int pass_frames(struct relay *r)
{
	struct frame_head head;
	size_t whole;
	ssize_t n = read(r->sock, r->buf + r->len, sizeof(r->buf) - r->len);

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0)
		return 0;
	r->len += n;
	while (r->status < 0 && r->len >= sizeof(head)) {
		memcpy(&head, r->buf, sizeof(head));
		whole = sizeof(head) + frame_len(&head);
		if (whole > sizeof(r->buf))
			return 0;
		if (r->len < whole)
			break;
		take_frame(r, head.type, r->buf + sizeof(head), frame_len(&head));
		memmove(r->buf, r->buf + whole, r->len - whole);
		r->len -= whole;
	}
	return 1;
}

static void pass_input(struct relay *r)
{
	char buf[4096];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		n = 0;
		r->input_open = 0;
	}
	send_frame(r, FRAME_STDIN, buf, n);
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Until there is a status, the guest is gone, the time is up or a signal came. */
static int run(struct relay *r, int limit)
{
	time_t end = now() + limit;
	struct pollfd p[2];

	while (r->status < 0) {
		if (stopped)
			return 128 + stopped;
		if (limit && now() >= end)
			return GUEST_LATE;
		if (resized && r->terminal && r->ready) {
			resized = 0;
			send_size(r);
		}
		p[0] = (struct pollfd){.fd = r->sock, .events = POLLIN};
		p[1] = (struct pollfd){.fd = r->input_open ? STDIN_FILENO : -1, .events = POLLIN};
		if (poll(p, 2, 1000) <= 0)
			continue;
		if (p[0].revents && !pass_frames(r))
			break;
		if (p[1].revents)
			pass_input(r);
	}
	if (r->status >= 0)
		return r->status;
	if (r->terminal && r->ready)
		restore_terminal(); /* for the line below */
	fprintf(stderr, r->ready ? "run: the guest ended before COMMAND did\n"
				 : "run: the guest ended before it reached COMMAND\n");
	return GUEST_BROKEN;
}

/* SIGTERM lets QEMU close its images; an image must not stay marked in use. */
static void end_qemu(struct relay *r)
{
	int i;

	kill(r->qemu, SIGTERM);
	for (i = 0; i < 1000; i++) {
		if (waitpid(r->qemu, NULL, WNOHANG) != 0)
			return;
		usleep(10000);
	}
	kill(r->qemu, SIGKILL);
	waitpid(r->qemu, NULL, 0);
}

static void start_qemu(struct relay *r, char *argv[])
{
	int pair[2], null, log;
	pid_t self = getpid();

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		exit(GUEST_BROKEN);
	r->qemu = fork();
	if (r->qemu < 0)
		exit(GUEST_BROKEN);
	if (r->qemu == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(1);
		setpgid(0, 0); /* a terminal's ^C is COMMAND's, not QEMU's */
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, STDIN_FILENO);
		log = open(r->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		if (pair[1] == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(pair[1], 3);
		execvp(argv[0], argv);
		fprintf(stderr, "run: cannot run '%s': %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(pair[1]);
	r->sock = pair[0];
}

int main(int argc, char *argv[])
{
	struct relay r = {.status = -1, .log = "/dev/null"};
	struct sigaction stop = {.sa_handler = on_stop}, size = {.sa_handler = on_resize};
	int c, limit = 0, status;

	while ((c = getopt(argc, argv, "+itl:r:T:")) != -1) {
		if (c == 'i')
			r.input = 1;
		else if (c == 't')
			r.input = r.terminal = 1;
		else if (c == 'l')
			r.log = optarg;
		else if (c == 'r')
			r.reached = optarg;
		else if (c == 'T')
			limit = atoi(optarg);
		else
			return 2;
	}
	if (optind == argc)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* run is gone: so is the guest */
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGWINCH, &size, NULL);
	start_qemu(&r, argv + optind);
	status = run(&r, limit);
	end_qemu(&r);
	return status;
}
