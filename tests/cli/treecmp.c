/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * treecmp IMAGE TAR - whether the file system in IMAGE (raw; "FILE?offset=N"
 * begins at N) is what TAR says, entry by entry, and has nothing else: types,
 * modes, owners, times with nanoseconds, sizes, contents, holes, links,
 * targets, device numbers, extended attributes. Nothing of our own reads the
 * image: only libext2fs with its usual manager.
 *
 * Prints each difference; 0: none, 1: some, 2: cannot tell. A tar that names a
 * thing twice, or has ACLs as text, is none for this program.
 */
#include <locale.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <archive.h>
#include <archive_entry.h>

#include "tree.h"

#define FLAGS	 (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL | EXT2_NODUMP_FL | EXT2_NOATIME_FL)
#define CHUNK	 65536
#define TOLD_MAX 20

static ext2_filsys fs;
static uint32_t *names; /* how often the tar names an inode */
static unsigned long entries, differences;

static void __attribute__((format(printf, 2, 3))) differs(const char *path, const char *fmt, ...)
{
	va_list ap;

	if (differences++ >= TOLD_MAX)
		return;
	printf("%s: ", path);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void same(const char *path, const char *what, long long got, long long want)
{
	if (got != want)
		differs(path, "%s is %lld, not %lld", what, got, want);
}

static ext2_ino_t find(const char *path)
{
	ext2_ino_t ino = 0;

	if (ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino))
		return 0;
	return ino;
}

static void check_time(const char *path, const char *what, uint32_t low, uint32_t extra,
		       int64_t sec, long nsec)
{
	int64_t got = tree_seconds(low, extra);

	if (got != sec || (long)tree_nanoseconds(extra) != nsec)
		differs(path, "%s is %lld.%09u, not %lld.%09ld", what, (long long)got,
			tree_nanoseconds(extra), (long long)sec, nsec);
}

static void check_device(const char *path, struct archive_entry *e, const uint32_t *block)
{
	unsigned int maj, min;

	tree_device(block, &maj, &min);
	same(path, "major number", maj, (long long)archive_entry_rdevmajor(e));
	same(path, "minor number", min, (long long)archive_entry_rdevminor(e));
}

/* An ACL's entries that name nobody have no id on disk, and libext2fs reads one that is 0. */
static bool is_same_value(const char *key, const uint8_t *got, const uint8_t *want, size_t len)
{
	static const uint8_t none[2][4] = {{0}, {0xff, 0xff, 0xff, 0xff}};

	if (strncmp(key, "system.posix_acl_", 17) != 0 || len % 8 != 4)
		return memcmp(got, want, len) == 0;
	for (size_t i = 4; i < len; i += 8) {
		bool named = want[i] == 0x02 || want[i] == 0x08;

		if (memcmp(got + i, want + i, 4) != 0 ||
		    memcmp(got + i + 4, named ? want + i + 4 : none[0], 4) != 0 ||
		    (!named && memcmp(want + i + 4, none[1], 4) != 0))
			return false;
	}
	return memcmp(got, want, 4) == 0;
}

static void check_xattrs(const char *path, struct archive_entry *e, ext2_ino_t ino)
{
	struct ext2_xattr_handle *h;
	const char *key;
	const void *want;
	size_t want_len, len, n = 0;
	void *value;

	if (archive_entry_acl_types(e))
		give_up("%s: has an ACL as text", path);
	if (ext2fs_xattrs_open(fs, ino, &h) || ext2fs_xattrs_read(h) || ext2fs_xattrs_count(h, &n))
		give_up("%s: cannot read its attributes", path);
	same(path, "number of attributes", (long long)n, archive_entry_xattr_count(e));
	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &key, &want, &want_len) == ARCHIVE_OK) {
		if (ext2fs_xattr_get(h, key, &value, &len)) {
			differs(path, "has no attribute %s", key);
			continue;
		}
		if (len != want_len || !is_same_value(key, value, want, len))
			differs(path, "attribute %s has another value", key);
		ext2fs_free_mem(&value);
	}
	ext2fs_xattrs_close(&h);
}

/* What the tar has no data for: zeros, and whole blocks of it are not there at all. */
static void check_hole(const char *path, ext2_ino_t ino, ext2_file_t file, uint64_t from,
		       uint64_t to)
{
	static const char zero[CHUNK];
	char buf[CHUNK];
	uint64_t size = fs->blocksize;

	while (from < to) {
		uint64_t n = size - from % size;
		unsigned int got;
		blk64_t block;
		int flags;

		if (n > to - from)
			n = to - from;
		if (n == size && ext2fs_bmap2(fs, ino, NULL, NULL, 0, from / size, &flags, &block))
			give_up("%s: cannot map its blocks", path);
		if (n == size && block)
			differs(path, "has a block in a hole, at %llu", (unsigned long long)from);
		if (ext2fs_file_llseek(file, from, EXT2_SEEK_SET, NULL) ||
		    ext2fs_file_read(file, buf, (unsigned int)n, &got) || got != n)
			give_up("%s: cannot read it", path);
		if (memcmp(buf, zero, n) != 0)
			differs(path, "is not zero in a hole, at %llu", (unsigned long long)from);
		from += n;
	}
}

static void check_data(const char *path, ext2_file_t file, uint64_t at, const char *want,
		       size_t len)
{
	char buf[CHUNK];

	if (ext2fs_file_llseek(file, at, EXT2_SEEK_SET, NULL))
		give_up("%s: cannot read it", path);
	while (len) {
		unsigned int got, n = len < sizeof(buf) ? (unsigned int)len : sizeof(buf);

		if (ext2fs_file_read(file, buf, n, &got) || got != n) {
			differs(path, "is cut off");
			return;
		}
		if (memcmp(buf, want, n) != 0) {
			differs(path, "has other contents");
			return;
		}
		want += n;
		len -= n;
	}
}

static void check_contents(const char *path, struct archive *a, struct archive_entry *e,
			   ext2_ino_t ino)
{
	uint64_t size = (uint64_t)archive_entry_size(e), at = 0;
	ext2_file_t file;
	const void *data;
	int64_t offset;
	size_t len;
	int r;

	if (ext2fs_file_open(fs, ino, 0, &file))
		give_up("%s: cannot open it", path);
	while ((r = archive_read_data_block(a, &data, &len, &offset)) == ARCHIVE_OK) {
		if (!len)
			continue;
		check_hole(path, ino, file, at, (uint64_t)offset);
		check_data(path, file, (uint64_t)offset, data, len);
		at = (uint64_t)offset + len;
	}
	if (r != ARCHIVE_EOF)
		give_up("%s: %s", path, archive_error_string(a));
	check_hole(path, ino, file, at, size);
	ext2fs_file_close(file);
}

static void check_target(const char *path, const char *want, ext2_ino_t ino,
			 struct ext2_inode_large *inode)
{
	char *got = tree_target(fs, path, ino, inode);

	if (strcmp(got, want) != 0)
		differs(path, "leads to '%s', not '%s'", got, want);
	free(got);
}

static void check_inode(const char *path, struct archive *a, struct archive_entry *e,
			ext2_ino_t ino)
{
	struct ext2_inode_large i;

	if (ext2fs_read_inode_full(fs, ino, (struct ext2_inode *)&i, sizeof(i)))
		give_up("%s: cannot read its inode", path);
	if (i.i_mode != archive_entry_mode(e))
		differs(path, "mode is %o, not %o", i.i_mode, (unsigned int)archive_entry_mode(e));
	same(path, "owner", inode_uid(i), archive_entry_uid(e));
	same(path, "group", inode_gid(i), archive_entry_gid(e));
	check_time(path, "mtime", i.i_mtime, i.i_mtime_extra, archive_entry_mtime(e),
		   archive_entry_mtime_nsec(e));
	if (archive_entry_atime_is_set(e))
		check_time(path, "atime", i.i_atime, i.i_atime_extra, archive_entry_atime(e),
			   archive_entry_atime_nsec(e));
	check_xattrs(path, e, ino);
	if (S_ISREG(i.i_mode)) {
		unsigned long set, clear;

		archive_entry_fflags(e, &set, &clear);
		same(path, "flags", i.i_flags & FLAGS, (long long)(set & FLAGS));
		same(path, "size", (long long)EXT2_I_SIZE(&i), archive_entry_size(e));
		if ((int64_t)EXT2_I_SIZE(&i) == archive_entry_size(e))
			check_contents(path, a, e, ino);
	} else if (S_ISLNK(i.i_mode)) {
		check_target(path, archive_entry_symlink(e), ino, &i);
	} else if (S_ISCHR(i.i_mode) || S_ISBLK(i.i_mode)) {
		check_device(path, e, i.i_block);
	}
}

static void check_entry(struct archive *a, struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e), *first = archive_entry_hardlink(e);
	ext2_ino_t ino = find(path);

	if (!ino) {
		differs(path, "is not there");
		return;
	}
	entries++;
	names[ino]++;
	if (first) {
		if (find(first) != ino)
			differs(path, "is not the same file as '%s'", first);
		return;
	}
	if (names[ino] > 1)
		give_up("%s: the tar names it twice", path);
	check_inode(path, a, e, ino);
}

/* The other way round: a name of the image, and the directories below it. */
static int count_name(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset, int size,
		      char *buf, void *arg)
{
	unsigned long *found = arg;
	size_t len = (size_t)ext2fs_dirent_name_len(de);
	struct ext2_inode inode;

	(void)offset, (void)size, (void)buf;
	if (entry != DIRENT_OTHER_FILE ||
	    (dir == EXT2_ROOT_INO && len == 10 && memcmp(de->name, "lost+found", 10) == 0))
		return 0;
	(*found)++;
	if (!names[de->inode])
		differs("image", "has '%.*s', which the tar has not", (int)len, de->name);
	if (ext2fs_read_inode(fs, de->inode, &inode))
		give_up("cannot read inode %u", de->inode);
	if (LINUX_S_ISDIR(inode.i_mode)) {
		if (ext2fs_dir_iterate2(fs, de->inode, 0, NULL, count_name, arg))
			give_up("cannot read directory %u", de->inode);
		return 0;
	}
	if (inode.i_links_count != names[de->inode])
		differs("image", "'%.*s' has %u links, the tar %u names", (int)len, de->name,
			inode.i_links_count, names[de->inode]);
	return 0;
}

int main(int argc, char **argv)
{
	struct archive *a = archive_read_new();
	unsigned long found = 0;
	struct archive_entry *e;
	int r;

	/* Names are bytes; that one is no UTF-8 is told and no matter. */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (argc != 3)
		give_up("usage: treecmp IMAGE[?offset=N] TAR");
	archive_read_support_filter_all(a);
	archive_read_support_format_tar(a);
	fs = tree_open(argv[1]);
	if (ext2fs_read_bitmaps(fs))
		give_up("cannot open the image '%s'", argv[1]);
	if (archive_read_open_filename(a, argv[2], CHUNK) != ARCHIVE_OK)
		give_up("%s", archive_error_string(a));
	names = calloc(fs->super->s_inodes_count + 1, sizeof(*names));
	if (!names)
		give_up("out of memory");
	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK ||
	       (r == ARCHIVE_WARN && strstr(archive_error_string(a), "be converted")))
		check_entry(a, e);
	if (r != ARCHIVE_EOF)
		give_up("%s", archive_error_string(a));
	found = names[EXT2_ROOT_INO];
	if (ext2fs_dir_iterate2(fs, EXT2_ROOT_INO, 0, NULL, count_name, &found))
		give_up("cannot read a directory");
	same("image", "number of names", (long long)found, (long long)entries);
	archive_read_free(a);
	ext2fs_close_free(&fs);
	free(names);
	printf("%lu entries, %lu differences\n", entries, differences);
	return differences != 0 || entries == 0;
}
