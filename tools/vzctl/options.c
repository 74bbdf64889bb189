/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of all commands: parameters come from param.c, the rest from the table here. */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "exitcode.h"
#include "param.h"

const struct cmd_option cmd_options[] = {
	{"create", "config", "SAMPLE", 0},
	{"create", "full", NULL, 0},
	{"start", "force", NULL, 0},
	{"start", "wait", NULL, VZ_WAIT},
	{"start", "skip-fsck", NULL, VZ_BAD_OPTION},
	{"start", "skip-remount", NULL, VZ_BAD_OPTION},
	{"start", "skip_ve_setup", NULL, VZ_BAD_OPTION},
	{"stop", "fast", NULL, 0},
	{"stop", "skip-umount", NULL, 0},
	{"restart", "fast", NULL, 0},
	{"restart", "force", NULL, 0},
	{"restart", "skip-umount", NULL, 0},
	{"restart", "wait", NULL, VZ_WAIT},
	{"restart", "skip-fsck", NULL, VZ_BAD_OPTION},
	{"restart", "skip-remount", NULL, VZ_BAD_OPTION},
	{"restart", "skip_ve_setup", NULL, VZ_BAD_OPTION},
	{"enter", "exec", "command", 0},
	{"console", "start", NULL, VZ_BAD_OPTION},
	{"set", "save", NULL, 0},
	{"set", "force", NULL, 0},
	{"set", "applyconfig", "SAMPLE", 0},
	{"set", "setmode", "restart|ignore", 0},
	{"set", "reset_ub", NULL, 0},
	{"set", "offline-resize", NULL, 0},
	{"set", "offline", NULL, 0},
	{"compact", "defrag", NULL, VZ_COMPACT},
	{"compact", "delta", NULL, VZ_COMPACT},
	{"compact", "dry", NULL, VZ_COMPACT},
	{"compact", "threshold", "PERCENT", VZ_COMPACT},
	{"convert", "layout", "LAYOUT", 0},
	{"convert", "ve_layout", "LAYOUT", 0},
	{"convert", "velayout", "LAYOUT", 0},
	{"snapshot", "id", "NEW-UUID", 0},
	{"snapshot", "uuid", "NEW-UUID", 0},
	{"snapshot", "name", "NAME", 0},
	{"snapshot", "description", "TEXT", 0},
	{"snapshot", "skip-suspend", NULL, 0},
	{"snapshot", "skip-config", NULL, 0},
	{"snapshot-switch", "id", "UUID", 0},
	{"snapshot-switch", "skip-resume", NULL, 0},
	{"snapshot-switch", "must-resume", NULL, VZ_RESTORE},
	{"snapshot-switch", "skip-config", NULL, 0},
	{"snapshot-switch", "skip_arpdetect", NULL, VZ_ADD_IP},
	{"snapshot-delete", "id", "UUID", 0},
	{"snapshot-list", "H", NULL, 0},
	{"snapshot-list", "o", "FIELDS", 0},
	{"snapshot-list", "L", NULL, 0},
	{"snapshot-list", "id", "UUID", 0},
	{"snapshot-mount", "id", "UUID", 0},
	{"snapshot-mount", "target", "DIR", 0},
	{"snapshot-umount", "id", "UUID", 0},
	{NULL, NULL, NULL, 0},
};

struct table {
	struct option *options; /* val: index into one of the two tables */
	char letters[64];
	size_t count, n_letters;
};

#define VAL_PARAM  1000
#define VAL_OPTION 5000

static void add_letter(struct table *t, char letter, bool has_arg)
{
	t->letters[t->n_letters++] = letter;
	if (has_arg)
		t->letters[t->n_letters++] = ':';
}

static void add(struct table *t, const char *name, bool has_arg, int val)
{
	t->options[t->count++] =
		(struct option){name, has_arg ? required_argument : no_argument, NULL, val};
}

static int build(struct table *t, const char *command, unsigned int flags)
{
	size_t i, extra = sizeof(cmd_options) / sizeof(cmd_options[0]);

	t->options = calloc(param_count + extra + 1, sizeof(*t->options));
	if (!t->options)
		return -1;
	t->letters[t->n_letters++] = ':';
	for (i = 0; flags && i < param_count; i++) {
		if (!params[i].option || !(params[i].flags & flags))
			continue;
		add(t, params[i].option, params[i].arg != NULL, VAL_PARAM + i);
		if (params[i].letter && (flags & PARAM_SET))
			add_letter(t, params[i].letter, true);
	}
	for (i = 0; cmd_options[i].command; i++) {
		const struct cmd_option *o = &cmd_options[i];

		if (strcmp(o->command, command) != 0)
			continue;
		if (o->option[1])
			add(t, o->option, o->arg != NULL, VAL_OPTION + i);
		else
			add_letter(t, o->option[0], o->arg != NULL);
	}
	return 0;
}

/* What getopt says for an option of one letter, as it says it for others. */
static int as_val(const char *command, int c)
{
	size_t i;

	for (i = 0; cmd_options[i].command; i++)
		if (cmd_options[i].option[0] == c && !cmd_options[i].option[1] &&
		    strcmp(cmd_options[i].command, command) == 0)
			return VAL_OPTION + (int)i;
	return c;
}

static const struct param *by_letter(int c)
{
	size_t i;

	for (i = 0; i < param_count; i++)
		if (params[i].letter == c)
			return &params[i];
	return NULL;
}

static int handle(int c, cmd_param_fn param, cmd_option_fn found, void *arg, struct err *err)
{
	const struct param *p;

	if (c >= VAL_OPTION) {
		const struct cmd_option *o = &cmd_options[c - VAL_OPTION];

		if (o->refused)
			return err_exit(err, o->refused, "option --%s is not supported yet",
					o->option);
		found(arg, o->option, optarg);
		return 0;
	}
	p = c >= VAL_PARAM ? &params[c - VAL_PARAM] : by_letter(c);
	if (p->flags & PARAM_REFUSED)
		return param_refuse(p, err);
	return param(arg, p, optarg, err);
}

int cmd_parse_params(int argc, char **argv, unsigned int flags, cmd_param_fn param,
		     cmd_option_fn found, void *arg, struct err *err)
{
	struct table t = {0};
	_cleanup_free_ struct option *owner = NULL;
	int c, r = 0;

	if (build(&t, argv[0], flags) < 0)
		return err_set(err, ENOMEM, "out of memory");
	owner = t.options;
	opterr = 0;
	optind = 0;
	while (r >= 0 && (c = getopt_long(argc, argv, t.letters, t.options, NULL)) != -1) {
		if (c == '?' || c == ':')
			return err_exit(err, VZ_BAD_OPTION, "%s: %s '%s' (try vzctl --help)",
					argv[0], c == ':' ? "missing argument of" : "bad option",
					argv[optind - 1]);
		r = handle(as_val(argv[0], c), param, found, arg, err);
	}
	if (r >= 0 && optind < argc)
		return err_exit(err, VZ_BAD_OPTION, "%s: unexpected argument '%s'", argv[0],
				argv[optind]);
	return r;
}

int cmd_parse(int argc, char **argv, cmd_option_fn found, void *arg, struct err *err)
{
	return cmd_parse_params(argc, argv, 0, NULL, found, arg, err);
}
