/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recipes: finding them, reading recipe.conf ("key = value" lines), and the
 * content key. The key covers the recipe's directory, what its family has in
 * lib/, and the inputs it names; so a template is built again when one of
 * these changed and never because a clock did. It does not cover the package
 * archive: --force asks for newer packages.
 */
#include "recipe.h"

#include <ctype.h>
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
#include "io.h"
#include "path.h"
#include "strv.h"
#include "vztmpl.h"

/* Part of every key: raise it when vztmpl itself makes other archives. */
#define FORMAT "vztmpl 1"

static int has_recipes(const char *dir)
{
	_cleanup_free_ char *probe = path_join(dir, "lib/recipe.sh");

	return probe && access(probe, R_OK) == 0;
}

static int try_dir(const char *base, const char *below, char **ret_dir)
{
	_cleanup_free_ char *dir = path_join(base, below);
	char *real;

	if (!dir || !has_recipes(dir))
		return -ENOENT;

	real = realpath(dir, NULL);
	if (!real)
		return -errno;
	*ret_dir = real;
	return 0;
}

int recipe_find_dir(char **ret_dir, struct err *err)
{
	static const char *const places[] = {
		"../share/vesper/templates",
		"../../templates",
		"../../../templates",
		"../../../../templates",
	};
	const char *env = getenv("VZTMPL_RECIPES");
	char exe[PATH_MAX];
	ssize_t n;

	if (env && *env) {
		if (try_dir(env, ".", ret_dir) < 0)
			return err_set(err, ENOENT, "no recipes in '%s' (VZTMPL_RECIPES)", env);
		return 0;
	}

	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0)
		return err_errno(err, errno, "cannot read '/proc/self/exe'");
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (try_dir(exe, places[i], ret_dir) == 0)
			return 0;
	return err_set(err, ENOENT, "no recipes beside '%s'; set VZTMPL_RECIPES to their directory",
		       exe);
}

int recipe_check_name(const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (len == 0 || len > 100 || !isalnum((unsigned char)name[0]) ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") !=
		    len)
		return err_exit(err, EXIT_NO_TEMPLATE, "'%s' is no template name", name);
	return 0;
}

static int name_cmp(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_entries(struct dirent **list, int n)
{
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

int recipe_names(const char *recipes, char ***ret_names, struct err *err)
{
	_cleanup_strv_ char **names = NULL;
	struct dirent **list = NULL;
	int n = scandir(recipes, &list, NULL, name_cmp);
	int r = 0;

	if (n < 0)
		return err_errno(err, errno, "cannot read '%s'", recipes);

	for (int i = 0; i < n && r == 0; i++) {
		char conf[PATH_MAX];

		snprintf(conf, sizeof(conf), "%s/%s/recipe.conf", recipes, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && access(conf, R_OK) == 0)
			r = strv_add(&names, list[i]->d_name);
	}
	free_entries(list, n);
	if (r < 0)
		return err_set(err, ENOMEM, "out of memory");
	*ret_names = steal_ptr(names);
	return 0;
}

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s;
}

static int set_string(char **member, const char *value)
{
	free(*member);
	*member = strdup(value);
	return *member ? 0 : -ENOMEM;
}

static int set_summary(struct recipe *r, const char *value)
{
	return set_string(&r->summary, value);
}

static int set_family(struct recipe *r, const char *value)
{
	return set_string(&r->family, value);
}

static int set_kind(struct recipe *r, const char *value)
{
	if (strcmp(value, "container") != 0 && strcmp(value, "host") != 0)
		return -ERANGE;
	return set_string(&r->kind, value);
}

static int set_inputs(struct recipe *r, const char *value)
{
	strv_freep(&r->inputs);
	return strv_split(value, " \t", &r->inputs);
}

static const struct conf_key {
	const char *name;
	int (*set)(struct recipe *r, const char *value); /* -ERANGE: bad value */
} conf_keys[] = {
	{"summary", set_summary},
	{"family", set_family},
	{"kind", set_kind},
	{"inputs", set_inputs},
};

#define N_CONF_KEYS (sizeof(conf_keys) / sizeof(*conf_keys))

static int set_key(struct recipe *r, const char *key, const char *value)
{
	for (size_t i = 0; i < N_CONF_KEYS; i++)
		if (strcmp(key, conf_keys[i].name) == 0)
			return conf_keys[i].set(r, value);
	return -EINVAL;
}

const char *recipe_conf_key(size_t i)
{
	return i < N_CONF_KEYS ? conf_keys[i].name : NULL;
}

static int parse_conf(struct recipe *r, char *text, const char *path, struct err *err)
{
	unsigned int line_no = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *eq, *s = trim(line);
		int ret;

		line_no++;
		if (*s == '\0' || *s == '#')
			continue;
		eq = strchr(s, '=');
		if (!eq)
			return err_set(err, EINVAL, "%s:%u: not 'key = value'", path, line_no);
		*eq = '\0';
		ret = set_key(r, trim(s), trim(eq + 1));
		if (ret == -ENOMEM)
			return err_set(err, ENOMEM, "out of memory");
		if (ret < 0)
			return err_set(err, EINVAL, "%s:%u: %s '%s'", path, line_no,
				       ret == -ERANGE ? "bad value of" : "unknown key", trim(s));
	}
	if (!r->family || !r->summary)
		return err_set(err, EINVAL, "%s: '%s' is missing", path,
			       r->family ? "summary" : "family");
	return 0;
}

/* Names, kinds and contents below @path, in name order; links by their target. */
static int add_tree(struct hash *h, const char *path, struct err *err)
{
	struct dirent **list = NULL;
	struct stat st;
	char exec[2] = "-";
	int n, r = 0;

	if (lstat(path, &st) < 0)
		return err_errno(err, errno, "cannot read '%s'", path);

	if (S_ISREG(st.st_mode)) {
		exec[0] = st.st_mode & 0100 ? 'x' : '-';
		hash_add(h, exec, 1);
		return hash_add_file(h, AT_FDCWD, path, err);
	}
	if (S_ISLNK(st.st_mode)) {
		char target[PATH_MAX];
		ssize_t len = readlink(path, target, sizeof(target));

		if (len < 0)
			return err_errno(err, errno, "cannot read '%s'", path);
		hash_add(h, target, (size_t)len);
		return 0;
	}

	n = scandir(path, &list, NULL, name_cmp);
	if (n < 0)
		return err_errno(err, errno, "cannot read '%s'", path);
	for (int i = 0; i < n && r == 0; i++) {
		const char *name = list[i]->d_name;
		_cleanup_free_ char *child = path_join(path, name);

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		hash_add(h, name, strlen(name) + 1);
		r = child ? add_tree(h, child, err) : err_set(err, ENOMEM, "out of memory");
	}
	free_entries(list, n);
	return r;
}

/* lib/recipe.sh, lib/<family>.sh and, where there is one, lib/<family>/. */
static int add_family(struct hash *h, const struct recipe *r, struct err *err)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "%s/recipe.sh", r->lib);
	ret = add_tree(h, path, err);
	if (ret < 0)
		return ret;

	snprintf(path, sizeof(path), "%s/%s.sh", r->lib, r->family);
	if (access(path, R_OK) < 0)
		return err_set(err, ENOENT, "recipe '%s': there is no family '%s'", r->name,
			       r->family);
	ret = add_tree(h, path, err);
	if (ret < 0)
		return ret;

	snprintf(path, sizeof(path), "%s/%s", r->lib, r->family);
	return access(path, R_OK) < 0 ? 0 : add_tree(h, path, err);
}

static int compute_key(struct recipe *r, struct err *err)
{
	struct hash h;
	int ret;

	hash_init(&h);
	hash_add(&h, FORMAT, sizeof(FORMAT));
	ret = add_tree(&h, r->dir, err);
	if (ret == 0)
		ret = add_family(&h, r, err);
	for (char **in = r->inputs; ret == 0 && in && *in; in++) {
		if (access(*in, R_OK) < 0)
			ret = err_set(err, ENOENT, "recipe '%s' needs '%s', which does not exist",
				      r->name, *in);
		else
			ret = hash_add_file(&h, AT_FDCWD, *in, err);
	}
	if (ret == 0)
		hash_end(&h, r->key);
	return ret;
}

int recipe_key_add(struct recipe *r, const char *path, struct err *err)
{
	struct hash h;
	int ret;

	hash_init(&h);
	hash_add(&h, r->key, HASH_HEX_LEN);
	ret = hash_add_file(&h, AT_FDCWD, path, err);
	if (ret == 0)
		hash_end(&h, r->key);
	return ret;
}

int recipe_load(const char *recipes, const char *name, struct recipe **ret_recipe, struct err *err)
{
	_cleanup_(recipe_freep) struct recipe *r = calloc(1, sizeof(*r));
	_cleanup_free_ char *conf = NULL;
	_cleanup_free_ char *text = NULL;
	int ret = recipe_check_name(name, err);

	if (ret < 0)
		return ret;
	if (!r)
		return err_set(err, ENOMEM, "out of memory");

	r->name = strdup(name);
	r->dir = path_join(recipes, name);
	r->lib = path_join(recipes, "lib");
	r->kind = strdup("container");
	conf = r->dir ? path_join(r->dir, "recipe.conf") : NULL;
	if (!r->name || !r->lib || !r->kind || !conf)
		return err_set(err, ENOMEM, "out of memory");

	if (access(conf, F_OK) < 0) {
		(void)err_set(err, ENOENT,
			      "there is no template '%s' (see 'vztmpl list --recipes')", name);
		(void)err_exit_default(err, EXIT_NO_TEMPLATE);
		return -ENOENT;
	}
	ret = io_read_file(AT_FDCWD, conf, 1 << 16, &text, NULL, err);
	if (ret < 0)
		return ret;
	ret = parse_conf(r, text, conf, err);
	if (ret < 0)
		return ret;
	ret = compute_key(r, err);
	if (ret < 0)
		return ret;

	*ret_recipe = steal_ptr(r);
	return 0;
}

void recipe_free(struct recipe *r)
{
	if (!r)
		return;
	free(r->name);
	free(r->dir);
	free(r->lib);
	free(r->summary);
	free(r->family);
	free(r->kind);
	strv_free(r->inputs);
	free(r);
}

void recipe_freep(struct recipe **r)
{
	recipe_free(*r);
}
