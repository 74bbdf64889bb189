/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * set: everything is checked before anything happens; then a running container
 * is changed, and taken back when one change fails; then what is done inside
 * (passwords, keys); then the file is written.
 */
#include "set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "area.h"
#include "apply.h"
#include "cleanup.h"
#include "cmd.h"
#include "config.h"
#include "ct.h"
#include "devset.h"
#include "dist.h"
#include "err.h"
#include "exitcode.h"
#include "former.h"
#include "lifecycle.h"
#include "log.h"
#include "param.h"
#include "state.h"
#include "strbuf.h"
#include "value.h"

int set_add(struct set *s, struct change change, struct err *err)
{
	if (s->count == sizeof(s->changes) / sizeof(s->changes[0]))
		return err_exit(err, VZ_BAD_OPTION, "too many options");
	s->changes[s->count++] = change;
	return 0;
}

static int add_action(struct set *s, const struct param *p, const char *in, struct err *err)
{
	char *value = NULL;
	int r;

	if (s->n_actions == sizeof(s->actions) / sizeof(s->actions[0]))
		return err_exit(err, VZ_BAD_OPTION, "too many options");
	r = cmd_action_value(p, in, &value, err);
	if (r < 0) {
		err_prefix(err, "--%s", p->option);
		return err_exit_default(err, p->exit_code);
	}
	s->actions[s->n_actions].p = p;
	s->actions[s->n_actions++].value = value;
	return 0;
}

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
	int r = p->flags & PARAM_NETIF ? note_netif(s, p, value, err) : 0;

	if (r < 0)
		return r;
	if (p->flags & PARAM_ACTION)
		return add_action(s, p, value, err);
	return set_add(s,
		       (struct change){.p = p, .key = p->key, .value = value, .ifname = s->ifname},
		       err);
}

static void found(void *arg, const char *option, const char *value)
{
	struct set *s = arg;

	s->save |= strcmp(option, "save") == 0;
	s->force |= strcmp(option, "force") == 0;
	s->reset_ub |= strcmp(option, "reset_ub") == 0;
	s->offline |= strncmp(option, "offline", 7) == 0;
	if (strcmp(option, "applyconfig") == 0)
		s->sample_name = value;
	if (strcmp(option, "setmode") == 0)
		s->setmode = value;
}

/* The disk's size, when it is among the changes. */
static const struct param *disk_change(const struct set *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->changes[i].p && (s->changes[i].p->flags & PARAM_DISK))
			return s->changes[i].p;
	return NULL;
}

static int check_options(struct set *s, struct err *err)
{
	if (check_ifname(s, err) < 0)
		return -EINVAL;
	if (s->reset_ub &&
	    (s->count || s->n_actions || s->save || s->force || s->sample_name || s->setmode))
		return err_exit(err, VZ_BAD_OPTION, "--reset_ub must be the only option");
	if (s->offline && !disk_change(s))
		return err_exit(err, VZ_BAD_OPTION, "--offline-resize needs --diskspace");
	if (!s->setmode)
		return 0;
	s->restart = strcmp(s->setmode, "restart") == 0;
	if (!s->restart && strcmp(s->setmode, "ignore") != 0)
		return err_exit(err, VZ_BAD_VALUE, "--setmode: '%s' is neither restart nor ignore",
				s->setmode);
	return 0;
}

/* An address that was given without --save before is given again to be saved. */
static bool confirms(const struct set *s, const struct change *c)
{
	return c->p && !c->stored && (c->p->flags & PARAM_UNIQUE) && !(c->p->flags & PARAM_DEL) &&
	       s->save && s->unsaved && config_get(s->unsaved, c->key) &&
	       param_has(s->ctx->ct, c->p, c->value);
}

static int change_one(struct set *s, const struct change *c, struct err *err)
{
	if (!c->p)
		return config_set(s->ctx->ct->conf, c->key, c->value, err);
	if (!c->stored && (c->p->flags & PARAM_NETIF))
		return param_change_netif(s->ctx->ct, c->p, c->ifname, c->value, err);
	if (!c->stored)
		return param_change(s->ctx->ct, c->p, c->value, err);
	if (param_store(s->ctx->ct, c->p, c->value, err) == 0)
		return 0;
	err_prefix(err, "sample '%s'", s->sample_name);
	return err_exit_default(err, VZ_APPLY_CONFIG);
}

static int change_all(struct set *s, struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < s->count; i++) {
		const struct param *p = s->changes[i].p;

		if (p && (p->flags & PARAM_STORED) && !s->save)
			return err_exit(err, VZ_BAD_OPTION, "--%s needs --save", p->option);
		if (confirms(s, &s->changes[i]))
			continue;
		r = change_one(s, &s->changes[i], err);
	}
	return r < 0 ? r : param_check_pairs(s->ctx->ct, err);
}

/* A key counts once, at its last option. */
static bool is_last(const struct set *s, size_t index)
{
	size_t i;

	for (i = index + 1; i < s->count; i++)
		if (strcmp(s->changes[i].key, s->changes[index].key) == 0)
			return false;
	return true;
}

/* What a later change does for both, as of DNS servers and domains, is done once. */
static bool is_applied(const struct set *s, size_t index)
{
	const struct param *p = s->changes[index].p;
	size_t i;

	if (!p || !p->apply || (p->flags & PARAM_RESTART))
		return false;
	for (i = index + 1; i < s->count; i++)
		if (s->changes[i].p && s->changes[i].p->apply == p->apply)
			return false;
	return is_last(s, index);
}

static int apply_one(struct set *s, size_t i, const struct config *old, struct err *err)
{
	const struct param *p = s->changes[i].p;
	const char *from;

	if (!is_applied(s, i))
		return 0;
	from = config_get(old, p->key);
	if (!from)
		from = config_get(s->ctx->ct->defaults, p->key);
	log_detail(1, "%s: from '%s' to '%s'", p->key, from ? from : "",
		   ct_get(s->ctx->ct, p->key));
	return p->apply(s->ctx->ct, from ? from : "", ct_get(s->ctx->ct, p->key), err);
}

/* Its files are put back as they were; only a script of the distribution has to be told. */
static bool is_put_back(const struct set *s, const struct param *p)
{
	enum dist_action action = p->apply == apply_hostname ? DIST_SET_HOSTNAME : DIST_SET_DNS;

	return p->phase == PHASE_FILES && dist_has(s->ctx->ct, action, NULL) <= 0;
}

/* The first @count changes back; ct->conf is the old one for it, as some look at the others' keys. */
static void take_back(struct set *s, size_t count, struct config *old)
{
	struct config *now = s->ctx->ct->conf;
	bool devices = false;
	size_t i;

	for (i = 0; i < s->count; i++)
		devices |= s->changes[i].p && (s->changes[i].p->flags & PARAM_DEVICES);
	while (count--) {
		const struct param *p = s->changes[count].p;
		const char *from;

		if (!is_applied(s, count) || is_put_back(s, p))
			continue;
		from = config_get(now, p->key);
		s->ctx->ct->conf = old;
		p->apply(s->ctx->ct, from ? from : "", ct_get(s->ctx->ct, p->key), NULL);
		s->ctx->ct->conf = now;
	}
	if (s->former)
		former_put_back(s->ctx->ct, s->former);
	if (devices) {
		s->ctx->ct->conf = old;
		devset_restore(s->ctx->ct, NULL);
		s->ctx->ct->conf = now;
	}
}

static int take_former(struct set *s, struct err *err)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->changes[i].p && s->changes[i].p->phase == PHASE_FILES)
			return former_take(s->ctx->ct, &s->former, err);
	return 0;
}

static int apply_all(struct set *s, struct config *old, struct err *err)
{
	size_t i;
	int r = take_former(s, err);

	if (r < 0)
		return r;
	for (i = 0; r == 0 && i < s->count; i++)
		r = apply_one(s, i, old, err);
	if (r == 0)
		return 0;
	i--;
	err_exit_default(err, s->changes[i].p->exit_code);
	/* What is written to the cgroup as a whole may have failed at its second file. */
	take_back(s, i + (s->changes[i].p->phase == PHASE_CGROUP), old);
	return r;
}

/* On the container's own disk, which is mounted for it when it is not. */
static int act_all(struct set *s, struct err *err)
{
	bool mounted;
	size_t i;
	int r, closed;

	if (!s->n_actions)
		return 0;
	r = ct_is_mounted(s->ctx->ct, &mounted, err);
	if (r == 0 && !mounted)
		r = ct_mount(s->ctx->ct, err);
	if (r < 0)
		return r;
	for (i = 0; r == 0 && i < s->n_actions; i++) {
		r = s->actions[i].p->apply(s->ctx->ct, NULL, s->actions[i].value, err);
		if (r < 0)
			err_exit_default(err, s->actions[i].p->exit_code);
	}
	closed = mounted ? 0 : ct_umount(s->ctx->ct, r < 0 ? NULL : err);
	return r < 0 ? r : closed;
}

/* It can take long, and is not taken back: last of all but the saving. */
static int resize_disk(struct set *s, struct err *err)
{
	const struct param *p = disk_change(s);
	uint64_t bytes;

	if (!p)
		return 0;
	if (value_get_disk(ct_get(s->ctx->ct, p->key), &bytes) < 0)
		return err_exit(err, VZ_BAD_CONFIG, "%s is not a size", p->key);
	return area_resize(s->ctx->ct, bytes, &s->disk_pending, err);
}

static void say_notes(const struct set *s, bool running)
{
	size_t i;

	if (s->disk_pending)
		cmd_say(s->ctx, "The container uses no more than fits into the smaller disk from "
				"now on; the disk itself gets smaller at the next stop");
	for (i = 0; i < s->count; i++) {
		const struct param *p = s->changes[i].p;
		_cleanup_free_ char *note = NULL;

		if (!p || !is_last(s, i))
			continue;
		if (p->note)
			note = p->note(config_get(s->ctx->ct->conf, p->key));
		if (note)
			cmd_say(s->ctx, "%s", note);
		if (running && (p->flags & PARAM_RESTART) && !s->restart)
			cmd_say(s->ctx, "%s%s takes effect at the next start",
				p->option ? "--" : "", p->option ? p->option : p->key);
	}
}

/* The changed keys of @from into @to; with @drop they leave it. */
static int put_changes(const struct set *s, const struct config *from, struct config *to, bool drop,
		       struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < s->count; i++) {
		const char *key = s->changes[i].key, *value = config_get(from, key);

		if (!value)
			value = ""; /* nothing of it is in effect */
		r = config_set(to, key, drop ? NULL : value, err);
	}
	return r;
}

static bool changes_key(const struct set *s, const char *key)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (strcmp(s->changes[i].key, key) == 0)
			return true;
	return false;
}

/* What was changed without --save before is in effect, but only what is named now gets into the file. */
static int save(struct set *s, const char *old_name, struct err *err)
{
	struct ct *ct = s->ctx->ct;
	struct config *effective = ct->conf, *file = NULL;
	const char *name = config_get(effective, "NAME");
	bool named = name && changes_key(s, "NAME");
	int r = 0;

	if (named)
		r = ct_set_name(ct, NULL, name, err);
	if (r == 0)
		r = config_load(ct->conf_path, ct->idstr, &file, err);
	if (r == 0)
		r = put_changes(s, effective, file, false, err);
	if (r == 0) {
		ct->conf = file;
		r = ct_store(ct, err);
		ct->conf = effective;
	}
	config_free(file);
	/* The old name goes last: killed before, the container has both and none too few. */
	if (named)
		ct_set_name(ct, r < 0 ? name : old_name, r < 0 ? old_name : name, NULL);
	if (r == 0)
		cmd_say(s->ctx, "CT configuration saved to %s", ct->conf_path);
	return r;
}

/* Keep in mind what is in effect, as @in_effect has it, and not in the file. */
static int remember(struct set *s, struct config *changes, const struct config *in_effect,
		    bool in_file, struct err *err)
{
	int r = put_changes(s, in_effect, changes, in_file, err);

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

/* --force: what the running container did not take is saved for its next start. */
static bool is_forced(const struct set *s, struct err *err)
{
	if (!s->force || !s->save)
		return false;
	log_error("%s: not applied, saved all the same", err->msg);
	err_clear(err);
	return true;
}

/*
 * What is saved is forgotten as unsaved only then: it is in one of the two at any
 * moment. What was done inside cannot be taken back, so it comes when all else is
 * known to work but the saving.
 */
static int act_and_save(struct set *s, bool running, struct config *old, struct config *changes,
			struct err *err)
{
	struct ct *ct = s->ctx->ct;
	bool forced, saved;
	int r = running ? apply_all(s, old, err) : 0;

	forced = r < 0 && is_forced(s, err);
	if (r < 0 && !forced)
		return r;
	r = act_all(s, err);
	if (r == 0)
		r = resize_disk(s, err);
	if (r == 0 && s->save)
		r = save(s, config_get(old, "NAME"), err);
	saved = s->save && r == 0;
	if (r == 0 && running)
		r = remember(s, changes, forced ? old : ct->conf, saved && !forced, err);
	if (r < 0 && running && !saved && !forced)
		take_back(s, s->count, old);
	return r;
}

/* What is mounted or runs would be left where nobody finds it. */
static int check_stopped(const struct set *s, const struct ct_status *st, struct err *err)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		const struct param *p = s->changes[i].p;

		if (!p || s->changes[i].stored ||
		    !(p->flags & PARAM_STOPPED || (s->offline && p->flags & PARAM_DISK)))
			continue;
		if (st->running)
			return err_exit(err, VZ_RUNNING, "--%s: container %s is running", p->option,
					s->ctx->ct->idstr);
		if (st->mounted)
			return err_exit(err, VZ_MOUNTED, "--%s: container %s is mounted", p->option,
					s->ctx->ct->idstr);
	}
	return 0;
}

static int change_and_apply(struct set *s, struct err *err)
{
	struct ct *ct = s->ctx->ct;
	_cleanup_config_ struct config *changes = NULL, *old = NULL;
	struct ct_status st;
	int r = state_status(ct, &st, err);

	if (r == 0)
		r = check_stopped(s, &st, err);
	if (r == 0 && st.running)
		r = load_effective(ct, &changes, err);
	s->unsaved = changes;
	if (r == 0)
		r = copy_config(ct, &old, err);
	if (r == 0)
		r = change_all(s, err);
	if (r == 0)
		r = ct_refresh(ct, err);
	if (r < 0)
		return r;
	if (!st.running && !s->save && s->count)
		return err_exit(err, VZ_NOT_RUNNING,
				"container %s is not running: nothing changes without --save",
				ct->idstr);
	r = act_and_save(s, st.running, old, changes, err);
	if (r == 0)
		say_notes(s, st.running);
	return r;
}

/* --setmode restart, when something was changed that only a start puts into effect. */
static int restart_if_asked(struct set *s, struct err *err)
{
	char *argv[] = {(char *)"restart", NULL};
	struct ct_status st;
	bool needed = false;
	size_t i;
	int r;

	for (i = 0; i < s->count; i++)
		needed |= s->changes[i].p && (s->changes[i].p->flags & PARAM_RESTART);
	if (!s->restart || !needed)
		return 0;
	r = state_status(s->ctx->ct, &st, err);
	if (r < 0 || !st.running)
		return r;
	return cmd_restart(s->ctx, 1, argv, err);
}

/* What was asked for, without what is nobody's to read. */
static void record(const struct set *s)
{
	_cleanup_free_ char *text = NULL;
	struct strbuf b = STRBUF_INIT;
	size_t i;

	for (i = 0; i < s->count; i++)
		if (!s->changes[i].stored && s->changes[i].p->arg)
			strbuf_addf(&b, " --%s %s", s->changes[i].p->option, s->changes[i].value);
	for (i = 0; i < s->n_actions; i++)
		strbuf_addf(&b, " --%s", s->actions[i].p->option);
	if (s->sample_name)
		strbuf_addf(&b, " --applyconfig %s", s->sample_name);
	if (s->reset_ub)
		strbuf_add(&b, " --reset_ub");
	if (s->save)
		strbuf_add(&b, " --save");
	text = strbuf_steal(&b);
	log_record("done: set%s", text ? text : "");
}

static void set_clear(struct set *s)
{
	size_t i;

	/* Passwords may be among them. */
	for (i = 0; i < s->n_actions; i++) {
		explicit_bzero(s->actions[i].value, strlen(s->actions[i].value));
		free(s->actions[i].value);
	}
	config_free(s->sample);
	former_free(s->former);
}

static int run(struct set *s, struct err *err)
{
	struct ctx *ctx = s->ctx;
	int r = check_options(s, err);

	if (r == 0)
		r = cmd_lock(ctx, err);
	if (r == 0)
		r = ct_require(ctx->ct, err);
	if (r == 0 && s->reset_ub)
		return set_reset_ub(ctx, err);
	if (r == 0 && s->sample_name)
		r = set_add_sample(s, err);
	/* libvirt calls it with nothing to set. */
	if (r < 0 || (!s->count && !s->n_actions))
		return r;
	r = change_and_apply(s, err);
	if (r < 0)
		return r;
	if (s->sample_name)
		cmd_say_unsupported(ctx);
	return restart_if_asked(s, err);
}

int cmd_set(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	struct set s = {.ctx = ctx};
	int r = cmd_parse_params(argc, argv, PARAM_SET, add_change, found, &s, err);

	if (r == 0)
		r = run(&s, err);
	if (r == 0 && (s.count || s.n_actions || s.reset_ub))
		record(&s);
	set_clear(&s);
	return r;
}
