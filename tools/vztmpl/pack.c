/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The compressing end of scan.c; equal tars become equal archives. */
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"
#include "err.h"

struct packer {
	struct archive *out;
	bool failed;
};

static int write_block(void *arg, const void *buf, size_t len)
{
	struct packer *p = arg;

	if (len == 0 || archive_write_data(p->out, buf, len) == (la_ssize_t)len)
		return 0;
	p->failed = true;
	return -EIO;
}

static int open_out(struct packer *p, int out_fd)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	p->out = archive_write_new();
	if (!p->out || !e) {
		archive_entry_free(e);
		return -ENOMEM;
	}
	archive_entry_set_pathname(e, "tar");
	archive_entry_set_filetype(e, AE_IFREG);
	r = archive_write_set_format_raw(p->out);
	if (r == ARCHIVE_OK)
		r = archive_write_add_filter_zstd(p->out);
	if (r == ARCHIVE_OK)
		r = archive_write_set_filter_option(p->out, "zstd", "compression-level", "9");
	if (r == ARCHIVE_OK)
		r = archive_write_set_bytes_in_last_block(p->out, 1);
	if (r == ARCHIVE_OK)
		r = archive_write_open_fd(p->out, out_fd);
	if (r == ARCHIVE_OK)
		r = archive_write_header(p->out, e);
	archive_entry_free(e);
	return r == ARCHIVE_OK ? 0 : -EIO;
}

/* libarchive's text for a full disk is "Write error"; its number says more. */
static int cannot_write(const struct packer *p, const char *out, struct err *err)
{
	int code = archive_errno(p->out);

	if (code > 0)
		return err_errno(err, code, "cannot write '%s'", out);
	return err_set(err, EIO, "cannot write '%s': %s", out, archive_error_string(p->out));
}

static int compress(struct source *source, const struct scan_opts *opts, int out_fd,
		    const char *out, struct pack_result *ret, struct err *err)
{
	struct packer p = {.out = NULL};
	struct scan_opts scan = *opts;
	int r = open_out(&p, out_fd);

	scan.write = write_block;
	scan.write_arg = &p;
	if (r < 0) {
		r = err_set(err, -r, "cannot compress into '%s': %s", out,
			    p.out ? archive_error_string(p.out) : "out of memory");
	} else {
		r = scan_tar(source, &scan, &ret->scan, err);
		if (p.failed || (r == 0 && archive_write_close(p.out) != ARCHIVE_OK))
			r = cannot_write(&p, out, err);
	}
	archive_write_free(p.out);
	return r;
}

int pack_archive(struct source *source, const struct scan_opts *opts, const char *out, mode_t mode,
		 struct pack_result *ret, struct err *err)
{
	_cleanup_close_ int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	struct stat st;
	int r;

	if (fd < 0)
		return err_errno(err, errno, "cannot create '%s'", out);
	r = compress(source, opts, fd, out, ret, err);
	if (r < 0)
		return r;
	if (fsync(fd) < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot write '%s'", out);
	ret->size_bytes = (uint64_t)st.st_size;
	return hash_file(AT_FDCWD, out, ret->sha256, err);
}
