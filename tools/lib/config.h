/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_CONFIG_H
#define VESPER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct config;

/*
 * A file of KEY="value" lines, as vz.conf(5) and ct.conf(5) are. Comments,
 * blank lines, order and keys that nobody knows survive every rewrite, byte
 * for byte. The grammar is a subset of the POSIX shell's, because old scripts
 * source these files as root: what config_set() writes is inert there.
 */

/* An empty one; NULL without memory. */
struct config *config_new(void);
void config_free(struct config *c);
void config_freep(struct config **c);
#define _cleanup_config_ __attribute__((cleanup(config_freep)))

/*
 * Parse @text; @name stands in "name:line: reason". $VEID and ${VEID} become
 * @veid in values (stay as they are when @veid is NULL).
 */
int config_parse(const char *text, const char *name, const char *veid, struct config **ret_c,
		 struct err *err);

/* Parse the file @path; -ENOENT when there is none. Nothing but a regular file is one: a FIFO would never end. */
int config_load(const char *path, const char *veid, struct config **ret_c, struct err *err);

/*
 * The same of a file that is not this command's business: lines that do not
 * parse are passed over. 1 when there were some, with the first one's sentence
 * in @bad.
 */
int config_salvage(const char *path, const char *veid, struct config **ret_c, struct err *bad);

/* Has a line that was passed over @word in it? What it would have set is not known then. */
bool config_has_lost(const struct config *c, const char *word);

/* Replace the file @path atomically. */
int config_store(const struct config *c, const char *path, struct err *err);

/* The text that config_store() writes; caller frees; NULL without memory. */
char *config_text(const struct config *c);

/* The value of @key, NULL when it is not there; borrowed until the next change. A later line wins. */
const char *config_get(const struct config *c, const char *key);

/*
 * Set @key to @value (NULL removes it). -EINVAL for a key that is no name and
 * for a value with control characters, which no single line can hold.
 */
int config_set(struct config *c, const char *key, const char *value, struct err *err);

/* The number of the line that counts for @key, 0 when there is none; of a file as it was parsed. */
size_t config_line(const struct config *c, const char *key);

/* The keys in their order: NULL past the last. Borrowed. */
const char *config_key(const struct config *c, size_t index);

#endif
