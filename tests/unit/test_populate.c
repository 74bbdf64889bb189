/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tar in, file system out: every kind of entry comes back as it was, what is
 * hostile is refused by name, and e2fsck has nothing to say.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <ext2fs/ext2fs.h>

#include "cleanup.h"
#include "entries.h"
#include "err.h"
#include "ext_io.h"
#include "io.h"
#include "ploop.h"
#include "run.h"
#include "source.h"
#include "tarfile.h"
#include "vet.h"

#define MIB (1ull << 20)

static const uint8_t uuid[16] = "0123456789abcdef";

struct image {
	struct ploop_disk *disk;
	struct ext_io_range range;
	ext2_filsys fs;
};

static int create(struct fixture *f, const char *name, const char *const *tars, uint64_t mib,
		  enum ploop_format format, uint32_t max_id, struct err *err)
{
	const struct ploop_create_opts opts = {
		.size_bytes = mib * MIB,
		.format = format,
		.uuid = uuid,
		.now = 1600000000,
		.tars = tars,
		.max_id = max_id,
	};

	return ploop_create(fixture_path(f, name), &opts, err);
}

static void fsck(const char *image)
{
	_cleanup_free_ char *arg = NULL, *out = NULL;
	const struct run_opts opts = {.ret_out = &out};
	const char *argv[] = {"e2fsck", "-fn", NULL, NULL};
	struct err err = ERR_INIT;
	int r;

	assert_true(asprintf(&arg, "%s?offset=1048576", image) > 0);
	argv[2] = arg;
	r = run_program(argv, &opts, &err);
	if (r != 0)
		fail_msg("e2fsck says %d: %s %s", r, out ? out : "", err.msg);
}

static void open_image(struct fixture *f, const char *name, struct image *img)
{
	struct err err = ERR_INIT;
	char dev[EXT_IO_NAME_MAX];

	if (ploop_open(fixture_path(f, name), &img->disk, &err) < 0)
		fail_msg("%s", err.msg);
	img->range.disk = img->disk;
	assert_int_equal(ploop_partition(img->disk, &img->range.offset_bytes,
					 &img->range.length_bytes, &err),
			 0);
	ext_io_name(&img->range, dev);
	assert_int_equal(ext2fs_open(dev, EXT2_FLAG_64BITS, 0, 0, &ext_io_manager, &img->fs), 0);
	assert_int_equal(ext2fs_read_bitmaps(img->fs), 0);
}

static void close_image(struct image *img)
{
	ext2fs_free(img->fs);
	ploop_close(img->disk);
}

static ext2_ino_t lookup(struct image *img, const char *path)
{
	ext2_ino_t ino = 0;

	if (ext2fs_namei(img->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino))
		fail_msg("'%s' is not in the image", path);
	return ino;
}

static struct ext2_inode_large read_inode(struct image *img, const char *path)
{
	struct ext2_inode_large inode;

	assert_int_equal(ext2fs_read_inode_full(img->fs, lookup(img, path),
						(struct ext2_inode *)&inode, sizeof(inode)),
			 0);
	return inode;
}

static void check_content(struct image *img, const char *path, uint64_t at, const char *want,
			  unsigned int len)
{
	_cleanup_free_ char *buf = malloc(len + 1);
	unsigned int got;
	ext2_file_t file;

	assert_int_equal(ext2fs_file_open(img->fs, lookup(img, path), 0, &file), 0);
	assert_int_equal(ext2fs_file_llseek(file, at, EXT2_SEEK_SET, NULL), 0);
	assert_int_equal(ext2fs_file_read(file, buf, len, &got), 0);
	ext2fs_file_close(file);
	assert_int_equal(got, len);
	assert_memory_equal(buf, want, len);
}

static void check_xattr(struct image *img, const char *path, const char *key, const void *want,
			size_t len)
{
	struct ext2_xattr_handle *h;
	void *value;
	size_t got;

	assert_int_equal(ext2fs_xattrs_open(img->fs, lookup(img, path), &h), 0);
	assert_int_equal(ext2fs_xattrs_read(h), 0);
	if (ext2fs_xattr_get(h, key, &value, &got))
		fail_msg("'%s' has no %s", path, key);
	assert_int_equal(got, len);
	assert_memory_equal(value, want, len);
	ext2fs_free_mem(&value);
	ext2fs_xattrs_close(&h);
}

static size_t count_xattrs(struct image *img, const char *path)
{
	struct ext2_xattr_handle *h;
	size_t n = 0;

	assert_int_equal(ext2fs_xattrs_open(img->fs, lookup(img, path), &h), 0);
	assert_int_equal(ext2fs_xattrs_read(h), 0);
	assert_int_equal(ext2fs_xattrs_count(h, &n), 0);
	ext2fs_xattrs_close(&h);
	return n;
}

static int count_entry(struct ext2_dir_entry *de, int off, int size, char *buf, void *arg)
{
	(void)off;
	(void)size;
	(void)buf;
	*(int *)arg += de->inode != 0;
	return 0;
}

static int count_entries(struct image *img, const char *path)
{
	int n = 0;

	assert_int_equal(ext2fs_dir_iterate(img->fs, lookup(img, path), 0, NULL, count_entry, &n),
			 0);
	return n;
}

static const uint8_t caps[20] = {1, 0, 0, 2, 0, 32};

static void write_every_kind(const char *path)
{
	struct archive *a = tarfile_new(path);
	struct archive_entry *e;
	char long_target[300];

	tarfile_dir(a, "./");
	e = tarfile_entry("./d", AE_IFDIR);
	archive_entry_set_perm(e, 01777);
	archive_entry_set_uid(e, 70000);
	archive_entry_set_gid(e, 131072);
	tarfile_put(a, e, NULL, 0);
	e = tarfile_entry("./d/f", AE_IFREG);
	archive_entry_set_perm(e, 06755);
	archive_entry_set_mtime(e, 1234567890, 123456789);
	archive_entry_set_atime(e, 1111111111, 999999999);
	archive_entry_xattr_add_entry(e, "security.capability", caps, sizeof(caps));
	archive_entry_xattr_add_entry(e, "user.note", "hello", 5);
	archive_entry_xattr_add_entry(e, "trusted.empty", "", 0);
	tarfile_put(a, e, "contents", 8);
	tarfile_hardlink(a, "./hard", "./d/f");
	tarfile_symlink(a, "./short", "d/f");
	memset(long_target, 'l', sizeof(long_target));
	long_target[299] = '\0';
	tarfile_symlink(a, "./long", long_target);
	e = tarfile_entry("./null", AE_IFCHR);
	archive_entry_set_rdevmajor(e, 1);
	archive_entry_set_rdevminor(e, 3);
	tarfile_put(a, e, NULL, 0);
	e = tarfile_entry("./disk", AE_IFBLK);
	archive_entry_set_rdevmajor(e, 259);
	archive_entry_set_rdevminor(e, 70000);
	tarfile_put(a, e, NULL, 0);
	tarfile_put(a, tarfile_entry("./fifo", AE_IFIFO), NULL, 0);
	e = tarfile_entry("./old", AE_IFREG);
	archive_entry_set_mtime(e, -1000, 5);
	tarfile_put(a, e, NULL, 0);
	e = tarfile_entry("./future", AE_IFREG);
	archive_entry_set_mtime(e, 8000000000, 0);
	tarfile_put(a, e, NULL, 0);
	e = tarfile_entry("./acl", AE_IFREG);
	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 5, ARCHIVE_ENTRY_ACL_USER,
				    4242, "");
	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 7, ARCHIVE_ENTRY_ACL_MASK, -1,
				    "");
	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 6, ARCHIVE_ENTRY_ACL_USER_OBJ,
				    -1, "");
	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 4,
				    ARCHIVE_ENTRY_ACL_GROUP_OBJ, -1, "");
	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 4, ARCHIVE_ENTRY_ACL_OTHER,
				    -1, "");
	tarfile_put(a, e, NULL, 0);
	tarfile_file(a, "./\xff\xfe\n'\\ \x01 end", "any bytes");
	tarfile_file(a, "./\xc3\xa4\xe2\x82\xac", "utf-8");
	tarfile_close(a);
}

static void check_every_kind(struct image *img)
{
	/* posix_acl_xattr: version 2, (tag, perm, id); libext2fs shows 0 where there is no id. */
	static const uint8_t acl[] = {2, 0,    0,    0, 1, 0, 6,  0, 0, 0, 0, 0, 2, 0,	5,
				      0, 0x92, 0x10, 0, 0, 4, 0,  4, 0, 0, 0, 0, 0, 16, 0,
				      7, 0,    0,    0, 0, 0, 32, 0, 4, 0, 0, 0, 0, 0};
	struct ext2_inode_large i = read_inode(img, "d");

	assert_int_equal(i.i_mode, S_IFDIR | 01777);
	assert_int_equal(inode_uid(i), 70000);
	assert_int_equal(inode_gid(i), 131072);
	assert_int_equal(i.i_mtime, 1700000000);
	assert_int_equal(i.i_crtime, 1600000000);
	assert_int_equal(count_entries(img, "d"), 3);

	i = read_inode(img, "d/f");
	assert_int_equal(i.i_mode, S_IFREG | 06755);
	assert_int_equal(i.i_links_count, 2);
	assert_int_equal(i.i_mtime, 1234567890);
	assert_int_equal(i.i_mtime_extra >> 2, 123456789);
	assert_int_equal(i.i_atime, 1111111111);
	assert_int_equal(i.i_atime_extra >> 2, 999999999);
	assert_int_equal(lookup(img, "d/f"), lookup(img, "hard"));
	check_content(img, "hard", 0, "contents", 8);
	check_xattr(img, "d/f", "security.capability", caps, sizeof(caps));
	check_xattr(img, "d/f", "user.note", "hello", 5);
	check_xattr(img, "d/f", "trusted.empty", "", 0);

	i = read_inode(img, "null");
	assert_int_equal(i.i_mode & S_IFMT, S_IFCHR);
	assert_int_equal(i.i_block[0], 0x103);
	i = read_inode(img, "disk");
	assert_int_equal(i.i_mode & S_IFMT, S_IFBLK);
	assert_int_equal(i.i_block[0], 0);
	assert_int_equal(i.i_block[1], (70000 & 0xff) | 259 << 8 | (70000 & ~0xff) << 12);
	i = read_inode(img, "fifo");
	assert_int_equal(i.i_mode & S_IFMT, S_IFIFO);
	i = read_inode(img, "old");
	/* "-1000.000000005" in the tar. */
	assert_int_equal((int32_t)i.i_mtime, -1001);
	assert_int_equal(i.i_mtime_extra, 999999995u << 2);
	i = read_inode(img, "future");
	assert_int_equal(i.i_mtime, (uint32_t)8000000000);
	assert_int_equal(i.i_mtime_extra & 3, 2);
	check_xattr(img, "acl", "system.posix_acl_access", acl, sizeof(acl));
	/* The group's is the mask, not what the list says of the group. */
	assert_int_equal(read_inode(img, "acl").i_mode, S_IFREG | 0674);
	check_content(img, "\xff\xfe\n'\\ \x01 end", 0, "any bytes", 9);
	check_content(img, "\xc3\xa4\xe2\x82\xac", 0, "utf-8", 5);
	assert_int_equal(count_entries(img, "/"), 15);
}

/* The same tar without an image; NULL @why: must pass. */
static void vet_says(const char *tar, uint32_t max_id, const char *why)
{
	struct archive_entry *e;
	struct source *source;
	struct entries *in;
	struct err err = ERR_INIT;
	struct vet *vet;
	int r;

	assert_int_equal(source_open(tar, &source, &err), 0);
	assert_int_equal(entries_open(source, NULL, NULL, &in, &err), 0);
	assert_int_equal(vet_new(-EBADF, max_id, 1000, &vet, &err), 0);
	while ((r = entries_next(in, &e, &err)) == 1) {
		r = vet_entry(vet, e, &err);
		if (r == 0)
			r = entries_skip(in, &err);
		if (r < 0)
			break;
	}
	vet_free(vet);
	entries_close(in);
	source_close(source);
	assert_string_equal(err.msg, why ? why : "");
	assert_int_equal(r < 0, why != NULL);
}

static void every_kind_of_entry_comes_back(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "t.tar"), NULL};
	struct err err = ERR_INIT;
	struct ext2_inode_large i;
	struct image img;
	ext2_ino_t ino;

	write_every_kind(tars[0]);
	vet_says(tars[0], 0, NULL);
	if (create(f, "raw", tars, 32, PLOOP_FORMAT_RAW, 0, &err) < 0)
		fail_msg("%s", err.msg);
	if (create(f, "exp", tars, 32, PLOOP_FORMAT_EXPANDED, 0, &err) < 0)
		fail_msg("%s", err.msg);
	fsck(fixture_path(f, "raw/root.hds"));
	open_image(f, "raw", &img);
	check_every_kind(&img);
	assert_int_equal(ext2fs_lookup(img.fs, EXT2_ROOT_INO, "short", 5, NULL, &ino), 0);
	assert_int_equal(ext2fs_read_inode_full(img.fs, ino, (struct ext2_inode *)&i, sizeof(i)),
			 0);
	assert_int_equal(i.i_size, 3);
	assert_memory_equal(i.i_block, "d/f", 3);
	assert_int_equal(i.i_blocks, 0);
	assert_int_equal(ext2fs_lookup(img.fs, EXT2_ROOT_INO, "long", 4, NULL, &ino), 0);
	assert_int_equal(ext2fs_read_inode_full(img.fs, ino, (struct ext2_inode *)&i, sizeof(i)),
			 0);
	assert_int_equal(i.i_size, 299);
	close_image(&img);
	open_image(f, "exp", &img);
	check_every_kind(&img);
	close_image(&img);
}

/* 5 GiB with three islands: the holes are holes, the islands are where they were. */
static void sparse_files_stay_sparse(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "t.tar"), NULL};
	struct archive *a = tarfile_new(tars[0]);
	struct archive_entry *e = tarfile_entry("sparse", AE_IFREG);
	const int64_t at[] = {0, 1000000, 4500000000};
	_cleanup_free_ char *buf = calloc(1, 2000), *zeros = malloc(1 << 20);
	struct err err = ERR_INIT;
	struct ext2_inode_large i;
	struct image img;
	int64_t off;
	int k;

	archive_entry_set_size(e, 5 * (1ll << 30));
	for (k = 0; k < 3; k++)
		archive_entry_sparse_add_entry(e, at[k], 1000);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	archive_entry_free(e);
	memset(buf, 'S', 1000);
	/* libarchive skips what the map calls a hole, and wants the bytes all the same. */
	for (off = 0; off < 5 * (1ll << 30); off += 1 << 20) {
		memset(zeros, 0, 1 << 20);
		for (k = 0; k < 3; k++)
			if (at[k] >= off && at[k] < off + (1 << 20))
				memset(zeros + (at[k] - off), 'S', 1000);
		assert_int_equal(archive_write_data(a, zeros, 1 << 20), 1 << 20);
	}
	e = tarfile_entry("hole", AE_IFREG);
	archive_entry_set_size(e, 100000);
	archive_entry_sparse_add_entry(e, 100000, 0);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	memset(zeros, 0, 100000);
	assert_int_equal(archive_write_data(a, zeros, 100000), 100000);
	archive_entry_free(e);
	tarfile_close(a);

	if (create(f, "i", tars, 32, PLOOP_FORMAT_RAW, 0, &err) < 0)
		fail_msg("%s", err.msg);
	fsck(fixture_path(f, "i/root.hds"));
	open_image(f, "i", &img);
	i = read_inode(&img, "sparse");
	assert_true(EXT2_I_SIZE(&i) == 5ull << 30);
	assert_int_equal(i.i_blocks, 4 * 8);
	for (k = 0; k < 3; k++)
		check_content(&img, "sparse", (uint64_t)at[k], buf, 1000);
	check_content(&img, "sparse", 1001000, buf + 1000, 500);
	close_image(&img);
}

struct refusal {
	const char *name;
	void (*write)(struct archive *a);
	int code;
	const char *why;
};

static void w_dotdot(struct archive *a)
{
	tarfile_file(a, "a/../../etc/passwd", "x");
}

static void w_absolute(struct archive *a)
{
	tarfile_file(a, "/etc/passwd", "x");
}

static void w_through_link(struct archive *a)
{
	tarfile_symlink(a, "a", "/etc");
	tarfile_file(a, "a/passwd", "x");
}

static void w_dir_over_link(struct archive *a)
{
	tarfile_symlink(a, "lib", "usr/lib");
	tarfile_dir(a, "lib");
}

static void w_hard_outside(struct archive *a)
{
	tarfile_hardlink(a, "h", "../../etc/shadow");
}

static void w_hard_absolute(struct archive *a)
{
	tarfile_hardlink(a, "h", "/etc/shadow");
}

static void w_hard_missing(struct archive *a)
{
	tarfile_hardlink(a, "h", "nothing");
}

static void w_hard_through_link(struct archive *a)
{
	tarfile_symlink(a, "a", "/etc");
	tarfile_hardlink(a, "h", "a/shadow");
}

static void w_hard_dir(struct archive *a)
{
	tarfile_dir(a, "d");
	tarfile_hardlink(a, "h", "d");
}

static void w_through_file(struct archive *a)
{
	tarfile_file(a, "f", "x");
	tarfile_file(a, "f/g", "x");
}

static void w_file_over_dir(struct archive *a)
{
	tarfile_file(a, "d/x", "x");
	tarfile_file(a, "d", "x");
}

static void w_long_name(struct archive *a)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[299] = '\0';
	tarfile_file(a, name, "x");
}

static void w_owner(struct archive *a)
{
	struct archive_entry *e = tarfile_entry("own", AE_IFREG);

	archive_entry_set_uid(e, 65536);
	tarfile_put(a, e, NULL, 0);
}

static void w_xattr(struct archive *a)
{
	struct archive_entry *e = tarfile_entry("x", AE_IFREG);

	archive_entry_xattr_add_entry(e, "system.data", "x", 1);
	tarfile_put(a, e, NULL, 0);
}

/* libarchive has no more for what is larger than an int. */
static void w_text_acl(struct archive *a)
{
	struct archive_entry *e = tarfile_entry("x", AE_IFREG);

	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 5, ARCHIVE_ENTRY_ACL_GROUP,
				    INT_MAX, NULL);
	tarfile_put(a, e, NULL, 0);
}

/* Version 2, and one entry: a user of this number may read. */
static void w_raw_acl(struct archive *a)
{
	static const uint8_t acl[] = {2, 0, 0, 0, 2, 0, 4, 0, 0x70, 0x11, 1, 0};
	struct archive_entry *e = tarfile_entry("x", AE_IFREG);

	archive_entry_xattr_add_entry(e, "system.posix_acl_access", acl, sizeof(acl));
	tarfile_put(a, e, NULL, 0);
}

static void w_odd_acl(struct archive *a)
{
	static const uint8_t acl[] = {2, 0, 0, 0, 0x40, 0, 4, 0, 0, 0, 0, 0};
	struct archive_entry *e = tarfile_entry("x", AE_IFREG);

	archive_entry_xattr_add_entry(e, "system.posix_acl_access", acl, sizeof(acl));
	tarfile_put(a, e, NULL, 0);
}

/* Revision 3, effective, one capability, for the root 70000. */
static void w_capability(struct archive *a)
{
	static const uint8_t cap[24] = {1, 0, 0, 3, 0, 32, [20] = 0x70, 0x11, 1, 0};
	struct archive_entry *e = tarfile_entry("x", AE_IFREG);

	archive_entry_xattr_add_entry(e, "security.capability", cap, sizeof(cap));
	tarfile_put(a, e, NULL, 0);
}

static void w_short_acl(struct archive *a)
{
	struct archive_entry *e = tarfile_entry("x", AE_IFREG);

	archive_entry_xattr_add_entry(e, "system.posix_acl_default", "\2\0\0\0\1", 5);
	tarfile_put(a, e, NULL, 0);
}

static void w_big_xattr(struct archive *a)
{
	struct archive_entry *e = tarfile_entry("x", AE_IFREG);
	static char value[9000];

	archive_entry_xattr_add_entry(e, "user.big", value, sizeof(value));
	tarfile_put(a, e, NULL, 0);
}

/* Longer than libarchive reads: it would go on with the short name of the old header. */
static void w_huge_path(struct archive *a)
{
	static char name[(1 << 20) + 3];

	memset(name, 'x', sizeof(name) - 1);
	for (size_t i = 1; i < sizeof(name) - 1; i += 2)
		name[i] = '/';
	tarfile_file(a, name, "x");
}

static void w_time(struct archive *a)
{
	struct archive_entry *e = tarfile_entry("x", AE_IFREG);

	archive_entry_set_mtime(e, 99999999999, 0);
	tarfile_put(a, e, NULL, 0);
}

static void w_root_file(struct archive *a)
{
	tarfile_file(a, "./.", "x");
}

static void w_control(struct archive *a)
{
	tarfile_file(a, "a\033[2J/../x", "x");
}

static const struct refusal refusals[] = {
	{"dotdot", w_dotdot, EINVAL, "'..'"},
	{"absolute", w_absolute, EINVAL, "absolute"},
	{"through a link", w_through_link, ELOOP, "symbolic link 'a'"},
	{"directory over link", w_dir_over_link, ENOTDIR, "is a directory here"},
	{"hard link outside", w_hard_outside, EINVAL, "'..'"},
	{"hard link absolute", w_hard_absolute, EINVAL, "absolute"},
	{"hard link to nothing", w_hard_missing, ENOENT, "'nothing'"},
	{"hard link through a link", w_hard_through_link, ELOOP, "symbolic link 'a'"},
	{"hard link to a directory", w_hard_dir, EPERM, "directory 'd'"},
	{"through a file", w_through_file, ENOTDIR, "'f'"},
	{"file over directory", w_file_over_dir, EISDIR, "'d'"},
	{"long name", w_long_name, ENAMETOOLONG, "299"},
	{"owner", w_owner, ERANGE, "65535"},
	{"unknown attribute", w_xattr, EOPNOTSUPP, "system.data"},
	{"ACL of a user too high", w_raw_acl, ERANGE,
	 "an ACL for 70000; ids go up to 65535 here, 70001"},
	{"ACL of a user that cannot be told", w_text_acl, ERANGE, "an ACL as text"},
	{"ACL of no kind", w_odd_acl, EINVAL, "ACL"},
	{"capabilities of a root too high", w_capability, ERANGE, "capabilities for 70000; ids go"},
	{"ACL of half an entry", w_short_acl, EINVAL, "ACL"},
	{"big attribute", w_big_xattr, 0, "'x'"},
	{"a path of a megabyte", w_huge_path, EINVAL, ""},
	{"time", w_time, ERANGE, "time"},
	{"root is a file", w_root_file, EINVAL, "top directory"},
	{"control characters", w_control, EINVAL, "a\\033[2J"},
};

static void hostile_entries_are_refused_by_name(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const char *tars[] = {fixture_path(f, "t.tar"), NULL};
		struct archive *a = tarfile_new(tars[0]);
		_cleanup_free_ char *names = NULL;
		struct err err = ERR_INIT;
		int r;

		tarfile_file(a, "before", "x");
		refusals[i].write(a);
		tarfile_close(a);
		r = create(f, "i", tars, 16, PLOOP_FORMAT_RAW, 65535, &err);
		if (r >= 0 || (refusals[i].code && r != -refusals[i].code) ||
		    !strstr(err.msg, refusals[i].why) || !strstr(err.msg, "t.tar"))
			fail_msg("%s: %d %s", refusals[i].name, r, err.msg);
		/* How much fits beside an inode is the file system's to say. */
		if (refusals[i].write == w_big_xattr)
			vet_says(tars[0], 65535, NULL);
		else
			vet_says(tars[0], 65535, strstr(err.msg, "t.tar': ") + strlen("t.tar': "));
		names = fixture_list(f);
		assert_string_equal(names, "t.tar");
	}
}

static void later_entries_replace_and_directories_join(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "1.tar"), fixture_path(f, "2.tar"), NULL};
	struct archive *a = tarfile_new(tars[0]);
	struct archive_entry *e;
	struct err err = ERR_INIT;
	struct ext2_inode_large i;
	struct image img;
	char *big = malloc(100000);

	memset(big, 'b', 100000);
	e = tarfile_entry("etc", AE_IFDIR);
	archive_entry_xattr_add_entry(e, "user.old", "1", 1);
	/* Too long for the inode: has a block of its own, which must be free again. */
	archive_entry_xattr_add_entry(e, "user.long", big, 2000);
	tarfile_put(a, e, NULL, 0);
	tarfile_file(a, "etc/a", "first a");
	tarfile_put(a, tarfile_entry("etc/b", AE_IFREG), big, 100000);
	tarfile_hardlink(a, "etc/c", "etc/b");
	tarfile_file(a, "etc/a", "second a");
	tarfile_symlink(a, "etc/l", "a");
	tarfile_close(a);

	a = tarfile_new(tars[1]);
	e = tarfile_entry("etc", AE_IFDIR);
	archive_entry_set_perm(e, 0700);
	tarfile_put(a, e, NULL, 0);
	tarfile_file(a, "etc/b", "new b");
	tarfile_file(a, "etc/l", "no link any more");
	tarfile_hardlink(a, "etc/a", "etc/a");
	tarfile_file(a, "new/deep/file", "x");
	tarfile_close(a);

	if (create(f, "i", tars, 16, PLOOP_FORMAT_RAW, 0, &err) < 0)
		fail_msg("%s", err.msg);
	fsck(fixture_path(f, "i/root.hds"));
	open_image(f, "i", &img);
	check_content(&img, "etc/a", 0, "second a", 8);
	check_content(&img, "etc/b", 0, "new b", 5);
	check_content(&img, "etc/c", 99999, "b", 1);
	check_content(&img, "etc/l", 0, "no link", 7);
	i = read_inode(&img, "etc/c");
	assert_int_equal(i.i_links_count, 1);
	i = read_inode(&img, "etc");
	assert_int_equal(i.i_mode & 07777, 0700);
	assert_int_equal(count_xattrs(&img, "etc"), 0);
	assert_int_equal(count_entries(&img, "etc"), 6);
	i = read_inode(&img, "new/deep");
	assert_int_equal(i.i_mode, S_IFDIR | 0755);
	close_image(&img);
	free(big);
}

/* Blocks of a replaced file are used again, and nothing of it shows. */
static void reused_blocks_show_nothing_of_their_past(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "t.tar"), NULL};
	struct archive *a = tarfile_new(tars[0]);
	_cleanup_free_ char *big = malloc(5 << 20), *last = NULL;
	struct err err = ERR_INIT;
	struct image img;
	char name[20];
	int k;

	memset(big, 'X', 5 << 20);
	/* 12 MiB hold one such file at a time and a bit. */
	tarfile_put(a, tarfile_entry("a", AE_IFREG), big, 5 << 20);
	tarfile_file(a, "a", "small");
	for (k = 0; k < 1200; k++) {
		snprintf(name, sizeof(name), "f%d", k);
		tarfile_file(a, name, "tiny");
	}
	tarfile_close(a);
	if (create(f, "i", tars, 16, PLOOP_FORMAT_RAW, 0, &err) < 0)
		fail_msg("%s", err.msg);
	fsck(fixture_path(f, "i/root.hds"));
	open_image(f, "i", &img);
	last = malloc(4096);
	for (k = 0; k < 1200; k++) {
		blk64_t blk;
		ext2_ino_t ino;

		snprintf(name, sizeof(name), "f%d", k);
		ino = lookup(&img, name);
		assert_int_equal(ext2fs_bmap2(img.fs, ino, NULL, NULL, 0, 0, NULL, &blk), 0);
		assert_int_equal(io_channel_read_blk64(img.fs->io, blk, 1, last), 0);
		assert_memory_equal(last, "tiny\0", 5);
		assert_int_equal(last[4095], 0);
	}
	close_image(&img);
}

static void long_directories_have_their_tree(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "t.tar"), NULL};
	struct archive *a = tarfile_new(tars[0]);
	struct err err = ERR_INIT;
	struct ext2_inode_large i;
	struct image img;
	char name[260];
	int k;

	for (k = 0; k < 3000; k++) {
		snprintf(name, sizeof(name), "some/%0*d", 10 + k % 200, k);
		tarfile_file(a, name, "");
	}
	/* Enough for a second level: more than 507 leaves. */
	for (k = 0; k < 9000; k++) {
		snprintf(name, sizeof(name), "many/%0240d", k);
		if (k == 0)
			tarfile_file(a, name, "");
		else
			tarfile_hardlink(a, name, k % 2 ? "some/0000000000" : "some/00000000001");
	}
	tarfile_close(a);
	if (create(f, "i", tars, 64, PLOOP_FORMAT_RAW, 0, &err) < 0)
		fail_msg("%s", err.msg);
	fsck(fixture_path(f, "i/root.hds"));
	open_image(f, "i", &img);
	i = read_inode(&img, "some");
	assert_true(i.i_flags & EXT2_INDEX_FL);
	i = read_inode(&img, "many");
	assert_true(i.i_flags & EXT2_INDEX_FL);
	assert_true(i.i_size > 507 * 4096);
	assert_int_equal(count_entries(&img, "some"), 3002);
	assert_int_equal(count_entries(&img, "many"), 9002);
	close_image(&img);
}

static void too_small_says_how_much_is_needed(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "t.tar"), NULL};
	struct archive *a = tarfile_new(tars[0]);
	_cleanup_free_ char *big = malloc(1 << 20), *names = NULL;
	struct err err = ERR_INIT;
	char name[20];
	unsigned int mib = 0;
	int k;

	memset(big, 'X', 1 << 20);
	for (k = 0; k < 40; k++) {
		snprintf(name, sizeof(name), "f%d", k);
		tarfile_put(a, tarfile_entry(name, AE_IFREG), big, 1 << 20);
	}
	tarfile_close(a);
	for (k = 4; k <= 32; k += 14) {
		const char *at;

		assert_int_equal(create(f, "i", tars, (uint64_t)k, PLOOP_FORMAT_EXPANDED, 0, &err),
				 -ENOSPC);
		at = strstr(err.msg, "at least ");
		assert_non_null(at);
		assert_int_equal(sscanf(at, "at least %uM is needed", &mib), 1);
	}
	names = fixture_list(f);
	assert_string_equal(names, "t.tar");
	assert_true(mib > 40 && mib < 64);
	if (create(f, "i", tars, mib, PLOOP_FORMAT_RAW, 0, &err) < 0)
		fail_msg("%u was not enough: %s", mib, err.msg);
	fsck(fixture_path(f, "i/root.hds"));
}

static void write_at(const char *path, off_t off, const char *data)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, data, strlen(data), off), (ssize_t)strlen(data));
	close(fd);
}

static void damaged_archives_leave_nothing(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "t.tar"), NULL};
	struct stat st;
	off_t cut;
	int k;

	for (k = 0; k < 6; k++) {
		struct archive *a = tarfile_new(tars[0]);
		_cleanup_free_ char *names = NULL;
		struct err err = ERR_INIT;

		tarfile_file(a, "a", "some text");
		tarfile_file(a, "b", "some text");
		tarfile_close(a);
		assert_int_equal(stat(tars[0], &st), 0);
		/* In a header, in data, behind the last entry, at the start; then a wrong checksum, no tar. */
		cut = (off_t[]){700, 1030, 2048, 0, -1, -1}[k];
		if (cut >= 0)
			assert_int_equal(truncate(tars[0], cut), 0);
		if (k == 4)
			write_at(tars[0], 1024 + 3, "damage");
		if (k == 5)
			write_at(tars[0], 0, "this is a text and no tar archive at all");
		if (create(f, "i", tars, 16, PLOOP_FORMAT_RAW, 0, &err) != -EINVAL ||
		    !strstr(err.msg, "t.tar"))
			fail_msg("case %d: %d %s", k, err.code, err.msg);
		names = fixture_list(f);
		assert_string_equal(names, "t.tar");
	}
}

static void the_same_input_gives_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "t.tar"), NULL};
	_cleanup_free_ char *a = NULL, *b = NULL;
	struct err err = ERR_INIT;
	size_t la, lb;

	write_every_kind(tars[0]);
	assert_int_equal(create(f, "a", tars, 16, PLOOP_FORMAT_EXPANDED, 0, &err), 0);
	sleep(1);
	assert_int_equal(create(f, "b", tars, 16, PLOOP_FORMAT_EXPANDED, 0, &err), 0);
	assert_int_equal(io_read_file(f->dirfd, "a/root.hds", 64 << 20, &a, &la, &err), 0);
	assert_int_equal(io_read_file(f->dirfd, "b/root.hds", 64 << 20, &b, &lb, &err), 0);
	assert_int_equal(la, lb);
	assert_memory_equal(a, b, la);
}

/* The host's disk, not the image, is full: that is no reason to ask for a larger image. */
static void a_full_host_is_said_to_be_one(void **state)
{
	struct fixture *f = *state;
	const char *tars[] = {fixture_path(f, "t.tar"), NULL};
	struct err err = ERR_INIT;
	_cleanup_free_ char *names = NULL;

	write_every_kind(tars[0]);
	fixture_cut_writes(3, ENOSPC);
	assert_int_equal(create(f, "i", tars, 16, PLOOP_FORMAT_EXPANDED, 0, &err), -ENOSPC);
	fixture_cut_writes(-1, 0);
	assert_null(strstr(err.msg, "at least"));
	names = fixture_list(f);
	assert_string_equal(names, "t.tar");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(every_kind_of_entry_comes_back),
		fixture_test(sparse_files_stay_sparse),
		fixture_test(hostile_entries_are_refused_by_name),
		fixture_test(later_entries_replace_and_directories_join),
		fixture_test(reused_blocks_show_nothing_of_their_past),
		fixture_test(long_directories_have_their_tree),
		fixture_test(too_small_says_how_much_is_needed),
		fixture_test(damaged_archives_leave_nothing),
		fixture_test(the_same_input_gives_the_same_bytes),
		fixture_test(a_full_host_is_said_to_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
