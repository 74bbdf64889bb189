/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device policy of a container as rules; devprog.c makes the kernel's program of them. */
#include "device.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "exitcode.h"
#include "path.h"
#include "strbuf.h"
#include "strv.h"

#define RW (DEVICE_READ | DEVICE_WRITE)

/* The kernel's: 12 and 20 bits. */
#define MAJOR_MAX 0xfffU
#define MINOR_MAX 0xfffffU

/*
 * OpenVZ's list with what a server of today wants, tun and fuse, and without
 * what would be the host's here: 5:1 is the console that the host booted with
 * (the container's is a pty), 1:11 the host's kernel log, 4:* its screens. The
 * ptys of the BSD kind (2:*, 3:*) and the pty masters by number (128:*) are
 * those of no kernel that we build.
 */
const struct device device_defaults[] = {
	{"null", 'c', 1, 3, RW, 0666},
	{"zero", 'c', 1, 5, RW, 0666},
	{"full", 'c', 1, 7, RW, 0666},
	{"random", 'c', 1, 8, RW, 0666},
	{"urandom", 'c', 1, 9, RW, 0666},
	{"tty", 'c', 5, 0, RW, 0666},
	{NULL, 'c', 5, 2, RW, 0}, /* ptmx: each devpts brings its own */
	{"fuse", 'c', 10, 229, RW, 0666},
	{"net/tun", 'c', 10, 200, RW, 0666},
	{NULL, 'c', 136, DEVICE_ALL, RW, 0}, /* ptys */
};

const size_t device_default_count = sizeof(device_defaults) / sizeof(device_defaults[0]);

static int parse_access(const char *s, unsigned int *ret)
{
	unsigned int access = 0;

	if (strcmp(s, "none") == 0) {
		*ret = 0;
		return 0;
	}
	for (; *s; s++) {
		unsigned int bit = *s == 'r'   ? DEVICE_READ
				   : *s == 'w' ? DEVICE_WRITE
				   : *s == 'q' ? DEVICE_QUOTA
					       : 0;

		if (!bit || (access & bit))
			return -EINVAL;
		access |= bit;
	}
	if (!access)
		return -EINVAL;
	*ret = access;
	return 0;
}

static void format_access(struct strbuf *b, unsigned int access)
{
	if (!access)
		strbuf_add(b, "none");
	if (access & DEVICE_READ)
		strbuf_addc(b, 'r');
	if (access & DEVICE_WRITE)
		strbuf_addc(b, 'w');
	if (access & DEVICE_QUOTA)
		strbuf_addc(b, 'q');
}

/* Digits up to @end; -EINVAL for anything else or a number above @max. */
static int parse_number(const char *s, const char *end, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;

	if (s == end)
		return -EINVAL;
	for (; s < end; s++) {
		if (!isdigit((unsigned char)*s))
			return -EINVAL;
		n = n * 10 + (*s - '0');
		if (n > max)
			return -EINVAL;
	}
	*ret = n;
	return 0;
}

/* What the kernel could not hold to is refused: its list of block devices has numbers, no ranges. */
static int check_rule(const char *in, const struct device *d, struct err *err)
{
	if ((d->access & DEVICE_QUOTA) && d->type == 'c')
		return err_set(err, EINVAL, "'%s': 'q' is for block devices", in);
	if (d->access && d->type == 'b' && d->minor == DEVICE_ALL)
		return err_set(err, EINVAL,
			       "'%s': block devices are granted one by one, not by 'all'", in);
	return 0;
}

static int parse_rule(const char *in, struct device *ret, struct err *err)
{
	struct device d = {.type = *in};
	const char *major, *minor, *access;

	if ((*in != 'b' && *in != 'c') || in[1] != ':')
		goto bad;
	major = in + 2;
	minor = strchr(major, ':');
	access = minor ? strchr(minor + 1, ':') : NULL;
	if (!access || parse_number(major, minor, MAJOR_MAX, &d.major) < 0)
		goto bad;
	minor++;
	if (access - minor == 3 && memcmp(minor, "all", 3) == 0)
		d.minor = DEVICE_ALL;
	else if (parse_number(minor, access, MINOR_MAX, &d.minor) < 0)
		goto bad;
	if (parse_access(access + 1, &d.access) < 0)
		goto bad;
	*ret = d;
	return check_rule(in, &d, err);
bad:
	return err_set(err, EINVAL, "'%s' is not b|c:major:minor|all:[r][w][q]|none", in);
}

int device_value(const char *in, char **ret, struct err *err)
{
	struct strbuf b = STRBUF_INIT;
	struct device d;
	int r = parse_rule(in, &d, err);

	if (r < 0)
		return r;
	strbuf_addf(&b, "%c:%" PRIu32 ":", d.type, d.major);
	if (d.minor == DEVICE_ALL)
		strbuf_add(&b, "all:");
	else
		strbuf_addf(&b, "%" PRIu32 ":", d.minor);
	format_access(&b, d.access);
	*ret = strbuf_steal(&b);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* A path below /dev with no way out, of characters that a list of words can hold. */
static bool is_name(const char *s)
{
	size_t part = 0;

	for (; *s; s++) {
		if (*s == '/' && !part)
			return false;
		if (*s == '.' && !part && (s[1] == '\0' || s[1] == '/' || s[1] == '.'))
			return false;
		if (!isalnum((unsigned char)*s) && !strchr("/._-+@:", *s))
			return false;
		part = *s == '/' ? 0 : part + 1;
	}
	return part > 0;
}

static int parse_node(const char *in, char **ret_name, unsigned int *ret_access, struct err *err)
{
	const char *colon = strrchr(in, ':');
	_cleanup_free_ char *name = NULL;

	if (!colon)
		return err_set(err, EINVAL, "'%s' is not device:[r][w][q]|none", in);
	name = strndup(in, colon - in);
	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	if (!is_name(name))
		return err_set(err, EINVAL, "'%s' is not the name of a device below /dev", name);
	if (parse_access(colon + 1, ret_access) < 0)
		return err_set(err, EINVAL, "'%s': access is [r][w][q] or none", in);
	*ret_name = steal_ptr(name);
	return 0;
}

static bool is_default_name(const char *name, struct device *ret)
{
	size_t i;

	for (i = 0; i < device_default_count; i++)
		if (device_defaults[i].name && strcmp(device_defaults[i].name, name) == 0) {
			*ret = device_defaults[i];
			return true;
		}
	return false;
}

/*
 * Which device the host means by a name: links inside /dev are followed (disk/by-id).
 * Ours need no node on the host: the kernel may load their driver at the first open.
 */
static int look_up(const char *name, struct device *ret, struct err *err)
{
	_cleanup_close_ int dev = -EBADF, fd = -EBADF;
	struct stat st;

	if (is_default_name(name, ret))
		return 0;
	dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0)
		return err_errno(err, errno, "cannot open '/dev'");
	fd = path_open_in_root(dev, name, O_PATH, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))) {
		err_set(err, ENODEV, "the host has no device '/dev/%s'", name);
		err_exit_default(err, VZ_DEVICE_SET);
		return -ENODEV;
	}
	ret->type = S_ISBLK(st.st_mode) ? 'b' : 'c';
	ret->major = major(st.st_rdev);
	ret->minor = minor(st.st_rdev);
	ret->perm = st.st_mode & 0777;
	return 0;
}

/*
 * *ret: ret->name is the caller's to free. -ENODEV with a sentence when the
 * host has no such device; then type is 0 and all else is set.
 */
static int parse_and_look_up(const char *in, struct device *ret, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	struct device d = {0};
	unsigned int access;
	int r = parse_node(in, &name, &access, err), found;

	if (r < 0)
		return r;
	found = look_up(name, &d, err);
	if (found < 0 && found != -ENODEV)
		return found;
	d.access = access;
	r = found < 0 ? 0 : check_rule(in, &d, err);
	if (r < 0)
		return r;
	d.name = steal_ptr(name);
	*ret = d;
	return found;
}

int device_value_node(const char *in, char **ret, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct device d = {0};
	int r = parse_and_look_up(in, &d, err);

	if (d.name) {
		strbuf_addf(&b, "%s:", d.name);
		format_access(&b, d.access);
		free((char *)d.name);
	}
	/* What went away can still be taken away. */
	if (r == -ENODEV && !d.access) {
		err_clear(err);
		r = 0;
	}
	if (r < 0)
		return r;
	*ret = strbuf_steal(&b);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* Takes rule->name. */
static int insert(struct devices *d, size_t at, struct device rule)
{
	struct device *v = reallocarray(d->v, d->count + 1, sizeof(*v));

	if (!v) {
		free((char *)rule.name);
		return -ENOMEM;
	}
	d->v = v;
	memmove(v + at + 1, v + at, (d->count - at) * sizeof(*v));
	v[at] = rule;
	d->count++;
	return 0;
}

static int add_defaults(struct devices *d)
{
	size_t i;

	for (i = 0; i < device_default_count; i++) {
		struct device rule = device_defaults[i];

		if (rule.name && !(rule.name = strdup(rule.name)))
			return -ENOMEM;
		if (insert(d, d->count, rule) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Rules of a number go before those of every number: "c:1:all:none c:1:3:rw". */
static int add_numbers(struct devices *d, const char *list, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	size_t i, exact;
	int r = 0;

	if (strv_split(list, " ,", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (exact = 0; exact < 2; exact++)
		for (i = 0; r == 0 && v && v[i]; i++) {
			struct device rule;

			r = parse_rule(v[i], &rule, err);
			if (r == 0 && (rule.minor != DEVICE_ALL) == exact)
				r = insert(d, 0, rule);
		}
	return r == -ENOMEM ? err_set(err, ENOMEM, "out of memory") : r;
}

static int add_node(struct devices *d, const char *word, bool past, struct err *err)
{
	struct device rule = {0};
	int r = parse_and_look_up(word, &rule, err);

	if (r == -ENODEV) {
		free((char *)rule.name);
		if (rule.access && !past)
			return r;
		err_clear(err);
		return 0;
	}
	if (r == 0 && insert(d, 0, rule) < 0)
		r = err_set(err, ENOMEM, "out of memory");
	return r;
}

static int add_nodes(struct devices *d, const char *list, bool past, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	size_t i;
	int r = 0;

	if (strv_split(list, " ,", &v) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; r == 0 && v && v[i]; i++)
		r = add_node(d, v[i], past, err);
	return r;
}

int devices_load(const char *devices, const char *devnodes, bool past, struct devices *ret,
		 struct err *err)
{
	_cleanup_devices_ struct devices d = DEVICES_INIT;
	int r = add_defaults(&d);

	if (r < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = add_numbers(&d, devices ? devices : "", err);
	if (r == 0)
		r = add_nodes(&d, devnodes ? devnodes : "", past, err);
	if (r < 0)
		return err_exit_default(err, VZ_DEVICE_SET);
	*ret = d;
	d = (struct devices)DEVICES_INIT;
	return 0;
}

void devices_free(struct devices *d)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		free((char *)d->v[i].name);
	free(d->v);
	*d = (struct devices)DEVICES_INIT;
}

const struct device *devices_find(const struct devices *d, char type, uint32_t major,
				  uint32_t minor)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		if (d->v[i].type == type && d->v[i].major == major &&
		    (d->v[i].minor == minor || d->v[i].minor == DEVICE_ALL))
			return &d->v[i];
	return NULL;
}

bool devices_has_node(const struct devices *d, size_t index)
{
	const struct device *rule = &d->v[index];

	if (!rule->name)
		return false;
	rule = devices_find(d, rule->type, rule->major, rule->minor);
	return rule->access & RW;
}
