/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NETIF as `vzctl set` changes it, and what is chosen when nobody gave it. */
#include "netif.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "io.h"
#include "strv.h"

#define TRIES_MAX 1000

/* --- what nobody gave ---------------------------------------------------------------- */

void netif_node(char node[64])
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, "/etc/machine-id", 256, &text, &len, NULL) == 0 && *text)
		snprintf(node, 64, "%.*s", (int)strcspn(text, "\n"), text);
	else if (gethostname(node, 64) < 0)
		*node = '\0';
	node[63] = '\0';
}

/* FNV-1a */
static uint32_t hash(uint32_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		h = (h ^ *p++) * 16777619U;
	return h;
}

/* Each part with its end, so that no two sets of parts are one text; then every bit into the lower 24. */
static uint32_t hash_device(const char *node, uint32_t ctid, const char *ifname, const char *side,
			    uint32_t try)
{
	uint32_t h = 2166136261U;

	h = hash(h, node, strlen(node) + 1);
	h = hash(h, &ctid, sizeof(ctid));
	h = hash(h, ifname, strlen(ifname) + 1);
	h = hash(h, side, strlen(side) + 1);
	h = hash(h, &try, sizeof(try));
	h = (h ^ h >> 16) * 0x85ebca6bU;
	h = (h ^ h >> 13) * 0xc2b2ae35U;
	return h ^ h >> 16;
}

struct chooser {
	const char *node;
	uint32_t ctid;
	netif_used_fn used;
	void *arg;
};

static void choose_mac(const struct chooser *c, const char *ifname, const char *side,
		       const unsigned char *other, unsigned char mac[LINK_MAC_LEN])
{
	uint32_t try = 0;

	do {
		uint32_t h = hash_device(c->node, c->ctid, ifname, side, try++);
		/* SWsoft's prefix, as OpenVZ's MACs have it. */
		const unsigned char m[LINK_MAC_LEN] = {0x00, 0x18, 0x51, h >> 16, h >> 8, h};

		memcpy(mac, m, sizeof(m));
	} while (try < TRIES_MAX && ((other && memcmp(mac, other, LINK_MAC_LEN) == 0) ||
				     (c->used && c->used(c->arg, mac))));
}

/* vethCTID.N, N from the name inside; the largest ids leave no room for "veth". */
static void choose_host_name(uint32_t ctid, const struct netif_list *others, struct netif *n)
{
	const char *digits = n->ifname + strlen(n->ifname);
	unsigned long number;
	char name[64];
	int i;

	while (digits > n->ifname && isdigit((unsigned char)digits[-1]))
		digits--;
	number = strtoul(digits, NULL, 10);
	for (i = 0; i < TRIES_MAX; i++) {
		unsigned int at = (number + i) % 1000;

		if (snprintf(name, sizeof(name), "veth%u.%u", ctid, at) >= IFNAMSIZ)
			snprintf(name, sizeof(name), "v%u.%u", ctid, at);
		if (!netif_has_host_name(others, name))
			break;
	}
	snprintf(n->host_ifname, IFNAMSIZ, "%.15s", name);
}

void netif_complete(const char *node, uint32_t ctid, const struct netif_list *others,
		    struct netif *n, netif_used_fn used, void *arg)
{
	const struct chooser c = {node, ctid, used, arg};

	if (!*n->host_ifname)
		choose_host_name(ctid, others, n);
	if (!n->has_mac)
		choose_mac(&c, n->ifname, "container", n->has_host_mac ? n->host_mac : NULL,
			   n->mac);
	if (!n->has_host_mac)
		choose_mac(&c, n->ifname, "host", n->mac, n->host_mac);
	n->has_mac = n->has_host_mac = true;
}

/* NETIF of every container of the node; lines that do not parse are passed over. */
static int collect(const struct host *host, char ***ret, struct err *err)
{
	_cleanup_strv_ char **values = NULL;
	_cleanup_free_ uint32_t *ids = NULL;
	size_t count, i;
	int r = ct_list(host, &ids, &count, err);

	for (i = 0; r == 0 && i < count; i++) {
		_cleanup_ct_ struct ct *ct = NULL;
		const char *value;

		if (ct_open_other(host, ids[i], false, &ct, NULL) < 0)
			continue;
		value = config_get(ct->conf, "NETIF");
		if (value && strv_add(&values, value) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (r == 0)
		*ret = steal_ptr(values);
	return r;
}

static bool is_used(void *arg, const unsigned char mac[LINK_MAC_LEN])
{
	char text[NETIF_MAC_TEXT], **v;

	netif_mac_text(mac, text);
	for (v = arg; v && *v; v++)
		if (strcasestr(*v, text))
			return true;
	return false;
}

/* --- the options ------------------------------------------------------------------------ */

static int check_bridge(const char *name, struct err *err)
{
	char path[64];

	if (!*name)
		return 0;
	snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", name);
	return access(path, F_OK) < 0 ? err_set(err, ENODEV, "the host has no bridge '%s'", name)
				      : 0;
}

/* ifname[,mac[,host_ifname[,host_mac[,bridge]]]], any but the first may be empty. */
static int parse_add(const char *in, struct netif *ret, struct err *err)
{
	static const char *const keys[] = {"ifname", "mac", "host_ifname", "host_mac", "bridge"};
	struct netif n = {.mac_filter = true};
	_cleanup_free_ char *copy = strdup(in);
	char *rest = copy, *field;
	size_t i;
	int r = 0;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; r == 0 && (field = strsep(&rest, ",")); i++) {
		if (i == sizeof(keys) / sizeof(keys[0]))
			return err_set(err, EINVAL,
				       "'%s' has more than ifname,mac,host_ifname,host_mac,bridge",
				       in);
		if (*field || i == 0)
			r = netif_set(&n, keys[i], field, err);
	}
	if (r == 0)
		r = check_bridge(n.bridge, err);
	if (r == 0)
		*ret = n;
	return r;
}

static int add(const struct ct *ct, struct netif_list *l, const char *in, struct err *err)
{
	_cleanup_strv_ char **values = NULL;
	struct netif n;
	char node[64];
	int r = parse_add(in, &n, err);

	if (r == 0)
		r = collect(ct->host, &values, err);
	if (r < 0)
		return r;
	netif_node(node);
	netif_complete(node, ct->id, l, &n, is_used, values);
	return netif_append(l, &n, err);
}

static int no_device(const char *ifname, struct err *err)
{
	return err_set(err, ENOENT, "the container has no device '%s'", ifname);
}

static int del(struct netif_list *l, const char *ifname, struct err *err)
{
	struct netif *n = netif_find(l, ifname);

	if (strcmp(ifname, "all") == 0) {
		l->count = 0;
		return 0;
	}
	if (!n)
		return no_device(ifname, err);
	memmove(n, n + 1, (l->v + --l->count - n) * sizeof(*n));
	return 0;
}

static int modify(struct netif_list *l, const char *ifname, const char *key, const char *in,
		  struct err *err)
{
	struct netif *n = ifname ? netif_find(l, ifname) : NULL;
	int r;

	if (!ifname)
		return err_set(err, EINVAL, "--ifname must stand before it");
	if (!n)
		return no_device(ifname, err);
	if (strcmp(key, "host_ifname") == 0 && strcmp(in, n->host_ifname) != 0 &&
	    netif_has_host_name(l, in))
		return err_set(err, EEXIST, "the container has a device '%s' in the host already",
			       in);
	r = netif_set(n, key, in, err);
	if (r == 0)
		r = netif_check_macs(n, err);
	return r == 0 && strcmp(key, "bridge") == 0 ? check_bridge(n->bridge, err) : r;
}

int netif_option(const struct ct *ct, const char *now, const char *option, const char *ifname,
		 const char *in, char **ret, struct err *err)
{
	_cleanup_netif_list_ struct netif_list l = NETIF_LIST_INIT;
	int r = netif_parse(now, &l, err);

	if (r < 0)
		return r;
	if (strcmp(option, "netif_add") == 0)
		r = add(ct, &l, in, err);
	else if (strcmp(option, "netif_del") == 0)
		r = del(&l, in, err);
	else if (strcmp(option, "ifname") == 0)
		r = netif_find(&l, in) ? 0 : no_device(in, err);
	else
		r = modify(&l, ifname, option, in, err);
	if (r < 0)
		return r;
	*ret = netif_format(&l);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}
