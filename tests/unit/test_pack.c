/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, containers share a secret, or the archive is not the tar that the recipe wrote. */
#include "fixture.h"

#include <errno.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "pack.h"
#include "source.h"
#include "tarfile.h"

/* A tar with an init and, where @name is given, a file of these contents. */
static void write_tar(struct fixture *f, const char *name, const char *text)
{
	struct archive *a = tarfile_new(fixture_path(f, "tar"));

	tarfile_dir(a, "./");
	tarfile_file(a, "./sbin/init", "#!/bin/sh\n");
	if (name)
		tarfile_file(a, name, text);
	tarfile_close(a);
}

static int pack_until(struct fixture *f, int (*tick)(void *arg), void *arg, struct pack_result *ret,
		      struct err *err)
{
	const struct scan_opts opts = {
		.what = "the recipe's tar",
		.unique = SCAN_REFUSE,
		.tick = tick,
		.tick_arg = arg,
	};
	struct source *source;
	int r = source_open(fixture_path(f, "tar"), &source, err);

	if (r < 0)
		return r;
	r = pack_archive(source, &opts, fixture_path(f, "out"), 0640, ret, err);
	source_close(source);
	return r;
}

static int pack(struct fixture *f, struct pack_result *ret, struct err *err)
{
	return pack_until(f, NULL, NULL, ret, err);
}

static char *unpack(struct fixture *f, size_t *ret_len)
{
	struct archive *a = archive_read_new();
	char *buf = malloc(1 << 20);
	struct archive_entry *e;

	archive_read_support_filter_zstd(a);
	archive_read_support_format_raw(a);
	assert_int_equal(archive_read_open_filename(a, fixture_path(f, "out"), 65536), ARCHIVE_OK);
	assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_OK);
	*ret_len = (size_t)archive_read_data(a, buf, 1 << 20);
	archive_read_free(a);
	return buf;
}

static void the_archive_is_the_tar(void **state)
{
	_cleanup_free_ char *tar = NULL, *got = NULL, *first = NULL, *again = NULL;
	size_t tar_len, got_len, first_len, again_len;
	struct fixture *f = *state;
	struct pack_result res;
	struct err err = ERR_INIT;
	char hex[HASH_HEX_LEN];

	write_tar(f, "./etc/motd", "hello");
	/* A whole record, as tar(1) writes it; more padding is none of the template's. */
	assert_int_equal(truncate(fixture_path(f, "tar"), 20 * 512), 0);
	assert_int_equal(io_read_file(f->dirfd, "tar", 1 << 20, &tar, &tar_len, NULL), 0);
	assert_int_equal(truncate(fixture_path(f, "tar"), 1758 * 512), 0);
	if (pack(f, &res, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(res.scan.entries == 3);
	assert_true(res.scan.unpacked_bytes == 15);
	got = unpack(f, &got_len);
	assert_int_equal(got_len, tar_len);
	assert_memory_equal(got, tar, tar_len);

	assert_int_equal(io_read_file(f->dirfd, "out", 1 << 20, &first, &first_len, NULL), 0);
	assert_true(res.size_bytes == first_len);
	assert_int_equal(hash_file(f->dirfd, "out", hex, NULL), 0);
	assert_string_equal(res.sha256, hex);
	/* Equal tars are equal archives. */
	assert_int_equal(pack(f, &res, &err), 0);
	assert_int_equal(io_read_file(f->dirfd, "out", 1 << 20, &again, &again_len, NULL), 0);
	assert_int_equal(again_len, first_len);
	assert_memory_equal(again, first, first_len);
}

static void refuses_what_no_template_may_hold(void **state)
{
	static const struct {
		const char *name, *text, *why; /* NULL: allowed */
	} cases[] = {
		{"./etc/ssh/ssh_host_rsa_key", "x",
		 "'/etc/ssh/ssh_host_rsa_key' is a host key, which"},
		{"etc/ssh/ssh_host_rsa_key.pub", "", "a host key"},
		{"./etc/machine-id", "x", "'/etc/machine-id' is a machine id, which"},
		{"./etc/machine-id", "", NULL},
		{"./var/lib/dbus/machine-id", "x", "a machine id"},
		{"./var/lib/systemd/random-seed", "", "a random seed"},
		{"./var/lib/urandom/random-seed", "x", "a random seed"},
		{"./var/lib/apt/lists/deb_Packages", "x", "a package list"},
		{"./var/lib/apt/lists/lock", "", NULL},
		{"./var/log/apt/term.log", "x", "a log of the build"},
		{"./var/log/wtmp", "", NULL},
		{"./root/.bash_history", "x", "a history"},
		{"./home/machine-id", "x", NULL},
		{"/etc/motd", "x", "'/etc/motd' is an absolute name"},
		{"./../x", "x", "'./../x' has '..' in its name"},
		{"a/..", "x", "'a/..' has '..' in its name"},
		{".//etc/./ssh//ssh_host_rsa_key", "x", "a host key"},
		{"/etc/machine-id", "x", "is an absolute name"},
		{"a..b/..c", "x", NULL},
	};
	struct fixture *f = *state;
	struct pack_result res;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = ERR_INIT;
		int r;

		write_tar(f, cases[i].name, cases[i].text);
		r = pack(f, &res, &err);
		if (cases[i].why ? r != -EINVAL || !strstr(err.msg, cases[i].why) : r != 0)
			fail_msg("'%s': %d '%s'", cases[i].name, r, err.msg);
	}
}

static void refuses_what_is_no_root_file_system(void **state)
{
	_cleanup_free_ char *tar = NULL;
	struct fixture *f = *state;
	struct pack_result res = {.scan.entries = 77};
	struct err err = ERR_INIT;
	struct archive *a;
	size_t len;

	fixture_write(f, "tar", "nonsense", 8);
	assert_int_equal(pack(f, &res, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "the recipe's tar: is no tar archive"));
	a = tarfile_new(fixture_path(f, "tar"));
	tarfile_file(a, "./etc/motd", "x");
	tarfile_close(a);
	assert_int_equal(pack(f, &res, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "no init"));
	/* Cut off inside of a header. */
	write_tar(f, "./x", "y");
	assert_int_equal(io_read_file(f->dirfd, "tar", 1 << 20, &tar, &len, NULL), 0);
	fixture_write(f, "tar", tar, 512 + 100);
	assert_int_equal(pack(f, &res, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "the recipe's tar: is no tar archive or a damaged one"));
	assert_true(res.scan.entries == 77);
}

static int stop_at(void *arg)
{
	return --*(int *)arg == 0;
}

/* In its first block, in a file, and in what is behind the end mark. */
static void stops_when_it_is_told(void **state)
{
	const size_t file_bytes = 2 << 20;
	_cleanup_free_ char *zeros = calloc(1, file_bytes);
	struct fixture *f = *state;
	struct pack_result res;
	struct archive *a;
	int block, left, r = -EINTR;

	a = tarfile_new(fixture_path(f, "tar"));
	tarfile_file(a, "./sbin/init", "#!/bin/sh\n");
	tarfile_put(a, tarfile_entry("./big", AE_IFREG), zeros, file_bytes);
	tarfile_close(a);
	assert_int_equal(truncate(fixture_path(f, "tar"), 4 << 20), 0);
	for (block = 1; r < 0; block++) {
		struct err err = ERR_INIT;

		left = block;
		r = pack_until(f, stop_at, &left, &res, &err);
		if (r != -EINTR && left <= 0)
			fail_msg("at block %d: %d '%s'", block, r, err.msg);
	}
	assert_true(block > 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(the_archive_is_the_tar),
		fixture_test(refuses_what_no_template_may_hold),
		fixture_test(refuses_what_is_no_root_file_system),
		fixture_test(stops_when_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
