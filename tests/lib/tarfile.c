/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tarfile.h"

#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "fixture.h"

struct archive *tarfile_new(const char *path)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_set_format_pax(a), ARCHIVE_OK);
	/* Names are bytes here; without this libarchive turns them into UTF-8. */
	assert_int_equal(archive_write_set_options(a, "hdrcharset=BINARY"), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	return a;
}

void tarfile_close(struct archive *a)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

struct archive_entry *tarfile_entry(const char *name, unsigned int type)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, name);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, type == AE_IFDIR ? 0755 : type == AE_IFLNK ? 0777 : 0644);
	archive_entry_set_mtime(e, 1700000000, 0);
	return e;
}

void tarfile_put(struct archive *a, struct archive_entry *e, const void *data, size_t len)
{
	if (archive_entry_filetype(e) == AE_IFREG && !archive_entry_hardlink(e) &&
	    !archive_entry_size_is_set(e))
		archive_entry_set_size(e, (int64_t)len);
	if (archive_write_header(a, e) != ARCHIVE_OK)
		fail_msg("%s", archive_error_string(a));
	if (len)
		assert_int_equal(archive_write_data(a, data, len), (la_ssize_t)len);
	archive_entry_free(e);
}

void tarfile_file(struct archive *a, const char *name, const char *text)
{
	tarfile_put(a, tarfile_entry(name, AE_IFREG), text, strlen(text));
}

void tarfile_dir(struct archive *a, const char *name)
{
	tarfile_put(a, tarfile_entry(name, AE_IFDIR), NULL, 0);
}

void tarfile_symlink(struct archive *a, const char *name, const char *target)
{
	struct archive_entry *e = tarfile_entry(name, AE_IFLNK);

	archive_entry_copy_symlink(e, target);
	tarfile_put(a, e, NULL, 0);
}

void tarfile_hardlink(struct archive *a, const char *name, const char *target)
{
	struct archive_entry *e = tarfile_entry(name, AE_IFREG);

	archive_entry_copy_hardlink(e, target);
	tarfile_put(a, e, NULL, 0);
}
