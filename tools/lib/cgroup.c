/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup2 as files. vzctl makes <root> itself: systemd leaves a cgroup that it
 * does not know alone, and cannot switch a controller off above one whose own
 * subtree_control uses it (the kernel says EBUSY), so no unit is needed.
 */
#include "cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
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

int cgroup_bound(const char *path, struct err *err)
{
	int r = cgroup_write(path, "cgroup.max.depth", CGROUP_DEPTH_MAX, err);

	return r < 0 ? r
		     : cgroup_write(path, "cgroup.max.descendants", CGROUP_DESCENDANTS_MAX, err);
}

/*
 * Removing what is below a cgroup. Names, number and depth are the container's
 * choice, so one descriptor is open at a time and the way back is "..", which
 * is sound as no directory of cgroup2 can be moved; and there is an end to it,
 * as a container that runs may make them faster than they go.
 */
#define REMOVALS_MAX 65536

struct removal {
	int fd;	      /* of the directory in work */
	char **names; /* of it and those above it, up to the one to remove; owned */
	size_t depth, cap;
	unsigned int count;
};

static void free_removal(struct removal *rm)
{
	while (rm->depth)
		free(rm->names[--rm->depth]);
	free(rm->names);
	if (rm->fd >= 0)
		close(rm->fd);
}

/* Remove the children that have none; 1 and the name of one that stays, which the caller frees. */
static int remove_childless(struct removal *rm, char **ret_name)
{
	int fd = openat(rm->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		if (rm->count++ >= REMOVALS_MAX)
			return -EBUSY;
		if (unlinkat(rm->fd, e->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (errno != EBUSY && errno != ENOTEMPTY)
			return -errno;
		*ret_name = strdup(e->d_name);
		return *ret_name ? 1 : -ENOMEM;
	}
	return 0;
}

/* Takes @name; 0 also when it is gone meanwhile. */
static int go_down(struct removal *rm, char *name)
{
	int fd = openat(rm->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 && errno != ENOENT ? -errno : 0;

	if (fd >= 0 && rm->depth == rm->cap) {
		char **p = reallocarray(rm->names, rm->cap + 64, sizeof(*p));

		if (p) {
			rm->names = p;
			rm->cap += 64;
		} else {
			close(fd);
			fd = -EBADF;
			r = -ENOMEM;
		}
	}
	if (fd < 0) {
		free(name);
		return r;
	}
	rm->names[rm->depth++] = name;
	close(rm->fd);
	rm->fd = fd;
	return 0;
}

/* Nothing is below any more; what still keeps it is a process. */
static int go_up(struct removal *rm)
{
	int fd = openat(rm->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *name = rm->names[--rm->depth];
	int r = fd < 0 ? -errno : 0;

	if (fd >= 0) {
		close(rm->fd);
		rm->fd = fd;
		if (unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
	}
	free(name);
	return r;
}

/* 0 or the -errno of the first rmdir that failed for good. */
static int remove_below(int dirfd, const char *name)
{
	_cleanup_(free_removal) struct removal rm = {
		.fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
	int r;

	if (rm.fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (;;) {
		char *child = NULL;

		r = remove_childless(&rm, &child);
		if (r == 0 && !rm.depth)
			break;
		if (r >= 0)
			r = child ? go_down(&rm, child) : go_up(&rm);
		if (r < 0)
			return r;
	}
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
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

/* vzctl-PID or vzctl-PID-N of a process that is gone: nobody is about to use it. */
static bool is_abandoned(const char *name)
{
	char *end;
	long pid;

	if (strncmp(name, "vzctl-", 6) != 0 || !isdigit((unsigned char)name[6]))
		return false;
	pid = strtol(name + 6, &end, 10);
	if ((*end && *end != '-') || pid <= 0 || pid > INT_MAX)
		return false;
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void cgroup_sweep_leaves(const char *path)
{
	_cleanup_closedir_ DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_type == DT_DIR && is_abandoned(e->d_name))
			remove_below(dirfd(d), e->d_name);
}
