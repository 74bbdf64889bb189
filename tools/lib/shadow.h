/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_SHADOW_H
#define VESPER_SHADOW_H

#include <stdbool.h>

struct err;

/* Text of /etc/passwd and /etc/shadow; see passwd(5), shadow(5). Pure. */

/* Has @passwd a line of @user whose password is in shadow ("x")? -ENOENT for no line, -EINVAL else. */
int shadow_check_user(const char *passwd, const char *user);

/* @shadow with @hash as @user's password, changed on @day; a line is added when there is none. Caller frees; NULL without memory. */
char *shadow_replace(const char *shadow, const char *user, const char *hash, long day);

/* @text, of either, with an empty password of @user replaced by @lock. NULL: it is not empty. Caller frees. */
char *shadow_lock_empty(const char *text, const char *user, const char *lock);

/* @password as crypt(5) SHA-512 with fresh salt; caller wipes and frees. */
int shadow_hash(const char *password, char **ret_hash, struct err *err);

#endif
