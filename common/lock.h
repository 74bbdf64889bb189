/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_LOCK_H
#define VESPER_LOCK_H

struct err;

/*
 * Take an exclusive lock on the file @path (made when missing, mode 0600,
 * never removed: removing a lock file races with its next holder), waiting at
 * most @timeout_sec (0: do not wait). Returns a descriptor that holds the lock
 * until it is closed, or -errno: -EAGAIN when somebody else kept it (the
 * sentence names the holder's pid where it is known).
 */
int lock_file(const char *path, int timeout_sec, struct err *err);

#endif
