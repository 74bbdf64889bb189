/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup2 as files. vzctl makes <root> itself: systemd leaves a cgroup that it
 * does not know alone, and cannot switch a controller off above one whose own
 * subtree_control uses it (the kernel says EBUSY), so no unit is needed.
 */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "path.h"
#include "strv.h"

#define FILE_MAX_BYTES (1 << 16)

/*
 * cpuset stays the host's: a container that pins itself would defeat its CPU limit's
 * placement. It is switched on above a container that has a mask of CPUs, and never in it.
 */
static const char *const controllers[] = {"memory", "cpu", "io", "pids"};

static bool is_cgroup2(const char *path)
{
	struct statfs sfs;

	return statfs(path, &sfs) == 0 && sfs.f_type == CGROUP2_SUPER_MAGIC;
}

int cgroup_write(const char *path, const char *file, const char *value, struct err *err)
{
	_cleanup_free_ char *name = path_join(path, file);
	int r;

	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	r = io_write_value(AT_FDCWD, name, value);
	if (r < 0)
		return err_errno(err, r, "cannot write '%s' to '%s'", value, name);
	return 0;
}

int cgroup_read(const char *path, const char *file, char **ret_value, struct err *err)
{
	_cleanup_free_ char *name = path_join(path, file), *value = NULL;
	size_t len;
	int r;

	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	r = io_read_file(AT_FDCWD, name, FILE_MAX_BYTES, &value, &len, err);
	if (r < 0)
		return r;
	if (len && value[len - 1] == '\n')
		value[len - 1] = '\0';
	*ret_value = steal_ptr(value);
	return 0;
}

bool cgroup_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int cgroup_make(const char *path, struct err *err)
{
	if (mkdir(path, 0755) < 0)
		return err_errno(err, errno, "cannot make cgroup '%s'", path);
	return 0;
}

/* Switch those of @names on for the children of @path that the kernel offers there. */
static int enable(const char *path, const char *const *names, size_t count, struct err *err)
{
	_cleanup_free_ char *have = NULL, *on = NULL;
	_cleanup_strv_ char **have_v = NULL, **on_v = NULL;
	size_t i;
	int r;

	r = cgroup_read(path, "cgroup.controllers", &have, err);
	if (r == 0)
		r = cgroup_read(path, "cgroup.subtree_control", &on, err);
	if (r < 0)
		return r;
	if (strv_split(have, " ", &have_v) < 0 || strv_split(on, " ", &on_v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < count; i++) {
		char word[16] = "+";

		if (!strv_contains(have_v, names[i]) || strv_contains(on_v, names[i]))
			continue;
		strcat(word, names[i]);
		r = cgroup_write(path, "cgroup.subtree_control", word, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_enable(const char *path, struct err *err)
{
	return enable(path, controllers, sizeof(controllers) / sizeof(controllers[0]), err);
}

/* From the top of the cgroup2 mount down to @root: make, then switch on for the next. */
int cgroup_prepare_root(const char *root, struct err *err)
{
	_cleanup_free_ char *path = strdup(root);
	bool inside = false;
	char *s, saved;
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (*path != '/')
		return err_set(err, EINVAL, "CGROUP_ROOT '%s' is not an absolute path", root);
	for (s = path + 1;; s++) {
		if (*s && *s != '/')
			continue;
		saved = *s;
		*s = '\0';
		if (inside && mkdir(path, 0755) < 0 && errno != EEXIST)
			return err_errno(err, errno, "cannot make cgroup '%s'", path);
		inside = inside || is_cgroup2(path);
		r = inside ? cgroup_enable(path, err) : 0;
		if (r < 0)
			return r;
		*s = saved;
		if (!saved)
			break;
	}
	if (!inside)
		return err_set(err, ENODEV,
			       "'%s' is not in a cgroup2 file system: the host is not "
			       "set up for containers",
			       root);
	return 0;
}

int cgroup_enable_cpuset(const char *path, struct err *err)
{
	static const char *const cpuset[] = {"cpuset"};
	_cleanup_free_ char *above = strdup(path);
	bool inside = false;
	char *s;
	int r = 0;

	if (!above)
		return err_set(err, ENOMEM, "out of memory");
	for (s = above + 1; r == 0 && *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		inside = inside || is_cgroup2(above);
		r = inside ? enable(above, cpuset, 1, err) : 0;
		*s = '/';
	}
	return r;
}

int cgroup_delegate(const char *path, uid_t uid, gid_t gid, struct err *err)
{
	_cleanup_free_ char *list = NULL;
	_cleanup_strv_ char **files = NULL;
	_cleanup_close_ int dir = -EBADF;
	size_t i;
	int r;

	r = cgroup_read("/sys/kernel/cgroup", "delegate", &list, err);
	if (r < 0)
		return r;
	if (strv_split(list, "\n ", &files) < 0)
		return err_set(err, ENOMEM, "out of memory");
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fchown(dir, uid, gid) < 0)
		return err_errno(err, errno, "cannot give cgroup '%s' away", path);
	/* A listed file may be missing: its controller is off. */
	for (i = 0; files && files[i]; i++)
		if (fchownat(dir, files[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return err_errno(err, errno, "cannot give '%s/%s' away", path, files[i]);
	return 0;
}

int cgroup_kill(const char *path, struct err *err)
{
	return cgroup_write(path, "cgroup.kill", "1", err);
}

/* Children first. 0 or the -errno of the first rmdir that failed. */
static int remove_below(int dirfd, const char *name)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;
	int fd, r;

	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		r = remove_below(fd, e->d_name);
		if (r < 0)
			return r;
	}
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int cgroup_remove(const char *path, int timeout_ms, struct err *err)
{
	const struct timespec step = {.tv_nsec = 20 * 1000 * 1000};
	int r = remove_below(AT_FDCWD, path);

	for (; r == -EBUSY && timeout_ms > 0; timeout_ms -= 20) {
		nanosleep(&step, NULL);
		r = remove_below(AT_FDCWD, path);
	}
	if (r < 0)
		return err_errno(err, r, "cannot remove cgroup '%s'", path);
	return 0;
}

void cgroup_sweep_leaves(const char *path)
{
	_cleanup_closedir_ DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_type == DT_DIR && strncmp(e->d_name, "vzctl-", 6) == 0)
			remove_below(dirfd(d), e->d_name);
}
