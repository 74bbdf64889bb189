/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of a container as a table of steps, each with its undo. The record
 * of the first process is on disk before the process may run: from then on a
 * killed vzctl leaves either a container that runs and is known, or leftovers
 * that ct_cleanup() of the next command removes.
 */
#include "lifecycle.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "caps.h"
#include "cgroup.h"
#include "cleanup.h"
#include "confine.h"
#include "ct.h"
#include "device.h"
#include "devnode.h"
#include "devset.h"
#include "dist.h"
#include "area.h"
#include "bindmount.h"
#include "err.h"
#include "exitcode.h"
#include "feature.h"
#include "idrange.h"
#include "kve.h"
#include "log.h"
#include "mounts.h"
#include "net.h"
#include "osdep.h"
#include "param.h"
#include "path.h"
#include "script.h"
#include "spawn.h"
#include "state.h"
#include "steps.h"
#include "strbuf.h"
#include "supervisor.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define KILL_WAIT_MS	 30000
#define START_SCRIPT_SEC 300

struct start {
	struct ct *ct;
	const struct lifecycle_opts *opts;
	struct idrange ids;
	char *init_cgroup;
	struct devices devices;
	struct confine confine;
	struct spawn child;
	bool mounted_here;
};

static void note(const struct lifecycle_opts *opts, const char *text)
{
	if (opts->note)
		opts->note(text);
}

static int mount_disk(void *arg, struct err *err)
{
	struct start *s = arg;
	bool mounted;
	int r = ct_is_mounted(s->ct, &mounted, err);

	if (r < 0 || mounted)
		return r;
	r = ct_mount(s->ct, err);
	if (r < 0)
		return r;
	s->mounted_here = true;
	note(s->opts, "Container is mounted");
	return 0;
}

static void umount_disk(void *arg)
{
	struct start *s = arg;

	if (!s->mounted_here || ct_umount(s->ct, NULL) == 0)
		return;
	/* A script that fails does not keep the disk. */
	ct_umount_below(s->ct, NULL);
	area_umount(s->ct, NULL);
}

static int write_files(void *arg, struct err *err)
{
	struct start *s = arg;
	int r = mounts_make_points(s->ct->root, err);

	return r < 0 ? r : bindmount_make_points(s->ct->root, ct_get(s->ct, "BINDMOUNT"), err);
}

/* First of all: on a foreign kernel nothing else is tried, and the cgroup it got is taken back. */
static int check_kernel(void *arg, struct err *err)
{
	const char *root = ((struct start *)arg)->ct->host->cgroup;
	int r = cgroup_prepare_root(root, err);

	if (r < 0)
		return err_exit_default(err, r == -ENODEV ? VZ_KERNEL : VZ_SYSTEM);
	r = kve_require(root, err);
	if (r < 0)
		rmdir(root);
	return r;
}

static int make_cgroup(void *arg, struct err *err)
{
	struct start *s = arg;
	_cleanup_close_ int lock = idrange_lock(s->ct->host, err);
	int r = lock < 0 ? lock : idrange_check_running(s->ct, err);

	if (r < 0)
		return r;
	r = cgroup_make(s->ct->cgroup, err);
	if (r < 0)
		return err_exit_default(err, VZ_ENV_CREATE);
	r = idrange_mark(s->ct, &s->ids, err);
	if (r == 0)
		r = kve_set_id(s->ct->cgroup, s->ct->id, err);
	if (r == 0)
		log_detail(1, "cgroup '%s', host ids from %u and %u, %u of them", s->ct->cgroup,
			   s->ids.uid, s->ids.gid, s->ids.size);
	if (r < 0)
		cgroup_remove(s->ct->cgroup, 0, NULL);
	return r < 0 ? err_exit_default(err, VZ_ENV_CREATE) : 0;
}

static void remove_cgroup(void *arg)
{
	struct start *s = arg;
	enum kve_state state;

	cgroup_kill(s->ct->cgroup, NULL);
	if (kve_get_state(s->ct->cgroup, &state) == 0 && state >= KVE_RUNNING)
		kve_wait(s->ct->cgroup, KVE_STOPPED, KILL_WAIT_MS, NULL);
	cgroup_remove(s->ct->cgroup, KILL_WAIT_MS, NULL);
}

/* Limits stand before the first process does; the delegated part comes below them. */
static int set_limits(void *arg, struct err *err)
{
	struct start *s = arg;
	int r = param_apply_phase(s->ct, PHASE_CGROUP, err);

	if (r == 0)
		r = cgroup_enable(s->ct->cgroup, err);
	if (r == 0)
		r = cgroup_make(s->init_cgroup, err);
	if (r == 0)
		r = cgroup_bound(s->init_cgroup, err);
	if (r == 0)
		r = cgroup_delegate(s->init_cgroup, s->ids.uid, s->ids.gid, err);
	return r;
}

static int grant_devices(void *arg, struct err *err)
{
	struct start *s = arg;

	return devset_start(s->ct, &s->devices, err);
}

static int make_confine(void *arg, struct err *err)
{
	struct start *s = arg;
	uint64_t caps;
	int r = caps_load(ct_get(s->ct, "CAPABILITY"), feature_nesting(s->ct), &caps, err);

	if (r == 0)
		r = confine_prepare(caps, &s->confine, err);
	return r < 0 ? err_exit_default(err, VZ_CAPABILITY) : 0;
}

static int spawn_child(void *arg, struct err *err)
{
	struct start *s = arg;
	const char *hostname = ct_get(s->ct, "HOSTNAME");
	const struct spawn_opts opts = {
		.root = s->ct->root,
		.cgroup = s->init_cgroup,
		.hostname = hostname && *hostname ? hostname : "localhost",
		.binds = ct_get(s->ct, "BINDMOUNT"),
		.devices = &s->devices,
		.confine = &s->confine,
		.vzmarker = feature_vzmarker(s->ct),
		.ids = s->ids,
	};
	int r = spawn_prepare(&opts, &s->child, err);

	return r < 0 ? err_exit_default(err, VZ_ENV_CREATE) : 0;
}

static void abort_child(void *arg)
{
	spawn_abort(&((struct start *)arg)->child);
}

static int make_network(void *arg, struct err *err)
{
	struct start *s = arg;
	int r = net_create(s->ct, s->child.pid, err);
	char dev[IFNAMSIZ];

	net_host_dev(s->ct, dev);
	if (r == 0)
		log_detail(1, "venet0 is '%s' in the host", dev);
	return r < 0 ? err_exit_default(err, VZ_ADD_IP) : 0;
}

static void remove_network(void *arg)
{
	net_remove(((struct start *)arg)->ct, NULL);
}

static int record(void *arg, struct err *err)
{
	struct start *s = arg;
	struct state st = {
		.init_pid = s->child.pid,
		.started = time(NULL),
		.caps = s->confine.caps,
	};
	int r;

	if (state_process_start(s->child.pid, &st.init_start) < 0)
		return err_set(err, ESRCH, "the container's first process is gone");
	r = devnode_identify(s->child.pid, &st.dev_fs, err);
	if (r == 0)
		r = state_store(s->ct, &st, err);
	/* Half a record, where there is no room for one. */
	if (r < 0)
		state_remove(s->ct);
	return r;
}

static void remove_record(void *arg)
{
	state_remove(((struct start *)arg)->ct);
}

static int start_ve(void *arg, struct err *err)
{
	struct start *s = arg;
	int r = kve_start(s->ct->cgroup, s->child.pid, err);

	return r < 0 ? err_exit_default(err, VZ_ENV_CREATE) : 0;
}

static int add_addresses(void *arg, struct err *err)
{
	const struct ct *ct = ((struct start *)arg)->ct;
	const char *ip = ct_get(ct, "IP_ADDRESS"), *netif = ct_get(ct, "NETIF");
	int r = param_apply_phase(((struct start *)arg)->ct, PHASE_NET, err);

	if (r == 0 && ip && *ip)
		log_detail(1, "addresses on venet0: %s", ip);
	if (r == 0 && netif && *netif)
		log_detail(1, "Ethernet pairs: %s", netif);
	return r;
}

/* By scripts, which run inside; 0 is that there was none to run. */
static int run_dist(void *arg, struct err *err)
{
	const struct ct *ct = ((struct start *)arg)->ct;
	_cleanup_dist_run_ struct dist_run run = DIST_RUN(ct, true);
	int r = dist_pre_start(&run, err);

	if (r >= 0)
		r = dist_addresses(&run, NULL, ct_get(ct, "IP_ADDRESS"), err);
	if (r == 0)
		r = osdep_network(ct, err);
	if (r >= 0)
		r = dist_hostname(&run, err);
	if (r == 0)
		r = osdep_hostname(ct, err);
	if (r >= 0)
		r = dist_dns(&run, err);
	return r == 0 ? osdep_dns(ct, err) : r < 0 ? r : 0;
}

static int exec_child(void *arg, struct err *err)
{
	struct start *s = arg;
	int r = spawn_exec(&s->child, err);

	if (r == 0)
		log_detail(1, "init is process %d of the host", (int)s->child.pid);
	return r;
}

/* Without a supervisor the container runs all the same; the next command gives it one. */
static int hand_over(void *arg, struct err *err)
{
	struct start *s = arg;
	_cleanup_close_ int pidfd = -EBADF;

	(void)err;
	if (!s->opts->supervised)
		return 0;
	pidfd = syscall(SYS_pidfd_open, s->child.pid, 0);
	if (pidfd >= 0)
		supervisor_hand_over(pidfd, s->child.console);
	return 0;
}

/* Last: the console is read by then, so that init does not wait for the script. */
static int run_script(void *arg, struct err *err)
{
	return script_run_inside(((struct start *)arg)->ct, "start", START_SCRIPT_SEC, err);
}

/* Up to a container that programs run in. */
static const struct step make_steps[] = {
	{"kernel", check_kernel, NULL},
	{"mount", mount_disk, umount_disk},
	{"files", write_files, NULL},
	{"cgroup", make_cgroup, remove_cgroup},
	{"limits", set_limits, NULL},
	{"devices", grant_devices, NULL},
	{"confine", make_confine, NULL},
	{"spawn", spawn_child, abort_child},
	{"network", make_network, remove_network},
	{"record", record, remove_record},
	{"ve", start_ve, NULL},
};

static const struct step init_steps[] = {
	{"addresses", add_addresses, NULL}, {"distribution", run_dist, NULL},
	{"init", exec_child, NULL},	    {"supervisor", hand_over, NULL},
	{"script", run_script, NULL},
};

static int check_start(struct ct *ct, struct err *err)
{
	struct ct_status st;
	int r = state_status(ct, &st, err);

	if (r < 0)
		return r;
	if (st.running)
		return err_exit(err, VZ_RUNNING, "container %s is running already", ct->idstr);
	r = param_check_all(ct, err);
	return r < 0 ? r : dist_check(ct, err);
}

/* Make the container and run its init, or, when there is one, only do @act in it. */
static int make(struct start *s, lifecycle_act_fn act, void *arg, struct err *err)
{
	_cleanup_free_ char *init = path_join(s->ct->cgroup, "init");
	int r = check_start(s->ct, err);

	if (r == 0)
		r = idrange_load(s->ct, &s->ids, err);
	if (r == 0)
		r = ct_cleanup(s->ct, false, err);
	if (r < 0)
		return r;
	if (!init)
		return err_set(err, ENOMEM, "out of memory");
	s->init_cgroup = init;
	r = steps_run(make_steps, COUNT(make_steps), s, err);
	if (r == 0) {
		r = act ? act(s->ct, arg, err) : steps_run(init_steps, COUNT(init_steps), s, err);
		if (r < 0 || act)
			steps_undo(make_steps, COUNT(make_steps), s);
	}
	spawn_release(&s->child);
	confine_free(&s->confine);
	devices_free(&s->devices);
	return r < 0 ? err_exit_default(err, VZ_SYSTEM) : 0;
}

int ct_start(struct ct *ct, const struct lifecycle_opts *opts, struct err *err)
{
	struct start s = {.ct = ct, .opts = opts, .child = SPAWN_INIT};

	return make(&s, NULL, NULL, err);
}

int ct_act(struct ct *ct, lifecycle_act_fn act, void *arg, struct err *err)
{
	static const struct lifecycle_opts silent;
	struct start s = {.ct = ct, .opts = &silent, .child = SPAWN_INIT};

	return make(&s, act, arg, err);
}
