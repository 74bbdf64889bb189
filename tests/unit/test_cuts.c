/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The power goes at each step of what changes an image, and takes with it what
 * was not flushed, or some of it (tests/lib/power.h). After each cut `check -d`
 * mends what there is, `check` finds nothing, the disk and its snapshots say what
 * they said before the change or say after it, e2fsck finds nothing in any of
 * them, a point that is there has noted all that was written since, and the next
 * change leaves no file behind. If this fails, a node that
 * loses power loses a container. CRASH_SEED says which of the writes are lost.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "faults.h"
#include "format.h"
#include "io.h"
#include "open.h"
#include "path.h"
#include "ploop.h"
#include "points.h"
#include "power.h"
#include "run.h"
#include "shrink.h"
#include "snapshot.h"
#include "stream.h"

#define CLUSTER	 32768u
#define BYTES	 (16u << 20)
#define SMALL	 (12u << 20)
#define PART	 (1u << 20)
#define BLOCK	 4096u
#define VIEWS	 5
#define TRIES	 10 /* at each place */
#define PROMISED 2000

/* Not quite as many clusters as a table of one cluster has entries, and more. */
#define GROWS	((uint64_t)CLUSTER * 8128)
#define GROWN	((uint64_t)CLUSTER * 9024)
#define ENTRIES ((CLUSTER - 64) / 4)

static unsigned int all_cuts, all_places;
static uint64_t crash_seed;

/* --- what a directory says ------------------------------------------------------------------ */

/* The disk, or a snapshot: NULL for clusters of zeros. */
struct contents {
	char guid[PLOOP_GUID_BYTES]; /* empty: the disk */
	uint64_t bytes;
	uint32_t clusters;
	uint8_t **data; /* owned */
};

struct view {
	struct contents of[VIEWS]; /* the disk is the first */
	unsigned int n;
	bool none, temporary;
};

static void free_view(struct view *v)
{
	while (v->n) {
		struct contents *c = &v->of[--v->n];

		while (c->clusters)
			free(c->data[--c->clusters]);
		free(c->data);
	}
}

static struct ploop_disk *open_at(const char *dir, const char *guid, enum open_how how)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct location loc;

	if (location_find(&loc, dir, guid, &err) < 0 || location_open(&loc, how, &disk, &err) < 0)
		fail_msg("%s", err.msg);
	location_free(&loc);
	return disk;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static void read_contents(const char *dir, const char *guid, struct contents *ret)
{
	struct ploop_disk *disk = open_at(dir, guid, OPEN_CLOSED);
	_cleanup_free_ uint8_t *buf = malloc(CLUSTER);
	uint32_t i;

	*ret = (struct contents){.bytes = disk->img.size_bytes,
				 .clusters = image_clusters(&disk->img)};
	if (guid)
		strcpy(ret->guid, guid);
	ret->data = calloc(ret->clusters, sizeof(*ret->data));
	for (i = 0; i < ret->clusters; i++) {
		if (!disk_has(disk, i))
			continue;
		assert_int_equal(disk_read(disk, (uint64_t)i * CLUSTER, buf, CLUSTER), 0);
		if (is_zero(buf, CLUSTER))
			continue;
		ret->data[i] = steal_ptr(buf);
		buf = malloc(CLUSTER);
	}
	disk_free(disk);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* @dir may be an image file alone, too. */
static void look_at(const char *dir, struct view *ret)
{
	struct ploop_snapshot *list;
	size_t n, i;

	*ret = (struct view){.none = access(dir, F_OK) < 0};
	if (ret->none)
		return;
	read_contents(dir, NULL, &ret->of[ret->n++]);
	if (!is_directory(dir))
		return;
	assert_int_equal(ploop_snapshots(dir, &list, &n, NULL), 0);
	for (i = 0; i < n; i++) {
		ret->temporary = ret->temporary || list[i].temporary;
		assert_true(ret->n < VIEWS);
		if (!list[i].top && !list[i].temporary)
			read_contents(dir, list[i].guid, &ret->of[ret->n++]);
	}
	ploop_snapshots_free(list, n);
}

static bool same_bytes(const struct contents *a, const struct contents *b)
{
	uint32_t i;

	if (a->bytes != b->bytes)
		return false;
	for (i = 0; i < a->clusters; i++)
		if (!a->data[i] != !b->data[i] ||
		    (a->data[i] && memcmp(a->data[i], b->data[i], CLUSTER) != 0))
			return false;
	return true;
}

static const struct contents *find(const struct view *v, const char *guid)
{
	unsigned int i;

	for (i = 0; i < v->n; i++)
		if (strcmp(v->of[i].guid, guid) == 0)
			return &v->of[i];
	return NULL;
}

static bool same_view(const struct view *a, const struct view *b)
{
	unsigned int i;

	if (a->none != b->none || a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++) {
		const struct contents *c = find(b, a->of[i].guid);

		if (!c || !same_bytes(&a->of[i], c))
			return false;
	}
	return true;
}

/* Of data that was written over, each sector is of the one or the other. */
static bool is_mixed(const struct view *v, const struct view *a, const struct view *b)
{
	static const uint8_t zeros[CLUSTER];
	uint32_t i, k;

	for (i = 0; i < v->of[0].clusters; i++) {
		const uint8_t *x = v->of[0].data[i] ?: zeros;
		const uint8_t *y = a->of[0].data[i] ?: zeros, *z = b->of[0].data[i] ?: zeros;

		for (k = 0; k < CLUSTER; k += PLOOP_SECTOR)
			if (memcmp(x + k, y + k, PLOOP_SECTOR) != 0 &&
			    memcmp(x + k, z + k, PLOOP_SECTOR) != 0)
				return false;
	}
	return v->n == 1 && v->of[0].bytes == a->of[0].bytes;
}

/* --- its points ------------------------------------------------------------------------------ */

static const char points[2][PLOOP_GUID_BYTES] = {
	"{00000001-0000-4000-8000-00000000bcde}",
	"{00000002-0000-4000-8000-00000000bcde}",
};

/* What the disk was at each of them. */
static struct contents at_point[2];

static bool same_cluster(const struct contents *a, const struct contents *b, uint32_t i)
{
	return a->data[i] && b->data[i] ? memcmp(a->data[i], b->data[i], CLUSTER) == 0
					: !a->data[i] && !b->data[i];
}

static void check_point(const struct point *p, const struct contents *c, const char *when)
{
	const struct contents *was = NULL;
	char guid[PLOOP_GUID_BYTES];
	uint32_t i;

	point_guid(p->id, guid);
	for (i = 0; i < 2; i++)
		if (strcmp(guid, points[i]) == 0)
			was = &at_point[i];
	if (!was || was->bytes != c->bytes)
		fail_msg("%s: there is a point %s", when, guid);
	for (i = 0; i < c->clusters; i++)
		if (!same_cluster(was, c, i) && !point_has(p, (uint64_t)i * CLUSTER, CLUSTER))
			fail_msg("%s: cluster %u was written since the point %s, which says no",
				 when, i, guid);
}

/* How many the disk has, which says @c. */
static unsigned int check_points(const char *dir, const struct contents *c, const char *when)
{
	struct ploop_disk *disk = open_at(dir, NULL, OPEN_CLOSED);
	struct err err = ERR_INIT;
	unsigned int i, n;

	if (disk->img.format == PLOOP_FORMAT_EXPANDED && image_load_extension(&disk->img, &err) < 0)
		fail_msg("%s: %s", when, err.msg);
	n = disk->img.ext.n;
	for (i = 0; i < n; i++)
		check_point(&disk->img.ext.points[i], c, when);
	disk_free(disk);
	return n;
}

static void make_point(const char *dir, unsigned int which)
{
	char guid[PLOOP_GUID_BYTES];
	struct err err = ERR_INIT;

	strcpy(guid, points[which]);
	if (ploop_point(dir, guid, &err) < 0)
		fail_msg("%s", err.msg);
	read_contents(dir, NULL, &at_point[which]);
}

/* --- its file system ------------------------------------------------------------------------- */

static int partition_file(const char *path, const struct contents *c)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint32_t i;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(c->bytes - 2 * PART)), 0);
	for (i = PART / CLUSTER; i < (c->bytes - PART) / CLUSTER; i++)
		if (c->data[i])
			assert_int_equal(io_pwrite_full(fd, c->data[i], CLUSTER,
							(uint64_t)i * CLUSTER - PART),
					 0);
	return fd;
}

static int run_on(const char *const *argv)
{
	_cleanup_free_ char *out = NULL;
	const struct run_opts opts = {.ret_out = &out, .no_stderr = true, .out_max_bytes = 1 << 20};
	struct err err = ERR_INIT;
	int r = run_program(argv, &opts, &err);

	if (r < 0)
		fail_msg("%s", err.msg);
	if (r > 1)
		print_message("%s\n", out);
	return r;
}

static uint64_t sum_of(const struct contents *c)
{
	uint64_t sum = c->bytes, word;
	uint32_t i, k;

	for (i = 0; i < c->clusters; i++)
		for (k = 0; c->data[i] && k < CLUSTER; k += 8) {
			memcpy(&word, c->data[i] + k, 8);
			sum = (sum ^ word ^ i) * 0x9e3779b97f4a7c15ULL;
			sum ^= sum >> 29;
		}
	return sum;
}

/* The same bytes are looked at once. */
static void fsck(struct fixture *f, const struct contents *c, const char *when)
{
	static uint64_t sound[4096];
	static unsigned int n;
	const char *path = fixture_path(f, "partition");
	const char *const argv[] = {"e2fsck", "-fn", path, NULL};
	uint64_t sum = sum_of(c);
	unsigned int i;

	for (i = 0; i < n; i++)
		if (sound[i] == sum)
			return;
	close(partition_file(path, c));
	if (run_on(argv) != 0)
		fail_msg("%s: e2fsck finds something", when);
	assert_true(n < 4096);
	sound[n++] = sum;
}

/* What a program makes of the partition comes into @disk, which is written to; smaller: to @bytes. */
static void change_partition(struct fixture *f, struct ploop_disk *disk, const struct contents *was,
			     const char *const *argv)
{
	const char *path = fixture_path(f, "partition");
	const char *const repair[] = {"e2fsck", "-fy", path, NULL};
	int fd = partition_file(path, was);
	uint8_t new[BLOCK], old[BLOCK];
	struct stat st;
	off_t at;

	assert_int_equal(run_on(argv), 0);
	/* debugfs counts nothing for the quota. */
	assert_true(run_on(repair) <= 1);
	assert_int_equal(fstat(fd, &st), 0);
	for (at = 0; at < st.st_size; at += BLOCK) {
		assert_int_equal(io_pread_full(fd, new, BLOCK, (uint64_t)at), 0);
		assert_int_equal(disk_read(disk, PART + (uint64_t)at, old, BLOCK), 0);
		if (memcmp(new, old, BLOCK) != 0)
			assert_int_equal(disk_write(disk, PART + (uint64_t)at, new, BLOCK), 0);
	}
	close(fd);
}

/* A file @name of @kib more is on the disk. */
static void add_file(struct fixture *f, const char *dir, const char *name, unsigned int kib)
{
	_cleanup_free_ uint8_t *bytes = malloc(kib * 1024);
	char command[256];
	const char *const argv[] = {"debugfs", "-w", "-R", command, fixture_path(f, "partition"),
				    NULL};
	struct ploop_disk *disk = open_at(dir, NULL, OPEN_WRITE);
	struct contents was;
	unsigned int i;

	for (i = 0; i < kib * 1024; i++)
		bytes[i] = (uint8_t)(name[0] + i / 512 * 7 + i);
	fixture_write(f, "file", bytes, kib * 1024);
	snprintf(command, sizeof(command), "write %s %s", fixture_path(f, "file"), name);
	assert_int_equal(image_finish(&disk->img, false, NULL), 0);
	disk_free(disk);
	read_contents(dir, NULL, &was);
	disk = open_at(dir, NULL, OPEN_WRITE);
	change_partition(f, disk, &was, argv);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, false, NULL), 0);
	disk_free(disk);
	free_view(&(struct view){.of = {was}, .n = 1});
}

/* --- the changes ---------------------------------------------------------------------------- */

static const char ids[3][PLOOP_GUID_BYTES] = {
	"{00000001-0000-4000-8000-00000000abcd}",
	"{00000002-0000-4000-8000-00000000abcd}",
	"{00000003-0000-4000-8000-00000000abcd}",
};

struct change {
	const char *name;
	void (*prepare)(struct fixture *f, const char *dir); /* NULL: nothing is there */
	int (*run)(struct fixture *f, const char *dir, struct err *err);
	/* Goes on where a cut left one of two images that become one; NULL: run. */
	int (*again)(struct fixture *f, const char *dir, struct err *err);
	enum ploop_format format;
	uint64_t bytes;
	const char *also;    /* what else may be there beside the directory, and is after it */
	unsigned int points; /* that the disk has after it */
	unsigned int others; /* files in it that are no images of it */
	bool mixed;	     /* data is written over: before or after is a matter of each sector */
	bool below;	     /* on a snapshot */
	bool marked;	     /* in use, before it: what it says then nobody can read */
};

static const struct change *now;

static int create(const char *dir, bool sync, struct err *err)
{
	const struct ploop_create_opts opts = {.size_bytes = now->bytes ? now->bytes : BYTES,
					       .format = now->format,
					       .cluster_bytes = CLUSTER,
					       .uuid = (const uint8_t *)"0123456789abcdef",
					       .now = 1600000000,
					       .sync = sync};

	return ploop_create(dir, &opts, err);
}

static void snapshot(const char *dir, const char *guid)
{
	char id[PLOOP_GUID_BYTES];
	struct err err = ERR_INIT;

	strcpy(id, guid);
	if (ploop_snapshot(dir, id, &err) < 0)
		fail_msg("%s", err.msg);
}

static void one_disk(struct fixture *f, const char *dir)
{
	struct err err = ERR_INIT;

	if (create(dir, false, &err) < 0)
		fail_msg("%s", err.msg);
	add_file(f, dir, "a", 200);
	if (now->below) {
		snapshot(dir, ids[0]);
		add_file(f, dir, "b", 100);
	}
}

/* base - 0 - 1 - disk, and 2 on 1: little on much. */
static void branches(struct fixture *f, const char *dir)
{
	struct err err = ERR_INIT;

	one_disk(f, dir);
	snapshot(dir, ids[0]);
	add_file(f, dir, "b", 40);
	snapshot(dir, ids[1]);
	add_file(f, dir, "c", 30);
	snapshot(dir, ids[2]);
	if (ploop_snapshot_switch(dir, ids[1], &err) < 0)
		fail_msg("%s", err.msg);
	add_file(f, dir, "d", 50);
}

static void much_on_little(struct fixture *f, const char *dir)
{
	struct err err = ERR_INIT;

	if (create(dir, false, &err) < 0)
		fail_msg("%s", err.msg);
	snapshot(dir, ids[0]);
	add_file(f, dir, "a", 30);
	snapshot(dir, ids[1]);
	add_file(f, dir, "b", 700);
}

static void punch(const struct image *img, uint32_t cluster)
{
	assert_int_equal(fallocate(img->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   (off_t)bat_lookup(&img->bat, cluster) * CLUSTER, CLUSTER),
			 0);
}

/* Clusters in the middle of the file that a discard gave up, or made holes of. */
static void with_room(struct fixture *f, const char *dir)
{
	uint8_t junk[BLOCK];
	struct ploop_disk *disk;
	uint32_t i, from = (BYTES - 3 * PART) / CLUSTER;

	one_disk(f, dir);
	memset(junk, 0x5a, sizeof(junk));
	disk = open_at(dir, NULL, OPEN_WRITE);
	for (i = 0; i < 30; i++) {
		assert_int_equal(disk_write(disk, (uint64_t)(from + i) * CLUSTER, junk, BLOCK), 0);
		assert_int_equal(disk_flush(disk), 0);
	}
	assert_int_equal(image_finish(&disk->img, false, NULL), 0);
	disk_free(disk);
	add_file(f, dir, "z", 300);
	disk = open_at(dir, NULL, OPEN_WRITE);
	for (i = 0; i < 30; i++) {
		if (i % 8)
			bat_set(&disk->img.bat, from + i, 0);
		else
			punch(&disk->img, from + i);
	}
	assert_int_equal(image_finish(&disk->img, false, NULL), 0);
	disk_free(disk);
}

/* As a writer leaves it that was killed: with clusters that no entry names, and a part of one. */
static void unclosed(struct fixture *f, const char *dir)
{
	_cleanup_free_ char *path = path_join(dir, "root.hds");
	uint8_t junk[BLOCK];
	struct ploop_disk *disk;
	struct stat st;
	uint32_t i;

	one_disk(f, dir);
	memset(junk, 0x5a, sizeof(junk));
	disk = open_at(dir, NULL, OPEN_WRITE);
	for (i = 0; i < 8; i++)
		assert_int_equal(
			disk_write(disk, BYTES - 3 * PART + (uint64_t)i * CLUSTER, junk, BLOCK), 0);
	assert_int_equal(disk_flush(disk), 0);
	disk_free(disk);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size + 3 * CLUSTER + BLOCK), 0);
}

/* A point, and something written since. */
static void noted(struct fixture *f, const char *dir)
{
	one_disk(f, dir);
	make_point(dir, 0);
	add_file(f, dir, "p", 90);
}

static void noted_with_room(struct fixture *f, const char *dir)
{
	with_room(f, dir);
	make_point(dir, 0);
	add_file(f, dir, "p", 90);
}

/* What is merged into the image with the point was written since. */
static void noted_below(struct fixture *f, const char *dir)
{
	noted(f, dir);
	snapshot(dir, ids[0]);
	add_file(f, dir, "b", 40);
}

/* A copy of all of it at the point, and something written since. */
static void copied(struct fixture *f, const char *dir)
{
	_cleanup_free_ char *copy = path_join(dir, "../c");
	const char *const argv[] = {"cp", "-a", dir, copy, NULL};

	one_disk(f, dir);
	make_point(dir, 0);
	assert_int_equal(run_on(argv), 0);
	add_file(f, dir, "p", 90);
}

static int run_point(struct fixture *f, const char *dir, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];

	(void)f;
	strcpy(guid, points[1]);
	return ploop_point(dir, guid, err);
}

static int run_point_delete(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_point_delete(dir, points[0], err);
}

static int run_clone(struct fixture *f, const char *dir, struct err *err)
{
	_cleanup_free_ char *clone = path_join(dir, "../c");

	(void)f;
	return ploop_clone(dir, ids[0], clone, err);
}

/* By a file that nobody has flushed yet. */
static int replace(const char *dir, bool keep_name, struct err *err)
{
	_cleanup_free_ char *from = path_join(dir, "root.hds"), *to = path_join(dir, "other");
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	_cleanup_free_ char *bytes = NULL;
	size_t len;

	assert_true(out >= 0);
	assert_int_equal(io_read_file(AT_FDCWD, from, 1 << 30, &bytes, &len, err), 0);
	assert_int_equal(io_pwrite_full(out, bytes, len, 0), 0);
	return ploop_replace(dir, ids[0], "other", keep_name, err);
}

static int run_replace(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return replace(dir, false, err);
}

static int run_replace_in_place(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return replace(dir, true, err);
}

static void put_all(struct stream *s, struct ploop_disk *disk, struct err *err)
{
	_cleanup_free_ uint8_t *buf = malloc(CLUSTER);
	uint32_t i;

	for (i = 0; i < image_clusters(&disk->img); i++) {
		struct stream_frame frame = {STREAM_DATA, i, CLUSTER};

		if (!disk_has(disk, i))
			continue;
		assert_int_equal(disk_read(disk, (uint64_t)i * CLUSTER, buf, CLUSTER), 0);
		assert_int_equal(stream_put(s, &frame, buf, err), 0);
		if (i % 50 == 0)
			assert_int_equal(stream_put(s, &(struct stream_frame){STREAM_FLUSH, 0, 0},
						    NULL, err),
					 0);
	}
	assert_int_equal(stream_put(s, &(struct stream_frame){STREAM_END, 0, 0}, NULL, err), 0);
}

/* As of a mounted disk, whose copies are made by the kernel's word. */
static int run_copy(struct fixture *f, const char *dir, struct err *err)
{
	_cleanup_free_ char *image = path_join(dir, "../image");
	struct ploop_disk *disk = open_at(dir, NULL, OPEN_CLOSED);
	int fd = memfd_create("stream", MFD_CLOEXEC), r;
	struct stream s;

	(void)f;
	assert_int_equal(stream_begin(&s, fd, disk->img.size_bytes, CLUSTER, err), 0);
	put_all(&s, disk, err);
	disk_free(disk);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	r = ploop_copy_receive(image, fd, -1, err);
	close(fd);
	return r;
}

static int copy_since(const char *dir, const char *point, struct err *err)
{
	const struct ploop_copy_opts opts = {.since = points[0], .point = point};
	_cleanup_free_ char *copy = path_join(dir, "../c");

	return ploop_copy(dir, copy, &opts, NULL, err);
}

static int run_copy_since(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return copy_since(dir, points[1], err);
}

static int run_mend(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_drop_in_use(dir, err);
}

static int run_init(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return create(dir, true, err);
}

static int run_write(struct fixture *f, const char *dir, struct err *err)
{
	struct ploop_disk *disk = open_at(dir, NULL, OPEN_WRITE);
	uint8_t buf[3 * PLOOP_SECTOR];
	unsigned int i;
	int r = 0;

	(void)f;
	disk->sync = true;
	for (i = 0; r == 0 && i < 48; i++) {
		/* Files and what is free, below each other. */
		memset(buf, (int)(0x80 + i), sizeof(buf));
		r = disk_write(disk, 2 * PART + (uint64_t)(i * 5 % 48) * (CLUSTER * 6) + i * BLOCK,
			       buf, sizeof(buf));
		if (r == 0 && i % 16 == 15)
			r = disk_flush(disk);
	}
	if (r == 0)
		r = image_finish(&disk->img, true, err);
	disk_free(disk);
	return r;
}

static int run_snapshot(struct fixture *f, const char *dir, struct err *err)
{
	char id[PLOOP_GUID_BYTES];

	(void)f;
	strcpy(id, ids[2]);
	return ploop_snapshot(dir, id, err);
}

static int run_switch(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_snapshot_switch(dir, ids[2], err);
}

static int run_delete_0(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_snapshot_delete(dir, ids[0], err);
}

static int run_delete_1(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_snapshot_delete(dir, ids[1], err);
}

static int run_delete_2(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_snapshot_delete(dir, ids[2], err);
}

static int run_merge(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_snapshot_merge(dir, NULL, err);
}

static int run_compact(struct fixture *f, const char *dir, struct err *err)
{
	uint64_t freed = 0;
	int r = ploop_compact(dir, &freed, err);

	(void)f;
	assert_true(r < 0 || freed > 0);
	return r;
}

static int run_convert_raw(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_convert(dir, PLOOP_FORMAT_RAW, err);
}

static int run_convert_preallocated(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_convert(dir, PLOOP_FORMAT_PREALLOCATED, err);
}

static int run_convert_version(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	return ploop_convert_version(dir, 1, err);
}

/* --- growing: what the kernel's target does is done here, by the rules -------------------- */

static void put(int fd, const void *buf, size_t len, uint64_t at)
{
	assert_int_equal(io_pwrite_full(fd, buf, len, at), 0);
}

static void put_word(int fd, uint64_t at, uint64_t value, size_t len)
{
	uint64_t le = htole64(value);

	put(fd, &le, len, at);
}

/* The clusters where the longer table will be, copied to the end; their entries after that. */
static void make_way(int fd, uint32_t first, uint32_t want)
{
	_cleanup_free_ uint32_t *table = malloc(ENTRIES * 4);
	_cleanup_free_ uint8_t *buf = malloc(CLUSTER);
	struct stat st;
	uint32_t i, moved = 0, at[4], entry[4], end;

	assert_int_equal(fstat(fd, &st), 0);
	end = (uint32_t)(st.st_size / CLUSTER);
	assert_int_equal(io_pread_full(fd, table, ENTRIES * 4, 64), 0);
	for (i = 0; i < GROWS / CLUSTER; i++) {
		uint32_t e = le32toh(table[i]);

		if (e < first || e >= want)
			continue;
		assert_true(moved < 4);
		assert_int_equal(io_pread_full(fd, buf, CLUSTER, (uint64_t)e * CLUSTER), 0);
		put(fd, buf, CLUSTER, (uint64_t)(end + moved) * CLUSTER);
		entry[moved] = i;
		at[moved] = end + moved;
		moved++;
	}
	assert_true(moved > 0);
	assert_int_equal(fdatasync(fd), 0);
	for (i = 0; i < moved; i++)
		put_word(fd, 64 + 4ull * entry[i], at[i], 4);
	assert_int_equal(fdatasync(fd), 0);
}

static void grow_expanded(int fd)
{
	uint32_t old = (uint32_t)(GROWS / CLUSTER), want = 2;
	_cleanup_free_ uint8_t *zeros = calloc(1, want * CLUSTER);
	uint8_t header[64];

	put_word(fd, 0x2c, PLOOP_INUSE, 4);
	assert_int_equal(fdatasync(fd), 0);
	make_way(fd, 1, want);
	put(fd, zeros, want * CLUSTER - 64 - 4 * old, 64 + 4ull * old);
	assert_int_equal(fdatasync(fd), 0);
	assert_int_equal(io_pread_full(fd, header, sizeof(header), 0), 0);
	memcpy(header + 0x20, &(uint32_t){htole32(GROWN / CLUSTER)}, 4);
	memcpy(header + 0x24, &(uint64_t){htole64(GROWN / PLOOP_SECTOR)}, 8);
	memcpy(header + 0x30, &(uint32_t){htole32(want * CLUSTER / PLOOP_SECTOR)}, 4);
	put(fd, header, sizeof(header), 0);
	assert_int_equal(fdatasync(fd), 0);
	put_word(fd, 0x2c, PLOOP_CLOSED, 4);
	assert_int_equal(fdatasync(fd), 0);
}

static int run_grow(struct fixture *f, const char *dir, struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, "root.hds");
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)f;
	assert_true(fd >= 0);
	if (now->format == PLOOP_FORMAT_RAW)
		assert_true(ftruncate(fd, BYTES + 8 * PART) == 0 && fsync(fd) == 0);
	else
		grow_expanded(fd);
	return ploop_drop_in_use(dir, err);
}

/* --- shrinking: resize2fs on a file --------------------------------------------------------- */

static struct fixture *shrinks;

static int shrink_fs_in_file(struct attach *a, uint64_t size_bytes, struct err *err)
{
	const char *const argv[] = {"resize2fs", "-f", fixture_path(shrinks, "partition"), "10M",
				    NULL};
	struct contents was;
	int r;

	assert_int_equal(size_bytes, SMALL);
	read_contents(a->disk->path, NULL, &was);
	r = image_take(&a->disk->img, a->image, err);
	if (r < 0)
		return r;
	change_partition(shrinks, a->disk, &was, argv);
	free_view(&(struct view){.of = {was}, .n = 1});
	r = disk_flush(a->disk);
	return r < 0 ? r : image_finish(&a->disk->img, true, err);
}

static int run_shrink(struct fixture *f, const char *dir, struct err *err)
{
	struct edit e;
	uint64_t freed;
	int r = edit_begin(dir, &e, err);

	if (r < 0)
		return r;
	shrinks = f;
	r = shrink_disk(&e, SMALL, shrink_fs_in_file, err);
	edit_end(&e);
	/* As ploop_resize(). */
	if (r == 0)
		(void)ploop_compact(dir, &freed, NULL);
	return r;
}

/* What an unmount does, and the next resize. */
static int settle_shrink(struct fixture *f, const char *dir, struct err *err)
{
	(void)f;
	(void)err;
	snapshot_settle(dir, UINT64_MAX);
	return 0;
}

static const struct change changes[] = {
	{.name = "init", .run = run_init, .format = PLOOP_FORMAT_EXPANDED},
	{.name = "init raw", .run = run_init, .format = PLOOP_FORMAT_RAW},
	{.name = "init preallocated", .run = run_init, .format = PLOOP_FORMAT_PREALLOCATED},
	{.name = "write",
	 .prepare = one_disk,
	 .run = run_write,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .mixed = true},
	{.name = "mend",
	 .prepare = unclosed,
	 .run = run_mend,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .marked = true},
	{.name = "grow",
	 .prepare = one_disk,
	 .run = run_grow,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .bytes = GROWS},
	{.name = "grow raw", .prepare = one_disk, .run = run_grow, .format = PLOOP_FORMAT_RAW},
	{.name = "shrink",
	 .prepare = one_disk,
	 .run = run_shrink,
	 .again = settle_shrink,
	 .format = PLOOP_FORMAT_EXPANDED},
	{.name = "shrink raw",
	 .prepare = one_disk,
	 .run = run_shrink,
	 .again = settle_shrink,
	 .format = PLOOP_FORMAT_RAW},
	{.name = "shrink on a snapshot",
	 .prepare = one_disk,
	 .run = run_shrink,
	 .again = settle_shrink,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .below = true},
	{.name = "snapshot",
	 .prepare = one_disk,
	 .run = run_snapshot,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .below = true},
	{.name = "snapshot of a raw one",
	 .prepare = one_disk,
	 .run = run_snapshot,
	 .format = PLOOP_FORMAT_RAW},
	{.name = "switch", .prepare = branches, .run = run_switch, .format = PLOOP_FORMAT_EXPANDED},
	{.name = "delete a leaf",
	 .prepare = branches,
	 .run = run_delete_2,
	 .format = PLOOP_FORMAT_EXPANDED},
	{.name = "delete one with two on it",
	 .prepare = branches,
	 .run = run_delete_1,
	 .format = PLOOP_FORMAT_EXPANDED},
	{.name = "delete one with little on it",
	 .prepare = branches,
	 .run = run_delete_0,
	 .format = PLOOP_FORMAT_EXPANDED},
	{.name = "delete a raw one with little on it",
	 .prepare = branches,
	 .run = run_delete_0,
	 .format = PLOOP_FORMAT_RAW},
	{.name = "merge much on little",
	 .prepare = much_on_little,
	 .run = run_merge,
	 .format = PLOOP_FORMAT_EXPANDED},
	{.name = "merge little on much",
	 .prepare = one_disk,
	 .run = run_merge,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .below = true},
	{.name = "compact",
	 .prepare = with_room,
	 .run = run_compact,
	 .format = PLOOP_FORMAT_EXPANDED},
	{.name = "convert to raw",
	 .prepare = one_disk,
	 .run = run_convert_raw,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .below = true},
	{.name = "convert to preallocated",
	 .prepare = one_disk,
	 .run = run_convert_preallocated,
	 .format = PLOOP_FORMAT_RAW,
	 .below = true},
	{.name = "convert to version 1",
	 .prepare = one_disk,
	 .run = run_convert_version,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .below = true},
	{.name = "clone",
	 .prepare = one_disk,
	 .run = run_clone,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .below = true,
	 .also = "c"},
	{.name = "replace",
	 .prepare = one_disk,
	 .run = run_replace,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .below = true,
	 .others = 1},
	{.name = "replace in its place",
	 .prepare = one_disk,
	 .run = run_replace_in_place,
	 .format = PLOOP_FORMAT_RAW,
	 .below = true,
	 .others = 1},
	{.name = "copy", .prepare = one_disk, .run = run_copy, .also = "image"},
	{.name = "copy since a point",
	 .prepare = copied,
	 .run = run_copy_since,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .also = "c",
	 .points = 2},
	{.name = "first point",
	 .prepare = one_disk,
	 .run = run_point,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .points = 1},
	{.name = "second point",
	 .prepare = noted,
	 .run = run_point,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .points = 2},
	{.name = "delete a point",
	 .prepare = noted,
	 .run = run_point_delete,
	 .format = PLOOP_FORMAT_EXPANDED},
	{.name = "write since a point",
	 .prepare = noted,
	 .run = run_write,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .mixed = true,
	 .points = 1},
	{.name = "compact with a point",
	 .prepare = noted_with_room,
	 .run = run_compact,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .points = 1},
	{.name = "merge into one with a point",
	 .prepare = noted_below,
	 .run = run_merge,
	 .format = PLOOP_FORMAT_EXPANDED,
	 .points = 1},
};

#define NCHANGES (sizeof(changes) / sizeof(changes[0]))

/* --- the cuts ------------------------------------------------------------------------------- */

static void empty(struct fixture *f, const char *name)
{
	path_remove_tree(f->dirfd, name, NULL);
	assert_int_equal(mkdirat(f->dirfd, name, 0700), 0);
}

static void told(void *arg, const char *sentence)
{
	/* Space, and no damage. */
	if (!strstr(sentence, "belong to no block"))
		fail_msg("%s: %s", (const char *)arg, sentence);
}

static void check(const char *dir, char *when)
{
	struct err err = ERR_INIT;
	unsigned int findings;

	if (ploop_drop_in_use(dir, &err) < 0)
		fail_msg("%s: mend: %s", when, err.msg);
	if (ploop_check(dir, told, when, &findings, &err) < 0)
		fail_msg("%s: check: %s", when, err.msg);
}

static void check_files(const char *dir, const char *when)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct ploop_snapshot *list;
	size_t n, files = 0;
	struct dirent *e;

	assert_int_equal(ploop_snapshots(dir, &list, &n, NULL), 0);
	ploop_snapshots_free(list, n);
	while ((e = readdir(d)))
		files += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	if (files < n + 1 || files > n + 1 + now->others)
		fail_msg("%s: %zu images and %zu files", when, n, files);
}

/* A merge that was begun: the disk is what it was or is to be, and it can be gone on with. */
static void go_on(struct fixture *f, const char *dir, const struct view *before,
		  const struct view *after, struct view *v, char *when)
{
	struct err err = ERR_INIT;
	int r;

	if (!same_bytes(&v->of[0], &before->of[0]) && !same_bytes(&v->of[0], &after->of[0]))
		fail_msg("%s: the disk is another, and an image that is being deleted is there",
			 when);
	r = (now->again ?: now->run)(f, dir, &err);
	if (r < 0)
		fail_msg("%s: cannot be done again: %s", when, err.msg);
	free_view(v);
	check(dir, when);
	look_at(dir, v);
	if (!same_view(v, after))
		fail_msg("%s: done again it is not what it should be", when);
}

/* What it is next: the snapshot gives up all points. */
static void change_next(const char *dir, const char *when)
{
	char id[PLOOP_GUID_BYTES] = "";
	struct err err = ERR_INIT;

	if (ploop_snapshot(dir, id, &err) < 0)
		fail_msg("%s: no snapshot of it: %s", when, err.msg);
	check_files(dir, when);
}

static void look_after_cut(struct fixture *f, const char *dir, const struct view *before,
			   const struct view *after, char *when)
{
	bool none = access(dir, F_OK) < 0;
	struct view v = {.none = none};
	unsigned int i;

	if (!none) {
		check(dir, when);
		look_at(dir, &v);
	}
	if (v.temporary)
		go_on(f, dir, before, after, &v, when);
	if (now->mixed && !none ? !is_mixed(&v, before, after)
				: !same_view(&v, before) && !same_view(&v, after))
		fail_msg("%s: %s is neither what was before nor what should be after", when, dir);
	for (i = 0; !now->mixed && i < v.n; i++)
		fsck(f, &v.of[i], when);
	if (!none)
		(void)check_points(dir, &v.of[0], when);
	free_view(&v);
}

/* A copy that has not got it can get it, as long as the disk has the point. */
static void copy_again(const char *dir, const char *copy, const struct view *before,
		       const struct view *after, const char *when)
{
	struct err err = ERR_INIT;
	struct view v;
	int r;

	look_at(copy, &v);
	r = same_view(&v, before) ? copy_since(dir, NULL, &err) : -ENOENT;
	free_view(&v);
	if (r == -ENOENT)
		return;
	if (r < 0)
		fail_msg("%s: it is not copied again: %s", when, err.msg);
	look_at(copy, &v);
	if (!same_view(&v, after))
		fail_msg("%s: copied again it is not the disk", when);
	free_view(&v);
}

/* Of the directory, and of what may be beside it. */
struct views {
	struct view disk, also;
};

static void look_at_both(const char *root, struct views *ret)
{
	_cleanup_free_ char *dir = path_join(root, "d"), *also = path_join(root, now->also ?: "-");

	look_at(dir, &ret->disk);
	look_at(also, &ret->also);
}

static void look_at_both_after_cut(struct fixture *f, const struct views *before,
				   const struct views *after, char *when)
{
	_cleanup_free_ char *root = strdup(fixture_path(f, "cut")), *dir = path_join(root, "d");
	_cleanup_free_ char *also = path_join(root, now->also ?: "-");

	look_after_cut(f, dir, &before->disk, &after->disk, when);
	look_after_cut(f, also, &before->also, &after->also, when);
	if (now->run == run_copy_since)
		copy_again(dir, also, &before->also, &after->also, when);
	if (is_directory(dir))
		change_next(dir, when);
	if (is_directory(also))
		change_next(also, when);
}

static unsigned int cut_at(struct fixture *f, unsigned int step, const struct views *before,
			   const struct views *after)
{
	static const char *const how[] = {"only what was flushed", "all of it", "a torn write",
					  "some of it"};
	unsigned int k, cuts = 0;

	for (k = 0; k < TRIES; k++) {
		enum power_how h = k < 2 ? k : k < 4 ? POWER_TORN : POWER_RANDOM;
		char when[400];

		if (!power_replay(fixture_path(f, "cut"), step, h,
				  crash_seed * 1000003 + step * 64 + k))
			continue;
		snprintf(when, sizeof(when),
			 "CRASH_SEED=%llu %s, cut before step %u (%s) with %s (%u)",
			 (unsigned long long)crash_seed, now->name, step, power_step(step), how[h],
			 k);
		look_at_both_after_cut(f, before, after, when);
		empty(f, "cut");
		cuts++;
	}
	return cuts;
}

static void free_views(struct views *v)
{
	free_view(&v->disk);
	free_view(&v->also);
}

static void forget_points(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (at_point[i].data)
			free_view(&(struct view){.of = {at_point[i]}, .n = 1});
		at_point[i] = (struct contents){.bytes = 0};
	}
}

static void cut_each(struct fixture *f)
{
	_cleanup_free_ char *root = strdup(fixture_path(f, "was")), *dir = path_join(root, "d");
	unsigned int steps, i, cuts = 0;
	struct views before, after;
	struct err err = ERR_INIT;

	empty(f, "was");
	empty(f, "cut");
	if (now->prepare)
		now->prepare(f, dir);
	if (!now->marked) {
		look_at_both(root, &before);
		if (now->points)
			read_contents(dir, NULL, &at_point[1]);
	}
	power_begin(root);
	if (now->run(f, dir, &err) < 0)
		fail_msg("%s: %s", now->name, err.msg);
	steps = power_end();
	look_at_both(root, &after);
	if (now->marked)
		look_at_both(root, &before);
	assert_int_equal(check_points(dir, &after.disk.of[0], now->name), now->points);
	assert_true(!now->also || !after.also.none);
	for (i = 0; i <= steps; i++)
		cuts += cut_at(f, i, &before, &after);
	print_message("# %s: %u steps, %u cut points\n", now->name, steps, cuts);
	assert_true(steps > 3 && cuts >= 4);
	all_places += steps + 1;
	all_cuts += cuts;
	power_free();
	free_views(&before);
	free_views(&after);
	forget_points();
}

static void a_cut_anywhere_leaves_before_or_after(void **state)
{
	const char *given = getenv("CRASH_SEED"), *only = getenv("CUTS_ONLY");
	unsigned int i;

	crash_seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) / 86400;
	print_message("# CRASH_SEED=%llu\n", (unsigned long long)crash_seed);
	/* Nothing is flushed to a real disk meanwhile. */
	faults_arm(FAULT_FILE, UINT_MAX);
	for (i = 0; i < NCHANGES; i++) {
		now = &changes[i];
		if (!only || strstr(now->name, only))
			cut_each(*state);
	}
	faults_disarm();
	print_message("# %u places, %u cut points in all\n", all_places, all_cuts);
	if (!only)
		assert_true(all_cuts >= PROMISED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_cut_anywhere_leaves_before_or_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
