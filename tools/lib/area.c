/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The private area is built under a name of its own beside its place and
 * renamed when it is complete and on stable storage: VE_PRIVATE either does
 * not exist or is whole. It goes away the same way back. What a killed create
 * or destroy leaves under that name is removed by the next.
 *
 * VE_ROOT and VE_PRIVATE come from a file that people copy and edit, so neither
 * is believed: what is mounted on VE_ROOT is the container's only when it is on
 * the device of the container's image, and only an area that nobody uses is
 * removed.
 */
#include "area.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "golden.h"
#include "idrange.h"
#include "log.h"
#include "path.h"
#include "ploop.h"
#include "shadow.h"
#include "snapfile.h"
#include "state.h"
#include "strbuf.h"
#include "template_check.h"

#define IMAGE_DIR  "root.hdd"
#define DESCRIPTOR IMAGE_DIR "/DiskDescriptor.xml"
/* Ours by its name: nobody has such a directory of his own. */
#define PARTIAL	   ".vzctl-partial"

static char *suffixed(const char *path, const char *suffix)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, path);
	while (b.len > 1 && b.s[b.len - 1] == '/')
		b.s[--b.len] = '\0';
	strbuf_add(&b, suffix);
	return strbuf_steal(&b);
}

char *area_image_dir(const struct ct *ct)
{
	return path_join(ct->private_dir, IMAGE_DIR);
}

static bool same_area(const struct ct *a, const struct ct *b)
{
	_cleanup_free_ char *x = suffixed(a->private_dir, ""), *y = suffixed(b->private_dir, "");
	struct stat st, other;

	if (x && y && strcmp(x, y) == 0)
		return true;
	return stat(a->private_dir, &st) == 0 && stat(b->private_dir, &other) == 0 &&
	       st.st_dev == other.st_dev && st.st_ino == other.st_ino;
}

/*
 * No other container, made or being made, has this private area: one whose
 * configuration was copied may. A file that cannot be read has vz.conf's.
 */
static int check_unshared(const struct ct *ct, bool draft, struct err *err)
{
	_cleanup_free_ uint32_t *ids = NULL;
	size_t count = 0, i;
	int r = draft ? ct_list_drafts(ct->host, &ids, &count, err)
		      : ct_list(ct->host, &ids, &count, err);

	if (r < 0)
		return r;
	for (i = 0; i < count; i++) {
		_cleanup_ct_ struct ct *other = NULL;

		if (ids[i] == ct->id || ct_open_other(ct->host, ids[i], draft, &other, NULL) < 0)
			continue;
		if (other->private_dir && same_area(ct, other))
			return err_set(err, EBUSY, "private area '%s' is also that of container %s",
				       ct->private_dir, other->idstr);
	}
	return 0;
}

static int check_sole_owner(const struct ct *ct, struct err *err)
{
	int r = check_unshared(ct, true, err);

	return r < 0 ? r : check_unshared(ct, false, err);
}

int area_check_free(const struct ct *ct, struct err *err)
{
	if (access(ct->private_dir, F_OK) == 0)
		return err_exit(err, VZ_PRIVATE_EXISTS, "private area '%s' exists already",
				ct->private_dir);
	return check_sole_owner(ct, err) < 0 ? err_exit_default(err, VZ_PRIVATE_EXISTS) : 0;
}

/* What the tap saw has the last word on a tar that cannot be read: the reason is in its bytes. */
static int create_image(const char *dir, struct ploop_create_opts *opts, struct err *err)
{
	_cleanup_(template_check_freep) struct template_check *check = NULL;
	struct err why = ERR_INIT;
	int damaged, r = template_check_new(opts->tars[0], &check, err);

	if (r < 0)
		return r;
	opts->tap = template_check_add;
	opts->tap_arg = check;
	r = ploop_create(dir, opts, err);
	if (r < 0 && r != -EINVAL)
		return err_exit_default(err, r == -ENOSPC ? VZ_NO_SPACE : VZ_IMAGE_CREATE);
	damaged = template_check_end(check, &why);
	if (damaged < 0 && err)
		*err = why;
	if (damaged < 0)
		r = damaged;
	return r < 0 ? err_exit_default(err, VZ_IMAGE_CREATE) : 0;
}

/* A template of anybody's: nobody is root in a container by pressing Enter. Keys and --userpasswd still do. */
static char *lock_root(void *arg, const char *path, const char *text)
{
	bool shadow = strcmp(path, "etc/shadow") == 0;
	char *locked = shadow_lock_empty(text, "root", shadow ? "*" : "x");

	(void)arg;
	if (locked)
		log_detail(1, "root has no password in '/%s' of the template: locked", path);
	return locked;
}

static int make_disk(const void *arg, const char *dir, struct err *err)
{
	const struct area_create_opts *opts = arg;
	const char *const tars[] = {opts->tar, NULL};
	static const char *const accounts[] = {"etc/passwd", "etc/shadow", NULL};
	struct ploop_create_opts po = {
		.size_bytes = opts->size_bytes,
		.format = opts->format,
		.tars = tars,
		.max_id = opts->max_id,
		.sync = true,
		.progress = opts->progress,
		.progress_arg = opts->progress_arg,
		.rewrite_paths = accounts,
		.rewrite = lock_root,
	};

	return create_image(dir, &po, err);
}

/* Whatever keeps it from standing on a golden image, a disk of its own says it better, or is one. */
static int make_image(const struct ct *ct, const char *tmp, const struct area_create_opts *opts,
		      struct err *err)
{
	_cleanup_free_ char *dir = path_join(tmp, IMAGE_DIR);
	struct err why = ERR_INIT;
	int r;

	if (!dir)
		return err_set(err, ENOMEM, "out of memory");
	/* 0700: the image is the tenant's disk, nobody else reads it. */
	r = path_mkdirs(tmp, 0700, err);
	if (r < 0)
		return err_exit_default(err, VZ_CREATE_PRIVATE);
	if (opts->format == PLOOP_FORMAT_EXPANDED && !opts->full) {
		r = golden_clone(ct->host->template_dir, opts->tar, opts->size_bytes, opts->max_id,
				 make_disk, opts, dir, &why);
		if (r == 0)
			return 0;
		log_detail(1, "the disk is one of its own: %s", why.msg);
	}
	return make_disk(opts, dir, err);
}

static int remove_partial(const char *partial, struct err *err)
{
	return access(partial, F_OK) == 0 ? path_remove_tree(AT_FDCWD, partial, err) : 0;
}

int area_create(const struct ct *ct, const struct area_create_opts *opts, struct err *err)
{
	_cleanup_free_ char *partial = suffixed(ct->private_dir, PARTIAL);
	int r;

	if (!partial)
		return err_set(err, ENOMEM, "out of memory");
	r = remove_partial(partial, err);
	if (r == 0)
		r = make_image(ct, partial, opts, err);
	if (r < 0)
		goto undo;
	if (rename(partial, ct->private_dir) < 0) {
		r = err_errno(err, errno, "cannot make '%s'", ct->private_dir);
		goto undo;
	}
	r = path_sync_parent(ct->private_dir, err);
	if (r == 0)
		log_detail(1, "private area '%s': a disk of %" PRIu64 " bytes from '%s'",
			   ct->private_dir, opts->size_bytes, opts->tar);
	if (r == 0)
		return 0;
	path_remove_tree(AT_FDCWD, ct->private_dir, NULL);
undo:
	remove_partial(partial, NULL);
	return err_exit_default(err, VZ_CREATE_PRIVATE);
}

/* Nothing but a private area, and only one that nobody uses; held until released. */
static int hold_area(const struct ct *ct, struct ploop_hold **ret_hold, struct err *err)
{
	_cleanup_free_ char *dir = area_image_dir(ct);
	_cleanup_free_ char *descriptor = path_join(ct->private_dir, DESCRIPTOR);
	int r;

	if (!dir || !descriptor)
		return err_set(err, ENOMEM, "out of memory");
	if (access(descriptor, F_OK) < 0)
		return err_errno(err, errno, "'%s' is not a private area: '%s'", ct->private_dir,
				 descriptor);
	r = check_sole_owner(ct, err);
	if (r < 0)
		return r;
	r = ploop_hold(dir, ret_hold, err);
	return r == -EBUSY ? err_exit_default(err, VZ_MOUNTED) : r;
}

int area_destroy(const struct ct *ct, struct err *err)
{
	_cleanup_free_ char *partial = suffixed(ct->private_dir, PARTIAL);
	struct ploop_hold *hold = NULL;
	int r;

	if (!partial)
		return err_set(err, ENOMEM, "out of memory");
	r = remove_partial(partial, err);
	/* The mount point goes too; what is in it is not ours to remove. */
	if (r == 0 && ct->root)
		rmdir(ct->root);
	if (r == 0 && access(ct->private_dir, F_OK) == 0) {
		r = hold_area(ct, &hold, err);
		/* Renamed first: a half removed area must not look like one. */
		if (r == 0 && rename(ct->private_dir, partial) < 0)
			r = err_errno(err, errno, "cannot remove '%s'", ct->private_dir);
		if (r == 0)
			r = remove_partial(partial, err);
		ploop_release(hold);
	}
	return r < 0 ? err_exit_default(err, VZ_DELETE_PRIVATE) : 0;
}

static bool is_closed(const char *dir)
{
	struct stat st;

	return stat(dir, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 0011);
}

/*
 * The disk is mounted with the ids that are on it, so its files are those of
 * the host's users of the same numbers, until the container's own mount maps
 * them. Nobody may reach them from the host: a directory on the way must be
 * one that only root enters. A directory that is there stays as it is, it may
 * be /srv; those that are missing are made closed.
 */
int area_check_closed(const char *root, struct err *err)
{
	_cleanup_free_ char *parent = suffixed(root, ""), *real = NULL;
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!slash)
		return err_set(err, ENOMEM, "out of memory");
	slash[slash == parent] = '\0';
	real = realpath(parent, NULL);
	if (!real)
		return errno == ENOENT ? 0 : err_errno(err, errno, "cannot look at '%s'", parent);
	for (;;) {
		if (is_closed(real))
			return 0;
		slash = strrchr(real, '/');
		if (slash == real && !slash[1])
			break;
		slash[slash == real] = '\0';
	}
	return err_set(err, EPERM, "'%s' is open to others", parent);
}

static int make_mount_point(const char *root, struct err *err)
{
	struct err why = ERR_INIT;
	int r = area_check_closed(root, &why);

	if (r < 0)
		err_set(err, r, "%s%s", why.msg,
			r == -EPERM ? ": VE_ROOT must be in a directory that only root can enter "
				      "(mode 700)"
				    : "");
	else
		r = path_mkdirs(root, 0700, err);
	return r < 0 ? err_exit_default(err, VZ_CREATE_ROOT) : 0;
}

/* Something is mounted on VE_ROOT: 0 and its device when it is this container's disk. */
static int check_own(const struct ct *ct, dev_t *ret_dev, struct err *err)
{
	_cleanup_free_ char *dir = area_image_dir(ct);
	struct ploop_disk *disk;
	struct stat st;
	bool own;
	int r;

	if (!dir)
		return err_set(err, ENOMEM, "out of memory");
	if (stat(ct->root, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", ct->root);
	r = ploop_open(dir, &disk, err);
	if (r < 0)
		return err_prefix(err, "cannot tell what is mounted on '%s'", ct->root);
	own = ploop_is_attached(disk, st.st_dev);
	ploop_close(disk);
	if (!own)
		return err_set(err, EBUSY,
			       "what is mounted on '%s' (device %u:%u) is not the disk in '%s'",
			       ct->root, major(st.st_dev), minor(st.st_dev), dir);
	if (ret_dev)
		*ret_dev = st.st_dev;
	return 0;
}

int area_look(const struct ct *ct, bool *ret_mounted, dev_t *ret_dev, struct err *err)
{
	bool mounted;
	int r = state_is_mounted(ct->root, &mounted, err);

	if (r == 0 && mounted)
		r = check_own(ct, ret_dev, err);
	if (r < 0)
		return r;
	*ret_mounted = mounted;
	return 0;
}

/* An image may come from elsewhere. A configuration without a range has none that it could be too large for. */
static uint32_t max_id_of(const struct ct *ct)
{
	struct err why = ERR_INIT;
	struct idrange ids;

	return idrange_load(ct, &ids, &why) < 0 ? 0 : ids.size - 1;
}

static int mount_image(const struct ct *ct, const char *dir, dev_t *ret_dev, struct err *err)
{
	const struct ploop_mount_opts opts = {.fsck = true,
					      .flags = MS_NOSUID | MS_NODEV | MS_NODIRATIME,
					      .max_id = max_id_of(ct)};
	struct ploop_disk *disk;
	dev_t dev;
	int r = ploop_open(dir, &disk, err);

	/* A crash kept it from being as small as it is to be; if it cannot be, it is limited as before. */
	if (r == 0 && ploop_pending_bytes(disk)) {
		ploop_close(disk);
		(void)ploop_finish_resize(dir, NULL);
		r = ploop_open(dir, &disk, err);
	}
	if (r < 0)
		return err_exit_default(err, VZ_IMAGE_MOUNT);
	r = ploop_mount(disk, ct->root, &opts, &dev, err);
	ploop_close(disk);
	if (r == -ERANGE)
		err_prefix(err, "LOCAL_SIZE is too small");
	if (r < 0)
		return err_exit_default(err, r == -EOPNOTSUPP ? VZ_PLOOP : VZ_MOUNT);
	log_detail(1, "the disk in '%s' is device %u:%u, mounted on '%s'", dir, major(dev),
		   minor(dev), ct->root);
	if (ret_dev)
		*ret_dev = dev;
	return 0;
}

/* A configuration that came from OpenVZ may be of a kind that has no image. */
static int no_image(const struct ct *ct, const char *dir, struct err *err)
{
	const char *layout = ct_get(ct, "VE_LAYOUT");

	if (layout && *layout && strncmp(layout, "ploop", 5) != 0)
		return err_exit(err, VZ_PLOOP,
				"VE_LAYOUT is '%s', which is not supported: there is no disk image "
				"'%s'",
				layout, dir);
	return err_exit(err, VZ_PRIVATE_MISSING, "private area '%s' is missing", dir);
}

int area_mount(const struct ct *ct, dev_t *ret_dev, struct err *err)
{
	_cleanup_free_ char *dir = area_image_dir(ct);
	bool mounted;
	int r;

	if (!dir)
		return err_set(err, ENOMEM, "out of memory");
	if (access(dir, F_OK) < 0)
		return no_image(ct, dir, err);
	r = area_look(ct, &mounted, NULL, err);
	if (r < 0)
		return err_exit_default(err, VZ_MOUNT);
	if (mounted)
		return err_exit(err, VZ_MOUNTED, "container %s is mounted already", ct->idstr);
	r = make_mount_point(ct->root, err);
	return r < 0 ? r : mount_image(ct, dir, ret_dev, err);
}

int area_device(const struct ct *ct, dev_t *ret_dev, struct err *err)
{
	bool mounted;
	int r = area_look(ct, &mounted, ret_dev, err);

	if (r == 0 && !mounted)
		return err_exit(err, VZ_NOT_MOUNTED, "container %s is not mounted", ct->idstr);
	return r;
}

static bool is_pending(const char *dir)
{
	struct ploop_disk *disk;
	bool pending;

	if (ploop_open(dir, &disk, NULL) < 0)
		return false;
	pending = ploop_pending_bytes(disk) != 0;
	ploop_close(disk);
	return pending;
}

int area_resize(const struct ct *ct, uint64_t bytes, bool *ret_pending, struct err *err)
{
	_cleanup_free_ char *dir = area_image_dir(ct);
	int r = dir ? ploop_resize(dir, bytes, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return err_exit_default(err, VZ_IMAGE_RESIZE);
	*ret_pending = is_pending(dir);
	return 0;
}

enum ploop_format area_format(const char *layout)
{
	return strcmp(layout, "ploop:expanded") == 0	   ? PLOOP_FORMAT_EXPANDED
	       : strcmp(layout, "ploop:preallocated") == 0 ? PLOOP_FORMAT_PREALLOCATED
							   : PLOOP_FORMAT_RAW;
}

/* Of a disk that stands on a golden image only what lies below would become another one. */
static int leave_golden(const struct ct *ct, const char *dir, struct err *err)
{
	_cleanup_free_ char *own = path_join(ct->private_dir, SNAPFILE_NAME);
	struct ploop_snapshot *list;
	size_t n;
	int r;

	if (!own)
		return err_set(err, ENOMEM, "out of memory");
	r = ploop_snapshots(dir, &list, &n, err);
	if (r < 0)
		return r;
	ploop_snapshots_free(list, n);
	return n == 2 && access(own, F_OK) < 0 ? ploop_snapshot_merge(dir, NULL, err) : 0;
}

int area_convert(const struct ct *ct, enum ploop_format format, struct err *err)
{
	_cleanup_free_ char *dir = area_image_dir(ct);
	int r;

	if (!dir)
		return err_set(err, ENOMEM, "out of memory");
	if (access(dir, F_OK) < 0)
		return no_image(ct, dir, err);
	r = leave_golden(ct, dir, err);
	if (r == 0)
		r = ploop_convert(dir, format, err);
	if (r == -ENOSPC || r == -EDQUOT)
		return err_exit_default(err, VZ_NO_SPACE);
	return r < 0 ? err_exit_default(err, VZ_IMAGE_CONVERT) : 0;
}

int area_compact(const struct ct *ct, struct err *err)
{
	_cleanup_free_ char *dir = area_image_dir(ct);
	uint64_t freed;
	int r = dir ? ploop_compact(dir, &freed, err) : err_set(err, ENOMEM, "out of memory");

	return r < 0 ? err_exit_default(err, VZ_COMPACT) : 0;
}

uint64_t area_taken_bytes(const struct ct *ct)
{
	_cleanup_free_ char *dir = area_image_dir(ct);
	_cleanup_closedir_ DIR *d = dir ? opendir(dir) : NULL;
	uint64_t bytes = 0;
	struct dirent *e;
	struct stat st;

	/* A file with another name is the golden image, which stays. */
	while (d && (e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_nlink == 1)
			bytes += (uint64_t)st.st_blocks * 512;
	return bytes;
}

int area_umount(const struct ct *ct, struct err *err)
{
	dev_t dev;
	int r = area_device(ct, &dev, err);

	if (r == 0)
		r = ploop_umount(ct->root, err);
	if (r == 0)
		log_detail(1, "device %u:%u is unmounted from '%s'", major(dev), minor(dev),
			   ct->root);
	return r < 0 ? err_exit_default(err, VZ_UMOUNT) : 0;
}
