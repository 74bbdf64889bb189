/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that become ones of another format, below snapshots and on top of them,
 * and cut at every call that touches a file. If this fails, a disk says something
 * else after a conversion, or a crash in the middle of one takes it away.
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
#include "open.h"
#include "path.h"
#include "ploop.h"

#define CLUSTER	 32768u
#define CLUSTERS 10u
#define BYTES	 (CLUSTER * CLUSTERS)

/* A disk, and the one snapshot that it stands on. */
struct model {
	uint8_t below[BYTES], disk[BYTES];
	char guid[PLOOP_GUID_BYTES];
};

static struct model model;

static void write_at(struct fixture *f, uint8_t *bytes, unsigned int cluster, int byte)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct location loc;

	memset(bytes + cluster * CLUSTER, byte, CLUSTER);
	if (location_find(&loc, f->dir, NULL, &err) < 0 ||
	    location_open(&loc, OPEN_WRITE, &disk, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(disk_write(disk, cluster * CLUSTER, bytes + cluster * CLUSTER, CLUSTER),
			 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, false, &err), 0);
	disk_free(disk);
	location_free(&loc);
}

/* Some of what is above hides what is below, with zeros and with other things. */
static void make_disk(struct fixture *f, enum ploop_format format, bool snapshot)
{
	_cleanup_free_ char *names = fixture_list(f);
	char *at = names, *name;
	struct err err = ERR_INIT;
	struct descriptor d;
	struct image img;

	while ((name = strsep(&at, " ")))
		if (*name)
			assert_int_equal(unlinkat(f->dirfd, name, 0), 0);
	if (image_create(f->dirfd, "root.hds", format, BYTES, CLUSTER, &img, &err) < 0 ||
	    image_finish(&img, false, &err) < 0)
		fail_msg("%s", err.msg);
	image_close(&img);
	assert_int_equal(descriptor_init(&d, BYTES, CLUSTER, format, "root.hds"), 0);
	assert_int_equal(descriptor_store(f->dirfd, &d, &err), 0);
	descriptor_free(&d);
	memset(&model, 0, sizeof(model));
	write_at(f, model.below, 7, 7);
	write_at(f, model.below, 2, 2);
	write_at(f, model.below, 3, 3);
	memcpy(model.disk, model.below, BYTES);
	if (!snapshot)
		return;
	if (ploop_snapshot(f->dir, model.guid, &err) < 0)
		fail_msg("%s", err.msg);
	write_at(f, model.disk, 5, 5);
	write_at(f, model.disk, 3, 0);
	write_at(f, model.disk, 2, 9);
}

static void says(struct fixture *f, const char *guid, const uint8_t *want, const char *when)
{
	_cleanup_free_ uint8_t *got = malloc(BYTES);
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct location loc;

	if (location_find(&loc, f->dir, guid, &err) < 0 ||
	    location_open(&loc, OPEN_CLOSED, &disk, &err) < 0)
		fail_msg("%s: %s", when, err.msg);
	assert_int_equal(disk_read(disk, 0, got, BYTES), 0);
	if (memcmp(got, want, BYTES) != 0)
		fail_msg("%s: %s is another", when, guid ? "the snapshot" : "the disk");
	disk_free(disk);
	location_free(&loc);
}

static void check_model(struct fixture *f, const char *when)
{
	says(f, NULL, model.disk, when);
	if (*model.guid)
		says(f, model.guid, model.below, when);
}

/* Of the image at the bottom: raw 0, else its version; and 10 more where it has all its clusters. */
static unsigned int kind_of(struct fixture *f)
{
	struct err err = ERR_INIT;
	struct location loc;
	unsigned int kind, i;
	struct image img;

	assert_int_equal(location_find(&loc, f->dir, *model.guid ? model.guid : NULL, &err), 0);
	if (image_open(f->dirfd, loc.levels[0].file, loc.levels[0].format, CLUSTER, false, &img,
		       &err) < 0)
		fail_msg("%s", err.msg);
	kind = img.version;
	for (i = 0; img.version && i < CLUSTERS && bat_lookup(&img.bat, i); i++)
		continue;
	assert_int_equal(i == CLUSTERS, loc.desc.preallocated);
	image_close(&img);
	location_free(&loc);
	return kind + (i == CLUSTERS ? 10 : 0);
}

static const struct step {
	enum ploop_format format;
	unsigned int version; /* 0: to that format */
	unsigned int kind;
} steps[] = {
	{PLOOP_FORMAT_RAW, 0, 0},      {PLOOP_FORMAT_PREALLOCATED, 0, 12},
	{PLOOP_FORMAT_RAW, 1, 11},     {PLOOP_FORMAT_EXPANDED, 0, 2},
	{PLOOP_FORMAT_RAW, 1, 1},      {PLOOP_FORMAT_PREALLOCATED, 0, 12},
	{PLOOP_FORMAT_RAW, 0, 0},      {PLOOP_FORMAT_EXPANDED, 0, 2},
	{PLOOP_FORMAT_EXPANDED, 0, 2}, {PLOOP_FORMAT_RAW, 2, 2},
};

#define NSTEPS (sizeof(steps) / sizeof(steps[0]))

static int convert(struct fixture *f, const struct step *s, struct err *err)
{
	return s->version ? ploop_convert_version(f->dir, s->version, err)
			  : ploop_convert(f->dir, s->format, err);
}

static unsigned int count_files(struct fixture *f)
{
	_cleanup_free_ char *names = fixture_list(f);
	unsigned int n = 1;
	char *p;

	for (p = names; *p; p++)
		n += *p == ' ';
	return n;
}

static void any_becomes_any_other(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	unsigned int snapshot;
	size_t i;

	for (snapshot = 0; snapshot < 2; snapshot++) {
		make_disk(f, PLOOP_FORMAT_EXPANDED, snapshot);
		for (i = 0; i < NSTEPS; i++) {
			char when[32];

			snprintf(when, sizeof(when), "step %zu", i);
			if (convert(f, &steps[i], &err) < 0)
				fail_msg("%s: %s", when, err.msg);
			check_model(f, when);
			assert_int_equal(kind_of(f), steps[i].kind);
			/* No other names, and each file has one. */
			assert_int_equal(count_files(f), 2 + snapshot);
			assert_int_equal(faccessat(f->dirfd, "root.hds", F_OK, 0), 0);
		}
	}
}

/* What the next command that changes the files of the disk leaves. */
static void look_after_cut(struct fixture *f, unsigned int before, unsigned int after,
			   const char *when)
{
	struct err err = ERR_INIT;
	char guid[PLOOP_GUID_BYTES] = "";
	unsigned int kind, files;

	check_model(f, when);
	kind = kind_of(f);
	if (kind != before && kind != after)
		fail_msg("%s: an image of kind %u", when, kind);
	if (ploop_snapshot(f->dir, guid, &err) < 0)
		fail_msg("%s: %s", when, err.msg);
	check_model(f, when);
	files = count_files(f);
	if (files != (*model.guid ? 4 : 3))
		fail_msg("%s: %u files", when, files);
}

static void cut_one(struct fixture *f, enum ploop_format from, const struct step *s, bool snapshot)
{
	unsigned int at, before;
	int status = 1;

	for (at = 0; status; at++) {
		char when[64];
		pid_t pid;

		make_disk(f, from, snapshot);
		before = kind_of(f);
		snprintf(when, sizeof(when), "to %u cut at call %u", s->kind, at);
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			faults_arm(FAULT_CRASH, at);
			_exit(convert(f, s, NULL) < 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || (status && WEXITSTATUS(status) != FAULTS_CRASHED))
			fail_msg("%s: status %d", when, status);
		if (!status)
			assert_int_equal(kind_of(f), s->kind);
		look_after_cut(f, before, s->kind, when);
	}
	printf("# convert to %u: %u cuts\n", s->kind, at - 1);
	assert_true(at > 30);
}

static void a_cut_anywhere_leaves_before_or_after(void **state)
{
	/* Nothing is flushed to a real disk meanwhile. */
	faults_arm(FAULT_FILE, (unsigned int)-1);
	cut_one(*state, PLOOP_FORMAT_EXPANDED, &steps[0], true);
	cut_one(*state, PLOOP_FORMAT_RAW, &steps[1], false);
	cut_one(*state, PLOOP_FORMAT_EXPANDED, &steps[4], true);
	faults_disarm();
}

static void refuses_by_name(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int fd;

	make_disk(f, PLOOP_FORMAT_RAW, false);
	assert_int_equal(ploop_convert_version(f->dir, 1, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "has no format version"));
	assert_int_equal(ploop_convert_version(f->dir, 3, &err), -EINVAL);
	assert_int_equal(ploop_convert(fixture_path(f, "root.hds"), PLOOP_FORMAT_EXPANDED, &err),
			 -EINVAL);
	assert_non_null(strstr(err.msg, "without a descriptor"));
	/* As a mount has it. */
	fd = openat(f->dirfd, "root.hds", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(ploop_convert(f->dir, PLOOP_FORMAT_EXPANDED, &err), -EBUSY);
	close(fd);
	check_model(f, "after refusals");
	assert_int_equal(count_files(f), 2);
}

/* A file with another name is another disk's, and stays what it is. */
static void leaves_shared_files_alone(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	enum ploop_format found;
	int fd;

	make_disk(f, PLOOP_FORMAT_EXPANDED, true);
	assert_int_equal(linkat(f->dirfd, "root.hds", f->dirfd, "other", 0), 0);
	if (ploop_convert(f->dir, PLOOP_FORMAT_RAW, &err) < 0)
		fail_msg("%s", err.msg);
	check_model(f, "converted");
	assert_int_equal(kind_of(f), 0);
	fd = openat(f->dirfd, "other", O_RDONLY | O_CLOEXEC);
	assert_int_equal(image_probe(fd, &found), 0);
	assert_int_equal(found, PLOOP_FORMAT_EXPANDED);
	close(fd);
}

/* Raw images of others may end inside of a cluster. */
static void a_raw_image_of_any_length(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct descriptor d;
	char got[5] = "";
	int fd;

	fd = openat(f->dirfd, "odd.raw", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, CLUSTER + 1024), 0);
	assert_int_equal(pwrite(fd, "last", 4, CLUSTER + 1020), 4);
	close(fd);
	assert_int_equal(descriptor_init(&d, CLUSTER + 1024, CLUSTER, PLOOP_FORMAT_RAW, "odd.raw"),
			 0);
	assert_int_equal(descriptor_store(f->dirfd, &d, &err), 0);
	descriptor_free(&d);
	if (ploop_convert(f->dir, PLOOP_FORMAT_EXPANDED, &err) < 0)
		fail_msg("%s", err.msg);
	if (ploop_open(f->dir, &disk, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(ploop_size_bytes(disk) == CLUSTER + 1024);
	assert_int_equal(disk_read(disk, CLUSTER + 1020, got, 4), 0);
	assert_string_equal(got, "last");
	ploop_close(disk);
	if (ploop_convert(f->dir, PLOOP_FORMAT_RAW, &err) < 0)
		fail_msg("%s", err.msg);
	fd = openat(f->dirfd, "odd.raw", O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_END), CLUSTER + 1024);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(any_becomes_any_other),
		fixture_test(a_cut_anywhere_leaves_before_or_after),
		fixture_test(refuses_by_name),
		fixture_test(leaves_shared_files_alone),
		fixture_test(a_raw_image_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
