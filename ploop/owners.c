/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All inodes that are in use, in the order of the disk; attributes are read only
 * of those that have any. The largest id is the one that is told, since a
 * range that holds it holds all. Its file's name is looked for after that.
 */
#include "owners.h"

#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <ext2fs/ext2fs.h>

#include "acl.h"
#include "cleanup.h"
#include "err.h"
#include "ext_io.h"
#include "strbuf.h"

struct owners {
	ext2_filsys fs;
	uint32_t max_id; /* the largest seen, and no less than what is allowed */
	ext2_ino_t ino;	 /* its file; 0: none is above that */
	const char *how; /* it is in it */
	struct strbuf name;
};

struct naming {
	struct owners *o;
	ext2_ino_t dir;
};

static void look(struct owners *o, ext2_ino_t ino, uint32_t id, const char *how)
{
	if (id <= o->max_id)
		return;
	o->max_id = id;
	o->ino = ino;
	o->how = how;
}

static void look_at_acl(struct owners *o, ext2_ino_t ino, const void *value, size_t len)
{
	const struct acl *acl = value;
	size_t i, n = len < sizeof(acl->version)
			      ? 0
			      : (len - sizeof(acl->version)) / sizeof(acl->entries[0]);

	for (i = 0; i < n && i < ACL_ENTRIES_MAX; i++) {
		uint16_t tag = le16toh(acl->entries[i].tag);

		if (tag == ACL_USER || tag == ACL_GROUP)
			look(o, ino, le32toh(acl->entries[i].id), "has an ACL for");
	}
}

static void look_at_capability(struct owners *o, ext2_ino_t ino, const void *value, size_t len)
{
	struct vfs_ns_cap_data cap;

	if (len != sizeof(cap))
		return;
	memcpy(&cap, value, sizeof(cap));
	if ((le32toh(cap.magic_etc) & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_3)
		look(o, ino, le32toh(cap.rootid), "has capabilities for");
}

static const struct {
	const char *key;
	void (*look)(struct owners *o, ext2_ino_t ino, const void *value, size_t len);
} attributes[] = {
	{"system.posix_acl_access", look_at_acl},
	{"system.posix_acl_default", look_at_acl},
	{"security.capability", look_at_capability},
};

static errcode_t look_at_attributes(struct owners *o, ext2_ino_t ino)
{
	struct ext2_xattr_handle *h;
	errcode_t code = ext2fs_xattrs_open(o->fs, ino, &h);
	size_t i, len;
	void *value;

	if (code)
		return code;
	code = ext2fs_xattrs_read(h);
	for (i = 0; !code && i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		code = ext2fs_xattr_get(h, attributes[i].key, &value, &len);
		if (code == EXT2_ET_EA_KEY_NOT_FOUND) {
			code = 0;
		} else if (!code) {
			attributes[i].look(o, ino, value, len);
			ext2fs_free_mem(&value);
		}
	}
	ext2fs_xattrs_close(&h);
	return code;
}

static bool has_attributes(ext2_filsys fs, const struct ext2_inode_large *inode)
{
	size_t at = EXT2_GOOD_OLD_INODE_SIZE + inode->i_extra_isize;
	uint32_t magic;

	if (ext2fs_file_acl_block(fs, (const struct ext2_inode *)inode))
		return true;
	if (EXT2_INODE_SIZE(fs->super) <= EXT2_GOOD_OLD_INODE_SIZE ||
	    at + sizeof(magic) > EXT2_INODE_SIZE(fs->super))
		return false;
	memcpy(&magic, (const char *)inode + at, sizeof(magic));
	return le32toh(magic) == EXT2_EXT_ATTR_MAGIC;
}

static errcode_t look_at_all(struct owners *o)
{
	_cleanup_free_ struct ext2_inode_large *inode = NULL;
	size_t size = EXT2_INODE_SIZE(o->fs->super);
	ext2_inode_scan scan;
	ext2_ino_t ino;
	errcode_t code;

	size = size < sizeof(*inode) ? sizeof(*inode) : size;
	inode = calloc(1, size);
	if (!inode)
		return ENOMEM;
	code = ext2fs_open_inode_scan(o->fs, 0, &scan);
	if (code)
		return code;
	while (!(code = ext2fs_get_next_inode_full(scan, &ino, (struct ext2_inode *)inode,
						   (int)size)) &&
	       ino) {
		if (!inode->i_links_count)
			continue;
		look(o, ino, inode_uid(*inode), "belongs to");
		look(o, ino, inode_gid(*inode), "belongs to the group");
		if (has_attributes(o->fs, inode))
			code = look_at_attributes(o, ino);
		if (code)
			break;
	}
	ext2fs_close_inode_scan(scan);
	return code;
}

static int find_name(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset,
		     int block_bytes, char *block, void *arg)
{
	struct naming *n = arg;
	char *path;

	(void)offset;
	(void)block_bytes;
	(void)block;
	if (entry != DIRENT_OTHER_FILE || de->inode != n->o->ino)
		return 0;
	if (ext2fs_get_pathname(n->o->fs, dir, de->inode, &path))
		return 0;
	strbuf_add_printable(&n->o->name, path, strlen(path), "'");
	ext2fs_free_mem(&path);
	return DIRENT_ABORT;
}

/* The first name that there is, in the order of the disk; the number when there is none. */
static void name_it(struct owners *o)
{
	struct naming n = {.o = o};
	struct ext2_inode inode;
	ext2_inode_scan scan;
	ext2_ino_t dir;

	if (o->ino == EXT2_ROOT_INO)
		strbuf_add(&o->name, "/");
	else if (ext2fs_open_inode_scan(o->fs, 0, &scan) == 0) {
		while (!o->name.len && ext2fs_get_next_inode(scan, &dir, &inode) == 0 && dir)
			if (inode.i_links_count && LINUX_S_ISDIR(inode.i_mode))
				ext2fs_dir_iterate2(o->fs, dir, 0, NULL, find_name, &n);
		ext2fs_close_inode_scan(scan);
	}
	if (!o->name.len)
		strbuf_addf(&o->name, "inode %u", o->ino);
}

int owners_check(const char *dev, uint32_t max_id, struct err *err)
{
	struct owners o = {.max_id = max_id, .name = STRBUF_INIT};
	errcode_t code = ext2fs_open(dev, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &o.fs);
	int r = 0;

	if (code)
		return err_set(err, EUCLEAN, "has a file system that cannot be read: %s",
			       error_message(code));
	code = look_at_all(&o);
	if (code) {
		r = err_set(err, EUCLEAN, "has owners that cannot be read: %s",
			    error_message(code));
	} else if (o.ino) {
		name_it(&o);
		r = err_set(err, ERANGE,
			    "has a file '%s' that %s %u; ids go up to %u here, %llu are needed",
			    o.name.s ? o.name.s : "", o.how, o.max_id, max_id,
			    (unsigned long long)o.max_id + 1);
	}
	strbuf_free(&o.name);
	ext2fs_free(o.fs);
	return r;
}
