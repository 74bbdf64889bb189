/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manifest of a template, as JSON. Unknown members are ignored when it is
 * read, missing ones make it no manifest: then the template counts as damaged
 * and is built again.
 */
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "vztmpl.h"

#define MANIFEST_VERSION   1
#define MANIFEST_MAX_BYTES (16 << 20)

json_t *manifest_to_json(const struct manifest *m)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:s, s:O}",
			 "manifest", MANIFEST_VERSION, "name", m->name, "arch", TEMPLATE_ARCH,
			 "kind", m->kind, "summary", m->summary, "date", m->date, "tool",
			 "vztmpl " VERSION, "size", (json_int_t)m->size_bytes, "sha256", m->sha256,
			 "unpacked_size", (json_int_t)m->unpacked_bytes, "entries",
			 (json_int_t)m->entries, "recipe_key", m->key, "packages", m->packages);
}

int manifest_store(const struct manifest *m, const char *path, struct err *err)
{
	json_t *doc = manifest_to_json(m);
	_cleanup_free_ char *text = doc ? json_dumps(doc, JSON_INDENT(1)) : NULL;

	json_decref(doc);
	if (!text)
		return err_set(err, ENOMEM, "cannot write the manifest '%s': out of memory", path);
	return io_replace_file(AT_FDCWD, path, text, strlen(text), 0644, err);
}

static int copy_members(struct manifest *m, json_t *doc)
{
	const char *name, *kind, *summary, *date, *sha256, *key;
	json_int_t size, unpacked, entries;
	json_t *packages;
	int version;

	if (json_unpack(doc, "{s:i, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:s, s:o}", "manifest",
			&version, "name", &name, "kind", &kind, "summary", &summary, "date", &date,
			"size", &size, "sha256", &sha256, "unpacked_size", &unpacked, "entries",
			&entries, "recipe_key", &key, "packages", &packages) < 0 ||
	    version != MANIFEST_VERSION || strlen(sha256) != HASH_HEX_LEN - 1 ||
	    strlen(key) != HASH_HEX_LEN - 1 || !json_is_array(packages))
		return -EBADMSG;

	m->name = strdup(name);
	m->kind = strdup(kind);
	m->summary = strdup(summary);
	m->date = strdup(date);
	if (!m->name || !m->kind || !m->summary || !m->date)
		return -ENOMEM;
	memcpy(m->sha256, sha256, HASH_HEX_LEN);
	memcpy(m->key, key, HASH_HEX_LEN);
	m->size_bytes = (uint64_t)size;
	m->unpacked_bytes = (uint64_t)unpacked;
	m->entries = (uint64_t)entries;
	m->packages = json_incref(packages);
	return 0;
}

int manifest_load(const char *path, struct manifest **ret_manifest, struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = calloc(1, sizeof(*m));
	_cleanup_free_ char *text = NULL;
	json_error_t why;
	json_t *doc;
	int r;

	if (!m)
		return err_set(err, ENOMEM, "out of memory");
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return -ENOENT;
	r = io_read_file(AT_FDCWD, path, MANIFEST_MAX_BYTES, &text, NULL, err);
	if (r < 0)
		return r;

	doc = json_loads(text, 0, &why);
	if (!doc)
		return err_set(err, EBADMSG, "manifest '%s' is damaged: line %d: %s", path,
			       why.line, why.text);
	r = copy_members(m, doc);
	json_decref(doc);
	if (r < 0)
		return err_set(err, -r, "manifest '%s' is damaged: members are missing", path);

	*ret_manifest = steal_ptr(m);
	return 0;
}

int manifest_read_packages(const char *path, json_t **ret_packages, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	json_t *list = json_array();
	char *line, *rest;
	int r = list ? io_read_file(AT_FDCWD, path, MANIFEST_MAX_BYTES, &text, NULL, err)
		     : err_set(err, ENOMEM, "out of memory");

	rest = text;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		char *version = strchr(line, ' ');

		if (*line == '\0')
			continue;
		if (!version || version == line || version[1] == '\0') {
			r = err_set(err, EINVAL, "bad line in the recipe's package list: '%s'",
				    line);
			break;
		}
		*version++ = '\0';
		if (json_array_append_new(list, json_pack("{s:s, s:s}", "name", line, "version",
							  version)) < 0)
			r = err_set(err, ENOMEM, "out of memory");
	}
	if (r == 0)
		*ret_packages = list;
	else
		json_decref(list);
	return r;
}

void manifest_done(struct manifest *m)
{
	free(m->name);
	free(m->summary);
	free(m->kind);
	free(m->date);
	json_decref(m->packages);
}

void manifest_free(struct manifest *m)
{
	if (!m)
		return;
	manifest_done(m);
	free(m);
}

void manifest_freep(struct manifest **m)
{
	manifest_free(*m);
}
