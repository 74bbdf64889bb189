/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a recipe's tar to the archive in the cache: one pass that compresses
 * the bytes as they are (so that equal tars are equal archives) while
 * libarchive reads the same bytes as entries, which are held against the rules
 * below. A template that breaks one is not made: a secret shared by every
 * container made from it would be found out by an attacker first.
 */
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"
#include "err.h"

#define BLOCK_BYTES (1 << 18)

struct rule {
	const char *pattern; /* fnmatch over the whole path */
	bool may_be_empty;
	const char *why;
};

/* Regular files that no template may hold. */
static const struct rule rules[] = {
	{"etc/ssh/ssh_host_*", false, "a host key"},
	{"etc/machine-id", true, "a machine id"},
	{"var/lib/dbus/machine-id", true, "a machine id"},
	{"var/lib/systemd/random-seed", false, "a random seed"},
	{"var/lib/urandom/random-seed", false, "a random seed"},
	{"var/lib/apt/lists/*", true, "a package list"},
	{"var/log/*", true, "a log of the build"},
	{"root/.bash_history", false, "a history"},
};

static const char *const inits[] = {
	"sbin/init", "usr/sbin/init", "etc/init", "bin/init", "usr/bin/init",
};

struct packer {
	int fd;
	struct archive *out;
	char *buf;
	pack_tick_fn tick;
	void *arg;
	int failed;   /* -errno that ended the copy, whatever libarchive makes of it */
	bool writing; /* and it was the archive that could not be written */
	bool have_init;
	struct pack_result res;
};

static ssize_t read_block(struct packer *p)
{
	ssize_t n;

	if (p->tick && p->tick(p->arg)) {
		p->failed = -EINTR;
		return -1;
	}
	do {
		n = read(p->fd, p->buf, BLOCK_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		p->failed = -errno;
	if (n > 0 && archive_write_data(p->out, p->buf, (size_t)n) != n) {
		p->failed = -EIO;
		p->writing = true;
		return -1;
	}
	return n;
}

/* libarchive's read callback: what it reads has been compressed already. */
static la_ssize_t tee_block(struct archive *in, void *data, const void **ret_buf)
{
	struct packer *p = data;
	ssize_t n = read_block(p);

	if (n < 0)
		archive_set_error(in, -p->failed, "cannot copy");
	*ret_buf = p->buf;
	return n;
}

static int check_path(const char *path, struct err *err)
{
	const char *s = path;

	if (*s == '/')
		return err_set(err, EINVAL, "the recipe's tar holds the absolute name '%s'", path);
	while (s) {
		if (strncmp(s, "..", 2) == 0 && (s[2] == '/' || s[2] == '\0'))
			return err_set(err, EINVAL, "the recipe's tar holds the name '%s'", path);
		s = strchr(s, '/');
		if (s)
			s++;
	}
	return 0;
}

static int check_entry(struct packer *p, struct archive_entry *e, struct err *err)
{
	const char *path = archive_entry_pathname(e);
	bool regular = archive_entry_filetype(e) == AE_IFREG;
	int r;

	if (!path)
		return err_set(err, EINVAL, "the recipe's tar holds an entry without a name");
	r = check_path(path, err);
	if (r < 0)
		return r;
	if (strncmp(path, "./", 2) == 0)
		path += 2;

	p->res.entries++;
	if (regular)
		p->res.unpacked_bytes += (uint64_t)archive_entry_size(e);
	for (size_t i = 0; i < sizeof(inits) / sizeof(*inits); i++)
		if (strcmp(path, inits[i]) == 0)
			p->have_init = true;
	for (size_t i = 0; regular && i < sizeof(rules) / sizeof(*rules); i++) {
		if (fnmatch(rules[i].pattern, path, 0) != 0)
			continue;
		if (rules[i].may_be_empty && archive_entry_size(e) == 0)
			continue;
		return err_set(err, EINVAL, "the template would hold %s: '/%s'", rules[i].why,
			       path);
	}
	return 0;
}

static int read_entries(struct packer *p, struct archive *in, struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = archive_read_next_header(in, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		int ret = check_entry(p, e, err);

		if (ret < 0)
			return ret;
	}
	if (r != ARCHIVE_EOF)
		return err_set(err, EBADMSG, "the recipe's tar is corrupt: %s",
			       archive_error_string(in));
	if (!p->have_init)
		return err_set(err, EINVAL, "the recipe's tar has no init (/sbin/init)");

	/* Padding behind the end marker, which libarchive does not ask for. */
	for (;;) {
		ssize_t n = read_block(p);

		if (n <= 0)
			return n < 0 ? p->failed : 0;
	}
}

/* The reason below the one that libarchive gave. */
static int copy_failed(const struct packer *p, const char *tar, const char *out, struct err *err)
{
	if (p->failed == -EINTR)
		return err_set(err, EINTR, "interrupted");
	if (p->writing)
		return err_set(err, EIO, "cannot write '%s': %s", out,
			       archive_error_string(p->out));
	return err_errno(err, p->failed, "cannot read '%s'", tar);
}

static int open_out(struct packer *p, int out_fd)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	p->out = archive_write_new();
	if (!p->out || !e)
		return -ENOMEM;
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

static int pack_open(struct packer *p, int out_fd, const char *tar, const char *out,
		     struct err *err)
{
	struct archive *in = archive_read_new();
	int r;

	if (!in)
		return err_set(err, ENOMEM, "out of memory");
	r = open_out(p, out_fd);
	if (r < 0)
		r = err_set(err, -r, "cannot compress into '%s': %s", out,
			    p->out ? archive_error_string(p->out) : "out of memory");
	if (r == 0 && (archive_read_support_format_tar(in) != ARCHIVE_OK ||
		       archive_read_open(in, p, NULL, tee_block, NULL) != ARCHIVE_OK))
		r = err_set(err, EBADMSG, "the recipe wrote no tar: %s", archive_error_string(in));
	if (r == 0)
		r = read_entries(p, in, err);
	if (p->failed)
		r = copy_failed(p, tar, out, err);
	if (r == 0 && archive_write_close(p->out) != ARCHIVE_OK)
		r = err_set(err, EIO, "cannot write '%s': %s", out, archive_error_string(p->out));
	archive_read_free(in);
	archive_write_free(p->out);
	return r;
}

int pack_archive(const char *tar, const char *out, pack_tick_fn tick, void *arg,
		 struct pack_result *ret, struct err *err)
{
	_cleanup_free_ char *buf = malloc(BLOCK_BYTES);
	_cleanup_close_ int fd = open(tar, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct packer p = {.fd = fd, .buf = buf, .tick = tick, .arg = arg};
	struct stat st;
	int r;

	if (!buf)
		return err_set(err, ENOMEM, "out of memory");
	if (fd < 0)
		return err_errno(err, errno, "the recipe wrote no tar '%s'", tar);
	if (out_fd < 0)
		return err_errno(err, errno, "cannot create '%s'", out);

	r = pack_open(&p, out_fd, tar, out, err);
	if (r < 0)
		return r;
	if (fsync(out_fd) < 0 || fstat(out_fd, &st) < 0)
		return err_errno(err, errno, "cannot write '%s'", out);
	p.res.size_bytes = (uint64_t)st.st_size;
	r = hash_file(AT_FDCWD, out, p.res.sha256, err);
	if (r < 0)
		return r;
	*ret = p.res;
	return 0;
}
