/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The private area is built under a name of its own beside its place and
 * renamed when it is complete and on stable storage: VE_PRIVATE either does
 * not exist or is whole. A leftover of a killed create is removed by the next.
 */
#include "area.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "path.h"
#include "ploop.h"
#include "state.h"
#include "strbuf.h"

#define IMAGE_DIR "root.hdd"

static char *suffixed(const char *path, const char *suffix)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, path);
	while (b.len > 1 && b.s[b.len - 1] == '/')
		b.s[--b.len] = '\0';
	strbuf_add(&b, suffix);
	return strbuf_steal(&b);
}

static int sync_parent(const char *path)
{
	_cleanup_free_ char *parent = suffixed(path, "");
	_cleanup_close_ int fd = -EBADF;
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!slash)
		return -ENOMEM;
	slash[slash == parent] = '\0';
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int make_image(const char *tmp, const struct area_create_opts *opts, struct err *err)
{
	const char *const tars[] = {opts->tar, NULL};
	struct ploop_create_opts po = {
		.size_bytes = opts->size_bytes,
		.format = PLOOP_FORMAT_RAW,
		.tars = tars,
		.max_id = opts->max_id,
		.sync = true,
		.progress = opts->progress,
		.progress_arg = opts->progress_arg,
	};
	_cleanup_free_ char *dir = path_join(tmp, IMAGE_DIR);
	int r;

	if (!dir)
		return err_set(err, ENOMEM, "out of memory");
	/* 0700: the image is the tenant's disk, nobody else reads it. */
	r = path_mkdirs(tmp, 0700, err);
	if (r < 0)
		return err_exit_default(err, VZ_CREATE_PRIVATE);
	r = ploop_create(dir, &po, err);
	if (r < 0)
		return err_exit_default(err, r == -ENOSPC ? VZ_NO_SPACE : VZ_IMAGE_CREATE);
	return 0;
}

int area_create(const struct ct *ct, const struct area_create_opts *opts, struct err *err)
{
	_cleanup_free_ char *tmp = suffixed(ct->private_dir, ".tmp");
	int r;

	if (!tmp)
		return err_set(err, ENOMEM, "out of memory");
	if (access(ct->private_dir, F_OK) == 0)
		return err_exit(err, VZ_PRIVATE_EXISTS, "private area '%s' exists already",
				ct->private_dir);
	r = access(tmp, F_OK) == 0 ? path_remove_tree(AT_FDCWD, tmp, err) : 0;
	if (r == 0)
		r = make_image(tmp, opts, err);
	if (r < 0)
		goto undo;
	if (rename(tmp, ct->private_dir) < 0) {
		r = err_errno(err, errno, "cannot make '%s'", ct->private_dir);
		err_exit_default(err, VZ_CREATE_PRIVATE);
		goto undo;
	}
	sync_parent(ct->private_dir);
	return 0;
undo:
	if (access(tmp, F_OK) == 0)
		path_remove_tree(AT_FDCWD, tmp, NULL);
	return r;
}

int area_destroy(const struct ct *ct, struct err *err)
{
	_cleanup_free_ char *tmp = suffixed(ct->private_dir, ".tmp");
	int r;

	if (!tmp)
		return err_set(err, ENOMEM, "out of memory");
	if (access(tmp, F_OK) == 0) {
		r = path_remove_tree(AT_FDCWD, tmp, err);
		if (r < 0)
			return err_exit_default(err, VZ_DELETE_PRIVATE);
	}
	/* The mount point goes too; what is in it is not ours to remove. */
	rmdir(ct->root);
	/* Renamed first: a half removed area must not look like one. */
	if (rename(ct->private_dir, tmp) < 0) {
		if (errno == ENOENT)
			return 0;
		err_errno(err, errno, "cannot remove '%s'", ct->private_dir);
		return err_exit_default(err, VZ_DELETE_PRIVATE);
	}
	r = path_remove_tree(AT_FDCWD, tmp, err);
	return r < 0 ? err_exit_default(err, VZ_DELETE_PRIVATE) : 0;
}

/*
 * The mount point, 0700 all the way up to its parent: the disk is mounted with
 * the ids that are on it, so its setuid files are the host root's until the
 * container's own mount maps them. Nobody may reach them from the host.
 */
static int make_mount_point(const char *root, struct err *err)
{
	_cleanup_free_ char *parent = suffixed(root, "");
	char *slash = parent ? strrchr(parent, '/') : NULL;
	int r = path_mkdirs(root, 0700, err);

	if (r < 0)
		return err_exit_default(err, VZ_CREATE_ROOT);
	if (slash && slash != parent) {
		*slash = '\0';
		if (chmod(parent, 0700) < 0) {
			err_errno(err, errno, "cannot close '%s' to others", parent);
			return err_exit_default(err, VZ_CREATE_ROOT);
		}
	}
	return 0;
}

int area_mount(const struct ct *ct, dev_t *ret_dev, struct err *err)
{
	const struct ploop_mount_opts opts = {.fsck = true, .flags = MS_NOSUID | MS_NODEV};
	_cleanup_free_ char *dir = path_join(ct->private_dir, IMAGE_DIR);
	struct ploop_disk *disk;
	bool mounted;
	dev_t dev;
	int r;

	if (!dir)
		return err_set(err, ENOMEM, "out of memory");
	if (access(dir, F_OK) < 0)
		return err_exit(err, VZ_PRIVATE_MISSING, "private area '%s' is missing", dir);
	r = state_is_mounted(ct->root, &mounted, err);
	if (r < 0)
		return r;
	if (mounted)
		return err_exit(err, VZ_MOUNTED, "container %s is mounted already", ct->idstr);
	r = make_mount_point(ct->root, err);
	if (r < 0)
		return r;
	r = ploop_open(dir, &disk, err);
	if (r < 0)
		return err_exit_default(err, VZ_IMAGE_MOUNT);
	r = ploop_mount(disk, ct->root, &opts, &dev, err);
	ploop_close(disk);
	if (r < 0)
		return err_exit_default(err, VZ_MOUNT);
	if (ret_dev)
		*ret_dev = dev;
	return 0;
}

int area_device(const struct ct *ct, dev_t *ret_dev, struct err *err)
{
	struct stat st;
	bool mounted;
	int r = state_is_mounted(ct->root, &mounted, err);

	if (r < 0)
		return r;
	if (!mounted)
		return err_exit(err, VZ_NOT_MOUNTED, "container %s is not mounted", ct->idstr);
	if (stat(ct->root, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", ct->root);
	*ret_dev = st.st_dev;
	return 0;
}

int area_umount(const struct ct *ct, struct err *err)
{
	dev_t dev;
	int r = area_device(ct, &dev, err);

	if (r < 0)
		return r;
	r = ploop_umount(ct->root, err);
	return r < 0 ? err_exit_default(err, VZ_UMOUNT) : 0;
}
