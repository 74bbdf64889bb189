// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pty SCRIPT -- COMMAND [ARG...] - a person at a terminal: runs COMMAND on a
 * pseudo terminal and does what SCRIPT says, a step a line:
 *
 *   test NAME        begins a test; "ok NAME" when the next one or the end is reached
 *   send TEXT        type it
 *   expect TEXT      wait until it comes, after what was expected before
 *   absent TEXT      it has not come since then
 *   size ROWS COLS   the window changes
 *   mode raw|cooked  wait until the terminal is in that mode: as programs want it, as a person does
 *   signal NUMBER    to COMMAND itself
 *   do COMMAND       a shell runs it, while COMMAND goes on
 *   pause MS         nothing
 *   hangup           the terminal goes away
 *   status N         wait until COMMAND ends, with that status (128 + signal)
 *
 * TEXT has \r \n \e \\ and \xHH. A step that does not come true within 60 s (-t)
 * prints "not ok NAME", what it waited for and what was on the screen, and ends all.
 *
 * COMMAND is not the leader of the terminal's session: at a leader's end the kernel
 * puts a terminal's settings back, and what COMMAND left would not be seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SCREEN (1 << 20)

static struct {
	int master, report; /* report: the leader writes pid and then status */
	pid_t leader, pid;
	int status, ended;
	int limit_ms;
	struct termios before;
	char name[200]; /* of the test that runs */
	char screen[SCREEN + 1];
	size_t have, seen;
} t = {.limit_ms = 60000};

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void end_all(void)
{
	if (t.master >= 0)
		close(t.master);
	if (t.pid > 0 && !t.ended)
		kill(t.pid, SIGTERM);
	if (t.leader > 0)
		kill(t.leader, SIGKILL);
}

static void fail(const char *fmt, ...)
{
	size_t from = t.have > 2000 ? t.have - 2000 : 0, i;
	va_list ap;

	printf("not ok %s\n", t.name);
	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("; on the screen:\n# ");
	va_end(ap);
	for (i = from; i < t.have; i++) {
		if (t.screen[i] == '\n')
			printf("\n# ");
		else if (t.screen[i] >= ' ' && t.screen[i] < 127)
			putchar(t.screen[i]);
		else
			printf("\\x%02x", (unsigned char)t.screen[i]);
	}
	putchar('\n');
	end_all();
	exit(1);
}

static void lead(int report, char *argv[], const char *slave)
{
	int fd, status;
	pid_t pid;

	close(t.master); /* or it would not be the last to let go */
	setsid();
	fd = open(slave, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(1);
	pid = fork();
	if (pid == 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (write(report, &pid, sizeof(pid)) < 0)
		_exit(1);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (write(report, &status, sizeof(status)) < 0)
		_exit(1);
	for (;;)
		pause();
}

static void start(char *argv[])
{
	struct winsize ws = {.ws_row = 24, .ws_col = 80};
	int p[2];

	t.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t.master < 0 || grantpt(t.master) < 0 || unlockpt(t.master) < 0 ||
	    pipe2(p, O_CLOEXEC) < 0)
		fail("no terminal: %s", strerror(errno));
	ioctl(t.master, TIOCSWINSZ, &ws);
	t.leader = fork();
	if (t.leader == 0)
		lead(p[1], argv, ptsname(t.master));
	close(p[1]);
	t.report = p[0];
	if (read(t.report, &t.pid, sizeof(t.pid)) != (ssize_t)sizeof(t.pid))
		fail("cannot start %s", argv[0]);
	tcgetattr(t.master, &t.before);
}

/* Take what comes within @ms; the screen keeps the newest half when it is full. */
static void watch(int ms)
{
	struct pollfd p[2] = {{.fd = t.master, .events = POLLIN},
			      {.fd = t.ended ? -1 : t.report, .events = POLLIN}};
	ssize_t n;

	if (poll(p, 2, ms) <= 0)
		return;
	if (p[0].revents) {
		if (t.have == SCREEN) {
			memmove(t.screen, t.screen + SCREEN / 2, SCREEN / 2);
			t.have = SCREEN / 2;
			t.seen = t.seen > SCREEN / 2 ? t.seen - SCREEN / 2 : 0;
		}
		n = read(t.master, t.screen + t.have, SCREEN - t.have);
		if (n > 0)
			t.have += n;
		else
			usleep(10000);
		t.screen[t.have] = 0;
	} else if (p[1].revents) {
		if (read(t.report, &t.status, sizeof(t.status)) != (ssize_t)sizeof(t.status))
			fail("lost sight of the command");
		t.ended = 1;
	}
}

static size_t unescape(char *s)
{
	char *out = s, *from = s;
	unsigned int byte;

	while (*s) {
		if (*s != '\\') {
			*out++ = *s++;
			continue;
		}
		s++;
		if (*s == 'x' && sscanf(s + 1, "%2x", &byte) == 1) {
			*out++ = (char)byte;
			s += 3;
			continue;
		}
		*out++ = *s == 'r' ? '\r' : *s == 'n' ? '\n' : *s == 'e' ? '\033' : *s;
		s += *s != 0;
	}
	*out = 0;
	return out - from;
}

static char *on_screen(const char *text, size_t len)
{
	return memmem(t.screen + t.seen, t.have - t.seen, text, len);
}

static void step_expect(char *text)
{
	long long end = now_ms() + t.limit_ms;
	size_t len = unescape(text);
	char *at;

	while (!(at = on_screen(text, len))) {
		if (now_ms() > end)
			fail("'%s' does not come", text);
		if (t.ended && !(watch(200), on_screen(text, len)))
			fail("'%s' did not come before the end (status %#x)", text, t.status);
		watch(200);
	}
	t.seen = at - t.screen + len;
}

static void step_absent(char *text)
{
	size_t len = unescape(text);

	watch(200);
	if (on_screen(text, len))
		fail("'%s' came", text);
}

static void step_send(char *text)
{
	size_t len = unescape(text), sent = 0;
	long long end = now_ms() + t.limit_ms;
	ssize_t n;

	fcntl(t.master, F_SETFL, O_NONBLOCK);
	while (sent < len) {
		n = write(t.master, text + sent, len - sent);
		if (n > 0)
			sent += n;
		else
			watch(20);
		if (now_ms() > end)
			fail("nobody takes what is typed");
	}
	fcntl(t.master, F_SETFL, 0);
}

static int mode_is(const char *mode)
{
	struct termios now;

	if (tcgetattr(t.master, &now) < 0)
		return 0;
	if (!strcmp(mode, "raw"))
		return !(now.c_lflag & (ICANON | ECHO | ISIG)) && !(now.c_oflag & OPOST);
	return now.c_lflag == t.before.c_lflag && now.c_iflag == t.before.c_iflag &&
	       now.c_oflag == t.before.c_oflag && now.c_cflag == t.before.c_cflag &&
	       !memcmp(now.c_cc, t.before.c_cc, sizeof(now.c_cc));
}

static void step_mode(const char *mode)
{
	long long end = now_ms() + t.limit_ms;

	while (!mode_is(mode)) {
		if (now_ms() > end)
			fail("the terminal does not become %s", mode);
		watch(20);
	}
}

static void step_status(int want)
{
	long long end = now_ms() + t.limit_ms;
	int got;

	while (!t.ended) {
		if (now_ms() > end)
			fail("the command does not end");
		watch(200);
	}
	got = WIFSIGNALED(t.status) ? 128 + WTERMSIG(t.status) : WEXITSTATUS(t.status);
	if (got != want)
		fail("ended with %d, not %d", got, want);
}

static void step_do(const char *command)
{
	long long end = now_ms() + t.limit_ms;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		watch(20);
		if (now_ms() > end) {
			kill(pid, SIGKILL);
			fail("'%s' does not end", command);
		}
	}
	if (status)
		fail("'%s' failed (%#x)", command, status);
}

static void pause_ms(int ms)
{
	long long end = now_ms() + ms;

	while (now_ms() < end)
		watch((int)(end - now_ms()));
}

static void passed(void)
{
	if (t.name[0])
		printf("ok %s\n", t.name);
	fflush(stdout);
}

static void step(char *line)
{
	char *rest = line + strcspn(line, " ");
	struct winsize ws = {0};

	if (*rest)
		*rest++ = 0;
	if (!strcmp(line, "test")) {
		passed();
		snprintf(t.name, sizeof(t.name), "%s", rest);
	} else if (!strcmp(line, "send")) {
		step_send(rest);
	} else if (!strcmp(line, "expect")) {
		step_expect(rest);
	} else if (!strcmp(line, "absent")) {
		step_absent(rest);
	} else if (!strcmp(line, "size") && sscanf(rest, "%hu %hu", &ws.ws_row, &ws.ws_col) == 2) {
		ioctl(t.master, TIOCSWINSZ, &ws);
	} else if (!strcmp(line, "mode")) {
		step_mode(rest);
	} else if (!strcmp(line, "signal")) {
		kill(t.pid, atoi(rest));
	} else if (!strcmp(line, "do")) {
		step_do(rest);
	} else if (!strcmp(line, "pause")) {
		pause_ms(atoi(rest));
	} else if (!strcmp(line, "hangup")) {
		close(t.master);
		t.master = -1;
	} else if (!strcmp(line, "status")) {
		step_status(atoi(rest));
	} else {
		fail("no step '%s'", line);
	}
}

int main(int argc, char *argv[])
{
	char *line = NULL;
	size_t size = 0;
	FILE *script;
	ssize_t n;
	int c;

	while ((c = getopt(argc, argv, "+t:")) != -1) {
		if (c != 't')
			return 2;
		t.limit_ms = atoi(optarg) * 1000;
	}
	if (argc - optind < 2)
		return 2;
	script = fopen(argv[optind], "re");
	if (!script) {
		perror(argv[optind]);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	optind += 1 + !strcmp(argv[optind + 1], "--");
	start(argv + optind);
	while ((n = getline(&line, &size, script)) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] && line[0] != '#')
			step(line);
	}
	passed();
	end_all();
	return 0;
}
