/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settle.h"

#include <errno.h>

#include "descriptor.h"
#include "disk.h"
#include "err.h"
#include "gpt.h"
#include "image.h"

/* Who has the lock on the top is the only one to change it. */
static int record_size(const struct ploop_disk *disk, bool *ret_behind, struct err *err)
{
	struct descriptor d;
	int r;

	if (ret_behind)
		*ret_behind = false;
	if (!disk->described || disk->dirfd < 0)
		return 0;
	r = descriptor_load(disk->dirfd, DESCRIPTOR_NAME, &d, err);
	if (r < 0)
		return r;
	if (d.size_bytes < disk->img.size_bytes) {
		d.size_bytes = disk->img.size_bytes;
		if (ret_behind)
			*ret_behind = true;
		else
			r = descriptor_store(disk->dirfd, &d, err);
	}
	descriptor_free(&d);
	return r;
}

bool settle_is_due(struct ploop_disk *disk)
{
	bool behind;

	return !gpt_is_settled(disk) || (record_size(disk, &behind, NULL) == 0 && behind);
}

static int settle_tables(struct ploop_disk *disk, int image, struct err *err)
{
	int r = image_take(&disk->img, image, err);

	if (r < 0)
		return r;
	disk->sync = true;
	r = gpt_fit(disk, disk->img.size_bytes, err);
	if (r == 0 && (r = disk_flush(disk)) < 0)
		err_errno(err, r, "cannot write the partition tables of '%s'", disk->img.name);
	return r < 0 ? r : image_finish(&disk->img, true, err);
}

int settle(struct ploop_disk *disk, int image, struct err *err)
{
	int r = gpt_is_settled(disk) ? 0 : settle_tables(disk, image, err);

	return r < 0 ? r : record_size(disk, NULL, err);
}
