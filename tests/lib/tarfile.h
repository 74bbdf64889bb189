/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_TARFILE_H
#define VESPER_TARFILE_H

/* Tar archives for tests, entry by entry, and any metadata that libarchive can write. */

#include <stddef.h>
#include <stdint.h>

struct archive;
struct archive_entry;

/* A new pax archive at @path. */
struct archive *tarfile_new(const char *path);
void tarfile_close(struct archive *a);

/* An entry of this type (AE_IF*), owner 0:0, mode 0755 or 0644, time 1700000000; caller may change it and passes it to tarfile_put(). */
struct archive_entry *tarfile_entry(const char *name, unsigned int type);

/* Write @e (freed) with @data; the size is set for regular files. */
void tarfile_put(struct archive *a, struct archive_entry *e, const void *data, size_t len);

/* Short forms. */
void tarfile_file(struct archive *a, const char *name, const char *text);
void tarfile_dir(struct archive *a, const char *name);
void tarfile_symlink(struct archive *a, const char *name, const char *target);
void tarfile_hardlink(struct archive *a, const char *name, const char *target);

#endif
