/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KEY="value" files. A file is a list of lines; a line that we did not change
 * is written back as it was read. A changed one is always KEY="value" with
 * every character escaped that a shell would act on between double quotes.
 *
 *	line  = [blanks] ( "" | comment | KEY "=" value [blanks [comment]] )
 *	value = "double quoted" | 'single quoted' | bare
 *
 * What a shell would expand otherwise ($HOME, `date`) is refused with its
 * line: a file must not mean one thing here and another in a script.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"
#include "strbuf.h"

#define CONFIG_MAX_BYTES (1 << 20)

/* The one reason that is not the line's. */
static const char no_memory[] = "out of memory";

struct line {
	char *text;  /* without the newline */
	char *key;   /* NULL: blank, comment or lost */
	char *value; /* decoded */
	bool lost;   /* it does not parse */
};

struct config {
	struct line *lines;
	size_t count, cap;
};

struct config *config_new(void)
{
	return calloc(1, sizeof(struct config));
}

static void line_clear(struct line *l)
{
	free(l->text);
	free(l->key);
	free(l->value);
}

void config_free(struct config *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->count; i++)
		line_clear(&c->lines[i]);
	free(c->lines);
	free(c);
}

void config_freep(struct config **c)
{
	config_free(*c);
}

/* Takes the strings of @l, also on failure. */
static int add_line(struct config *c, struct line *l, struct err *err)
{
	if (c->count == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 32;
		struct line *p = reallocarray(c->lines, cap, sizeof(*p));

		if (!p) {
			line_clear(l);
			return err_set(err, ENOMEM, "out of memory");
		}
		c->lines = p;
		c->cap = cap;
	}
	c->lines[c->count++] = *l;
	return 0;
}

static bool is_key_char(char ch, bool first)
{
	return isalpha((unsigned char)ch) || ch == '_' || (!first && isdigit((unsigned char)ch));
}

static size_t key_length(const char *s)
{
	size_t n = 0;

	while (is_key_char(s[n], n == 0))
		n++;
	return n;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/*
 * A dollar sign: only VEID expands. A lone one is itself in a shell too; any
 * other name or substitution is an error. Returns what was consumed, 0 for it.
 */
static size_t decode_dollar(const char *s, const char *veid, struct strbuf *out)
{
	size_t n = 0;

	if (strncmp(s, "${VEID}", 7) == 0)
		n = 7;
	else if (strncmp(s, "$VEID", 5) == 0 && !is_key_char(s[5], false))
		n = 5;
	if (n && veid)
		strbuf_add(out, veid);
	else if (n)
		strbuf_addn(out, s, n);
	if (n)
		return n;
	if (isalnum((unsigned char)s[1]) || (s[1] && strchr("_{(*@#?$!-", s[1])))
		return 0;
	strbuf_addc(out, '$');
	return 1;
}

/* Each decoder returns NULL or a reason, and moves *s behind the value. */
static const char *decode_double(const char **s, const char *veid, struct strbuf *out)
{
	const char *p = *s + 1;
	size_t n;

	while (*p && *p != '"') {
		if (*p == '`')
			return "command substitution is not allowed";
		if (*p == '\\' && p[1] && strchr("\\\"$`", p[1])) {
			strbuf_addc(out, p[1]);
			p += 2;
		} else if (*p == '$') {
			n = decode_dollar(p, veid, out);
			if (!n)
				return "only $VEID expands";
			p += n;
		} else {
			strbuf_addc(out, *p++);
		}
	}
	if (!*p)
		return "closing quote is missing";
	*s = p + 1;
	return NULL;
}

static const char *decode_single(const char **s, struct strbuf *out)
{
	const char *end = strchr(*s + 1, '\'');

	if (!end)
		return "closing quote is missing";
	strbuf_addn(out, *s + 1, end - *s - 1);
	*s = end + 1;
	return NULL;
}

static const char *decode_bare(const char **s, const char *veid, struct strbuf *out)
{
	const char *p = *s;
	size_t n;

	while (*p && !isblank((unsigned char)*p)) {
		if (strchr("\"'`\\;&|<>()*?[~", *p))
			return "this character needs quotes";
		if (*p == '$') {
			n = decode_dollar(p, veid, out);
			if (!n)
				return "only $VEID expands";
			p += n;
		} else {
			strbuf_addc(out, *p++);
		}
	}
	*s = p;
	return NULL;
}

static const char *decode_value(const char *s, const char *veid, struct strbuf *out)
{
	const char *why;

	strbuf_add(out, "");
	if (*s == '"')
		why = decode_double(&s, veid, out);
	else if (*s == '\'')
		why = decode_single(&s, out);
	else
		why = decode_bare(&s, veid, out);
	if (why)
		return why;
	if (*s && !isblank((unsigned char)*s))
		return "something follows the value";
	s = skip_blanks(s);
	if (*s && *s != '#')
		return "something follows the value";
	return NULL;
}

/* NULL or a reason; the strings of @l are the caller's to free. */
static const char *decode_line(const char *text, const char *veid, struct line *l)
{
	_cleanup_strbuf_ struct strbuf value = STRBUF_INIT;
	const char *s, *why;
	size_t n;

	l->text = strdup(text);
	if (!l->text)
		return no_memory;
	for (s = text; *s; s++)
		if (iscntrl((unsigned char)*s) && *s != '\t')
			return "control character";
	s = skip_blanks(text);
	if (!*s || *s == '#')
		return NULL;
	n = key_length(s);
	if (!n || s[n] != '=')
		return "not KEY=\"value\"";
	why = decode_value(s + n + 1, veid, &value);
	if (why)
		return why;
	l->key = strndup(s, n);
	l->value = strbuf_steal(&value);
	return l->key && l->value ? NULL : no_memory;
}

/* A line that is passed over keeps its text only. */
static void lose(struct line *l)
{
	free(l->key);
	free(l->value);
	l->key = l->value = NULL;
	l->lost = true;
}

/* 1 when there were lines to pass over, which is an error unless @salvage. */
static int parse(const char *text, const char *name, const char *veid, bool salvage,
		 struct config **ret_c, struct err *err)
{
	_cleanup_config_ struct config *c = config_new();
	unsigned int lineno = 0;
	const char *s, *end;
	bool lost = false;

	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	for (s = text; *s; s = *end ? end + 1 : end) {
		_cleanup_free_ char *one = NULL;
		struct line l = {0};
		const char *why;
		int r;

		end = strchrnul(s, '\n');
		lineno++;
		one = strndup(s, end - s);
		if (!one)
			return err_set(err, ENOMEM, "out of memory");
		why = decode_line(one, veid, &l);
		if (why && !lost)
			err_set(err, why == no_memory ? ENOMEM : EINVAL, "%s:%u: %s", name, lineno,
				why);
		if (why && (!salvage || why == no_memory)) {
			line_clear(&l);
			return why == no_memory ? -ENOMEM : -EINVAL;
		}
		if (why)
			lose(&l);
		lost = lost || why;
		r = add_line(c, &l, err);
		if (r < 0)
			return r;
	}
	*ret_c = steal_ptr(c);
	return lost;
}

int config_parse(const char *text, const char *name, const char *veid, struct config **ret_c,
		 struct err *err)
{
	return parse(text, name, veid, false, ret_c, err);
}

/* What is no regular file is found before it is opened for reading, which may wait or do things. */
static int read_regular(const char *path, char **ret_text, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;
	int r;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", path);
	r = io_read_file(AT_FDCWD, path, CONFIG_MAX_BYTES, &text, &len, err);
	if (r < 0)
		return r;
	if (strlen(text) != len)
		return err_set(err, EINVAL, "%s: contains a NUL byte", path);
	*ret_text = steal_ptr(text);
	return 0;
}

int config_load(const char *path, const char *veid, struct config **ret_c, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int r = read_regular(path, &text, err);

	return r < 0 ? r : parse(text, path, veid, false, ret_c, err);
}

int config_salvage(const char *path, const char *veid, struct config **ret_c, struct err *bad)
{
	_cleanup_free_ char *text = NULL;
	int r = read_regular(path, &text, bad);

	return r < 0 ? r : parse(text, path, veid, true, ret_c, bad);
}

bool config_has_lost(const struct config *c, const char *word)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		if (c->lines[i].lost && strstr(c->lines[i].text, word))
			return true;
	return false;
}

char *config_text(const struct config *c)
{
	struct strbuf b = STRBUF_INIT;
	size_t i;

	strbuf_add(&b, "");
	for (i = 0; i < c->count; i++) {
		strbuf_add(&b, c->lines[i].text);
		strbuf_addc(&b, '\n');
	}
	if (!c->count && !b.s)
		return strdup("");
	return strbuf_steal(&b);
}

int config_store(const struct config *c, const char *path, struct err *err)
{
	_cleanup_free_ char *text = config_text(c);

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	return io_replace_file(AT_FDCWD, path, text, strlen(text), 0644, err);
}

static struct line *find_line(const struct config *c, const char *key)
{
	size_t i = c->count;

	while (i--)
		if (c->lines[i].key && strcmp(c->lines[i].key, key) == 0)
			return &c->lines[i];
	return NULL;
}

const char *config_get(const struct config *c, const char *key)
{
	struct line *l = c ? find_line(c, key) : NULL;

	return l ? l->value : NULL;
}

size_t config_line(const struct config *c, const char *key)
{
	const struct line *l = find_line(c, key);

	return l ? (size_t)(l - c->lines) + 1 : 0;
}

static void remove_lines(struct config *c, const char *key, const struct line *keep)
{
	size_t from, to = 0;

	for (from = 0; from < c->count; from++) {
		struct line *l = &c->lines[from];

		if (l != keep && l->key && strcmp(l->key, key) == 0)
			line_clear(l);
		else
			c->lines[to++] = *l;
	}
	c->count = to;
}

static int encode_line(const char *key, const char *value, struct line *l, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *s;

	strbuf_addf(&b, "%s=\"", key);
	for (s = value; *s; s++) {
		if (strchr("\\\"$`", *s))
			strbuf_addc(&b, '\\');
		strbuf_addc(&b, *s);
	}
	strbuf_addc(&b, '"');
	*l = (struct line){strbuf_steal(&b), strdup(key), strdup(value), false};
	if (l->text && l->key && l->value)
		return 0;
	line_clear(l);
	return err_set(err, ENOMEM, "out of memory");
}

int config_set(struct config *c, const char *key, const char *value, struct err *err)
{
	struct line *old = find_line(c, key), l;
	const char *s;
	int r;

	if (!*key || key[key_length(key)])
		return err_set(err, EINVAL, "'%s' is no name of a parameter", key);
	if (!value) {
		remove_lines(c, key, NULL);
		return 0;
	}
	for (s = value; *s; s++)
		if (iscntrl((unsigned char)*s))
			return err_set(err, EINVAL, "the value of %s has a control character", key);
	if (old && strcmp(old->value, value) == 0)
		return 0;
	r = encode_line(key, value, &l, err);
	if (r < 0)
		return r;
	if (!old)
		return add_line(c, &l, err);
	line_clear(old);
	*old = l;
	remove_lines(c, key, old);
	return 0;
}

const char *config_key(const struct config *c, size_t index)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		if (c->lines[i].key && index-- == 0)
			return c->lines[i].key;
	return NULL;
}
