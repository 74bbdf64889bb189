/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recipe.conf. What loads has what a build needs, and the same key the next
 * time; what does not is refused by file, or with a sentence about the recipe.
 */
#include "common.h"

#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "err.h"
#include "recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_(recipe_freep) struct recipe *r = NULL, *again = NULL;
	struct err err = ERR_INIT;

	mkdirat(fuzz_dirfd(), "lib", 0700);
	mkdirat(fuzz_dirfd(), "t", 0700);
	fuzz_write("lib/recipe.sh", "", 0);
	fuzz_write("lib/none.sh", "", 0);
	fuzz_write("t/recipe.conf", data, len);
	if (recipe_load(fuzz_path(""), "t", &r, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		return 0;
	}
	fuzz_check(r->summary && r->family);
	fuzz_check(strcmp(r->kind, "container") == 0 || strcmp(r->kind, "host") == 0);
	fuzz_check(strlen(r->key) == HASH_HEX_LEN - 1);
	fuzz_check(recipe_load(fuzz_path(""), "t", &again, &err) == 0);
	fuzz_check(strcmp(r->key, again->key) == 0);
	return 0;
}

void fuzz_seeds(void)
{
	static const char conf[] = "# one\n summary = a tiny one \nfamily=none\nkind = host\n"
				   "inputs = Makefile config.mk\n";

	fuzz_seed(conf, strlen(conf));
	fuzz_seed_file('\n', "templates/debian-12/recipe.conf");
	fuzz_seed_file('\n', "templates/host/recipe.conf");
}
