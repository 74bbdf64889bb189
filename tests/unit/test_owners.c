/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * If this fails, an image that somebody else made is mounted for a container that
 * cannot hold its files' owners, and nobody is told which ids it would take.
 */
#include "fixture.h"

#include <linux/capability.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "cleanup.h"
#include "err.h"
#include "owners.h"
#include "ploop.h"
#include "tarfile.h"

/* An image with what @fill puts into its tar, made without a look at the owners. */
static char *image_of(struct fixture *f, void (*fill)(struct archive *a))
{
	const char *const tars[] = {fixture_path(f, "t.tar"), NULL};
	const struct ploop_create_opts opts = {.size_bytes = 16 << 20,
					       .format = PLOOP_FORMAT_RAW,
					       .tars = tars,
					       .now = 1600000000};
	struct archive *a = tarfile_new(tars[0]);
	struct err err = ERR_INIT;
	char *dev;

	fill(a);
	tarfile_close(a);
	if (ploop_create(fixture_path(f, "i"), &opts, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(asprintf(&dev, "%s?offset=1048576", fixture_path(f, "i/root.hds")) > 0);
	return dev;
}

static void refused(const char *dev, uint32_t max_id, const char *sentence)
{
	struct err err = ERR_INIT;

	assert_int_equal(owners_check(dev, max_id, &err), -ERANGE);
	assert_string_equal(err.msg, sentence);
	assert_int_equal(owners_check(dev, max_id, NULL), -ERANGE);
}

static void taken(const char *dev, uint32_t max_id)
{
	struct err err = ERR_INIT;

	if (owners_check(dev, max_id, &err) < 0)
		fail_msg("%s", err.msg);
}

static void put_owned(struct archive *a, const char *name, unsigned int type, uint32_t uid,
		      uint32_t gid)
{
	struct archive_entry *e = tarfile_entry(name, type);

	archive_entry_set_uid(e, uid);
	archive_entry_set_gid(e, gid);
	if (type == AE_IFLNK)
		archive_entry_set_symlink(e, "target");
	tarfile_put(a, e, NULL, 0);
}

static void fill_owned(struct archive *a)
{
	put_owned(a, "bin", AE_IFDIR, 1, 2);
	put_owned(a, "srv", AE_IFDIR, 0, 65536);
	put_owned(a, "srv/mine", AE_IFREG, 65535, 65535);
	put_owned(a, "srv/it's", AE_IFLNK, 4294967293u, 7);
}

static void the_largest_owner_is_named(void **state)
{
	_cleanup_free_ char *dev = image_of(*state, fill_owned);

	refused(dev, 65535,
		"has a file '/srv/it\\047s' that belongs to 4294967293; ids go up to 65535 here, "
		"4294967294 are needed");
	refused(dev, 4294967292u,
		"has a file '/srv/it\\047s' that belongs to 4294967293; ids go up to 4294967292 "
		"here, 4294967294 are needed");
	taken(dev, 4294967293u);
}

static void fill_group(struct archive *a)
{
	put_owned(a, ".", AE_IFDIR, 0, 65536);
	put_owned(a, "x", AE_IFREG, 65535, 0);
}

static void so_is_a_group_and_the_root(void **state)
{
	_cleanup_free_ char *dev = image_of(*state, fill_group);

	refused(dev, 65535,
		"has a file '/' that belongs to the group 65536; ids go up to 65535 here, 65537 "
		"are "
		"needed");
	taken(dev, 65536);
}

static void put_acl(struct archive *a, const char *name, int type, int tag, int id, size_t more)
{
	struct archive_entry *e = tarfile_entry(name, AE_IFDIR);
	size_t i;

	archive_entry_acl_add_entry(e, type, 7, ARCHIVE_ENTRY_ACL_USER_OBJ, -1, NULL);
	archive_entry_acl_add_entry(e, type, 5, ARCHIVE_ENTRY_ACL_GROUP_OBJ, -1, NULL);
	archive_entry_acl_add_entry(e, type, 5, ARCHIVE_ENTRY_ACL_OTHER, -1, NULL);
	archive_entry_acl_add_entry(e, type, 7, ARCHIVE_ENTRY_ACL_MASK, -1, NULL);
	archive_entry_acl_add_entry(e, type, 6, tag, id, NULL);
	/* As many as take a block of their own. */
	for (i = 0; i < more; i++)
		archive_entry_acl_add_entry(e, type, 6, ARCHIVE_ENTRY_ACL_USER, (int)i + 1, NULL);
	tarfile_put(a, e, NULL, 0);
}

static void fill_acl(struct archive *a)
{
	put_acl(a, "in-the-inode", ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ARCHIVE_ENTRY_ACL_USER, 70000, 0);
	put_acl(a, "in-a-block", ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, ARCHIVE_ENTRY_ACL_GROUP, 80000,
		100);
}

static void ids_in_lists_are_owners(void **state)
{
	_cleanup_free_ char *dev = image_of(*state, fill_acl);

	refused(dev, 65535,
		"has a file '/in-a-block' that has an ACL for 80000; ids go up to 65535 here, "
		"80001 "
		"are needed");
	taken(dev, 80000);
}

static void fill_small_acl(struct archive *a)
{
	put_acl(a, "in-the-inode", ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ARCHIVE_ENTRY_ACL_USER, 70000, 0);
}

static void so_are_those_in_the_inode(void **state)
{
	_cleanup_free_ char *dev = image_of(*state, fill_small_acl);

	refused(dev, 69999,
		"has a file '/in-the-inode' that has an ACL for 70000; ids go up to 69999 here, "
		"70001 are needed");
	taken(dev, 70000);
}

static void fill_capable(struct archive *a)
{
	const struct vfs_ns_cap_data cap = {.magic_etc = htole32(VFS_CAP_REVISION_3),
					    .rootid = htole32(100000)};
	struct archive_entry *e = tarfile_entry("ping", AE_IFREG);

	archive_entry_xattr_add_entry(e, "security.capability", &cap, sizeof(cap));
	tarfile_put(a, e, "x", 1);
}

static void so_is_the_root_that_capabilities_are_for(void **state)
{
	_cleanup_free_ char *dev = image_of(*state, fill_capable);

	refused(dev, 65535,
		"has a file '/ping' that has capabilities for 100000; ids go up to 65535 here, "
		"100001 are needed");
	taken(dev, 100000);
}

static void what_is_none_has_no_owners(void **state)
{
	struct err err = ERR_INIT;

	fixture_write(*state, "zero", "", 0);
	assert_int_equal(owners_check(fixture_path(*state, "zero"), 65535, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "cannot be read"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(the_largest_owner_is_named),
		fixture_test(so_is_a_group_and_the_root),
		fixture_test(ids_in_lists_are_owners),
		fixture_test(so_are_those_in_the_inode),
		fixture_test(so_is_the_root_that_capabilities_are_for),
		fixture_test(what_is_none_has_no_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
