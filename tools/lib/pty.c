/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int pty_open(int *ret_master, int *ret_slave, struct err *err)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	struct stat st;
	int unlock = 0;

	master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (master < 0)
		return err_errno(err, errno, "cannot open /dev/pts/ptmx in the container");
	if (fstat(master, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return err_set(err, ENODEV, "/dev/pts/ptmx in the container is not a terminal");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_errno(err, errno, "cannot unlock a terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_errno(err, errno, "cannot open a terminal in the container");
	*ret_master = steal_fd(&master);
	*ret_slave = steal_fd(&slave);
	return 0;
}

/* /dev/console as a plain file of /dev itself, made when it is missing. */
static int open_console_point(struct err *err)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	_cleanup_close_ int dev = open("/dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fd;

	if (dev < 0)
		return err_errno(err, errno, "cannot open /dev in the container");
	if (mknodat(dev, "console", S_IFREG | 0600, 0) < 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot make /dev/console in the container");
	fd = syscall(SYS_openat2, dev, "console", &how, sizeof(how));
	return fd < 0 ? err_errno(err, errno, "cannot open /dev/console in the container") : fd;
}

int pty_make_console(int slave, struct err *err)
{
	_cleanup_close_ int tree = -EBADF, point = -EBADF;

	/* One that nobody holds any more; there is none at a start. */
	umount2("/dev/console", MNT_DETACH | UMOUNT_NOFOLLOW);
	point = open_console_point(err);
	if (point < 0)
		return point;
	tree = syscall(SYS_open_tree, slave, "",
		       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_errno(err, errno, "cannot bind the console");
	if (syscall(SYS_move_mount, tree, "", point, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_errno(err, errno, "cannot attach the console");
	return 0;
}
