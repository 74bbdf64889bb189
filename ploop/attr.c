/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of an entry into an inode. Owners are the tar's numbers: names of
 * users mean nothing outside of the container. Nothing that ext4 cannot hold
 * is cut to fit; it is refused by name.
 */
#include "tree.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <archive.h>
#include <archive_entry.h>

#include "acl.h"
#include "cleanup.h"
#include "err.h"
#include "ext_io.h"

/* 34 bits from 1901 on. */
#define TIME_MIN (-(INT64_C(1) << 31))
#define TIME_MAX ((INT64_C(1) << 34) - (INT64_C(1) << 31) - 1)

/* chattr's flags that say something about the file and not about its blocks. */
#define FLAGS_KEPT                                                                              \
	(EXT2_SYNC_FL | EXT2_IMMUTABLE_FL | EXT2_APPEND_FL | EXT2_NODUMP_FL | EXT2_NOATIME_FL | \
	 EXT2_DIRSYNC_FL | EXT2_TOPDIR_FL)

uint32_t attr_type(struct archive_entry *e)
{
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return EXT2_FT_REG_FILE;
	case AE_IFDIR:
		return EXT2_FT_DIR;
	case AE_IFLNK:
		return EXT2_FT_SYMLINK;
	case AE_IFCHR:
		return EXT2_FT_CHRDEV;
	case AE_IFBLK:
		return EXT2_FT_BLKDEV;
	case AE_IFIFO:
		return EXT2_FT_FIFO;
	case AE_IFSOCK:
		return EXT2_FT_SOCK;
	default:
		return 0;
	}
}

static uint32_t time_extra(int64_t sec, long nsec)
{
	uint32_t epoch = (uint32_t)((sec - (int32_t)sec) >> 32) & EXT4_EPOCH_MASK;

	return (uint32_t)nsec << EXT4_EPOCH_BITS | epoch;
}

static int check_time(const struct tree *t, int64_t sec, struct err *err)
{
	if (sec < TIME_MIN || sec > TIME_MAX)
		return tree_fail(t, err, ERANGE, "has a time that ext4 cannot hold");
	return 0;
}

static int set_times(struct tree *t, struct archive_entry *e, struct ext2_inode_large *inode,
		     struct err *err)
{
	int64_t mtime = archive_entry_mtime_is_set(e) ? archive_entry_mtime(e) : t->now;
	long mtime_nsec = archive_entry_mtime_is_set(e) ? archive_entry_mtime_nsec(e) : 0;
	bool own_atime = archive_entry_atime_is_set(e);
	int64_t atime = own_atime ? archive_entry_atime(e) : mtime;
	long atime_nsec = own_atime ? archive_entry_atime_nsec(e) : mtime_nsec;

	if (check_time(t, mtime, err) < 0 || check_time(t, atime, err) < 0)
		return -ERANGE;
	inode->i_mtime = (uint32_t)mtime;
	inode->i_mtime_extra = time_extra(mtime, mtime_nsec);
	inode->i_atime = (uint32_t)atime;
	inode->i_atime_extra = time_extra(atime, atime_nsec);
	return 0;
}

/* Made now, whatever the tar says: these two are the file system's own. */
static void set_birth(const struct tree *t, struct ext2_inode_large *inode)
{
	inode->i_extra_isize = (uint16_t)(sizeof(*inode) - EXT2_GOOD_OLD_INODE_SIZE);
	inode->i_ctime = inode->i_crtime = (uint32_t)t->now;
	inode->i_ctime_extra = inode->i_crtime_extra = time_extra(t->now, 0);
}

static int set_owner(const struct tree *t, struct archive_entry *e, struct ext2_inode_large *inode,
		     struct err *err)
{
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);
	int64_t max = t->max_id ? t->max_id : UINT32_MAX - 1;

	if (uid < 0 || uid > max || gid < 0 || gid > max)
		return tree_fail(t, err, ERANGE,
				 "belongs to %lld:%lld; ids go up to %lld here, %lld are needed",
				 (long long)uid, (long long)gid, (long long)max,
				 (long long)(uid > gid ? uid : gid) + 1);
	inode->i_uid = (uint16_t)uid;
	inode->osd2.linux2.l_i_uid_high = (uint16_t)(uid >> 16);
	inode->i_gid = (uint16_t)gid;
	inode->osd2.linux2.l_i_gid_high = (uint16_t)(gid >> 16);
	return 0;
}

static int set_device(const struct tree *t, struct archive_entry *e, struct ext2_inode_large *inode,
		      struct err *err)
{
	uint64_t maj = archive_entry_rdevmajor(e), min = archive_entry_rdevminor(e);

	if (maj > 0xfff || min > 0xfffff)
		return tree_fail(t, err, ERANGE,
				 "is the device %llu:%llu, which Linux does not have",
				 (unsigned long long)maj, (unsigned long long)min);
	if (maj < 256 && min < 256)
		inode->i_block[0] = (uint32_t)(maj << 8 | min);
	else
		inode->i_block[1] = (uint32_t)((min & 0xff) | maj << 8 | (min & ~0xffull) << 12);
	return 0;
}

/*
 * libarchive puts what a list says of the file's group into the mode, where the
 * kernel has the mask: with no bit there it does not look at the list at all.
 */
static uint16_t mode_of(struct archive_entry *e)
{
	uint16_t mode = (uint16_t)(archive_entry_filetype(e) | (archive_entry_perm(e) & 07777));
	int type, perm, tag, id;
	const char *name;

	archive_entry_acl_reset(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS);
	while (archive_entry_acl_next(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &type, &perm, &tag, &id,
				      &name) == ARCHIVE_OK)
		if (tag == ARCHIVE_ENTRY_ACL_MASK)
			mode = (uint16_t)((mode & ~S_IRWXG) | (perm & 7) << 3);
	return mode;
}

int attr_inode(struct tree *t, struct archive_entry *e, struct ext2_inode_large *ret,
	       struct err *err)
{
	struct ext2_inode_large inode;
	unsigned long set, clear;
	uint32_t type = attr_type(e);
	int r;

	memset(&inode, 0, sizeof(inode));
	inode.i_mode = mode_of(e);
	inode.i_links_count = 1;
	set_birth(t, &inode);
	r = set_times(t, e, &inode, err);
	if (r == 0)
		r = set_owner(t, e, &inode, err);
	if (r == 0 && (type == EXT2_FT_CHRDEV || type == EXT2_FT_BLKDEV))
		r = set_device(t, e, &inode, err);
	if (r < 0)
		return r;
	archive_entry_fflags(e, &set, &clear);
	inode.i_flags = (uint32_t)set & FLAGS_KEPT;
	*ret = inode;
	return 0;
}

void attr_default_dir(const struct tree *t, struct ext2_inode_large *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->i_mode = S_IFDIR | 0755;
	ret->i_links_count = 2;
	set_birth(t, ret);
	ret->i_mtime = ret->i_atime = ret->i_ctime;
	ret->i_mtime_extra = ret->i_atime_extra = ret->i_ctime_extra;
}

/* The kernel wants them in the order of their tags; ids in order make the bytes the same. */
static int compare_acl(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;
	uint16_t tx = le16toh(x->tag), ty = le16toh(y->tag);
	uint32_t ix = le32toh(x->id), iy = le32toh(y->id);

	if (tx != ty)
		return tx < ty ? -1 : 1;
	return ix < iy ? -1 : ix > iy;
}

static int acl_tag(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return ACL_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return ACL_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return ACL_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return ACL_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return ACL_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return ACL_OTHER;
	default:
		return 0;
	}
}

static bool is_id(const struct tree *t, uint32_t id)
{
	return !t->max_id || id <= t->max_id;
}

static int fail_id(const struct tree *t, const char *what, uint32_t id, struct err *err)
{
	return tree_fail(t, err, ERANGE, "has %s for %u; ids go up to %u here, %llu are needed",
			 what, id, t->max_id, (unsigned long long)id + 1);
}

static int collect_acl(struct tree *t, struct archive_entry *e, int want, struct acl *acl,
		       size_t *ret_n, struct err *err)
{
	int type, perm, tag, id;
	const char *name;
	size_t n = 0;

	archive_entry_acl_reset(e, want);
	while (archive_entry_acl_next(e, want, &type, &perm, &tag, &id, &name) == ARCHIVE_OK) {
		int own = acl_tag(tag);
		bool named = own == ACL_USER || own == ACL_GROUP;

		if (!own || n == ACL_ENTRIES_MAX)
			return tree_fail(t, err, EINVAL, "has an ACL that ext4 cannot hold");
		if (named && id < 0)
			return tree_fail(t, err, EINVAL,
					 "has an ACL that names '%s' without a number",
					 name ? name : "");
		/* What libarchive makes of each that is larger. */
		if (named && id == INT_MAX)
			return tree_fail(t, err, ERANGE,
					 "has an ACL as text for an id of 2147483647 or more");
		if (named && !is_id(t, (uint32_t)id))
			return fail_id(t, "an ACL", (uint32_t)id, err);
		acl->entries[n].tag = htole16((uint16_t)own);
		acl->entries[n].perm = htole16((uint16_t)(perm & 7));
		acl->entries[n].id = htole32(named ? (uint32_t)id : UINT32_MAX);
		n++;
	}
	*ret_n = n;
	return 0;
}

static int set_acl(struct tree *t, struct ext2_xattr_handle *h, struct archive_entry *e, int want,
		   const char *key, struct err *err)
{
	_cleanup_free_ struct acl *acl = NULL;
	errcode_t code;
	size_t n = 0;
	int r;

	if (archive_entry_acl_count(e, want) == 0)
		return 0;
	acl = malloc(sizeof(*acl));
	if (!acl)
		return tree_fail(t, err, ENOMEM, "has an ACL and there is no memory for it");
	r = collect_acl(t, e, want, acl, &n, err);
	if (r < 0 || n == 0)
		return r;
	/* libarchive gives the three of the mode without ids; more than those is an ACL. */
	if (want == ARCHIVE_ENTRY_ACL_TYPE_ACCESS && n <= 3)
		return 0;
	acl->version = htole32(ACL_VERSION);
	qsort(acl->entries, n, sizeof(acl->entries[0]), compare_acl);
	code = h ? ext2fs_xattr_set(h, key, acl, sizeof(acl->version) + n * sizeof(acl->entries[0]))
		 : 0;
	return code ? tree_fail_ext(t, err, code, "has an ACL that cannot be stored") : 0;
}

/* What ext4 has a number for; anything else would be stored and never seen. */
static bool is_storable(const char *key)
{
	return strncmp(key, "user.", 5) == 0 || strncmp(key, "trusted.", 8) == 0 ||
	       strncmp(key, "security.", 9) == 0 || strcmp(key, "system.posix_acl_access") == 0 ||
	       strcmp(key, "system.posix_acl_default") == 0;
}

/* An ACL that comes as the kernel's own bytes: well formed, and for ids that there are. */
static int check_raw_acl(struct tree *t, const void *value, size_t len, struct err *err)
{
	const struct acl *acl = value;
	size_t n = len < sizeof(acl->version)
			   ? 0
			   : (len - sizeof(acl->version)) / sizeof(acl->entries[0]);

	if (len != sizeof(acl->version) + n * sizeof(acl->entries[0]) || n > ACL_ENTRIES_MAX ||
	    le32toh(acl->version) != ACL_VERSION)
		return tree_fail(t, err, EINVAL, "has an ACL that ext4 cannot hold");
	for (size_t i = 0; i < n; i++) {
		uint16_t tag = le16toh(acl->entries[i].tag);
		uint32_t id = le32toh(acl->entries[i].id);

		/* The kernel could read the file's ACL no more, nor then the file. */
		if (!tag || (tag & (tag - 1)) || tag > ACL_OTHER ||
		    le16toh(acl->entries[i].perm) > 7)
			return tree_fail(t, err, EINVAL, "has an ACL that ext4 cannot hold");
		if ((tag == ACL_USER || tag == ACL_GROUP) && !is_id(t, id))
			return fail_id(t, "an ACL", id, err);
	}
	return 0;
}

/* File capabilities may name the root of the user namespace that they are good in. */
static int check_capability(struct tree *t, const void *value, size_t len, struct err *err)
{
	struct vfs_ns_cap_data cap;
	uint32_t root;

	if (len != sizeof(cap))
		return 0;
	memcpy(&cap, value, sizeof(cap));
	root = le32toh(cap.rootid);
	if ((le32toh(cap.magic_etc) & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_3 &&
	    !is_id(t, root))
		return fail_id(t, "capabilities", root, err);
	return 0;
}

static int check_xattr(struct tree *t, const char *key, const void *value, size_t len,
		       struct err *err)
{
	if (!is_storable(key))
		return tree_fail(t, err, EOPNOTSUPP,
				 "has the extended attribute '%s', which ext4 cannot hold", key);
	if (strcmp(key, "security.capability") == 0)
		return check_capability(t, value, len, err);
	return strncmp(key, "system.", 7) == 0 ? check_raw_acl(t, value, len, err) : 0;
}

/* A NULL @h: only look whether they could be set. */
static int set_all(struct tree *t, struct ext2_xattr_handle *h, struct archive_entry *e,
		   struct err *err)
{
	const char *key;
	const void *value;
	size_t len;
	int r;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &key, &value, &len) == ARCHIVE_OK) {
		errcode_t code;

		r = check_xattr(t, key, value, len, err);
		if (r < 0)
			return r;
		code = h ? ext2fs_xattr_set(h, key, value, len) : 0;
		if (code)
			return tree_fail_ext(t, err, code,
					     "has an extended attribute that cannot be stored");
	}
	r = set_acl(t, h, e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access", err);
	if (r < 0)
		return r;
	return set_acl(t, h, e, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default", err);
}

int attr_xattrs(struct tree *t, ext2_ino_t ino, struct archive_entry *e, bool replace,
		struct err *err)
{
	struct ext2_xattr_handle *h = NULL;
	errcode_t code;
	int r;

	if (archive_entry_acl_types(e) & ARCHIVE_ENTRY_ACL_TYPE_NFS4)
		return tree_fail(t, err, EOPNOTSUPP, "has an NFSv4 ACL, which ext4 cannot hold");
	if (!replace && archive_entry_xattr_count(e) == 0 && archive_entry_acl_types(e) == 0)
		return 0;
	if (!t->fs)
		return set_all(t, NULL, e, err);
	/* What is not read is not written back: the old ones go. */
	code = ext2fs_xattrs_open(t->fs, ino, &h);
	r = code ? tree_fail_ext(t, err, code, "cannot have its attributes changed")
		 : set_all(t, h, e, err);
	if (r == 0) {
		code = ext2fs_xattrs_write(h);
		if (code)
			r = tree_fail_ext(t, err, code, "has more extended attributes than fit");
	}
	if (h)
		ext2fs_xattrs_close(&h);
	return r;
}
