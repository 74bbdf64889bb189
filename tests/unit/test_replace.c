/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another file for an image, and a descriptor for one without. If this fails, a
 * disk stands on something else than it was made on.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "faults.h"
#include "image.h"
#include "io.h"
#include "open.h"
#include "ploop.h"

#define CLUSTER 32768u
#define BYTES	(CLUSTER * 6)

static const char one[] = "{11111111-0000-4000-8000-000000000001}";

static void write_byte(struct fixture *f, unsigned int cluster, uint8_t byte)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct location loc;

	if (location_find(&loc, f->dir, NULL, &err) < 0 ||
	    location_open(&loc, OPEN_WRITE, &disk, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(disk_write(disk, (uint64_t)cluster * CLUSTER, &byte, 1), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, false, &err), 0);
	disk_free(disk);
	location_free(&loc);
}

static void copy_file(struct fixture *f, const char *from, const char *to)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	assert_int_equal(io_read_file(f->dirfd, from, 1 << 20, &text, &len, NULL), 0);
	fixture_write(f, to, text, len);
}

static void clear(struct fixture *f)
{
	_cleanup_free_ char *names = fixture_list(f);
	char *at = names, *name;

	while ((name = strsep(&at, " ")))
		if (*name)
			assert_int_equal(unlinkat(f->dirfd, name, 0), 0);
}

/* A disk on a snapshot, and a copy of the file of that. */
static void make_disk(struct fixture *f)
{
	char guid[PLOOP_GUID_BYTES];
	struct err err = ERR_INIT;
	struct descriptor d;
	struct image img;

	clear(f);
	assert_int_equal(image_create(f->dirfd, "root.hds", PLOOP_FORMAT_EXPANDED, BYTES, CLUSTER,
				      &img, &err),
			 0);
	assert_int_equal(image_finish(&img, false, &err), 0);
	image_close(&img);
	assert_int_equal(descriptor_init(&d, BYTES, CLUSTER, PLOOP_FORMAT_EXPANDED, "root.hds"), 0);
	assert_int_equal(descriptor_store(f->dirfd, &d, &err), 0);
	descriptor_free(&d);
	write_byte(f, 1, 1);
	write_byte(f, 4, 4);
	strcpy(guid, one);
	assert_int_equal(ploop_snapshot(f->dir, guid, &err), 0);
	write_byte(f, 4, 5);
	copy_file(f, "root.hds", "other");
}

static void check_disk(struct fixture *f, const char *when)
{
	static const uint8_t want[] = {0, 1, 0, 0, 5};
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct location loc;
	unsigned int i;
	uint8_t got;

	if (location_find(&loc, f->dir, NULL, &err) < 0 ||
	    location_open(&loc, OPEN_CLOSED, &disk, &err) < 0)
		fail_msg("%s: %s", when, err.msg);
	for (i = 0; i < sizeof(want); i++) {
		assert_int_equal(disk_read(disk, i * CLUSTER, &got, 1), 0);
		if (got != want[i])
			fail_msg("%s: cluster %u says %u", when, i, got);
	}
	disk_free(disk);
	location_free(&loc);
}

static bool exists(struct fixture *f, const char *name)
{
	return faccessat(f->dirfd, name, F_OK, 0) == 0;
}

static void by_its_own_name_or_that_of_the_old(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct location loc;
	struct stat a, b;
	int keep;

	for (keep = 0; keep < 2; keep++) {
		make_disk(f);
		assert_int_equal(fstatat(f->dirfd, "other", &a, 0), 0);
		if (ploop_replace(f->dir, one, "other", keep, &err) < 0)
			fail_msg("%s", err.msg);
		check_disk(f, "replaced");
		assert_int_equal(location_find(&loc, f->dir, NULL, &err), 0);
		assert_string_equal(loc.levels[0].file, keep ? "root.hds" : "other");
		assert_int_equal(fstatat(f->dirfd, loc.levels[0].file, &b, 0), 0);
		assert_true(a.st_ino == b.st_ino);
		assert_int_equal(exists(f, "other"), !keep);
		assert_true(exists(f, "root.hds"));
		location_free(&loc);
	}
}

static void refused(struct fixture *f, const char *guid, const char *file, int code,
		    const char *why)
{
	struct err err = ERR_INIT;

	if (ploop_replace(f->dir, guid, file, false, &err) != code || !strstr(err.msg, why))
		fail_msg("'%s' is %d, '%s'", file, err.code, err.msg);
}

static void refuses_what_is_not_the_same(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct image img;
	int fd;

	make_disk(f);
	refused(f, one, "nowhere", -ENOENT, "nowhere");
	refused(f, one, "../other", -EINVAL, "in the directory");
	refused(f, one, "root.hds", -EEXIST, "already");
	refused(f, DESCRIPTOR_TOP_GUID, "other", -EINVAL, "is written to");
	refused(f, DESCRIPTOR_ROOT_GUID, "other", -ENOENT, "no snapshot");
	fixture_write(f, "text", "123", 3);
	refused(f, one, "text", -EINVAL, "text");
	fd = openat(f->dirfd, "other", O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 2 * CLUSTER + 7), 1);
	refused(f, one, "other", -EINVAL, "not the same at byte");
	/* One that is open for writing, and one that somebody holds. */
	copy_file(f, "root.hds", "other");
	assert_int_equal(pwrite(fd, "Ynot", 4, 0x2c), 4);
	refused(f, one, "other", -EBUSY, "in use");
	assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 0x2c), 4);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	refused(f, one, "other", -EBUSY, "in use");
	close(fd);
	fd = openat(f->dirfd, "root.hds", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	refused(f, one, "other", -EBUSY, "in use");
	close(fd);
	assert_int_equal(image_create(f->dirfd, "large", PLOOP_FORMAT_EXPANDED, 2 * BYTES, CLUSTER,
				      &img, &err),
			 0);
	assert_int_equal(image_finish(&img, false, &err), 0);
	image_close(&img);
	refused(f, one, "large", -EINVAL, "has 393216 bytes");
	check_disk(f, "after refusals");
}

static void a_cut_anywhere_leaves_the_disk(void **state)
{
	struct fixture *f = *state;
	unsigned int at, keep;
	int status;

	for (keep = 0; keep < 2; keep++) {
		for (at = 0, status = 1; status; at++) {
			char when[32];
			pid_t pid;

			make_disk(f);
			fflush(NULL);
			pid = fork();
			if (pid == 0) {
				faults_arm(FAULT_CRASH, at);
				_exit(ploop_replace(f->dir, one, "other", keep, NULL) < 0);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status) &&
				    (!status || WEXITSTATUS(status) == FAULTS_CRASHED));
			snprintf(when, sizeof(when), "cut at call %u", at);
			check_disk(f, when);
		}
		printf("# replace: %u cuts\n", at - 1);
		assert_true(at > 20);
	}
}

/* --- descriptors ------------------------------------------------------------------- */

static void alone(struct fixture *f, enum ploop_format format, bool whole)
{
	struct err err = ERR_INIT;
	struct image img;

	clear(f);
	assert_int_equal(image_create(f->dirfd, "i.hds", format, BYTES, CLUSTER, &img, &err), 0);
	if (whole) {
		assert_int_equal(image_reserve(&img, &err), 0);
		image_map_reserved(&img);
	}
	assert_int_equal(image_finish(&img, false, &err), 0);
	image_close(&img);
}

static void an_image_gets_its_descriptor_back(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int i;

	for (i = 0; i < 3; i++) {
		struct ploop_disk *disk;

		alone(f, i ? PLOOP_FORMAT_EXPANDED : PLOOP_FORMAT_RAW, i == 2);
		if (i == 1)
			fixture_write(f, DESCRIPTOR_NAME, "<damaged", 8);
		if (ploop_restore_descriptor(f->dir, "i.hds", 65536, &err) < 0)
			fail_msg("%s", err.msg);
		if (ploop_open(f->dir, &disk, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(ploop_size_bytes(disk) == BYTES);
		assert_int_equal(ploop_cluster_bytes(disk), i ? CLUSTER : 65536);
		assert_int_equal(ploop_disk_format(disk), i == 2   ? PLOOP_FORMAT_PREALLOCATED
							  : i == 1 ? PLOOP_FORMAT_EXPANDED
								   : PLOOP_FORMAT_RAW);
		ploop_close(disk);
		assert_int_equal(ploop_restore_descriptor(f->dir, "i.hds", 0, &err), -EEXIST);
	}
}

static void does_not_guess(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int fd;

	make_disk(f);
	assert_int_equal(unlinkat(f->dirfd, "other", 0), 0);
	assert_int_equal(unlinkat(f->dirfd, DESCRIPTOR_NAME, 0), 0);
	assert_int_equal(ploop_restore_descriptor(f->dir, "root.hds", 0, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "root.hds.{"));
	assert_int_equal(ploop_restore_descriptor(f->dir, "none", 0, &err), -ENOENT);
	assert_int_equal(ploop_restore_descriptor(f->dir, "../x", 0, &err), -EINVAL);
	alone(f, PLOOP_FORMAT_EXPANDED, false);
	fd = openat(f->dirfd, "i.hds", O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(ploop_restore_descriptor(f->dir, "i.hds", 0, &err), -EBUSY);
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(pwrite(fd, "Ynot", 4, 0x2c), 4);
	assert_int_equal(ploop_restore_descriptor(f->dir, "i.hds", 0, &err), -EBUSY);
	close(fd);
	assert_false(exists(f, DESCRIPTOR_NAME));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(by_its_own_name_or_that_of_the_old),
		fixture_test(refuses_what_is_not_the_same),
		fixture_test(a_cut_anywhere_leaves_the_disk),
		fixture_test(an_image_gets_its_descriptor_back),
		fixture_test(does_not_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
