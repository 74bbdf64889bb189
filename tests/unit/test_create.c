/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * New images, cut at every call that touches a file. If this fails, a power cut
 * leaves half a disk that looks like one, or a preallocated image takes no room.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "faults.h"
#include "open.h"
#include "path.h"
#include "ploop.h"

#define CLUSTER 32768u
#define BYTES	(16u << 20)

static const enum ploop_format formats[] = {PLOOP_FORMAT_RAW, PLOOP_FORMAT_EXPANDED,
					    PLOOP_FORMAT_PREALLOCATED};

#define NFORMATS (sizeof(formats) / sizeof(formats[0]))

static int create(struct fixture *f, enum ploop_format format, bool in_place, struct err *err)
{
	const struct ploop_create_opts opts = {.size_bytes = BYTES,
					       .format = format,
					       .cluster_bytes = CLUSTER,
					       .uuid = (const uint8_t *)"0123456789abcdef",
					       .now = 1600000000,
					       .sync = true,
					       .in_place = in_place};

	return ploop_create(fixture_path(f, "disk"), &opts, err);
}

static void no_finding(void *arg, const char *sentence)
{
	fail_msg("%s: %s", (const char *)arg, sentence);
}

/* 1: the disk is there, and sound; 0: there is none. */
static int look(struct fixture *f, char *when)
{
	struct err err = ERR_INIT;
	unsigned int findings;

	if (faccessat(f->dirfd, "disk/" DESCRIPTOR_NAME, F_OK, 0) < 0)
		return 0;
	if (ploop_check(fixture_path(f, "disk"), no_finding, when, &findings, &err) < 0)
		fail_msg("%s: %s", when, err.msg);
	return 1;
}

static void clear(struct fixture *f, bool in_place)
{
	_cleanup_free_ char *names = fixture_list(f);
	char *at = names, *name;

	while ((name = strsep(&at, " ")))
		if (*name)
			path_remove_tree(f->dirfd, name, NULL);
	if (in_place)
		assert_int_equal(mkdirat(f->dirfd, "disk", 0700), 0);
}

static void a_cut_anywhere_leaves_none_or_all(void **state)
{
	struct fixture *f = *state;
	unsigned int i, at, cuts = 0;

	for (i = 0; i < 2 * NFORMATS; i++) {
		int status = 1;

		for (at = 0; status; at++, cuts++) {
			char when[64];
			pid_t pid;

			snprintf(when, sizeof(when), "format %u cut at call %u", i / 2, at);
			clear(f, i % 2);
			fflush(NULL);
			pid = fork();
			if (pid == 0) {
				faults_arm(FAULT_CRASH, at);
				_exit(create(f, formats[i / 2], i % 2, NULL) < 0);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status) &&
				    (!status || WEXITSTATUS(status) == FAULTS_CRASHED));
			if (!look(f, when) && !status)
				fail_msg("%s: there is none", when);
		}
	}
	printf("# init: %u cuts\n", cuts - i);
	assert_true(cuts > 100);
}

static void preallocated_has_room_and_keeps_it(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	uint64_t freed = 77;
	struct stat st;
	uint32_t i;

	if (create(f, PLOOP_FORMAT_PREALLOCATED, false, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(ploop_compact(fixture_path(f, "disk"), &freed, &err), 0);
	assert_true(freed == 0);
	assert_int_equal(fstatat(f->dirfd, "disk/root.hds", &st, 0), 0);
	assert_true(st.st_size == BYTES + CLUSTER && st.st_blocks * 512 >= st.st_size);
	assert_int_equal(ploop_open(fixture_path(f, "disk"), &disk, &err), 0);
	assert_int_equal(ploop_disk_format(disk), PLOOP_FORMAT_PREALLOCATED);
	for (i = 0; i < BYTES / CLUSTER; i++)
		assert_int_equal(bat_lookup(&disk->img.bat, i), i + 1);
	ploop_close(disk);
}

/* The descriptor is written again by every change of the disk's files. */
static void stays_so_below_a_snapshot(void **state)
{
	struct fixture *f = *state;
	char guid[PLOOP_GUID_BYTES] = "";
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	uint64_t freed;
	int i;

	assert_int_equal(create(f, PLOOP_FORMAT_PREALLOCATED, false, &err), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(ploop_open(fixture_path(f, "disk"), &disk, &err), 0);
		assert_int_equal(ploop_disk_format(disk), PLOOP_FORMAT_PREALLOCATED);
		assert_int_equal(disk_keeps_space(disk), !i);
		ploop_close(disk);
		if (!i)
			assert_int_equal(ploop_snapshot(fixture_path(f, "disk"), guid, &err), 0);
	}
	/* One of two names is another disk's: it is left, and what was preallocated with it. */
	assert_int_equal(linkat(f->dirfd, "disk/root.hds", f->dirfd, "other", 0), 0);
	assert_int_equal(ploop_snapshot_delete(fixture_path(f, "disk"), guid, &err), 0);
	assert_int_equal(ploop_open(fixture_path(f, "disk"), &disk, &err), 0);
	assert_int_equal(ploop_disk_format(disk), PLOOP_FORMAT_EXPANDED);
	ploop_close(disk);
	assert_int_equal(ploop_compact(fixture_path(f, "disk"), &freed, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_cut_anywhere_leaves_none_or_all),
		fixture_test(preallocated_has_room_and_keeps_it),
		fixture_test(stays_so_below_a_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
