/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a command acts on a process that is no longer the container's. */
#include "fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "ct.h"
#include "err.h"
#include "state.h"

struct world {
	struct host *host;
	struct ct *ct;
};

static struct world make(struct fixture *f)
{
	struct world w;
	char conf[256];
	int n = snprintf(conf, sizeof(conf), "RUNDIR=%s/run\nVE_ROOT=%s/root\nCGROUP_ROOT=%s/cg\n",
			 f->dir, f->dir, f->dir);

	fixture_write(f, "vz.conf", conf, n);
	assert_int_equal(host_open(f->dir, &w.host, NULL), 0);
	assert_int_equal(ct_open(w.host, 101, &w.ct, NULL), 0);
	return w;
}

static void drop(struct world *w)
{
	ct_close(w->ct);
	host_close(w->host);
}

static void test_record(void **state)
{
	struct world w = make(*state);
	struct state st = {.init_pid = getpid(), .started = 5, .dev_fs = 77, .caps = 1ULL << 40},
		     got;

	assert_int_equal(state_load(w.ct, &got, NULL), -ENOENT);
	assert_int_equal(state_process_start(getpid(), &st.init_start), 0);
	assert_int_equal(state_store(w.ct, &st, NULL), 0);
	assert_int_equal(state_load(w.ct, &got, NULL), 0);
	assert_int_equal(got.init_pid, getpid());
	assert_int_equal(got.started, 5);
	assert_int_equal(got.dev_fs, 77);
	assert_true(got.caps == 1ULL << 40);
	/* what a tool leaves that is killed while it writes the record */
	fixture_write(*state, "run/101/.state.0123456789abcdef", "BOOT", 4);
	state_remove(w.ct);
	assert_int_equal(state_load(w.ct, &got, NULL), -ENOENT);
	assert_int_equal(access(fixture_path(*state, "run/101"), F_OK), -1);
	drop(&w);
}

/* A container that tools started which knew nothing of capabilities yet: exec must not take its root's. */
static void test_older_record(void **state)
{
	struct fixture *f = *state;
	struct world w = make(f);
	struct state st = {.init_pid = getpid(), .caps = 1}, got;
	struct config *c;
	char path[128];

	state_process_start(getpid(), &st.init_start);
	assert_int_equal(state_store(w.ct, &st, NULL), 0);
	snprintf(path, sizeof(path), "%s/run/101/state", f->dir);
	assert_int_equal(config_load(path, NULL, &c, NULL), 0);
	config_set(c, "CAPABILITIES", NULL, NULL);
	assert_int_equal(config_store(c, path, NULL), 0);
	config_free(c);
	assert_int_equal(state_load(w.ct, &got, NULL), 0);
	assert_true(got.caps == UINT64_MAX);
	drop(&w);
}

/* As it stands on disk: tools of another day find a container that runs by this. What is added later may be missing. */
static void test_record_on_disk(void **state)
{
	struct fixture *f = *state;
	struct world w = make(f);
	char boot[64] = "", text[256];
	struct state mine = {0}, got;
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	int n;

	mkdir(fixture_path(f, "run"), 0755);
	mkdir(fixture_path(f, "run/101"), 0755);
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%63s", boot), 1);
	fclose(file);
	assert_int_equal(state_process_start(getpid(), &mine.init_start), 0);
	n = snprintf(
		text, sizeof(text),
		"BOOT_ID=\"%s\"\nINIT_PID=\"%d\"\nINIT_START=\"%" PRIu64
		"\"\nSTARTED=\"5\"\nDEV_FS=\"77\"\nCAPABILITIES=\"4096\"\nOF_ANOTHER_DAY=\"1\"\n",
		boot, (int)getpid(), mine.init_start);
	fixture_write(f, "run/101/state", text, (size_t)n);
	assert_int_equal(state_load(w.ct, &got, NULL), 0);
	assert_int_equal(got.init_pid, getpid());
	assert_int_equal(got.started, 5);
	assert_int_equal(got.dev_fs, 77);
	assert_true(got.caps == 4096);
	drop(&w);
}

/* The id is in use again, by a process that started at another time. */
static void test_reused_pid(void **state)
{
	struct world w = make(*state);
	struct state st = {.init_pid = getpid()}, got;

	state_process_start(getpid(), &st.init_start);
	st.init_start++;
	assert_int_equal(state_store(w.ct, &st, NULL), 0);
	assert_int_equal(state_load(w.ct, &got, NULL), -ENOENT);
	drop(&w);
}

static void test_other_boot(void **state)
{
	struct fixture *f = *state;
	struct world w = make(f);
	struct state st = {.init_pid = getpid()}, got;
	struct config *c;
	char path[128];

	state_process_start(getpid(), &st.init_start);
	assert_int_equal(state_store(w.ct, &st, NULL), 0);
	snprintf(path, sizeof(path), "%s/run/101/state", f->dir);
	assert_int_equal(config_load(path, NULL, &c, NULL), 0);
	config_set(c, "BOOT_ID", "another", NULL);
	assert_int_equal(config_store(c, path, NULL), 0);
	config_free(c);
	assert_int_equal(state_load(w.ct, &got, NULL), -ENOENT);
	drop(&w);
}

static void test_mounted(void **state)
{
	struct fixture *f = *state;
	bool mounted;

	assert_int_equal(state_is_mounted("/proc", &mounted, NULL), 0);
	assert_true(mounted);
	assert_int_equal(state_is_mounted(f->dir, &mounted, NULL), 0);
	assert_false(mounted);
}

/* The same by the list that many containers share; a link leads to what it names. */
static void test_mounts(void **state)
{
	struct fixture *f = *state;
	_cleanup_mounts_ struct state_mounts *m = NULL;

	assert_int_equal(state_mounts_load(&m, NULL), 0);
	assert_true(state_mounts_has(m, "/"));
	assert_true(state_mounts_has(m, "/proc"));
	assert_false(state_mounts_has(m, "/pro"));
	assert_false(state_mounts_has(m, ""));
	assert_false(state_mounts_has(m, f->dir));
	assert_int_equal(symlink("/proc", fixture_path(f, "link")), 0);
	assert_true(state_mounts_has(m, fixture_path(f, "link")));
	state_mounts_free(NULL);
}

static void status_when(const char *dir, struct ct *ct, const char *word, bool running)
{
	struct ct_status st;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cg/101/ve.state", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%s\n", word);
	fclose(file);
	assert_int_equal(state_status(ct, &st, NULL), 0);
	assert_int_equal(st.running, running);
	assert_false(st.exists);
	assert_false(st.mounted);
}

static void test_status(void **state)
{
	struct fixture *f = *state;
	struct world w = make(f);
	struct ct_status st;

	assert_int_equal(state_status(w.ct, &st, NULL), 0);
	assert_false(st.running);
	mkdir(fixture_path(f, "cg"), 0755);
	mkdir(fixture_path(f, "cg/101"), 0755);
	status_when(f->dir, w.ct, "starting", false);
	status_when(f->dir, w.ct, "running", true);
	status_when(f->dir, w.ct, "stopping", true);
	status_when(f->dir, w.ct, "stopped", false);
	status_when(f->dir, w.ct, "none", false);
	drop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_record),     fixture_test(test_record_on_disk),
		fixture_test(test_reused_pid), fixture_test(test_other_boot),
		fixture_test(test_mounted),    fixture_test(test_status),
		fixture_test(test_mounts),     fixture_test(test_older_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
