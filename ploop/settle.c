/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settle.h"

#include <errno.h>

#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "gpt.h"
#include "image.h"

bool settle_is_due(struct ploop_disk *disk)
{
	return gpt_is_short(disk);
}

/* Who has the lock on the top is the only one to change it. */
static int record_size(const struct ploop_disk *disk, struct err *err)
{
	struct descriptor d;
	int r;

	if (!disk->described || disk->dirfd < 0)
		return 0;
	r = descriptor_load(disk->dirfd, DESCRIPTOR_NAME, &d, err);
	if (r < 0)
		return r;
	if (d.size_bytes < disk->img.size_bytes) {
		d.size_bytes = disk->img.size_bytes;
		r = descriptor_store(disk->dirfd, &d, err);
	}
	descriptor_free(&d);
	return r;
}

int settle(struct ploop_disk *disk, int image, struct err *err)
{
	int r = image_take(&disk->img, image, err);

	if (r < 0)
		return r;
	disk->sync = true;
	r = gpt_grow(disk, err);
	if (r == 0 && (r = disk_flush(disk)) < 0)
		err_errno(err, r, "cannot write the partition tables of '%s'", disk->img.name);
	if (r == 0)
		r = image_finish(&disk->img, true, err);
	return r < 0 ? r : record_size(disk, err);
}
