/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's network device and addresses by rtnetlink. The host's route
 * to an address is also its reservation: it is added with NLM_F_EXCL, so of
 * two containers that want one address the second is told so.
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "io.h"
#include "rtnl.h"

#define GUEST_DEV "venet0"

/* Headers of Debian 12 know no netkit: our own copy of the numbers (uapi/linux/if_link.h of 6.12). */
enum { NETKIT_ATTR_PEER_INFO = 1, NETKIT_ATTR_MODE = 5 };
enum { NETKIT_MODE_L3 = 1 };

static void host_dev(const struct ct *ct, char name[IFNAMSIZ])
{
	/* 15 characters with the largest id: exactly what fits. */
	snprintf(name, IFNAMSIZ, "venet%s", ct->idstr);
}

static int open_netns(pid_t pid, struct err *err)
{
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, errno, "cannot open '%s'", path) : fd;
}

/* A socket in the container's network. */
static int open_guest(pid_t pid, struct err *err)
{
	_cleanup_close_ int ns = open_netns(pid, err);

	return ns < 0 ? ns : rtnl_open(ns, err);
}

static int create_pair(int sock, const char *name, pid_t pid)
{
	struct ifinfomsg none = {.ifi_family = AF_UNSPEC};
	struct rtattr *info, *data, *peer;
	struct rtnl_req req;

	rtnl_begin(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &none, sizeof(none));
	rtnl_put_str(&req, IFLA_IFNAME, name);
	info = rtnl_nest(&req, IFLA_LINKINFO);
	rtnl_put_str(&req, IFLA_INFO_KIND, "netkit");
	data = rtnl_nest(&req, IFLA_INFO_DATA);
	rtnl_put_u32(&req, NETKIT_ATTR_MODE, NETKIT_MODE_L3);
	peer = rtnl_nest(&req, NETKIT_ATTR_PEER_INFO);
	rtnl_put_raw(&req, &none, sizeof(none));
	rtnl_put_str(&req, IFLA_IFNAME, GUEST_DEV);
	rtnl_put_u32(&req, IFLA_NET_NS_PID, pid);
	rtnl_nest_end(&req, peer);
	rtnl_nest_end(&req, data);
	rtnl_nest_end(&req, info);
	return rtnl_talk(sock, &req);
}

static int set_up(int sock, const char *name)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct rtnl_req req;
	int index = rtnl_link_index(sock, name);

	if (index < 0)
		return index;
	ifi.ifi_index = index;
	rtnl_begin(&req, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	return rtnl_talk(sock, &req);
}

static int delete_link(int sock, const char *name)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct rtnl_req req;
	int index = rtnl_link_index(sock, name);

	if (index < 0)
		return index;
	ifi.ifi_index = index;
	rtnl_begin(&req, RTM_DELLINK, 0, &ifi, sizeof(ifi));
	return rtnl_talk(sock, &req);
}

static int address(int sock, const char *dev, uint16_t type, uint16_t flags, struct in_addr addr)
{
	struct ifaddrmsg ifa = {.ifa_family = AF_INET, .ifa_prefixlen = 32};
	struct rtnl_req req;
	int index = rtnl_link_index(sock, dev);

	if (index < 0)
		return index;
	ifa.ifa_index = index;
	rtnl_begin(&req, type, flags, &ifa, sizeof(ifa));
	rtnl_put(&req, IFA_LOCAL, &addr, sizeof(addr));
	return rtnl_talk(sock, &req);
}

/* A route to one address, or the default one when @dst is NULL. */
static int route(int sock, const char *dev, uint16_t type, uint16_t flags,
		 const struct in_addr *dst)
{
	struct rtmsg rtm = {.rtm_family = AF_INET,
			    .rtm_dst_len = dst ? 32 : 0,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = RTPROT_STATIC,
			    .rtm_scope = RT_SCOPE_LINK,
			    .rtm_type = RTN_UNICAST};
	struct rtnl_req req;
	int index = rtnl_link_index(sock, dev);

	if (index < 0)
		return index;
	rtnl_begin(&req, type, flags, &rtm, sizeof(rtm));
	if (dst)
		rtnl_put(&req, RTA_DST, dst, sizeof(*dst));
	rtnl_put_u32(&req, RTA_OIF, index);
	return rtnl_talk(sock, &req);
}

/* Does the host have an address to speak to @dst from? */
static bool has_source(int sock, struct in_addr dst)
{
	_Alignas(struct nlmsghdr) char buf[4096];
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	struct rtmsg rtm = {.rtm_family = AF_INET, .rtm_dst_len = 32};
	struct rtnl_req req;
	struct rtattr *a;
	int left;

	rtnl_begin(&req, RTM_GETROUTE, 0, &rtm, sizeof(rtm));
	rtnl_put(&req, RTA_DST, &dst, sizeof(dst));
	if (rtnl_query(sock, &req, buf, sizeof(buf)) < 0)
		return false;
	left = h->nlmsg_len - NLMSG_LENGTH(sizeof(rtm));
	a = (struct rtattr *)((char *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(rtm)));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == RTA_PREFSRC)
			return true;
	return false;
}

/* A host without any address of its own (a test guest) is 192.0.2.1 to its containers, OpenVZ's fake gateway. */
static int ensure_source(int sock, const char *dev, struct in_addr dst)
{
	struct in_addr gateway = {htonl(0xc0000201)};

	if (has_source(sock, dst))
		return 0;
	return address(sock, dev, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, gateway);
}

static int write_sysctl(const char *family, const char *dev, const char *key, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, dev, key);
	return io_write_value(AT_FDCWD, path, value);
}

/*
 * The reverse path filter is the larger of conf/all and conf/<dev>: with
 * all=2 (loose) a container could send with any address of the world.
 */
static int check_all_rp_filter(struct err *err)
{
	static const char path[] = "/proc/sys/net/ipv4/conf/all/rp_filter";
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = io_read_file(AT_FDCWD, path, 16, &text, &len, err);

	if (r < 0)
		return r;
	if (text[0] == '2')
		return err_exit(err, VZ_ADD_IP,
				"net.ipv4.conf.all.rp_filter is 2 (loose): "
				"the source check of containers needs 0 or 1");
	return 0;
}

static int set_host_sysctls(const char *dev, struct err *err)
{
	static const struct {
		const char *family, *key, *value;
	} sysctls[] = {
		{"ipv4", "rp_filter", "1"},
		{"ipv4", "forwarding", "1"},
		{"ipv4", "send_redirects", "0"},
		/* No IPv6 address can be given yet, so nothing may come in by it. */
		{"ipv6", "disable_ipv6", "1"},
	};
	size_t i;
	int r = check_all_rp_filter(err);

	for (i = 0; r == 0 && i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
		r = write_sysctl(sysctls[i].family, dev, sysctls[i].key, sysctls[i].value);
		if (r == -ENOENT && strcmp(sysctls[i].family, "ipv6") == 0)
			r = 0;
		if (r < 0)
			return err_errno(err, r, "cannot set %s of '%s'", sysctls[i].key, dev);
	}
	return r;
}

int net_create(const struct ct *ct, pid_t pid, struct err *err)
{
	_cleanup_close_ int host = rtnl_open(-1, err), guest = -EBADF;
	char dev[IFNAMSIZ];
	int r;

	if (host < 0)
		return host;
	guest = open_guest(pid, err);
	if (guest < 0)
		return guest;
	host_dev(ct, dev);
	r = create_pair(host, dev, pid);
	if (r == -EOPNOTSUPP)
		return err_exit(err, VZ_KERNEL, "the running kernel has no netkit devices");
	if (r < 0)
		return err_errno(err, r, "cannot make the network device '%s'", dev);
	r = set_host_sysctls(dev, err);
	if (r < 0)
		goto undo_pair;
	r = set_up(guest, "lo");
	if (r == 0)
		r = set_up(guest, GUEST_DEV);
	if (r == 0)
		r = set_up(host, dev);
	if (r == 0)
		r = route(guest, GUEST_DEV, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, NULL);
	if (r == 0)
		return 0;
	err_errno(err, r, "cannot bring the network device '%s' up", dev);
undo_pair:
	delete_link(host, dev);
	return r;
}

int net_remove(const struct ct *ct, struct err *err)
{
	_cleanup_close_ int host = rtnl_open(-1, err);
	char dev[IFNAMSIZ];
	int r;

	if (host < 0)
		return host;
	host_dev(ct, dev);
	r = delete_link(host, dev);
	if (r < 0 && r != -ENODEV)
		return err_errno(err, r, "cannot remove the network device '%s'", dev);
	return 0;
}

/* Where an address is put and taken away: both ends of the device. */
struct ends {
	int host, guest;
	char dev[IFNAMSIZ];
	struct in_addr addr;
};

static void ends_close(struct ends *e)
{
	cleanup_closep(&e->host);
	cleanup_closep(&e->guest);
}

static int ends_open(const struct ct *ct, pid_t pid, const char *text, struct ends *e,
		     struct err *err)
{
	if (inet_pton(AF_INET, text, &e->addr) != 1)
		return err_exit(err, VZ_BAD_IP, "'%s' is not an IPv4 address", text);
	host_dev(ct, e->dev);
	e->host = rtnl_open(-1, err);
	if (e->host < 0)
		return e->host;
	e->guest = open_guest(pid, err);
	return e->guest < 0 ? e->guest : 0;
}

int net_add_address(const struct ct *ct, pid_t pid, const char *text, struct err *err)
{
	_cleanup_(ends_close) struct ends e = {.host = -EBADF, .guest = -EBADF};
	int r = ends_open(ct, pid, text, &e, err);

	if (r < 0)
		return r;
	r = route(e.host, e.dev, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &e.addr);
	if (r == -EEXIST)
		return err_exit(err, VZ_IP_IN_USE, "address %s is in use on this host", text);
	if (r == 0) {
		r = address(e.guest, GUEST_DEV, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, e.addr);
		if (r == 0)
			r = ensure_source(e.host, e.dev, e.addr);
		if (r < 0)
			route(e.host, e.dev, RTM_DELROUTE, 0, &e.addr);
	}
	if (r < 0) {
		err_errno(err, r, "cannot add address %s", text);
		return err_exit_default(err, VZ_ADD_IP);
	}
	return 0;
}

int net_del_address(const struct ct *ct, pid_t pid, const char *text, struct err *err)
{
	_cleanup_(ends_close) struct ends e = {.host = -EBADF, .guest = -EBADF};
	int r = ends_open(ct, pid, text, &e, err), inside;

	if (r < 0)
		return r;
	/* Outside first: what the container did to its side must not keep the route. */
	r = route(e.host, e.dev, RTM_DELROUTE, 0, &e.addr);
	inside = address(e.guest, GUEST_DEV, RTM_DELADDR, 0, e.addr);
	if (r == 0 && inside < 0 && inside != -EADDRNOTAVAIL && inside != -ENODEV)
		r = inside;
	if (r < 0 && r != -ESRCH) {
		err_errno(err, r, "cannot remove address %s", text);
		return err_exit_default(err, VZ_ADD_IP);
	}
	return 0;
}
