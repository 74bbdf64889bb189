/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_NETADDR_H
#define VESPER_NETADDR_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/*
 * An address of a container as --ipadd and IP_ADDRESS write it.
 *
 *	10.0.0.1		that address
 *	10.0.0.1/24		that address; the mask is only what the container
 *				sees on venet0, as OpenVZ's was (/255.255.255.0 is the same)
 *	2001:db8::1		that address
 *	2001:db8:1::1/64	that address, and the whole prefix is the container's
 */
struct netaddr {
	int family;	      /* AF_INET, AF_INET6 */
	unsigned int len;     /* prefix length as given */
	unsigned char ip[16]; /* network order; IPv4 in the first four */
};

#define NETADDR_TEXT_MAX 64

/* -EINVAL with the reason when it is no address that a container can have. */
int netaddr_parse(const char *text, struct netaddr *ret, struct err *err);

/* The one form that is stored: the family's own notation, no prefix of full length. */
void netaddr_format(const struct netaddr *a, char text[NETADDR_TEXT_MAX]);

unsigned int netaddr_bits(const struct netaddr *a); /* 32 or 128 */
size_t netaddr_size(const struct netaddr *a);	    /* the same in bytes */

/* The same address, whatever the prefix. */
bool netaddr_same(const struct netaddr *a, const struct netaddr *b);

/* What is routed to the container: an IPv4 address alone, the prefix of an IPv6 one. */
struct netaddr netaddr_network(const struct netaddr *a);

/* Is everything in @inner in @outer? */
bool netaddr_covers(const struct netaddr *outer, const struct netaddr *inner);

/*
 * A stored list, with blanks between. Caller frees. NULL and "" are the empty
 * list; one address twice is -EINVAL.
 */
int netaddr_list(const char *value, struct netaddr **ret, size_t *ret_count, struct err *err);

#endif
