/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vzctl: one table of commands; each parses, calls the library, and prints. */
#include "cmd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "legacy.h"
#include "lifecycle.h"
#include "log.h"
#include "param.h"
#include "supervisor.h"

enum { NEED_ROOT = 1 << 0, NEED_WRITE = 1 << 1, ADOPTS = 1 << 2, JOB = 1 << 3, LOGS = 1 << 4 };

/* clang-format off */
static const struct command {
	const char *name;
	cmd_fn run;		/* NULL: not supported yet */
	int refused;		/* exit code then */
	unsigned int flags;
	const char *synopsis, *summary;
} commands[] = {
	{ "create", cmd_create, 0, NEED_WRITE | LOGS, "[--ostemplate NAME] [--config NAME] [--full] [OPTION...]", "make a container" },
	{ "destroy", cmd_destroy, 0, NEED_WRITE | LOGS, "", "remove a stopped container" },
	{ "delete", cmd_destroy, 0, NEED_WRITE | LOGS, "", "same as destroy" },
	{ "start", cmd_start, 0, NEED_ROOT | LOGS, "[--force]", "start a container" },
	{ "stop", cmd_stop, 0, NEED_ROOT | LOGS, "[--fast] [--skip-umount]", "stop a container" },
	{ "restart", cmd_restart, 0, NEED_ROOT | LOGS, "[--fast] [--force] [--skip-umount]", "stop and start a container" },
	{ "status", cmd_status, 0, 0, "", "print one line of state" },
	{ "mount", cmd_mount, 0, NEED_ROOT | LOGS, "", "mount the disk of a container" },
	{ "umount", cmd_umount, 0, NEED_ROOT | LOGS, "", "unmount it" },
	{ "exec", cmd_exec, 0, NEED_ROOT | ADOPTS, "COMMAND [ARG...]", "run a command line inside; 0 or 8" },
	{ "exec2", cmd_exec, 0, NEED_ROOT | ADOPTS, "COMMAND [ARG...]", "same; the command's own status" },
	{ "exec3", cmd_exec, 0, NEED_ROOT | ADOPTS, "PROGRAM [ARG...]", "same without a shell" },
	{ "enter", cmd_enter, 0, NEED_ROOT | ADOPTS, "[--exec COMMAND]", "a root shell inside" },
	{ "set", cmd_set, 0, NEED_WRITE | LOGS | ADOPTS, "[--save] OPTION...", "change parameters" },
	{ "runscript", cmd_runscript, 0, NEED_ROOT | LOGS | ADOPTS, "FILE", "feed a script of the host to the shell inside" },
	{ "console", cmd_console, 0, NEED_ROOT | ADOPTS, "[1]", "the container's console; Esc . leaves it" },
	{ "snapshot", cmd_snapshot, 0, NEED_WRITE | LOGS, "[--id UUID] [--name NAME] [OPTION...]", "keep the disk and the configuration as they are now" },
	{ "snapshot-switch", cmd_snapshot_switch, 0, NEED_WRITE | LOGS, "--id UUID [--skip-config]", "go back to a snapshot" },
	{ "snapshot-delete", cmd_snapshot_delete, 0, NEED_WRITE | LOGS, "--id UUID", "give a snapshot up" },
	{ "snapshot-list", cmd_snapshot_list, 0, 0, "[-H] [-o FIELD[,FIELD...]] [--id UUID]", "list snapshots" },
	{ "snapshot-mount", cmd_snapshot_mount, 0, NEED_ROOT | LOGS, "--id UUID --target DIR", "mount a snapshot for reading" },
	{ "snapshot-umount", cmd_snapshot_umount, 0, NEED_ROOT | LOGS, "--id UUID", "unmount it" },
	{ "compact", cmd_compact, 0, NEED_ROOT | LOGS, "", "give the disk's free space back to the host" },
	{ "convert", cmd_convert, 0, NEED_WRITE | LOGS, "[--layout LAYOUT]", "make its disk one of another layout" },
	{ "ended", cmd_ended, 0, NEED_ROOT | LOGS | JOB, NULL, NULL },
	{ "adopt", cmd_adopt, 0, NEED_ROOT | LOGS | JOB, NULL, NULL },
	{ "quotaon", NULL, VZ_QUOTA_ON, 0, NULL, NULL },
	{ "quotaoff", NULL, VZ_QUOTA_OFF, 0, NULL, NULL },
	{ "quotainit", NULL, VZ_QUOTA_INIT, 0, NULL, NULL },
	{ "suspend", NULL, VZ_CHECKPOINT, 0, NULL, NULL },
	{ "chkpnt", NULL, VZ_CHECKPOINT, 0, NULL, NULL },
	{ "resume", NULL, VZ_RESTORE, 0, NULL, NULL },
	{ "restore", NULL, VZ_RESTORE, 0, NULL, NULL },
	{ "reinstall", NULL, VZ_REINSTALL, 0, NULL, NULL },
	{ "pause", NULL, VZ_CHECKPOINT, 0, NULL, NULL },
	{ "execaction", NULL, VZ_BAD_OPTION, 0, NULL, NULL },
	{ "monitor", NULL, VZ_BAD_OPTION, 0, NULL, NULL },
	{ "register", NULL, VZ_BAD_OPTION, 0, NULL, NULL },
	{ "unregister", NULL, VZ_BAD_OPTION, 0, NULL, NULL },
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define LOG_FILE    "/var/log/vzctl.log"
#define VERBOSE_MAX 2

void cmd_say(const struct ctx *ctx, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	(void)ctx;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	cmd_note(text ? text : fmt);
}

void cmd_note(const char *text)
{
	log_info("%s", text);
}

int cmd_lock(struct ctx *ctx, struct err *err)
{
	return ctx->skip_lock ? 0 : ct_lock(ctx->ct, err);
}

int cmd_lock_disk(struct ctx *ctx, bool *ret_mounted, struct err *err)
{
	int r = cmd_lock(ctx, err);

	if (r == 0)
		r = ct_require(ctx->ct, err);
	return r < 0 ? r : ct_is_mounted(ctx->ct, ret_mounted, err);
}

static void warn(const char *sentence)
{
	log_error("warning: %s", sentence);
}

static void print_param_help(unsigned int flag)
{
	size_t i;

	for (i = 0; i < param_count; i++) {
		const struct param *p = &params[i];

		if (p->option && (p->flags & flag) && !(p->flags & PARAM_REFUSED))
			printf("  --%s %-*s %s\n", p->option, 30 - (int)strlen(p->option),
			       p->arg ? p->arg : "", p->summary);
	}
}

static void print_help(void)
{
	size_t i;

	/* libvirt reads the version from the first line. */
	printf("vzctl version %s\n\nusage: vzctl [--quiet] [--verbose] [--skiplock] COMMAND CTID "
	       "[ARG...]\n\n",
	       VERSION);
	for (i = 0; i < COUNT(commands); i++)
		if (commands[i].run && !(commands[i].flags & JOB))
			printf("  %-15s CTID %-44s %s\n", commands[i].name, commands[i].synopsis,
			       commands[i].summary);
	printf("\nOptions of set:\n");
	print_param_help(PARAM_SET);
	printf("\nOptions of create:\n");
	print_param_help(PARAM_CREATE);
	printf("\nsee vzctl(8)\n");
}

static void list_row(const char *section, const char *option, const char *key, bool refused,
		     const char *arg)
{
	printf("%s %s %s %s %s\n", section, option, key ? key : "-", refused ? "refused" : "ok",
	       arg ? arg : "-");
}

/* "SECTION OPTION KEY STATE ARGUMENT", for check-docs and completion. */
static void list_options(void)
{
	char word[40];
	size_t i;

	list_row("vzctl", "--quiet", NULL, false, NULL);
	list_row("vzctl", "--verbose", NULL, false, NULL);
	list_row("vzctl", "--skiplock", NULL, false, NULL);
	for (i = 0; i < COUNT(commands); i++)
		if (!(commands[i].flags & JOB))
			list_row(commands[i].name, "-", NULL, !commands[i].run, NULL);
	for (i = 0; cmd_options[i].command; i++) {
		const struct cmd_option *o = &cmd_options[i];

		snprintf(word, sizeof(word), "%s%s", o->option[1] ? "--" : "-", o->option);
		list_row(o->command, word, NULL, o->refused, o->arg);
	}
	for (i = 0; i < param_count; i++) {
		const struct param *p = &params[i];
		bool refused = p->flags & PARAM_REFUSED;

		if (!p->option)
			list_row(p->flags & PARAM_NODE ? "vz.conf" : "ct.conf", "-", p->key,
				 refused, NULL);
		snprintf(word, sizeof(word), "--%s", p->option ? p->option : "");
		if (p->flags & PARAM_SET)
			list_row("set", word, p->key, refused, p->arg);
		if (p->flags & PARAM_CREATE)
			list_row("create", word, p->key, refused, p->arg);
		snprintf(word, sizeof(word), "-%c", p->letter);
		if ((p->flags & PARAM_SET) && p->letter)
			list_row("set", word, p->key, refused, p->arg);
	}
	for (i = 0; i < legacy_key_count; i++)
		list_row("vz.conf", "-", legacy_keys[i].key, true, NULL);
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int check_access(const struct command *c, const char *etc, struct err *err)
{
	if (geteuid() == 0 || !c->flags)
		return 0;
	if (c->flags & NEED_ROOT || access(etc, W_OK) < 0)
		return err_exit(err, VZ_NO_ACCESS, "vzctl %s must be run as root", c->name);
	return 0;
}

/* The lock and the way to the supervisor are for this process alone. */
static void take_lock_of_starter(struct ct *ct)
{
	if (fcntl(SUPERVISOR_LOCK, F_SETFD, FD_CLOEXEC) == 0)
		ct->lock_fd = SUPERVISOR_LOCK;
	fcntl(SUPERVISOR_HANDOVER, F_SETFD, FD_CLOEXEC);
}

static unsigned long node_number(const struct host *host, const char *key)
{
	const char *v = config_get(host->conf, key);

	return v ? strtoul(v, NULL, 10) : 0;
}

/* As vz.conf has it: how much is shown unless the command line says so, and the log. */
static void start_log(const struct ctx *ctx, const struct command *c, uint32_t id)
{
	const char *on = config_get(ctx->host->conf, "LOGGING");
	const char *path = config_get(ctx->host->conf, "LOGFILE");
	unsigned long level = node_number(ctx->host, "LOG_LEVEL");
	unsigned long verbose = node_number(ctx->host, "VERBOSE");

	if (!ctx->quiet && !ctx->verbose)
		log_init("vzctl", verbose > VERBOSE_MAX ? VERBOSE_MAX : (int)verbose);
	if (!(c->flags & LOGS) || (on && strcmp(on, "no") == 0))
		return;
	if (!path || !*path)
		path = LOG_FILE;
	/* Never one of whatever directory somebody is in. */
	if (*path == '/')
		log_set_file(path, level > VERBOSE_MAX ? VERBOSE_MAX : (int)level, id);
	else
		log_error("warning: LOGFILE '%s' is not an absolute path: there is no log", path);
}

static int run_command(struct ctx *ctx, const char *etc, int argc, char **argv, struct err *err)
{
	const struct command *c = find_command(argv[0]);
	uint64_t since = log_clock_ms();
	uint32_t id;
	int r;

	if (!c || (c->flags & JOB && !ctx->supervised))
		return err_exit(err, VZ_BAD_OPTION, "bad command '%s' (try vzctl --help)", argv[0]);
	if (!c->run)
		return err_exit(err, c->refused, "command %s is not supported yet", c->name);
	if (argc < 2)
		return err_exit(err, VZ_BAD_VALUE, "%s: the container's id is missing", c->name);
	r = check_access(c, etc, err);
	if (r == 0)
		r = host_open(etc, &ctx->host, err);
	if (r == 0)
		r = ct_resolve(ctx->host, argv[1], &id, err);
	if (r < 0)
		return r;
	start_log(ctx, c, id);
	r = ct_open(ctx->host, id, &ctx->ct, err);
	if (r < 0)
		return r;
	ctx->ct->warn = warn;
	if (ctx->supervised)
		take_lock_of_starter(ctx->ct);
	if (c->flags & ADOPTS)
		cmd_adopt_if_alone(ctx);
	/* Commands see their own name and what follows the id. */
	argv[1] = argv[0];
	r = c->run(ctx, argc - 1, argv + 1, err);
	if (c->flags & LOGS)
		log_detail(1, "%s took %" PRIu64 " ms", c->name, log_clock_ms() - since);
	return r;
}

static int list_names(const char *etc, bool samples)
{
	struct err err = ERR_INIT;

	if (names_print(etc, samples, &err) == 0)
		return 0;
	fprintf(stderr, "vzctl: %s\n", err.msg);
	return err.exit_code ? err.exit_code : VZ_SYSTEM;
}

/* Flags in front of the command; the index of the command, or -1 when all is done. */
static int parse_flags(int argc, char **argv, struct ctx *ctx, const char **etc, int *ret_exit)
{
	size_t n = 0;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--quiet") == 0)
			ctx->quiet = true;
		else if (strcmp(argv[i], "--verbose") == 0)
			ctx->verbose += ctx->verbose < VERBOSE_MAX;
		else if (strcmp(argv[i], "--skiplock") == 0)
			ctx->skip_lock = true;
		else if (strcmp(argv[i], "--supervised") == 0)
			ctx->supervised = true;
		else if (strcmp(argv[i], "--config-root") == 0 && i + 1 < argc)
			*etc = argv[++i];
		else if (strcmp(argv[i], "--version") == 0)
			return printf("vzctl version %s\n", VERSION), -1;
		else if (strcmp(argv[i], "--help") == 0)
			return print_help(), -1;
		else if (strcmp(argv[i], "--list-options") == 0)
			return list_options(), -1;
		else if (strcmp(argv[i], "--list-templates") == 0)
			return *ret_exit = list_names(*etc, false), -1;
		else if (strcmp(argv[i], "--list-samples") == 0)
			return *ret_exit = list_names(*etc, true), -1;
		else
			break;
	}
	if (ctx->quiet)
		ctx->flags[n++] = "--quiet";
	for (int v = 0; v < ctx->verbose; v++)
		ctx->flags[n++] = "--verbose";
	if (ctx->skip_lock)
		ctx->flags[n++] = "--skiplock";
	if (strcmp(*etc, CT_DEFAULT_ETC) != 0) {
		ctx->flags[n++] = "--config-root";
		ctx->flags[n++] = *etc;
	}
	log_init("vzctl", ctx->quiet ? -1 : ctx->verbose);
	if (i < argc && argv[i][0] != '-')
		return i;
	fprintf(stderr, "vzctl: %s%s (try vzctl --help)\n",
		i < argc ? "bad option " : "command is missing", i < argc ? argv[i] : "");
	*ret_exit = VZ_BAD_OPTION;
	return -1;
}

/* A closed one would be the next file that we open, and a container would read it. */
static void open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR); /* not close-on-exec: these stay */
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct ctx ctx = {0};
	const char *etc = CT_DEFAULT_ETC;
	int first, r = 0;

	open_standard_descriptors();
	first = parse_flags(argc, argv, &ctx, &etc, &r);
	if (first < 0)
		return r;
	r = run_command(&ctx, etc, argc - first, argv + first, &err);
	if (r < 0) {
		log_error("%s", err.msg);
		r = err.exit_code ? err.exit_code : VZ_SYSTEM;
	}
	ct_close(ctx.ct);
	host_close(ctx.host);
	return r;
}
