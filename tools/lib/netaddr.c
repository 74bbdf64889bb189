/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netaddr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "strv.h"

/* A shorter one would hold more than one kind of address: loopback, link-local, multicast. */
#define IPV6_LEN_MIN 16

unsigned int netaddr_bits(const struct netaddr *a)
{
	return a->family == AF_INET ? 32 : 128;
}

size_t netaddr_size(const struct netaddr *a)
{
	return netaddr_bits(a) / 8;
}

/* 255.255.255.0 as vz7 wrote it; ones, then zeros. */
static int parse_mask(const char *s, unsigned int *ret_len)
{
	struct in_addr in;
	uint32_t mask;

	if (inet_pton(AF_INET, s, &in) != 1)
		return -EINVAL;
	mask = ntohl(in.s_addr);
	if (~mask & (~mask + 1))
		return -EINVAL;
	*ret_len = __builtin_popcount(mask);
	return 0;
}

static int parse_len(const char *s, unsigned int max, unsigned int *ret_len)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || *end || n > max)
		return -EINVAL;
	*ret_len = n;
	return 0;
}

static int parse_prefix(const char *s, const char *whole, struct netaddr *a, struct err *err)
{
	unsigned int min = a->family == AF_INET ? 1 : IPV6_LEN_MIN;
	int r = parse_len(s, netaddr_bits(a), &a->len);

	if (r < 0 && a->family == AF_INET)
		r = parse_mask(s, &a->len);
	if (r < 0 || a->len < min)
		return err_set(err, EINVAL, "'%s': '/%s' is not a prefix from /%u to /%u", whole, s,
			       min, netaddr_bits(a));
	return 0;
}

/* Addresses that are nobody's in particular, or the machine's own to itself. */
static bool is_special(const struct netaddr *a)
{
	static const unsigned char zero[2];

	if (a->family == AF_INET)
		return a->ip[0] == 0 || a->ip[0] == 127 || a->ip[0] >= 224;
	/* ::/16 (loopback, IPv4 in disguise), fe80::/10, multicast */
	return memcmp(a->ip, zero, sizeof(zero)) == 0 || a->ip[0] == 0xff ||
	       (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80);
}

/* The network's own address or its broadcast address, by the mask that the container sees. */
static bool is_edge(const struct netaddr *a)
{
	uint32_t ip, host;

	if (a->family != AF_INET || a->len > 30)
		return false;
	memcpy(&ip, a->ip, sizeof(ip));
	host = UINT32_MAX >> a->len;
	return (ntohl(ip) & host) == 0 || (ntohl(ip) & host) == host;
}

int netaddr_parse(const char *text, struct netaddr *ret, struct err *err)
{
	struct netaddr a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	const char *slash = strchrnul(text, '/');
	char buf[INET6_ADDRSTRLEN] = "";
	int r = 0;

	if ((size_t)(slash - text) < sizeof(buf))
		memcpy(buf, text, slash - text);
	if (inet_pton(a.family, buf, a.ip) != 1)
		return err_set(err, EINVAL, "'%s' is not an IPv4 or IPv6 address", text);
	a.len = netaddr_bits(&a);
	if (*slash)
		r = parse_prefix(slash + 1, text, &a, err);
	if (r < 0)
		return r;
	if (is_special(&a) || is_edge(&a))
		return err_set(err, EINVAL, "'%s' is not an address of a machine", text);
	*ret = a;
	return 0;
}

void netaddr_format(const struct netaddr *a, char text[NETADDR_TEXT_MAX])
{
	size_t n;

	inet_ntop(a->family, a->ip, text, NETADDR_TEXT_MAX);
	n = strlen(text);
	if (a->len < netaddr_bits(a))
		snprintf(text + n, NETADDR_TEXT_MAX - n, "/%u", a->len);
}

bool netaddr_same(const struct netaddr *a, const struct netaddr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

struct netaddr netaddr_network(const struct netaddr *a)
{
	struct netaddr net = *a;
	unsigned int i;

	if (a->family == AF_INET) {
		net.len = 32;
		return net;
	}
	for (i = a->len; i < 128; i++)
		net.ip[i / 8] &= ~(0x80 >> i % 8);
	return net;
}

bool netaddr_covers(const struct netaddr *outer, const struct netaddr *inner)
{
	unsigned int whole = outer->len / 8, rest = outer->len % 8;

	if (outer->family != inner->family || outer->len > inner->len ||
	    memcmp(outer->ip, inner->ip, whole) != 0)
		return false;
	return !rest || ((outer->ip[whole] ^ inner->ip[whole]) >> (8 - rest)) == 0;
}

int netaddr_list(const char *value, struct netaddr **ret, size_t *ret_count, struct err *err)
{
	_cleanup_strv_ char **words = NULL;
	_cleanup_free_ struct netaddr *v = NULL;
	size_t count, i, j;

	if (strv_split(value ? value : "", " ", &words) < 0)
		return err_set(err, ENOMEM, "out of memory");
	count = strv_length(words);
	v = calloc(count + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; i < count; i++) {
		int r = netaddr_parse(words[i], &v[i], err);

		if (r < 0)
			return r;
		for (j = 0; j < i; j++)
			if (netaddr_same(&v[i], &v[j]))
				return err_set(err, EINVAL, "address '%s' is there twice",
					       words[i]);
	}
	*ret = steal_ptr(v);
	*ret_count = count;
	return 0;
}
