/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots against a model of plain memory, by random sequences, and cut at
 * every call that touches a file. If this fails, a snapshot is not what the disk
 * was, or a crash in the middle of a command loses one, or the disk.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
#include "ploop.h"

#define CLUSTER	 32768u
#define CLUSTERS 12u
#define BYTES	 (CLUSTER * CLUSTERS)
#define STATES	 12

struct state {
	char guid[PLOOP_GUID_BYTES];
	uint8_t *bytes; /* owned */
};

/* What every snapshot, and the disk, should say. */
struct model {
	struct state states[STATES];
	size_t n;
	uint8_t *disk; /* owned */
};

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static uint8_t *copy_of(const uint8_t *bytes)
{
	uint8_t *p = malloc(BYTES);

	assert_non_null(p);
	memcpy(p, bytes, BYTES);
	return p;
}

static void free_model(struct model *m)
{
	while (m->n)
		free(m->states[--m->n].bytes);
	free(m->disk);
	m->disk = NULL;
}

static void make_image(struct fixture *f, enum ploop_format format, struct model *m)
{
	struct err err = ERR_INIT;
	struct descriptor d;
	struct image img;

	if (image_create(f->dirfd, "root.hds", format, BYTES, CLUSTER, &img, &err) < 0 ||
	    image_finish(&img, false, &err) < 0)
		fail_msg("%s", err.msg);
	image_close(&img);
	assert_int_equal(descriptor_init(&d, BYTES, CLUSTER, format, "root.hds"), 0);
	assert_int_equal(descriptor_store(f->dirfd, &d, &err), 0);
	descriptor_free(&d);
	*m = (struct model){.disk = calloc(1, BYTES)};
	assert_non_null(m->disk);
}

static void write_disk(struct fixture *f, struct model *m, uint32_t *seed)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct location loc;
	int i;

	if (location_find(&loc, f->dir, NULL, &err) < 0 ||
	    location_open(&loc, OPEN_WRITE, &disk, &err) < 0)
		fail_msg("%s", err.msg);
	for (i = 0; i < 4; i++) {
		uint32_t at = rnd(seed) % BYTES, len = 1 + rnd(seed) % (2 * CLUSTER);
		/* Zeros must hide what is below them, too. */
		int byte = rnd(seed) % 3 ? (int)(1 + rnd(seed) % 255) : 0;

		len = len > BYTES - at ? BYTES - at : len;
		memset(m->disk + at, byte, len);
		assert_int_equal(disk_write(disk, at, m->disk + at, len), 0);
	}
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, false, &err), 0);
	disk_free(disk);
	location_free(&loc);
}

/* Does the snapshot, or the disk for NULL, say that? */
static bool says(struct fixture *f, const char *guid, const uint8_t *want)
{
	_cleanup_free_ uint8_t *got = malloc(BYTES);
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct location loc;

	assert_non_null(got);
	if (location_find(&loc, f->dir, guid, &err) < 0 ||
	    location_open(&loc, OPEN_CLOSED, &disk, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(disk_read(disk, 0, got, BYTES), 0);
	disk_free(disk);
	location_free(&loc);
	return memcmp(got, want, BYTES) == 0;
}

static void check_model(struct fixture *f, const struct model *m, const char *when)
{
	struct ploop_snapshot *list;
	size_t n, i, listed = 0;

	if (!says(f, NULL, m->disk))
		fail_msg("%s: the disk is not what was written", when);
	for (i = 0; i < m->n; i++)
		if (!says(f, m->states[i].guid, m->states[i].bytes))
			fail_msg("%s: snapshot %s is not what the disk was", when,
				 m->states[i].guid);
	assert_int_equal(ploop_snapshots(f->dir, &list, &n, NULL), 0);
	for (i = 0; i < n; i++)
		listed += !list[i].top;
	assert_int_equal(listed, m->n);
	ploop_snapshots_free(list, n);
}

/* The descriptor, what it names, and nothing else. */
static void check_files(struct fixture *f, const char *when)
{
	_cleanup_free_ char *names = fixture_list(f);
	struct ploop_snapshot *list;
	size_t n, i, blanks = 1;

	assert_int_equal(ploop_snapshots(f->dir, &list, &n, NULL), 0);
	for (i = 0; names[i]; i++)
		blanks += names[i] == ' ';
	if (blanks != n + 1)
		fail_msg("%s: %zu images and the files %s", when, n, names);
	for (i = 0; i < n; i++)
		assert_non_null(strstr(names, list[i].file));
	ploop_snapshots_free(list, n);
}

static void add_state(struct model *m, const char *guid)
{
	struct state *s = &m->states[m->n++];

	strcpy(s->guid, guid);
	s->bytes = copy_of(m->disk);
}

static void remove_state(struct model *m, size_t i)
{
	free(m->states[i].bytes);
	m->n--;
	memmove(&m->states[i], &m->states[i + 1], (m->n - i) * sizeof(m->states[0]));
}

static void take_snapshot(struct fixture *f, struct model *m)
{
	char guid[PLOOP_GUID_BYTES] = "";
	struct err err = ERR_INIT;

	if (ploop_snapshot(f->dir, guid, &err) < 0)
		fail_msg("%s", err.msg);
	add_state(m, guid);
}

static void go_back(struct fixture *f, struct model *m, size_t i)
{
	struct err err = ERR_INIT;

	if (ploop_snapshot_switch(f->dir, m->states[i].guid, &err) < 0)
		fail_msg("%s", err.msg);
	memcpy(m->disk, m->states[i].bytes, BYTES);
}

static void delete (struct fixture *f, struct model *m, size_t i)
{
	struct err err = ERR_INIT;

	if (ploop_snapshot_delete(f->dir, m->states[i].guid, &err) < 0)
		fail_msg("%s", err.msg);
	remove_state(m, i);
}

/* The snapshot right below the disk, if it is nobody else's, becomes one with it. */
static void merge(struct fixture *f, struct model *m)
{
	struct ploop_snapshot *list;
	char below[PLOOP_GUID_BYTES] = "";
	struct err err = ERR_INIT;
	size_t n, i;
	int r;

	assert_int_equal(ploop_snapshots(f->dir, &list, &n, NULL), 0);
	for (i = 0; i < n; i++)
		if (list[i].top)
			strcpy(below, list[i].parent);
	ploop_snapshots_free(list, n);
	r = ploop_snapshot_merge(f->dir, NULL, &err);
	if (!*below) {
		assert_int_equal(r, -ENOENT);
		return;
	}
	if (r < 0) {
		assert_int_equal(r, -EMLINK);
		return;
	}
	for (i = 0; i < m->n; i++)
		if (strcmp(m->states[i].guid, below) == 0)
			break;
	assert_true(i < m->n);
	remove_state(m, i);
}

static void step(struct fixture *f, struct model *m, uint32_t *seed)
{
	switch (rnd(seed) % 8) {
	case 0:
	case 1:
		if (m->n < STATES)
			take_snapshot(f, m);
		break;
	case 2:
		if (m->n)
			go_back(f, m, rnd(seed) % m->n);
		break;
	case 3:
		if (m->n)
			delete (f, m, rnd(seed) % m->n);
		break;
	case 4:
		merge(f, m);
		break;
	default:
		write_disk(f, m, seed);
	}
}

static void clear(struct fixture *f)
{
	_cleanup_free_ char *names = fixture_list(f);
	char *name, *save;

	for (name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save))
		unlinkat(f->dirfd, name, 0);
}

/* Their order is what other tests are for; here they only take time. */
static void no_flushes(void)
{
	faults_arm(FAULT_FILE, UINT_MAX);
}

static void random_sequences_follow_a_model(void **state)
{
	struct fixture *f = *state;
	const char *given = getenv("SNAPSHOT_SEED");
	uint32_t first = given ? (uint32_t)strtoul(given, NULL, 10) : 1, s;

	no_flushes();
	for (s = first; s < first + (given ? 1 : 24); s++) {
		uint32_t seed = s * 2654435761u, i;
		struct model m;
		char when[64];

		make_image(f, s % 2 ? PLOOP_FORMAT_RAW : PLOOP_FORMAT_EXPANDED, &m);
		for (i = 0; i < 30; i++) {
			step(f, &m, &seed);
			snprintf(when, sizeof(when), "SNAPSHOT_SEED=%u step %u", s, i);
			check_model(f, &m, when);
			check_files(f, when);
		}
		free_model(&m);
		clear(f);
	}
	faults_disarm();
}

/* --- cuts ------------------------------------------------------------------------------ */

/*
 *   base - S0 - S1 - disk      S1 is little on much: into S0's file
 *             \ S2             S0 has two on it: it goes up into both
 */
static void make_branches(struct fixture *f, struct model *m, uint32_t seed)
{
	int i;

	make_image(f, PLOOP_FORMAT_EXPANDED, m);
	for (i = 0; i < 6; i++)
		write_disk(f, m, &seed);
	take_snapshot(f, m);
	write_disk(f, m, &seed);
	take_snapshot(f, m);
	write_disk(f, m, &seed);
	take_snapshot(f, m);
	go_back(f, m, 1);
	write_disk(f, m, &seed);
}

static const char new_guid[] = "{12345678-0000-4000-8000-00000000abcd}";

static int cut_snapshot(struct fixture *f, const struct model *m)
{
	char guid[PLOOP_GUID_BYTES];

	(void)m;
	strcpy(guid, new_guid);
	return ploop_snapshot(f->dir, guid, NULL);
}

static void after_snapshot(struct model *m)
{
	add_state(m, new_guid);
}

static int cut_switch(struct fixture *f, const struct model *m)
{
	return ploop_snapshot_switch(f->dir, m->states[2].guid, NULL);
}

static void after_switch(struct model *m)
{
	memcpy(m->disk, m->states[2].bytes, BYTES);
}

static int cut_delete_leaf(struct fixture *f, const struct model *m)
{
	return ploop_snapshot_delete(f->dir, m->states[2].guid, NULL);
}

static void after_delete_leaf(struct model *m)
{
	remove_state(m, 2);
}

static int cut_delete_many(struct fixture *f, const struct model *m)
{
	return ploop_snapshot_delete(f->dir, m->states[1].guid, NULL);
}

static void after_delete_many(struct model *m)
{
	remove_state(m, 1);
}

static int cut_delete_below(struct fixture *f, const struct model *m)
{
	return ploop_snapshot_delete(f->dir, m->states[0].guid, NULL);
}

static void after_delete_below(struct model *m)
{
	remove_state(m, 0);
}

static unsigned int seen_temporary;

static const struct cut {
	const char *name;
	int (*run)(struct fixture *f, const struct model *m);
	void (*after)(struct model *m);
} cuts[] = {
	{"snapshot", cut_snapshot, after_snapshot},
	{"switch", cut_switch, after_switch},
	{"delete a leaf", cut_delete_leaf, after_delete_leaf},
	{"delete one with two on it", cut_delete_many, after_delete_many},
	{"delete one with one on it", cut_delete_below, after_delete_below},
};

static size_t snapshots_of(struct fixture *f, bool *ret_temporary)
{
	struct ploop_snapshot *list;
	size_t n, i;

	assert_int_equal(ploop_snapshots(f->dir, &list, &n, NULL), 0);
	*ret_temporary = false;
	for (i = 0; i < n; i++)
		*ret_temporary = *ret_temporary || list[i].temporary;
	ploop_snapshots_free(list, n);
	return n - 1;
}

/* All is as before, or as after; a snapshot that is being deleted is only deleted again. */
static void look_after_cut(struct fixture *f, const struct cut *c, struct model *m, unsigned int at)
{
	struct err err = ERR_INIT;
	char when[96];
	bool temporary;
	size_t n;

	snprintf(when, sizeof(when), "%s, cut at call %u", c->name, at);
	if (ploop_drop_in_use(f->dir, &err) < 0)
		fail_msg("%s: %s", when, err.msg);
	n = snapshots_of(f, &temporary);
	if (temporary) {
		struct ploop_disk *disk;

		seen_temporary++;
		assert_int_equal(ploop_open_snapshot(f->dir, m->states[0].guid, &disk, &err),
				 -EINVAL);
		if (!says(f, NULL, m->disk))
			fail_msg("%s: the disk is another", when);
		if (c->run(f, m) < 0)
			fail_msg("%s: cannot be done again", when);
		c->after(m);
	} else if (n != m->n || (c->run == cut_switch && !says(f, NULL, m->disk))) {
		c->after(m);
	}
	check_model(f, m, when);
	/* What the next command leaves is only what there should be. */
	take_snapshot(f, m);
	check_model(f, m, when);
	check_files(f, when);
}

/* 0: it came to its end before call @at. */
static bool cut_at(struct fixture *f, const struct cut *c, struct model *m, unsigned int at)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		faults_arm(FAULT_CRASH, at);
		_exit(c->run(f, m) < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) && WEXITSTATUS(status) != FAULTS_CRASHED))
		fail_msg("%s, cut at call %u: status %d", c->name, at, status);
	return WEXITSTATUS(status) == FAULTS_CRASHED;
}

static void a_cut_anywhere_leaves_before_or_after(void **state)
{
	struct fixture *f = *state;
	size_t i;

	no_flushes();
	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		unsigned int at = 0;
		bool more = true;

		for (; more; at++) {
			struct model m;

			make_branches(f, &m, 7);
			more = cut_at(f, &cuts[i], &m, at);
			look_after_cut(f, &cuts[i], &m, at);
			free_model(&m);
			clear(f);
		}
		printf("# %s: %u cuts\n", cuts[i].name, at - 1);
		assert_true(at > 20);
	}
	faults_disarm();
	/* Into the file below as well as out of it. */
	assert_true(seen_temporary > 0);
}

/* --- refusals ---------------------------------------------------------------------------- */

static void refuses_by_name(void **state)
{
	static const char nobody[] = "{99999999-0000-4000-8000-000000000009}";
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char guid[PLOOP_GUID_BYTES];
	struct model m;
	int fd;

	make_branches(f, &m, 3);
	assert_int_equal(ploop_snapshot_switch(f->dir, nobody, &err), -ENOENT);
	assert_non_null(strstr(err.msg, nobody));
	assert_int_equal(ploop_snapshot_delete(f->dir, nobody, &err), -ENOENT);
	assert_int_equal(ploop_snapshot_merge(f->dir, nobody, &err), -ENOENT);
	assert_int_equal(ploop_snapshot_delete(f->dir, DESCRIPTOR_TOP_GUID, &err), -ENOENT);
	assert_int_equal(ploop_snapshot_switch(f->dir, DESCRIPTOR_TOP_GUID, &err), -ENOENT);
	assert_int_equal(ploop_snapshot_merge(f->dir, NULL, &err), -EMLINK);
	strcpy(guid, m.states[0].guid);
	assert_int_equal(ploop_snapshot(f->dir, guid, &err), -EEXIST);
	strcpy(guid, DESCRIPTOR_ROOT_GUID);
	assert_int_equal(ploop_snapshot(f->dir, guid, &err), -EINVAL);
	assert_int_equal(ploop_snapshot(fixture_path(f, "root.hds"), guid, &err), -EINVAL);

	fd = openat(f->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(ploop_snapshot_delete(f->dir, m.states[2].guid, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "another program"));
	close(fd);
	/* As a mount has it that stands on it. */
	fd = openat(f->dirfd, "root.hds", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(ploop_snapshot_delete(f->dir, m.states[0].guid, &err), -EBUSY);
	close(fd);
	check_model(f, &m, "after refusals");
	check_files(f, "after refusals");
	free_model(&m);
}

/* A file that has another name is another disk's base as well: it stays as it is. */
static void leaves_shared_files_alone(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;
	uint32_t seed = 5;
	struct model m;

	make_image(f, PLOOP_FORMAT_EXPANDED, &m);
	write_disk(f, &m, &seed);
	take_snapshot(f, &m);
	write_disk(f, &m, &seed);
	assert_int_equal(mkdirat(f->dirfd, "golden", 0755), 0);
	assert_int_equal(linkat(f->dirfd, "root.hds", f->dirfd, "golden/root.hds", 0), 0);
	assert_int_equal(fstatat(f->dirfd, "golden/root.hds", &before, 0), 0);
	delete (f, &m, 0);
	check_model(f, &m, "shared");
	assert_int_equal(fstatat(f->dirfd, "golden/root.hds", &after, 0), 0);
	assert_int_equal(after.st_nlink, 1);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(after.st_mtim));
	assert_int_equal(before.st_size, after.st_size);
	free_model(&m);
}

/* The list of what may go is not to be trusted with more than files of its directory. */
static void removes_no_more_than_its_own(void **state)
{
	static const char list[] = "left\n../outside\n" DESCRIPTOR_NAME "\nroot.hds\n\n.\n";
	struct fixture *f = *state;
	struct model m;
	char dir[128];
	int fd;

	assert_int_equal(mkdirat(f->dirfd, "d", 0755), 0);
	fixture_write(f, "outside", "x", 1);
	snprintf(dir, sizeof(dir), "%s/d", f->dir);
	{
		struct fixture in = {.dirfd = openat(f->dirfd, "d", O_RDONLY | O_DIRECTORY)};

		strcpy(in.dir, dir);
		make_image(&in, PLOOP_FORMAT_EXPANDED, &m);
		fixture_write(&in, "left", "x", 1);
		fixture_write(&in, DESCRIPTOR_NAME ".expect", list, strlen(list));
		take_snapshot(&in, &m);
		check_files(&in, "hostile list");
		check_model(&in, &m, "hostile list");
		close(in.dirfd);
	}
	fd = openat(f->dirfd, "outside", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	free_model(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(random_sequences_follow_a_model),
		fixture_test(a_cut_anywhere_leaves_before_or_after),
		fixture_test(refuses_by_name),
		fixture_test(leaves_shared_files_alone),
		fixture_test(removes_no_more_than_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
