/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "strv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "strbuf.h"

size_t strv_length(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

bool strv_contains(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (strcmp(*v, s) == 0)
			return true;
	return false;
}

static int add_taken(char ***v, char *s)
{
	size_t n = strv_length(*v);
	char **p;

	if (!s)
		return -ENOMEM;
	p = reallocarray(*v, n + 2, sizeof(*p));
	if (!p) {
		free(s);
		return -ENOMEM;
	}
	p[n] = s;
	p[n + 1] = NULL;
	*v = p;
	return 0;
}

int strv_add(char ***v, const char *s)
{
	return add_taken(v, strdup(s));
}

size_t strv_remove(char **v, const char *s)
{
	size_t removed = 0;
	char **to = v;

	for (; v && *v; v++) {
		if (strcmp(*v, s) == 0) {
			free(*v);
			removed++;
		} else {
			*to++ = *v;
		}
	}
	if (to)
		*to = NULL;
	return removed;
}

int strv_split(const char *s, const char *seps, char ***ret_v)
{
	_cleanup_strv_ char **v = NULL;

	for (;;) {
		size_t n;
		int r;

		s += strspn(s, seps);
		n = strcspn(s, seps);
		if (n == 0)
			break;
		r = add_taken(&v, strndup(s, n));
		if (r < 0)
			return r;
		s += n;
	}
	*ret_v = steal_ptr(v);
	return 0;
}

char *strv_join(char *const *v, const char *sep)
{
	struct strbuf b = STRBUF_INIT;
	size_t i;

	for (i = 0; v && v[i]; i++) {
		if (i)
			strbuf_add(&b, sep);
		strbuf_add(&b, v[i]);
	}
	return strbuf_steal(&b);
}

void strv_free(char **v)
{
	size_t i;

	for (i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

void strv_freep(char ***v)
{
	strv_free(*v);
	*v = NULL;
}
