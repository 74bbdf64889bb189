/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shadow.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "strbuf.h"

/* The line of @user in @text; its length without the newline in *ret_len. NULL for none. */
static const char *find_line(const char *text, const char *user, size_t *ret_len)
{
	size_t len = strlen(user);
	const char *s, *end;

	for (s = text; *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, '\n');
		if ((size_t)(end - s) > len && memcmp(s, user, len) == 0 && s[len] == ':') {
			*ret_len = end - s;
			return s;
		}
	}
	return NULL;
}

int shadow_check_user(const char *passwd, const char *user)
{
	size_t len;
	const char *line = find_line(passwd, user, &len);

	if (!line)
		return -ENOENT;
	return strncmp(line + strlen(user), ":x:", 3) == 0 ? 0 : -EINVAL;
}

char *shadow_replace(const char *shadow, const char *user, const char *hash, long day)
{
	struct strbuf b = STRBUF_INIT;
	size_t len = 0;
	const char *line = find_line(shadow, user, &len), *rest;
	size_t before = line ? (size_t)(line - shadow) : strlen(shadow);

	strbuf_addn(&b, shadow, before);
	if (b.len && b.s[b.len - 1] != '\n')
		strbuf_addc(&b, '\n');
	strbuf_addf(&b, "%s:%s:%ld:", user, hash, day);
	if (!line) {
		strbuf_add(&b, "0:99999:7:::\n");
		return strbuf_steal(&b);
	}
	/* Behind the name, the password and the day of its change. */
	rest = memchr(line + strlen(user) + 1, ':', len - strlen(user) - 1);
	rest = rest ? memchr(rest + 1, ':', line + len - rest - 1) : NULL;
	if (rest)
		strbuf_add(&b, rest + 1);
	else
		strbuf_addf(&b, ":::::%s", line[len] ? line + len : "\n");
	return strbuf_steal(&b);
}

char *shadow_lock_empty(const char *text, const char *user, const char *lock)
{
	struct strbuf b = STRBUF_INIT;
	size_t len;
	const char *line = find_line(text, user, &len), *password;

	if (!line)
		return NULL;
	password = line + strlen(user) + 1;
	if (*password != ':' && *password != '\n' && *password)
		return NULL;
	strbuf_addn(&b, text, (size_t)(password - text));
	strbuf_add(&b, lock);
	strbuf_add(&b, password);
	return strbuf_steal(&b);
}

int shadow_hash(const char *password, char **ret_hash, struct err *err)
{
	_cleanup_free_ struct crypt_data *data = calloc(1, sizeof(*data));
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *hash = NULL;

	if (!data)
		return err_set(err, ENOMEM, "out of memory");
	/* SHA-512: what every libc and every busybox that we meet can check. */
	if (crypt_gensalt_rn("$6$", 0, NULL, 0, setting, sizeof(setting)))
		hash = crypt_rn(password, setting, data, sizeof(*data));
	*ret_hash = hash ? strdup(hash) : NULL;
	explicit_bzero(data, sizeof(*data));
	return *ret_hash ? 0 : err_set(err, EIO, "cannot hash the password");
}
