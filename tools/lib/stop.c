/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a container: ask its init, wait, kill, and remove what the host
 * holds for it. The kernel says when nothing is left (ve.state "stopped").
 */
#include "lifecycle.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exec.h"
#include "exitcode.h"
#include "kve.h"
#include "log.h"
#include "net.h"
#include "script.h"
#include "state.h"
#include "steps.h"
#include "supervisor.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define KILL_WAIT_MS 30000
#define ASK_AGAIN_MS 5000

/* How an init is asked to halt the machine: systemd(1), busybox init; 0: by a program. */
static int halt_signal(pid_t init)
{
	char link[48], exe[PATH_MAX];
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)init);
	n = readlink(link, exe, sizeof(exe) - 1);
	if (n < 0)
		return 0;
	exe[n] = '\0';
	base = strrchr(exe, '/');
	base = base ? base + 1 : exe;
	if (strcmp(base, "systemd") == 0)
		return SIGRTMIN + 3;
	if (strcmp(base, "busybox") == 0)
		return SIGUSR1;
	return 0;
}

/*
 * Ask init to halt the machine. The process that does it by a program inside,
 * else 0: that program is the tenant's, so nobody waits for it, and it holds no
 * lock of ours.
 */
static pid_t ask_init(struct ct *ct)
{
	const struct exec_opts halt = {.command = "halt", .quiet = true};
	_cleanup_close_ int init = exec_open_init(ct, NULL);
	struct state st;
	int sig, status;
	pid_t pid;

	if (init < 0 || state_load(ct, &st, NULL) < 0)
		return 0;
	sig = halt_signal(st.init_pid);
	if (sig) {
		log_detail(1, "init, process %d, is sent signal %d: halt", (int)st.init_pid, sig);
		syscall(SYS_pidfd_send_signal, init, sig, NULL, 0);
		return 0;
	}
	log_detail(1, "'halt' is run inside");
	pid = fork();
	if (pid == 0) {
		if (ct->lock_fd >= 0)
			close(ct->lock_fd);
		_exit(exec_run(ct, &halt, &status, NULL) < 0);
	}
	return pid > 0 ? pid : 0;
}

static int stop_timeout_ms(const struct ct *ct)
{
	const char *v = ct_get(ct, "STOP_TIMEOUT");
	unsigned long sec = v ? strtoul(v, NULL, 10) : 0;

	if (!sec)
		sec = STOP_TIMEOUT_DEFAULT;
	return sec > 86400 ? 86400000 : (int)sec * 1000;
}

/*
 * Asked again now and then: an init that has not set its handlers up yet
 * drops the signal without a word.
 */
static int stop_politely(struct ct *ct, struct err *err)
{
	int left = stop_timeout_ms(ct), r;

	do {
		int slice = left < ASK_AGAIN_MS ? left : ASK_AGAIN_MS;
		pid_t asking = ask_init(ct);

		r = kve_wait(ct->cgroup, KVE_STOPPED, slice, err);
		left -= slice;
		if (asking) {
			kill(asking, SIGKILL);
			while (waitpid(asking, NULL, 0) < 0 && errno == EINTR)
				;
		}
	} while (r == -ETIMEDOUT && left > 0);
	return r;
}

static int kill_all(const struct ct *ct, struct err *err)
{
	int r = cgroup_kill(ct->cgroup, err);

	log_detail(1, "what is left in '%s' is killed", ct->cgroup);

	if (r == 0)
		r = kve_wait(ct->cgroup, KVE_STOPPED, KILL_WAIT_MS, err);
	if (r == -ETIMEDOUT)
		err_set(err, ETIMEDOUT, "container %s: processes do not die", ct->idstr);
	return r < 0 ? err_exit_default(err, VZ_STOP) : 0;
}

struct stop {
	struct ct *ct;
	const struct lifecycle_opts *opts;
	bool umount;
};

static int remove_cgroup(void *arg, struct err *err)
{
	struct ct *ct = ((struct stop *)arg)->ct;
	enum kve_state state = KVE_NONE;
	int r = 0;

	if (!cgroup_exists(ct->cgroup))
		return 0;
	kve_get_state(ct->cgroup, &state);
	if (state == KVE_RUNNING)
		return err_exit(err, VZ_RUNNING, "container %s is running", ct->idstr);
	cgroup_kill(ct->cgroup, NULL);
	if (state == KVE_STOPPING)
		r = kill_all(ct, err);
	if (r == 0)
		r = cgroup_remove(ct->cgroup, KILL_WAIT_MS, err);
	if (r < 0)
		return err_exit_default(err, VZ_STOP);
	log_detail(1, "cgroup '%s' is removed", ct->cgroup);
	return 0;
}

static int remove_network(void *arg, struct err *err)
{
	int r = net_remove(((struct stop *)arg)->ct, err);

	return r < 0 ? err_exit_default(err, VZ_STOP) : 0;
}

static int umount_disk(void *arg, struct err *err)
{
	const struct stop *s = arg;
	bool mounted = false;
	int r = 0;

	if (s->umount && s->ct->root)
		r = state_is_mounted(s->ct->root, &mounted, err);
	return r == 0 && mounted ? ct_umount(s->ct, err) : r;
}

static int remove_record(void *arg, struct err *err)
{
	(void)err;
	state_remove(((struct stop *)arg)->ct);
	return 0;
}

/* The record last: as long as it is there, the next command knows that there is more to do. */
static const struct step cleanup_steps[] = {
	{"cgroup", remove_cgroup, NULL},
	{"network", remove_network, NULL},
	{"umount", umount_disk, NULL},
	{"record", remove_record, NULL},
};

int ct_cleanup(struct ct *ct, bool umount, struct err *err)
{
	struct stop s = {.ct = ct, .umount = umount};
	size_t i;
	int r = 0;

	/* Before a start as well, whose steps are told and not these. */
	for (i = 0; i < COUNT(cleanup_steps) && r == 0; i++)
		r = cleanup_steps[i].run(&s, err);
	return r;
}

/* How a container that nobody stopped came to its end, while its cgroup still tells. */
static int not_running(const struct ct *ct, struct err *err)
{
	struct kve_events ev;

	if (!cgroup_exists(ct->cgroup) || kve_get_events(ct->cgroup, &ev, NULL) < 0 ||
	    strcmp(ev.reason, "none") == 0)
		return err_exit(err, VZ_NOT_RUNNING, "container %s is not running", ct->idstr);
	return err_exit(err, VZ_NOT_RUNNING, "container %s is not running (it ended by %s %d)",
			ct->idstr, ev.reason, ev.status);
}

/* A script that fails leaves it running; the tenant, whose shell it is, cannot make --fast fail. */
static int run_script(void *arg, struct err *err)
{
	const struct stop *s = arg;

	return s->opts->fast ? 0
			     : script_run_inside(s->ct, "stop", stop_timeout_ms(s->ct) / 1000, err);
}

static int halt(void *arg, struct err *err)
{
	const struct stop *s = arg;
	uint64_t since = log_clock_ms();
	int r = s->opts->fast ? -ETIMEDOUT : stop_politely(s->ct, err);

	if (r == 0)
		log_detail(1, "it halted after %" PRIu64 " ms", log_clock_ms() - since);
	if (r == -ETIMEDOUT) {
		if (!s->opts->fast && s->opts->note)
			s->opts->note("Container does not halt, killing it");
		r = kill_all(s->ct, err);
	}
	return r < 0 ? err_exit_default(err, VZ_STOP) : 0;
}

static const struct step stop_steps[] = {
	{"script", run_script, NULL},
	{"halt", halt, NULL},
};

int ct_stop(struct ct *ct, const struct lifecycle_opts *opts, struct err *err)
{
	struct stop s = {.ct = ct, .opts = opts, .umount = !opts->skip_umount};
	_cleanup_close_ int begun = -EBADF;
	struct err cleanup = ERR_INIT;
	struct ct_status st;
	int r = state_status(ct, &st, err);

	if (r < 0)
		return r;
	if (!st.running) {
		/* It may have ended by itself: then this is the moment to tidy up. */
		not_running(ct, err);
		if (!cgroup_exists(ct->cgroup) && !state_exists(ct))
			return -EINVAL;
		r = ct_cleanup(ct, !opts->skip_umount, &cleanup);
		if (r < 0 && err)
			*err = cleanup;
		return -EINVAL;
	}
	begun = supervisor_stop_begin(ct);
	r = steps_run(stop_steps, COUNT(stop_steps), &s, err);
	return r < 0 ? r : steps_run(cleanup_steps, COUNT(cleanup_steps), &s, err);
}

/* Has its init gone, and has nobody tidied up yet? */
static bool is_ended(const struct ct *ct)
{
	enum kve_state state;

	return cgroup_exists(ct->cgroup) && kve_get_state(ct->cgroup, &state) == 0 &&
	       (state == KVE_STOPPING || state == KVE_STOPPED);
}

int ct_ended(struct ct *ct, bool *ret_again, struct err *err)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	struct kve_events ev = {.reason = "none"};
	int r = -EAGAIN;

	*ret_again = false;
	while (is_ended(ct)) {
		r = ct_lock(ct, err);
		if (r == 0)
			break;
		if (r != -EAGAIN)
			return r;
		nanosleep(&pause, NULL);
	}
	err_clear(err);
	if (r < 0 || !is_ended(ct))
		return 0;
	r = kve_wait(ct->cgroup, KVE_STOPPED, KILL_WAIT_MS, err);
	if (r == 0)
		r = kve_get_events(ct->cgroup, &ev, err);
	if (r == 0) {
		log_record("it ended by itself: %s %d", ev.reason, ev.status);
		r = ct_cleanup(ct, true, err);
	}
	*ret_again = r == 0 && strcmp(ev.reason, "reboot") == 0;
	return r;
}
