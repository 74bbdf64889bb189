/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, a file that was read only in part is taken for a whole one as
 * soon as its name is no UTF-8, or every such name is refused; or what is from
 * before 1970 has another time.
 */
#include "fixture.h"

#include <errno.h>

#include <archive.h>
#include <archive_entry.h>

#include "entries.h"
#include "err.h"
#include "source.h"

#define BLOCK 512

/* A tar header with its checksum; 512 bytes at @p. */
static void header(char *p, char type, const char *name, size_t size)
{
	unsigned int i, sum = 0;

	memset(p, 0, BLOCK);
	snprintf(p, 100, "%s", name);
	memcpy(p + 100, "0000644", 8);
	memcpy(p + 108, "0000000", 8);
	memcpy(p + 116, "0000000", 8);
	snprintf(p + 124, 12, "%011o", (unsigned int)size);
	memcpy(p + 136, "00000000001", 12);
	memcpy(p + 148, "        ", 8);
	p[156] = type;
	memcpy(p + 257, "ustar\00000", 8);
	for (i = 0; i < BLOCK; i++)
		sum += (uint8_t)p[i];
	snprintf(p + 148, 8, "%06o", sum);
}

/* A pax record with its length in front. */
static size_t record(char *p, const char *text)
{
	size_t n = strlen(text) + 2, digits;

	for (digits = 1;; digits++) {
		size_t len = n + digits;
		char number[16];

		snprintf(number, sizeof(number), "%zu", len);
		if (strlen(number) == digits)
			return (size_t)sprintf(p, "%zu %s\n", len, text);
	}
}

/* One entry with these records in front, @gap bytes of another file before it. */
static void write_tar(struct fixture *f, const char *const *records, const char *raw, size_t gap)
{
	size_t size = 16 * BLOCK + gap + BLOCK, len = 0, n;
	char *tar = calloc(1, size), *pax = tar, *p;

	assert_non_null(tar);
	if (gap) {
		header(tar, '0', "before", gap);
		pax += BLOCK + (gap + BLOCK - 1) / BLOCK * BLOCK;
	}
	p = pax + BLOCK;
	for (n = 0; records[n]; n++)
		len += record(p + len, records[n]);
	memcpy(p + len, raw, strlen(raw));
	len += strlen(raw);
	header(pax, 'x', "pax", len);
	p += (len + BLOCK - 1) / BLOCK * BLOCK;
	header(p, '0', "file", 0);
	fixture_write(f, "tar", tar, (size_t)(p - tar) + 3 * BLOCK);
	free(tar);
}

struct times {
	long long mtime, atime;
	long mtime_nsec, atime_nsec;
};

/* The last entry, and its times; 1 when it was taken. */
static int read_last(struct fixture *f, struct times *ret, struct err *err)
{
	struct source *source;
	struct entries *in;
	struct archive_entry *e;
	int r = 0, count = 0, next;

	assert_int_equal(source_open(fixture_path(f, "tar"), &source, err), 0);
	assert_int_equal(entries_open(source, NULL, NULL, &in, err), 0);
	while ((next = entries_next(in, &e, err)) == 1) {
		count++;
		*ret = (struct times){archive_entry_mtime(e), archive_entry_atime(e),
				      archive_entry_mtime_nsec(e), archive_entry_atime_nsec(e)};
		r = entries_skip(in, err);
		assert_int_equal(r, 0);
	}
	entries_close(in);
	source_close(source);
	return next < 0 ? next : count;
}

#define NAME "path=latin-\344"

static const struct {
	const char *records[4], *raw;
	bool good;
} cases[] = {
	{{NAME}, "", true},
	{{NAME, "mtime=1.5", "comment=x"}, "", true},
	{{NAME, "SCHILY.xattr.user.a=value"}, "", true},
	{{NAME, "SCHILY.xattr.user.a=value", "LIBARCHIVE.xattr.user.b=dmFsdWU"}, "", true},
	{{NAME, "SCHILY.acl.access=user::rw-,user:7:r--,group::r--,mask::r--,other::r--"}, "", true},
	/* What libarchive leaves out with a warning of its own, which the name's replaces. */
	{{NAME, "GNU.sparse.map=1,x"}, "", false},
	{{"GNU.sparse.map=1,x", NAME}, "", false},
	{{NAME}, "99 too=long\n", false},
	{{NAME}, "nonsense\n", false},
	/* And without such a name. */
	{{"GNU.sparse.map=1,x"}, "", false},
};

static void what_is_left_out_is_told_from_a_name(void **state)
{
	static const size_t gaps[] = {
		0, 1, 2000, 512 << 10, (512 << 10) - 2048, (512 << 10) - 1024};
	struct fixture *f = *state;
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (k = 0; k < sizeof(gaps) / sizeof(gaps[0]); k++) {
			struct err err = ERR_INIT;
			int want = gaps[k] ? 2 : 1, r;
			struct times times;

			write_tar(f, cases[i].records, cases[i].raw, gaps[k]);
			r = read_last(f, &times, &err);
			if (cases[i].good ? r != want : r != -EINVAL)
				fail_msg("case %zu, gap %zu: %d '%s'", i, gaps[k], r, err.msg);
		}
}

/* As POSIX has it, decimal: "-1.5" is a second and a half before 1970. */
static void times_before_1970_are_told(void **state)
{
	static const struct {
		const char *records[4];
		struct times want;
	} told[] = {
		{{"mtime=-1.5", "atime=-0.25"}, {-2, -1, 500000000, 750000000}},
		{{"mtime=-2147483647.999999999", "atime=1.5"}, {-2147483648, 1, 1, 500000000}},
		{{"mtime=-7", "atime=0.5"}, {-7, 0, 0, 500000000}},
		{{"mtime=-7.0", "atime=-0"}, {-7, 0, 0, 0}},
		{{"mtime=-1.5", "mtime=0.5", "atime=-1.5"}, {0, -2, 500000000, 500000000}},
		{{"mtime=0.5", "mtime=-1.5", NAME}, {-2, 0, 500000000, 0}},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		struct err err = ERR_INIT;
		struct times got;

		write_tar(f, told[i].records, "", 0);
		if (read_last(f, &got, &err) != 1)
			fail_msg("case %zu: %s", i, err.msg);
		if (got.mtime != told[i].want.mtime || got.atime != told[i].want.atime ||
		    got.mtime_nsec != told[i].want.mtime_nsec ||
		    got.atime_nsec != told[i].want.atime_nsec)
			fail_msg("case %zu: %lld.%09ld, %lld.%09ld", i, got.mtime, got.mtime_nsec,
				 got.atime, got.atime_nsec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(what_is_left_out_is_told_from_a_name),
		fixture_test(times_before_1970_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
