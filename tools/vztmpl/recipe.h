/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_RECIPE_H
#define VESPER_VZTMPL_RECIPE_H

#include <stddef.h>

#include "hash.h"

struct err;

/* One directory <os>-<release>/ of templates/; see templates/README.md for the contract. */
struct recipe {
	char *name;
	char *dir;		/* of the recipe */
	char *lib;		/* templates/lib */
	char *summary;		/* one line */
	char *family;		/* lib/<family>.sh */
	char *kind;		/* "container" or "host" */
	char **inputs;		/* files elsewhere that decide what comes out */
	char key[HASH_HEX_LEN]; /* changes when the recipe, its family or its inputs do */
};

/*
 * Where recipes are: VZTMPL_RECIPES, ../share/vesper/templates beside the
 * program, or templates/ of the tree it was built in. Caller frees.
 */
int recipe_find_dir(char **ret_dir, struct err *err);

/* The names of all recipes, sorted; caller frees the list. */
int recipe_names(const char *recipes, char ***ret_names, struct err *err);

/* -ENOENT (exit code 91) when there is no recipe of that name. */
int recipe_load(const char *recipes, const char *name, struct recipe **ret_recipe, struct err *err);

/* Let the content of the file at @path, beside the recipe's own, decide what comes out. */
int recipe_key_add(struct recipe *r, const char *path, struct err *err);

/* The key number @i that recipe.conf may have, NULL behind the last. */
const char *recipe_conf_key(size_t i);

void recipe_free(struct recipe *r);
void recipe_freep(struct recipe **r);

/* Whether the name may be a template's: it becomes a file name. */
int recipe_check_name(const char *name, struct err *err);

#endif
