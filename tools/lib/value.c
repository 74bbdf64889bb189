/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "err.h"
#include "netaddr.h"
#include "size.h"

#define PAGE_BYTES UINT64_C(4096)
#define KIB	   UINT64_C(1024)

static int give(const char *s, char **ret, struct err *err)
{
	*ret = strdup(s);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int give_number(uint64_t n, char **ret, struct err *err)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRIu64, n);
	return give(buf, ret, err);
}

int value_bool(const char *in, char **ret, struct err *err)
{
	if (strcasecmp(in, "yes") != 0 && strcasecmp(in, "no") != 0)
		return err_set(err, EINVAL, "'%s' is neither yes nor no", in);
	return give(strcasecmp(in, "yes") == 0 ? "yes" : "no", ret, err);
}

int value_text(const char *in, char **ret, struct err *err)
{
	const char *s;

	for (s = in; *s; s++)
		if (iscntrl((unsigned char)*s))
			return err_set(err, EINVAL, "the text has a control character");
	return give(in, ret, err);
}

static bool only(const char *s, const char *more)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(more, *s))
			return false;
	return true;
}

int value_name(const char *in, char **ret, struct err *err)
{
	/* A name of digits would be taken for an id. */
	if (*in && (!only(in, "._-") || *in == '.' || *in == '-' || strlen(in) > 63 ||
		    strspn(in, "0123456789") == strlen(in)))
		return err_set(err, EINVAL,
			       "'%s' is not a name (letters, digits, '.', '_', '-', "
			       "at most 63, not only digits)",
			       in);
	return give(in, ret, err);
}

static bool is_domain(const char *s, size_t max)
{
	size_t label = 0;

	if (!*s || strlen(s) > max || !only(s, ".-") || *s == '.' || *s == '-')
		return false;
	for (; *s; s++) {
		label = *s == '.' ? 0 : label + 1;
		if (label > 63 || (*s == '.' && (s[1] == '.' || s[1] == '-' || s[-1] == '-')))
			return false;
	}
	return s[-1] != '-';
}

int value_hostname(const char *in, char **ret, struct err *err)
{
	/* 64: what the kernel stores */
	if (!is_domain(in, 64))
		return err_set(err, EINVAL, "'%s' is not a host name", in);
	return give(in, ret, err);
}

int value_domain(const char *in, char **ret, struct err *err)
{
	if (!is_domain(in, 253))
		return err_set(err, EINVAL, "'%s' is not a domain", in);
	return give(in, ret, err);
}

int value_address(const char *in, char **ret, struct err *err)
{
	char text[NETADDR_TEXT_MAX];
	struct netaddr a;
	int r = netaddr_parse(in, &a, err);

	if (r < 0)
		return r;
	netaddr_format(&a, text);
	return give(text, ret, err);
}

int value_nameserver(const char *in, char **ret, struct err *err)
{
	unsigned char addr[16];

	if (strcmp(in, "inherit") != 0 && inet_pton(AF_INET, in, addr) != 1 &&
	    inet_pton(AF_INET6, in, addr) != 1)
		return err_set(err, EINVAL, "'%s' is neither an address nor 'inherit'", in);
	return give(in, ret, err);
}

/* Names between slashes: neither the host's root nor a way around to it. */
static bool is_plain_path(const char *s)
{
	size_t names = 0, len;

	if (*s != '/')
		return false;
	for (; *s; s += len) {
		s += strspn(s, "/");
		len = strcspn(s, "/");
		if ((len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		names += len > 0;
	}
	return names > 0;
}

int value_path(const char *in, char **ret, struct err *err)
{
	if (!is_plain_path(in))
		return err_set(err, EINVAL, "'%s' is not an absolute path", in);
	return value_text(in, ret, err);
}

int value_template(const char *in, char **ret, struct err *err)
{
	if (!*in || !only(in, "._-+") || *in == '.')
		return err_set(err, EINVAL, "not a name of a template or distribution");
	return give(in, ret, err);
}

int value_layout(const char *in, char **ret, struct err *err)
{
	if (strcmp(in, "ploop") == 0 || strcmp(in, "ploop:raw") == 0)
		return give("ploop:raw", ret, err);
	if (strcmp(in, "ploop:expanded") == 0 || strcmp(in, "ploop:preallocated") == 0)
		return give(in, ret, err);
	return err_set(err, EINVAL,
		       "the layout '%s' is not supported, only ploop:raw, ploop:expanded and "
		       "ploop:preallocated",
		       in);
}

static int parse_u32(const char *s, uint32_t *ret)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno || *end || n > UINT32_MAX)
		return -EINVAL;
	*ret = n;
	return 0;
}

int value_number(const char *in, char **ret, struct err *err)
{
	uint32_t n;

	if (parse_u32(in, &n) < 0)
		return err_set(err, EINVAL, "'%s' is not a number from 0 to 4294967295", in);
	return give_number(n, ret, err);
}

int value_cpuunits(const char *in, char **ret, struct err *err)
{
	uint32_t n;

	if (parse_u32(in, &n) < 0 || n < 8 || n > 500000)
		return err_set(err, EINVAL, "'%s' is not a number from 8 to 500000", in);
	return give_number(n, ret, err);
}

int value_cpulimit(const char *in, char **ret, struct err *err)
{
	size_t len = strlen(in);
	char buf[16];
	uint32_t n;

	if (len && in[len - 1] == '%')
		len--;
	if (len < sizeof(buf)) {
		memcpy(buf, in, len);
		buf[len] = '\0';
		if (parse_u32(buf, &n) == 0 && n <= 1000000)
			return give_number(n, ret, err);
	}
	return err_set(err, EINVAL, "'%s' is not a percentage of one CPU", in);
}

static int parse_item(const char *s, size_t len, uint64_t *ret)
{
	char buf[24], *end;

	if (!len || len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, s, len);
	buf[len] = '\0';
	if (strcmp(buf, "unlimited") == 0) {
		*ret = SIZE_UNLIMITED;
		return 0;
	}
	if (!isdigit((unsigned char)*buf))
		return -EINVAL;
	errno = 0;
	*ret = strtoull(buf, &end, 10);
	if (*ret > SIZE_UNLIMITED)
		*ret = SIZE_UNLIMITED;
	return errno || *end ? -EINVAL : 0;
}

int value_get_items(const char *s, uint64_t *ret_barrier, uint64_t *ret_limit)
{
	const char *colon = strchrnul(s, ':');
	uint64_t b, l;

	if (parse_item(s, colon - s, &b) < 0)
		return -EINVAL;
	l = b;
	if (*colon && parse_item(colon + 1, strlen(colon + 1), &l) < 0)
		return -EINVAL;
	if (b > l)
		return -EINVAL;
	*ret_barrier = b;
	*ret_limit = l;
	return 0;
}

int value_items(const char *in, char **ret, struct err *err)
{
	char buf[64], b[24] = "unlimited", l[24] = "unlimited";
	uint64_t barrier, limit;

	if (value_get_items(in, &barrier, &limit) < 0)
		return err_set(err, EINVAL,
			       "'%s' is not barrier[:limit] in items, barrier <= limit", in);
	if (barrier != SIZE_UNLIMITED)
		snprintf(b, sizeof(b), "%" PRIu64, barrier);
	if (limit != SIZE_UNLIMITED)
		snprintf(l, sizeof(l), "%" PRIu64, limit);
	snprintf(buf, sizeof(buf), "%s:%s", b, l);
	return give(buf, ret, err);
}

/* The stored form of PHYSPAGES and SWAPPAGES: barrier 0, limit in the largest exact unit. */
static int store_pages(uint64_t bytes, char **ret, struct err *err)
{
	char buf[32], size[28];

	if (bytes == SIZE_UNLIMITED)
		return give("0:unlimited", ret, err);
	bytes = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	if (bytes % (KIB * KIB) == 0 && bytes)
		size_format(bytes, size, sizeof(size));
	else
		snprintf(size, sizeof(size), "%" PRIu64, bytes / PAGE_BYTES);
	snprintf(buf, sizeof(buf), "0:%s", size);
	return give(buf, ret, err);
}

static int parse_ram(const char *in, uint64_t unit, char **ret, struct err *err)
{
	uint64_t barrier, limit;
	int r = size_parse_pair(in, unit, &barrier, &limit);

	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	if (r < 0)
		return err_set(err, EINVAL, "'%s' is not a size", in);
	return store_pages(limit, ret, err);
}

int value_ram_bytes(const char *in, char **ret, struct err *err)
{
	return parse_ram(in, 1, ret, err);
}

int value_ram_pages(const char *in, char **ret, struct err *err)
{
	return parse_ram(in, PAGE_BYTES, ret, err);
}

int value_get_pages(const char *stored, uint64_t *ret_bytes)
{
	uint64_t barrier;

	return size_parse_pair(stored, PAGE_BYTES, &barrier, ret_bytes);
}

int value_get_disk(const char *stored, uint64_t *ret_bytes)
{
	uint64_t barrier;

	return size_parse_pair(stored, KIB, &barrier, ret_bytes);
}

int value_disk(const char *in, char **ret, struct err *err)
{
	char buf[32];
	uint64_t bytes;
	int r = value_get_disk(in, &bytes);

	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	if (r < 0 || !bytes || bytes == SIZE_UNLIMITED)
		return err_set(err, EINVAL, "'%s' is not the size of a disk", in);
	if (bytes % KIB)
		bytes += KIB - bytes % KIB;
	if (bytes % (KIB * KIB) == 0)
		size_format(bytes, buf, sizeof(buf));
	else
		snprintf(buf, sizeof(buf), "%" PRIu64, bytes / KIB);
	return give(buf, ret, err);
}
