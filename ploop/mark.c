/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The value of the attribute:
 *
 *   checked INODE BORN SIZE MODIFIED MAX   what the file was like then
 *   mounted BOOT DEVICE MAX                of the device that writes to it
 *
 *   (none, or of another file) --e2fsck--> checked --mount--> mounted
 *                                             ^------umount------'
 *
 * A copy has another inode, one that is restored under the old number another
 * birth; contents written over have another time. MAX is the id that no owner is
 * above, 0 when nobody looked. "mounted" is stable before
 * the first write, since the time of the contents may reach the disk after
 * them: a host that dies leaves it, and the next mount checks. The device is
 * named by its sequence number, which no other has until the next boot, so that
 * only the mount that found the image checked leaves it checked.
 */
#include "mark.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"

#define NAME	  "trusted.ploop.checked"
#define VALUE_MAX 160
#define BOOT_ID	  "/proc/sys/kernel/random/boot_id"

/* How the file is now; the time of the inode's own change is not in it, as a mark changes that. */
static int describe_file(int image, char value[VALUE_MAX])
{
	struct statx st;

	if (statx(image, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return -errno;
	/* Some file systems do not know when a file was born. */
	if (!(st.stx_mask & STATX_BTIME))
		memset(&st.stx_btime, 0, sizeof(st.stx_btime));
	snprintf(value, VALUE_MAX, "checked %llu %lld.%09u %llu %lld.%09u",
		 (unsigned long long)st.stx_ino, (long long)st.stx_btime.tv_sec,
		 st.stx_btime.tv_nsec, (unsigned long long)st.stx_size,
		 (long long)st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec);
	return 0;
}

static int describe_device(uint64_t sequence, char value[VALUE_MAX])
{
	_cleanup_free_ char *boot = NULL;
	size_t len;
	int r = io_read_file(AT_FDCWD, BOOT_ID, VALUE_MAX / 2, &boot, &len, NULL);

	if (r == 0)
		snprintf(value, VALUE_MAX, "mounted %.*s %llu", (int)strcspn(boot, "\n"), boot,
			 (unsigned long long)sequence);
	return r;
}

static bool says(int image, const char *value, uint32_t *ret_max_id)
{
	char now[VALUE_MAX], *end;
	ssize_t n = fgetxattr(image, NAME, now, sizeof(now) - 1);
	size_t len = strlen(value);
	unsigned long long id;

	if (n < 0 || (size_t)n < len + 2 || memcmp(now, value, len) != 0 || now[len] != ' ')
		return false;
	now[n] = '\0';
	id = strtoull(now + len + 1, &end, 10);
	if (end != now + n || id > UINT32_MAX)
		return false;
	*ret_max_id = (uint32_t)id;
	return true;
}

static int note(int image, const char *value, uint32_t max_id)
{
	char whole[VALUE_MAX];
	int n = snprintf(whole, sizeof(whole), "%s %u", value, max_id);

	if (n >= VALUE_MAX)
		return -ENAMETOOLONG;
	return fsetxattr(image, NAME, whole, (size_t)n, 0) < 0 ? -errno : 0;
}

struct mark mark_get(int image)
{
	char value[VALUE_MAX];
	struct mark mark = {0};

	mark.checked = describe_file(image, value) == 0 && says(image, value, &mark.max_id);
	return mark;
}

void mark_set(int image, struct mark mark)
{
	char value[VALUE_MAX];

	if (mark.checked && describe_file(image, value) == 0)
		(void)note(image, value, mark.max_id);
}

void mark_forget(int image)
{
	(void)fremovexattr(image, NAME);
}

int mark_sequence(int dev, uint64_t *ret)
{
	return ioctl(dev, BLKGETDISKSEQ, ret) < 0 ? -errno : 0;
}

int mark_mounted(int image, int dev, bool checked, uint32_t max_id)
{
	char value[VALUE_MAX];
	uint64_t sequence;
	int r = mark_sequence(dev, &sequence);

	if (r == 0)
		r = describe_device(sequence, value);
	if (r == 0)
		r = note(image, value, max_id);
	if (!checked)
		return 0;
	if (r < 0 && fremovexattr(image, NAME) < 0 && errno != ENODATA)
		return -errno;
	return fsync(image) < 0 ? -errno : 0;
}

static bool is_mounted(int image, uint64_t sequence, uint32_t *ret_max_id)
{
	char value[VALUE_MAX];

	return describe_device(sequence, value) == 0 && says(image, value, ret_max_id);
}

bool mark_is_mounted(int image, uint64_t sequence)
{
	uint32_t max_id;

	return is_mounted(image, sequence, &max_id);
}

void mark_unmounted(int image, uint64_t sequence)
{
	struct mark mark = {.checked = true};

	if (is_mounted(image, sequence, &mark.max_id))
		mark_set(image, mark);
}
