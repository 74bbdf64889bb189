/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory of built templates. The archive is renamed into place first
 * and its manifest second: a reader sees a whole archive at any time, and
 * what a crash between the two leaves is "damaged" here and built again.
 */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "golden.h"
#include "io.h"
#include "lock.h"
#include "manifest.h"
#include "path.h"
#include "recipe.h"
#include "strv.h"
#include "vztmpl.h"

#define DEFAULT_CACHE "/vz/template/cache"
#define ARCH_SUFFIX   "-" TEMPLATE_ARCH

/* TEMPLATE="/dir" of the global configuration, when it is there; caller frees. */
static char *template_of_vz_conf(void)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest;

	if (io_read_file(AT_FDCWD, "/etc/vz/vz.conf", 1 << 20, &text, NULL, NULL) < 0)
		return NULL;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		size_t len;

		if (strncmp(line, "TEMPLATE=", 9) != 0)
			continue;
		line += 9;
		if (*line == '"' || *line == '\'')
			line++;
		len = strcspn(line, "\"' \t#");
		line[len] = '\0';
		return *line == '/' ? path_join(line, "cache") : NULL;
	}
	return NULL;
}

int cache_open(struct cache *c, const char *dir, struct err *err)
{
	const char *env = getenv("VZTMPL_CACHE");

	if (!dir && env && *env)
		dir = env;
	c->dir = dir ? strdup(dir) : template_of_vz_conf();
	if (!c->dir)
		c->dir = strdup(DEFAULT_CACHE);
	return c->dir ? 0 : err_set(err, ENOMEM, "out of memory");
}

void cache_close(struct cache *c)
{
	free(c->dir);
	c->dir = NULL;
}

char *cache_path(const struct cache *c, const char *name, const char *suffix)
{
	char *path;

	if (asprintf(&path, "%s/%s" ARCH_SUFFIX "%s", c->dir, name, suffix) < 0)
		return NULL;
	return path;
}

char *cache_short_name(const char *name)
{
	size_t len = strlen(name), tail = strlen(ARCH_SUFFIX);

	if (len > tail && strcmp(name + len - tail, ARCH_SUFFIX) == 0)
		len -= tail;
	return strndup(name, len);
}

/* "debian-12" of "debian-12-x86_64.tar.zst" or ".json"; NULL for other files. 0 or -ENOMEM. */
static int name_of_file(const char *file, char **ret_name)
{
	static const char *const tails[] = {ARCH_SUFFIX ".tar.zst", ARCH_SUFFIX ".json"};
	size_t len = strlen(file);

	*ret_name = NULL;
	for (size_t i = 0; i < 2; i++) {
		size_t tail = strlen(tails[i]);

		if (file[0] != '.' && len > tail && strcmp(file + len - tail, tails[i]) == 0) {
			*ret_name = strndup(file, len - tail);
			return *ret_name ? 0 : -ENOMEM;
		}
	}
	return 0;
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int cache_names(const struct cache *c, char ***ret_names, struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir(c->dir);
	_cleanup_strv_ char **names = NULL;
	struct dirent *e;

	if (!d && errno == ENOENT) {
		*ret_names = NULL;
		return 0;
	}
	if (!d)
		return err_errno(err, errno, "cannot read the cache '%s'", c->dir);

	while ((e = readdir(d))) {
		_cleanup_free_ char *name = NULL;
		int r = name_of_file(e->d_name, &name);

		if (r == 0 && name && !strv_contains(names, name))
			r = strv_add(&names, name);
		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (names)
		qsort(names, strv_length(names), sizeof(*names), name_cmp);
	*ret_names = steal_ptr(names);
	return 0;
}

/* What cannot be looked at is damaged, unless it is the machine that has too little of something. */
static int damaged(int r, enum cache_state *ret_state)
{
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	*ret_state = CACHE_DAMAGED;
	return 0;
}

static int compare(const char *archive, const struct manifest *m, const char *name, bool whole,
		   struct err *err)
{
	char hex[HASH_HEX_LEN];
	struct stat st;
	int r;

	if (stat(archive, &st) < 0)
		return err_errno(err, errno, "archive '%s'", archive);
	if (strcmp(m->name, name) != 0)
		return err_set(err, EBADMSG, "the manifest of '%s' is that of '%s'", name, m->name);
	if ((uint64_t)st.st_size != m->size_bytes)
		return err_set(err, EBADMSG, "archive '%s' has %lld bytes instead of %llu", archive,
			       (long long)st.st_size, (unsigned long long)m->size_bytes);
	if (!whole)
		return 0;

	r = hash_file(AT_FDCWD, archive, hex, err);
	if (r < 0)
		return r;
	if (strcmp(hex, m->sha256) != 0)
		return err_set(err, EBADMSG,
			       "archive '%s' is corrupt: its checksum is not the manifest's",
			       archive);
	return 0;
}

int cache_look(const struct cache *c, const char *name, bool whole, enum cache_state *ret_state,
	       struct manifest **ret_manifest, struct err *err)
{
	_cleanup_free_ char *archive = cache_path(c, name, ".tar.zst");
	_cleanup_free_ char *json = cache_path(c, name, ".json");
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	int r;

	if (!archive || !json)
		return err_set(err, ENOMEM, "out of memory");
	*ret_manifest = NULL;

	r = manifest_load(json, &m, err);
	if (r == -ENOENT && access(archive, F_OK) < 0) {
		*ret_state = CACHE_ABSENT;
		return 0;
	}
	if (r == -ENOENT)
		(void)err_set(err, EBADMSG, "archive '%s' has no manifest", archive);
	if (r == 0)
		r = compare(archive, m, name, whole, err);
	if (r < 0)
		return damaged(r, ret_state);

	*ret_state = CACHE_OK;
	*ret_manifest = steal_ptr(m);
	return 0;
}

int cache_lock(const struct cache *c, const char *name, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/.%s.lock", c->dir, name) < 0)
		return err_set(err, ENOMEM, "out of memory");
	fd = lock_file(path, 0, err);
	if (fd == -EAGAIN) {
		(void)err_prefix(err, "template '%s' is being built or removed", name);
		(void)err_exit_default(err, EXIT_LOCKED);
	}
	return fd;
}

static int unlink_if_there(const char *path, bool *found, struct err *err)
{
	if (unlink(path) == 0) {
		*found = true;
		return 0;
	}
	return errno == ENOENT ? 0 : err_errno(err, errno, "cannot remove '%s'", path);
}

/* Containers that stand on them have them by another name. */
static void remove_golden(char *archive)
{
	char *slash = strrchr(archive, '/'), *name = slash + 1;
	_cleanup_free_ char *template_dir = NULL;

	*slash = '\0';
	template_dir = path_join(archive, "..");
	if (template_dir)
		golden_remove(template_dir, name, NULL);
}

int cache_remove(const struct cache *c, const char *name, struct err *err)
{
	_cleanup_free_ char *archive = cache_path(c, name, ".tar.zst");
	_cleanup_free_ char *json = cache_path(c, name, ".json");
	bool found = false;
	int r;

	if (!archive || !json)
		return err_set(err, ENOMEM, "out of memory");
	r = unlink_if_there(json, &found, err);
	if (r == 0)
		r = unlink_if_there(archive, &found, err);
	if (r == 0)
		remove_golden(archive);
	if (r == 0 && !found)
		r = err_exit(err, EXIT_NO_TEMPLATE, "template '%s' is not in the cache '%s'", name,
			     c->dir);
	return r;
}
