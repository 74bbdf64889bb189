/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "template.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "strbuf.h"

static bool is_plain(const char *name)
{
	const char *s;

	for (s = name; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-+", *s))
			return false;
	return *name && *name != '.';
}

/* Names come from anywhere (libvirt passes garbage): nothing unprintable in a message. */
static char *printable(const char *name)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "");
	for (; *name; name++) {
		if (isprint((unsigned char)*name))
			strbuf_addc(&b, *name);
		else
			strbuf_addf(&b, "\\x%02x", (unsigned char)*name);
	}
	return strbuf_steal(&b);
}

static int try_name(const struct host *host, const char *name, const char *arch, char **ret_path)
{
	static const char *const kinds[] = {".tar.zst", ".tar.xz", ".tar.gz", ".tar.bz2", ".tar"};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		_cleanup_free_ char *path = NULL;
		struct strbuf b = STRBUF_INIT;

		strbuf_addf(&b, "%s/cache/%s%s%s", host->template_dir, name, arch, kinds[i]);
		path = strbuf_steal(&b);
		if (!path)
			return -ENOMEM;
		if (access(path, R_OK) == 0) {
			*ret_path = steal_ptr(path);
			return 0;
		}
	}
	return -ENOENT;
}

int template_find(const struct host *host, const char *name, char **ret_path, struct err *err)
{
	_cleanup_free_ char *shown = NULL;
	int r = -ENOENT;

	if (is_plain(name)) {
		r = try_name(host, name, "", ret_path);
		if (r == -ENOENT)
			r = try_name(host, name, "-x86_64", ret_path);
	}
	if (r != -ENOENT)
		return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
	shown = printable(name);
	return err_exit(err, VZ_TEMPLATE_NOT_FOUND,
			"OS template '%s' is not in '%s/cache' (vztmpl build makes one)",
			shown ? shown : "?", host->template_dir);
}
