/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_BINDMOUNT_H
#define VESPER_BINDMOUNT_H

#include <stdbool.h>

struct err;
struct idrange;

/*
 * Directories and files of the host that a container sees (BINDMOUNT): items
 * "[nosuid,noexec,nodev:]SRC:DST" with blanks between. The ids in them are the
 * container's: what its root makes there belongs to id 0 of that file system.
 * nodev holds whether it is asked for or not, as for all that a container sees.
 */

/* Parsers of struct param: the stored form, DST filled in; and the same where SRC must be there. */
int value_bindmount(const char *in, char **ret, struct err *err);
int value_bindmount_add(const char *in, char **ret, struct err *err);
/* DST of an item that goes. */
int value_bindmount_target(const char *in, char **ret, struct err *err);

/* A line about those whose set-uid files users of the host could run; NULL for none; caller frees. */
char *note_bindmount(const char *list);

/*
 * In the host, before the start: each DST exists below the mounted @root and no
 * link leads to it. In the mount namespace that becomes the container's, the
 * current directory its root: attach each. @list may be NULL. Exit code 50.
 */
int bindmount_make_points(const char *root, const char *list, struct err *err);
int bindmount_attach(const char *list, const struct idrange *ids, struct err *err);

#endif
