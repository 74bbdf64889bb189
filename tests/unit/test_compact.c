/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that get shorter. If this fails, a container's disk is another after it
 * was stopped, or a crash in the middle of a stop takes it away.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "compact.h"
#include "disk.h"
#include "err.h"
#include "faults.h"
#include "image.h"
#include "mend.h"

#define CLUSTER	 32768u
#define CLUSTERS 40u
#define BYTES	 (CLUSTER * CLUSTERS)

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Clusters written in some order, and some of them given up as a discard does; how many stay. Odd ones are of version 1. */
static unsigned int make_image(struct fixture *f, uint8_t *model, uint32_t seed)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct image img;
	unsigned int i, left = 0;

	memset(model, 0, BYTES);
	unlinkat(f->dirfd, "i", 0);
	assert_int_equal(
		image_create(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, BYTES, CLUSTER, &img, &err), 0);
	assert_int_equal(image_set_version(&img, seed % 2 ? 1 : 2, &err), 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	for (i = 0; i < 30; i++) {
		uint32_t at = rnd(&seed) % CLUSTERS;

		memset(model + at * CLUSTER, (int)(1 + at), CLUSTER);
		assert_int_equal(disk_write(disk, at * CLUSTER, model + at * CLUSTER, CLUSTER), 0);
		assert_int_equal(disk_flush(disk), 0);
	}
	for (i = 0; i < CLUSTERS; i++) {
		if (!bat_lookup(&disk->img.bat, i))
			continue;
		if (rnd(&seed) % 2) {
			left++;
			continue;
		}
		bat_set(&disk->img.bat, i, 0);
		memset(model + i * CLUSTER, 0, CLUSTER);
	}
	assert_int_equal(image_finish(&disk->img, false, &err), 0);
	disk_free(disk);
	return left;
}

static void check(struct fixture *f, const uint8_t *model, const char *when)
{
	_cleanup_free_ uint8_t *got = malloc(BYTES);
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct image img;

	if (image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err) < 0)
		fail_msg("%s: %s", when, err.msg);
	assert_int_equal(disk_new(&img, &disk), 0);
	assert_int_equal(disk_read(disk, 0, got, BYTES), 0);
	if (memcmp(got, model, BYTES) != 0)
		fail_msg("%s: the disk is another", when);
	disk_free(disk);
}

static uint64_t length(struct fixture *f)
{
	struct stat st;

	assert_int_equal(fstatat(f->dirfd, "i", &st, 0), 0);
	return (uint64_t)st.st_size / CLUSTER;
}

static int compact(struct fixture *f, uint64_t budget, uint64_t *freed)
{
	_cleanup_close_ int fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
	struct ploop_disk *disk = NULL;
	struct err err = ERR_INIT;
	struct image img;
	int r;

	if (image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err) == 0)
		assert_int_equal(disk_new(&img, &disk), 0);
	r = compact_image(fd, budget, disk, "i", freed, &err);
	disk_free(disk);
	return r;
}

/* Some clusters become holes, and are zeros. */
static void punch_some(struct fixture *f, uint8_t *model)
{
	struct image img;
	unsigned int i;
	int fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);

	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, NULL), 0);
	for (i = 0; i < CLUSTERS; i += 2) {
		if (!bat_lookup(&img.bat, i))
			continue;
		assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					   (off_t)bat_lookup(&img.bat, i) * CLUSTER, CLUSTER),
				 0);
		memset(model + i * CLUSTER, 0, CLUSTER);
	}
	image_close(&img);
	close(fd);
}

static void gets_as_short_as_what_is_in_it(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *model = malloc(BYTES);
	uint32_t seed;

	for (seed = 1; seed <= 40; seed++) {
		unsigned int left = make_image(f, model, seed);
		uint64_t before = length(f), freed;

		assert_int_equal(compact(f, UINT64_MAX, &freed), 0);
		assert_int_equal(length(f), left + 1);
		assert_true(freed == (before - left - 1) * CLUSTER);
		check(f, model, "compacted");
		/* And once more: there is nothing to be done. */
		assert_int_equal(compact(f, UINT64_MAX, &freed), 0);
		assert_true(freed == 0);
	}
}

static void writes_no_more_than_it_may(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *model = malloc(BYTES);
	uint64_t budget, last = UINT64_MAX, freed;

	for (budget = 0; budget < 12; budget++) {
		unsigned int left = make_image(f, model, 9);

		assert_int_equal(compact(f, budget * CLUSTER + CLUSTER / 2, &freed), 0);
		check(f, model, "in part");
		assert_true(length(f) <= last);
		assert_true(length(f) >= left + 1);
		last = length(f);
	}
	assert_int_equal(compact(f, UINT64_MAX, &freed), 0);
	check(f, model, "the rest");
}

/* As discards in pieces leave it: holes of whole clusters, which may hide what is below. */
static void drops_clusters_that_are_holes(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *model = malloc(BYTES);
	unsigned int left = make_image(f, model, 4), below;

	for (below = 0; below < 2; below++) {
		unsigned int i, holes = 0, hidden = 0;
		struct err err = ERR_INIT;
		struct ploop_disk *disk;
		struct image img;
		uint64_t freed;
		int fd;

		left = make_image(f, model, 4);
		assert_int_equal(
			image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, &err), 0);
		fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
		for (i = 0; i < CLUSTERS; i++) {
			uint32_t at = bat_lookup(&img.bat, i);

			if (!at || i % 3 == 0)
				continue;
			/* Half of one is none. */
			assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
						   (off_t)at * CLUSTER,
						   i % 3 == 1 ? CLUSTER : CLUSTER / 2),
					 0);
			memset(model + i * CLUSTER, 0, i % 3 == 1 ? CLUSTER : CLUSTER / 2);
			holes += i % 3 == 1;
			hidden += i % 3 == 1 && i < CLUSTERS / 2;
		}
		assert_true(holes > 2 && hidden > 0 && hidden < holes);
		assert_int_equal(disk_new(&img, &disk), 0);
		if (below) {
			/* Raw, and half as large: it has something everywhere in that half. */
			assert_int_equal(image_create(f->dirfd, "b", PLOOP_FORMAT_RAW, BYTES / 2,
						      CLUSTER, &img, &err),
					 0);
			image_close(&img);
			assert_int_equal(image_open(f->dirfd, "b", PLOOP_FORMAT_RAW, CLUSTER, false,
						    &img, &err),
					 0);
			assert_int_equal(disk_add_older(disk, &img), 0);
		}
		assert_int_equal(compact_image(fd, UINT64_MAX, disk, "i", &freed, &err), 0);
		assert_int_equal(length(f), left - holes + (below ? hidden : 0) + 1);
		check(f, model, "without holes");
		disk_free(disk);
		close(fd);
	}
}

static void refuses_what_is_in_use(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *model = malloc(BYTES);
	uint64_t freed;
	int fd;

	make_image(f, model, 3);
	fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "Ynot", 4, 0x2c), 4);
	assert_int_equal(compact(f, UINT64_MAX, &freed), -EBUSY);
	assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 0x2c), 4);
	/* Two entries of the same place. */
	assert_int_equal(pwrite(fd, "\1\0\0\0\1\0\0\0", 8, 0x40), 8);
	close(fd);
	assert_int_equal(compact(f, UINT64_MAX, &freed), -EUCLEAN);
}

static void cut_anywhere(struct fixture *f, uint32_t seed)
{
	_cleanup_free_ uint8_t *model = malloc(BYTES);
	unsigned int at;
	int status = 1;

	for (at = 0; status; at++) {
		struct err err = ERR_INIT;
		uint64_t freed;
		char when[32];
		pid_t pid;
		int fd;

		make_image(f, model, seed);
		punch_some(f, model);
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			faults_arm(FAULT_CRASH, at);
			_exit(compact(f, UINT64_MAX, &freed) < 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) &&
			    (!status || WEXITSTATUS(status) == FAULTS_CRASHED));
		snprintf(when, sizeof(when), "cut at call %u", at);
		fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
		if (mend_image(fd, false, "i", &err) < 0)
			fail_msg("%s: %s", when, err.msg);
		close(fd);
		check(f, model, when);
		assert_int_equal(compact(f, UINT64_MAX, &freed), 0);
		check(f, model, when);
	}
	printf("# compact: %u cuts\n", at - 1);
	assert_true(at > 20);
}

static void a_cut_anywhere_leaves_the_disk(void **state)
{
	cut_anywhere(*state, 5);
	cut_anywhere(*state, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(gets_as_short_as_what_is_in_it),
		fixture_test(writes_no_more_than_it_may),
		fixture_test(drops_clusters_that_are_holes),
		fixture_test(refuses_what_is_in_use),
		fixture_test(a_cut_anywhere_leaves_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
