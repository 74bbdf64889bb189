/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_TEMPLATE_CHECK_H
#define VESPER_TEMPLATE_CHECK_H

#include <stddef.h>

struct err;
struct template_check;

/*
 * Whether the bytes of the template archive @path are those of the manifest
 * beside it, while they are read for something else. Exit code 47 when the
 * manifest is damaged; free with template_check_free().
 */
int template_check_new(const char *path, struct template_check **ret, struct err *err);

/* The next bytes of the archive; of the type of ploop_create()'s tap. */
void template_check_add(void *check, const void *buf, size_t len);

/* After the last: 0, also for an archive without a manifest, or exit code 47. */
int template_check_end(struct template_check *check, struct err *err);

void template_check_free(struct template_check *check);
void template_check_freep(struct template_check **check);

#endif
