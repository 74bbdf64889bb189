/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vztmpl reads of a template. Input: a byte, then a manifest (JSON), or
 * the list of packages that a recipe writes when the byte is odd.
 *
 * A manifest that loads is the same after it was stored; every package of a
 * list has a name and a version.
 */
#include "common.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "cleanup.h"
#include "err.h"
#include "manifest.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_same(const struct manifest *a, const struct manifest *b)
{
	fuzz_check(strcmp(a->name, b->name) == 0);
	fuzz_check(strcmp(a->summary, b->summary) == 0);
	fuzz_check(strcmp(a->kind, b->kind) == 0);
	fuzz_check(strcmp(a->date, b->date) == 0);
	fuzz_check(same_text(a->recipe, b->recipe));
	fuzz_check(same_text(a->source, b->source));
	fuzz_check(!a->recipe != !a->source);
	fuzz_check(strcmp(a->sha256, b->sha256) == 0);
	fuzz_check(strcmp(a->key, b->key) == 0);
	fuzz_check(a->size_bytes == b->size_bytes);
	fuzz_check(a->unpacked_bytes == b->unpacked_bytes);
	fuzz_check(a->entries == b->entries);
	fuzz_check(json_equal(a->packages, b->packages));
}

static void check_manifest(void)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL, *again = NULL;
	struct err err = ERR_INIT;

	if (manifest_load(fuzz_path("m"), &m, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		return;
	}
	if (manifest_store(m, fuzz_path("m"), &err) < 0)
		fuzz_fail("cannot be stored: %s", err.msg);
	if (manifest_load(fuzz_path("m"), &again, &err) < 0)
		fuzz_fail("what was stored does not load: %s", err.msg);
	check_same(m, again);
}

static void check_packages(void)
{
	struct err err = ERR_INIT;
	json_t *list = NULL, *p;
	size_t i;

	if (manifest_read_packages(fuzz_path("m"), &list, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		return;
	}
	json_array_foreach(list, i, p)
	{
		fuzz_check(json_string_length(json_object_get(p, "name")) > 0);
		fuzz_check(json_string_length(json_object_get(p, "version")) > 0);
	}
	json_decref(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	fuzz_write("m", data + 1, len - 1);
	if (data[0] & 1)
		check_packages();
	else
		check_manifest();
	return 0;
}

void fuzz_seeds(void)
{
	static const char list[] = "\001tinit 1.0\n\nlibc6 2.36-9+deb12u9\n";
	struct manifest m = {
		.name = (char *)"debian-12",
		.summary = (char *)"\"small\"",
		.kind = (char *)"container",
		.date = (char *)"2024-01-01T00:00:00Z",
		.recipe = (char *)"debian-12",
		.size_bytes = 12345678,
		.entries = 17,
		.packages = json_pack("[{s:s, s:s}]", "name", "init", "version", "1.0"),
	};

	memset(m.sha256, '0', HASH_HEX_LEN - 1);
	memset(m.key, '1', HASH_HEX_LEN - 1);
	fuzz_check(manifest_store(&m, fuzz_path("seed"), NULL) == 0);
	fuzz_seed_file(0, fuzz_path("seed"));
	fuzz_seed(list, sizeof(list) - 1);
	json_decref(m.packages);
}
