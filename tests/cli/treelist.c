/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * treelist IMAGE - every file in the file system in IMAGE (raw; "FILE?offset=N"
 * begins at N), a line for each thing that there is to know of it, in the
 * words of nasty.pl, in no order. Nothing of our own reads the image: only libext2fs
 * with its usual manager. lost+found is left out.
 */
#include <ctype.h>
#include <stdbool.h>

#include "tree.h"

#define LINK_MAX_BYTES 4096u

struct at {
	char *path; /* as it is shown */
	ext2_ino_t ino;
};

static ext2_filsys fs;
static char **first; /* by inode: the name that is the first of all, as bytes */

static void show(const char *s, size_t len)
{
	if (!len)
		putchar('.');
	for (; len; len--, s++) {
		if (isalnum((unsigned char)*s) || strchr("./_-", *s ? *s : ' '))
			putchar(*s);
		else
			printf("%%%02X", (unsigned char)*s);
	}
}

static void begin(const char *path, const char *what)
{
	show(path, strlen(path));
	printf(" %s ", what);
}

static void hex(const void *value, size_t len)
{
	const unsigned char *p = value;

	for (; len; len--)
		printf("%02x", *p++);
	putchar('\n');
}

static void show_time(const char *path, const char *what, uint32_t low, uint32_t extra)
{
	begin(path, what);
	printf("%lld.%09u\n", (long long)tree_seconds(low, extra), tree_nanoseconds(extra));
}

/* An ACL's entries that name nobody have no id on disk; libext2fs says 0, the kernel -1. */
static void fill_acl(const char *key, unsigned char *value, size_t len)
{
	size_t i;

	for (i = 4; strncmp(key, "system.posix_acl_", 17) == 0 && i + 8 <= len; i += 8)
		if (value[i] != 0x02 && value[i] != 0x08)
			memset(value + i + 4, 0xff, 4);
}

static int show_attribute(char *key, char *raw, size_t raw_len, void *arg)
{
	const struct at *at = arg;
	struct ext2_xattr_handle *h;
	size_t len;
	void *value;

	(void)raw, (void)raw_len;
	if (ext2fs_xattrs_open(fs, at->ino, &h) || ext2fs_xattrs_read(h) ||
	    ext2fs_xattr_get(h, key, &value, &len))
		give_up("%s: cannot read attribute %s", at->path, key);
	fill_acl(key, value, len);
	begin(at->path, "attribute");
	show(key, strlen(key));
	putchar(' ');
	hex(value, len);
	ext2fs_free_mem(&value);
	ext2fs_xattrs_close(&h);
	return 0;
}

static void show_attributes(struct at *at)
{
	struct ext2_xattr_handle *h;

	if (ext2fs_xattrs_open(fs, at->ino, &h) || ext2fs_xattrs_read(h) ||
	    ext2fs_xattrs_iterate(h, show_attribute, at))
		give_up("%s: cannot read its attributes", at->path);
	ext2fs_xattrs_close(&h);
}

static int show_block(ext2_filsys f, blk64_t *block, e2_blkcnt_t n, blk64_t ref, int ref_offset,
		      void *arg)
{
	const struct at *at = arg;
	char buf[4096];

	(void)ref, (void)ref_offset;
	if (n < 0)
		return 0;
	if (f->blocksize != sizeof(buf) || io_channel_read_blk64(f->io, *block, 1, buf))
		give_up("%s: cannot read block %lld", at->path, (long long)n);
	begin(at->path, "block");
	printf("%lld ", (long long)n);
	hex(buf, sizeof(buf));
	return 0;
}

static void show_target(const struct at *at, struct ext2_inode_large *inode)
{
	char *target;

	if (inode->i_size > LINK_MAX_BYTES)
		give_up("%s: the link is too long", at->path);
	target = tree_target(fs, at->path, at->ino, inode);
	begin(at->path, "target");
	show(target, inode->i_size);
	putchar('\n');
	free(target);
}

static void show_device(const struct at *at, const uint32_t *block)
{
	unsigned int maj, min;

	tree_device(block, &maj, &min);
	begin(at->path, "device");
	printf("%u:%u\n", maj, min);
}

static char type_of(uint16_t mode)
{
	if (LINUX_S_ISDIR(mode))
		return 'd';
	if (LINUX_S_ISLNK(mode))
		return 'l';
	if (LINUX_S_ISCHR(mode))
		return 'c';
	if (LINUX_S_ISBLK(mode))
		return 'b';
	if (LINUX_S_ISFIFO(mode))
		return 'p';
	return LINUX_S_ISREG(mode) ? 'f' : '?';
}

static void show_file(struct at *at)
{
	struct ext2_inode_large i;
	char type;

	if (ext2fs_read_inode_full(fs, at->ino, (struct ext2_inode *)&i, sizeof(i)))
		give_up("%s: cannot read its inode", at->path);
	type = type_of(i.i_mode);
	begin(at->path, "type");
	printf("%c mode %o owner %u:%u\n", type, i.i_mode & 07777u, inode_uid(i), inode_gid(i));
	show_time(at->path, "mtime", i.i_mtime, i.i_mtime_extra);
	show_time(at->path, "atime", i.i_atime, i.i_atime_extra);
	show_attributes(at);
	if (type == 'd')
		return;
	begin(at->path, "links");
	printf("%u\n", i.i_links_count);
	if (type == 'l')
		show_target(at, &i);
	if (type == 'c' || type == 'b')
		show_device(at, i.i_block);
	if (type != 'f')
		return;
	begin(at->path, "size");
	printf("%llu\n", (unsigned long long)EXT2_I_SIZE(&i));
	if (ext2fs_block_iterate3(fs, at->ino, BLOCK_FLAG_DATA_ONLY | BLOCK_FLAG_READ_ONLY, NULL,
				  show_block, at))
		give_up("%s: cannot map its blocks", at->path);
}

typedef void (*visit_fn)(const char *path, ext2_ino_t ino);

struct walk {
	const char *dir;
	visit_fn visit;
};

static void walk(const char *dir, ext2_ino_t ino, visit_fn visit);

static int take_name(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset, int size,
		     char *buf, void *arg)
{
	const struct walk *w = arg;
	struct ext2_inode inode;
	char *path;

	(void)dir, (void)offset, (void)size, (void)buf;
	if (entry != DIRENT_OTHER_FILE)
		return 0;
	if (asprintf(&path, "%s%s%.*s", w->dir, *w->dir ? "/" : "", ext2fs_dirent_name_len(de),
		     de->name) < 0)
		give_up("out of memory");
	if (strcmp(path, "lost+found") != 0) {
		w->visit(path, de->inode);
		if (ext2fs_read_inode(fs, de->inode, &inode))
			give_up("%s: cannot read its inode", path);
		if (LINUX_S_ISDIR(inode.i_mode))
			walk(path, de->inode, w->visit);
	}
	free(path);
	return 0;
}

static void walk(const char *dir, ext2_ino_t ino, visit_fn visit)
{
	struct walk w = {dir, visit};

	if (ext2fs_dir_iterate2(fs, ino, 0, NULL, take_name, &w))
		give_up("%s: cannot read the directory", dir);
}

static void find_first(const char *path, ext2_ino_t ino)
{
	if (first[ino] && strcmp(first[ino], path) <= 0)
		return;
	free(first[ino]);
	first[ino] = strdup(path);
	if (!first[ino])
		give_up("out of memory");
}

static void show_name(const char *path, ext2_ino_t ino)
{
	struct at at = {first[ino], ino};

	if (strcmp(first[ino], path) == 0) {
		show_file(&at);
		return;
	}
	begin(path, "is");
	show(first[ino], strlen(first[ino]));
	putchar('\n');
}

int main(int argc, char **argv)
{
	ext2_ino_t ino;

	if (argc != 2)
		give_up("usage: treelist IMAGE[?offset=N]");
	fs = tree_open(argv[1]);
	first = calloc(fs->super->s_inodes_count + 1, sizeof(*first));
	if (!first)
		give_up("out of memory");
	find_first("", EXT2_ROOT_INO);
	walk("", EXT2_ROOT_INO, find_first);
	show_name("", EXT2_ROOT_INO);
	walk("", EXT2_ROOT_INO, show_name);
	for (ino = 0; ino <= fs->super->s_inodes_count; ino++)
		free(first[ino]);
	free(first);
	ext2fs_close_free(&fs);
	return fflush(stdout) ? 2 : 0;
}
