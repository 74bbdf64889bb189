/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, an import lists other packages than there are, or a small archive fills the memory. */
#include "fixture.h"

#include <errno.h>

#include "err.h"
#include "pkgdb.h"

#define DPKG "var/lib/dpkg/status"

static void add(struct pkgdb *db, const char *text)
{
	assert_int_equal(pkgdb_add(db, text, strlen(text)), 0);
}

static void is(struct pkgdb *db, size_t i, const char *name, const char *version)
{
	json_t *p = json_array_get(db->packages, i);

	assert_string_equal(json_string_value(json_object_get(p, "name")), name);
	assert_string_equal(json_string_value(json_object_get(p, "version")), version);
}

static void reads_what_is_installed(void **state)
{
	struct err err = ERR_INIT;
	struct pkgdb db;

	(void)state;
	assert_int_equal(pkgdb_init(&db, &err), 0);
	assert_false(pkgdb_begin(&db, "etc/var/lib/dpkg/status"));
	assert_true(pkgdb_begin(&db, DPKG));
	/* Wherever the blocks of the archive part it. */
	add(&db, "Package: a\nStatus: install ok inst");
	add(&db, "alled\nVersion: 1:2-3\n\nPackage: b\nStatus: deinstall ok config-files\n");
	add(&db, "Version: 1\n\nPackage: c d\nStatus: install ok installed\nVersion: 1\n\n");
	add(&db, "Package: \033[2J\nStatus: install ok installed\nVersion: 1\n\n");
	add(&db, "Package: e\nStatus: install ok installed\nVersion: 5");
	assert_int_equal(pkgdb_end(&db), 0);
	assert_int_equal(json_array_size(db.packages), 2);
	is(&db, 0, "a", "1:2-3");
	is(&db, 1, "e", "5");
	/* A later file of that name takes its place. */
	assert_true(pkgdb_begin(&db, "lib/apk/db/installed"));
	add(&db, "P:musl\nV:1.2.4-r2\nT:text\n\n");
	assert_int_equal(pkgdb_end(&db), 0);
	assert_int_equal(json_array_size(db.packages), 1);
	is(&db, 0, "musl", "1.2.4-r2");
	pkgdb_done(&db);
}

static void a_flood_ends(void **state)
{
	struct err err = ERR_INIT;
	struct pkgdb db;
	int r = 0, n;

	(void)state;
	assert_int_equal(pkgdb_init(&db, &err), 0);
	assert_true(pkgdb_begin(&db, "lib/apk/db/installed"));
	for (n = 0; r == 0 && n < 1000000; n++)
		r = pkgdb_add(&db, "P:a\nV:1\n\n", 9);
	assert_int_equal(r, -E2BIG);
	/* More than any distribution has. */
	assert_true(n > 80000 && n < 200000);
	pkgdb_done(&db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_installed),
		cmocka_unit_test(a_flood_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
