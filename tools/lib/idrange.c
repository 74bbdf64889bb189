/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "idrange.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"
#include "path.h"

/* On the cgroup of a container, which is the host's: what it runs with, whatever becomes of its file. */
#define RANGE_XATTR "trusted.vesper.ids"

struct ranges {
	struct idrange *v;
	size_t count, cap;
	size_t unknown; /* containers whose files do not tell */
};

static int parse_u32(const char *s, uint32_t *ret)
{
	unsigned long long n;
	char *end;

	if (!s || *s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno || *end || n > UINT32_MAX)
		return -EINVAL;
	*ret = n;
	return 0;
}

int idrange_load(const struct ct *ct, struct idrange *ret_range, struct err *err)
{
	const char *uid = config_get(ct->conf, "LOCAL_UID");
	const char *gid = config_get(ct->conf, "LOCAL_GID");
	const char *size = config_get(ct->conf, "LOCAL_SIZE");
	struct idrange r = {0, 0, IDRANGE_SIZE};

	if (!uid || !gid)
		return err_exit(err, VZ_BAD_CONFIG, "'%s' has no LOCAL_UID and LOCAL_GID",
				ct->conf_path);
	if (parse_u32(uid, &r.uid) < 0 || parse_u32(gid, &r.gid) < 0 ||
	    (size && parse_u32(size, &r.size) < 0))
		return err_exit(err, VZ_BAD_CONFIG,
				"'%s': LOCAL_UID, LOCAL_GID, LOCAL_SIZE: "
				"not a number",
				ct->conf_path);
	/* Below 65536 are the host's own accounts: a container must never be one of them. */
	if (r.uid < 65536 || r.gid < 65536 || r.size < IDRANGE_MIN_SIZE ||
	    r.uid > UINT32_MAX - r.size || r.gid > UINT32_MAX - r.size)
		return err_exit(err, VZ_BAD_CONFIG,
				"'%s': host ids %u/%u, %u of them, are out of "
				"range",
				ct->conf_path, r.uid, r.gid, r.size);
	*ret_range = r;
	return 0;
}

static bool overlap(uint32_t a, uint32_t na, uint32_t b, uint32_t nb)
{
	return (uint64_t)a < (uint64_t)b + nb && (uint64_t)b < (uint64_t)a + na;
}

static bool ranges_meet(const struct idrange *a, const struct idrange *b)
{
	return overlap(a->uid, a->size, b->uid, b->size) ||
	       overlap(a->gid, a->size, b->gid, b->size);
}

static bool is_free(const struct idrange *used, size_t count, uint64_t base, uint32_t size)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (overlap(base, size, used[i].uid, used[i].size) ||
		    overlap(base, size, used[i].gid, used[i].size))
			return false;
	return true;
}

int idrange_find(const struct idrange *used, size_t count, uint32_t size, uint32_t *ret_base)
{
	uint64_t base = ((uint64_t)IDRANGE_FIRST + size - 1) / size * size;

	for (; base + size - 1 <= IDRANGE_LAST; base += size) {
		if (is_free(used, count, base, size)) {
			*ret_base = base;
			return 0;
		}
	}
	return -ENOSPC;
}

int idrange_find_last(const struct idrange *used, size_t count, uint32_t size, uint32_t *ret_base)
{
	uint64_t base = ((uint64_t)IDRANGE_LAST + 1) / size * size;

	for (; base >= (uint64_t)IDRANGE_FIRST + size; base -= size) {
		if (is_free(used, count, base - size, size)) {
			*ret_base = base - size;
			return 0;
		}
	}
	return -ENOSPC;
}

static int add_range(struct ranges *rs, struct idrange r, struct err *err)
{
	if (rs->count == rs->cap) {
		struct idrange *p = reallocarray(rs->v, rs->cap + 64, sizeof(*p));

		if (!p)
			return err_set(err, ENOMEM, "out of memory");
		rs->v = p;
		rs->cap += 64;
	}
	rs->v[rs->count++] = r;
	return 0;
}

/* Lines of name:first:count; what cannot be read as such is nobody's range. */
static int add_subids(struct ranges *rs, const char *path, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char *line, *save = NULL;
	size_t len;
	int r;

	r = io_read_file(AT_FDCWD, path, 1 << 20, &text, &len, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : err_errno(err, r, "cannot read '%s'", path);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct idrange range;

		if (sscanf(line, "%*[^:]:%" SCNu32 ":%" SCNu32, &range.uid, &range.size) != 2)
			continue;
		range.gid = range.uid;
		r = add_range(rs, range, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What a running container's cgroup tells. */
static int noted_range(const struct host *host, uint32_t id, struct idrange *ret)
{
	_cleanup_free_ char *path = NULL;
	char name[16], text[40];
	ssize_t n;

	snprintf(name, sizeof(name), "%" PRIu32, id);
	path = path_join(host->cgroup, name);
	n = path ? getxattr(path, RANGE_XATTR, text, sizeof(text) - 1) : -1;
	if (n < 0 && (!path || access(path, F_OK) < 0))
		return -ENOENT;
	text[n < 0 ? 0 : n] = '\0';
	if (sscanf(text, "%" SCNu32 " %" SCNu32 " %" SCNu32, &ret->uid, &ret->gid, &ret->size) != 3)
		return -ENODATA;
	return 0;
}

/* 0, -ENODATA for a file that gives it none, or -EINVAL: it has one that is not to be seen. */
static int told_range(const struct ct *other, bool damaged, struct idrange *ret, struct err *why)
{
	if (!damaged && !config_get(other->conf, "LOCAL_UID"))
		return -ENODATA;
	/* Why it is damaged is told, not what it lacks for that. */
	if (damaged && config_has_lost(other->conf, "LOCAL_"))
		return -EINVAL;
	return idrange_load(other, ret, damaged ? NULL : why) < 0 ? -EINVAL : 0;
}

/* The range of container @id, or a warning to @self that it is not known. */
static int add_container(struct ranges *rs, const struct ct *self, uint32_t id, bool draft,
			 struct err *err)
{
	_cleanup_ct_ struct ct *other = NULL;
	struct err why = ERR_INIT;
	struct idrange range;
	int damaged = ct_open_other(self->host, id, draft, &other, &why), r;

	/* Dropped meanwhile, or published: then it is among the others. */
	if (damaged == -ENOENT)
		return 0;
	if (damaged < 0) {
		if (err)
			*err = why;
		return damaged;
	}
	r = told_range(other, damaged, &range, &why);
	if (r == -EINVAL && !draft && noted_range(self->host, id, &range) == 0)
		r = 0;
	if (r == -EINVAL) {
		rs->unknown++;
		ct_warn(self,
			"%s; which host ids container %" PRIu32
			" has is not known: those of container %s %s",
			why.msg, id, self->idstr,
			config_get(self->conf, "LOCAL_UID") ? "are not compared with them"
							    : "are taken from the end");
	}
	return r == 0 ? add_range(rs, range, err) : 0;
}

static int add_listed(struct ranges *rs, const struct ct *self, bool draft, struct err *err)
{
	_cleanup_free_ uint32_t *ids = NULL;
	size_t count = 0, i;
	int r = draft ? ct_list_drafts(self->host, &ids, &count, err)
		      : ct_list(self->host, &ids, &count, err);

	for (i = 0; r == 0 && i < count; i++)
		if (ids[i] != self->id)
			r = add_container(rs, self, ids[i], draft, err);
	return r;
}

/* Drafts first: one that becomes a container in between is seen twice and not never. */
static int add_containers(struct ranges *rs, const struct ct *self, struct err *err)
{
	int r = add_listed(rs, self, true, err);

	return r < 0 ? r : add_listed(rs, self, false, err);
}

static int check_free(const struct ranges *rs, const struct idrange *want, struct err *err)
{
	size_t i;

	for (i = 0; i < rs->count; i++) {
		const struct idrange *u = &rs->v[i];

		if (ranges_meet(want, u))
			return err_exit(err, VZ_BAD_VALUE,
					"host ids from %u overlap a range in use (%u, %u ids)",
					want->uid, u->uid, u->size);
	}
	return 0;
}

static int record(struct ct *ct, uint32_t base, uint32_t size, struct err *err)
{
	char buf[16];
	int r;

	snprintf(buf, sizeof(buf), "%" PRIu32, base);
	r = config_set(ct->conf, "LOCAL_UID", buf, err);
	if (r == 0)
		r = config_set(ct->conf, "LOCAL_GID", buf, err);
	snprintf(buf, sizeof(buf), "%" PRIu32, size);
	return r < 0 ? r : config_set(ct->conf, "LOCAL_SIZE", buf, err);
}

int idrange_choose(struct ct *ct, struct err *err)
{
	const char *size_text = config_get(ct->conf, "LOCAL_SIZE");
	struct ranges rs = {0};
	_cleanup_free_ struct idrange *owner = NULL;
	uint32_t size = IDRANGE_SIZE, base;
	struct idrange want;
	int r;

	r = add_containers(&rs, ct, err);
	if (r == 0)
		r = add_subids(&rs, "/etc/subuid", err);
	if (r == 0)
		r = add_subids(&rs, "/etc/subgid", err);
	owner = rs.v;
	if (r < 0)
		return r;
	if (config_get(ct->conf, "LOCAL_UID") || config_get(ct->conf, "LOCAL_GID")) {
		r = idrange_load(ct, &want, err);
		/* Here it comes from an option or a sample. */
		if (r < 0 && err)
			err->exit_code = VZ_BAD_VALUE;
		return r < 0 ? r : check_free(&rs, &want, err);
	}
	if (size_text && (parse_u32(size_text, &size) < 0 || size < IDRANGE_MIN_SIZE))
		return err_exit(err, VZ_BAD_VALUE, "LOCAL_SIZE '%s' is not a number from %u on",
				size_text, IDRANGE_MIN_SIZE);
	r = (rs.unknown ? idrange_find_last : idrange_find)(rs.v, rs.count, size, &base);
	if (r < 0)
		return err_exit(err, VZ_SYSTEM,
				"no %u free host ids are left for another container", size);
	return record(ct, base, size, err);
}

int idrange_mark(const struct ct *ct, const struct idrange *range, struct err *err)
{
	char text[40];

	snprintf(text, sizeof(text), "%" PRIu32 " %" PRIu32 " %" PRIu32, range->uid, range->gid,
		 range->size);
	if (setxattr(ct->cgroup, RANGE_XATTR, text, strlen(text), 0) < 0)
		return err_errno(err, errno, "cannot note the host ids on '%s'", ct->cgroup);
	return 0;
}

/* -ENOENT: it does not run. One without a note was started by other tools: its file tells. */
static int range_in_use(const struct host *host, uint32_t id, struct idrange *ret)
{
	_cleanup_ct_ struct ct *ct = NULL;
	int r = noted_range(host, id, ret);

	if (r != -ENODATA)
		return r;
	r = ct_open_other(host, id, false, &ct, NULL);
	return r < 0 ? r : idrange_load(ct, ret, NULL);
}

int idrange_check_running(const struct ct *ct, struct err *err)
{
	_cleanup_free_ uint32_t *ids = NULL;
	struct idrange own, range;
	size_t count = 0, i;
	int r = idrange_load(ct, &own, err);

	if (r == 0)
		r = ct_list(ct->host, &ids, &count, err);
	for (i = 0; r == 0 && i < count; i++) {
		if (ids[i] == ct->id || range_in_use(ct->host, ids[i], &range) < 0 ||
		    !ranges_meet(&own, &range))
			continue;
		return err_exit(err, VZ_BAD_CONFIG,
				"'%s': host ids from %u on are those of container %" PRIu32
				", which runs",
				ct->conf_path, own.uid, ids[i]);
	}
	return r;
}

int idrange_lock(const struct host *host, struct err *err)
{
	return host_lock(host, "idrange", err);
}
