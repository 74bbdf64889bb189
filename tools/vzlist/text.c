/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Texts of containers as they may be shown. A description or a file edited by
 * hand holds any bytes: escape sequences in them must not reach a terminal,
 * and columns are counted as a terminal counts them.
 */
#include "vzlist.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "strbuf.h"

static bool escape;	/* standard output is a terminal */
static bool ascii_only; /* which shows no more than that */

void text_init(void)
{
	escape = isatty(STDOUT_FILENO);
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		return;
	ascii_only = true;
	/* Widths of what is written elsewhere are those of UTF-8 whatever the locale is. */
	setlocale(LC_CTYPE, "C.UTF-8");
}

/*
 * The character at @s (not its end) and its length; length 1 and -1 for a byte
 * that starts none. Strict: no surrogates, nothing longer than it must be.
 */
static int32_t decode(const char *s, size_t *ret_len)
{
	static const struct {
		unsigned char mask, lead;
		int32_t min;
	} forms[] = {
		{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	unsigned char first = *s;
	int32_t c;
	size_t i, n;

	*ret_len = 1;
	for (n = 0; n < 4; n++)
		if ((first & forms[n].mask) == forms[n].lead)
			break;
	if (n == 4)
		return -1;
	c = first & ~forms[n].mask;
	for (i = 1; i <= n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < forms[n].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*ret_len = n + 1;
	return c;
}

/* Nothing to see, and it turns the direction of what follows or hides between letters. */
static bool is_invisible(int32_t c)
{
	return c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* How many columns a character takes, -1 when it may not be shown. */
static int columns_of(int32_t c)
{
	if (c < 0 || is_invisible(c) || !iswprint(c))
		return -1;
	return c < 0x80 ? 1 : wcwidth(c);
}

static void add_escaped(struct strbuf *b, const char *s, size_t len)
{
	for (; len; len--)
		strbuf_addf(b, "\\x%02x", (unsigned char)*s++);
}

size_t text_add(struct strbuf *b, const char *s, size_t max)
{
	size_t used = 0, len;

	for (; *s; s += len) {
		int32_t c = decode(s, &len);
		int width = columns_of(c);
		bool hidden = width < 0 || (ascii_only && c >= 0x80);
		size_t need = width < 0 ? 1 : width;

		if (escape && hidden)
			need = 4 * len;
		if (need > max - used)
			break;
		if (escape && hidden)
			add_escaped(b, s, len);
		else
			strbuf_addn(b, s, len);
		used += need;
	}
	return used;
}

char *text_utf8(const char *s)
{
	struct strbuf b = STRBUF_INIT;
	size_t len;

	strbuf_add(&b, "");
	for (; *s; s += len) {
		if (decode(s, &len) < 0)
			strbuf_add(&b, "\xef\xbf\xbd");
		else
			strbuf_addn(&b, s, len);
	}
	return strbuf_steal(&b);
}
