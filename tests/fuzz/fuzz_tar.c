/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tar archives into a small image. Input: a byte of flags, then the archive;
 * with FIX the checksums of its headers are put right, which no mutation would
 * do, with TWICE it is laid over itself.
 *
 * The image is made and e2fsck has nothing to say about it, or it is refused
 * with a sentence and nothing is left.
 */
#include "common.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "path.h"
#include "ploop.h"
#include "run.h"
#include "tarfile.h"

#define BLOCK	   512u
#define SUM_OFFSET 148
#define SUM_LEN	   8
#define IMAGE_MIB  16

enum { FIX = 1, TWICE = 2, MAX_ID = 4 };

static void fix_header(uint8_t *h)
{
	char text[SUM_LEN + 1];
	unsigned int sum = 0;
	size_t i;

	memset(h + SUM_OFFSET, ' ', SUM_LEN);
	for (i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h + SUM_OFFSET, text, 7);
}

/* The size field, in octal; 0 where it says more than the archive has. */
static size_t size_of(const uint8_t *h, size_t left)
{
	char text[13] = "";
	unsigned long long n;

	memcpy(text, h + 124, 12);
	n = strtoull(text, NULL, 8);
	return n > left ? 0 : (size_t)(n + BLOCK - 1) / BLOCK * BLOCK;
}

static void fix(uint8_t *tar, size_t len)
{
	size_t at;

	for (at = 0; at + BLOCK <= len; at += BLOCK) {
		if (tar[at] == 0 && tar[at + 1] == 0)
			continue;
		fix_header(tar + at);
		at += size_of(tar + at, len - at - BLOCK);
	}
}

static void fsck(void)
{
	_cleanup_free_ char *arg = NULL, *out = NULL;
	const struct run_opts opts = {.ret_out = &out};
	const char *argv[] = {"e2fsck", "-fn", NULL, NULL};
	struct err err = ERR_INIT;
	int r;

	fuzz_check(asprintf(&arg, "%s?offset=1048576", fuzz_path("i/root.hds")) > 0);
	argv[2] = arg;
	r = run_program(argv, &opts, &err);
	if (r != 0)
		fuzz_fail("e2fsck says %d: %s %s", r, out ? out : "", err.msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t uuid[16] = "0123456789abcdef";
	_cleanup_free_ uint8_t *tar = malloc(len + 1);
	const char *tars[] = {fuzz_path("tar"), NULL, NULL};
	struct ploop_create_opts opts = {
		.size_bytes = IMAGE_MIB << 20,
		.cluster_bytes = 32768,
		.format = PLOOP_FORMAT_RAW,
		.uuid = uuid,
		.now = 1600000000,
		.tars = tars,
	};
	struct err err = ERR_INIT;

	if (len == 0)
		return 0;
	memcpy(tar, data + 1, len - 1);
	if (data[0] & FIX)
		fix(tar, len - 1);
	if (data[0] & TWICE)
		tars[1] = tars[0];
	if (data[0] & MAX_ID)
		opts.max_id = 65535;
	fuzz_write("tar", tar, len - 1);

	if (ploop_create(fuzz_path("i"), &opts, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		if (fuzz_entries() != 1)
			fuzz_fail("refused, and more than the tar is left: %s", err.msg);
		return 0;
	}
	fsck();
	fuzz_check(path_remove_tree(fuzz_dirfd(), "i", NULL) == 0);
	return 0;
}

/* --- seeds ---------------------------------------------------------------- */

static void add(struct archive *a, unsigned int type, const char *name, const char *target)
{
	struct archive_entry *e = tarfile_entry(name, type);

	if (type == AE_IFLNK)
		archive_entry_copy_symlink(e, target);
	else if (target)
		archive_entry_copy_hardlink(e, target);
	if (type == AE_IFCHR || type == AE_IFBLK) {
		archive_entry_set_rdevmajor(e, 259);
		archive_entry_set_rdevminor(e, 3);
	}
	tarfile_put(a, e, type == AE_IFREG && !target ? "data" : NULL,
		    type == AE_IFREG && !target ? 4 : 0);
}

static void add_rich(struct archive *a)
{
	static const uint8_t caps[20] = {1, 0, 0, 2, 0, 32};
	struct archive_entry *e = tarfile_entry("rich", AE_IFREG);
	char data[9000] = "";

	archive_entry_set_mtime(e, 1234567890, 123456789);
	archive_entry_set_uid(e, 70000);
	archive_entry_xattr_add_entry(e, "user.note", "hello", 5);
	archive_entry_xattr_add_entry(e, "security.capability", caps, sizeof(caps));
	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, 5, ARCHIVE_ENTRY_ACL_USER,
				    4242, "");
	archive_entry_sparse_add_entry(e, 4096, 3);
	archive_entry_set_size(e, sizeof(data));
	tarfile_put(a, e, data, sizeof(data));
}

/* A good tar of every kind, and entries that are refused, each in a tar of its own. */
static const struct {
	unsigned int type;
	const char *name, *target;
	bool alone;
} entries[] = {
	{AE_IFDIR, "./", NULL, false},
	{AE_IFDIR, "d/", NULL, false},
	{AE_IFREG, "d/f", NULL, false},
	{AE_IFREG, "hard", "d/f", false},
	{AE_IFLNK, "link", "d/f", false},
	{AE_IFLNK, "long", "a/target/that/is/longer/than/sixty/bytes/and/has/a/block", false},
	{AE_IFCHR, "tty", NULL, false},
	{AE_IFBLK, "disk", NULL, false},
	{AE_IFIFO, "fifo", NULL, false},
	{AE_IFREG, "d/f", NULL, false},
	{AE_IFREG, "lost+found", NULL, true},
	{AE_IFREG, "lost+found/x", NULL, true},
	{AE_IFREG, "/abs", NULL, true},
	{AE_IFREG, "a/../../b", NULL, true},
	{AE_IFREG, "no-target", "gone", true},
	{AE_IFREG, "itself", "itself", true},
	{AE_IFLNK, ".", "x", true},
};

static void seed(uint8_t flags, struct archive *a)
{
	tarfile_close(a);
	fuzz_seed_file(flags, fuzz_path("seed"));
}

static struct archive *good(void)
{
	struct archive *a = tarfile_new(fuzz_path("seed"));
	size_t i;

	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (!entries[i].alone)
			add(a, entries[i].type, entries[i].name, entries[i].target);
	add_rich(a);
	return a;
}

void fuzz_seeds(void)
{
	char name[301];
	struct archive *a;
	size_t i;

	seed(0, good());
	seed(FIX, good());
	seed(FIX | TWICE, good());
	seed(FIX | MAX_ID, good());
	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		if (!entries[i].alone)
			continue;
		a = tarfile_new(fuzz_path("seed"));
		add(a, entries[i].type, entries[i].name, entries[i].target);
		seed(FIX, a);
	}
	memset(name, 'n', 300);
	name[300] = '\0';
	a = tarfile_new(fuzz_path("seed"));
	add(a, AE_IFREG, name, NULL);
	seed(FIX, a);
}
