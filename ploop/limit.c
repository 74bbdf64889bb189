/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All files of a file system that was made here are of project 0, and in a user
 * namespace none gets another. So a limit of that project is one of all of them.
 * The kernel always counts, and holds to a limit from when it is told to until the
 * unmount; the number itself stays in the quota file, where nobody looks.
 */
#include "limit.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ext2fs/ext2_fs.h>
#include <linux/dqblk_xfs.h>

#include "cleanup.h"
#include "err.h"
#include "super.h"

#define PROJECT	    2 /* a type of quota; not every libc has it */
#define QUOTA_BLOCK 1024u

/* --- how much fits ---------------------------------------------------------------- */

/* One block for each of the bitmaps; group descriptors and copies of the super block are in the overhead. */
#define BITMAP_BLOCKS 2

/* Of the file system itself, and one that is a quota's. */
#define OWN_INODES 12

static uint64_t div_up(uint64_t n, uint64_t by)
{
	return n / by + (n % by != 0);
}

int limit_shape(const void *buf, struct limit_shape *ret)
{
	struct ext2_super_block sb;
	uint32_t inode_bytes;

	memcpy(&sb, buf, sizeof(sb));
	inode_bytes = le32toh(sb.s_rev_level) ? le16toh(sb.s_inode_size) : 128;
	*ret = (struct limit_shape){
		.block_bytes = super_block_bytes(buf),
		.group_blocks = le32toh(sb.s_blocks_per_group),
		.overhead_blocks = le32toh(sb.s_overhead_clusters),
		.group_inodes = le32toh(sb.s_inodes_per_group),
		.flex_groups = sb.s_log_groups_per_flex < 31 ? 1u << sb.s_log_groups_per_flex : 0,
	};
	ret->blocks = super_size_bytes(buf) / ret->block_bytes;
	if (!ret->group_blocks || ret->group_inodes <= OWN_INODES || !ret->flex_groups ||
	    !inode_bytes || !ret->blocks || ret->overhead_blocks > ret->blocks ||
	    div_up(ret->blocks, ret->group_blocks) > UINT32_MAX)
		return -EINVAL;
	ret->groups = (uint32_t)div_up(ret->blocks, ret->group_blocks);
	ret->table_blocks =
		(uint32_t)div_up((uint64_t)ret->group_inodes * inode_bytes, ret->block_bytes) +
		BITMAP_BLOCKS;
	return 0;
}

/* resize2fs(8) wants room for trees of extents that get larger. */
static uint64_t spare_blocks(const struct limit_shape *s, uint64_t blocks)
{
	return blocks / 100 + (s->blocks - blocks) / 500;
}

struct limit_room limit_room(const struct limit_shape *s, uint64_t bytes)
{
	uint64_t blocks = bytes / s->block_bytes, groups, tables, fixed, taken;
	uint64_t all_tables = (uint64_t)s->groups * s->table_blocks;

	if (blocks > s->blocks)
		blocks = s->blocks;
	groups = div_up(blocks, s->group_blocks);
	/* The tables of all groups of the last flex group stay where they are. */
	tables = div_up(groups, s->flex_groups) * s->flex_groups;
	if (tables > s->groups)
		tables = s->groups;
	fixed = s->overhead_blocks > all_tables ? s->overhead_blocks - all_tables : 0;
	taken = fixed + tables * s->table_blocks + spare_blocks(s, blocks);
	if (blocks <= taken)
		return (struct limit_room){0, 0};
	return (struct limit_room){(blocks - taken) * s->block_bytes,
				   groups * s->group_inodes - OWN_INODES};
}

/* A file system that was never mounted does not say what its overhead is: that counts as used. */
struct limit_room limit_used(const void *buf, const struct limit_shape *s)
{
	struct ext2_super_block sb;
	uint64_t free, taken;

	memcpy(&sb, buf, sizeof(sb));
	free = le32toh(sb.s_free_blocks_count);
	if (le32toh(sb.s_feature_incompat) & EXT4_FEATURE_INCOMPAT_64BIT)
		free |= (uint64_t)le32toh(sb.s_free_blocks_hi) << 32;
	taken = s->overhead_blocks + (free < s->blocks ? free : s->blocks);
	return (struct limit_room){
		.bytes = taken < s->blocks ? (s->blocks - taken) * s->block_bytes : 0,
		.inodes = (uint64_t)le32toh(sb.s_inodes_count) - le32toh(sb.s_free_inodes_count),
	};
}

/* --- the kernel's limit ----------------------------------------------------------- */

static int quota(int fd, int cmd, uint32_t id, void *arg)
{
	return syscall(SYS_quotactl_fd, fd, QCMD(cmd, PROJECT), id, arg) < 0 ? -errno : 0;
}

static int open_root(const char *target, struct err *err)
{
	int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, errno, "cannot look at '%s'", target) : fd;
}

/* *ret_was: it was so already. */
static int enforce(int fd, const char *target, bool *ret_was, struct err *err)
{
	uint32_t what = FS_QUOTA_PDQ_ENFD;
	int r = quota(fd, Q_XQUOTAON, 0, &what);

	*ret_was = r == -EEXIST;
	if (r == -EINVAL || r == -ENOSYS || r == -ESRCH)
		return err_set(err, EBUSY,
			       "the file system on '%s' has no project quota, which new disks "
			       "have: it is made smaller only while it is not mounted",
			       target);
	return r < 0 && !*ret_was ? err_errno(err, r, "cannot limit what is used on '%s'", target)
				  : 0;
}

static void relax(int fd)
{
	uint32_t what = FS_QUOTA_PDQ_ENFD;

	(void)quota(fd, Q_XQUOTAOFF, 0, &what);
}

/* What was there before and what is now is compared only after the limit holds: nothing slips in between. */
int limit_set(const char *target, const struct limit_room *room, struct limit_room *ret_used,
	      struct err *err)
{
	_cleanup_close_ int fd = open_root(target, err);
	struct dqblk was, now;
	struct dqblk want = {.dqb_bhardlimit = room->bytes / QUOTA_BLOCK,
			     .dqb_ihardlimit = room->inodes,
			     .dqb_valid = QIF_LIMITS};
	bool enforced;
	int r = fd < 0 ? fd : enforce(fd, target, &enforced, err);

	if (r < 0)
		return r;
	r = quota(fd, Q_GETQUOTA, 0, &was);
	if (r == 0)
		r = quota(fd, Q_SETQUOTA, 0, &want);
	if (r == 0)
		r = quota(fd, Q_GETQUOTA, 0, &now);
	if (r == 0 && now.dqb_curspace <= room->bytes && now.dqb_curinodes <= room->inodes)
		return 0;
	if (r < 0) {
		err_errno(err, r, "cannot limit what is used on '%s'", target);
	} else {
		*ret_used = (struct limit_room){now.dqb_curspace, now.dqb_curinodes};
		was.dqb_valid = QIF_LIMITS;
		(void)quota(fd, Q_SETQUOTA, 0, &was);
		r = err_set(err, ENOSPC, "what is on '%s' is too much for that size", target);
	}
	if (!enforced)
		relax(fd);
	return r;
}

int limit_lift(const char *target, struct err *err)
{
	_cleanup_close_ int fd = open_root(target, err);
	struct dqblk none = {.dqb_valid = QIF_LIMITS};
	int r = fd < 0 ? fd : quota(fd, Q_SETQUOTA, 0, &none);

	if (fd < 0)
		return fd;
	if (r < 0)
		return err_errno(err, r, "cannot lift the limit of what is used on '%s'", target);
	relax(fd);
	return 0;
}
