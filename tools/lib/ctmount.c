/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk of a container as commands mount it: with the action scripts around
 * it. What these mount below VE_ROOT goes with it, so that a script that only binds
 * something there needs no counterpart.
 */
#include "lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "area.h"
#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "script.h"
#include "state.h"
#include "strv.h"

/*
 * A bind of the host's shared mounts is their peer: unmounting something below it
 * would unmount it in the host, too. So what the script mounts is made private, and
 * before it has copies in other mount namespaces, which nobody could unmount then.
 * The root is shared again, so that what is unmounted here goes from those, too.
 */
static int run_mount_script(struct ct *ct, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	size_t i;
	int r;

	mount(NULL, ct->root, NULL, MS_PRIVATE, NULL);
	r = script_run_host(ct, SCRIPT_MOUNT, err);
	if (r == 0)
		r = state_mounts_below(ct->root, &v, err);
	for (i = 0; v && v[i]; i++)
		mount(NULL, v[i], NULL, MS_PRIVATE, NULL);
	mount(NULL, ct->root, NULL, MS_SHARED, NULL);
	return r;
}

static void umount_all(struct ct *ct)
{
	ct_umount_below(ct, NULL);
	area_umount(ct, NULL);
}

/*
 * The mount itself tells whether the scripts are through with it: nodiratime, which
 * changes nothing that anybody looks at, stands until the mount script has ended and
 * again from when the unmount script begins. A command killed between leaves it.
 */
static int set_whole(const struct ct *ct, bool whole, struct err *err)
{
	const char *noatime = ct_get(ct, "NOATIME");
	struct mount_attr attr = {0};

	if (whole)
		attr.attr_clr = MOUNT_ATTR_NODIRATIME;
	else
		attr.attr_set = MOUNT_ATTR_NODIRATIME;
	if (whole && noatime && strcmp(noatime, "yes") == 0) {
		attr.attr_clr |= MOUNT_ATTR__ATIME;
		attr.attr_set = MOUNT_ATTR_NOATIME;
	}
	if (mount_setattr(AT_FDCWD, ct->root, 0, &attr, sizeof(attr)) < 0)
		return err_errno(err, errno, "cannot change the mount on '%s'", ct->root);
	return 0;
}

int ct_is_mounted(struct ct *ct, bool *ret_mounted, struct err *err)
{
	struct statvfs st;
	bool mounted;
	int r = area_look(ct, &mounted, NULL, err);

	if (r < 0)
		return err_exit_default(err, VZ_MOUNT);
	if (mounted && statvfs(ct->root, &st) == 0 && (st.f_flag & ST_NODIRATIME)) {
		r = ct_umount_below(ct, err);
		if (r == 0)
			r = area_umount(ct, err);
		mounted = false;
	}
	*ret_mounted = mounted;
	return r;
}

int ct_mount(struct ct *ct, struct err *err)
{
	bool mounted;
	int r = ct_is_mounted(ct, &mounted, err);

	if (r < 0)
		return r;
	if (mounted)
		return err_exit(err, VZ_MOUNTED, "container %s is mounted already", ct->idstr);
	r = script_run_host(ct, SCRIPT_PREMOUNT, err);
	if (r == 0)
		r = area_mount(ct, NULL, err);
	if (r < 0)
		return r;
	r = run_mount_script(ct, err);
	if (r == 0)
		r = set_whole(ct, true, err);
	if (r < 0)
		umount_all(ct);
	return r;
}

int ct_umount_below(const struct ct *ct, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	size_t i;
	int r = state_mounts_below(ct->root, &v, err);

	if (r < 0)
		return r;
	for (i = 0; v && v[i]; i++)
		mount(NULL, v[i], NULL, MS_PRIVATE, NULL);
	/* Later ones may be on earlier ones. */
	for (i = strv_length(v); i--;)
		if (umount2(v[i], UMOUNT_NOFOLLOW | MNT_DETACH) < 0 && errno != EINVAL) {
			err_errno(err, errno, "cannot unmount '%s'", v[i]);
			return err_exit_default(err, VZ_UMOUNT);
		}
	return 0;
}

int ct_umount(struct ct *ct, struct err *err)
{
	dev_t dev;
	int r = area_device(ct, &dev, err);

	if (r < 0)
		return err_exit_default(err, VZ_UMOUNT);
	r = set_whole(ct, false, err);
	if (r == 0)
		r = script_run_host(ct, SCRIPT_UMOUNT, err);
	if (r == 0)
		r = ct_umount_below(ct, err);
	if (r == 0)
		r = area_umount(ct, err);
	return r < 0 ? r : script_run_host(ct, SCRIPT_POSTUMOUNT, err);
}
