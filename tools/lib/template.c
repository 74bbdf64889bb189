/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "template.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "manifest.h"
#include "path.h"
#include "strbuf.h"
#include "strv.h"

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

static const char *const kinds[] = {".tar.zst", ".tar.xz", ".tar.gz", ".tar.bz2", ".tar"};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define ARCH  "-" TEMPLATE_ARCH

static int try_name(const struct host *host, const char *name, const char *arch, char **ret_path)
{
	size_t i;

	for (i = 0; i < KINDS; i++) {
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
			r = try_name(host, name, ARCH, ret_path);
	}
	if (r != -ENOENT)
		return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
	shown = printable(name);
	return err_exit(err, VZ_TEMPLATE_NOT_FOUND,
			"OS template '%s' is not in '%s/cache' (vztmpl build makes one)",
			shown ? shown : "?", host->template_dir);
}

static size_t without(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && memcmp(name + len - n, end, n) == 0 ? len - n : 0;
}

/* The name that an archive's file gives a template, NULL when it is no archive; caller frees. */
static char *name_of_file(const char *file)
{
	size_t i, len = 0;

	for (i = 0; !len && i < KINDS; i++)
		len = without(file, strlen(file), kinds[i]);
	if (len && without(file, len, ARCH))
		len = without(file, len, ARCH);
	return len ? strndup(file, len) : NULL;
}

int template_list(const struct host *host, char ***ret_names, struct err *err)
{
	_cleanup_free_ char *path = path_join(host->template_dir, "cache");
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	_cleanup_strv_ char **names = NULL;
	struct dirent *e;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (!dir && errno != ENOENT)
		return err_errno(err, errno, "cannot read '%s'", path);
	while (dir && (e = readdir(dir))) {
		_cleanup_free_ char *name = name_of_file(e->d_name);

		if (name && is_plain(name) && !strv_contains(names, name) &&
		    strv_add(&names, name) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	*ret_names = steal_ptr(names);
	return 0;
}
