/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_CMD_H
#define VESPER_VZTMPL_CMD_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* The command line, parsed; each command looks at what its row in main.c allows. */
struct options {
	const char *cache, *mirror, *apt_sources, *name;
	uint32_t ids;
	bool force, quiet, json, no_header, recipes, keep_unique;
};

/* @names ends in NULL; of import it is the file. */
int cmd_build(struct options *o, char **names, struct err *err);
int cmd_import(struct options *o, char **names, struct err *err);
int cmd_list(struct options *o, char **names, struct err *err);
int cmd_info(struct options *o, char **names, struct err *err);
int cmd_verify(struct options *o, char **names, struct err *err);
int cmd_remove(struct options *o, char **names, struct err *err);

#endif
