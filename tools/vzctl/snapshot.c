/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots: made, gone back to, given up, looked at. The list is in snaplist.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "config.h"
#include "ct.h"
#include "ctsnap.h"
#include "err.h"
#include "exitcode.h"
#include "lifecycle.h"
#include "log.h"
#include "state.h"
#include "strbuf.h"

#define TEXT_MAX 4096

struct wish {
	const char *id, *name, *description, *target;
	bool skip_suspend, skip_config;
};

static void found(void *arg, const char *option, const char *value)
{
	struct wish *w = arg;

	if (strcmp(option, "id") == 0 || strcmp(option, "uuid") == 0)
		w->id = value;
	else if (strcmp(option, "name") == 0)
		w->name = value;
	else if (strcmp(option, "description") == 0)
		w->description = value;
	else if (strcmp(option, "target") == 0)
		w->target = value;
	w->skip_suspend |= strcmp(option, "skip-suspend") == 0;
	w->skip_config |= strcmp(option, "skip-config") == 0;
}

int cmd_parse_guid(const char *command, const char *s, char *ret, struct err *err)
{
	if (ploop_guid_parse(s, ret))
		return 0;
	return err_exit(err, VZ_BAD_VALUE, "%s: '%s' is no UUID", command, s);
}

/* A line of text: it is shown to people, and XML cannot hold every character. */
static int check_text(const char *option, const char *s, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (!s)
		return 0;
	if (strlen(s) > TEXT_MAX)
		return err_exit(err, VZ_BAD_VALUE, "--%s: more than %d bytes", option, TEXT_MAX);
	strbuf_add_printable(&b, s, strlen(s), "");
	if (b.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (*s && strcmp(b.s, s) != 0)
		return err_exit(err, VZ_BAD_VALUE, "--%s: not a line of UTF-8", option);
	return 0;
}

/* Options, and the lock on what they are about. @guid is empty without --id, which only snapshot may be. */
static int begin(struct ctx *ctx, int argc, char **argv, struct wish *w,
		 char guid[PLOOP_GUID_BYTES], struct err *err)
{
	bool creates = strcmp(argv[0], "snapshot") == 0;
	int r = cmd_parse(argc, argv, found, w, err);

	*guid = '\0';
	if (r == 0 && !w->id && !creates)
		r = err_exit(err, VZ_BAD_OPTION, "%s: --id is missing", argv[0]);
	if (r == 0 && w->id)
		r = cmd_parse_guid(argv[0], w->id, guid, err);
	if (r == 0)
		r = check_text("name", w->name, err);
	if (r == 0)
		r = check_text("description", w->description, err);
	if (r == 0)
		r = cmd_lock(ctx, err);
	return r < 0 ? r : ct_require(ctx->ct, err);
}

int cmd_snapshot(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	struct ct_status st;
	struct wish w = {0};
	int r = begin(ctx, argc, argv, &w, guid, err);

	if (r < 0)
		return r;
	r = state_status(ctx->ct, &st, err);
	if (r == 0) {
		const struct ctsnap_opts opts = {w.name, w.description, w.skip_config};

		cmd_say(ctx, "Creating snapshot%s%s", *guid ? " " : "", guid);
		r = ctsnap_create(ctx->ct, guid, &opts, err);
	}
	if (r < 0)
		return err_prefix(err, "cannot make a snapshot of %s", ctx->ct->idstr);
	if (st.running && !w.skip_suspend)
		log_error("warning: container %s runs: its disk is kept, its processes are not "
			  "(--skip-suspend says so)",
			  ctx->ct->idstr);
	cmd_say(ctx, "Snapshot %s has been successfully created", guid);
	return 0;
}

/* What is on the disk now is given up, so whatever runs on it goes at once. */
static int leave_disk(struct ctx *ctx, struct err *err)
{
	const struct lifecycle_opts opts = {.fast = true, .note = cmd_note};
	struct ct_status st;
	bool mounted = false;
	int r = state_status(ctx->ct, &st, err);

	if (r == 0 && st.running) {
		cmd_say(ctx, "Stopping container...");
		r = ct_stop(ctx->ct, &opts, err);
		if (r == 0)
			cmd_say(ctx, "Container was stopped");
		return r;
	}
	if (r == 0 && st.mounted)
		r = ct_cleanup(ctx->ct, false, err);
	if (r == 0 && st.mounted)
		r = ct_is_mounted(ctx->ct, &mounted, err);
	if (r == 0 && mounted)
		r = ct_umount(ctx->ct, err);
	if (r == 0 && mounted)
		cmd_say(ctx, "Container is unmounted");
	return r;
}

int cmd_snapshot_switch(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	_cleanup_config_ struct config *conf = NULL;
	char guid[PLOOP_GUID_BYTES];
	struct wish w = {0};
	bool with;
	int r = begin(ctx, argc, argv, &w, guid, err);

	if (r < 0)
		return r;
	r = ctsnap_look(ctx->ct, guid, w.skip_config, &conf, err);
	if (r == 0)
		r = leave_disk(ctx, err);
	with = conf;
	if (r == 0)
		r = ctsnap_switch(ctx->ct, guid, steal_ptr(conf), err);
	if (r < 0)
		return err_prefix(err, "cannot switch %s to a snapshot", ctx->ct->idstr);
	cmd_say(ctx, "Container %s is at snapshot %s%s", ctx->ct->idstr, guid,
		with ? ", with its configuration of then" : "");
	return 0;
}

int cmd_snapshot_delete(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	struct wish w = {0};
	int r = begin(ctx, argc, argv, &w, guid, err);

	if (r < 0)
		return r;
	r = ctsnap_delete(ctx->ct, guid, err);
	if (r < 0)
		return err_prefix(err, "cannot delete a snapshot of %s", ctx->ct->idstr);
	cmd_say(ctx, "Snapshot %s has been successfully deleted", guid);
	return 0;
}

int cmd_snapshot_mount(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	struct wish w = {0};
	int r = begin(ctx, argc, argv, &w, guid, err);

	if (r == 0 && !w.target)
		r = err_exit(err, VZ_BAD_OPTION, "%s: --target is missing", argv[0]);
	if (r < 0)
		return r;
	r = ctsnap_mount(ctx->ct, guid, w.target, err);
	if (r < 0)
		return err_prefix(err, "cannot mount a snapshot of %s", ctx->ct->idstr);
	cmd_say(ctx, "Snapshot %s is mounted on %s", guid, w.target);
	return 0;
}

int cmd_snapshot_umount(struct ctx *ctx, int argc, char **argv, struct err *err)
{
	char guid[PLOOP_GUID_BYTES];
	struct wish w = {0};
	int r = begin(ctx, argc, argv, &w, guid, err);

	if (r < 0)
		return r;
	r = ctsnap_umount(ctx->ct, guid, err);
	if (r < 0)
		return err_prefix(err, "cannot unmount a snapshot of %s", ctx->ct->idstr);
	cmd_say(ctx, "Snapshot %s is unmounted", guid);
	return 0;
}
