/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container names or nests its cgroups so that it cannot be stopped, or loses an exec's. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"

static bool is_there(struct fixture *f, const char *name)
{
	return access(fixture_path(f, name), F_OK) == 0;
}

static void removes_names_with_a_dot(void **state)
{
	struct fixture *f = *state;

	mkdir(fixture_path(f, "ct"), 0755);
	mkdir(fixture_path(f, "ct/.x"), 0755);
	mkdir(fixture_path(f, "ct/..x"), 0755);
	mkdir(fixture_path(f, "ct/.x/..."), 0755);
	assert_int_equal(cgroup_remove(fixture_path(f, "ct"), 0, NULL), 0);
	assert_false(is_there(f, "ct"));
	assert_int_equal(cgroup_remove(fixture_path(f, "ct"), 0, NULL), 0);
}

static void removes_any_depth_with_few_descriptors(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, few;
	int fd = openat(f->dirfd, ".", O_RDONLY), i;

	for (i = 0; i < 1200; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		assert_int_equal(mkdirat(fd, i % 2 ? "a" : "z", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	close(fd);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = 16;
	setrlimit(RLIMIT_NOFILE, &few);
	i = cgroup_remove(fixture_path(f, "d"), 0, NULL);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(i, 0);
	assert_false(is_there(f, "d"));
}

/* A file stands for the process that keeps a cgroup. */
static void tells_what_stays(void **state)
{
	struct fixture *f = *state;

	mkdir(fixture_path(f, "ct"), 0755);
	mkdir(fixture_path(f, "ct/busy"), 0755);
	fixture_write(f, "ct/busy/process", "", 0);
	assert_int_equal(cgroup_remove(fixture_path(f, "ct"), 0, NULL), -ENOTEMPTY);
	assert_true(is_there(f, "ct/busy"));
}

static void sweeps_no_leaf_of_a_live_exec(void **state)
{
	struct fixture *f = *state;
	pid_t gone = fork();
	char live[32], dead[32];

	if (gone == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	snprintf(live, sizeof(live), "vzctl-%d", (int)getpid());
	snprintf(dead, sizeof(dead), "vzctl-%d-3", (int)gone);
	mkdir(fixture_path(f, live), 0755);
	mkdir(fixture_path(f, dead), 0755);
	mkdir(fixture_path(f, "vzctl-"), 0755);
	mkdir(fixture_path(f, "vzctl-99999999999999999999"), 0755);
	cgroup_sweep_leaves(f->dir);
	assert_true(is_there(f, live));
	assert_false(is_there(f, dead));
	assert_true(is_there(f, "vzctl-"));
	assert_true(is_there(f, "vzctl-99999999999999999999"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(removes_names_with_a_dot),
		fixture_test(removes_any_depth_with_few_descriptors),
		fixture_test(tells_what_stays),
		fixture_test(sweeps_no_leaf_of_a_live_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
