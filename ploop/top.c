/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "top.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "descriptor.h"
#include "err.h"
#include "guid.h"
#include "image.h"
#include "mark.h"
#include "strbuf.h"

#define NAME_MAX_BYTES 255

int top_name(const char *file, char **ret, struct err *err)
{
	const char *brace = strstr(file, ".{");
	int len = brace ? (int)(brace - file) : (int)strlen(file);
	char guid[PLOOP_GUID_BYTES];
	struct strbuf b = STRBUF_INIT;

	if (guid_random(guid) < 0)
		return err_set(err, EIO, "there are no random numbers for a name");
	strbuf_addf(&b, "%.*s.%s", len, file, guid);
	if (!b.failed && b.len > NAME_MAX_BYTES) {
		strbuf_free(&b);
		return err_set(err, ENAMETOOLONG, "'%s' is too long for the name of an image",
			       file);
	}
	*ret = strbuf_steal(&b);
	return *ret ? 0 : err_errno(err, ENOMEM, "cannot name a new image");
}

int top_make(int dirfd, const char *name, const struct descriptor *d, struct mark mark,
	     struct err *err)
{
	struct image img;
	int r = image_create(dirfd, name, PLOOP_FORMAT_EXPANDED, d->size_bytes, d->cluster_bytes,
			     &img, err);

	if (r < 0)
		return r;
	r = image_finish(&img, true, err);
	if (r == 0)
		mark_set(img.fd, mark);
	image_close(&img);
	return r;
}
