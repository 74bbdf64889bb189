/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots.xml. What loads follows a descriptor that has some of its snapshots
 * and others, and is the same after it was stored.
 */
#include "common.h"

#include <errno.h>
#include <string.h>

#include "err.h"
#include "snapfile.h"

#define OWN "{5fbaabe3-6958-40ff-92a7-860e329aab41}"
#define ONE "{11111111-0000-4000-8000-000000000001}"
#define TWO "{22222222-0000-4000-8000-000000000002}"

static const struct ploop_snapshot list[] = {
	{.guid = TWO}, {.guid = ONE, .parent = TWO}, {.guid = OWN, .parent = ONE, .top = true}};

static void check_item(const struct snapfile *before, const struct snapfile *after,
		       const char *guid)
{
	const struct snapfile_item *x = snapfile_find(before, guid),
				   *y = snapfile_find(after, guid);

	fuzz_check(x && y);
	fuzz_check(strcmp(x->name, y->name) == 0 && strcmp(x->date, y->date) == 0);
	fuzz_check(strcmp(x->description, y->description) == 0);
	fuzz_check(strcmp(x->parent, y->parent) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snapfile f, again;
	struct err err = ERR_INIT;
	size_t i;

	fuzz_write(SNAPFILE_NAME, data, len);
	if (snapfile_load(fuzz_dirfd(), "S", &f, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		return 0;
	}
	for (i = 0; i < f.count; i++)
		fuzz_check(f.items[i].guid[0] == '{' && strlen(f.items[i].guid) == 38);
	if (snapfile_store(fuzz_dirfd(), "S", &f, list, 3, &err) < 0) {
		/* The same is larger with blanks between, and deeper where it had no base. */
		fuzz_check((err.code == -EFBIG || err.code == -EINVAL) && err.msg[0]);
		snapfile_free(&f);
		return 0;
	}
	fuzz_check(f.count == 2);
	if (snapfile_load(fuzz_dirfd(), "S", &again, &err) < 0)
		fuzz_fail("what was stored does not load: %s", err.msg);
	fuzz_check(again.count == 2);
	check_item(&f, &again, ONE);
	check_item(&f, &again, TWO);
	snapfile_free(&f);
	snapfile_free(&again);
	return 0;
}

void fuzz_seeds(void)
{
	static const char *const seeds[] = {
		"<ParallelsSavedStates/>",
		"<ParallelsSavedStates><SavedStateItem guid=\"\"><Name/><SavedStateItem guid=\"" ONE
		"\" current=\"yes\"><Name>a&amp;b</Name><DateTime>2026-11-26 12:00:00</DateTime>"
		"<Creator/><ScreenShot/><Description><![CDATA[x]]></Description><SavedStateItem "
		"guid=\"" TWO "\"/></SavedStateItem></SavedStateItem></ParallelsSavedStates>",
		"<ParallelsSavedStates><SavedStateItem guid=\"" TWO "\"><SavedStateItem guid=\"\">"
		"<SavedStateItem guid=\"" ONE "\"><Name>&#13;x</Name></SavedStateItem>"
		"</SavedStateItem></SavedStateItem></ParallelsSavedStates>",
		"<!DOCTYPE x [<!ENTITY e \"y\">]><ParallelsSavedStates>&e;</ParallelsSavedStates>",
	};
	size_t i;

	for (i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		fuzz_seed(seeds[i], strlen(seeds[i]));
}
