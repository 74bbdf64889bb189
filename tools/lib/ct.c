/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The node and its containers as files: vz.conf, CTID.conf, names, locks.
 * Nothing here asks the kernel whether a container runs (state.c does), so
 * everything here works without root and on any kernel.
 */
#include "ct.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "err.h"
#include "exitcode.h"
#include "lock.h"
#include "path.h"
#include "strbuf.h"

#define DRAFT	      ".creating"
#define NODE_LOCK_SEC 60

static int oom(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static char *get_path(const struct config *c, const char *key, const char *def)
{
	const char *v = config_get(c, key);

	return strdup(v && *v ? v : def);
}

int host_open(const char *etc, struct host **ret_host, struct err *err)
{
	_cleanup_host_ struct host *h = calloc(1, sizeof(*h));
	_cleanup_free_ char *path = path_join(etc, "vz.conf");
	int r;

	if (!h || !path)
		return oom(err);
	r = config_load(path, NULL, &h->conf, err);
	if (r == -ENOENT)
		return err_exit(err, VZ_NO_GLOBAL_CONFIG, "global configuration '%s' is missing",
				path);
	if (r < 0)
		return err_exit_default(err, VZ_BAD_CONFIG);
	h->etc = strdup(etc);
	h->lockdir = get_path(h->conf, "LOCKDIR", "/vz/lock");
	h->rundir = get_path(h->conf, "RUNDIR", "/run/vz");
	h->cgroup = get_path(h->conf, "CGROUP_ROOT", "/sys/fs/cgroup/vz.slice");
	h->template_dir = get_path(h->conf, "TEMPLATE", "/vz/template");
	if (!h->etc || !h->lockdir || !h->rundir || !h->cgroup || !h->template_dir)
		return oom(err);
	*ret_host = steal_ptr(h);
	return 0;
}

void host_close(struct host *h)
{
	if (!h)
		return;
	config_free(h->conf);
	free(h->etc);
	free(h->lockdir);
	free(h->rundir);
	free(h->cgroup);
	free(h->template_dir);
	free(h);
}

void host_closep(struct host **h)
{
	host_close(*h);
}

int ct_parse_id(const char *s, uint32_t *ret_id)
{
	uint64_t n = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return -EINVAL;
		if (n <= CT_ID_MAX)
			n = 10 * n + (*s - '0');
	}
	if (n < 1 || n > CT_ID_MAX)
		return -ERANGE;
	*ret_id = n;
	return 0;
}

static int id_before(const char *name, const char *suffix, uint32_t *ret_id)
{
	char buf[16];
	const char *dot = strchr(name, '.');

	if (!dot || strcmp(dot, suffix) != 0 || (size_t)(dot - name) >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, name, dot - name);
	buf[dot - name] = '\0';
	return ct_parse_id(buf, ret_id);
}

static int id_of_file_name(const char *name, uint32_t *ret_id)
{
	return id_before(name, ".conf", ret_id);
}

static int id_of_draft_name(const char *name, uint32_t *ret_id)
{
	return id_before(name, ".conf" DRAFT, ret_id);
}

static int id_of_name(const struct host *host, const char *name, uint32_t *ret_id)
{
	_cleanup_free_ char *dir = path_join(host->etc, "names"), *path = NULL;
	char target[PATH_MAX];
	const char *base;
	ssize_t n;

	if (strchr(name, '/') || name[0] == '.')
		return -EINVAL;
	path = dir ? path_join(dir, name) : NULL;
	if (!path)
		return -ENOMEM;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	base = strrchr(target, '/');
	return id_of_file_name(base ? base + 1 : target, ret_id);
}

int ct_resolve(const struct host *host, const char *s, uint32_t *ret_id, struct err *err)
{
	int r = ct_parse_id(s, ret_id);

	if (r == -ERANGE && s[strspn(s, "0")] == '\0')
		return err_exit(err, VZ_BAD_VALUE,
				"container %s is the host, which is not changed: ids are in 1..%u",
				s, CT_ID_MAX);
	if (r == -ERANGE)
		return err_exit(err, VZ_BAD_VALUE, "container id '%s' is not in 1..%u", s,
				CT_ID_MAX);
	if (r == -EINVAL)
		r = id_of_name(host, s, ret_id);
	if (r == -ENOMEM)
		return oom(err);
	if (r < 0)
		return err_exit(err, VZ_BAD_VALUE, "there is no container named '%s'", s);
	return 0;
}

int ct_refresh(struct ct *ct, struct err *err)
{
	const char *root = ct_get(ct, "VE_ROOT"), *priv = ct_get(ct, "VE_PRIVATE");

	free(ct->root);
	free(ct->private_dir);
	ct->root = root && *root ? strdup(root) : NULL;
	ct->private_dir = priv && *priv ? strdup(priv) : NULL;
	if ((root && *root && !ct->root) || (priv && *priv && !ct->private_dir))
		return oom(err);
	return 0;
}

/* A link to a place that is not there now: the container is, its file is not to be seen. */
static bool leads_nowhere(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static int refuse_link(const char *path, struct err *err)
{
	return err_exit(err, VZ_BAD_CONFIG, "'%s' is a link to a file that is missing", path);
}

static int load_conf(struct ct *ct, struct err *err)
{
	_cleanup_config_ struct config *conf = NULL;
	int r = config_load(ct->conf_path, ct->idstr, &conf, err);

	if (r == -ENOENT && leads_nowhere(ct->conf_path))
		return refuse_link(ct->conf_path, err);
	if (r == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return err_exit_default(err, VZ_BAD_CONFIG);
	config_free(ct->conf);
	ct->conf = steal_ptr(conf);
	ct->exists = true;
	return 0;
}

int ct_open_unread(const struct host *host, uint32_t id, struct ct **ret_ct, struct err *err)
{
	_cleanup_ct_ struct ct *ct = calloc(1, sizeof(*ct));
	_cleanup_free_ char *text = NULL;
	struct strbuf path = STRBUF_INIT;
	int r;

	if (!ct)
		return oom(err);
	ct->host = host;
	ct->id = id;
	ct->lock_fd = -EBADF;
	snprintf(ct->idstr, sizeof(ct->idstr), "%" PRIu32, id);
	strbuf_addf(&path, "%s/conf/%s.conf", host->etc, ct->idstr);
	ct->conf_path = strbuf_steal(&path);
	strbuf_addf(&path, "%s/conf/%s.conf" DRAFT, host->etc, ct->idstr);
	ct->draft_path = strbuf_steal(&path);
	ct->conf = config_new();
	ct->cgroup = path_join(host->cgroup, ct->idstr);
	text = config_text(host->conf);
	if (!ct->conf_path || !ct->draft_path || !ct->conf || !ct->cgroup || !text)
		return oom(err);
	r = config_parse(text, "vz.conf", ct->idstr, &ct->defaults, err);
	if (r == 0)
		r = ct_refresh(ct, err);
	if (r < 0)
		return r;
	*ret_ct = steal_ptr(ct);
	return 0;
}

int ct_open(const struct host *host, uint32_t id, struct ct **ret_ct, struct err *err)
{
	_cleanup_ct_ struct ct *ct = NULL;
	int r = ct_open_unread(host, id, &ct, err);

	if (r == 0)
		r = load_conf(ct, err);
	if (r == 0)
		r = ct_refresh(ct, err);
	if (r < 0)
		return r;
	*ret_ct = steal_ptr(ct);
	return 0;
}

int ct_open_other(const struct host *host, uint32_t id, bool draft, struct ct **ret_ct,
		  struct err *bad)
{
	_cleanup_ct_ struct ct *ct = NULL;
	_cleanup_config_ struct config *conf = NULL;
	int r = ct_open_unread(host, id, &ct, bad), part;
	const char *path;

	if (r < 0)
		return r;
	path = draft ? ct->draft_path : ct->conf_path;
	part = config_salvage(path, ct->idstr, &conf, bad);
	if (part == -ENOENT && leads_nowhere(path))
		part = refuse_link(path, bad);
	if (part == -ENOENT || part == -ENOMEM)
		return part;
	if (part >= 0) {
		config_free(ct->conf);
		ct->conf = steal_ptr(conf);
		ct->exists = !draft;
		r = ct_refresh(ct, bad);
		if (r < 0)
			return r;
	}
	*ret_ct = steal_ptr(ct);
	return part != 0;
}

void ct_close(struct ct *ct)
{
	if (!ct)
		return;
	if (ct->lock_fd >= 0)
		close(ct->lock_fd);
	config_free(ct->conf);
	config_free(ct->defaults);
	free(ct->conf_path);
	free(ct->draft_path);
	free(ct->root);
	free(ct->private_dir);
	free(ct->cgroup);
	free(ct);
}

void ct_closep(struct ct **ct)
{
	ct_close(*ct);
}

int ct_require(const struct ct *ct, struct err *err)
{
	if (!ct->exists)
		return err_exit(err, VZ_NO_CONFIG, "container %s does not exist ('%s' is missing)",
				ct->idstr, ct->conf_path);
	if (!ct->root)
		return err_exit(err, VZ_NO_ROOT, "VE_ROOT is not set");
	if (!ct->private_dir)
		return err_exit(err, VZ_NO_PRIVATE, "VE_PRIVATE is not set");
	return 0;
}

/* What was read before the lock may since have been changed by its holder. */
static int reload(struct ct *ct, struct err *err)
{
	struct config *empty = config_new();
	int r;

	if (!empty)
		return oom(err);
	config_free(ct->conf);
	ct->conf = empty;
	ct->exists = false;
	r = load_conf(ct, err);
	return r < 0 ? r : ct_refresh(ct, err);
}

int ct_lock(struct ct *ct, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	struct strbuf b = STRBUF_INIT;
	int fd, r;

	if (ct->lock_fd >= 0)
		return 0;
	r = path_mkdirs(ct->host->lockdir, 0700, err);
	if (r < 0)
		return err_exit_default(err, VZ_NO_LOCKDIR);
	strbuf_addf(&b, "%s/%s.lck", ct->host->lockdir, ct->idstr);
	path = strbuf_steal(&b);
	if (!path)
		return oom(err);
	fd = lock_file(path, 0, err);
	if (fd == -EAGAIN)
		err_prefix(err, "container %s is locked", ct->idstr);
	if (fd < 0)
		return err_exit_default(err, fd == -EAGAIN ? VZ_LOCKED : VZ_SYSTEM);
	ct->lock_fd = fd;
	return reload(ct, err);
}

void ct_warn(const struct ct *ct, const char *fmt, ...)
{
	_cleanup_free_ char *sentence = NULL;
	va_list ap;

	if (!ct->warn)
		return;
	va_start(ap, fmt);
	if (vasprintf(&sentence, fmt, ap) < 0)
		sentence = NULL;
	va_end(ap);
	if (sentence)
		ct->warn(sentence);
}

const char *ct_get(const struct ct *ct, const char *key)
{
	const char *v = config_get(ct->conf, key);

	return v ? v : config_get(ct->defaults, key);
}

int ct_store(struct ct *ct, struct err *err)
{
	int r = config_store(ct->conf, ct->conf_path, err);

	if (r < 0)
		return err_exit_default(err, VZ_CONFIG_SAVE);
	ct->exists = true;
	return 0;
}

int ct_store_draft(struct ct *ct, struct err *err)
{
	int r = config_store(ct->conf, ct->draft_path, err);

	return r < 0 ? err_exit_default(err, VZ_CONFIG_SAVE) : 0;
}

int ct_publish(struct ct *ct, struct err *err)
{
	if (rename(ct->draft_path, ct->conf_path) < 0) {
		err_errno(err, errno, "cannot make '%s'", ct->conf_path);
		return err_exit_default(err, VZ_CONFIG_SAVE);
	}
	if (path_sync_parent(ct->conf_path, err) < 0) {
		(void)!rename(ct->conf_path, ct->draft_path);
		return err_exit_default(err, VZ_CONFIG_SAVE);
	}
	ct->exists = true;
	return 0;
}

int ct_load_draft(struct ct *ct, struct err *err)
{
	_cleanup_config_ struct config *conf = NULL;
	int r = config_load(ct->draft_path, ct->idstr, &conf, err);

	if (r < 0)
		return r == -ENOENT ? r : err_exit_default(err, VZ_BAD_CONFIG);
	config_free(ct->conf);
	ct->conf = steal_ptr(conf);
	return ct_refresh(ct, err);
}

void ct_drop_draft(const struct ct *ct)
{
	unlink(ct->draft_path);
}

int host_lock(const struct host *host, const char *kind, struct err *err)
{
	struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *path = NULL;
	int r;

	strbuf_addf(&b, "%s/%s.lck", host->lockdir, kind);
	path = strbuf_steal(&b);
	if (!path)
		return oom(err);
	r = path_mkdirs(host->lockdir, 0700, err);
	if (r < 0)
		return err_exit_default(err, VZ_NO_LOCKDIR);
	r = lock_file(path, NODE_LOCK_SEC, err);
	return r == -EAGAIN ? err_exit_default(err, VZ_LOCKED) : r;
}

static bool is_missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}

/* Neither made nor being made: a link to it is what a killed command left. */
static bool is_gone(const struct ct *ct)
{
	return is_missing(ct->conf_path) && is_missing(ct->draft_path);
}

/* A name is free when its link is missing, leads nowhere, or is ours. */
int ct_check_name(const struct ct *ct, const char *name, struct err *err)
{
	_cleanup_ct_ struct ct *other = NULL;
	uint32_t id;
	int r = id_of_name(ct->host, name, &id);

	if (r == -ENOMEM)
		return oom(err);
	if (r < 0 || id == ct->id)
		return 0;
	if (ct_open_unread(ct->host, id, &other, NULL) == 0 && is_gone(other))
		return 0;
	return err_exit(err, VZ_NAME, "name '%s' is used by container %u", name, id);
}

static int link_name(struct ct *ct, const char *dir, const char *name, struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *target = NULL;
	uint32_t id;

	/* Never without a link in between, where a kill would lose the name. */
	if (id_of_name(ct->host, name, &id) == 0 && id == ct->id)
		return 0;
	strbuf_addf(&b, "../conf/%s.conf", ct->idstr);
	target = strbuf_steal(&b);
	if (!path || !target)
		return oom(err);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, errno, "cannot replace the name '%s'", path);
	if (symlink(target, path) < 0)
		return err_errno(err, errno, "cannot make the name '%s'", path);
	return 0;
}

/* Under one lock for all names: between the look and the link nobody else takes it. */
static int take_name(struct ct *ct, const char *dir, const char *name, struct err *err)
{
	_cleanup_close_ int lock = host_lock(ct->host, "names", err);
	int r = lock < 0 ? lock : ct_check_name(ct, name, err);

	if (r == 0)
		r = path_mkdirs(dir, 0755, err);
	return r < 0 ? r : link_name(ct, dir, name, err);
}

int ct_set_name(struct ct *ct, const char *old_name, const char *name, struct err *err)
{
	_cleanup_free_ char *dir = path_join(ct->host->etc, "names"), *old = NULL;
	uint32_t id;
	int r;

	if (!dir)
		return oom(err);
	if (name && *name && take_name(ct, dir, name, err) < 0)
		return err_exit_default(err, VZ_NAME);
	if (!old_name || !*old_name || (name && strcmp(name, old_name) == 0))
		return 0;
	r = id_of_name(ct->host, old_name, &id);
	if (r == -ENOMEM)
		return oom(err);
	if (r < 0 || id != ct->id)
		return 0;
	old = path_join(dir, old_name);
	if (!old)
		return oom(err);
	unlink(old);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Ids that grow on the heap, in no order. */
struct id_list {
	uint32_t *ids;
	size_t count, cap;
};

static int add_id(struct id_list *l, uint32_t id, struct err *err)
{
	if (l->count == l->cap) {
		uint32_t *p = reallocarray(l->ids, l->cap + 64, sizeof(*p));

		if (!p)
			return oom(err);
		l->ids = p;
		l->cap += 64;
	}
	l->ids[l->count++] = id;
	return 0;
}

/* Every name in @dir that @parse takes for an id; a directory that is not there has none. */
static int add_ids(struct id_list *l, const char *dir,
		   int (*parse)(const char *name, uint32_t *ret_id), struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *e;
	uint32_t id;
	int r = 0;

	if (!d && errno != ENOENT)
		return err_errno(err, errno, "cannot read '%s'", dir);
	while (r == 0 && d && (e = readdir(d)))
		if (parse(e->d_name, &id) == 0)
			r = add_id(l, id, err);
	return r;
}

static void sort_ids(struct id_list *l)
{
	size_t from, to = 0;

	if (l->count)
		qsort(l->ids, l->count, sizeof(*l->ids), compare_ids);
	for (from = 0; from < l->count; from++)
		if (!to || l->ids[to - 1] != l->ids[from])
			l->ids[to++] = l->ids[from];
	l->count = to;
}

/* The ids in conf/ and, unless it is NULL, in the directory @cgroups. */
static int list_ids(const struct host *host, const char *cgroups, uint32_t **ret_ids,
		    size_t *ret_count, struct err *err)
{
	_cleanup_free_ char *dir = path_join(host->etc, "conf");
	struct id_list l = {0};
	int r = dir ? add_ids(&l, dir, id_of_file_name, err) : oom(err);

	if (r == 0 && cgroups)
		r = add_ids(&l, cgroups, ct_parse_id, err);
	if (r < 0) {
		free(l.ids);
		return r;
	}
	sort_ids(&l);
	*ret_ids = l.ids;
	*ret_count = l.count;
	return 0;
}

int ct_list(const struct host *host, uint32_t **ret_ids, size_t *ret_count, struct err *err)
{
	return list_ids(host, NULL, ret_ids, ret_count, err);
}

int ct_list_all(const struct host *host, uint32_t **ret_ids, size_t *ret_count, struct err *err)
{
	return list_ids(host, host->cgroup, ret_ids, ret_count, err);
}

int ct_list_drafts(const struct host *host, uint32_t **ret_ids, size_t *ret_count, struct err *err)
{
	_cleanup_free_ char *dir = path_join(host->etc, "conf");
	struct id_list l = {0};
	int r = dir ? add_ids(&l, dir, id_of_draft_name, err) : oom(err);

	if (r < 0) {
		free(l.ids);
		return r;
	}
	sort_ids(&l);
	*ret_ids = l.ids;
	*ret_count = l.count;
	return 0;
}
