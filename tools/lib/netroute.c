/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses in effect. What a container has (an address, an IPv6 prefix) is a
 * route of the host to its device, and that route is also the reservation:
 * nobody else gets what it leads to. It is looked for and added under one lock
 * of the node, because a prefix may collide with what is inside of it.
 *
 *	host		route to the network, dev venet<CTID>; source allowed
 *	container	the address on venet0; for a prefix a route "unreachable",
 *			or packets to its unused part would go round and round
 */
#include "netroute.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "link.h"
#include "lock.h"
#include "net.h"
#include "netaddr.h"
#include "netbpf.h"
#include "netfree.h"
#include "path.h"
#include "rtnl.h"
#include "state.h"

#define LOCK_WAIT_SEC 60
/* Of the route inside that nothing the container adds has to be better than. */
#define METRIC_LAST   0x7fffffff /* etc/dists/scripts/ip.sh has it, too */

/*
 * Both ends of the device. What is inside is the container's to remove or to
 * rename: then an index is negative. Nothing can be added, but what it was
 * given is still taken away from it.
 */
struct ends {
	const struct ct *ct;
	int host, guest;	 /* sockets */
	int host_dev, guest_dev; /* indices */
	char dev[IFNAMSIZ];
};

static void ends_close(struct ends *e)
{
	cleanup_closep(&e->host);
	cleanup_closep(&e->guest);
}

static int ends_open(const struct ct *ct, struct ends *e, struct err *err)
{
	_cleanup_close_ int netns = state_open_ns(ct, "net", err);

	if (netns < 0)
		return netns;
	e->ct = ct;
	net_host_dev(ct, e->dev);
	e->host = rtnl_open(-1, err);
	if (e->host < 0)
		return e->host;
	e->guest = rtnl_open(netns, err);
	if (e->guest < 0)
		return e->guest;
	e->host_dev = rtnl_link_index(e->host, e->dev);
	e->guest_dev = rtnl_link_index(e->guest, NET_GUEST_DEV);
	return 0;
}

static int require(const struct ends *e, struct err *err)
{
	if (e->host_dev < 0 || e->guest_dev < 0)
		return err_exit(err, VZ_ADD_IP, "container %s has lost its device %s", e->ct->idstr,
				e->host_dev < 0 ? e->dev : NET_GUEST_DEV);
	return 0;
}

/* --- the pieces -------------------------------------------------------------------- */

static int host_route(const struct ends *e, uint16_t type, uint16_t flags,
		      const struct netaddr *net)
{
	struct rtmsg rtm = {.rtm_family = net->family,
			    .rtm_dst_len = net->len,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = RTPROT_STATIC,
			    .rtm_scope = net->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
			    .rtm_type = RTN_UNICAST};
	struct in6_addr via;
	struct rtnl_req req;

	rtnl_begin(&req, type, flags, &rtm, sizeof(rtm));
	rtnl_put(&req, RTA_DST, net->ip, netaddr_size(net));
	rtnl_put_u32(&req, RTA_OIF, e->host_dev);
	if (net->family == AF_INET6) {
		inet_pton(AF_INET6, NET_GUEST_IPV6, &via);
		rtnl_put(&req, RTA_GATEWAY, &via, sizeof(via));
	}
	return rtnl_talk(e->host, &req);
}

static int guest_unreachable(const struct ends *e, uint16_t type, uint16_t flags,
			     const struct netaddr *net)
{
	struct rtmsg rtm = {.rtm_family = net->family,
			    .rtm_dst_len = net->len,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = RTPROT_STATIC,
			    .rtm_type = RTN_UNREACHABLE};
	struct rtnl_req req;

	if (net->len == netaddr_bits(net))
		return 0;
	rtnl_begin(&req, type, flags, &rtm, sizeof(rtm));
	rtnl_put(&req, RTA_DST, net->ip, netaddr_size(net));
	rtnl_put_u32(&req, RTA_PRIORITY, METRIC_LAST);
	return rtnl_talk(e->guest, &req);
}

/* Without IFA_F_NOPREFIXROUTE the prefix of an IPv6 address would lead out of the container again. */
static int address(int sock, int index, uint16_t type, uint16_t flags, const struct netaddr *a)
{
	struct ifaddrmsg ifa = {
		.ifa_family = a->family, .ifa_prefixlen = a->len, .ifa_index = index};
	struct rtnl_req req;

	rtnl_begin(&req, type, flags, &ifa, sizeof(ifa));
	rtnl_put(&req, IFA_LOCAL, a->ip, netaddr_size(a));
	if (a->family == AF_INET6)
		rtnl_put_u32(&req, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
	return rtnl_talk(sock, &req);
}

/* Does the host have an address to speak to @dst from? */
static bool has_source(int sock, const struct netaddr *dst)
{
	_Alignas(struct nlmsghdr) char buf[4096];
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	struct rtmsg rtm = {.rtm_family = AF_INET, .rtm_dst_len = 32};
	struct rtnl_req req;
	struct rtattr *a;
	int left;

	rtnl_begin(&req, RTM_GETROUTE, 0, &rtm, sizeof(rtm));
	rtnl_put(&req, RTA_DST, dst->ip, netaddr_size(dst));
	if (rtnl_query(sock, &req, buf, sizeof(buf)) < 0)
		return false;
	left = RTM_PAYLOAD(h);
	for (a = RTM_RTA(NLMSG_DATA(h)); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == RTA_PREFSRC)
			return true;
	return false;
}

/*
 * A host without any IPv4 address of its own (a test guest) is 192.0.2.1 to
 * its containers; for IPv6 every venet<CTID> has fe80::1 from the start.
 */
static int ensure_source(const struct ends *e, const struct netaddr *dst)
{
	struct netaddr gateway = {.family = AF_INET, .len = 32};
	uint32_t ip = htonl(NET_GATEWAY_IPV4);

	if (dst->family != AF_INET || has_source(e->host, dst))
		return 0;
	memcpy(gateway.ip, &ip, sizeof(ip));
	return address(e->host, e->host_dev, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &gateway);
}

static int fail(int r, const char *what, const struct netaddr *a, struct err *err)
{
	char text[NETADDR_TEXT_MAX];

	netaddr_format(a, text);
	err_errno(err, r, "cannot %s address %s", what, text);
	return err_exit_default(err, VZ_ADD_IP);
}

/* --- moves, each the other's undo ---------------------------------------------------- */

static int lock_addresses(const struct ct *ct, struct err *err)
{
	_cleanup_free_ char *path = path_join(ct->host->lockdir, "net.lck");
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = path_mkdirs(ct->host->lockdir, 0700, err);
	return r < 0 ? r : lock_file(path, LOCK_WAIT_SEC, err);
}

static int reserve(const struct ends *e, const struct netaddr *net, struct err *err)
{
	_cleanup_close_ int lock = lock_addresses(e->ct, err);
	bool own = false;
	int r = lock < 0 ? lock : netfree_check(e->host, e->host_dev, net, &own, err);

	if (r < 0)
		return err_exit_default(err, VZ_ADD_IP);
	if (own)
		return 0;
	r = host_route(e, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, net);
	if (r == -EEXIST) {
		char text[NETADDR_TEXT_MAX];

		netaddr_format(net, text);
		return err_exit(err, VZ_IP_IN_USE, "address %s is in use on this host", text);
	}
	return r < 0 ? fail(r, "route", net, err) : 0;
}

/*
 * Outside first: what the container did to its side must not keep anything of
 * the host's. The source before the route, which is the reservation: whoever
 * gets the address next is the only one who sends from it.
 */
static int del_network(const struct ends *e, const struct netaddr *net, struct err *err)
{
	int r;

	if (e->host_dev < 0) /* the routes went with it */
		return 0;
	r = netbpf_forbid(e->host_dev, net, err);
	if (r < 0)
		return err_exit_default(err, VZ_ADD_IP);
	r = host_route(e, RTM_DELROUTE, 0, net);
	if (r < 0 && r != -ESRCH) {
		netbpf_allow(e->host_dev, net, NULL);
		return fail(r, "remove the route to", net, err);
	}
	guest_unreachable(e, RTM_DELROUTE, 0, net);
	return 0;
}

static int add_network(const struct ends *e, const struct netaddr *net, struct err *err)
{
	int r = require(e, err);

	if (r == 0)
		r = reserve(e, net, err);
	if (r < 0)
		return r;
	r = guest_unreachable(e, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, net);
	if (r == 0)
		r = ensure_source(e, net);
	if (r < 0)
		r = fail(r, "route", net, err);
	else
		r = netbpf_allow(e->host_dev, net, err);
	if (r < 0) {
		err_exit_default(err, VZ_ADD_IP);
		del_network(e, net, NULL);
	}
	return r;
}

static int add_address(const struct ends *e, const struct netaddr *a, struct err *err)
{
	int r = require(e, err);

	if (r < 0)
		return r;
	r = address(e->guest, e->guest_dev, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, a);
	if (r == 0)
		r = net_default_route(e->guest, e->guest_dev, a->family);
	if (r == -ENETDOWN) /* as the container has it */
		r = 0;
	return r < 0 ? fail(r, "add", a, err) : 0;
}

/*
 * As far as the container lets us: it may have taken the address away itself, or
 * made its device one that has none. It cannot keep what counts, which is outside.
 */
static int del_address(const struct ends *e, const struct netaddr *a, struct err *err)
{
	(void)err;
	if (e->guest_dev >= 0)
		address(e->guest, e->guest_dev, RTM_DELADDR, 0, a);
	return 0;
}

typedef int (*move_fn)(const struct ends *e, const struct netaddr *a, struct err *err);

struct move {
	move_fn run, undo;
	struct netaddr a;
};

struct moves {
	struct move *v;
	size_t count;
};

struct list {
	struct netaddr *v;
	size_t count;
};

static bool has_address(const struct list *l, const struct netaddr *a)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (netaddr_same(&l->v[i], a) && l->v[i].len == a->len)
			return true;
	return false;
}

/* Several addresses may be of one prefix; @count: among the first so many. */
static bool has_network(const struct list *l, size_t count, const struct netaddr *net)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct netaddr other = netaddr_network(&l->v[i]);

		if (netaddr_same(&other, net) && other.len == net->len)
			return true;
	}
	return false;
}

/* What is in @from and not in @to, networks and addresses each by their move. */
static void plan(struct moves *s, const struct list *from, const struct list *to,
		 const struct move *network, const struct move *addr)
{
	size_t i;

	for (i = 0; i < from->count; i++) {
		struct netaddr net = netaddr_network(&from->v[i]);

		if (has_network(to, to->count, &net) || has_network(from, i, &net))
			continue;
		s->v[s->count] = *network;
		s->v[s->count++].a = net;
	}
	for (i = 0; i < from->count; i++) {
		if (has_address(to, &from->v[i]))
			continue;
		s->v[s->count] = *addr;
		s->v[s->count++].a = from->v[i];
	}
}

static int run_moves(const struct moves *s, const struct ends *e, struct err *err)
{
	size_t done;
	int r = 0;

	for (done = 0; done < s->count; done++) {
		r = s->v[done].run(e, &s->v[done].a, err);
		if (r < 0)
			break;
	}
	while (r < 0 && done--)
		s->v[done].undo(e, &s->v[done].a, NULL);
	return r;
}

static int change(const struct ends *e, const struct list *before, const struct list *after,
		  struct err *err)
{
	static const struct move take_network = {del_network, add_network, {0}},
				 take_address = {del_address, add_address, {0}},
				 give_network = {add_network, del_network, {0}},
				 give_address = {add_address, del_address, {0}};
	_cleanup_free_ struct move *v = NULL;
	struct moves s = {0};

	v = calloc(2 * (before->count + after->count) + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	s.v = v;
	plan(&s, before, after, &take_network, &take_address);
	plan(&s, after, before, &give_network, &give_address);
	return run_moves(&s, e, err);
}

int netroute_change(const struct ct *ct, const char *before, const char *after, struct err *err)
{
	_cleanup_(ends_close) struct ends e = {.host = -EBADF, .guest = -EBADF};
	_cleanup_free_ struct netaddr *v_before = NULL, *v_after = NULL;
	struct list from = {0}, to = {0};
	int r = netaddr_list(before, &v_before, &from.count, err);

	if (r == 0)
		r = netaddr_list(after, &v_after, &to.count, err);
	if (r < 0)
		return err_exit_default(err, VZ_BAD_IP);
	from.v = v_before;
	to.v = v_after;
	r = ends_open(ct, &e, err);
	return r < 0 ? r : change(&e, &from, &to, err);
}
