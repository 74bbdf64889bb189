/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "osdep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"
#include "path.h"
#include "strbuf.h"
#include "strv.h"

#define FILE_MAX_BYTES (256 << 10)
#define MARK	       "# vzctl"

static int open_etc(const struct ct *ct, struct err *err)
{
	_cleanup_close_ int root = open(ct->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root < 0)
		return err_errno(err, errno, "cannot open '%s'", ct->root);
	fd = path_open_in_root(root, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, fd, "cannot open /etc in the container");
	return fd;
}

/* A small regular file; anything else there (a link, a fifo) reads as empty and gets replaced. */
static char *read_small(int etc, const char *name)
{
	_cleanup_close_ int fd = openat(etc, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES)
		return strdup("");
	text = calloc(1, st.st_size + 1);
	if (!text)
		return NULL;
	if (io_read_full(fd, text, st.st_size) < 0)
		*text = '\0';
	return steal_ptr(text);
}

static int write_text(int etc, const char *name, struct strbuf *b, struct err *err)
{
	_cleanup_free_ char *text = strbuf_steal(b);

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	return io_replace_file(etc, name, text, strlen(text), 0644, err);
}

/* Keep every line but the one we wrote before. */
static int write_hosts(int etc, const char *hostname, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *old = read_small(etc, "hosts");
	size_t short_len = strcspn(hostname, ".");
	char *s, *end;

	if (!old)
		return err_set(err, ENOMEM, "out of memory");
	for (s = old; *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, '\n');
		if (end - s >= (ptrdiff_t)strlen(MARK) &&
		    memcmp(end - strlen(MARK), MARK, strlen(MARK)) == 0)
			continue;
		strbuf_addn(&b, s, end - s);
		strbuf_addc(&b, '\n');
	}
	strbuf_addf(&b, "127.0.1.1\t%s", hostname);
	if (hostname[short_len])
		strbuf_addf(&b, " %.*s", (int)short_len, hostname);
	strbuf_add(&b, " " MARK "\n");
	return write_text(etc, "hosts", &b, err);
}

int osdep_hostname(const struct ct *ct, struct err *err)
{
	const char *hostname = ct_get(ct, "HOSTNAME");
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_close_ int etc = -EBADF;
	int r;

	if (!hostname || !*hostname)
		return 0;
	etc = open_etc(ct, err);
	if (etc < 0)
		return err_exit_default(err, VZ_BAD_HOSTNAME);
	strbuf_addf(&b, "%s\n", hostname);
	r = write_text(etc, "hostname", &b, err);
	if (r == 0)
		r = write_hosts(etc, hostname, err);
	return r < 0 ? err_exit_default(err, VZ_BAD_HOSTNAME) : 0;
}

/* The host's lines that start with @word. */
static int add_inherited(struct strbuf *b, const char *word, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char *line, *save = NULL;
	size_t len;
	int r;

	r = io_read_file(AT_FDCWD, "/etc/resolv.conf", FILE_MAX_BYTES, &text, &len, NULL);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_errno(err, r, "cannot read the host's /etc/resolv.conf");
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, word, strlen(word)) == 0)
			strbuf_addf(b, "%s\n", line);
	return 0;
}

static int add_list(struct strbuf *b, const char *value, const char *word, int one_line,
		    struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	size_t i;

	if (!value || !*value)
		return 0;
	if (strcmp(value, "inherit") == 0)
		return add_inherited(b, word, err);
	if (strv_split(value, " ", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (one_line)
		strbuf_add(b, word);
	for (i = 0; v && v[i]; i++)
		strbuf_addf(b, one_line ? " %s" : "nameserver %s\n", v[i]);
	if (one_line)
		strbuf_addc(b, '\n');
	return 0;
}

int osdep_dns(const struct ct *ct, struct err *err)
{
	const char *servers = ct_get(ct, "NAMESERVER"), *search = ct_get(ct, "SEARCHDOMAIN");
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_close_ int etc = -EBADF;
	int r;

	if ((!servers || !*servers) && (!search || !*search))
		return 0;
	strbuf_add(&b, "");
	r = add_list(&b, search, "search", 1, err);
	if (r == 0)
		r = add_list(&b, servers, "nameserver", 0, err);
	if (r < 0)
		return err_exit_default(err, VZ_BAD_DNS);
	if (!b.len)
		return 0;
	etc = open_etc(ct, err);
	r = etc < 0 ? etc : write_text(etc, "resolv.conf", &b, err);
	return r < 0 ? err_exit_default(err, VZ_BAD_DNS) : 0;
}

int osdep_network(const struct ct *ct, struct err *err)
{
	static const char name[] = "10-venet0.network";
	static const char text[] = "# The host configures venet0.\n"
				   "[Match]\nName=venet*\n\n[Link]\nUnmanaged=yes\n";
	_cleanup_close_ int etc = open_etc(ct, err), dir = -EBADF;

	if (etc < 0)
		return etc;
	dir = path_open_strict(etc, "systemd/network", O_RDONLY | O_DIRECTORY);
	/* No networkd, or a tree of the tenant's own making. */
	if (dir < 0 || faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return io_replace_file(dir, name, text, strlen(text), 0644, err);
}
