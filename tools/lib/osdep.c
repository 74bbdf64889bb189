/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "osdep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

int osdep_open_etc(const struct ct *ct, struct err *err)
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

/* A small regular file; -ELOOP for a link, -EFBIG, -EINVAL for another kind, -ENOENT. */
static int read_small(int etc, const char *name, char **ret_text, size_t *ret_len)
{
	_cleanup_close_ int fd = openat(etc, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > FILE_MAX_BYTES)
		return -EFBIG;
	text = calloc(1, st.st_size + 1);
	if (!text)
		return -ENOMEM;
	r = io_read_full(fd, text, st.st_size);
	if (r < 0)
		return r;
	*ret_text = steal_ptr(text);
	*ret_len = st.st_size;
	return 0;
}

/* What is there already is not written again: a container that is full must still start. */
static int write_text(int etc, const char *name, struct strbuf *b, struct err *err)
{
	_cleanup_free_ char *text = strbuf_steal(b), *old = NULL;
	size_t len;

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	if (read_small(etc, name, &old, &len) == 0 && len == strlen(text) &&
	    memcmp(old, text, len) == 0)
		return 0;
	return io_replace_file(etc, name, text, strlen(text), 0644, err);
}

/* Without the line that we wrote before. */
static void add_hosts(struct strbuf *b, const char *old)
{
	const char *s, *end;

	for (s = old; *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, '\n');
		if (end - s >= (ptrdiff_t)strlen(MARK) &&
		    memcmp(end - strlen(MARK), MARK, strlen(MARK)) == 0)
			continue;
		strbuf_addn(b, s, end - s);
		strbuf_addc(b, '\n');
	}
}

/* The file is the tenant's: one that cannot be read as a small file of lines stays as it is. */
static int write_hosts(const struct ct *ct, int etc, const char *hostname, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *old = NULL;
	size_t short_len = strcspn(hostname, "."), len = 0;
	int r = read_small(etc, "hosts", &old, &len);

	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	if (r == 0 && strlen(old) != len)
		r = -EINVAL;
	if (r < 0 && r != -ENOENT) {
		ct_warn(ct, "/etc/hosts in container %s stays as it is: %s", ct->idstr,
			strerror(-r));
		return 0;
	}
	add_hosts(&b, old ? old : "");
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
	etc = osdep_open_etc(ct, err);
	if (etc < 0)
		return err_exit_default(err, VZ_BAD_HOSTNAME);
	strbuf_addf(&b, "%s\n", hostname);
	r = write_text(etc, "hostname", &b, err);
	if (r == 0)
		r = write_hosts(ct, etc, hostname, err);
	return r < 0 ? err_exit_default(err, VZ_BAD_HOSTNAME) : 0;
}

/* On an address that means another machine in the container: itself. */
static bool is_loopback(const char *server)
{
	return strncmp(server, "127.", 4) == 0 || strncmp(server, "::1", 3) == 0;
}

/* The lines of @path that start with @word; how many name servers were left out in *ret_loopback. */
static int add_lines(struct strbuf *b, const char *path, const char *word, int *ret_loopback,
		     struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char *line, *save = NULL;
	size_t len;
	int r = io_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, NULL);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_errno(err, r, "cannot read the host's '%s'", path);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *value = line + strlen(word);

		if (strncmp(line, word, strlen(word)) != 0 || !strchr(" \t", *value))
			continue;
		if (strcmp(word, "nameserver") == 0 && is_loopback(value + strspn(value, " \t")))
			++*ret_loopback;
		else
			strbuf_addf(b, "%s\n", line);
	}
	return 0;
}

/* A resolver of the host that only the host reaches has a file with those behind it. */
static int add_inherited(const struct ct *ct, struct strbuf *b, const char *word, struct err *err)
{
	size_t before = b->len;
	int loopback = 0;
	int r = add_lines(b, "/etc/resolv.conf", word, &loopback, err);

	if (r == 0 && loopback && b->len == before)
		r = add_lines(b, "/run/systemd/resolve/resolv.conf", word, &loopback, err);
	if (r == 0 && loopback && b->len == before)
		ct_warn(ct,
			"container %s inherits no DNS server: those of the host are on its "
			"loopback addresses",
			ct->idstr);
	return r;
}

static int add_list(const struct ct *ct, struct strbuf *b, const char *value, const char *word,
		    int one_line, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	size_t i;

	if (!value || !*value)
		return 0;
	if (strcmp(value, "inherit") == 0)
		return add_inherited(ct, b, word, err);
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

int osdep_dns_text(const struct ct *ct, char **ret_text, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	int r;

	strbuf_add(&b, "");
	r = add_list(ct, &b, ct_get(ct, "SEARCHDOMAIN"), "search", 1, err);
	if (r == 0)
		r = add_list(ct, &b, ct_get(ct, "NAMESERVER"), "nameserver", 0, err);
	if (r < 0)
		return err_exit_default(err, VZ_BAD_DNS);
	*ret_text = strbuf_steal(&b);
	return *ret_text ? 0 : err_set(err, ENOMEM, "out of memory");
}

int osdep_dns(const struct ct *ct, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int etc = -EBADF;
	int r = osdep_dns_text(ct, &text, err);

	if (r < 0 || !*text)
		return r;
	strbuf_add(&b, text);
	etc = osdep_open_etc(ct, err);
	r = etc < 0 ? etc : write_text(etc, "resolv.conf", &b, err);
	return r < 0 ? err_exit_default(err, VZ_BAD_DNS) : 0;
}

int osdep_network(const struct ct *ct, struct err *err)
{
	static const char name[] = "10-venet0.network";
	static const char text[] = "# The host configures venet0.\n"
				   "[Match]\nName=venet*\n\n[Link]\nUnmanaged=yes\n";
	_cleanup_close_ int etc = osdep_open_etc(ct, err), dir = -EBADF;

	if (etc < 0)
		return etc;
	dir = path_open_strict(etc, "systemd/network", O_RDONLY | O_DIRECTORY);
	/* No networkd, or a tree of the tenant's own making. */
	if (dir < 0 || faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	/* A disk that is full, of blocks or of files, must still start. */
	if (io_replace_file(dir, name, text, strlen(text), 0644, NULL) < 0)
		ct_warn(ct, "container %s has no rule for systemd-networkd: cannot write '%s'",
			ct->idstr, name);
	return 0;
}
