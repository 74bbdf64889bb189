/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_STRV_H
#define VESPER_STRV_H

#include <stdbool.h>
#include <stddef.h>

/* NULL-terminated list of strings; NULL is the empty list. The list owns its strings. */

size_t strv_length(char *const *v);
bool strv_contains(char *const *v, const char *s);
/* Append a copy; 0 or -ENOMEM, and then the list is as it was. */
int strv_add(char ***v, const char *s);
/* Remove every string equal to @s; how many were removed. */
size_t strv_remove(char **v, const char *s);
/* Split at any of @seps, dropping empty parts; 0 or -ENOMEM. Caller frees. */
int strv_split(const char *s, const char *seps, char ***ret_v);
/* Join with @sep; caller frees; NULL without memory. */
char *strv_join(char *const *v, const char *sep);
void strv_free(char **v);
void strv_freep(char ***v);

#define _cleanup_strv_ __attribute__((cleanup(strv_freep)))

#endif
