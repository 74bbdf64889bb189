/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netfree.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "err.h"
#include "exitcode.h"
#include "net.h"
#include "netaddr.h"
#include "rtnl.h"

/* The host's routes, as the container sees them that has the device @own. */
struct view {
	int sock, own;
};

struct found {
	struct netaddr net;
	int type, oif;
};

static bool read_route(const struct nlmsghdr *h, struct found *ret)
{
	const struct rtmsg *rtm = NLMSG_DATA(h);
	int left = RTM_PAYLOAD(h);
	const struct rtattr *a;
	struct found f = {.net = {.family = rtm->rtm_family, .len = rtm->rtm_dst_len},
			  .type = rtm->rtm_type};

	if (h->nlmsg_type != RTM_NEWROUTE)
		return false;
	for (a = RTM_RTA(rtm); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_DST && RTA_PAYLOAD(a) <= sizeof(f.net.ip))
			memcpy(f.net.ip, RTA_DATA(a), RTA_PAYLOAD(a));
		else if (a->rta_type == RTA_OIF)
			memcpy(&f.oif, RTA_DATA(a), sizeof(f.oif));
	}
	*ret = f;
	return true;
}

/* Does the route @f stand against giving @net to the container? */
static bool collides(const struct view *v, const struct netaddr *net, const struct found *f)
{
	char dev[IFNAMSIZ] = "";

	if (f->oif == v->own && f->type == RTN_UNICAST)
		return false;
	if (netaddr_covers(net, &f->net))
		return true;
	if (f->type != RTN_UNICAST)
		return f->type == RTN_LOCAL && netaddr_covers(&f->net, net);
	return f->oif && if_indextoname(f->oif, dev) && net_is_host_dev(dev) &&
	       netaddr_covers(&f->net, net);
}

static int refuse_taken(const struct netaddr *net, const struct found *f, struct err *err)
{
	char text[NETADDR_TEXT_MAX], other[NETADDR_TEXT_MAX], dev[IFNAMSIZ];

	netaddr_format(net, text);
	netaddr_format(&f->net, other);
	if (!f->oif || !if_indextoname(f->oif, dev))
		snprintf(dev, sizeof(dev), "?");
	if (f->type == RTN_LOCAL)
		return err_exit(err, VZ_IP_IN_USE, "address %s is in use: %s is the host's own",
				text, other);
	return err_exit(err, VZ_IP_IN_USE, "address %s is in use: the host has a route to %s by %s",
			text, other, dev);
}

/*
 * The route that a packet to @net would take now: an exact match and whatever
 * is around it. *ret_own: it is the container's already, left by a command
 * that was killed.
 */
static int check_around(const struct view *v, const struct netaddr *net, bool *ret_own,
			struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[4096];
	struct rtmsg rtm = {.rtm_family = net->family,
			    .rtm_dst_len = netaddr_bits(net),
			    .rtm_flags = RTM_F_FIB_MATCH};
	struct rtnl_req req;
	struct found f;
	ssize_t n;

	rtnl_begin(&req, RTM_GETROUTE, 0, &rtm, sizeof(rtm));
	rtnl_put(&req, RTA_DST, net->ip, netaddr_size(net));
	n = rtnl_query(v->sock, &req, buf, sizeof(buf));
	/* Errors of the routing itself: nothing leads there, or a route says so. */
	if (n == -ENETUNREACH || n == -EHOSTUNREACH || n == -EACCES || n == -EINVAL || n == -EAGAIN)
		return 0;
	if (n < 0)
		return err_errno(err, n, "cannot look a route up");
	if (!read_route((struct nlmsghdr *)buf, &f))
		return 0;
	if (collides(v, net, &f))
		return refuse_taken(net, &f, err);
	*ret_own = f.oif == v->own && f.net.len == net->len;
	return 0;
}

struct inside {
	const struct view *v;
	const struct netaddr *net;
	bool taken;
	struct found by;
};

static void look_inside(void *arg, const struct nlmsghdr *h)
{
	struct inside *in = arg;
	struct found f;

	if (!in->taken && read_route(h, &f) && netaddr_covers(in->net, &f.net) &&
	    collides(in->v, in->net, &f)) {
		in->taken = true;
		in->by = f;
	}
}

/* Routes and addresses of the host within a prefix; a table of the whole internet takes its time here. */
static int check_inside(const struct view *v, const struct netaddr *net, struct err *err)
{
	struct inside in = {.v = v, .net = net};
	struct rtmsg all = {.rtm_family = net->family};
	struct rtnl_req req;
	int r;

	if (net->len == netaddr_bits(net))
		return 0;
	rtnl_begin(&req, RTM_GETROUTE, NLM_F_DUMP, &all, sizeof(all));
	r = rtnl_dump(v->sock, &req, look_inside, &in);
	if (r < 0)
		return err_errno(err, r, "cannot list the host's routes");
	return in.taken ? refuse_taken(net, &in.by, err) : 0;
}

int netfree_check(int sock, int own, const struct netaddr *net, bool *ret_own, struct err *err)
{
	const struct view v = {sock, own};
	int r = check_around(&v, net, ret_own, err);

	return r < 0 ? r : check_inside(&v, net, err);
}
