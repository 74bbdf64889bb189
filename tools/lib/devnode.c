/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of devices in a container; see devnode.h for whose file system they are in. */
#include "devnode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "device.h"
#include "err.h"
#include "exitcode.h"
#include "idrange.h"
#include "path.h"
#include "state.h"

#define OPEN_DIR (O_PATH | O_DIRECTORY | O_CLOEXEC)

static bool is_node_of(const struct stat *st, const struct device *rule)
{
	return (st->st_mode & S_IFMT) == (rule->type == 'b' ? S_IFBLK : S_IFCHR) &&
	       st->st_rdev == makedev(rule->major, rule->minor);
}

/* Make the directory @name and give it away; one that is there stays as it is. */
static int make_dir(int dir, const char *name, const struct idrange *ids)
{
	_cleanup_close_ int fd = -EBADF;

	if (mkdirat(dir, name, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	fd = path_open_strict(dir, name, OPEN_DIR);
	if (fd < 0)
		return fd;
	return fchownat(fd, "", ids->uid, ids->gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/*
 * The directory that "a/b/node" is in, made when @ids say for whom; *ret_base:
 * "node". One name at a time, as making "a/b" would follow a link "a".
 */
static int open_parent(int dev, const char *path, const struct idrange *ids, const char **ret_base)
{
	_cleanup_close_ int dir = path_open_strict(dev, ".", OPEN_DIR);
	const char *slash;

	for (; dir >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		_cleanup_free_ char *name = strndup(path, slash - path);
		int next, r = name ? 0 : -ENOMEM;

		if (r == 0 && ids)
			r = make_dir(dir, name, ids);
		if (r < 0)
			return r;
		next = path_open_strict(dir, name, OPEN_DIR);
		close(dir);
		dir = next;
	}
	*ret_base = path;
	return dir < 0 ? dir : steal_fd(&dir);
}

/* Owner and mode by descriptor: the name may be another file by now. */
static int give_node(int fd, const struct device *rule, const struct idrange *ids)
{
	char path[40];

	if (fchownat(fd, "", ids->uid, ids->gid, AT_EMPTY_PATH) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, rule->perm) < 0 ? -errno : 0;
}

static int make_node(int dev, const struct device *rule, const struct idrange *ids, struct err *err)
{
	const mode_t type = rule->type == 'b' ? S_IFBLK : S_IFCHR;
	_cleanup_close_ int dir = -EBADF, fd = -EBADF;
	const char *base;
	struct stat st;
	int r;

	dir = open_parent(dev, rule->name, ids, &base);
	if (dir < 0)
		return err_errno(err, dir,
				 "cannot make the directory of '/dev/%s' in the container",
				 rule->name);
	/* Closed until its owner and mode are right. */
	if (mknodat(dir, base, type, makedev(rule->major, rule->minor)) < 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot make '/dev/%s' in the container", rule->name);
	fd = path_open_strict(dir, base, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !is_node_of(&st, rule))
		return err_set(err, EEXIST, "'/dev/%s' in the container is something else",
			       rule->name);
	r = give_node(fd, rule, ids);
	return r < 0 ? err_errno(err, r, "cannot give '/dev/%s' to the container", rule->name) : 0;
}

int devnode_make_all(int dev, const struct devices *d, const struct idrange *ids, struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < d->count; i++)
		if (devices_has_node(d, i))
			r = make_node(dev, &d->v[i], ids, err);
	return r < 0 ? err_exit_default(err, VZ_DEVICE_SET) : 0;
}

/* Only what is still that node; that it is gone already is fine. */
static void remove_node(int dev, const struct device *rule)
{
	_cleanup_close_ int dir = -EBADF;
	const char *base;
	struct stat st;

	dir = open_parent(dev, rule->name, NULL, &base);
	if (dir >= 0 && fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_node_of(&st, rule))
		unlinkat(dir, base, 0);
}

static int open_dev_of(pid_t pid)
{
	_cleanup_close_ int root = -EBADF;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	root = open(path, OPEN_DIR);
	return root < 0 ? -errno : path_open_in_root(root, "dev", OPEN_DIR | O_NOFOLLOW, 0);
}

int devnode_identify(pid_t pid, uint64_t *ret_dev, struct err *err)
{
	_cleanup_close_ int fd = open_dev_of(pid);
	struct stat st;

	if (fd < 0)
		return err_errno(err, fd, "cannot open '/dev' in the container");
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot look at '/dev' in the container");
	*ret_dev = st.st_dev;
	return 0;
}

/* /dev of the running container, if it still is the file system that we put there. */
static int open_running_dev(const struct ct *ct, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct state st;
	struct stat sb;
	int r = state_load(ct, &st, err);

	if (r < 0)
		return r;
	fd = open_dev_of(st.init_pid);
	/* Once more: the id may have become another process's meanwhile. */
	r = state_load(ct, &st, err);
	if (r < 0)
		return r;
	if (fd < 0 || fstat(fd, &sb) < 0 || sb.st_dev != st.dev_fs)
		return err_set(err, ENODEV,
			       "'/dev' of container %s is not the one that it was started with",
			       ct->idstr);
	return steal_fd(&fd);
}

static bool has_node_named(const struct devices *d, const struct device *rule)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		if (devices_has_node(d, i) && strcmp(d->v[i].name, rule->name) == 0 &&
		    d->v[i].type == rule->type && d->v[i].major == rule->major &&
		    d->v[i].minor == rule->minor)
			return true;
	return false;
}

int devnode_update(const struct ct *ct, const struct devices *from, const struct devices *to,
		   struct err *err)
{
	_cleanup_close_ int dev = -EBADF;
	struct idrange ids;
	size_t i;
	int r = idrange_load(ct, &ids, err);

	if (r < 0)
		return r;
	dev = open_running_dev(ct, err);
	for (i = 0; r == 0 && i < to->count; i++)
		if (devices_has_node(to, i) && !has_node_named(from, &to->v[i]))
			r = dev < 0 ? dev : make_node(dev, &to->v[i], &ids, err);
	if (r < 0)
		return r;
	/* A container that hides its /dev must not keep a device by that: the node is only a name. */
	err_clear(err);
	for (i = 0; dev >= 0 && i < from->count; i++)
		if (devices_has_node(from, i) && !has_node_named(to, &from->v[i]))
			remove_node(dev, &from->v[i]);
	return 0;
}
