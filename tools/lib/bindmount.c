/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No link is followed on either side. Below the container's root all names are
 * the tenant's; and a source may lie in what another bind gives a container, who
 * could put a link to any place of the host there for the next start.
 */
#include "bindmount.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "exitcode.h"
#include "idmap.h"
#include "idrange.h"
#include "path.h"
#include "strbuf.h"
#include "strv.h"

static const struct option {
	const char *name;
	uint64_t attr;
} options[] = {
	{"nosuid", MOUNT_ATTR_NOSUID},
	{"noexec", MOUNT_ATTR_NOEXEC},
	{"nodev", MOUNT_ATTR_NODEV},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct bind {
	uint64_t attrs;
	char *src, *dst;
};

static void bind_clear(struct bind *b)
{
	free(b->src);
	free(b->dst);
}

#define _cleanup_bind_ __attribute__((cleanup(bind_clear)))

/* Absolute, no "." or ".." in it, and nothing that the list or a line of text is divided at. */
static bool is_plain_path(const char *s)
{
	const char *part;
	size_t len;

	if (*s != '/')
		return false;
	for (part = s; *part; part += len) {
		part += strspn(part, "/");
		len = strcspn(part, "/");
		if ((len == 1 || len == 2) && strncmp(part, "..", len) == 0)
			return false;
	}
	for (; *s; s++)
		if (isspace((unsigned char)*s) || iscntrl((unsigned char)*s) || *s == ':')
			return false;
	return true;
}

/* proc, sysfs and /dev are the tool's own; over the root itself there would be no container. */
static bool is_reserved(const char *dst)
{
	static const char *const names[] = {"", "dev", "proc", "sys"};
	const char *top = dst + strspn(dst, "/");
	size_t i, len = strcspn(top, "/");

	for (i = 0; i < COUNT(names); i++)
		if (strlen(names[i]) == len && strncmp(names[i], top, len) == 0)
			return true;
	return false;
}

static int parse_options(const char *in, uint64_t *ret_attrs, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	uint64_t attrs = MOUNT_ATTR_NODEV;
	size_t i, j;

	if (strv_split(in, ",", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; v && v[i]; i++) {
		for (j = 0; j < COUNT(options) && strcmp(options[j].name, v[i]) != 0; j++)
			;
		if (j == COUNT(options))
			return err_set(
				err, EINVAL,
				"'%s' is not an option of a bind mount: nosuid, noexec, nodev",
				v[i]);
		attrs |= options[j].attr;
	}
	*ret_attrs = attrs;
	return 0;
}

static int bind_parse(const char *in, struct bind *ret, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	size_t n, first;
	int r;

	if (strv_split(in, ":", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	n = strv_length(v);
	first = n && *v[0] != '/';
	if (n < first + 1 || n > first + 2 || strstr(in, "::") || *in == ':')
		return err_set(err, EINVAL, "'%s' is not [nosuid,noexec,nodev:]SRC[:DST]", in);
	if (!is_plain_path(v[first]) || !is_plain_path(v[n - 1]))
		return err_set(err, EINVAL,
			       "'%s': not an absolute path without '..', blanks and colons", in);
	if (is_reserved(v[n - 1]))
		return err_set(err, EINVAL, "nothing can be mounted on '%s' of a container",
			       v[n - 1]);
	r = parse_options(first ? v[0] : "", &ret->attrs, err);
	if (r < 0)
		return r;
	ret->src = strdup(v[first]);
	ret->dst = strdup(v[n - 1]);
	return ret->src && ret->dst ? 0 : err_set(err, ENOMEM, "out of memory");
}

static char *bind_format(const struct bind *b, const char *in)
{
	struct strbuf s = STRBUF_INIT;

	if (*in != '/')
		strbuf_addn(&s, in, strcspn(in, ":") + 1);
	strbuf_addf(&s, "%s:%s", b->src, b->dst);
	return strbuf_steal(&s);
}

int value_bindmount(const char *in, char **ret, struct err *err)
{
	_cleanup_bind_ struct bind b = {0};
	int r = bind_parse(in, &b, err);

	if (r < 0)
		return r;
	*ret = bind_format(&b, in);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int open_source(const char *src, struct err *err)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
	int fd = syscall(SYS_openat2, AT_FDCWD, src, &how, sizeof(how));

	if (fd < 0 && errno == ELOOP)
		return err_set(err, ELOOP, "'%s' has a symbolic link in it: give the real path",
			       src);
	return fd < 0 ? err_errno(err, errno, "cannot open '%s'", src) : fd;
}

int value_bindmount_add(const char *in, char **ret, struct err *err)
{
	_cleanup_bind_ struct bind b = {0};
	_cleanup_close_ int fd = -EBADF;
	int r = bind_parse(in, &b, err);

	if (r < 0)
		return r;
	fd = open_source(b.src, err);
	if (fd < 0)
		return fd;
	*ret = bind_format(&b, in);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

int value_bindmount_target(const char *in, char **ret, struct err *err)
{
	if (!is_plain_path(in))
		return err_set(err, EINVAL, "'%s' is not a path in the container", in);
	*ret = strdup(in);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* Can others than root get to @path? Not when a directory on the way is closed to them. */
static bool is_open_to_others(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	struct statvfs vfs;
	struct stat st;
	char *slash;

	if (!copy || (statvfs(path, &vfs) == 0 && vfs.f_flag & ST_NOSUID))
		return false;
	for (;;) {
		if (stat(*copy ? copy : "/", &st) < 0 || !(st.st_mode & (S_IXGRP | S_IXOTH)))
			return false;
		slash = strrchr(copy, '/');
		if (!slash)
			return true;
		*slash = '\0';
	}
}

char *note_bindmount(const char *list)
{
	_cleanup_strv_ char **v = NULL;
	struct strbuf s = STRBUF_INIT;
	size_t i;

	if (!list || strv_split(list, " ", &v) < 0)
		return NULL;
	for (i = 0; v && v[i]; i++) {
		_cleanup_bind_ struct bind b = {0};

		if (bind_parse(v[i], &b, NULL) == 0 && is_open_to_others(b.src))
			strbuf_addf(&s, "%s%s", s.len ? " " : "", b.src);
	}
	if (s.len)
		strbuf_add(&s, ": users of this host could run set-uid files that the container "
			       "puts there (chmod 700 a directory above, or mount it nosuid)");
	return s.len ? strbuf_steal(&s) : NULL;
}

/* The last name of a path to a file: an empty one for the mount to go over. */
static int make_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	close(fd);
	return 0;
}

static int make_point(int rootfd, const struct bind *b, bool is_dir, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	_cleanup_close_ int dir = fcntl(rootfd, F_DUPFD_CLOEXEC, 3);
	size_t i;
	int r = 0;

	if (strv_split(b->dst, "/", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; v[i]; i++) {
		bool last = !v[i + 1];
		int fd;

		if (last && !is_dir)
			r = make_file(dir, v[i]);
		else if (mkdirat(dir, v[i], 0755) < 0 && errno != EEXIST)
			r = -errno;
		fd = r < 0 ? r
			   : path_open_strict(dir, v[i],
					      O_PATH | (last && !is_dir ? 0 : O_DIRECTORY));
		if (fd < 0)
			return err_errno(err, fd, "cannot use '%s' in the container", b->dst);
		close(dir);
		dir = fd;
	}
	return 0;
}

static int make_one(int rootfd, const char *item, struct err *err)
{
	_cleanup_bind_ struct bind b = {0};
	_cleanup_close_ int src = -EBADF;
	struct stat st;
	int r = bind_parse(item, &b, err);

	if (r < 0)
		return r;
	src = open_source(b.src, err);
	if (src < 0)
		return src;
	if (fstat(src, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", b.src);
	return make_point(rootfd, &b, S_ISDIR(st.st_mode), err);
}

int bindmount_make_points(const char *root, const char *list, struct err *err)
{
	_cleanup_close_ int rootfd = -EBADF;
	_cleanup_strv_ char **v = NULL;
	size_t i;
	int r = 0;

	if (strv_split(list ? list : "", " ", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (!v)
		return 0;
	rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return err_errno(err, errno, "cannot open '%s'", root);
	for (i = 0; r == 0 && v[i]; i++)
		r = make_one(rootfd, v[i], err);
	if (r < 0)
		err_prefix(err, "BINDMOUNT");
	return r < 0 ? err_exit_default(err, VZ_MOUNT) : 0;
}

static int attach_one(const char *item, int userns, struct err *err)
{
	_cleanup_bind_ struct bind b = {0};
	_cleanup_close_ int src = -EBADF, tree = -EBADF, dst = -EBADF;
	struct mount_attr attr = {.userns_fd = userns, .propagation = MS_PRIVATE};
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int r = bind_parse(item, &b, err);

	if (r < 0)
		return r;
	src = open_source(b.src, err);
	if (src < 0)
		return src;
	/* What is mounted below it in the host stays there. */
	tree = syscall(SYS_open_tree, src, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_errno(err, errno, "cannot clone the mount of '%s'", b.src);
	attr.attr_set = b.attrs | MOUNT_ATTR_IDMAP;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_errno(err, errno, "the file system of '%s' cannot map ids", b.src);
	dst = syscall(SYS_openat2, AT_FDCWD, b.dst + strspn(b.dst, "/"), &how, sizeof(how));
	if (dst < 0)
		return err_errno(err, errno, "cannot open '%s' in the container", b.dst);
	if (syscall(SYS_move_mount, tree, "", dst, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_errno(err, errno, "cannot mount '%s' on '%s' of the container", b.src,
				 b.dst);
	return 0;
}

int bindmount_attach(const char *list, const struct idrange *ids, struct err *err)
{
	_cleanup_close_ int userns = -EBADF;
	_cleanup_strv_ char **v = NULL;
	size_t i;
	int r = 0;

	if (strv_split(list ? list : "", " ", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (!v)
		return 0;
	userns = idmap_open_userns(ids, err);
	if (userns < 0)
		return userns;
	for (i = 0; r == 0 && v[i]; i++)
		r = attach_one(v[i], userns, err);
	if (r < 0)
		err_prefix(err, "BINDMOUNT");
	return r < 0 ? err_exit_default(err, VZ_MOUNT) : 0;
}
