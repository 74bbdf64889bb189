/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, a backup of what was written since a point lacks something that
 * was written, or a hostile image is believed.
 */
#include "fixture.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/md5.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "extension.h"
#include "format.h"
#include "io.h"
#include "ploop.h"

#define CLUSTER	 32768u
#define CLUSTERS 40u
#define GUID	 "{11111111-2222-3333-4444-555555555555}"

static const uint8_t id[POINT_ID_BYTES] = {0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33,
					   0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static struct ploop_disk *open_disk(struct fixture *f, bool writable)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct image img;

	if (image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, writable, &img, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(disk_new(&img, &disk), 0);
	return disk;
}

static void close_disk(struct ploop_disk *disk)
{
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, true, NULL), 0);
	disk_free(disk);
}

/* A disk of which every second cluster is there, and a point of that. */
static void make_image(struct fixture *f)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct image img;
	uint32_t i;

	unlinkat(f->dirfd, "i", 0);
	assert_int_equal(image_create(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, CLUSTERS * CLUSTER,
				      CLUSTER, &img, &err),
			 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	for (i = 0; i < CLUSTERS; i += 2)
		assert_int_equal(disk_write(disk, i * CLUSTER, "old", 3), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(extension_add(&disk->img.ext, id, CLUSTERS * CLUSTER / 512, CLUSTER), 0);
	assert_int_equal(extension_add(&disk->img.ext, id, CLUSTERS * CLUSTER / 512, CLUSTER),
			 -EEXIST);
	close_disk(disk);
}

/* The clusters that are noted as a bit each, all ones without a point. */
static uint64_t noted(struct fixture *f)
{
	struct ploop_disk *disk = open_disk(f, false);
	struct err err = ERR_INIT;
	const struct point *p;
	uint64_t bits = 0, i;

	if (image_load_extension(&disk->img, &err) < 0)
		fail_msg("%s", err.msg);
	p = extension_find(&disk->img.ext, id);
	for (i = 0; p && i < CLUSTERS; i++)
		if (point_has(p, i * CLUSTER, CLUSTER))
			bits |= 1ull << i;
	disk_free(disk);
	return p ? bits : UINT64_MAX;
}

static void note_finding(void *arg, const char *sentence)
{
	char **all = arg, *more;

	if (strstr(sentence, "MBR") || strstr(sentence, "partition table"))
		return;
	assert_true(asprintf(&more, "%s%s\n", *all, sentence) > 0);
	free(*all);
	*all = more;
}

/* What check says but for the partition tables, of which there are none; caller frees. */
static char *findings(struct fixture *f)
{
	struct err err = ERR_INIT;
	char *all = strdup("");
	unsigned int n;

	if (ploop_check(fixture_path(f, "i"), note_finding, &all, &n, &err) < 0)
		fail_msg("%s", err.msg);
	return all;
}

/* Whatever is written by whoever opens the image after the other, all of it is noted and no more. */
static void notes_what_is_written(void **state)
{
	struct fixture *f = *state;
	uint32_t seed = 7;
	uint64_t want = 0;
	int i, k;

	make_image(f);
	assert_int_equal(noted(f), 0);
	for (i = 0; i < 20; i++) {
		struct ploop_disk *disk = open_disk(f, true);
		_cleanup_free_ char *found = NULL;

		for (k = 0; k < 2; k++) {
			uint32_t off = rnd(&seed) % (CLUSTERS * CLUSTER), first, last;
			uint32_t len = 1 + rnd(&seed) % CLUSTER;

			if (len > CLUSTERS * CLUSTER - off)
				len = CLUSTERS * CLUSTER - off;
			assert_int_equal(disk_write(disk, off, disk->slots[0].buf, 0), 0);
			for (first = off / CLUSTER, last = (off + len - 1) / CLUSTER; first <= last;
			     first++)
				want |= 1ull << first;
			while (len--)
				assert_int_equal(disk_write(disk, off++, "x", 1), 0);
		}
		close_disk(disk);
		assert_int_equal(noted(f), want);
		found = findings(f);
		assert_string_equal(found, "");
	}
}

/* The last cluster is one of data, as QEMU takes for lost what is behind that. */
static void data_comes_last(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *disk;
	struct stat st;
	uint32_t i, last = 0;

	make_image(f);
	disk = open_disk(f, true);
	for (i = 0; i < CLUSTERS; i++)
		assert_int_equal(disk_write(disk, i * CLUSTER, "new", 3), 0);
	close_disk(disk);
	disk = open_disk(f, false);
	for (i = 0; i < CLUSTERS; i++)
		if (bat_lookup(&disk->img.bat, i) > last)
			last = bat_lookup(&disk->img.bat, i);
	assert_int_equal(fstat(disk->img.fd, &st), 0);
	assert_int_equal(st.st_size, (last + 1) * CLUSTER);
	/* Table, data, one cluster for the extension, one for its bits. */
	assert_int_equal(last + 1, 1 + CLUSTERS + 2);
	disk_free(disk);
}

/* header, data, map, extension, header, each stable before the next (docs/ploop-format.md). */
static void each_step_is_stable_before_the_next(void **state)
{
	struct fixture *f = *state;
	struct ploop_disk *disk;

	make_image(f);
	fixture_cut_writes(-1, 0);
	disk = open_disk(f, true);
	disk->sync = true;
	assert_int_equal(disk_write(disk, 3 * CLUSTER, "new", 3), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, true, NULL), 0);
	disk_free(disk);
	/* The copy of what makes room for the bits is the second data. */
	assert_string_equal(fixture_order(CLUSTER), "hsdsmsdsmsddsh");
}

static int write_new(struct fixture *f, int n)
{
	struct ploop_disk *disk;
	struct err err = ERR_INIT;
	struct image img;
	uint32_t i;
	int r;

	fixture_cut_writes(n, EIO);
	r = image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, true, &img, &err);
	if (r < 0) {
		fixture_cut_writes(-1, 0);
		return r;
	}
	assert_int_equal(disk_new(&img, &disk), 0);
	disk->sync = true;
	for (i = 0; i < CLUSTERS && r == 0; i++)
		if (i % 4 < 2)
			r = disk_write(disk, i * CLUSTER, "new", 3);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = image_finish(&disk->img, true, NULL);
	fixture_cut_writes(-1, 0);
	disk_free(disk);
	return r;
}

static void check_contents(struct fixture *f, int n, bool all)
{
	struct ploop_disk *disk = open_disk(f, false);
	uint64_t i;

	for (i = 0; i < CLUSTERS; i++) {
		char got[3];
		bool is_new, is_old;

		assert_int_equal(disk_read(disk, i * CLUSTER, got, 3), 0);
		is_new = i % 4 < 2 && memcmp(got, "new", 3) == 0;
		is_old = memcmp(got, i % 2 ? "\0\0\0" : "old", 3) == 0;
		if (!is_new && (!is_old || (all && i % 4 < 2)))
			fail_msg("cut at %d: block %u is neither old nor new", n, (unsigned int)i);
	}
	disk_free(disk);
}

/*
 * Whatever write is the last: the blocks are old or new, and the point says no less
 * than what was written, or is no more.
 */
static void a_cut_at_any_write_leaves_no_wrong_point(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int n, given_up = 0, r = -EIO;
	uint64_t bits;

	for (n = 0; r != 0; n++) {
		make_image(f);
		r = write_new(f, n);
		if (ploop_drop_in_use(fixture_path(f, "i"), &err) < 0)
			fail_msg("cut at %d: %s", n, err.msg);
		check_contents(f, n, r == 0);
		bits = noted(f);
		given_up += bits == UINT64_MAX;
		if (r == 0)
			assert_int_equal(bits, 0x3333333333);
		/* The header was not written. */
		else if (bits != UINT64_MAX)
			assert_int_equal(n, 0);
	}
	assert_true(n > 25);
	assert_int_equal(given_up, n - 2);
}

/* Whoever does not know of it, as QEMU, closes with another marker. */
static void is_not_believed_after_others(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = -EBADF;
	uint32_t closed = 0;

	make_image(f);
	fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
	assert_int_equal(io_pwrite_full(fd, &closed, 4, 0x2c), 0);
	assert_int_equal(noted(f), UINT64_MAX);
}

/* --- hostile ones -------------------------------------------------------------------------- */

/* Where the extension is in the image of make_image(), and in it the feature and its table. */
static uint64_t extension_at(int fd)
{
	uint64_t sectors;

	assert_int_equal(io_pread_full(fd, &sectors, 8, 0x38), 0);
	return le64toh(sectors) * 512;
}

static void seal(int fd, uint64_t at)
{
	_cleanup_free_ uint8_t *buf = malloc(CLUSTER);
	struct md5_ctx md5;
	uint8_t sum[MD5_DIGEST_SIZE];

	assert_int_equal(io_pread_full(fd, buf, CLUSTER, at), 0);
	md5_init(&md5);
	md5_update(&md5, CLUSTER - 24, buf + 24);
	md5_digest(&md5, sizeof(sum), sum);
	assert_int_equal(io_pwrite_full(fd, sum, sizeof(sum), at + 8), 0);
}

static void put(int fd, uint64_t at, uint64_t value, size_t len)
{
	value = htole64(value);
	assert_int_equal(io_pwrite_full(fd, &value, len, at), 0);
}

#define FEATURE 24u
#define DIRTY	(FEATURE + 24u)
#define TABLE	(DIRTY + 32u)
#define NEXT	(TABLE + 8u)

static void hostile_ones_are_refused(void **state)
{
	static const struct {
		const char *why;
		uint32_t at;
		uint64_t value;
		size_t len;
		int code;
	} rows[] = {
		{"is none", 0, 1, 8, -EUCLEAN},
		{"a granularity of 0 sectors, which is not possible", DIRTY + 24, 0, 4, -EUCLEAN},
		{"a granularity of 96 sectors, which is not possible", DIRTY + 24, 96, 4, -EUCLEAN},
		{"a table of 1 entries, which is wrong", DIRTY + 24, 1u << 31, 4, 0},
		{"a table of 2 entries, which is wrong", DIRTY + 28, 2, 4, -EUCLEAN},
		{"a table of 4294967295 entries, which is wrong", DIRTY + 28, UINT32_MAX, 4,
		 -EUCLEAN},
		{"is of a disk of 7 sectors, and not of 2560", DIRTY, 7, 8, -EUCLEAN},
		{"is said to be at sector 65, outside of the data", TABLE, 65, 8, -EUCLEAN},
		{"is said to be at sector 2, outside of the data", TABLE, 2, 8, -EUCLEAN},
		{"is said to be at sector 64000, outside of the data", TABLE, 64000, 8, -EUCLEAN},
		{"is said to be at sector 18446744073709551552, outside of the data", TABLE,
		 UINT64_MAX - 63, 8, -EUCLEAN},
		{"is in cluster 1, which belongs to something else", TABLE, 64, 8, -EUCLEAN},
		{"is too short", FEATURE + 16, 31, 4, -EUCLEAN},
		{"has a table of 1 entries, which is wrong", FEATURE + 16, 39, 4, -EUCLEAN},
		{"a feature that goes over its end", FEATURE + 16, UINT32_MAX, 4, -EUCLEAN},
		{"does not end", FEATURE + 16, CLUSTER - DIRTY, 4, -EUCLEAN},
		{"does not end", FEATURE + 16, CLUSTER - DIRTY - 3, 4, -EUCLEAN},
		{"", FEATURE, 77, 8, 0},
		{"", NEXT, 0, 8, 0},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_free_ char *found = NULL;
		_cleanup_close_ int fd = -EBADF;
		struct err err = ERR_INIT;
		struct ploop_point *list = NULL;
		struct ploop_disk *disk;
		size_t n;
		int r;

		make_image(f);
		fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
		put(fd, extension_at(fd) + rows[i].at, rows[i].value, rows[i].len);
		seal(fd, extension_at(fd));
		r = ploop_points(fixture_path(f, "i"), &list, &n, &err);
		free(r == 0 ? list : NULL);
		if (r != rows[i].code || (r < 0 && !strstr(err.msg, rows[i].why)))
			fail_msg("row %zu: %d '%s', want '%s'", i, r, err.msg, rows[i].why);
		found = findings(f);
		assert_true(r == 0 || strstr(found, rows[i].why));
		/* It can be written to, and then nothing is left of that. */
		disk = open_disk(f, true);
		assert_int_equal(disk_write(disk, 0, "new", 3), 0);
		close_disk(disk);
		assert_int_equal(ploop_points(fixture_path(f, "i"), &list, &n, &err), 0);
		assert_int_equal(n, r == 0 && rows[i].at != FEATURE);
		free(list);
	}
}

static void other_ways_to_lie(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = -EBADF;
	struct ploop_point *list;
	struct err err = ERR_INIT;
	uint8_t feature[64];
	struct image img;
	uint64_t at;
	size_t n;

	make_image(f);
	fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
	at = extension_at(fd);
	put(fd, at + TABLE, 0x55, 1);
	assert_int_equal(ploop_points(fixture_path(f, "i"), &list, &n, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "has a wrong checksum"));
	/* In itself. */
	put(fd, at + TABLE, at / 512, 8);
	seal(fd, at);
	assert_int_equal(ploop_points(fixture_path(f, "i"), &list, &n, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "which belongs to something else"));
	/* The same name twice. */
	put(fd, at + TABLE, 0, 8);
	assert_int_equal(io_pread_full(fd, feature, sizeof(feature), at + FEATURE), 0);
	assert_int_equal(io_pwrite_full(fd, feature, sizeof(feature), at + NEXT), 0);
	seal(fd, at);
	assert_int_equal(ploop_points(fixture_path(f, "i"), &list, &n, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "two bitmaps of the same name"));
	/* In no place of the file. */
	put(fd, 0x38, 1ull << 40, 8);
	assert_int_equal(ploop_points(fixture_path(f, "i"), &list, &n, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "the extension of "));
	/* Something that has to be known keeps writers away. */
	put(fd, 0x38, at / 512, 8);
	put(fd, at + FEATURE, 77, 8);
	put(fd, at + FEATURE + 8, PLOOP_FEATURE_NECESSARY, 8);
	seal(fd, at);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, true, &img, &err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "unknown feature 0x000000000000004d"));
}

static void all_dirty_is_all(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = -EBADF;
	uint64_t at;

	make_image(f);
	fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
	at = extension_at(fd);
	put(fd, at + TABLE, 1, 8);
	seal(fd, at);
	assert_int_equal(noted(f), (1ull << CLUSTERS) - 1);
	close_disk(open_disk(f, true));
	assert_int_equal(noted(f), (1ull << CLUSTERS) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(notes_what_is_written),
		fixture_test(data_comes_last),
		fixture_test(each_step_is_stable_before_the_next),
		fixture_test(a_cut_at_any_write_leaves_no_wrong_point),
		fixture_test(is_not_believed_after_others),
		fixture_test(hostile_ones_are_refused),
		fixture_test(other_ways_to_lie),
		fixture_test(all_dirty_is_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
