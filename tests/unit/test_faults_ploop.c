/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images when memory or files fail. If this fails, a full disk or a machine
 * without memory leaves half an image, loses memory, or says nothing.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "faults.h"
#include "image.h"
#include "io.h"
#include "mend.h"
#include "path.h"
#include "ploop.h"
#include "sort.h"
#include "tarfile.h"

#define CLUSTER 32768u
#define MIB	(1ull << 20)

static struct fixture *dir;
static struct ploop_create_opts opts;

static void only(struct fixture *f, const char *want)
{
	_cleanup_free_ char *names = fixture_list(f);

	assert_string_equal(names, want);
}

/* --- the descriptor ------------------------------------------------------- */

static int store(struct fixture *f, uint64_t bytes, const char *file, struct err *err)
{
	struct descriptor d;
	int r = descriptor_init(&d, bytes, CLUSTER, PLOOP_FORMAT_RAW, file);

	r = r < 0 ? err_errno(err, r, "cannot describe '%s'", file)
		  : descriptor_store(f->dirfd, &d, err);
	descriptor_free(&d);
	return r;
}

static void store_old(struct fixture *f)
{
	assert_int_equal(store(f, 64 * MIB, "old", NULL), 0);
}

static int store_new(struct fixture *f, struct err *err)
{
	return store(f, 32 * MIB, "new", err);
}

/* A tree that is read, changed and written. */
static int change_old(struct fixture *f, struct err *err)
{
	struct descriptor d;
	int r = descriptor_load(f->dirfd, "D", &d, err);

	if (r < 0)
		return r;
	free(d.deltas[0].file);
	d.size_bytes = 32 * MIB;
	d.deltas[0].file = strdup("new");
	r = d.deltas[0].file ? descriptor_store(f->dirfd, &d, err)
			     : err_errno(err, ENOMEM, "no memory for a name");
	descriptor_free(&d);
	return r;
}

static void is_old_or_new(struct fixture *f, int r)
{
	struct descriptor d;

	only(f, DESCRIPTOR_NAME);
	assert_int_equal(descriptor_load(f->dirfd, "D", &d, NULL), 0);
	if (r == 0)
		assert_string_equal(d.deltas[0].file, "new");
	assert_true(d.size_bytes == (strcmp(d.deltas[0].file, "new") == 0 ? 32 : 64) * MIB);
	descriptor_free(&d);
}

static int load_old(struct fixture *f, struct err *err)
{
	struct descriptor d;
	int r = descriptor_load(f->dirfd, "D", &d, err);

	if (r == 0) {
		assert_string_equal(d.deltas[0].file, "old");
		descriptor_free(&d);
	}
	return r;
}

static void the_descriptor(void **state)
{
	static const struct fault_op store = {"store a descriptor", store_old, store_new,
					      is_old_or_new};
	static const struct fault_op change = {"change a descriptor", store_old, change_old,
					       is_old_or_new};
	static const struct fault_op load = {"load a descriptor", store_old, load_old, NULL};

	faults_each(*state, &store);
	faults_each(*state, &change);
	faults_each(*state, &load);
}

/* --- an image file -------------------------------------------------------- */

static void no_image(struct fixture *f)
{
	unlinkat(f->dirfd, "i", 0);
}

static int create_image(struct fixture *f, struct err *err)
{
	struct image img = {.fd = -EBADF};
	int r = image_create(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 4 * CLUSTER, CLUSTER, &img, err);

	if (r == 0)
		image_close(&img);
	return r;
}

static void is_made_or_not(struct fixture *f, int r)
{
	only(f, r == 0 ? "i" : "");
}

static int make_image(struct fixture *f, struct err *err)
{
	struct image img = {.fd = -EBADF};
	struct ploop_disk *disk;
	int r = image_create(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 4 * CLUSTER, CLUSTER, &img, err);

	if (r < 0)
		return r;
	if (disk_new(&img, &disk) < 0) {
		image_close(&img);
		return err_set(err, ENOMEM, "no disk");
	}
	r = disk_write(disk, CLUSTER, "old", 4);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = image_finish(&disk->img, true, err);
	else
		(void)err_set(err, r, "cannot write");
	disk_free(disk);
	return r;
}

static void made_image(struct fixture *f)
{
	no_image(f);
	assert_int_equal(make_image(f, NULL), 0);
}

static int change_image(struct fixture *f, struct err *err)
{
	struct image img = {.fd = -EBADF};
	struct ploop_disk *disk;
	int r = image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, true, &img, err);

	if (r < 0)
		return r;
	if (disk_new(&img, &disk) < 0) {
		image_close(&img);
		return err_set(err, ENOMEM, "no disk");
	}
	disk->sync = true;
	r = disk_write(disk, 3 * CLUSTER, "new", 4);
	if (r == 0)
		r = disk_flush(disk);
	if (r == 0)
		r = image_finish(&disk->img, true, err);
	else
		(void)err_set(err, r, "cannot write");
	disk_free(disk);
	return r;
}

/* Whatever the marker says, nothing of the old data is lost and the map is sound. */
static void old_data_is_there(struct fixture *f, int r)
{
	static const uint32_t closed = 0;
	_cleanup_close_ int fd = openat(f->dirfd, "i", O_WRONLY | O_CLOEXEC);
	char got[4] = "";
	struct ploop_disk *disk;
	struct image img;

	assert_int_equal(io_pwrite_full(fd, &closed, 4, 0x2c), 0);
	assert_int_equal(image_open(f->dirfd, "i", PLOOP_FORMAT_EXPANDED, 0, false, &img, NULL), 0);
	assert_int_equal(disk_new(&img, &disk), 0);
	assert_int_equal(disk_read(disk, CLUSTER, got, 4), 0);
	assert_string_equal(got, "old");
	assert_int_equal(disk_read(disk, 3 * CLUSTER, got, 4), 0);
	if (r == 0)
		assert_string_equal(got, "new");
	disk_free(disk);
}

/* Cut off with its marker on, and with room behind its data. */
static void unclosed_image(struct fixture *f)
{
	static const uint32_t in_use = 0x746F6E59;
	_cleanup_close_ int fd = -EBADF;

	made_image(f);
	fd = openat(f->dirfd, "i", O_WRONLY | O_CLOEXEC);
	assert_int_equal(io_pwrite_full(fd, &in_use, 4, 0x2c), 0);
	assert_int_equal(ftruncate(fd, 5 * CLUSTER), 0);
}

/* Mended or not, nothing of it is lost, and it is closed only when it is mended. */
static void old_data_stays(struct fixture *f, int r)
{
	_cleanup_close_ int fd = openat(f->dirfd, "i", O_RDONLY | O_CLOEXEC);
	uint32_t marker;

	assert_int_equal(io_pread_full(fd, &marker, 4, 0x2c), 0);
	if (r == 0)
		assert_int_equal(marker, 0);
	old_data_is_there(f, -1);
}

static int mend(struct fixture *f, struct err *err)
{
	_cleanup_close_ int fd = open(fixture_path(f, "i"), O_RDWR | O_CLOEXEC);

	return fd < 0 ? err_errno(err, errno, "cannot open") : mend_image(fd, false, "i", err);
}

static void an_image_file(void **state)
{
	static const struct fault_op create = {"create an image file", no_image, create_image,
					       is_made_or_not};
	static const struct fault_op make = {"fill an image file", no_image, make_image, NULL};
	static const struct fault_op change = {"change an image file", made_image, change_image,
					       old_data_is_there};
	static const struct fault_op mended = {"mend an image file", unclosed_image, mend,
					       old_data_stays};

	faults_each(*state, &create);
	faults_each(*state, &make);
	faults_each(*state, &change);
	faults_each(*state, &mended);
}

/* --- a whole disk --------------------------------------------------------- */

static void write_tar(struct fixture *f)
{
	struct archive *a = tarfile_new(fixture_path(f, "tar"));

	tarfile_dir(a, "./d");
	tarfile_file(a, "./d/f", "contents");
	tarfile_symlink(a, "./link", "d/f");
	tarfile_hardlink(a, "./d/hard", "./d/f");
	tarfile_close(a);
}

static void no_disk(struct fixture *f)
{
	path_remove_tree(f->dirfd, "disk", NULL);
	if (opts.in_place)
		mkdirat(f->dirfd, "disk", 0700);
}

static int create_disk(struct fixture *f, struct err *err)
{
	return ploop_create(fixture_path(f, "disk"), &opts, err);
}

static void whole_or_nothing(struct fixture *f, int r)
{
	struct fixture in = {.dirfd = -EBADF};
	_cleanup_free_ char *names = NULL;

	assert_true(snprintf(in.dir, sizeof(in.dir), "%s/disk", f->dir) < (int)sizeof(in.dir));
	only(f, r == 0 || opts.in_place ? "disk tar" : "tar");
	if (r < 0 && !opts.in_place)
		return;
	names = fixture_list(&in);
	assert_string_equal(names, r == 0 ? DESCRIPTOR_NAME " root.hds" : "");
}

static int look_at_disk(struct fixture *f, struct err *err)
{
	struct ploop_disk *disk;
	uint64_t offset, length;
	int r = ploop_open(fixture_path(f, "disk"), &disk, err);

	if (r < 0)
		return r;
	r = ploop_partition(disk, &offset, &length, err);
	if (r == 0)
		assert_true(offset == MIB);
	ploop_close(disk);
	return r;
}

static void no_finding(void *arg, const char *sentence)
{
	(void)arg;
	fail_msg("%s", sentence);
}

static int check_disk(struct fixture *f, struct err *err)
{
	unsigned int findings = 77;
	int r = ploop_check(fixture_path(f, "disk"), no_finding, NULL, &findings, err);

	assert_int_equal(findings, r == 0 ? 0 : 77);
	return r;
}

static void a_whole_disk(void **state)
{
	static const enum ploop_format formats[] = {PLOOP_FORMAT_RAW, PLOOP_FORMAT_EXPANDED,
						    PLOOP_FORMAT_PREALLOCATED};
	static const uint8_t uuid[16] = "0123456789abcdef";
	static const struct fault_op create = {"create a disk", no_disk, create_disk,
					       whole_or_nothing};
	static const struct fault_op look = {"open a disk", NULL, look_at_disk, NULL};
	static const struct fault_op check = {"check a disk", NULL, check_disk, NULL};
	const char *tars[2] = {NULL, NULL};
	int i;

	dir = *state;
	write_tar(dir);
	tars[0] = strdup(fixture_path(dir, "tar"));
	for (i = 0; i < 3; i++) {
		opts = (struct ploop_create_opts){
			.size_bytes = 16 * MIB,
			.format = formats[i],
			.cluster_bytes = CLUSTER,
			.uuid = uuid,
			.now = 1600000000,
			.sync = true,
			.in_place = i,
			.tars = tars,
		};
		faults_each(dir, &create);
		faults_each(dir, &look);
		faults_each(dir, &check);
	}
	free((char *)tars[0]);
}

/* --- names that do not fit into memory ------------------------------------ */

static int sort_many(struct fixture *f, struct err *err)
{
	struct sort *s = sort_new(f->dirfd);
	struct sort_name nm = {.len = 200, .text = (char[200]){0}};
	uint32_t i, n = 0;
	int r = s ? 0 : -ENOMEM;

	for (i = 1; i <= 11000 && r == 0; i++) {
		nm.hash = i * 2654435761u;
		r = sort_add(s, &nm);
	}
	if (r == 0)
		r = sort_begin(s);
	while (r == 0 && (r = sort_next(s, &nm)) == 1)
		r = nm.len == 200 && ++n ? 0 : -EIO;
	sort_free(s);
	if (r == 0)
		assert_int_equal(n, 11000);
	return r < 0 ? err_set(err, r, "not sorted") : 0;
}

static void leaves_no_file(struct fixture *f, int r)
{
	(void)r;
	only(f, "");
}

static void names_that_do_not_fit_into_memory(void **state)
{
	static const struct fault_op sort = {"sort many names", NULL, sort_many, leaves_no_file};

	faults_each(*state, &sort);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(the_descriptor),
		fixture_test(an_image_file),
		fixture_test(a_whole_disk),
		fixture_test(names_that_do_not_fit_into_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
