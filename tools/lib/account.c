/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "account.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "dist.h"
#include "err.h"
#include "exec.h"
#include "exitcode.h"
#include "feed.h"
#include "io.h"
#include "lifecycle.h"
#include "path.h"
#include "shadow.h"
#include "state.h"
#include "strbuf.h"

#define FILE_MAX_BYTES	(256 << 10)
#define USER_MAX	32
#define PASSWORD_MAX	512
#define CHPASSWD_SEC	60
#define SECONDS_PER_DAY 86400

/* --- what may be asked for --- */

int value_userpasswd(const char *in, char **ret, struct err *err)
{
	size_t user = strcspn(in, ":"), i;

	for (i = 0; i < user; i++)
		if (!isalnum((unsigned char)in[i]) && !strchr("._-$", in[i]))
			break;
	if (!user || i < user || user > USER_MAX || *in == '-')
		return err_set(err, EINVAL, "not user:password, with a name of a user");
	if (!in[user] || !in[user + 1] || strlen(in + user + 1) > PASSWORD_MAX)
		return err_set(err, EINVAL, "the password of '%.*s' is empty or longer than %d",
			       (int)user, in, PASSWORD_MAX);
	for (i = user + 1; in[i]; i++)
		if (iscntrl((unsigned char)in[i]))
			return err_set(err, EINVAL,
				       "the password of '%.*s' has a control character", (int)user,
				       in);
	*ret = strdup(in);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* "type base64" in a line of an authorized_keys file, which may have options before and a comment behind. */
static const char *find_key(const char *line, size_t len, size_t *ret_len)
{
	static const char *const types[] = {"ssh-ed25519 ",
					    "ssh-rsa ",
					    "ssh-dss ",
					    "ecdsa-sha2-",
					    "sk-ssh-ed25519@openssh.com ",
					    "sk-ecdsa-sha2-"};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const char *s = memmem(line, len, types[i], strlen(types[i])), *blob, *end;

		if (!s || (s > line && !isblank((unsigned char)s[-1])))
			continue;
		blob = memchr(s, ' ', line + len - s);
		if (!blob || line + len - blob < 5 || strncmp(blob + 1, "AAAA", 4) != 0)
			continue;
		for (end = blob + 1;
		     end < line + len && (isalnum((unsigned char)*end) || strchr("+/=", *end));
		     end++)
			;
		*ret_len = end - s;
		return s;
	}
	return NULL;
}

/* The next line at *s, without its end and the blanks around it; NULL past the last. */
static const char *next_line(const char **s, size_t *ret_len)
{
	const char *line, *end;

	if (!**s)
		return NULL;
	line = *s + strspn(*s, " \t");
	end = strchrnul(line, '\n');
	*s = *end ? end + 1 : end;
	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	*ret_len = end - line;
	return line;
}

int value_ssh_keys(const char *in, char **ret, struct err *err)
{
	struct strbuf b = STRBUF_INIT;
	unsigned int lineno = 0;
	const char *s = in, *line;
	size_t len, key, i;

	while ((line = next_line(&s, &len))) {
		lineno++;
		if (!len || *line == '#')
			continue;
		for (i = 0; i < len && !iscntrl((unsigned char)line[i]); i++)
			;
		if (i < len || !find_key(line, len, &key)) {
			strbuf_free(&b);
			return err_set(err, EINVAL, "line %u is not a public key of ssh", lineno);
		}
		strbuf_addn(&b, line, len);
		strbuf_addc(&b, '\n');
	}
	if (!b.len)
		return err_set(err, EINVAL, "there is no public key in it");
	*ret = strbuf_steal(&b);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* --- files on the container's disk --- */

/* A directory below the container's root that no link leads to. */
static int open_below_root(const struct ct *ct, const char *path, struct err *err)
{
	_cleanup_close_ int root = open(ct->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root < 0)
		return err_errno(err, errno, "cannot open '%s'", ct->root);
	fd = path_open_strict(root, path, O_RDONLY | O_DIRECTORY);
	return fd < 0 ? err_errno(err, fd, "cannot open '/%s' in the container", path) : fd;
}

/* A file as it is, refused when it is none; -ENOENT when it is missing. *ret_fd may be NULL. */
static int read_file(int dir, const char *name, char **ret_text, struct stat *ret_st, int *ret_fd,
		     struct err *err)
{
	_cleanup_close_ int fd = path_open_strict(dir, name, O_RDONLY | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;

	if (fd < 0)
		return err_errno(err, fd, "cannot open '%s' in the container", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES)
		return err_set(err, EINVAL, "'%s' in the container is not a file of at most %d KiB",
			       name, FILE_MAX_BYTES >> 10);
	text = calloc(1, st.st_size + 1);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	if (io_read_full(fd, text, st.st_size) < 0 || strlen(text) != (size_t)st.st_size)
		return err_set(err, EINVAL, "'%s' in the container is not text", name);
	*ret_text = steal_ptr(text);
	*ret_st = st;
	if (ret_fd)
		*ret_fd = steal_fd(&fd);
	return 0;
}

/* --- passwords --- */

static int check_user(int etc, const char *user, struct err *err)
{
	_cleanup_free_ char *passwd = NULL;
	struct stat st;
	int r = read_file(etc, "passwd", &passwd, &st, NULL, err);

	if (r < 0)
		return r;
	r = shadow_check_user(passwd, user);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "there is no user '%s' in the container", user);
	return r < 0 ? err_set(err, EINVAL, "user '%s' has no shadow password in the container",
			       user)
		     : 0;
}

static int set_on_disk(const struct ct *ct, const char *user, const char *password, struct err *err)
{
	_cleanup_close_ int etc = open_below_root(ct, "etc", err);
	_cleanup_free_ char *old = NULL, *new = NULL, *hash = NULL;
	struct stat st;
	int r = etc < 0 ? etc : check_user(etc, user, err);

	if (r == 0)
		r = read_file(etc, "shadow", &old, &st, NULL, err);
	if (r == 0)
		r = shadow_hash(password, &hash, err);
	if (r < 0)
		return r;
	new = shadow_replace(old, user, hash, time(NULL) / SECONDS_PER_DAY);
	if (!new)
		return err_set(err, ENOMEM, "out of memory");
	return io_replace_file_like(etc, "shadow", new, strlen(new), &st, err);
}

/* -ENOENT when the container has no chpasswd. */
static int set_by_chpasswd(const struct ct *ct, const char *line, const char *user, struct err *err)
{
	static const char *const argv[] = {"chpasswd", NULL};
	const struct exec_opts opts = {.argv = (char *const *)argv};
	_cleanup_close_ int in = feed_text(line, strlen(line), err);
	int status = 0, r = in;

	if (r >= 0)
		r = feed_exec(ct, &opts, in, CHPASSWD_SEC, &status, err);
	if (r < 0)
		return err_prefix(err, "chpasswd");
	if (status)
		return err_set(err, EIO,
			       "chpasswd in the container failed for user '%s', status %d", user,
			       status);
	return 0;
}

struct by_script {
	const char *value;
	bool done;
};

static int set_by_script(struct ct *ct, void *arg, struct err *err)
{
	_cleanup_dist_run_ struct dist_run run = DIST_RUN(ct, true);
	struct by_script *s = arg;
	int r = dist_userpasswd(&run, s->value, err);

	s->done = r > 0;
	return r;
}

/* 1 when a distribution script did it, 0 for none. */
static int try_script(struct ct *ct, bool running, const char *value, struct err *err)
{
	_cleanup_dist_run_ struct dist_run run = DIST_RUN(ct, false);
	struct by_script s = {.value = value};
	int r = dist_has(ct, DIST_SET_USERPASS, err);

	if (r <= 0)
		return r;
	if (running)
		return dist_userpasswd(&run, value, err);
	r = ct_act(ct, set_by_script, &s, err);
	return r < 0 ? r : s.done;
}

int apply_userpasswd(struct ct *ct, const char *old, const char *value, struct err *err)
{
	_cleanup_free_ char *user = strndup(value, strcspn(value, ":"));
	struct strbuf line = STRBUF_INIT;
	struct ct_status st;
	int r = state_status(ct, &st, err);

	(void)old;
	if (r == 0)
		r = try_script(ct, st.running, value, err);
	if (r != 0)
		return r < 0 ? err_exit_default(err, VZ_PASSWORD) : 0;
	strbuf_addf(&line, "%s\n", value);
	if (!user || line.failed)
		return err_set(err, ENOMEM, "out of memory");
	r = st.running ? set_by_chpasswd(ct, line.s, user, err) : -ENOENT;
	if (r == -ENOENT)
		r = set_on_disk(ct, user, value + strlen(user) + 1, err);
	explicit_bzero(line.s, line.len);
	strbuf_free(&line);
	if (r < 0 && err)
		err->exit_code = VZ_PASSWORD;
	return r;
}

/* --- keys --- */

static bool has_key(const char *text, const char *key, size_t key_len)
{
	const char *line, *s = text, *found;
	size_t len, found_len;

	while ((line = next_line(&s, &len))) {
		found = *line == '#' ? NULL : find_key(line, len, &found_len);
		if (found && found_len == key_len && memcmp(found, key, key_len) == 0)
			return true;
	}
	return false;
}

/* @old with those keys of @keys that it does not have. */
static void merge_keys(const char *old, const char *keys, struct strbuf *b)
{
	const char *line, *s = keys, *key;
	size_t len, key_len;

	strbuf_add(b, old);
	if (b->len && b->s[b->len - 1] != '\n')
		strbuf_addc(b, '\n');
	while ((line = next_line(&s, &len))) {
		key = find_key(line, len, &key_len);
		if (!key || b->failed || has_key(b->s ? b->s : "", key, key_len))
			continue;
		strbuf_addn(b, line, len);
		strbuf_addc(b, '\n');
	}
}

/* /root/.ssh as sshd wants it. */
static int open_ssh_dir(const struct ct *ct, struct err *err)
{
	_cleanup_close_ int home = open_below_root(ct, "root", err), dir = -EBADF;

	if (home < 0)
		return home;
	if (mkdirat(home, ".ssh", 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot make '/root/.ssh' in the container");
	dir = path_open_strict(home, ".ssh", O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return err_errno(err, dir, "cannot open '/root/.ssh' in the container");
	if (fchown(dir, 0, 0) < 0 || fchmod(dir, 0700) < 0)
		return err_errno(err, errno, "cannot close '/root/.ssh' to others");
	return steal_fd(&dir);
}

int apply_ssh_keys(struct ct *ct, const char *old, const char *value, struct err *err)
{
	static const char name[] = "authorized_keys";
	const struct stat owner = {.st_mode = 0600};
	_cleanup_close_ int dir = open_ssh_dir(ct, err), fd = -EBADF;
	_cleanup_free_ char *text = NULL;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct stat st;
	int r = dir;

	(void)old;
	if (r >= 0)
		r = read_file(dir, name, &text, &st, &fd, err);
	if (r < 0 && (dir < 0 || r != -ENOENT))
		return r;
	err_clear(err);
	merge_keys(text ? text : "", value, &b);
	if (b.failed || !b.s)
		return err_set(err, ENOMEM, "out of memory");
	if (!text || strcmp(text, b.s) != 0)
		return io_replace_file_like(dir, name, b.s, b.len, &owner, err);
	if (fchown(fd, 0, 0) < 0 || fchmod(fd, 0600) < 0)
		return err_errno(err, errno, "cannot close '%s' to others", name);
	return 0;
}
