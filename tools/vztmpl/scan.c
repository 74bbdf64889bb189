/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pass over a tar: libarchive reads the entries, libploop says whether a
 * container's disk could hold them, the table of unique.c which of them are no
 * template's, and the sieve passes on the bytes of the others as they are, so
 * that equal tars are equal archives and nothing that a tar can say is lost.
 */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"
#include "entries.h"
#include "err.h"
#include "pkgdb.h"
#include "strbuf.h"
#include "vet.h"

#define HEADER_BYTES 512
#define ENTRIES_MAX  (UINT32_C(1) << 24)

static const char *const inits[] = {
	"sbin/init", "usr/sbin/init", "etc/init", "bin/init", "usr/bin/init",
};

struct scan {
	const struct scan_opts *opts;
	struct entries *in;
	struct vet *vet;
	struct sieve sieve;
	bool interrupted, have_init;
	int failed; /* what the tap could not do */
	struct scan_result res;
};

/* Every byte on its way to libarchive. */
static int tap(void *arg, const void *buf, size_t len)
{
	struct scan *s = arg;

	if (s->opts->tick && s->opts->tick(s->opts->tick_arg)) {
		s->interrupted = true;
		return -EINTR;
	}
	if (s->opts->write)
		s->failed = sieve_add(&s->sieve, s->in ? entries_position(s->in) : 0, buf, len);
	return s->failed;
}

/* "etc/passwd" of ".//etc/passwd": what the patterns are written for. NULL without memory; caller frees. */
static char *plain_path(const char *path)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "");
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len > 0 && !(len == 1 && *path == '.')) {
			if (b.len > 0)
				strbuf_addc(&b, '/');
			strbuf_addn(&b, path, len);
		}
		path += len + strspn(path + len, "/");
	}
	return strbuf_steal(&b);
}

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static int cannot_write(struct err *err)
{
	return err_set(err, EIO, "cannot be written");
}

/* An empty file in place of the entry: its header alone, from libarchive. */
static int put_empty(struct scan *s, struct archive *a, struct archive_entry *e,
		     uint8_t buf[HEADER_BYTES], struct err *err)
{
	size_t used = 0;
	int r = vet_entry(s->vet, e, err);

	if (r < 0)
		return r;
	s->res.entries++;
	if (archive_write_set_format_ustar(a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
	    archive_write_open_memory(a, buf, HEADER_BYTES, &used) != ARCHIVE_OK ||
	    archive_write_header(a, e) != ARCHIVE_OK || used != HEADER_BYTES)
		return err_set(err, EINVAL, "'%s' cannot be made empty: %s",
			       archive_entry_pathname(e), archive_error_string(a));
	if (s->opts->write && sieve_insert(&s->sieve, buf, HEADER_BYTES) < 0)
		return cannot_write(err);
	return 0;
}

static int replace(struct scan *s, const char *path, struct archive_entry *like, struct err *err)
{
	struct archive_entry *e = archive_entry_new();
	struct archive *a = archive_write_new();
	uint8_t buf[HEADER_BYTES]; /* the archive's until it is freed */
	int r;

	if (a && e) {
		archive_entry_set_pathname(e, path);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_perm(e, archive_entry_perm(like));
		archive_entry_set_uid(e, archive_entry_uid(like));
		archive_entry_set_gid(e, archive_entry_gid(like));
		archive_entry_set_mtime(e, archive_entry_mtime(like), 0);
		archive_entry_set_size(e, 0);
		r = put_empty(s, a, e, buf, err);
	} else {
		r = no_memory(err);
	}
	archive_write_free(a);
	archive_entry_free(e);
	return r;
}

static int leave_out(struct scan *s, const struct unique_rule *rule, const char *path,
		     struct archive_entry *e, struct err *err)
{
	s->res.left_out[unique_index(rule)]++;
	if (s->opts->write && sieve_entry(&s->sieve, entries_start(s->in), false) < 0)
		return cannot_write(err);
	return rule->kind == UNIQUE_KEEP ? replace(s, path, e, err) : 0;
}

static int packages_failed(int r, const char *path, struct err *err)
{
	if (r == -E2BIG)
		return err_set(err, E2BIG, "'%s' lists more packages than a manifest can hold",
			       path);
	return no_memory(err);
}

static int read_packages(struct scan *s, const char *path, struct err *err)
{
	struct archive *a = entries_archive(s->in);
	const void *buf;
	la_int64_t offset;
	size_t len;
	int r, ret = 0;

	if (!s->opts->pkgdb || !pkgdb_begin(s->opts->pkgdb, path))
		return 0;
	while ((r = archive_read_data_block(a, &buf, &len, &offset)) == ARCHIVE_OK && ret == 0)
		ret = pkgdb_add(s->opts->pkgdb, buf, len);
	if (ret == 0 && r != ARCHIVE_EOF)
		return err_set(err, EINVAL, "'%s' cannot be read from the archive: %s", path,
			       archive_error_string(a));
	if (ret == 0)
		ret = pkgdb_end(s->opts->pkgdb);
	return ret < 0 ? packages_failed(ret, path, err) : 0;
}

/* The entry stays: it goes into the index, is counted, and looked into. */
static int keep(struct scan *s, const char *path, struct archive_entry *e, struct err *err)
{
	bool regular = archive_entry_filetype(e) == AE_IFREG && !archive_entry_hardlink(e);
	int r = vet_entry(s->vet, e, err);

	if (r < 0)
		return r;
	s->res.entries++;
	/* A number of JSON has 63 bits here; a tar of holes goes beyond in a few megabytes. */
	if (regular && (uint64_t)archive_entry_size(e) > INT64_MAX - s->res.unpacked_bytes)
		return err_set(err, EFBIG, "has more bytes in its files than a manifest can say");
	if (regular)
		s->res.unpacked_bytes += (uint64_t)archive_entry_size(e);
	for (size_t i = 0; i < sizeof(inits) / sizeof(*inits); i++)
		if (archive_entry_filetype(e) != AE_IFDIR && strcmp(path, inits[i]) == 0)
			s->have_init = true;
	if (s->opts->write && sieve_entry(&s->sieve, entries_start(s->in), true) < 0)
		return cannot_write(err);
	return regular ? read_packages(s, path, err) : 0;
}

static int take_entry(struct scan *s, struct archive_entry *e, struct err *err)
{
	const char *name = archive_entry_pathname(e);
	const struct unique_rule *rule = NULL;
	_cleanup_free_ char *path = plain_path(name ? name : "");

	if (!path)
		return no_memory(err);
	/* A name that is not relative is refused, whatever it names. */
	if (s->opts->unique != SCAN_KEEP && name && *name != '/')
		rule = unique_find(path, e);
	if (!rule)
		return keep(s, path, e, err);
	if (s->opts->unique == SCAN_REFUSE)
		return err_set(err, EINVAL, "'/%s' is %s, which no template may hold", path,
			       rule->one);
	return leave_out(s, rule, path, e, err);
}

static int read_entries(struct scan *s, struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = entries_next(s->in, &e, err)) == 1) {
		r = take_entry(s, e, err);
		if (r == 0)
			r = entries_skip(s->in, err);
		if (r == 0 && s->opts->write &&
		    sieve_between(&s->sieve, entries_position(s->in)) < 0)
			r = cannot_write(err);
		if (r < 0)
			return r;
	}
	if (r == 0 && !s->have_init)
		return err_set(err, EINVAL, "has no init (/sbin/init)");
	if (r == 0 && s->opts->write && sieve_end(&s->sieve) < 0)
		return cannot_write(err);
	return r;
}

/* Whoever may only read the cache may verify what is in it, and needs the memory for that. */
static int open_dir(const char *dir, int *ret_fd, struct err *err)
{
	if (!dir || faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) < 0)
		return 0;
	*ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_errno(err, errno, "cannot open '%s'", dir) : 0;
}

int scan_tar(struct source *source, const struct scan_opts *opts, struct scan_result *ret,
	     struct err *err)
{
	_cleanup_close_ int dirfd = -EBADF;
	struct scan s = {.opts = opts};
	int r = open_dir(opts->dir, &dirfd, err);

	sieve_init(&s.sieve, opts->write, opts->write_arg);
	if (r == 0)
		r = vet_new(dirfd, opts->max_id, ENTRIES_MAX, &s.vet, err);
	if (r == 0)
		r = entries_open(source, tap, &s, &s.in, err);
	if (r == 0)
		r = read_entries(&s, err);
	if (s.failed == -E2BIG)
		r = err_set(err, E2BIG, "has an entry with a header that does not end");
	else if (s.failed == -ENOMEM)
		r = no_memory(err);
	if (s.interrupted)
		r = err_set(err, EINTR, "interrupted");
	else if (r < 0)
		r = err_prefix(err, "%s", opts->what);
	entries_close(s.in);
	vet_free(s.vet);
	sieve_done(&s.sieve);
	if (r == 0)
		*ret = s.res;
	return r;
}
