/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verify.h"

#include <errno.h>
#include <stdlib.h>

#include "cache.h"
#include "cleanup.h"
#include "err.h"
#include "manifest.h"
#include "recipe.h"
#include "scan.h"
#include "source.h"
#include "vztmpl.h"

static int damaged(const char *name, struct err *err)
{
	(void)err_prefix(err, "template '%s' is damaged", name);
	return err_exit_default(err, EXIT_DAMAGED);
}

int verify_checksum(const struct cache *c, const char *name, struct manifest **ret, struct err *err)
{
	enum cache_state state;
	int r = recipe_check_name(name, err);

	if (r == 0)
		r = cache_look(c, name, true, &state, ret, err);
	if (r < 0)
		return r;
	if (state == CACHE_ABSENT)
		return err_exit(err, EXIT_NO_TEMPLATE,
				"template '%s' is not in the cache '%s' (vztmpl build %s)", name,
				c->dir, name);
	return state == CACHE_DAMAGED ? damaged(name, err) : 0;
}

static int compare(const struct manifest *m, const struct scan_result *res, struct err *err)
{
	if (res->entries != m->entries)
		return err_set(err, EBADMSG, "its archive has %llu entries instead of %llu",
			       (unsigned long long)res->entries, (unsigned long long)m->entries);
	if (res->unpacked_bytes != m->unpacked_bytes)
		return err_set(err, EBADMSG, "its files have %llu bytes instead of %llu",
			       (unsigned long long)res->unpacked_bytes,
			       (unsigned long long)m->unpacked_bytes);
	return 0;
}

int verify_template(const struct cache *c, const char *name, struct manifest **ret, struct err *err)
{
	const struct scan_opts opts = {.what = "its archive", .unique = SCAN_KEEP, .dir = c->dir};
	_cleanup_free_ char *archive = cache_path(c, name, ".tar.zst");
	struct source *source = NULL;
	struct scan_result res;
	int r = archive ? verify_checksum(c, name, ret, err)
			: err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	r = source_open(archive, &source, err);
	if (r == 0)
		r = scan_tar(source, &opts, &res, err);
	if (r == 0)
		r = compare(*ret, &res, err);
	source_close(source);
	return r < 0 ? damaged(name, err) : 0;
}
