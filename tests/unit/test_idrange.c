/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, two containers may own the same host ids: one could touch the other's files and processes. */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "idrange.h"

static void test_find(void **state)
{
	struct idrange used[4] = {
		{IDRANGE_FIRST, IDRANGE_FIRST, IDRANGE_SIZE},
		{IDRANGE_FIRST + 2 * IDRANGE_SIZE, IDRANGE_FIRST + 2 * IDRANGE_SIZE, 1},
	};
	uint32_t base;

	(void)state;
	assert_int_equal(idrange_find(NULL, 0, IDRANGE_SIZE, &base), 0);
	assert_int_equal(base, IDRANGE_FIRST);
	assert_int_equal(idrange_find(used, 2, IDRANGE_SIZE, &base), 0);
	assert_int_equal(base, IDRANGE_FIRST + IDRANGE_SIZE);
	/* a used gid alone makes a range used */
	used[2] = (struct idrange){5000, IDRANGE_FIRST + 2 * IDRANGE_SIZE - 1, 1};
	assert_int_equal(idrange_find(used, 3, IDRANGE_SIZE, &base), 0);
	assert_int_equal(base, IDRANGE_FIRST + 3 * IDRANGE_SIZE);
	used[0] = (struct idrange){0, 0, UINT32_MAX};
	assert_int_equal(idrange_find(used, 1, IDRANGE_SIZE, &base), -ENOSPC);
}

static void test_window(void **state)
{
	struct idrange used = {IDRANGE_FIRST, IDRANGE_FIRST,
			       IDRANGE_LAST - IDRANGE_SIZE - IDRANGE_FIRST + 1};
	uint32_t base;

	(void)state;
	assert_int_equal(idrange_find(&used, 1, IDRANGE_SIZE, &base), 0);
	assert_int_equal(base + IDRANGE_SIZE - 1, IDRANGE_LAST);
	used.size++;
	assert_int_equal(idrange_find(&used, 1, IDRANGE_SIZE, &base), -ENOSPC);
}

static struct host *make_host(struct fixture *f)
{
	struct host *host = NULL;

	char conf[160];
	int n = snprintf(conf, sizeof(conf), "VE_ROOT=/r/$VEID\nCGROUP_ROOT=%s/cg\n", f->dir);

	mkdir(fixture_path(f, "conf"), 0755);
	mkdir(fixture_path(f, "cg"), 0755);
	fixture_write(f, "vz.conf", conf, n);
	assert_int_equal(host_open(f->dir, &host, NULL), 0);
	return host;
}

static uint32_t choose(struct host *host, uint32_t id)
{
	_cleanup_ct_ struct ct *ct = NULL;
	struct err err = ERR_INIT;
	struct idrange range;

	assert_int_equal(ct_open(host, id, &ct, NULL), 0);
	if (idrange_choose(ct, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(idrange_load(ct, &range, NULL), 0);
	assert_int_equal(range.uid, range.gid);
	assert_int_equal(range.size, IDRANGE_SIZE);
	assert_int_equal(ct_store(ct, NULL), 0);
	return range.uid;
}

static void test_containers_do_not_overlap(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	uint32_t a = choose(host, 101), b = choose(host, 102), c = choose(host, 2147483644);

	assert_true(b >= a + IDRANGE_SIZE);
	assert_true(c >= b + IDRANGE_SIZE);
	assert_int_equal(remove(fixture_path(f, "conf/102.conf")), 0);
	assert_int_equal(choose(host, 103), b);
}

/* While its image is being made, which takes minutes, nobody else gets its ids. */
static void test_draft_keeps_its_ids(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *ct = NULL;
	struct idrange range;

	assert_int_equal(ct_open(host, 101, &ct, NULL), 0);
	assert_int_equal(idrange_choose(ct, NULL), 0);
	assert_int_equal(ct_store_draft(ct, NULL), 0);
	assert_int_equal(idrange_load(ct, &range, NULL), 0);
	assert_int_equal(choose(host, 102), range.uid + IDRANGE_SIZE);
}

static void test_given_ranges(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *ct = NULL;
	struct err err = ERR_INIT;
	uint32_t a = choose(host, 101);
	char buf[16];

	assert_int_equal(ct_open(host, 102, &ct, NULL), 0);
	snprintf(buf, sizeof(buf), "%u", a + IDRANGE_SIZE - 1);
	config_set(ct->conf, "LOCAL_UID", buf, NULL);
	config_set(ct->conf, "LOCAL_GID", buf, NULL);
	assert_true(idrange_choose(ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_BAD_VALUE);
	/* the host's own accounts */
	config_set(ct->conf, "LOCAL_UID", "1000", NULL);
	assert_true(idrange_choose(ct, &err) < 0);
	config_set(ct->conf, "LOCAL_UID", "4294967295", NULL);
	assert_true(idrange_choose(ct, &err) < 0);
}

static char warned[1024];

static void keep_warning(const char *sentence)
{
	snprintf(warned, sizeof(warned), "%s", sentence);
}

/* choose() beside 101.conf of @text, with what was said about it in warned[]. */
static uint32_t choose_beside(struct fixture *f, struct host *host, const char *text)
{
	_cleanup_ct_ struct ct *ct = NULL;
	struct idrange range;

	*warned = '\0';
	fixture_write(f, "conf/101.conf", text, strlen(text));
	assert_int_equal(ct_open(host, 102, &ct, NULL), 0);
	ct->warn = keep_warning;
	assert_int_equal(idrange_choose(ct, NULL), 0);
	assert_int_equal(idrange_load(ct, &range, NULL), 0);
	return range.uid;
}

#define FIRST_RANGE "LOCAL_UID=1006632960\nLOCAL_GID=1006632960\n"

/* A neighbour's bad line: its range is still its own; if it is not known, it is not the first that is given. */
static void test_bad_neighbour(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	const uint32_t second = IDRANGE_FIRST + IDRANGE_SIZE;
	const uint32_t last = IDRANGE_LAST + 1 - IDRANGE_SIZE;

	assert_int_equal(choose_beside(f, host, FIRST_RANGE "rubbish\n"), second);
	assert_string_equal(warned, "");
	assert_int_equal(choose_beside(f, host, "rubbish\n"), last);
	assert_non_null(strstr(warned, "101.conf:1: "));
	assert_non_null(strstr(warned, "container 101"));
	assert_int_equal(choose_beside(f, host, FIRST_RANGE "# ok\nLOCAL_UID=$(id -u)\n"), last);
	assert_non_null(strstr(warned, "101.conf:4: "));
	assert_int_equal(choose_beside(f, host, FIRST_RANGE "LOCAL_SIZE=\"5\001\"\n"), last);
	assert_non_null(strstr(warned, "101.conf:3: "));
	assert_int_equal(choose_beside(f, host, "LOCAL_UID=x\nLOCAL_GID=1006632960\n"), last);
	assert_non_null(strstr(warned, "not a number"));
	assert_int_equal(choose_beside(f, host, "ONBOOT=yes\n"), IDRANGE_FIRST);
	assert_string_equal(warned, "");
}

static void test_find_last(void **state)
{
	struct idrange used = {IDRANGE_LAST, IDRANGE_LAST, 1};
	uint32_t base;

	(void)state;
	assert_int_equal(idrange_find_last(NULL, 0, IDRANGE_SIZE, &base), 0);
	assert_int_equal(base, IDRANGE_LAST + 1 - IDRANGE_SIZE);
	assert_int_equal(idrange_find_last(&used, 1, IDRANGE_SIZE, &base), 0);
	assert_int_equal(base, IDRANGE_LAST + 1 - 2 * IDRANGE_SIZE);
	used = (struct idrange){IDRANGE_FIRST + IDRANGE_SIZE, IDRANGE_FIRST + IDRANGE_SIZE,
				IDRANGE_LAST - IDRANGE_FIRST};
	assert_int_equal(idrange_find_last(&used, 1, IDRANGE_SIZE, &base), 0);
	assert_int_equal(base, IDRANGE_FIRST);
	used.uid = IDRANGE_FIRST;
	assert_int_equal(idrange_find_last(&used, 1, IDRANGE_SIZE, &base), -ENOSPC);
}

/* A copy of a configuration may stay as long as only one of the two runs. */
static void test_running_neighbour(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *ct = NULL;
	struct err err = ERR_INIT;
	uint32_t a = choose(host, 101);
	char conf[96];
	int n = snprintf(conf, sizeof(conf), "LOCAL_UID=%u\nLOCAL_GID=%u\nLOCAL_SIZE=65536\n",
			 a + IDRANGE_SIZE - 65536, IDRANGE_LAST + 1);

	choose(host, 103);
	fixture_write(f, "conf/102.conf", conf, n);
	fixture_write(f, "conf/104.conf", "rubbish\n", 8);
	mkdir(fixture_path(f, "cg/102"), 0755);
	mkdir(fixture_path(f, "cg/103"), 0755);
	mkdir(fixture_path(f, "cg/104"), 0755);
	assert_int_equal(ct_open(host, 102, &ct, NULL), 0);
	assert_int_equal(idrange_check_running(ct, NULL), 0);
	mkdir(fixture_path(f, "cg/101"), 0755);
	assert_true(idrange_check_running(ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_BAD_CONFIG);
	assert_non_null(strstr(err.msg, "container 101"));
}

/* What it was started with counts, not what its file says now. */
static void test_running_marked(void **state)
{
	struct fixture *f = *state;
	_cleanup_host_ struct host *host = make_host(f);
	_cleanup_ct_ struct ct *ct = NULL, *running = NULL;
	struct idrange range = {IDRANGE_FIRST, IDRANGE_FIRST, IDRANGE_SIZE};
	struct err err = ERR_INIT;

	choose(host, 101);
	choose(host, 102);
	mkdir(fixture_path(f, "cg/101"), 0755);
	assert_int_equal(ct_open(host, 101, &running, NULL), 0);
	assert_int_equal(ct_open(host, 102, &ct, NULL), 0);
	/* Only root may write such a note, and not everywhere. */
	if (idrange_mark(running, &range, NULL) < 0)
		skip();
	assert_int_equal(idrange_check_running(ct, NULL), 0);
	assert_int_equal(idrange_load(ct, &range, NULL), 0);
	range.uid += IDRANGE_SIZE - 1;
	assert_int_equal(idrange_mark(running, &range, NULL), 0);
	assert_true(idrange_check_running(ct, &err) < 0);
	assert_non_null(strstr(err.msg, "container 101"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_find_last),
		fixture_test(test_containers_do_not_overlap),
		fixture_test(test_draft_keeps_its_ids),
		fixture_test(test_given_ranges),
		fixture_test(test_bad_neighbour),
		fixture_test(test_running_neighbour),
		fixture_test(test_running_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
