/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, an image whose writer died loses what was written, or one that
 * is in use, or hostile, is opened for the kernel.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "faults.h"
#include "format.h"
#include "holes.h"
#include "image.h"
#include "io.h"
#include "mend.h"
#include "ploop.h"

#define CLUSTER 65536u

enum { IN_USE = 0x2c, FLAGS = 0x34, EXTENSION = 0x38, TABLE = 0x40 };

/* A disk of four clusters: 2 and 0 hold data, in clusters 1 and 2 of the file. Opened, caller closes. */
static int make_image(struct fixture *f)
{
	struct ploop_disk *disk;
	struct image img;
	int fd;

	unlinkat(f->dirfd, "i", 0);
	assert_int_equal(image_create(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 4 * CLUSTER, CLUSTER,
				      &img, NULL),
			 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	assert_int_equal(disk_write(disk, 2 * CLUSTER, "two", 4), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(disk_write(disk, 0, "zero", 5), 0);
	assert_int_equal(disk_flush(disk), 0);
	assert_int_equal(image_finish(&disk->img, false, NULL), 0);
	disk_free(disk);
	fd = openat(f->dirfd, "i", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void put(int fd, unsigned int at, uint32_t value)
{
	uint32_t le = htole32(value);

	assert_int_equal(io_pwrite_full(fd, &le, 4, at), 0);
}

static uint32_t get(int fd, unsigned int at)
{
	uint32_t le;

	assert_int_equal(io_pread_full(fd, &le, 4, at), 0);
	return le32toh(le);
}

static off_t size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static void holds_its_data(struct fixture *f)
{
	char two[4], zero[5], none[4];
	struct ploop_disk *disk;
	struct image img;

	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, NULL), 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	assert_int_equal(disk_read(disk, 2 * CLUSTER, two, 4), 0);
	assert_int_equal(disk_read(disk, 0, zero, 5), 0);
	assert_int_equal(disk_read(disk, CLUSTER, none, 4), 0);
	assert_string_equal(two, "two");
	assert_string_equal(zero, "zero");
	assert_memory_equal(none, "\0\0\0\0", 4);
	disk_free(disk);
}

static void closes_what_its_writer_left(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = make_image(f);

	put(fd, IN_USE, PLOOP_INUSE);
	put(fd, EXTENSION, 77);
	put(fd, FLAGS, PLOOP_FLAG_EMPTY);
	/* Two clusters that got no entry, and the beginning of a third. */
	assert_int_equal(ftruncate(fd, 5 * CLUSTER + 100), 0);
	assert_int_equal(mend_image(fd, false, "i", NULL), 0);
	assert_int_equal(get(fd, IN_USE), PLOOP_CLOSED);
	assert_int_equal(get(fd, EXTENSION), 0);
	assert_int_equal(get(fd, FLAGS), 0);
	assert_int_equal(size_of(fd), 3 * CLUSTER);
	holds_its_data(f);
}

static void one_without_data_is_empty(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = make_image(f);

	put(fd, IN_USE, PLOOP_INUSE);
	put(fd, TABLE, 0);
	put(fd, TABLE + 8, 0);
	assert_int_equal(mend_image(fd, false, "i", NULL), 0);
	assert_int_equal(get(fd, FLAGS), PLOOP_FLAG_EMPTY);
	assert_int_equal(size_of(fd), CLUSTER);
}

/* The kernel would take the part of a cluster at the end for one that is zero. */
static void a_closed_one_gets_whole_clusters(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = make_image(f);

	assert_int_equal(mend_image(fd, false, "i", NULL), 0);
	assert_int_equal(size_of(fd), 3 * CLUSTER);
	/* A lost cluster may be what another tool counts on. */
	assert_int_equal(ftruncate(fd, 4 * CLUSTER + 512), 0);
	assert_int_equal(mend_image(fd, true, "i", NULL), 0);
	assert_int_equal(size_of(fd), 4 * CLUSTER + 512);
	assert_int_equal(mend_image(fd, false, "i", NULL), 0);
	assert_int_equal(size_of(fd), 4 * CLUSTER);
	holds_its_data(f);
}

static void refused(int fd, bool read_only, int code, const char *why)
{
	off_t size = size_of(fd);
	_cleanup_free_ char *before = malloc((size_t)size), *after = malloc((size_t)size);
	struct err err = ERR_INIT;

	assert_int_equal(io_pread_full(fd, before, (size_t)size, 0), 0);
	assert_int_equal(mend_image(fd, read_only, "i", &err), -code);
	if (!strstr(err.msg, why))
		fail_msg("'%s' instead of '%s'", err.msg, why);
	assert_int_equal(size_of(fd), size);
	assert_int_equal(io_pread_full(fd, after, (size_t)size, 0), 0);
	assert_memory_equal(before, after, (size_t)size);
}

static void what_is_damaged_stays_as_it_is(void **state)
{
	static const struct {
		unsigned int at;
		uint32_t value;
		int code;
		const char *why;
	} bad[] = {
		{0x00, 0, EINVAL, "not an expanded"},
		{0x20, 5, EINVAL, "block table entries"},
		{0x30, 0, EINVAL, "inside of its block table"},
		{FLAGS, PLOOP_FLAG_CONVERTING, EUCLEAN, "conversion"},
		{FLAGS, 8, EOPNOTSUPP, "unknown flags"},
		{TABLE, 3, EUCLEAN, "outside of the data"},
		{TABLE + 4, 1, EUCLEAN, "twice"},
		{TABLE + 12, 0xffffffff, EUCLEAN, "outside of the data"},
	};
	_cleanup_close_ int fd = make_image(*state);
	size_t i;

	put(fd, IN_USE, PLOOP_INUSE);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t was = get(fd, bad[i].at);

		put(fd, bad[i].at, bad[i].value);
		refused(fd, false, bad[i].code, bad[i].why);
		put(fd, bad[i].at, was);
	}
	assert_int_equal(ftruncate(fd, 50), 0);
	refused(fd, false, EIO, "cannot read");
}

static void nothing_is_mended_for_reading(void **state)
{
	_cleanup_close_ int fd = make_image(*state);

	assert_int_equal(mend_image(fd, true, "i", NULL), 0);
	put(fd, IN_USE, PLOOP_INUSE);
	refused(fd, true, EBUSY, "was not closed");
}

/* QEMU has such locks on the images of its guests, for reading ones as well. */
#define GROWN	 (48u << 20)
#define NEW_SIZE (64u << 20)

/* A disk that the kernel made larger, and of which nothing else knows. */
static void make_grown(struct fixture *f, enum ploop_format format)
{
	const struct ploop_create_opts opts = {.size_bytes = GROWN, .format = format};
	uint32_t entries = htole32(NEW_SIZE >> 20);
	uint64_t sectors = htole64(NEW_SIZE / 512);
	_cleanup_close_ int fd = -EBADF;

	assert_int_equal(ploop_create(fixture_path(f, "d"), &opts, NULL), 0);
	fd = open(fixture_path(f, "d/root.hds"), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	if (format == PLOOP_FORMAT_RAW) {
		assert_int_equal(ftruncate(fd, NEW_SIZE), 0);
	} else {
		assert_int_equal(io_pwrite_full(fd, &entries, 4, 0x20), 0);
		assert_int_equal(io_pwrite_full(fd, &sectors, 8, 0x24), 0);
	}
}

static void remove_disk(struct fixture *f)
{
	unlink(fixture_path(f, "d/root.hds"));
	unlink(fixture_path(f, "d/DiskDescriptor.xml"));
	rmdir(fixture_path(f, "d"));
}

static void told(void *arg, const char *sentence)
{
	(void)arg;
	print_message("%s\n", sentence);
}

static void is_whole(struct fixture *f)
{
	struct err err = ERR_INIT;
	unsigned int findings = 99;
	uint64_t offset, length;
	struct ploop_disk *disk;

	if (ploop_check(fixture_path(f, "d"), told, NULL, &findings, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(findings, 0);
	assert_int_equal(ploop_open(fixture_path(f, "d"), &disk, NULL), 0);
	assert_int_equal(ploop_partition(disk, &offset, &length, NULL), 0);
	assert_int_equal(length, NEW_SIZE - (2u << 20));
	ploop_close(disk);
}

/* Killed at each call, it is called again; how many of them there are. */
static unsigned int cut_and_go_on(struct fixture *f, enum ploop_format format, unsigned int at)
{
	pid_t pid;
	int status;

	make_grown(f, format);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		faults_arm(FAULT_CRASH, at);
		_exit(ploop_drop_in_use(fixture_path(f, "d"), NULL) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	faults_arm(FAULT_FILE, UINT32_MAX); /* no flushes */
	assert_int_equal(ploop_drop_in_use(fixture_path(f, "d"), NULL), 0);
	is_whole(f);
	faults_disarm();
	remove_disk(f);
	return WEXITSTATUS(status) == FAULTS_CRASHED ? at + 1 : 0;
}

static void a_growth_that_was_cut_is_completed(void **state)
{
	struct fixture *f = *state;
	enum ploop_format formats[] = {PLOOP_FORMAT_EXPANDED, PLOOP_FORMAT_RAW};
	unsigned int i, at, cuts = 0;

	for (i = 0; i < 2; i++)
		for (at = 0; (at = cut_and_go_on(f, formats[i], at));)
			cuts++;
	print_message("%u cuts\n", cuts);
	assert_true(cuts > 40);
}

static void holes_get_blocks(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = -EBADF;
	uint64_t at;

	make_grown(f, PLOOP_FORMAT_EXPANDED);
	fd = open(fixture_path(f, "d/root.hds"), O_RDWR | O_CLOEXEC);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (2 << 20) + 65536, 65536) < 0)
		skip();
	assert_int_equal(holes_find(fd, 3 << 20, &at), 1);
	close(steal_fd(&fd));
	assert_int_equal(ploop_drop_in_use(fixture_path(f, "d"), NULL), 0);
	is_whole(f);
}

static void another_program_has_locks(void **state)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
	struct fixture *f = *state;
	_cleanup_close_ int fd = make_image(f);
	_cleanup_close_ int other = openat(f->dirfd, "i", O_RDONLY | O_CLOEXEC);

	put(fd, IN_USE, PLOOP_INUSE);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &lock), 0);
	refused(fd, false, EBUSY, "another program");
	refused(fd, true, EBUSY, "another program");
	close(other);
	other = -EBADF;
	assert_int_equal(mend_image(fd, false, "i", NULL), 0);
	holds_its_data(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(closes_what_its_writer_left),
		fixture_test(one_without_data_is_empty),
		fixture_test(a_closed_one_gets_whole_clusters),
		fixture_test(what_is_damaged_stays_as_it_is),
		fixture_test(nothing_is_mended_for_reading),
		fixture_test(a_growth_that_was_cut_is_completed),
		fixture_test(holes_get_blocks),
		fixture_test(another_program_has_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
