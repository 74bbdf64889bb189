/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_PTY_H
#define VESPER_PTY_H

struct err;

/*
 * A terminal of the container that the calling process is in (its mount
 * namespace and root): both ends close-on-exec, neither the controlling one.
 * The paths are the tenant's, so what they lead to is checked.
 */
int pty_open(int *ret_master, int *ret_slave, struct err *err);

/*
 * Make @slave the container's /dev/console: a mount over that file, as a
 * terminal cannot live outside its devpts. It takes the place of an older one.
 */
int pty_make_console(int slave, struct err *err);

#endif
