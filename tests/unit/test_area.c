/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, destroy removes what is no container's, or a mounted disk is open to the users of the host. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "area.h"
#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"

struct world {
	struct host *host;
	struct ct *ct;
};

static struct world make_world(struct fixture *f, const char *conf)
{
	struct world w = {0};
	char vz[256];
	int n = snprintf(vz, sizeof(vz), "VE_ROOT=\"%s/root/$VEID\"\nVE_PRIVATE=\"%s/p/$VEID\"\n",
			 f->dir, f->dir);

	fixture_write(f, "vz.conf", vz, n);
	mkdir(fixture_path(f, "conf"), 0755);
	mkdir(fixture_path(f, "p"), 0755);
	fixture_write(f, "conf/101.conf", conf, strlen(conf));
	assert_int_equal(host_open(f->dir, &w.host, NULL), 0);
	assert_int_equal(ct_open(w.host, 101, &w.ct, NULL), 0);
	return w;
}

static void drop(struct world *w)
{
	ct_close(w->ct);
	host_close(w->host);
}

static void make_area(struct fixture *f)
{
	mkdir(fixture_path(f, "p/101"), 0700);
	mkdir(fixture_path(f, "p/101/root.hdd"), 0700);
	fixture_write(f, "p/101/root.hdd/DiskDescriptor.xml", "damaged", 7);
	fixture_write(f, "p/101/root.hdd/root.hds", "damaged", 7);
}

static bool is_there(struct fixture *f, const char *name)
{
	return access(fixture_path(f, name), F_OK) == 0;
}

static void removes_an_area_even_when_damaged(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f, "");

	make_area(f);
	mkdir(fixture_path(f, "p/101.vzctl-partial"), 0700);
	assert_int_equal(area_destroy(w.ct, NULL), 0);
	assert_false(is_there(f, "p/101"));
	assert_false(is_there(f, "p/101.vzctl-partial"));
	assert_int_equal(area_destroy(w.ct, NULL), 0);
	drop(&w);
}

static void removes_nothing_but_an_area(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f, "");
	struct err err = ERR_INIT;

	mkdir(fixture_path(f, "p/101"), 0700);
	fixture_write(f, "p/101/letters", "home", 4);
	assert_true(area_destroy(w.ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_DELETE_PRIVATE);
	assert_non_null(strstr(err.msg, "is not a private area"));
	assert_true(is_there(f, "p/101/letters"));
	drop(&w);
}

static void removes_no_area_in_use(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f, "");
	struct err err = ERR_INIT;
	_cleanup_close_ int fd = -1;

	make_area(f);
	fd = open(fixture_path(f, "p/101/root.hdd/root.hds"), O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_true(area_destroy(w.ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_MOUNTED);
	assert_true(is_there(f, "p/101/root.hdd/root.hds"));
	drop(&w);
}

static void removes_no_area_of_another(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f, "");
	struct err err = ERR_INIT;
	char conf[128];
	int n = snprintf(conf, sizeof(conf), "VE_PRIVATE=\"%s/p/./101\"\n", f->dir);

	make_area(f);
	fixture_write(f, "conf/102.conf", conf, n);
	fixture_write(f, "conf/103.conf", "rubbish\n", 8);
	assert_true(area_destroy(w.ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_DELETE_PRIVATE);
	assert_non_null(strstr(err.msg, "container 102"));
	assert_true(is_there(f, "p/101/root.hdd/root.hds"));
	drop(&w);
}

static void is_free_when_nobody_is_to_have_it(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f, "");
	struct err err = ERR_INIT;
	char conf[128];
	int n = snprintf(conf, sizeof(conf), "VE_PRIVATE=\"%s/p/101/\"\n", f->dir);

	assert_int_equal(area_check_free(w.ct, NULL), 0);
	fixture_write(f, "conf/102.conf.creating", conf, n);
	assert_true(area_check_free(w.ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_PRIVATE_EXISTS);
	assert_non_null(strstr(err.msg, "container 102"));
	unlink(fixture_path(f, "conf/102.conf.creating"));
	make_area(f);
	assert_true(area_check_free(w.ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_PRIVATE_EXISTS);
	drop(&w);
}

/* Mounting needs root; the refusals come before. */
static int mount_error(struct ct *ct, struct err *err)
{
	dev_t dev;

	assert_true(area_mount(ct, &dev, err) < 0);
	return err->exit_code;
}

static void mounts_on_no_other_file_system(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f, "VE_ROOT=/proc\n");
	struct err err = ERR_INIT;
	bool mounted;

	make_area(f);
	assert_int_equal(mount_error(w.ct, &err), VZ_MOUNT);
	assert_non_null(strstr(err.msg, "/proc"));
	assert_true(area_look(w.ct, &mounted, NULL, NULL) < 0);
	assert_true(area_umount(w.ct, &err) < 0);
	assert_int_equal(err.exit_code, VZ_UMOUNT);
	drop(&w);
}

static void mounts_in_no_open_directory(void **state)
{
	struct fixture *f = *state;
	struct world w = make_world(f, "");
	struct err err = ERR_INIT;
	struct stat st;

	make_area(f);
	chmod(f->dir, 0755);
	mkdir(fixture_path(f, "root"), 0755);
	chmod(fixture_path(f, "root"), 0755);
	assert_int_equal(mount_error(w.ct, &err), VZ_CREATE_ROOT);
	assert_non_null(strstr(err.msg, "/root' is open to others"));
	assert_false(is_there(f, "root/101"));
	assert_int_equal(stat(fixture_path(f, "root"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	/* Closed there or anywhere above, the next refusal is that of the image. */
	chmod(fixture_path(f, "root"), 0700);
	assert_int_equal(mount_error(w.ct, &err), VZ_IMAGE_MOUNT);
	chmod(fixture_path(f, "root"), 0755);
	chmod(f->dir, 0700);
	assert_int_equal(mount_error(w.ct, &err), VZ_IMAGE_MOUNT);
	chmod(f->dir, 0755);
	rmdir(fixture_path(f, "root/101"));
	rmdir(fixture_path(f, "root"));
	assert_int_equal(mount_error(w.ct, &err), VZ_IMAGE_MOUNT);
	assert_int_equal(stat(fixture_path(f, "root"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	drop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(removes_an_area_even_when_damaged),
		fixture_test(removes_nothing_but_an_area),
		fixture_test(removes_no_area_in_use),
		fixture_test(removes_no_area_of_another),
		fixture_test(is_free_when_nobody_is_to_have_it),
		fixture_test(mounts_on_no_other_file_system),
		fixture_test(mounts_in_no_open_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
