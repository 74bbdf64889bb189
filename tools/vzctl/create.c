/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration is put together in memory and written as a draft, the disk
 * is made, and the draft becomes the configuration, which makes the container
 * exist: what a killed create leaves is found by the next, and by destroy.
 */
#include "cmd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "dist.h"
#include "area.h"
#include "draft.h"
#include "err.h"
#include "exitcode.h"
#include "idrange.h"
#include "log.h"
#include "param.h"
#include "size.h"
#include "template.h"
#include "value.h"

#define DEFAULT_SAMPLE "vswap-1g"
#define DEFAULT_LAYOUT "ploop:raw"
#define REMOVE_TRIES   100

struct create {
	struct ctx *ctx;
	const char *sample;
	bool full;
	struct {
		const struct param *p;
		const char *value;
	} changes[64];
	size_t count;
};

static int add_change(void *arg, const struct param *p, const char *value, struct err *err)
{
	struct create *c = arg;

	if (c->count == sizeof(c->changes) / sizeof(c->changes[0]))
		return err_exit(err, VZ_BAD_OPTION, "too many options");
	c->changes[c->count].p = p;
	c->changes[c->count++].value = value;
	return 0;
}

static void found(void *arg, const char *option, const char *value)
{
	struct create *c = arg;

	if (strcmp(option, "full") == 0)
		c->full = true;
	else
		c->sample = value;
}

static int load_sample(struct create *c, struct err *err)
{
	struct ct *ct = c->ctx->ct;
	const char *name = c->sample ? c->sample : ct_get(ct, "CONFIGFILE");
	struct config *conf;
	int r;

	if (!name || !*name)
		name = DEFAULT_SAMPLE;
	r = cmd_load_sample(ct, name, &conf, err);
	if (r < 0)
		return r;
	config_free(ct->conf);
	ct->conf = conf;
	return config_set(conf, "ORIGIN_SAMPLE", name, err);
}

static int apply_changes(struct create *c, struct err *err)
{
	struct ct *ct = c->ctx->ct;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < c->count; i++) {
		const struct param *p = c->changes[i].p;
		const char *value = c->changes[i].value;

		/* The name as it came may be no name at all: template_find() says so. */
		if (r == 0 && strcmp(p->option, "ostemplate") == 0) {
			_cleanup_free_ char *tar = NULL;

			r = template_find(ct->host, value, &tar, err);
		}
		if (r == 0)
			r = param_change(ct, p, value, err);
	}
	return r < 0 ? r : ct_refresh(ct, err);
}

/* What was asked for, or the node has; the record says what it is to be in full. */
static int choose_layout(struct ct *ct, struct err *err)
{
	const char *layout = ct_get(ct, "VE_LAYOUT");
	_cleanup_free_ char *stored = NULL;
	int r = value_layout(layout && *layout ? layout : DEFAULT_LAYOUT, &stored, err);

	if (r < 0)
		return err_exit_default(err, VZ_PLOOP);
	return config_set(ct->conf, "VE_LAYOUT", stored, err);
}

static int check_new(struct ct *ct, struct err *err)
{
	const char *template = ct_get(ct, "OSTEMPLATE"), *name;
	int r;

	if (!template || !*template)
		template = ct_get(ct, "DEF_OSTEMPLATE");
	if (!template || !*template)
		return err_exit(err, VZ_NO_OSTEMPLATE, "no OS template: give --ostemplate");
	r = config_set(ct->conf, "OSTEMPLATE", template, err);
	if (r == 0)
		r = choose_layout(ct, err);
	if (r < 0)
		return r;
	if (!ct->root)
		return err_exit(err, VZ_NO_ROOT, "VE_ROOT is not set");
	if (!ct->private_dir)
		return err_exit(err, VZ_NO_PRIVATE, "VE_PRIVATE is not set");
	if (!ct_get(ct, "DISKSPACE"))
		return err_exit(err, VZ_NO_DISKSPACE, "DISKSPACE is not set");
	name = config_get(ct->conf, "NAME");
	r = name && *name ? ct_check_name(ct, name, err) : 0;
	if (r == 0)
		r = param_check_pairs(ct, err);
	return r < 0 ? r : param_check_all(ct, err);
}

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	static int last = -1;
	int percent = total ? (int)(done * 100 / total) : -1;

	(void)arg;
	if (percent == last)
		return;
	last = percent;
	fprintf(stderr, "\r%3d%% of the template%s", percent, percent == 100 ? "\r\033[K" : "");
}

static bool wants_golden(const struct ctx *ctx)
{
	const char *v = ct_get(ctx->ct, "GOLDEN_IMAGE");

	return !v || strcmp(v, "no") != 0;
}

static int make_disk(struct ctx *ctx, bool full, struct err *err)
{
	struct area_create_opts opts = {0};
	_cleanup_free_ char *tar = NULL;
	struct idrange ids;
	int r;

	r = template_find(ctx->host, ct_get(ctx->ct, "OSTEMPLATE"), &tar, err);
	if (r == 0)
		r = idrange_load(ctx->ct, &ids, err);
	if (r < 0)
		return r;
	if (value_get_disk(ct_get(ctx->ct, "DISKSPACE"), &opts.size_bytes) < 0)
		return err_exit(err, VZ_BAD_CONFIG, "DISKSPACE is not a size");
	log_detail(1, "host ids from %u and %u, %u of them", ids.uid, ids.gid, ids.size);
	opts.tar = tar;
	opts.format = area_format(ct_get(ctx->ct, "VE_LAYOUT"));
	opts.full = full || !wants_golden(ctx);
	opts.max_id = ids.size - 1;
	if (!ctx->quiet && isatty(STDERR_FILENO))
		opts.progress = show_progress;
	cmd_say(ctx, "Creating container private area (%s)", ct_get(ctx->ct, "OSTEMPLATE"));
	return area_create(ctx->ct, &opts, err);
}

/* Whatever it was that had no room: the disk, a directory, the name, the configuration. */
static int no_room(int r, struct err *err)
{
	if (r == -ENOSPC || r == -EDQUOT)
		err->exit_code = VZ_NO_SPACE;
	return r;
}

/* What a script was killed with, and its mounts, may be dying yet, and hold the disk. */
static int remove_area(const struct ct *ct)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
	struct err why = ERR_INIT;
	int tries = REMOVE_TRIES, r;

	while ((r = area_destroy(ct, &why)) == -EBUSY && tries--) {
		err_clear(&why);
		nanosleep(&pause, NULL);
	}
	return r;
}

static int make(struct ctx *ctx, bool full, struct err *err)
{
	int r = draft_reserve(ctx->ct, err);

	if (r < 0)
		return no_room(r, err);
	r = make_disk(ctx, full, err);
	if (r == 0) {
		r = dist_post_create(ctx->ct, err);
		if (r >= 0)
			r = ct_publish(ctx->ct, err);
		/* As long as the draft is there, the next command knows that there is more to do. */
		if (r < 0 && remove_area(ctx->ct) < 0)
			return no_room(r, err);
	}
	if (r < 0)
		draft_drop(ctx->ct);
	return no_room(r, err);
}

/* Nothing of a create that was killed is used: what it did may be half done. */
static int start_over(struct ctx *ctx, struct err *err)
{
	int r = draft_discard(ctx->ct, err);

	if (r == 0)
		cmd_say(ctx, "Removed what a create that did not end had left");
	return r == -ENOENT ? 0 : r;
}

int cmd_create(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct create c = {.ctx = ctx};
	int r = cmd_parse_params(argc, argv, PARAM_CREATE, add_change, found, &c, err);

	if (r == 0)
		r = cmd_lock(ctx, err);
	if (r < 0)
		return r;
	if (ctx->ct->exists)
		return err_exit(err, VZ_PRIVATE_EXISTS, "container %s exists already",
				ctx->ct->idstr);
	if (ctx->ct->id <= CT_ID_RESERVED)
		log_error("warning: ids up to %u are reserved", CT_ID_RESERVED);
	r = start_over(ctx, err);
	if (r == 0)
		r = load_sample(&c, err);
	if (r == 0)
		r = apply_changes(&c, err);
	if (r == 0)
		r = check_new(ctx->ct, err);
	if (r == 0)
		r = dist_check(ctx->ct, err);
	if (r < 0)
		return r;
	r = make(ctx, c.full, err);
	if (r < 0)
		return err_prefix(err, "cannot create %s", ctx->ct->idstr);
	cmd_say(ctx, "Container private area was created");
	cmd_say_unsupported(ctx);
	return 0;
}
