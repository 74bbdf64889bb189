/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_NETIF_H
#define VESPER_NETIF_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"

struct ct;
struct err;

/*
 * The value of NETIF: what veth pairs a container has, as OpenVZ stored it.
 *
 *	ifname=eth0,bridge=vmbr0,mac=00:18:51:..,host_ifname=veth101.0,host_mac=..,mac_filter=off;ifname=eth1,...
 */
struct netif {
	char ifname[IFNAMSIZ];	    /* in the container */
	char host_ifname[IFNAMSIZ]; /* in the host */
	char bridge[IFNAMSIZ];	    /* "": none */
	unsigned char mac[LINK_MAC_LEN], host_mac[LINK_MAC_LEN];
	bool has_mac, has_host_mac; /* false: derived when it is needed */
	bool mac_filter;
};

struct netif_list {
	struct netif *v;
	size_t count;
};

#define NETIF_LIST_INIT \
	{               \
		NULL, 0 \
	}

void netif_list_free(struct netif_list *l);
#define _cleanup_netif_list_ __attribute__((cleanup(netif_list_free)))

/* NULL and "" are the empty list. -EINVAL with the reason. */
int netif_parse(const char *value, struct netif_list *ret, struct err *err);

/* Caller frees; NULL without memory. */
char *netif_format(const struct netif_list *l);

/* Set one field by its name in a record; @value is checked. */
int netif_set(struct netif *n, const char *key, const char *value, struct err *err);

/* NULL when there is none; borrowed. */
struct netif *netif_find(const struct netif_list *l, const char *ifname);
bool netif_has_host_name(const struct netif_list *l, const char *host_ifname);

/* -EINVAL when both ends have one MAC. */
int netif_check_macs(const struct netif *n, struct err *err);

/* Add a copy at the end; names may not meet, nor its two MACs. */
int netif_append(struct netif_list *l, const struct netif *n, struct err *err);

#define NETIF_MAC_TEXT 18
void netif_mac_text(const unsigned char mac[LINK_MAC_LEN], char text[NETIF_MAC_TEXT]);

/* Values of single options, as param.h wants them. */
int netif_check(const char *in, char **ret, struct err *err);  /* the whole of NETIF */
int netif_name(const char *in, char **ret, struct err *err);   /* of a device */
int netif_bridge(const char *in, char **ret, struct err *err); /* of a bridge; empty: none */
int netif_mac(const char *in, char **ret, struct err *err);    /* 00:18:51:AB:CD:EF, unicast */
int netif_on_off(const char *in, char **ret, struct err *err);

/*
 * Put what OpenVZ's tools would have chosen where nothing is: a name in the
 * host that @others have not, and MACs that depend on the node, the container
 * and the device, so that they are the same at every start. MACs for which
 * @used (may be NULL) is true are passed over.
 */
typedef bool (*netif_used_fn)(void *arg, const unsigned char mac[LINK_MAC_LEN]);
void netif_complete(const char *node, uint32_t ctid, const struct netif_list *others,
		    struct netif *n, netif_used_fn used, void *arg);

/* What makes MACs of this machine others than those of the next: its machine-id. */
void netif_node(char node[64]);

/*
 * One option of set, on the value @now of NETIF: netif_add, netif_del, ifname
 * (which only has to exist), or one of those that change the device @ifname,
 * NULL when none was named. Bridges must exist in the host. Caller frees *ret.
 */
int netif_option(const struct ct *ct, const char *now, const char *option, const char *ifname,
		 const char *in, char **ret, struct err *err);

#endif
