/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of vzlist: one table for parsing, help and --list-options. */
#include "vzlist.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "err.h"

enum { OPT_HELP = 256, OPT_VERSION, OPT_LIST_OPTIONS, OPT_CONFIG_ROOT };

/* clang-format off */
static const struct option_row {
	int val;		/* the letter, or one of the names above */
	const char *name;	/* long name, NULL: none */
	const char *arg;	/* NULL: none */
	const char *summary;	/* NULL: not for people */
} option_rows[] = {
	{ 'a', "all", NULL, "also containers that do not run" },
	{ 'S', "stopped", NULL, "only containers that do not run" },
	{ 'n', "name", NULL, "the NAME column first" },
	{ 'H', "no-header", NULL, "no header line" },
	{ 't', "no-trim", NULL, "do not cut long values" },
	{ 'j', "json", NULL, "a JSON array of objects" },
	{ 'o', "output", "field,...", "these fields" },
	{ '1', NULL, NULL, "ids only, as -H -o ctid" },
	{ 's', "sort", "[-]field", "sort by it, - descending" },
	{ 'h', "hostname", "pattern", "only these host names" },
	{ 'N', "name_filter", "pattern", "only these names" },
	{ 'd', "description", "pattern", "only these descriptions" },
	{ 'L', "list", NULL, "the fields there are" },
	{ OPT_HELP, "help", NULL, "this text" },
	{ OPT_VERSION, "version", NULL, "the version" },
	{ OPT_LIST_OPTIONS, "list-options", NULL, NULL },
	{ OPT_CONFIG_ROOT, "config-root", "dir", NULL },
};

/* Options of OpenVZ 7. */
static const struct {
	char letter;
	const char *why;
} refused_options[] = {
	{ 'i', "see the field netif" },
	{ 'c', "this is the list of OpenVZ 6" },
	{ 'w', "give -t" },
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void print_help(void)
{
	size_t i;

	printf("vzlist version %s\n\nusage: vzlist [OPTION...] [CTID|NAME...]\n\n", VERSION);
	for (i = 0; i < COUNT(option_rows); i++) {
		const struct option_row *r = &option_rows[i];
		char left[40];

		if (!r->summary)
			continue;
		snprintf(left, sizeof(left), "%s%s %s", r->name ? "--" : "", r->name ? r->name : "",
			 r->arg ? r->arg : "");
		if (r->val < OPT_HELP)
			printf("  -%c%c %-24s %s\n", r->val, r->name ? ',' : ' ', left, r->summary);
		else
			printf("      %-24s %s\n", left, r->summary);
	}
	printf("\nsee vzlist(8)\n");
}

/* "vzlist OPTION|FIELD - STATE ARGUMENT", for check-docs and completion. */
static int list_options(struct err *err)
{
	const struct column *cols;
	size_t i, n;
	int r = columns_get(&cols, &n, err);

	if (r < 0)
		return r;
	for (i = 0; i < COUNT(option_rows); i++) {
		const struct option_row *o = &option_rows[i];

		if (!o->summary)
			continue;
		if (o->val < OPT_HELP)
			printf("vzlist -%c - ok %s\n", o->val, o->arg ? o->arg : "-");
		if (o->name)
			printf("vzlist --%s - ok %s\n", o->name, o->arg ? o->arg : "-");
	}
	for (i = 0; i < COUNT(refused_options); i++)
		printf("vzlist -%c - refused -\n", refused_options[i].letter);
	for (i = 0; i < n; i++)
		printf("vzlist %s - ok -\n", cols[i].name);
	for (i = 0; refused_fields[i].name; i++)
		printf("vzlist %s - refused -\n", refused_fields[i].name);
	return 0;
}

static int list_fields(struct err *err)
{
	const struct column *cols;
	size_t i, n;
	int r = columns_get(&cols, &n, err);
	const struct part *p;

	for (i = 0; r == 0 && i < n; i++) {
		printf("%-20s %s\n", cols[i].name, cols[i].header);
		for (p = cols[i].parts ? cols[i].parts + 1 : NULL; p && p->json; p++)
			printf("%s.%-*c %s.%c\n", cols[i].name, 19 - (int)strlen(cols[i].name),
			       p->suffix, cols[i].header, p->suffix - 'a' + 'A');
	}
	return r;
}

/* 0: go on, 1: done; -EINVAL for what is no option. */
static int handle(struct query *q, int c, struct err *err)
{
	const struct {
		int c;
		bool *flag;
		const char **text;
	} simple[] = {
		{'a', &q->all, NULL},
		{'S', &q->stopped, NULL},
		{'n', &q->names, NULL},
		{'H', &q->no_header, NULL},
		{'t', &q->no_trim, NULL},
		{'j', &q->json, NULL},
		{'1', &q->ids_only, NULL},
		{'o', NULL, &q->fields},
		{'s', NULL, &q->sort},
		{'h', NULL, &q->hostname},
		{'N', NULL, &q->name},
		{'d', NULL, &q->description},
		{OPT_CONFIG_ROOT, NULL, &q->etc},
	};
	size_t i;
	int r = 0;

	for (i = 0; i < COUNT(simple); i++) {
		if (simple[i].c != c)
			continue;
		if (simple[i].flag)
			*simple[i].flag = true;
		else
			*simple[i].text = optarg;
		return 0;
	}
	if (c == 'L')
		r = list_fields(err);
	else if (c == OPT_LIST_OPTIONS)
		r = list_options(err);
	else if (c == OPT_HELP)
		print_help();
	else if (c == OPT_VERSION)
		printf("vzlist version %s\n", VERSION);
	return r < 0 ? r : 1;
}

static int bad_option(int c, char **argv, struct err *err)
{
	const char *word = argv[optind - 1];
	char letter[3] = {'-', (char)optopt, '\0'};
	size_t i;

	for (i = 0; i < COUNT(refused_options); i++)
		if (optopt == refused_options[i].letter)
			return err_exit(err, 2, "option -%c is not supported: %s", optopt,
					refused_options[i].why);
	/* getopt_long() tells the letter, and for a long one nothing. */
	if (optopt > 0 && optopt < OPT_HELP && strncmp(word, "--", 2) != 0)
		word = letter;
	return err_exit(err, 2, "%s '%s' (try vzlist --help)",
			c == ':' ? "missing argument of" : "bad option", word);
}

int parse_options(int argc, char **argv, struct query *q, struct err *err)
{
	struct option options[COUNT(option_rows) + 1] = {0};
	char letters[2 * COUNT(option_rows) + 2] = ":";
	size_t i, n = 0, end = 1;
	int c, r = 0;

	for (i = 0; i < COUNT(option_rows); i++) {
		const struct option_row *o = &option_rows[i];

		if (o->name)
			options[n++] = (struct option){
				o->name, o->arg ? required_argument : no_argument, NULL, o->val};
		if (o->val < OPT_HELP)
			letters[end++] = (char)o->val;
		if (o->val < OPT_HELP && o->arg)
			letters[end++] = ':';
	}
	opterr = 0;
	while (r == 0 && (c = getopt_long(argc, argv, letters, options, NULL)) != -1)
		r = c == '?' || c == ':' ? bad_option(c, argv, err) : handle(q, c, err);
	return r;
}
