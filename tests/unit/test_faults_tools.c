/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configurations and records when memory or files fail. If this fails, a full
 * disk or a machine without memory costs a container's configuration, changes
 * a value in silence, or gives a wrong reason.
 */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "faults.h"
#include "idrange.h"
#include "io.h"
#include "param.h"
#include "path.h"
#include "snapfile.h"
#include "state.h"
#include "strv.h"
#include "template.h"

#define TEXT "# of 101\nVE_ROOT=\"/r/$VEID\"\nVE_PRIVATE=/p/$VEID\nIP_ADDRESS=\"10.0.0.1\"\n"

static struct host *host;

static void only(const char *path, const char *want)
{
	struct fixture in = {.dirfd = -EBADF};
	_cleanup_free_ char *names = NULL;

	assert_true(snprintf(in.dir, sizeof(in.dir), "%s", path) < (int)sizeof(in.dir));
	names = fixture_list(&in);
	assert_string_equal(names, want);
}

/* A node with container 101, named web, and a template. */
static void make_node(struct fixture *f)
{
	char conf[300];
	int n = snprintf(conf, sizeof(conf),
			 "LOCKDIR=%s/lock\nRUNDIR=%s/run\nTEMPLATE=%s\nSTOP_TIMEOUT=5\n", f->dir,
			 f->dir, f->dir);

	mkdir(fixture_path(f, "conf"), 0755);
	mkdir(fixture_path(f, "names"), 0755);
	mkdir(fixture_path(f, "cache"), 0755);
	fixture_write(f, "vz.conf", conf, (size_t)n);
	fixture_write(f, "conf/101.conf", TEXT, strlen(TEXT));
	fixture_write(f, "conf/102.conf", TEXT "LOCAL_UID=1006632960\nLOCAL_GID=1006632960\n",
		      strlen(TEXT) + 42);
	fixture_write(f, "cache/debian-12-x86_64.tar.xz", "", 0);
	unlink(fixture_path(f, "names/web"));
	unlink(fixture_path(f, "names/www"));
	assert_int_equal(symlink("../conf/101.conf", fixture_path(f, "names/web")), 0);
	path_remove_tree(f->dirfd, "lock", NULL);
	path_remove_tree(f->dirfd, "run", NULL);
}

/* --- configuration files -------------------------------------------------- */

static int load_config(struct fixture *f, struct err *err)
{
	_cleanup_config_ struct config *c = NULL;
	int r = config_load(fixture_path(f, "conf/101.conf"), "101", &c, err);

	if (r == 0) {
		assert_string_equal(config_get(c, "VE_ROOT"), "/r/101");
		assert_string_equal(config_get(c, "VE_PRIVATE"), "/p/101");
		assert_string_equal(config_get(c, "IP_ADDRESS"), "10.0.0.1");
	}
	return r;
}

static int change_config(struct fixture *f, struct err *err)
{
	_cleanup_config_ struct config *c = NULL;
	int r = config_load(fixture_path(f, "conf/101.conf"), "101", &c, err);

	if (r == 0)
		r = config_set(c, "VE_ROOT", "/new", err);
	if (r == 0)
		r = config_set(c, "ADDED", "$x", err);
	if (r == 0)
		r = config_store(c, fixture_path(f, "conf/101.conf"), err);
	return r;
}

static void is_old_or_new(struct fixture *f, int r)
{
	_cleanup_config_ struct config *c = NULL;
	_cleanup_free_ char *text = NULL;

	only(fixture_path(f, "conf"), "101.conf 102.conf");
	assert_int_equal(config_load(fixture_path(f, "conf/101.conf"), "101", &c, NULL), 0);
	text = config_text(c);
	if (r == 0 || strcmp(text, TEXT) != 0)
		assert_string_equal(text, "# of 101\nVE_ROOT=\"/new\"\nVE_PRIVATE=/p/$VEID\n"
					  "IP_ADDRESS=\"10.0.0.1\"\nADDED=\"\\$x\"\n");
}

static void configuration_files(void **state)
{
	static const struct fault_op load = {"load a configuration", NULL, load_config, NULL};
	static const struct fault_op change = {"change a configuration", make_node, change_config,
					       is_old_or_new};

	make_node(*state);
	faults_each(*state, &load);
	faults_each(*state, &change);
}

/* --- the node and its containers ------------------------------------------ */

static int open_all(struct fixture *f, struct err *err)
{
	_cleanup_host_ struct host *h = NULL;
	_cleanup_ct_ struct ct *ct = NULL;
	int r = host_open(f->dir, &h, err);

	if (r == 0)
		r = ct_open(h, 101, &ct, err);
	if (r == 0) {
		assert_true(ct->exists);
		assert_string_equal(ct->root, "/r/101");
		assert_string_equal(ct_get(ct, "STOP_TIMEOUT"), "5");
	}
	return r;
}

static int list_and_resolve(struct fixture *f, struct err *err)
{
	_cleanup_free_ uint32_t *ids = NULL;
	uint32_t id = 0;
	size_t n = 0;
	int r = ct_list(host, &ids, &n, err);

	(void)f;
	if (r == 0) {
		assert_int_equal(n, 2);
		assert_int_equal(ids[1], 102);
		r = ct_resolve(host, "web", &id, err);
	}
	if (r == 0)
		assert_int_equal(id, 101);
	return r;
}

static int find_template(struct fixture *f, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	int r = template_find(host, "debian-12", &path, err);

	if (r == 0)
		assert_string_equal(path, fixture_path(f, "cache/debian-12-x86_64.tar.xz"));
	return r;
}

static int lock_and_store(struct fixture *f, struct err *err)
{
	_cleanup_ct_ struct ct *ct = NULL;
	int r = ct_open(host, 101, &ct, err);

	(void)f;
	if (r == 0)
		r = ct_lock(ct, err);
	if (r == 0)
		r = ct_store(ct, err);
	return r;
}

static int rename_ct(struct fixture *f, struct err *err)
{
	_cleanup_ct_ struct ct *ct = NULL;
	int r = ct_open(host, 101, &ct, err);

	(void)f;
	return r < 0 ? r : ct_set_name(ct, "web", "www", err);
}

/* The old name, the new one, or both: never none. */
static void has_a_name(struct fixture *f, int r)
{
	uint32_t a = 0, b = 0;

	ct_resolve(host, "web", &a, NULL);
	ct_resolve(host, "www", &b, NULL);
	assert_true(a == 101 || b == 101);
	if (r == 0)
		only(fixture_path(f, "names"), "www");
}

/* A name that is taken stays taken, whether that can be seen or not. */
static int take_name(struct fixture *f, struct err *err)
{
	_cleanup_ct_ struct ct *ct = NULL;
	struct err why = ERR_INIT;
	int r = ct_open(host, 102, &ct, err);

	(void)f;
	if (r < 0)
		return r;
	r = ct_check_name(ct, "web", &why);
	assert_true(r < 0);
	return why.exit_code == VZ_NAME ? 0 : err_set(err, r, "%s", why.msg);
}

static void containers(void **state)
{
	static const struct fault_op ops[] = {
		{"open node and container", NULL, open_all, NULL},
		{"list and resolve", NULL, list_and_resolve, NULL},
		{"find a template", NULL, find_template, NULL},
		{"lock and store", make_node, lock_and_store, NULL},
		{"take a name", NULL, take_name, NULL},
		{"change a name", make_node, rename_ct, has_a_name},
	};
	struct fixture *f = *state;
	size_t i;

	make_node(f);
	assert_int_equal(host_open(f->dir, &host, NULL), 0);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		faults_each(f, &ops[i]);
	host_close(host);
}

/* --- values --------------------------------------------------------------- */

static int change_values(struct fixture *f, struct err *err)
{
	static const struct {
		const char *option, *value, *key, *stored;
	} cases[] = {
		{"ram", "1:512M", "PHYSPAGES", "0:512M"},
		{"numproc", "10:20", "NUMPROC", "10:20"},
		{"ipadd", "10.0.0.2", "IP_ADDRESS", "10.0.0.1 10.0.0.2"},
		{"ipdel", "10.0.0.1", "IP_ADDRESS", "10.0.0.2"},
		{"nameserver", "10.0.0.53", "NAMESERVER", "10.0.0.53"},
		{"hostname", "a.example", "HOSTNAME", "a.example"},
	};
	_cleanup_ct_ struct ct *ct = NULL;
	int r = ct_open(host, 101, &ct, err);
	size_t i;

	(void)f;
	for (i = 0; r == 0 && i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct param *p = param_by_option(cases[i].option, PARAM_SET);

		r = param_change(ct, p, cases[i].value, err);
		if (r == 0)
			assert_string_equal(config_get(ct->conf, cases[i].key), cases[i].stored);
	}
	return r < 0 ? r : param_check_all(ct, err);
}

static int set_at_creation(struct fixture *f, struct err *err)
{
	_cleanup_ct_ struct ct *ct = NULL;
	int r = ct_open(host, 101, &ct, err);

	(void)f;
	if (r == 0)
		r = param_change(ct, param_by_option("root", PARAM_CREATE), "/x", err);
	if (r == 0)
		r = param_change(ct, param_by_option("diskspace", PARAM_CREATE), "10G", err);
	return r;
}

static int choose_ids(struct fixture *f, struct err *err)
{
	_cleanup_ct_ struct ct *ct = NULL;
	int r = ct_open(host, 101, &ct, err);

	(void)f;
	if (r == 0)
		r = idrange_choose(ct, err);
	if (r == 0)
		assert_string_not_equal(config_get(ct->conf, "LOCAL_UID"), "1006632960");
	return r;
}

static void values(void **state)
{
	static const struct fault_op ops[] = {
		{"change values", NULL, change_values, NULL},
		{"set values at creation", NULL, set_at_creation, NULL},
		{"choose host ids", NULL, choose_ids, NULL},
	};
	struct fixture *f = *state;
	size_t i;

	make_node(f);
	assert_int_equal(host_open(f->dir, &host, NULL), 0);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		faults_each(f, &ops[i]);
	host_close(host);
}

/* --- the run-time record -------------------------------------------------- */

static int store_state(struct fixture *f, struct err *err)
{
	struct state st = {.init_pid = getpid(), .started = 7}, got;
	_cleanup_ct_ struct ct *ct = NULL;
	int r = ct_open(host, 101, &ct, err);

	(void)f;
	if (r == 0 && state_process_start(getpid(), &st.init_start) < 0)
		return err_set(err, ENOMEM, "what a process is cannot be read");
	if (r == 0)
		r = state_store(ct, &st, err);
	if (r == 0)
		r = state_load(ct, &got, err);
	if (r == 0)
		assert_int_equal(got.started, 7);
	return r;
}

static int store_changes(struct fixture *f, struct err *err)
{
	_cleanup_config_ struct config *c = NULL, *again = NULL;
	const struct state st = {.init_pid = 1};
	_cleanup_ct_ struct ct *ct = NULL;
	int r = ct_open(host, 101, &ct, err);

	(void)f;
	if (r == 0)
		r = state_store(ct, &st, err);
	if (r == 0)
		r = state_load_changes(ct, &c, err);
	if (r == 0)
		r = config_set(c, "A", "x", err);
	if (r == 0)
		r = state_store_changes(ct, c, err);
	if (r == 0)
		r = state_load_changes(ct, &again, err);
	if (r == 0)
		assert_string_equal(config_get(again, "A"), "x");
	return r;
}

/* What is there is whole; what is not whole has no name. */
static void has_whole_files(struct fixture *f, int r)
{
	_cleanup_free_ char *names = NULL;
	struct fixture in = {.dirfd = -EBADF};

	(void)r;
	assert_true(snprintf(in.dir, sizeof(in.dir), "%s/run/101", f->dir) < (int)sizeof(in.dir));
	if (access(in.dir, F_OK) < 0)
		return;
	names = fixture_list(&in);
	assert_true(!strchr(names, '.'));
}

static void run_time_record(void **state)
{
	static const struct fault_op ops[] = {
		{"store a record", make_node, store_state, has_whole_files},
		{"store changes", make_node, store_changes, has_whole_files},
	};
	struct fixture *f = *state;
	size_t i;

	make_node(f);
	assert_int_equal(host_open(f->dir, &host, NULL), 0);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		faults_each(f, &ops[i]);
	host_close(host);
}

/* --- names of snapshots ------------------------------------------------------ */

#define SHOT_A "{11111111-0000-4000-8000-000000000001}"
#define SHOT_B "{22222222-0000-4000-8000-000000000002}"

static const struct ploop_snapshot shots[] = {
	{.guid = SHOT_A},
	{.guid = SHOT_B, .parent = SHOT_A},
	{.guid = "{5fbaabe3-6958-40ff-92a7-860e329aab41}", .parent = SHOT_B, .top = true}};

static void one_snapshot(struct fixture *f)
{
	static const char text[] = "<ParallelsSavedStates><SavedStateItem guid=\"" SHOT_A
				   "\"><Name>a</Name></SavedStateItem></ParallelsSavedStates>";

	fixture_write(f, SNAPFILE_NAME, text, strlen(text));
}

static int add_snapshot(struct fixture *f, struct err *err)
{
	struct snapfile s;
	int r = snapfile_load(f->dirfd, "S", &s, err);

	if (r < 0)
		return r;
	r = snapfile_add(&s, SHOT_B, "b", "", "");
	if (r < 0)
		err_errno(err, r, "cannot add");
	else
		r = snapfile_store(f->dirfd, "S", &s, shots, 3, err);
	snapfile_free(&s);
	return r;
}

static void has_one_or_two(struct fixture *f, int r)
{
	struct snapfile s;

	assert_int_equal(snapfile_load(f->dirfd, "S", &s, NULL), 0);
	assert_string_equal(snapfile_find(&s, SHOT_A)->name, "a");
	if (r == 0)
		assert_int_equal(s.count, 2);
	if (s.count == 2)
		assert_string_equal(snapfile_find(&s, SHOT_B)->name, "b");
	else
		assert_int_equal(s.count, 1);
	snapfile_free(&s);
}

static void snapshots(void **state)
{
	static const struct fault_op add = {"name a snapshot", one_snapshot, add_snapshot,
					    has_one_or_two};

	faults_each(*state, &add);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(configuration_files), fixture_test(containers), fixture_test(values),
		fixture_test(run_time_record),	   fixture_test(snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
