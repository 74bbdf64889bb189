/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * set: everything is checked before anything happens; then a running container
 * is changed, and taken back when one change fails; then the file is written.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "param.h"
#include "state.h"

struct set {
	struct ctx *ctx;
	bool save;
	const char *ifname;	      /* what the last --ifname named */
	bool ifname_alone;	      /* and nothing has changed it yet */
	const struct config *unsaved; /* what is in effect and not in the file */
	struct {
		const struct param *p;
		const char *value, *ifname;
	} changes[128];
	size_t count;
};

static int check_ifname(const struct set *s, struct err *err)
{
	return s->ifname_alone ? err_exit(err, VZ_BAD_OPTION,
					  "--ifname %s: nothing to change is given", s->ifname)
			       : 0;
}

/* --mac and its like change the device that the --ifname before them named. */
static int note_netif(struct set *s, const struct param *p, const char *value, struct err *err)
{
	int r;

	if (strcmp(p->option, "ifname") == 0) {
		r = check_ifname(s, err);
		s->ifname = value;
		s->ifname_alone = true;
		return r;
	}
	if (strncmp(p->option, "netif_", 6) != 0)
		s->ifname_alone = false;
	return 0;
}

static int add_change(void *arg, const struct param *p, const char *value, struct err *err)
{
	struct set *s = arg;
	int r = 0;

	if (s->count == sizeof(s->changes) / sizeof(s->changes[0]))
		return err_exit(err, VZ_BAD_OPTION, "too many options");
	if (p->flags & PARAM_NETIF)
		r = note_netif(s, p, value, err);
	if (r < 0)
		return r;
	s->changes[s->count].p = p;
	s->changes[s->count].ifname = s->ifname;
	s->changes[s->count++].value = value;
	return 0;
}

static void found(void *arg, const char *option, const char *value)
{
	(void)option;
	(void)value;
	((struct set *)arg)->save = true;
}

int cmd_check_memory(const struct ct *ct, struct err *err)
{
	if (ct_get(ct, "PHYSPAGES") && !ct_get(ct, "SWAPPAGES"))
		return err_exit(err, VZ_NOT_ALL_UBC, "--ram needs --swap: SWAPPAGES is not set");
	return 0;
}

/* An address that was given without --save before is given again to be saved. */
static bool confirms(const struct set *s, const struct param *p, const char *value)
{
	return (p->flags & PARAM_UNIQUE) && !(p->flags & PARAM_DEL) && s->save && s->unsaved &&
	       config_get(s->unsaved, p->key) && param_has(s->ctx->ct, p, value);
}

static int change_all(struct set *s, struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < s->count; i++) {
		const struct param *p = s->changes[i].p;

		if ((p->flags & PARAM_STORED) && !s->save)
			return err_exit(err, VZ_BAD_OPTION, "--%s needs --save", p->option);
		if (confirms(s, p, s->changes[i].value))
			continue;
		if (p->flags & PARAM_NETIF)
			r = param_change_netif(s->ctx->ct, p, s->changes[i].ifname,
					       s->changes[i].value, err);
		else
			r = param_change(s->ctx->ct, p, s->changes[i].value, err);
	}
	return r < 0 ? r : cmd_check_memory(s->ctx->ct, err);
}

/* A key counts once, at its last option. */
static bool is_last(const struct set *s, size_t index)
{
	size_t i;

	for (i = index + 1; i < s->count; i++)
		if (strcmp(s->changes[i].p->key, s->changes[index].p->key) == 0)
			return false;
	return true;
}

static int apply_one(struct set *s, size_t i, const struct config *old, bool back, struct err *err)
{
	const struct param *p = s->changes[i].p;
	const char *from = config_get(old, p->key);
	const char *to = config_get(s->ctx->ct->conf, p->key);

	if (!p->apply || !is_last(s, i))
		return 0;
	if (!from)
		from = config_get(s->ctx->ct->defaults, p->key);
	if (back)
		return p->apply(s->ctx->ct, to ? to : "", from, err);
	return p->apply(s->ctx->ct, from ? from : "", to, err);
}

static int apply_all(struct set *s, const struct config *old, struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < s->count; i++)
		r = apply_one(s, i, old, false, err);
	if (r == 0)
		return 0;
	i--;
	err_exit_default(err, s->changes[i].p->exit_code);
	while (i--)
		apply_one(s, i, old, true, NULL);
	return r;
}

static void say_notes(const struct set *s)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		const struct param *p = s->changes[i].p;
		_cleanup_free_ char *note = NULL;

		if (p->note)
			note = p->note(config_get(s->ctx->ct->conf, p->key));
		if (note)
			cmd_say(s->ctx, "%s", note);
	}
}

/* The changed keys of @from into @to; with @drop they leave it. */
static int put_changes(const struct set *s, const struct config *from, struct config *to, bool drop,
		       struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < s->count; i++) {
		const char *key = s->changes[i].p->key;

		r = config_set(to, key, drop ? NULL : config_get(from, key), err);
	}
	return r;
}

/* What was changed without --save before is in effect, but only what is named now gets into the file. */
static int save(struct set *s, const char *old_name, struct err *err)
{
	struct ct *ct = s->ctx->ct;
	struct config *effective = ct->conf, *file = NULL;
	const char *name = config_get(effective, "NAME");
	int r = 0;

	if (name && (!old_name || strcmp(old_name, name) != 0))
		r = ct_set_name(ct, old_name, name, err);
	if (r == 0)
		r = config_load(ct->conf_path, ct->idstr, &file, err);
	if (r < 0)
		return r;
	r = put_changes(s, effective, file, false, err);
	ct->conf = file;
	if (r == 0)
		r = ct_store(ct, err);
	config_free(effective);
	if (r == 0)
		cmd_say(s->ctx, "CT configuration saved to %s", ct->conf_path);
	return r;
}

/* Keep in mind what is in effect and not in the file. */
static int remember(struct set *s, struct config *changes, struct err *err)
{
	int r = put_changes(s, s->ctx->ct->conf, changes, s->save, err);

	return r < 0 ? r : state_store_changes(s->ctx->ct, changes, err);
}

static int load_effective(struct ct *ct, struct config **ret_changes, struct err *err)
{
	const char *key;
	size_t i;
	int r = state_load_changes(ct, ret_changes, err);

	for (i = 0; r == 0 && (key = config_key(*ret_changes, i)); i++)
		r = config_set(ct->conf, key, config_get(*ret_changes, key), err);
	return r;
}

static int copy_config(const struct ct *ct, struct config **ret, struct err *err)
{
	_cleanup_free_ char *text = config_text(ct->conf);

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	return config_parse(text, ct->conf_path, ct->idstr, ret, err);
}

static int change_and_apply(struct set *s, struct err *err)
{
	struct ct *ct = s->ctx->ct;
	_cleanup_config_ struct config *changes = NULL, *old = NULL;
	struct ct_status st;
	int r = state_status(ct, &st, err);

	if (r == 0 && st.running)
		r = load_effective(ct, &changes, err);
	s->unsaved = changes;
	if (r == 0)
		r = copy_config(ct, &old, err);
	if (r == 0)
		r = change_all(s, err);
	if (r < 0)
		return r;
	if (!st.running && !s->save)
		return err_exit(err, VZ_NOT_RUNNING,
				"container %s is not running: nothing changes without --save",
				ct->idstr);
	if (st.running)
		r = apply_all(s, old, err);
	if (r == 0 && st.running)
		r = remember(s, changes, err);
	if (r < 0)
		return r;
	say_notes(s);
	return s->save ? save(s, config_get(old, "NAME"), err) : 0;
}

int cmd_set(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct set s = {.ctx = ctx};
	int r = cmd_parse_params(argc, argv, PARAM_SET, add_change, found, &s, err);

	if (r == 0)
		r = check_ifname(&s, err);
	if (r == 0)
		r = cmd_lock(ctx, err);
	if (r == 0)
		r = ct_require(ctx->ct, err);
	/* libvirt calls it with nothing to set. */
	if (r < 0 || !s.count)
		return r;
	return change_and_apply(&s, err);
}
