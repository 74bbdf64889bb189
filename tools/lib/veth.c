/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "veth.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"
#include "link.h"
#include "netbpf.h"
#include "netif.h"
#include "rtnl.h"
#include "state.h"

#define ADDR_ASSIGN_SET "3" /* NET_ADDR_SET of the kernel: somebody gave the address */

struct ends {
	const struct ct *ct;
	int host, guest, netns;
};

static void ends_close(struct ends *e)
{
	cleanup_closep(&e->host);
	cleanup_closep(&e->guest);
	cleanup_closep(&e->netns);
}

static int ends_open(const struct ct *ct, struct ends *e, struct err *err)
{
	e->ct = ct;
	e->host = rtnl_open(-1, err);
	if (e->host < 0)
		return e->host;
	e->netns = state_open_ns(ct, "net", err);
	if (e->netns < 0)
		return e->netns;
	e->guest = rtnl_open(e->netns, err);
	return e->guest < 0 ? e->guest : 0;
}

/* --- bridges ------------------------------------------------------------------------ */

static bool address_is_set(const char *dev)
{
	_cleanup_free_ char *text = NULL;
	char path[80];
	size_t len;

	snprintf(path, sizeof(path), "/sys/class/net/%s/addr_assign_type", dev);
	return io_read_file(AT_FDCWD, path, 16, &text, &len, NULL) == 0 &&
	       strncmp(text, ADDR_ASSIGN_SET, 1) == 0;
}

/*
 * A bridge that nobody gave an address has the lowest one of its ports, as they
 * come, go and change. A container must not change it: the host would be lost to
 * its neighbours. So the address that it has is given to it.
 */
static int keep_address(int sock, const struct link *bridge)
{
	return address_is_set(bridge->name) ? 0 : link_set_mac(sock, bridge->index, bridge->mac);
}

/*
 * Without a bridge the reverse path filter checks what comes. It is the larger of
 * conf/all and the device's: with all=2 (loose) any address of the world may come.
 */
static int check_strict(const struct netif *n, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (*n->bridge)
		return 0;
	r = io_read_file(AT_FDCWD, "/proc/sys/net/ipv4/conf/all/rp_filter", 16, &text, &len, err);
	if (r < 0)
		return r;
	if (text[0] == '2')
		return err_exit(err, VZ_VETH,
				"'%s' has no bridge and needs net.ipv4.conf.all.rp_filter 0 or 1: "
				"it is 2 (loose)",
				n->host_ifname);
	return 0;
}

static int set_bridge(const struct ends *e, int index, const struct netif *n, struct err *err)
{
	struct link bridge = {0};
	int r = check_strict(n, err);

	if (r < 0)
		return r;
	if (*n->bridge) {
		r = link_find(e->host, n->bridge, &bridge);
		if (r == -ENODEV || (r == 0 && strcmp(bridge.kind, "bridge") != 0))
			return err_exit(err, VZ_VETH, "the host has no bridge '%s'", n->bridge);
		if (r == 0)
			r = keep_address(e->host, &bridge);
	}
	if (r == 0)
		r = link_set_master(e->host, index, bridge.index);
	if (r < 0 && !*n->bridge)
		return err_errno(err, r, "cannot take '%s' off its bridge", n->host_ifname);
	if (r < 0)
		return err_errno(err, r, "cannot make '%s' a port of '%s'", n->host_ifname,
				 n->bridge);
	return 0;
}

/* --- one pair ----------------------------------------------------------------------- */

static int create_pair(const struct ends *e, const struct netif *n)
{
	struct ifinfomsg none = {.ifi_family = AF_UNSPEC};
	struct rtattr *info, *data, *peer;
	struct rtnl_req req;

	rtnl_begin(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &none, sizeof(none));
	rtnl_put_str(&req, IFLA_IFNAME, n->host_ifname);
	rtnl_put(&req, IFLA_ADDRESS, n->host_mac, sizeof(n->host_mac));
	rtnl_put_u32(&req, IFLA_GROUP, link_group(e->ct));
	info = rtnl_nest(&req, IFLA_LINKINFO);
	rtnl_put_str(&req, IFLA_INFO_KIND, "veth");
	data = rtnl_nest(&req, IFLA_INFO_DATA);
	peer = rtnl_nest(&req, VETH_INFO_PEER);
	rtnl_put_raw(&req, &none, sizeof(none));
	rtnl_put_str(&req, IFLA_IFNAME, n->ifname);
	rtnl_put(&req, IFLA_ADDRESS, n->mac, sizeof(n->mac));
	rtnl_put_u32(&req, IFLA_NET_NS_FD, e->netns);
	rtnl_nest_end(&req, peer);
	rtnl_nest_end(&req, data);
	rtnl_nest_end(&req, info);
	return rtnl_talk(e->host, &req);
}

static int set_up(const struct ends *e, const struct netif *n, struct err *err)
{
	int index = rtnl_link_index(e->host, n->host_ifname), r;

	if (index < 0)
		return err_errno(err, index, "'%s' is gone", n->host_ifname);
	/* The host learns no routes from a container, and forwards for no source that is not behind it. */
	r = link_sysctl("ipv6", n->host_ifname, "accept_ra", "0", err);
	if (r == 0)
		r = link_sysctl("ipv4", n->host_ifname, "rp_filter", "1", err);
	if (r == 0 && n->mac_filter)
		r = netbpf_guard_mac(index, n->mac, err);
	if (r == 0)
		r = *n->bridge ? set_bridge(e, index, n, err) : check_strict(n, err);
	if (r < 0)
		return r;
	r = link_set_up(e->host, index);
	return r < 0 ? err_errno(err, r, "cannot bring '%s' up", n->host_ifname) : 0;
}

/* Nothing that is not the container's is touched, whatever NETIF calls it. */
static int find_own(const struct ends *e, const char *host_ifname, struct link *ret,
		    struct err *err)
{
	int r = link_find(e->host, host_ifname, ret);

	if (r < 0)
		return err_errno(err, r, "cannot find the device '%s'", host_ifname);
	if (ret->group != link_group(e->ct))
		return err_set(err, EEXIST, "the device '%s' of the host is not the container's",
			       host_ifname);
	return 0;
}

/* In the container's group and not in its list: what a command that was killed had made. */
static bool drop_leftover(const struct ends *e, const char *host_ifname)
{
	struct link l;

	return find_own(e, host_ifname, &l, NULL) == 0 && link_delete(e->host, l.index) == 0;
}

static int create(const struct ends *e, const struct netif *n, struct err *err)
{
	int r = create_pair(e, n);

	if (r == -EEXIST && drop_leftover(e, n->host_ifname))
		r = create_pair(e, n);
	if (r == -EEXIST && rtnl_link_index(e->host, n->host_ifname) > 0)
		return err_set(err, EEXIST, "the host has a device '%s' already", n->host_ifname);
	if (r == -EEXIST)
		return err_set(err, EEXIST, "the container has a device '%s' already", n->ifname);
	if (r < 0)
		return err_errno(err, r, "cannot make the network device '%s'", n->host_ifname);
	r = set_up(e, n, err);
	if (r < 0)
		link_delete_name(e->host, n->host_ifname);
	return r;
}

static int destroy(const struct ends *e, const struct netif *n, struct err *err)
{
	struct link l;
	int r = find_own(e, n->host_ifname, &l, err);

	/* The container may have removed its end, and the other with it. */
	if (r == -ENODEV)
		return 0;
	if (r == 0) {
		r = link_delete(e->host, l.index);
		if (r < 0 && r != -ENODEV)
			return err_errno(err, r, "cannot remove the device '%s'", n->host_ifname);
	}
	return r == -ENODEV ? 0 : r;
}

static int set_guest_mac(const struct ends *e, const struct netif *n, struct err *err)
{
	int index = rtnl_link_index(e->guest, n->ifname);
	int r = index < 0 ? index : link_set_mac(e->guest, index, n->mac);

	return r < 0 ? err_errno(err, r, "cannot set the MAC of '%s' in the container", n->ifname)
		     : 0;
}

static int set_fields(const struct ends *e, int index, const struct netif *from,
		      const struct netif *to, struct err *err)
{
	bool mac = memcmp(from->mac, to->mac, LINK_MAC_LEN) != 0;
	int r = 0;

	if (strcmp(from->host_ifname, to->host_ifname) != 0)
		r = link_rename(e->host, index, to->host_ifname);
	if (r == 0 && memcmp(from->host_mac, to->host_mac, LINK_MAC_LEN) != 0)
		r = link_set_mac(e->host, index, to->host_mac);
	if (r < 0)
		return err_errno(err, r, "cannot change the device '%s'", from->host_ifname);
	if (mac)
		r = set_guest_mac(e, to, err);
	if (r == 0 && (mac || from->mac_filter != to->mac_filter))
		r = netbpf_guard_mac(index, to->mac_filter ? to->mac : NULL, err);
	if (r == 0 && strcmp(from->bridge, to->bridge) != 0)
		r = set_bridge(e, index, to, err);
	return r;
}

static int modify(const struct ends *e, const struct netif *from, const struct netif *to,
		  struct err *err)
{
	struct link l;
	int r = find_own(e, from->host_ifname, &l, err);

	if (r < 0)
		return r;
	r = set_fields(e, l.index, from, to, err);
	if (r < 0)
		set_fields(e, l.index, to, from, NULL);
	return r;
}

/* --- all of them --------------------------------------------------------------------- */

struct move {
	const struct netif *from, *to; /* NULL: not there */
};

static int run_move(const struct ends *e, const struct netif *from, const struct netif *to,
		    struct err *err)
{
	if (!from)
		return create(e, to, err);
	return to ? modify(e, from, to, err) : destroy(e, from, err);
}

static bool is_same(const struct netif *a, const struct netif *b)
{
	return strcmp(a->host_ifname, b->host_ifname) == 0 && strcmp(a->bridge, b->bridge) == 0 &&
	       memcmp(a->mac, b->mac, LINK_MAC_LEN) == 0 &&
	       memcmp(a->host_mac, b->host_mac, LINK_MAC_LEN) == 0 &&
	       a->mac_filter == b->mac_filter;
}

/* What goes first frees names for what comes. */
static size_t plan(const struct netif_list *before, const struct netif_list *after,
		   struct move *moves)
{
	size_t count = 0, i;

	for (i = 0; i < before->count; i++)
		if (!netif_find(after, before->v[i].ifname))
			moves[count++] = (struct move){&before->v[i], NULL};
	for (i = 0; i < before->count; i++) {
		const struct netif *to = netif_find(after, before->v[i].ifname);

		if (to && !is_same(&before->v[i], to))
			moves[count++] = (struct move){&before->v[i], to};
	}
	for (i = 0; i < after->count; i++)
		if (!netif_find(before, after->v[i].ifname))
			moves[count++] = (struct move){NULL, &after->v[i]};
	return count;
}

static int run_moves(const struct ends *e, const struct netif_list *before,
		     const struct netif_list *after, struct err *err)
{
	_cleanup_free_ struct move *moves = NULL;
	size_t count, done;
	int r = 0;

	moves = calloc(before->count + after->count + 1, sizeof(*moves));
	if (!moves)
		return err_set(err, ENOMEM, "out of memory");
	count = plan(before, after, moves);
	for (done = 0; done < count; done++) {
		r = run_move(e, moves[done].from, moves[done].to, err);
		if (r < 0)
			break;
	}
	while (r < 0 && done--)
		run_move(e, moves[done].to, moves[done].from, NULL);
	return r;
}

/* A file that a person wrote need not name everything. */
static int load(const struct ct *ct, const char *value, struct netif_list *ret, struct err *err)
{
	char node[64];
	size_t i;
	int r = netif_parse(value, ret, err);

	netif_node(node);
	for (i = 0; r == 0 && i < ret->count; i++)
		netif_complete(node, ct->id, ret, &ret->v[i], NULL, NULL);
	return r;
}

int veth_change(const struct ct *ct, const char *before, const char *after, struct err *err)
{
	_cleanup_netif_list_ struct netif_list from = NETIF_LIST_INIT, to = NETIF_LIST_INIT;
	_cleanup_(ends_close) struct ends e = {.host = -EBADF, .guest = -EBADF, .netns = -EBADF};
	int r = load(ct, before, &from, err);

	if (r == 0)
		r = load(ct, after, &to, err);
	if (r == 0)
		r = ends_open(ct, &e, err);
	if (r == 0)
		r = run_moves(&e, &from, &to, err);
	return r < 0 ? err_exit_default(err, VZ_VETH) : 0;
}
