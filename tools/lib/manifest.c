/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manifest of a template, as JSON. Unknown members are ignored when it is
 * read, missing ones make it no manifest: then the template counts as damaged
 * and is built again.
 */
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"

#define MANIFEST_VERSION   1
#define MANIFEST_MAX_BYTES (16 << 20)

json_t *manifest_to_json(const struct manifest *m)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:s?, s:s?, s:s?,"
			 " s:O}",
			 "manifest", MANIFEST_VERSION, "name", m->name, "arch", TEMPLATE_ARCH,
			 "kind", m->kind, "summary", m->summary, "date", m->date, "tool",
			 "vztmpl " VERSION, "size", (json_int_t)m->size_bytes, "sha256", m->sha256,
			 "unpacked_size", (json_int_t)m->unpacked_bytes, "entries",
			 (json_int_t)m->entries, "recipe", m->recipe, "recipe_key",
			 m->key[0] ? m->key : NULL, "source", m->source, "packages", m->packages);
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

/* A string of @doc, copied; @optional: may be missing or null. */
static int copy_string(json_t *doc, const char *member, bool optional, char **ret, struct err *err)
{
	json_t *value = json_object_get(doc, member);

	if (optional && (!value || json_is_null(value)))
		return 0;
	if (!json_is_string(value))
		return err_set(err, EBADMSG, "'%s' is %s", member,
			       value ? "not a string" : "missing");
	*ret = strdup(json_string_value(value));
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int copy_hash(json_t *doc, const char *member, bool optional, char ret[HASH_HEX_LEN],
		     struct err *err)
{
	_cleanup_free_ char *hex = NULL;
	int r = copy_string(doc, member, optional, &hex, err);

	if (r < 0 || !hex)
		return r;
	if (strlen(hex) != HASH_HEX_LEN - 1 || strspn(hex, "0123456789abcdef") != HASH_HEX_LEN - 1)
		return err_set(err, EBADMSG, "'%s' is no SHA-256", member);
	memcpy(ret, hex, HASH_HEX_LEN);
	return 0;
}

static int copy_count(json_t *doc, const char *member, uint64_t *ret, struct err *err)
{
	json_t *value = json_object_get(doc, member);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return err_set(err, EBADMSG, "'%s' is %s", member,
			       value ? "not a count" : "missing");
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

static int copy_packages(json_t *doc, json_t **ret, struct err *err)
{
	json_t *list = json_object_get(doc, "packages");

	if (!json_is_array(list))
		return err_set(err, EBADMSG, "'packages' is %s", list ? "not a list" : "missing");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *p = json_array_get(list, i);

		if (!json_is_string(json_object_get(p, "name")) ||
		    !json_is_string(json_object_get(p, "version")))
			return err_set(err, EBADMSG, "package %zu has no name or no version", i);
	}
	*ret = json_incref(list);
	return 0;
}

/* What one member says of another, and of this program. */
static int check_members(json_t *doc, struct manifest *m, struct err *err)
{
	const char *arch = json_string_value(json_object_get(doc, "arch"));
	struct tm tm = {0};
	const char *end = strptime(m->date, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!arch || strcmp(arch, TEMPLATE_ARCH) != 0)
		return err_set(err, EBADMSG, "'arch' is '%s' instead of '" TEMPLATE_ARCH "'",
			       arch ? arch : "");
	if (strcmp(m->kind, "container") != 0 && strcmp(m->kind, "host") != 0)
		return err_set(err, EBADMSG, "there is no kind '%s'", m->kind);
	if (!end || *end)
		return err_set(err, EBADMSG, "'%s' is no date", m->date);
	/* Manifests of before imports were possible name no recipe: it was of the same name. */
	if (!m->recipe && !m->source && m->key[0]) {
		m->recipe = strdup(m->name);
		if (!m->recipe)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (!m->recipe == !m->source || !m->recipe != !m->key[0])
		return err_set(
			err, EBADMSG,
			"it has to be built ('recipe', 'recipe_key') or imported ('source')");
	return 0;
}

static int copy_members(struct manifest *m, json_t *doc, struct err *err)
{
	int r;

	if (json_integer_value(json_object_get(doc, "manifest")) != MANIFEST_VERSION)
		return err_set(err, EBADMSG, "it is of no version that is known");
	r = copy_string(doc, "name", false, &m->name, err);
	if (r == 0)
		r = copy_string(doc, "kind", false, &m->kind, err);
	if (r == 0)
		r = copy_string(doc, "summary", false, &m->summary, err);
	if (r == 0)
		r = copy_string(doc, "date", false, &m->date, err);
	if (r == 0)
		r = copy_string(doc, "recipe", true, &m->recipe, err);
	if (r == 0)
		r = copy_string(doc, "source", true, &m->source, err);
	if (r == 0)
		r = copy_hash(doc, "sha256", false, m->sha256, err);
	if (r == 0)
		r = copy_hash(doc, "recipe_key", true, m->key, err);
	if (r == 0)
		r = copy_count(doc, "size", &m->size_bytes, err);
	if (r == 0)
		r = copy_count(doc, "unpacked_size", &m->unpacked_bytes, err);
	if (r == 0)
		r = copy_count(doc, "entries", &m->entries, err);
	if (r == 0)
		r = copy_packages(doc, &m->packages, err);
	return r < 0 ? r : check_members(doc, m, err);
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
	r = copy_members(m, doc, err);
	json_decref(doc);
	if (r < 0)
		return err_prefix(err, "manifest '%s' is damaged", path);

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
	free(m->recipe);
	free(m->source);
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
