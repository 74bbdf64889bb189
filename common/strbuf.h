/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_STRBUF_H
#define VESPER_STRBUF_H

#include <stddef.h>

/*
 * A growing string. Zero-initialised is empty. A failed allocation is
 * remembered: later calls do nothing and strbuf_steal() returns NULL.
 */
struct strbuf {
	char *s; /* NUL-terminated, NULL when empty */
	size_t len, cap;
	int failed;
};

#define STRBUF_INIT           \
	{                     \
		NULL, 0, 0, 0 \
	}

void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addn(struct strbuf *b, const char *s, size_t n);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * @n bytes that somebody else chose, for a terminal or a log: what is not
 * well-formed UTF-8, control characters and those of @escape become \ooo.
 */
void strbuf_add_printable(struct strbuf *b, const char *s, size_t n, const char *escape);
/* The string (caller frees), NULL without memory; the buffer is empty after. */
char *strbuf_steal(struct strbuf *b);
void strbuf_free(struct strbuf *b);

#define _cleanup_strbuf_ __attribute__((cleanup(strbuf_free)))

#endif
