/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots: a delta that nobody writes to any more is one, and the top stands
 * on it. Each operation is a new descriptor; edit.h says what of files is done
 * around it, so that a crash leaves the state before or the one after.
 *
 * While the disk is mounted the lock on the top is its device's. A snapshot is
 * made then, too: the device goes on with one more delta.
 */
#include "ploop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "guid.h"
#include "image.h"
#include "kept.h"
#include "mark.h"
#include "mend.h"
#include "merge.h"
#include "snapshot.h"
#include "top.h"

/* A new, empty top on @parent; the one that was the top is @parent, or is in the way no more. */
static int add_top(struct edit *e, const char *parent, const char *name, struct err *err)
{
	int r = descriptor_add(&e->loc.desc, e->loc.desc.top, parent, PLOOP_FORMAT_EXPANDED, name);

	return r < 0 ? err_errno(err, r, "cannot describe the image '%s'", name)
		     : edit_store(e, err);
}

/* The same contents as what was checked, in whatever file. */
static void keep_mark(const struct edit *e, const char *name, struct mark was)
{
	_cleanup_close_ int fd = openat(e->loc.dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		mark_set(fd, was);
}

/* --- making one ------------------------------------------------------------------- */

static int check_room(const struct edit *e, const char *guid, struct err *err)
{
	if (descriptor_find(&e->loc.desc, guid))
		return err_set(err, EEXIST, "'%s' has a snapshot %s already", e->loc.dir, guid);
	if (strcmp(guid, DESCRIPTOR_ROOT_GUID) == 0)
		return err_set(err, EINVAL, "%s is no name for a snapshot", guid);
	if (e->loc.n == PLOOP_LEVELS_MAX)
		return err_set(err, E2BIG, "'%s' has %d images on top of each other already",
			       e->loc.dir, PLOOP_LEVELS_MAX);
	return 0;
}

static int make_closed(struct edit *e, int top, const char *guid, const char *name, struct err *err)
{
	const struct descriptor_delta *was = descriptor_top(&e->loc.desc);
	int r = was->format == PLOOP_FORMAT_EXPANDED ? mend_image(top, false, was->file, err) : 0;

	if (r < 0)
		return r;
	descriptor_rename(&e->loc.desc, e->loc.desc.top, guid);
	r = top_make(e->loc.dirfd, name, &e->loc.desc, mark_get(top), err);
	return r < 0 ? r : add_top(e, guid, name, err);
}

/* Nothing was written to the new top: as before. */
static void take_back(struct edit *e, const char *guid, struct err *err)
{
	struct err why = ERR_INIT;

	descriptor_remove(&e->loc.desc, e->loc.desc.top);
	descriptor_rename(&e->loc.desc, guid, e->loc.desc.top);
	descriptor_top(&e->loc.desc)->temporary = false;
	if (edit_store(e, &why) < 0)
		err_prefix(err, "%s", why.msg);
}

/* The table has the new top before the descriptor has it, and is in use after that. */
static int make_mounted(struct edit *e, struct ploop_disk *disk, dev_t dev, const char *guid,
			bool temporary, const char *name, struct err *err)
{
	struct attach_push *push = NULL;
	bool frozen;
	int r = top_make(e->loc.dirfd, name, &e->loc.desc, (struct mark){0}, err);

	if (r == 0)
		r = attach_push_load(disk, dev, name, &push, err);
	if (r < 0)
		return r;
	descriptor_rename(&e->loc.desc, e->loc.desc.top, guid);
	descriptor_find(&e->loc.desc, guid)->temporary = temporary;
	r = add_top(e, guid, name, err);
	if (r < 0) {
		attach_push_cancel(push);
		return r;
	}
	/* Another table tracks nothing. */
	kept_forget(e->loc.dirfd, location_top(&e->loc)->file);
	r = attach_push_switch(push, &frozen, err);
	/* Frozen it may have the new top: then that is the disk's, and the next one catches up. */
	if (r < 0 && !frozen)
		take_back(e, guid, err);
	return r;
}

/* The descriptor has a top that the device has not: whoever wrote it was killed before the switch. */
static int catch_up(const struct edit *e, dev_t dev, struct err *err)
{
	const struct descriptor_delta *top = descriptor_top(&e->loc.desc);
	struct attach_push *push;
	struct ploop_disk *below;
	bool frozen;
	/* For a delete, what was the top is no snapshot. */
	int r = disk_open_at(e->loc.dir, top->parent, &below, err);

	if (r < 0)
		return r;
	r = attach_push_load(below, dev, top->file, &push, err);
	if (r == 0)
		r = attach_push_switch(push, &frozen, err);
	ploop_close(below);
	return r;
}

/* 0 and the device that the disk is on; -ENOENT when nobody has it. */
static int find_mounted(const struct edit *e, struct ploop_disk **ret, dev_t *ret_dev,
			struct err *err)
{
	struct ploop_disk *disk;
	int r = ploop_open(e->loc.dir, &disk, err);

	if (r < 0)
		return r;
	r = attach_find(disk, ret_dev, err);
	if (r == 0 && disk->img.format == PLOOP_FORMAT_RAW)
		r = err_set(err, EBUSY,
			    "'%s' is mounted, and a snapshot of a raw image can be made only while "
			    "it is not",
			    disk->path);
	if (r == 0 && attach_is_read_only(*ret_dev))
		r = err_set(
			err, EBUSY,
			"'%s' is mounted read-only, and a snapshot can be made of a disk that is "
			"written to, or not mounted",
			disk->path);
	if (r == 0 && attach_is_behind(disk, *ret_dev)) {
		ploop_close(disk);
		r = catch_up(e, *ret_dev, err);
		if (r == 0)
			r = ploop_open(e->loc.dir, &disk, err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		ploop_close(disk);
	else
		*ret = disk;
	return r;
}

static int make(struct edit *e, const char *guid, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int top = -EBADF;
	struct ploop_disk *disk = NULL;
	struct err why = ERR_INIT;
	dev_t dev = 0;
	int r = top_name(location_top(&e->loc)->file, &name, err);

	if (r < 0)
		return r;
	top = edit_lock_delta(e, descriptor_top(&e->loc.desc), &why);
	if (top == -EBUSY) {
		r = find_mounted(e, &disk, &dev, err);
		/* Then it is somebody else who has it. */
		if (r == -ENOENT)
			return err_set(err, EBUSY, "%s", why.msg);
	} else if (top < 0) {
		r = err_set(err, top, "%s", why.msg);
	}
	if (r == 0)
		r = edit_expect(e, (const char *const[]){name}, 1, err);
	if (r == 0)
		r = disk ? make_mounted(e, disk, dev, guid, false, name, err)
			 : make_closed(e, top, guid, name, err);
	if (disk)
		ploop_close(disk);
	return r;
}

int ploop_snapshot(const char *path, char guid[PLOOP_GUID_BYTES], struct err *err)
{
	struct edit e;
	int r;

	if (!*guid && guid_random(guid) < 0)
		return err_set(err, EIO, "there are no random numbers for a GUID");
	r = edit_begin(path, &e, err);
	if (r < 0)
		return r;
	r = check_room(&e, guid, err);
	if (r == 0)
		r = make(&e, guid, err);
	edit_end(&e);
	return r;
}

/* --- going back to one ------------------------------------------------------------- */

static struct descriptor_delta *find_snapshot(const struct edit *e, const char *guid,
					      struct err *err)
{
	struct descriptor_delta *delta = descriptor_find(&e->loc.desc, guid);

	if (!delta)
		err_set(err, ENOENT, "'%s' has no snapshot %s", e->loc.dir, guid);
	else if (delta == descriptor_top(&e->loc.desc)) {
		err_set(err, ENOENT, "%s is no snapshot of '%s', but what is written to", guid,
			e->loc.dir);
		delta = NULL;
	}
	return delta;
}

static int size_of(struct edit *e, const char *guid, uint64_t *ret_bytes, struct err *err)
{
	struct ploop_disk *disk;
	int r = location_select(&e->loc, guid, err);

	if (r == 0)
		r = location_open(&e->loc, OPEN_ANY, &disk, err);
	if (r < 0)
		return r;
	*ret_bytes = disk->img.size_bytes;
	disk_free(disk);
	return 0;
}

/* It may be of a time when the disk was larger. */
static int take_size(struct edit *e, const char *guid, struct err *err)
{
	uint64_t bytes;
	int r = size_of(e, guid, &bytes, err);

	if (r == 0 && bytes > e->loc.desc.size_bytes)
		e->loc.desc.size_bytes = bytes;
	return r;
}

static int switch_to(struct edit *e, const char *guid, struct err *err)
{
	const struct descriptor_delta *to = find_snapshot(e, guid, err);
	_cleanup_free_ char *name = NULL, *old = NULL;
	_cleanup_close_ int top = -EBADF, fd = -EBADF;
	int r;

	if (!to)
		return -ENOENT;
	if (to->temporary)
		return err_set(err, EINVAL, "the snapshot %s of '%s' is being deleted", guid,
			       e->loc.dir);
	top = edit_lock_delta(e, descriptor_top(&e->loc.desc), err);
	if (top < 0)
		return top;
	fd = openat(e->loc.dirfd, to->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, "cannot open the image '%s'", to->file);
	r = take_size(e, guid, err);
	if (r == 0)
		r = top_name(location_top(&e->loc)->file, &name, err);
	if (r == 0 && !(old = strdup(descriptor_top(&e->loc.desc)->file)))
		r = err_errno(err, ENOMEM, "cannot switch to %s", guid);
	if (r == 0)
		r = edit_expect(e, (const char *const[]){name, old}, 2, err);
	if (r == 0)
		r = top_make(e->loc.dirfd, name, &e->loc.desc, mark_get(fd), err);
	if (r < 0)
		return r;
	descriptor_remove(&e->loc.desc, e->loc.desc.top);
	return add_top(e, guid, name, err);
}

int ploop_snapshot_switch(const char *path, const char *guid, struct err *err)
{
	struct edit e;
	int r = edit_begin(path, &e, err);

	if (r < 0)
		return r;
	r = switch_to(&e, guid, err);
	edit_end(&e);
	return r;
}

/* --- deleting one -------------------------------------------------------------------- */

static int mark_temporary(struct edit *e, const char *guid, struct err *err)
{
	struct descriptor_delta *delta = descriptor_find(&e->loc.desc, guid);

	if (delta->temporary)
		return 0;
	delta->temporary = true;
	return edit_store(e, err);
}

/* Its file is the child's from now on. */
static int take_file(struct edit *e, const char *guid, const char *child, struct err *err)
{
	struct descriptor_delta *from = descriptor_find(&e->loc.desc, guid);
	struct descriptor_delta *to = descriptor_find(&e->loc.desc, child);
	char *file = to->file;

	to->file = from->file;
	to->format = from->format;
	memcpy(to->parent, from->parent, sizeof(to->parent));
	from->file = file;
	descriptor_remove(&e->loc.desc, guid);
	return edit_store(e, err);
}

static int delete_downwards(struct edit *e, const char *guid, const char *child, struct err *err)
{
	int r = edit_expect(e, (const char *const[]){descriptor_find(&e->loc.desc, child)->file}, 1,
			    err);

	if (r == 0)
		r = mark_temporary(e, guid, err);
	if (r == 0)
		r = merge_into_parent(&e->loc, child, err);
	return r < 0 ? r : take_file(e, guid, child, err);
}

/* Each that stands on it gets what it has. */
static int delete_upwards(struct edit *e, const char *guid, struct err *err)
{
	struct descriptor_delta *delta = descriptor_find(&e->loc.desc, guid);
	size_t i;
	int r = edit_expect(e, (const char *const[]){delta->file}, 1, err);

	for (i = 0; r == 0 && i < e->loc.desc.count; i++) {
		struct descriptor_delta *child = &e->loc.desc.deltas[i];

		if (strcasecmp(child->parent, guid) == 0)
			r = merge_from_parent(&e->loc, child->guid, err);
	}
	if (r < 0)
		return r;
	for (i = 0; i < e->loc.desc.count; i++) {
		struct descriptor_delta *child = &e->loc.desc.deltas[i];

		if (strcasecmp(child->parent, guid) == 0)
			memcpy(child->parent, delta->parent, sizeof(child->parent));
	}
	/* What was preallocated goes with its file. */
	if (strcmp(delta->parent, DESCRIPTOR_ROOT_GUID) == 0)
		e->loc.desc.preallocated = false;
	descriptor_remove(&e->loc.desc, guid);
	return edit_store(e, err);
}

/* Nobody has mounted it, or what stands on it. */
static int check_idle(const struct edit *e, const char *guid, struct err *err)
{
	size_t i;

	for (i = 0; i < e->loc.desc.count; i++) {
		const struct descriptor_delta *delta = &e->loc.desc.deltas[i];
		int fd;

		if (strcasecmp(delta->guid, guid) != 0 && strcasecmp(delta->parent, guid) != 0)
			continue;
		fd = edit_lock_delta(e, delta, err);
		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}

static struct mark mark_of_top(const struct edit *e)
{
	_cleanup_close_ int fd = openat(e->loc.dirfd, descriptor_top(&e->loc.desc)->file,
					O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 ? mark_get(fd) : (struct mark){0};
}

/* --- while it is mounted --------------------------------------------------------------- */

static int check_size(struct edit *e, const char *guid, struct err *err)
{
	struct descriptor_delta *child;
	uint64_t below, above;
	int r;

	descriptor_children(&e->loc.desc, guid, &child);
	r = size_of(e, guid, &below, err);
	if (r == 0)
		r = size_of(e, child->guid, &above, err);
	if (r < 0)
		return r;
	return below == above ? 0
			      : err_set(err, EBUSY,
					"the image '%s' is in use, and was smaller when the "
					"snapshot %s was made",
					e->loc.path, guid);
}

/*
 * Why it cannot be, if so: the file that is kept is the snapshot's own, and nobody
 * else may read it, or have been larger.
 */
static int check_mounted(struct edit *e, dev_t dev, const char *guid, struct err *err)
{
	const struct descriptor_delta *delta = descriptor_find(&e->loc.desc, guid);
	_cleanup_close_ int fd = openat(e->loc.dirfd, delta->file,
					O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", delta->file);
	if (st.st_nlink > 1)
		return err_set(err, EBUSY,
			       "the image '%s/%s' is in use, and other disks have it in common",
			       e->loc.dir, delta->file);
	if (descriptor_children(&e->loc.desc, guid, NULL) != 1)
		return err_set(err, EBUSY,
			       "the image '%s/%s' is in use, and more than one stands on it",
			       e->loc.dir, delta->file);
	r = attach_check_no_other(fd, dev, delta->file, err);
	return r < 0 ? r : check_size(e, guid, err);
}

static bool stands_on(const struct edit *e, const char *guid)
{
	const struct descriptor_delta *chain[PLOOP_LEVELS_MAX];
	unsigned int n = descriptor_chain(&e->loc.desc, e->loc.desc.top, chain);

	while (n-- > 0)
		if (strcasecmp(chain[n]->guid, guid) == 0)
			return true;
	return false;
}

/* What is written to cannot be merged: it is kept as it is, and something new is written to. */
static int freeze_top(struct edit *e, struct ploop_disk *disk, dev_t dev, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	char guid[PLOOP_GUID_BYTES];
	int r = location_select(&e->loc, e->loc.desc.top, err);

	if (r < 0)
		return r;
	r = e->loc.n == PLOOP_LEVELS_MAX
		    ? err_set(err, E2BIG, "'%s' has %d images on top of each other already",
			      e->loc.dir, PLOOP_LEVELS_MAX)
		    : top_name(location_top(&e->loc)->file, &name, err);

	if (r == 0 && guid_random(guid) < 0)
		r = err_set(err, EIO, "there are no random numbers for a GUID");
	if (r == 0)
		r = edit_expect(e, (const char *const[]){name}, 1, err);
	return r < 0 ? r : make_mounted(e, disk, dev, guid, true, name, err);
}

static int reload(const struct edit *e, dev_t dev, struct err *err)
{
	struct ploop_disk *disk;
	int r = ploop_open(e->loc.dir, &disk, err);

	if (r < 0)
		return r;
	r = attach_reload(disk, dev, err);
	ploop_close(disk);
	return r;
}

/* The device lets us write to what it reads: its next table holds that again. */
static int merge_shared(struct edit *e, dev_t dev, const char *guid, const char *above,
			struct err *err)
{
	const char *name = descriptor_find(&e->loc.desc, guid)->file;
	_cleanup_close_ int fd = image_open_file(e->loc.dirfd, name, false, name, err);
	int r = fd;

	if (r >= 0)
		r = attach_share(dev, fd, true, err);
	if (r < 0)
		return r;
	r = merge_into_read_parent(&e->loc, above, err);
	if (r < 0)
		(void)attach_share(dev, fd, false, NULL);
	return r;
}

/* The one that stands on @guid comes into its file, and the device goes on without that one's. */
static int merge_mounted(struct edit *e, dev_t dev, const char *guid, struct err *err)
{
	struct descriptor_delta *child;
	char above[PLOOP_GUID_BYTES];
	int r;

	descriptor_children(&e->loc.desc, guid, &child);
	memcpy(above, child->guid, sizeof(above));
	r = edit_expect(e, (const char *const[]){child->file}, 1, err);
	if (r == 0)
		r = mark_temporary(e, guid, err);
	if (r == 0)
		r = merge_shared(e, dev, guid, above, err);
	if (r == 0)
		r = take_file(e, guid, above, err);
	return r < 0 ? r : reload(e, dev, err);
}

static bool is_merged_next(struct edit *e, dev_t dev, const char *guid)
{
	const struct descriptor_delta *delta = descriptor_find(&e->loc.desc, guid);

	return delta && delta->temporary && stands_on(e, guid) &&
	       check_mounted(e, dev, guid, NULL) == 0;
}

/*
 * The mounted disk stands on it. What is written to is left alone: that would have
 * to stand still. So the last merge is for later (snapshot_settle()), and one that
 * was left so by the delete before is done now.
 */
static int delete_mounted(struct edit *e, struct ploop_disk *disk, dev_t dev, const char *guid,
			  struct err *err)
{
	char parent[PLOOP_GUID_BYTES];
	struct descriptor_delta *child;
	int r = check_mounted(e, dev, guid, err);

	if (r < 0)
		return r;
	descriptor_children(&e->loc.desc, guid, &child);
	if (child == descriptor_top(&e->loc.desc))
		r = freeze_top(e, disk, dev, err);
	memcpy(parent, descriptor_find(&e->loc.desc, guid)->parent, sizeof(parent));
	if (r == 0)
		r = merge_mounted(e, dev, guid, err);
	if (r == 0 && is_merged_next(e, dev, parent))
		r = merge_mounted(e, dev, parent, err);
	return r;
}

/* 1: it was mounted, and stands on it, and that is done; 0: it is for others to do. */
static int try_mounted(struct edit *e, const char *guid, struct err *err)
{
	struct ploop_disk *disk;
	struct err why = ERR_INIT;
	dev_t dev;
	int r;

	if (!stands_on(e, guid) || find_mounted(e, &disk, &dev, &why) < 0)
		return 0;
	r = delete_mounted(e, disk, dev, guid, err);
	ploop_close(disk);
	return r < 0 ? r : 1;
}

static int delete_snapshot(struct edit *e, const char *guid, struct err *err)
{
	struct descriptor_delta *child = NULL;
	char above[PLOOP_GUID_BYTES];
	unsigned int children;
	struct mark mark;
	bool possible;
	int r;

	if (!find_snapshot(e, guid, err))
		return -ENOENT;
	r = try_mounted(e, guid, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = check_idle(e, guid, err);
	if (r < 0)
		return r;
	mark = mark_of_top(e);
	children = descriptor_children(&e->loc.desc, guid, &child);
	if (children != 1) {
		r = delete_upwards(e, guid, err);
	} else {
		memcpy(above, child->guid, sizeof(above));
		r = merge_is_shorter_down(&e->loc, above, &possible, err);
		if (r > 0 || (r == 0 && possible && descriptor_find(&e->loc.desc, guid)->temporary))
			r = delete_downwards(e, guid, above, err);
		else if (r == 0)
			r = delete_upwards(e, guid, err);
	}
	/* The same contents, in whatever file. */
	if (r == 0)
		keep_mark(e, descriptor_top(&e->loc.desc)->file, mark);
	return r;
}

/* The least that a merge of the top with what is below has to write; best effort. */
static uint64_t cost_of(const struct edit *e, const struct descriptor_delta *below)
{
	struct stat a, b;

	if (fstatat(e->loc.dirfd, descriptor_top(&e->loc.desc)->file, &a, 0) < 0 ||
	    fstatat(e->loc.dirfd, below->file, &b, 0) < 0)
		return UINT64_MAX;
	return 512 * (uint64_t)(a.st_blocks < b.st_blocks ? a.st_blocks : b.st_blocks);
}

static void merge_temporary(struct edit *e, uint64_t max_bytes)
{
	const struct descriptor_delta *below;
	char guid[PLOOP_GUID_BYTES];

	do {
		below = descriptor_find(&e->loc.desc, descriptor_top(&e->loc.desc)->parent);
		if (!below || !below->temporary ||
		    descriptor_children(&e->loc.desc, below->guid, NULL) != 1 ||
		    cost_of(e, below) > max_bytes)
			return;
		memcpy(guid, below->guid, sizeof(guid));
	} while (delete_snapshot(e, guid, NULL) == 0);
}

void snapshot_finish(struct edit *e)
{
	merge_temporary(e, UINT64_MAX);
}

void snapshot_settle(const char *path, uint64_t max_bytes)
{
	struct edit e;

	if (edit_begin(path, &e, NULL) < 0)
		return;
	merge_temporary(&e, max_bytes);
	edit_end(&e);
}

int ploop_snapshot_delete(const char *path, const char *guid, struct err *err)
{
	struct edit e;
	int r = edit_begin(path, &e, err);

	if (r < 0)
		return r;
	r = delete_snapshot(&e, guid, err);
	edit_end(&e);
	return r;
}

static int merge(struct edit *e, const char *guid, struct err *err)
{
	const char *of = guid ? guid : e->loc.desc.top;
	const struct descriptor_delta *delta = descriptor_find(&e->loc.desc, of);
	char parent[PLOOP_GUID_BYTES];

	if (!delta)
		return err_set(err, ENOENT, "'%s' has no snapshot %s", e->loc.dir, of);
	if (!descriptor_find(&e->loc.desc, delta->parent))
		return err_set(err, ENOENT, "nothing lies below '%s' of '%s'", delta->file,
			       e->loc.dir);
	memcpy(parent, delta->parent, sizeof(parent));
	if (descriptor_children(&e->loc.desc, parent, NULL) > 1)
		return err_set(err, EMLINK, "more than one snapshot of '%s' stands on %s",
			       e->loc.dir, parent);
	return delete_snapshot(e, parent, err);
}

int ploop_snapshot_merge(const char *path, const char *guid, struct err *err)
{
	struct edit e;
	int r = edit_begin(path, &e, err);

	if (r < 0)
		return r;
	r = merge(&e, guid, err);
	edit_end(&e);
	return r;
}

/* --- telling ---------------------------------------------------------------------------- */

static int tell(const struct descriptor *d, struct ploop_snapshot *list)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		const struct descriptor_delta *delta = &d->deltas[i];
		struct ploop_snapshot *s = &list[i];

		memcpy(s->guid, delta->guid, sizeof(s->guid));
		if (strcmp(delta->parent, DESCRIPTOR_ROOT_GUID) != 0)
			memcpy(s->parent, delta->parent, sizeof(s->parent));
		s->top = delta == descriptor_top(d);
		s->temporary = delta->temporary;
		s->file = strdup(delta->file);
		if (!s->file)
			return -ENOMEM;
	}
	return 0;
}

int ploop_snapshots(const char *path, struct ploop_snapshot **ret, size_t *ret_count,
		    struct err *err)
{
	struct ploop_snapshot *list;
	struct location loc;
	size_t n;
	int r = location_find(&loc, path, NULL, err);

	if (r < 0)
		return r;
	n = loc.desc.count;
	list = loc.described ? calloc(n, sizeof(*list)) : NULL;
	if (!loc.described)
		r = err_set(err, EINVAL, "'%s' is an image without a descriptor", path);
	else if (!list || tell(&loc.desc, list) < 0)
		r = err_errno(err, ENOMEM, "cannot list the snapshots of '%s'", path);
	location_free(&loc);
	if (r < 0) {
		ploop_snapshots_free(list, list ? n : 0);
		return r;
	}
	*ret = list;
	*ret_count = n;
	return 0;
}

void ploop_snapshots_free(struct ploop_snapshot *list, size_t count)
{
	while (count)
		free(list[--count].file);
	free(list);
}
