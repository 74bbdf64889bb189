/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files are the tenant's: a small one and a link are kept as they are, in
 * place of anything else nothing is put back.
 */
#include "former.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "io.h"
#include "osdep.h"
#include "utsname.h"

static const char *const names[] = {"hostname", "hosts", "resolv.conf"};

#define FILES	       (sizeof(names) / sizeof(names[0]))
#define FILE_MAX_BYTES (256 << 10)

struct kept {
	enum { KEPT_NOT, KEPT_ABSENT, KEPT_LINK, KEPT_FILE } what;
	char *text; /* of the file, or where the link leads; owned */
	size_t len;
	struct stat st;
};

struct former {
	char *hostname; /* owned */
	struct kept files[FILES];
};

static int keep_link(int etc, const char *name, struct kept *k)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(etc, name, to, sizeof(to) - 1);

	if (n < 0)
		return 0;
	k->text = strndup(to, (size_t)n);
	k->what = KEPT_LINK;
	return k->text ? 0 : -ENOMEM;
}

static int keep_file(int etc, const char *name, struct kept *k)
{
	_cleanup_close_ int fd = openat(etc, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &k->st) < 0 || !S_ISREG(k->st.st_mode) ||
	    k->st.st_size > FILE_MAX_BYTES)
		return 0;
	k->len = (size_t)k->st.st_size;
	k->text = malloc(k->len + 1);
	if (!k->text)
		return -ENOMEM;
	if (io_read_full(fd, k->text, k->len) == 0)
		k->what = KEPT_FILE;
	return 0;
}

static int keep(int etc, const char *name, struct kept *k)
{
	struct stat st;

	if (fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		k->what = errno == ENOENT ? KEPT_ABSENT : KEPT_NOT;
		return 0;
	}
	return S_ISLNK(st.st_mode) ? keep_link(etc, name, k) : keep_file(etc, name, k);
}

int former_take(const struct ct *ct, struct former **ret, struct err *err)
{
	_cleanup_(former_freep) struct former *f = calloc(1, sizeof(*f));
	_cleanup_close_ int etc = osdep_open_etc(ct, err);
	size_t i;
	int r = etc < 0 ? etc : 0;

	if (r == 0)
		r = f ? utsname_get(ct, &f->hostname, err) : -ENOMEM;
	for (i = 0; r == 0 && i < FILES; i++)
		r = keep(etc, names[i], &f->files[i]);
	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	if (r < 0)
		return r;
	*ret = steal_ptr(f);
	return 0;
}

static bool is_same(const struct kept *a, const struct kept *b)
{
	if (a->what != b->what || a->len != b->len)
		return false;
	if (a->what == KEPT_LINK)
		return strcmp(a->text, b->text) == 0;
	return a->what != KEPT_FILE || memcmp(a->text, b->text, a->len) == 0;
}

static void put_file_back(int etc, const char *name, const struct kept *k)
{
	struct kept now = {.what = KEPT_NOT};

	if (k->what == KEPT_NOT)
		return;
	/* What is right stays: there may be no room for it a second time. */
	if (keep(etc, name, &now) < 0 || !is_same(k, &now)) {
		if (k->what == KEPT_FILE)
			io_replace_file_like(etc, name, k->text, k->len, &k->st, NULL);
		else
			unlinkat(etc, name, 0);
		if (k->what == KEPT_LINK)
			(void)!symlinkat(k->text, etc, name);
	}
	free(now.text);
}

void former_put_back(const struct ct *ct, const struct former *f)
{
	_cleanup_close_ int etc = osdep_open_etc(ct, NULL);
	size_t i;

	for (i = 0; etc >= 0 && i < FILES; i++)
		put_file_back(etc, names[i], &f->files[i]);
	utsname_set(ct, f->hostname, NULL);
}

void former_free(struct former *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; i < FILES; i++)
		free(f->files[i].text);
	free(f->hostname);
	free(f);
}

void former_freep(struct former **f)
{
	former_free(*f);
}
