/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which script a distribution has for an action. Everything below dists is opened
 * without leaving it: a link may stand for another name there, and no more.
 */
#include "dist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"
#include "path.h"
#include "script.h"
#include "strbuf.h"

#define FILE_MAX_BYTES (1 << 20)

static const char *const names[DIST_ACTIONS] = {
	[DIST_ADD_IP] = "ADD_IP",
	[DIST_DEL_IP] = "DEL_IP",
	[DIST_SET_HOSTNAME] = "SET_HOSTNAME",
	[DIST_SET_DNS] = "SET_DNS",
	[DIST_SET_USERPASS] = "SET_USERPASS",
	[DIST_PRE_START] = "PRE_START",
	[DIST_POST_CREATE] = "POST_CREATE",
};

/* Of OpenVZ's tools; docs/unsupported.md has the reasons. */
static const char *const not_done[] = {
	"SET_UGID_QUOTA", "SET_CONSOLE", "POST_MIGRATE", "ADD_NETIF", "DEL_NETIF",
};

struct dist {
	int dir;	/* of dists; -EBADF: there is none */
	char *dir_path; /* the same */
	char *path;	/* of the configuration */
	struct config *conf;
};

static void dist_close(struct dist *d)
{
	cleanup_closep(&d->dir);
	free(d->dir_path);
	free(d->path);
	config_free(d->conf);
}

void dist_script_free(struct dist_script *s)
{
	free(s->path);
	free(s->text);
	*s = (struct dist_script)DIST_SCRIPT_INIT;
}

const char *dist_name(enum dist_action action)
{
	return names[action];
}

static int oom(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/*
 * The whole of a file below the directory @dir, whose name is @dir_path; -ENOENT
 * without a sentence when there is none. *ret_path is its name, also then.
 */
static int read_safe(int dir, const char *dir_path, const char *name, const char *what,
		     char **ret_path, char **ret_text, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *text = NULL;
	char self[40];
	size_t len;
	int r;

	*ret_path = path_join(dir_path, name);
	if (!*ret_path)
		return oom(err);
	fd = path_open_in_root(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd == -ENOENT)
		return fd;
	if (fd < 0)
		return err_errno(err, fd, "cannot open %s '%s'", what, *ret_path);
	r = script_check_safe(dir, fd, what, *ret_path, err);
	if (r < 0)
		return r;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	r = io_read_file(AT_FDCWD, self, FILE_MAX_BYTES, &text, &len, NULL);
	if (r == 0 && strlen(text) != len)
		r = -EINVAL;
	if (r < 0)
		return err_errno(err, r, "cannot read %s '%s'", what, *ret_path);
	*ret_text = steal_ptr(text);
	return 0;
}

/* The configuration @name.conf; -ENOENT when there is none. */
static int try_conf(struct dist *d, const char *name, struct err *err)
{
	_cleanup_free_ char *path = NULL, *text = NULL, *file = NULL;
	struct strbuf b = STRBUF_INIT;
	int r;

	strbuf_addf(&b, "%s.conf", name);
	file = strbuf_steal(&b);
	if (!file)
		return oom(err);
	r = read_safe(d->dir, d->dir_path, file, "distribution file", &path, &text, err);
	if (r == -ENOENT)
		return r;
	if (r < 0)
		return err_exit_default(err, VZ_NO_DIST_CONF);
	r = config_parse(text, path, NULL, &d->conf, err);
	if (r < 0)
		return err_exit_default(err, VZ_BAD_CONFIG);
	d->path = steal_ptr(path);
	return 0;
}

/* That of the longest name there is: "debian-12-x86_64", "debian-12", "debian", "default". */
static int load_conf(struct dist *d, const char *os, struct err *err)
{
	_cleanup_free_ char *name = strdup(os);
	char *dash;
	int r;

	if (!name)
		return oom(err);
	r = try_conf(d, name, err);
	while (r == -ENOENT && (dash = strrchr(name, '-'))) {
		*dash = '\0';
		r = try_conf(d, name, err);
	}
	if (r == -ENOENT)
		r = try_conf(d, "default", err);
	if (r == -ENOENT)
		return err_exit(err, VZ_NO_DIST_CONF,
				"distribution '%s' has no configuration in '%s', and there is no "
				"default.conf",
				os, d->dir_path);
	return r;
}

/* What OpenVZ's tools would ask for; a name that could be a path is none. */
static const char *os_of(const struct ct *ct)
{
	const char *os = ct_get(ct, "DISTRIBUTION");

	if (!os || !*os)
		os = ct_get(ct, "OSTEMPLATE");
	return os && *os != '.' && !strchr(os, '/') ? os : "";
}

/* d->conf stays NULL where there is no directory dists. */
static int dist_open(const struct ct *ct, struct dist *d, struct err *err)
{
	d->dir_path = path_join(ct->host->etc, "dists");
	if (!d->dir_path)
		return oom(err);
	d->dir = open(d->dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir < 0 && errno == ENOENT)
		return 0;
	if (d->dir < 0) {
		err_errno(err, errno, "cannot open '%s'", d->dir_path);
		return err_exit_default(err, VZ_NO_DIST_CONF);
	}
	return load_conf(d, os_of(ct), err);
}

static bool is_in(const char *const *list, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static int no_script(const struct dist *d, enum dist_action action, struct err *err)
{
	return err_exit(err, VZ_NO_DIST_SCRIPT, "%s:%zu: %s: there is no script '%s/scripts/%s'",
			d->path, config_line(d->conf, names[action]), names[action], d->dir_path,
			config_get(d->conf, names[action]));
}

/* The script @file of @action, with the functions that stand before every script. */
static int read_script(const struct dist *d, enum dist_action action, const char *file,
		       struct dist_script *ret, struct err *err)
{
	_cleanup_close_ int dir = path_open_in_root(d->dir, "scripts", O_RDONLY | O_DIRECTORY, 0);
	_cleanup_free_ char *dir_path = path_join(d->dir_path, "scripts"), *functions = NULL,
			    *functions_path = NULL, *path = NULL, *text = NULL;
	struct strbuf b = STRBUF_INIT;
	int r = dir;

	if (!dir_path)
		return oom(err);
	if (r >= 0)
		r = read_safe(dir, dir_path, file, "distribution script", &path, &text, err);
	else if (r != -ENOENT)
		err_errno(err, r, "cannot open '%s'", dir_path);
	if (r == -ENOENT)
		return no_script(d, action, err);
	if (r == 0)
		r = read_safe(dir, dir_path, "functions", "distribution script", &functions_path,
			      &functions, err);
	if (r < 0 && r != -ENOENT)
		return err_exit_default(err, VZ_NO_DIST_SCRIPT);
	strbuf_addf(&b, "%s\n%s", functions ? functions : "", text);
	ret->text = strbuf_steal(&b);
	ret->path = steal_ptr(path);
	return ret->text ? 0 : oom(err);
}

/* 1 and the script, 0 for none. */
static int find(const struct dist *d, enum dist_action action, struct dist_script *ret,
		struct err *err)
{
	const char *file = config_get(d->conf, names[action]);
	_cleanup_dist_script_ struct dist_script s = DIST_SCRIPT_INIT;
	int r;

	if (!file || !*file)
		return 0;
	if (*file == '.' || strchr(file, '/'))
		return err_exit(err, VZ_BAD_CONFIG,
				"%s:%zu: %s: '%s' is not the name of a file in '%s/scripts'",
				d->path, config_line(d->conf, names[action]), names[action], file,
				d->dir_path);
	r = read_script(d, action, file, &s, err);
	if (r < 0)
		return r;
	if (ret) {
		*ret = s;
		s = (struct dist_script)DIST_SCRIPT_INIT;
	}
	return 1;
}

int dist_find(const struct ct *ct, enum dist_action action, struct dist_script *ret_script,
	      struct err *err)
{
	_cleanup_(dist_close) struct dist d = {.dir = -EBADF};
	int r = dist_open(ct, &d, err);

	return r < 0 ? r : find(&d, action, ret_script, err);
}

int dist_has(const struct ct *ct, enum dist_action action, struct err *err)
{
	return dist_find(ct, action, NULL, err);
}

static int check_keys(const struct ct *ct, const struct dist *d, struct err *err)
{
	const char *key;
	size_t i;

	for (i = 0; (key = config_key(d->conf, i)); i++) {
		size_t line = config_line(d->conf, key);

		if (is_in(names, DIST_ACTIONS, key))
			continue;
		if (!is_in(not_done, sizeof(not_done) / sizeof(not_done[0]), key))
			return err_exit(err, VZ_BAD_CONFIG,
					"%s:%zu: '%s' is no action of a distribution", d->path,
					line, key);
		if (*config_get(d->conf, key))
			ct_warn(ct, "%s:%zu: %s is not supported, its script is not run", d->path,
				line, key);
	}
	return 0;
}

int dist_check(const struct ct *ct, struct err *err)
{
	_cleanup_(dist_close) struct dist d = {.dir = -EBADF};
	int i, r = dist_open(ct, &d, err);

	if (r < 0 || !d.conf)
		return r;
	r = check_keys(ct, &d, err);
	for (i = 0; r >= 0 && i < DIST_ACTIONS; i++)
		r = find(&d, i, NULL, err);
	return r < 0 ? r : 0;
}
