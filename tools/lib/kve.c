/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "err.h"
#include "exitcode.h"
#include "path.h"
#include "size.h"

static const char *const state_names[] = {"none", "starting", "running", "stopping", "stopped"};

int kve_require(const char *cg, struct err *err)
{
	_cleanup_free_ char *file = path_join(cg, "ve.id");

	if (!file)
		return err_set(err, ENOMEM, "out of memory");
	if (access(file, F_OK) < 0)
		return err_exit(
			err, VZ_KERNEL,
			"the running kernel has no `ve` controller: boot the Vesper kernel");
	return 0;
}

int kve_set_id(const char *cg, uint32_t id, struct err *err)
{
	char word[16];

	snprintf(word, sizeof(word), "%" PRIu32, id);
	return cgroup_write(cg, "ve.id", word, err);
}

int kve_start(const char *cg, pid_t pid, struct err *err)
{
	char word[32];

	snprintf(word, sizeof(word), "start %d", (int)pid);
	return cgroup_write(cg, "ve.state", word, err);
}

static int parse_state(const char *s, enum kve_state *ret_state)
{
	size_t i, n = strcspn(s, "\n");

	for (i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++)
		if (strlen(state_names[i]) == n && memcmp(s, state_names[i], n) == 0) {
			*ret_state = i;
			return 0;
		}
	return -EPROTO;
}

static int read_state_fd(int fd, enum kve_state *ret_state)
{
	char buf[32];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n < 0)
		return errno == ENODEV ? -ENOENT : -errno;
	buf[n] = '\0';
	return parse_state(buf, ret_state);
}

static int open_state(const char *cg)
{
	_cleanup_free_ char *file = path_join(cg, "ve.state");
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;

	return fd < 0 ? -errno : fd;
}

int kve_get_state(const char *cg, enum kve_state *ret_state)
{
	_cleanup_close_ int fd = open_state(cg);

	return fd < 0 ? fd : read_state_fd(fd, ret_state);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

int kve_wait(const char *cg, enum kve_state want, int timeout_ms, struct err *err)
{
	int64_t deadline = now_ms() + timeout_ms, left;
	_cleanup_close_ int fd = open_state(cg);
	enum kve_state state;
	int r;

	if (fd < 0)
		return err_errno(err, fd, "cannot read the state of '%s'", cg);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};

		r = read_state_fd(fd, &state);
		if (r < 0)
			return err_errno(err, r, "cannot read the state of '%s'", cg);
		if (state >= want)
			return 0;
		left = deadline - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, left) < 0 && errno != EINTR)
			return err_errno(err, errno, "cannot wait for '%s'", cg);
	}
}

int kve_get_events(const char *cg, struct kve_events *ret_ev, struct err *err)
{
	struct kve_events ev = {"none", 0};
	_cleanup_free_ char *text = NULL;
	char *line, *save = NULL;
	int r;

	r = cgroup_read(cg, "ve.events", &text, err);
	if (r < 0)
		return r;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		sscanf(line, "reason %15s", ev.reason);
		sscanf(line, "status %d", &ev.status);
	}
	*ret_ev = ev;
	return 0;
}

int kve_grant_device(const char *cg, dev_t dev, const char *mode, struct err *err)
{
	char word[48];

	snprintf(word, sizeof(word), "%u:%u %s", major(dev), minor(dev), mode);
	return cgroup_write(cg, "ve.devices", word, err);
}

int kve_get_devices(const char *cg, dev_t **ret_devs, size_t *ret_count, struct err *err)
{
	_cleanup_free_ dev_t *devs = NULL;
	_cleanup_free_ char *text = NULL;
	char *line, *save = NULL;
	size_t n = 0;
	int r = cgroup_read(cg, "ve.devices", &text, err);

	if (r < 0)
		return r;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		dev_t *more = reallocarray(devs, n + 1, sizeof(*devs));
		unsigned int maj, min;

		if (!more)
			return err_set(err, ENOMEM, "out of memory");
		devs = more;
		if (sscanf(line, "%u:%u", &maj, &min) != 2)
			return err_set(err, EPROTO, "cannot read '%s' in ve.devices", line);
		devs[n++] = makedev(maj, min);
	}
	*ret_devs = steal_ptr(devs);
	*ret_count = n;
	return 0;
}

int kve_set_marker(const char *cg, bool shown, struct err *err)
{
	return cgroup_write(cg, "ve.marker", shown ? "1" : "0", err);
}

static void format_bound(uint64_t v, char *buf, size_t len)
{
	if (v >= SIZE_UNLIMITED)
		snprintf(buf, len, "max");
	else
		snprintf(buf, len, "%" PRIu64, v);
}

int kve_set_limit(const char *cg, const char *resource, uint64_t barrier, uint64_t limit,
		  struct err *err)
{
	char word[96], b[24], l[24];

	format_bound(barrier, b, sizeof(b));
	format_bound(limit, l, sizeof(l));
	snprintf(word, sizeof(word), "%s %s %s", resource, b, l);
	return cgroup_write(cg, "ve.ubc.limits", word, err);
}

/* A number or "max". */
static uint64_t parse_bound(const char *s)
{
	return strcmp(s, "max") == 0 ? SIZE_UNLIMITED : strtoull(s, NULL, 10);
}

int kve_read_ubc(const char *cg, char **ret_stat, struct err *err)
{
	return cgroup_read(cg, "ve.ubc.stat", ret_stat, err);
}

int kve_find_ubc(const char *stat, const char *resource, struct kve_ubc *ret_ubc)
{
	char name[32], held[24], maxheld[24], barrier[24], limit[24], fail[24], one[192];
	const char *line, *end;

	for (line = stat; *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		/* By itself: a line that is too short takes no words of the next. */
		snprintf(one, sizeof(one), "%.*s", (int)(end - line), line);
		if (sscanf(one, "%31s %23s %23s %23s %23s %23s", name, held, maxheld, barrier,
			   limit, fail) != 6 ||
		    strcmp(name, resource) != 0)
			continue;
		*ret_ubc = (struct kve_ubc){parse_bound(held), parse_bound(maxheld),
					    parse_bound(barrier), parse_bound(limit),
					    parse_bound(fail)};
		return 0;
	}
	return -ENOENT;
}
