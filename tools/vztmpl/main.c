/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vztmpl - build and keep the templates that containers are created from.
 * Parses and prints; the work is in build.c and cache.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cmd.h"
#include "err.h"
#include "idrange.h"
#include "manifest.h"
#include "recipe.h"
#include "vztmpl.h"

struct command {
	const char *name;
	int (*run)(struct options *o, char **names, struct err *err);
	const char *flags; /* the options it takes, of option_list[].flag */
	int names_min, names_max;
	const char *synopsis, *summary;
};

static const struct command commands[] = {
	{"build", cmd_build, "cmafq", 1, -1,
	 "build [--mirror URL] [--apt-sources FILE] [--force] [--quiet] NAME...",
	 "make templates from their recipes"},
	{"import", cmd_import, "cnikfq", 1, 1,
	 "import [--name NAME] [--ids N] [--keep-unique] [--force] [--quiet] FILE|DIR",
	 "make a template of a tar or a directory"},
	{"list", cmd_list, "cjHr", 0, 0, "list [--json] [--no-header] [--recipes]",
	 "what is in the cache, or what can be built"},
	{"info", cmd_info, "cj", 1, 1, "info [--json] NAME", "one template, its checksum verified"},
	{"verify", cmd_verify, "c", 1, -1, "verify NAME...",
	 "whether templates are whole and what their manifests say"},
	{"remove", cmd_remove, "c", 1, -1, "remove NAME...", "remove templates from the cache"},
};

static const struct option_text {
	char flag;
	const char *name, *arg, *summary;
} option_list[] = {
	{'c', "cache", "DIR", "the cache directory"},
	{'m', "mirror", "URL", "fetch packages from this Debian mirror"},
	{'a', "apt-sources", "FILE", "the template's own package sources"},
	{'n', "name", "NAME", "the name of what is imported"},
	{'i', "ids", "N", "how many ids its containers have (262144)"},
	{'k', "keep-unique", NULL, "keep what belongs to one machine only"},
	{'f', "force", NULL, "build though nothing changed; replace what is there"},
	{'q', "quiet", NULL, "no progress"},
	{'j', "json", NULL, "print JSON"},
	{'H', "no-header", NULL, "no header line"},
	{'r', "recipes", NULL, "list the recipes instead"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))
#define N_OPTIONS  (sizeof(option_list) / sizeof(*option_list))

static void help(void)
{
	puts("vztmpl version " VERSION "\n\nUsage:");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  vztmpl %s\n      %s\n", commands[i].synopsis, commands[i].summary);
	puts("\nOptions:");
	for (size_t i = 0; i < N_OPTIONS; i++) {
		char left[32];

		snprintf(left, sizeof(left), "--%s %s", option_list[i].name,
			 option_list[i].arg ? option_list[i].arg : "");
		printf("  %-20s %s\n", left, option_list[i].summary);
	}
	puts("  --help               this text\n  --version            the version");
}

/* "template.conf - KEY ok -" lines: what a recipe and a manifest may have. */
static void list_keys(void)
{
	char empty[] = "";
	struct manifest m = {.name = empty, .summary = empty, .kind = empty, .date = empty};
	json_t *doc, *value;
	const char *key;

	m.packages = json_array();
	doc = manifest_to_json(&m);

	for (size_t i = 0; recipe_conf_key(i); i++)
		printf("template.conf - %s ok -\n", recipe_conf_key(i));
	json_object_foreach(doc, key, value) printf("template.conf - %s ok -\n", key);
	json_decref(doc);
	json_decref(m.packages);
}

/* What a command is given after its options: the last word of its synopsis. */
static const char *operand(const struct command *cmd)
{
	const char *word = strrchr(cmd->synopsis, ' ');

	return word && !strchr(word, ']') ? word + 1 : "-";
}

/* "SECTION OPTION KEY STATE ARGUMENT" lines, for check-docs and completion. */
static int list_options(void)
{
	list_keys();
	puts("- --help - ok -\n- --version - ok -");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		printf("%s - - ok %s\n", commands[i].name, operand(&commands[i]));
		for (size_t j = 0; j < N_OPTIONS; j++)
			if (strchr(commands[i].flags, option_list[j].flag))
				printf("%s --%s - ok %s\n", commands[i].name, option_list[j].name,
				       option_list[j].arg ? option_list[j].arg : "-");
	}
	return 0;
}

static int usage(const char *what, const char *arg)
{
	fprintf(stderr, "vztmpl: %s '%s'; try 'vztmpl --help'\n", what, arg);
	return EXIT_USAGE;
}

/* 0 when it is no number of ids that a container may have. */
static uint32_t parse_ids(const char *arg)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(arg, &end, 10);
	if (errno || *end || *arg < '0' || *arg > '9' || n < IDRANGE_MIN_SIZE || n > UINT32_MAX)
		return 0;
	return (uint32_t)n;
}

static void take_option(struct options *o, char flag, const char *arg)
{
	switch (flag) {
	case 'c':
		o->cache = arg;
		break;
	case 'm':
		o->mirror = arg;
		break;
	case 'a':
		o->apt_sources = arg;
		break;
	case 'n':
		o->name = arg;
		break;
	case 'i':
		o->ids = parse_ids(arg);
		break;
	case 'k':
		o->keep_unique = true;
		break;
	case 'f':
		o->force = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 'j':
		o->json = true;
		break;
	case 'H':
		o->no_header = true;
		break;
	case 'r':
		o->recipes = true;
		break;
	}
}

/* Options and names of one command; 0 or the exit code of a usage error. */
static int parse(const struct command *cmd, int argc, char **argv, struct options *o)
{
	struct option longs[N_OPTIONS + 2] = {0};
	int ch, n;

	for (size_t i = 0; i < N_OPTIONS; i++)
		longs[i] = (struct option){option_list[i].name,
					   option_list[i].arg ? required_argument : no_argument,
					   NULL, option_list[i].flag};
	longs[N_OPTIONS] = (struct option){"help", no_argument, NULL, 'h'};
	opterr = 0;
	while ((ch = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (ch == ':')
			return usage("missing value of option", argv[optind - 1]);
		if (ch == 'h') {
			help();
			exit(0);
		}
		if (ch == '?' || !strchr(cmd->flags, ch))
			return usage("unknown option", argv[optind - 1]);
		take_option(o, (char)ch, optarg);
		if (ch == 'i' && !o->ids)
			return usage("bad value of --ids:", optarg);
	}
	n = argc - optind;
	if (n < cmd->names_min)
		return usage("missing argument after", cmd->name);
	if (cmd->names_max >= 0 && n > cmd->names_max)
		return usage("too many arguments:", argv[optind + cmd->names_max]);
	return 0;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *cmd;
	struct err err = ERR_INIT;
	struct options o = {0};
	int r;

	if (argc < 2)
		return usage("missing", "command");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		help();
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("vztmpl version " VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--list-options") == 0)
		return list_options();
	cmd = find_command(argv[1]);
	if (!cmd)
		return usage("unknown command", argv[1]);
	r = parse(cmd, argc - 1, argv + 1, &o);
	if (r)
		return r;

	r = cmd->run(&o, argv + 1 + optind, &err);
	if (fflush(stdout) != 0 && r == 0)
		r = err_errno(&err, errno, "cannot write to standard output");
	if (r < 0) {
		fprintf(stderr, "vztmpl: %s\n", err.msg);
		return err.exit_code ? err.exit_code : EXIT_FAILURE;
	}
	return 0;
}
