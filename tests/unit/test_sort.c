/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of a directory's names. If this fails, the kernel does not find
 * files in large directories, or making one takes the host's memory.
 */
#include "fixture.h"

#include <errno.h>

#include "cleanup.h"
#include "sort.h"

#define MANY 300000u

struct sum {
	uint64_t n, inos, hashes, bytes;
};

/* The same numbers on every run; many share a hash, some a minor one too. */
static void make(uint32_t i, char text[256], struct sort_name *ret)
{
	uint32_t x = i * 2654435761u;

	*ret = (struct sort_name){.hash = x >> 14 << 1, .minor = x & 3, .ino = i, .text = text};
	ret->len = (uint8_t)snprintf(text, 256, "%u-%.*s", i, (int)(x % 200),
				     "........................................................."
				     "........................................................."
				     "........................................................."
				     "............................");
	ret->type = (uint8_t)(i % 7);
}

static void count(struct sum *sum, const struct sort_name *nm)
{
	sum->n++;
	sum->inos += nm->ino;
	sum->hashes += nm->hash ^ nm->minor;
	sum->bytes += nm->len;
}

static int add(struct sort *s, uint32_t i, struct sum *sum)
{
	struct sort_name nm;
	char text[256];

	make(i, text, &nm);
	count(sum, &nm);
	return sort_add(s, &nm);
}

static void is_in_order(const struct sort_name *a, const struct sort_name *b)
{
	if (a->hash != b->hash)
		assert_true(a->hash < b->hash);
	else if (a->minor != b->minor)
		assert_true(a->minor < b->minor);
	else
		assert_true(strcmp(a->text, b->text) < 0);
}

static void read_all(struct sort *s, struct sum *sum)
{
	char text[256], last_text[256] = "";
	struct sort_name nm, want, last = {.text = last_text};
	int r;

	assert_int_equal(sort_begin(s), 0);
	while ((r = sort_next(s, &nm)) == 1) {
		make(nm.ino, text, &want);
		assert_int_equal(nm.hash, want.hash);
		assert_int_equal(nm.minor, want.minor);
		assert_int_equal(nm.type, want.type);
		assert_int_equal(nm.len, want.len);
		assert_memory_equal(nm.text, text, nm.len);
		if (sum->n)
			is_in_order(&last, &want);
		count(sum, &nm);
		last = want;
		strcpy(last_text, text);
		last.text = last_text;
	}
	assert_int_equal(r, 0);
	assert_int_equal(sort_next(s, &nm), 0);
}

static void sorts(struct sort *s, uint32_t first, uint32_t n)
{
	struct sum in = {.n = 0}, out = {.n = 0};
	uint32_t i;

	sort_reset(s);
	for (i = first; i < first + n; i++)
		assert_int_equal(add(s, i, &in), 0);
	read_all(s, &out);
	assert_memory_equal(&in, &out, sizeof(in));
}

static void few_names_need_no_file(void **state)
{
	struct sort *s = sort_new(1 << 20);
	struct sum sum = {.n = 0};
	uint32_t i;
	int r = 0;

	(void)state;
	sorts(s, 1, 0);
	sorts(s, 1, 1);
	sorts(s, 1, 10000);
	sort_reset(s);
	for (i = 1; i < MANY && r == 0; i++)
		r = add(s, i, &sum);
	assert_int_equal(r, -EBADF);
	assert_int_equal(sort_file_error(s), -EBADF);
	sort_free(s);
}

static void many_names_are_merged_from_a_file(void **state)
{
	struct fixture *f = *state;
	struct sort *s = sort_new(f->dirfd);
	_cleanup_free_ char *files = NULL;

	sorts(s, 1, MANY);
	/* Again, and with fewer: nothing is left of the first ones. */
	sorts(s, 77, MANY / 2);
	sorts(s, 500, 1000);
	sorts(s, 1, MANY / 7);
	assert_int_equal(sort_file_error(s), 0);
	files = fixture_list(f);
	assert_string_equal(files, "");
	sort_free(s);
}

static void a_full_disk_is_told(void **state)
{
	struct fixture *f = *state;
	struct sum sum = {.n = 0};
	struct sort *s = sort_new(f->dirfd);
	uint32_t i;
	int r = 0;

	fixture_cut_writes(40, ENOSPC);
	for (i = 1; i < MANY && r == 0; i++)
		r = add(s, i, &sum);
	fixture_cut_writes(-1, 0);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(sort_file_error(s), -ENOSPC);
	sort_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_names_need_no_file),
		fixture_test(many_names_are_merged_from_a_file),
		fixture_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
