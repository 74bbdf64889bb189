/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netif.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "net.h"
#include "strbuf.h"
#include "strv.h"

void netif_list_free(struct netif_list *l)
{
	free(l->v);
	l->v = NULL;
	l->count = 0;
}

/* --- values ------------------------------------------------------------------------ */

static int give(const char *s, char **ret, struct err *err)
{
	*ret = strdup(s);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* A subset of the kernel's rules in which a record stays one, and a name no option of a program. */
static int take_name(char to[IFNAMSIZ], const char *in, struct err *err)
{
	const char *s;
	bool bad = !*in || *in == '-' || strlen(in) >= IFNAMSIZ || strcmp(in, ".") == 0 ||
		   strcmp(in, "..") == 0;

	for (s = in; *s; s++)
		bad |= !isalnum((unsigned char)*s) && !strchr("._-", *s);
	if (bad)
		return err_set(err, EINVAL,
			       "'%s' is not a name of a device (letters, digits, '.', '_', '-', "
			       "at most 15)",
			       in);
	strcpy(to, in);
	return 0;
}

/* "all" and "default" are no devices: of net.*.conf they are all of the host's, of --netif_del too. */
static int take_own_name(char to[IFNAMSIZ], const char *in, struct err *err)
{
	if (strcmp(in, "all") == 0 || strcmp(in, "default") == 0)
		return err_set(err, EINVAL, "'%s' is not a name of one device", in);
	return take_name(to, in, err);
}

/* In the host, the venet0 of a container has its own. */
static int take_host_name(char to[IFNAMSIZ], const char *in, struct err *err)
{
	if (net_is_host_dev(in))
		return err_set(err, EINVAL, "'%s' is the name of a container's " NET_GUEST_DEV, in);
	return take_own_name(to, in, err);
}

int netif_name(const char *in, char **ret, struct err *err)
{
	char name[IFNAMSIZ];
	int r = take_name(name, in, err);

	return r < 0 ? r : give(name, ret, err);
}

int netif_bridge(const char *in, char **ret, struct err *err)
{
	return *in ? netif_name(in, ret, err) : give("", ret, err);
}

static int take_mac(unsigned char mac[LINK_MAC_LEN], const char *in, struct err *err)
{
	static const unsigned char zero[LINK_MAC_LEN];
	unsigned char m[LINK_MAC_LEN];
	int i, end = 0;

	for (i = 0; i < LINK_MAC_LEN; i++)
		if (!isxdigit((unsigned char)in[end]) || !isxdigit((unsigned char)in[end + 1]) ||
		    in[end + 2] != (i + 1 < LINK_MAC_LEN ? ':' : '\0') ||
		    sscanf(in + end, "%2hhx", &m[i]) != 1)
			return err_set(err, EINVAL, "'%s' is not a MAC (00:18:51:xx:xx:xx)", in);
		else
			end += 3;
	if ((m[0] & 1) || memcmp(m, zero, sizeof(m)) == 0)
		return err_set(err, EINVAL, "'%s' is not the MAC of one device", in);
	memcpy(mac, m, sizeof(m));
	return 0;
}

void netif_mac_text(const unsigned char m[LINK_MAC_LEN], char text[NETIF_MAC_TEXT])
{
	snprintf(text, NETIF_MAC_TEXT, "%02X:%02X:%02X:%02X:%02X:%02X", m[0], m[1], m[2], m[3],
		 m[4], m[5]);
}

int netif_mac(const char *in, char **ret, struct err *err)
{
	unsigned char mac[LINK_MAC_LEN];
	char text[NETIF_MAC_TEXT];
	int r = take_mac(mac, in, err);

	if (r < 0)
		return r;
	netif_mac_text(mac, text);
	return give(text, ret, err);
}

int netif_on_off(const char *in, char **ret, struct err *err)
{
	if (strcmp(in, "on") != 0 && strcmp(in, "off") != 0)
		return err_set(err, EINVAL, "'%s' is neither on nor off", in);
	return give(in, ret, err);
}

/* --- records ------------------------------------------------------------------------ */

int netif_set(struct netif *n, const char *key, const char *value, struct err *err)
{
	int r;

	if (strcmp(key, "ifname") == 0)
		return take_own_name(n->ifname, value, err);
	if (strcmp(key, "host_ifname") == 0)
		return take_host_name(n->host_ifname, value, err);
	if (strcmp(key, "bridge") == 0) {
		*n->bridge = '\0';
		return *value ? take_name(n->bridge, value, err) : 0;
	}
	if (strcmp(key, "mac") == 0) {
		r = take_mac(n->mac, value, err);
		n->has_mac |= r == 0;
		return r;
	}
	if (strcmp(key, "host_mac") == 0) {
		r = take_mac(n->host_mac, value, err);
		n->has_host_mac |= r == 0;
		return r;
	}
	if (strcmp(key, "mac_filter") == 0) {
		_cleanup_free_ char *word = NULL;

		r = netif_on_off(value, &word, err);
		n->mac_filter = r == 0 && strcmp(word, "on") == 0;
		return r;
	}
	return err_set(err, EINVAL, "'%s' is not known of a network device", key);
}

/* With one MAC on both sides neither would answer the other. */
int netif_check_macs(const struct netif *n, struct err *err)
{
	if (!n->has_mac || !n->has_host_mac || memcmp(n->mac, n->host_mac, LINK_MAC_LEN) != 0)
		return 0;
	return err_set(err, EINVAL, "device '%s' has the same MAC in the container and in the host",
		       n->ifname);
}

static int parse_record(char *record, struct netif *ret, struct err *err)
{
	struct netif n = {.mac_filter = true};
	char *field, *save = NULL;

	for (field = strtok_r(record, ",", &save); field; field = strtok_r(NULL, ",", &save)) {
		char *value = strchr(field, '=');
		int r;

		if (!value)
			return err_set(err, EINVAL, "'%s' is not NAME=VALUE", field);
		*value++ = '\0';
		r = netif_set(&n, field, value, err);
		if (r < 0)
			return r;
	}
	if (!*n.ifname)
		return err_set(err, EINVAL, "a network device without ifname");
	*ret = n;
	return 0;
}

struct netif *netif_find(const struct netif_list *l, const char *ifname)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (strcmp(l->v[i].ifname, ifname) == 0)
			return &l->v[i];
	return NULL;
}

bool netif_has_host_name(const struct netif_list *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (strcmp(l->v[i].host_ifname, name) == 0)
			return true;
	return false;
}

int netif_append(struct netif_list *l, const struct netif *n, struct err *err)
{
	struct netif *v;

	if (netif_find(l, n->ifname) || strcmp(n->ifname, NET_GUEST_DEV) == 0 ||
	    strcmp(n->ifname, "lo") == 0)
		return err_set(err, EEXIST, "the container has a device '%s' already", n->ifname);
	if (*n->host_ifname && netif_has_host_name(l, n->host_ifname))
		return err_set(err, EEXIST, "the container has a device '%s' in the host already",
			       n->host_ifname);
	if (netif_check_macs(n, err) < 0)
		return -EINVAL;
	v = reallocarray(l->v, l->count + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	v[l->count++] = *n;
	l->v = v;
	return 0;
}

int netif_parse(const char *value, struct netif_list *ret, struct err *err)
{
	_cleanup_netif_list_ struct netif_list l = NETIF_LIST_INIT;
	_cleanup_strv_ char **records = NULL;
	size_t i;
	int r = 0;

	if (strv_split(value ? value : "", ";", &records) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (i = 0; r == 0 && records && records[i]; i++) {
		struct netif n;

		r = parse_record(records[i], &n, err);
		if (r == 0)
			r = netif_append(&l, &n, err);
	}
	if (r < 0)
		return r;
	*ret = l;
	l = (struct netif_list)NETIF_LIST_INIT;
	return 0;
}

char *netif_format(const struct netif_list *l)
{
	struct strbuf b = STRBUF_INIT;
	char mac[NETIF_MAC_TEXT];
	size_t i;

	strbuf_add(&b, "");
	for (i = 0; i < l->count; i++) {
		const struct netif *n = &l->v[i];

		strbuf_addf(&b, "%sifname=%s", i ? ";" : "", n->ifname);
		if (*n->bridge)
			strbuf_addf(&b, ",bridge=%s", n->bridge);
		if (n->has_mac) {
			netif_mac_text(n->mac, mac);
			strbuf_addf(&b, ",mac=%s", mac);
		}
		if (*n->host_ifname)
			strbuf_addf(&b, ",host_ifname=%s", n->host_ifname);
		if (n->has_host_mac) {
			netif_mac_text(n->host_mac, mac);
			strbuf_addf(&b, ",host_mac=%s", mac);
		}
		if (!n->mac_filter)
			strbuf_add(&b, ",mac_filter=off");
	}
	return strbuf_steal(&b);
}

int netif_check(const char *in, char **ret, struct err *err)
{
	_cleanup_netif_list_ struct netif_list l = NETIF_LIST_INIT;
	int r = netif_parse(in, &l, err);

	if (r < 0)
		return r;
	*ret = netif_format(&l);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}
