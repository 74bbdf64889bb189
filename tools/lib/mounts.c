/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the container sees mounted; see mounts.h for the order and why.
 *
 * Everything below the container's root is looked up from a descriptor of it,
 * without following links: the tree is the tenant's, and its /dev may well be
 * a symbolic link to a directory of the host.
 */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "devnode.h"
#include "err.h"
#include "exitcode.h"
#include "idmap.h"
#include "idrange.h"

static const struct link {
	const char *name, *target;
} links[] = {
	{"ptmx", "pts/ptmx"},	       {"fd", "/proc/self/fd"},	      {"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
};

static const struct dir {
	const char *name;
	mode_t mode;
} dirs[] = {{"pts", 0755}, {"shm", 01777}};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};

	return syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

/* A directory below @rootfd that no link leads to. */
static int open_point(int rootfd, const char *path)
{
	int fd = sys_openat2(rootfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

	return fd < 0 ? -errno : fd;
}

int mounts_make_points(const char *root, struct err *err)
{
	static const char *const points[] = {"dev", "proc", "sys"};
	_cleanup_close_ int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t i;

	if (rootfd < 0)
		return err_errno(err, errno, "cannot open '%s'", root);
	for (i = 0; i < COUNT(points); i++) {
		_cleanup_close_ int fd = -EBADF;

		if (mkdirat(rootfd, points[i], 0755) < 0 && errno != EEXIST)
			return err_errno(err, errno, "cannot make '/%s' in the container",
					 points[i]);
		fd = open_point(rootfd, points[i]);
		if (fd < 0)
			return err_exit(err, VZ_BAD_TEMPLATE,
					"'/%s' in the container is not a directory", points[i]);
	}
	return 0;
}

static int set_option(int fs, const char *key, const char *value, struct err *err)
{
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0) < 0)
		return err_errno(err, errno, "cannot set mount option %s=%s", key, value);
	return 0;
}

/* The source is what /proc/mounts shows in the first column. */
static int open_fs(const char *type, struct err *err)
{
	_cleanup_close_ int fd = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(err, errno, "cannot open file system '%s'", type);
	r = set_option(fd, "source", type, err);
	return r < 0 ? r : steal_fd(&fd);
}

/* Finish @fs: a descriptor of its detached mount. */
static int make_mount(int fs, const char *type, unsigned int attrs, struct err *err)
{
	int fd;

	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(err, errno, "cannot create file system '%s'", type);
	fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attrs);
	return fd < 0 ? err_errno(err, errno, "cannot mount file system '%s'", type) : fd;
}

static int attach(int mount, int target, const char *what, struct err *err)
{
	if (syscall(SYS_move_mount, mount, "", target, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_errno(err, errno, "cannot attach %s", what);
	return 0;
}

static int make_entries(int dev, const struct idrange *ids, struct err *err)
{
	size_t i;

	for (i = 0; i < COUNT(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0 ||
		    fchownat(dev, links[i].name, ids->uid, ids->gid, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(err, errno, "cannot make link '%s'", links[i].name);
	for (i = 0; i < COUNT(dirs); i++)
		/* fchmodat: the umask must not take bits away */
		if (mkdirat(dev, dirs[i].name, dirs[i].mode) < 0 ||
		    fchmodat(dev, dirs[i].name, dirs[i].mode, 0) < 0 ||
		    fchownat(dev, dirs[i].name, ids->uid, ids->gid, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(err, errno, "cannot make directory '%s'", dirs[i].name);
	return 0;
}

/*
 * A tmpfs made by the host, for two reasons: device nodes work on it (a file
 * system of the container's user namespace would be nodev by nature), and the
 * container cannot make further ones.
 */
static int make_dev(const struct idrange *ids, const struct devices *devices, struct err *err)
{
	_cleanup_close_ int fs = open_fs("tmpfs", err), mount = -EBADF;
	char uid[16], gid[16];
	int r;

	if (fs < 0)
		return fs;
	snprintf(uid, sizeof(uid), "%u", ids->uid);
	snprintf(gid, sizeof(gid), "%u", ids->gid);
	r = set_option(fs, "mode", "0755", err);
	if (r == 0)
		r = set_option(fs, "size", "16m", err);
	if (r == 0)
		r = set_option(fs, "nr_inodes", "4096", err);
	if (r == 0)
		r = set_option(fs, "uid", uid, err);
	if (r == 0)
		r = set_option(fs, "gid", gid, err);
	if (r < 0)
		return r;
	mount = make_mount(fs, "tmpfs", MOUNT_ATTR_NOSUID, err);
	if (mount < 0)
		return mount;
	r = make_entries(mount, ids, err);
	if (r == 0)
		r = devnode_make_all(mount, devices, ids, err);
	return r < 0 ? r : steal_fd(&mount);
}

/* The copy of the disk's mount, and of what action scripts mounted below it, with the container's ids. */
static int clone_idmapped(const char *root, const struct idrange *ids, struct err *err)
{
	_cleanup_close_ int tree = -EBADF, userns = -EBADF;
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV,
		.propagation = MS_PRIVATE,
	};
	struct mount_attr suid = {.attr_clr = MOUNT_ATTR_NOSUID};

	userns = idmap_open_userns(ids, err);
	if (userns < 0)
		return userns;
	tree = syscall(SYS_open_tree, AT_FDCWD, root,
		       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return err_errno(err, errno, "cannot clone the mount '%s'", root);
	attr.userns_fd = userns;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
		    sizeof(attr)) < 0)
		return err_errno(err, errno, "cannot map the ids of '%s' and what is mounted below",
				 root);
	/* Set-uid programs of the disk alone: of the rest whoever mounted it decides. */
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &suid, sizeof(suid)) < 0)
		return err_errno(err, errno, "cannot allow set-uid programs in '%s'", root);
	return steal_fd(&tree);
}

int mounts_attach(const char *root, const struct idrange *ids, const struct devices *devices,
		  struct err *err)
{
	_cleanup_close_ int tree = -EBADF, dev = -EBADF, target = -EBADF, point = -EBADF;
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, errno, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, errno, "cannot make the mounts private");
	target = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return err_errno(err, errno, "cannot open '%s'", root);
	tree = clone_idmapped(root, ids, err);
	if (tree < 0)
		return tree;
	r = attach(tree, target, "the container's root", err);
	if (r < 0)
		return r;
	dev = make_dev(ids, devices, err);
	if (dev < 0)
		return dev;
	point = open_point(tree, "dev");
	if (point < 0)
		return err_errno(err, point, "cannot open '/dev' in the container");
	r = attach(dev, point, "/dev", err);
	if (r < 0)
		return r;
	if (fchdir(tree) < 0)
		return err_errno(err, errno, "cannot enter '%s'", root);
	return 0;
}

static int mount_at(int rootfd, const char *type, const char *path, unsigned int attrs,
		    const char *const *options, struct err *err)
{
	_cleanup_close_ int fs = open_fs(type, err), mnt = -EBADF, point = -EBADF;
	int r;

	if (fs < 0)
		return fs;
	for (; options && options[0]; options += 2) {
		r = options[1] ? set_option(fs, options[0], options[1], err) : 0;
		if (r < 0)
			return r;
	}
	mnt = make_mount(fs, type, attrs, err);
	if (mnt < 0)
		return mnt;
	point = open_point(rootfd, path);
	if (point < 0)
		return err_errno(err, point, "cannot open '/%s' in the container", path);
	return attach(mnt, point, path, err);
}

/* devpts makes a new instance at every mount; gid 5 is tty in every distribution. */
static const char *const devpts_options[] = {"gid", "5", "mode", "620", "ptmxmode", "666", NULL};

static int mount_kernel_fs(int rootfd, struct err *err)
{
	const unsigned int strict = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	int r;

	r = mount_at(rootfd, "proc", "proc", strict, NULL, err);
	if (r == 0)
		r = mount_at(rootfd, "sysfs", "sys", strict, NULL, err);
	if (r == 0)
		r = mount_at(rootfd, "cgroup2", "sys/fs/cgroup", strict, NULL, err);
	if (r == 0)
		r = mount_at(rootfd, "devpts", "dev/pts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
			     devpts_options, err);
	return r;
}

int mounts_enter(struct err *err)
{
	_cleanup_close_ int tree = -EBADF;
	int r;

	tree = syscall(SYS_open_tree, AT_FDCWD, ".",
		       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return err_errno(err, errno, "cannot bind the root");
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(err, errno, "cannot bind the root onto itself");
	r = mount_kernel_fs(tree, err);
	if (r < 0)
		return r;
	if (fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_errno(err, errno, "cannot make the container's disk its root");
	/* The old root lies over the new one now; below it nothing of the host is left. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(err, errno, "cannot leave the host's mounts");
	/* As an init makes them on a machine; systemd leaves it to whoever starts a container. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return err_errno(err, errno, "cannot share the container's mounts inside of it");
	return 0;
}
