/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "link.h"
#include "netbpf.h"
#include "rtnl.h"

/* Headers of Debian 12 know no netkit: our own copy of the numbers (uapi/linux/if_link.h of 6.12). */
enum { NETKIT_ATTR_PEER_INFO = 1, NETKIT_ATTR_PEER_POLICY = 4, NETKIT_ATTR_MODE = 5 };
enum { NETKIT_MODE_L3 = 1, NETKIT_POLICY_DROP = 2 };

#define ADDR_GEN_MODE_NONE 1
#define HOST_DEV	   "venet" /* and the container's id */

void net_host_dev(const struct ct *ct, char name[IFNAMSIZ])
{
	/* 15 characters with the largest id: exactly what fits. */
	snprintf(name, IFNAMSIZ, HOST_DEV "%s", ct->idstr);
}

bool net_is_host_dev(const char *name)
{
	const char *id = name + strlen(HOST_DEV);

	return strncmp(name, HOST_DEV, strlen(HOST_DEV)) == 0 && *id &&
	       id[strspn(id, "0123456789")] == '\0';
}

static int create_pair(int sock, const struct ct *ct, const char *name, int netns)
{
	struct ifinfomsg none = {.ifi_family = AF_UNSPEC};
	struct rtattr *info, *data, *peer;
	struct rtnl_req req;

	rtnl_begin(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &none, sizeof(none));
	rtnl_put_str(&req, IFLA_IFNAME, name);
	rtnl_put_u32(&req, IFLA_GROUP, link_group(ct));
	info = rtnl_nest(&req, IFLA_LINKINFO);
	rtnl_put_str(&req, IFLA_INFO_KIND, "netkit");
	data = rtnl_nest(&req, IFLA_INFO_DATA);
	rtnl_put_u32(&req, NETKIT_ATTR_MODE, NETKIT_MODE_L3);
	rtnl_put_u32(&req, NETKIT_ATTR_PEER_POLICY, NETKIT_POLICY_DROP);
	peer = rtnl_nest(&req, NETKIT_ATTR_PEER_INFO);
	rtnl_put_raw(&req, &none, sizeof(none));
	rtnl_put_str(&req, IFLA_IFNAME, NET_GUEST_DEV);
	rtnl_put_u32(&req, IFLA_NET_NS_FD, netns);
	rtnl_nest_end(&req, peer);
	rtnl_nest_end(&req, data);
	rtnl_nest_end(&req, info);
	return rtnl_talk(sock, &req);
}

/* The source check stands in the place of rp_filter: it is stricter, and costs less. */
static int set_host_sysctls(const char *dev, struct err *err)
{
	static const struct {
		const char *family, *key, *value;
	} sysctls[] = {
		{"ipv4", "rp_filter", "0"},	   {"ipv4", "forwarding", "1"},
		{"ipv4", "send_redirects", "0"},   {"ipv6", "disable_ipv6", "0"},
		{"ipv6", "addr_gen_mode", "1"},	   {"ipv6", "accept_ra", "0"},
		{"ipv6", "accept_redirects", "0"},
	};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < sizeof(sysctls) / sizeof(sysctls[0]); i++)
		r = link_sysctl(sysctls[i].family, dev, sysctls[i].key, sysctls[i].value, err);
	return r;
}

/* fe80::1, so that a host without any address of its own can still speak; a kernel without IPv6 has none. */
static int add_gateway_ipv6(int sock, int index)
{
	struct ifaddrmsg ifa = {.ifa_family = AF_INET6,
				.ifa_prefixlen = 128,
				.ifa_flags = IFA_F_NODAD,
				.ifa_scope = RT_SCOPE_LINK,
				.ifa_index = index};
	struct in6_addr gateway;
	struct rtnl_req req;
	int r;

	inet_pton(AF_INET6, NET_GATEWAY_IPV6, &gateway);
	rtnl_begin(&req, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &ifa, sizeof(ifa));
	rtnl_put(&req, IFA_LOCAL, &gateway, sizeof(gateway));
	r = rtnl_talk(sock, &req);
	return r == -EOPNOTSUPP || r == -EAFNOSUPPORT ? 0 : r;
}

/*
 * No address of the kernel's own making, and one address going does not take
 * others of its network along. It is the container's to change; it harms nobody else.
 */
static int set_guest_options(int sock, int index)
{
	struct rtattr *spec, *family, *conf;
	unsigned char mode = ADDR_GEN_MODE_NONE;
	struct rtnl_req req;
	int r;

	link_begin_change(&req, index);
	spec = rtnl_nest(&req, IFLA_AF_SPEC);
	family = rtnl_nest(&req, AF_INET);
	conf = rtnl_nest(&req, IFLA_INET_CONF);
	rtnl_put_u32(&req, IPV4_DEVCONF_PROMOTE_SECONDARIES, 1);
	rtnl_nest_end(&req, conf);
	rtnl_nest_end(&req, family);
	rtnl_nest_end(&req, spec);
	r = rtnl_talk(sock, &req);
	if (r < 0)
		return r;
	link_begin_change(&req, index);
	spec = rtnl_nest(&req, IFLA_AF_SPEC);
	family = rtnl_nest(&req, AF_INET6);
	rtnl_put(&req, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	rtnl_nest_end(&req, family);
	rtnl_nest_end(&req, spec);
	r = rtnl_talk(sock, &req);
	return r == -EOPNOTSUPP || r == -EAFNOSUPPORT ? 0 : r;
}

static int default_route(int sock, int index, int family, const void *gateway, size_t len)
{
	struct rtmsg rtm = {.rtm_family = family,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = RTPROT_STATIC,
			    .rtm_scope = RT_SCOPE_UNIVERSE,
			    .rtm_type = RTN_UNICAST,
			    .rtm_flags = RTNH_F_ONLINK};
	struct rtnl_req req;
	int r;

	rtnl_begin(&req, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &rtm, sizeof(rtm));
	rtnl_put(&req, RTA_GATEWAY, gateway, len);
	rtnl_put_u32(&req, RTA_OIF, index);
	r = rtnl_talk(sock, &req);
	return r == -EEXIST ? 0 : r;
}

int net_default_route(int guest, int index, int family)
{
	struct in_addr gateway4 = {htonl(NET_GATEWAY_IPV4)};
	struct in6_addr gateway6;

	if (family == AF_INET)
		return default_route(guest, index, family, &gateway4, sizeof(gateway4));
	inet_pton(AF_INET6, NET_GATEWAY_IPV6, &gateway6);
	return default_route(guest, index, family, &gateway6, sizeof(gateway6));
}

static int set_up_guest(int sock)
{
	int lo = rtnl_link_index(sock, "lo"), dev = rtnl_link_index(sock, NET_GUEST_DEV);
	int r = lo < 0 ? lo : dev < 0 ? dev : link_set_up(sock, lo);

	if (r == 0)
		r = set_guest_options(sock, dev);
	/* Default routes come with addresses: a container without has its Ethernet for them. */
	return r < 0 ? r : link_set_up(sock, dev);
}

/* The check stands before either end is up. */
static int set_up_pair(int host, int guest, const char *dev, struct err *err)
{
	int index = rtnl_link_index(host, dev);
	int r = index < 0 ? err_errno(err, index, "'%s' is gone", dev)
			  : netbpf_guard_source(index, err);

	if (r == 0)
		r = set_host_sysctls(dev, err);
	if (r < 0)
		return r;
	r = link_set_up(host, index);
	if (r == 0)
		r = add_gateway_ipv6(host, index);
	if (r == 0)
		r = set_up_guest(guest);
	return r < 0 ? err_errno(err, r, "cannot bring the network device '%s' up", dev) : 0;
}

/* Of the caller's own child: its id is nobody else's. */
static int open_netns(pid_t pid, struct err *err)
{
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, errno, "cannot open '%s'", path) : fd;
}

int net_create(const struct ct *ct, pid_t pid, struct err *err)
{
	_cleanup_close_ int host = rtnl_open(-1, err), netns = -EBADF, guest = -EBADF;
	char dev[IFNAMSIZ];
	int r;

	if (host < 0)
		return host;
	netns = open_netns(pid, err);
	if (netns < 0)
		return netns;
	guest = rtnl_open(netns, err);
	if (guest < 0)
		return guest;
	net_host_dev(ct, dev);
	r = create_pair(host, ct, dev, netns);
	if (r == -EOPNOTSUPP)
		return err_exit(err, VZ_KERNEL, "the running kernel has no netkit devices");
	if (r < 0)
		return err_errno(err, r, "cannot make the network device '%s'", dev);
	r = set_up_pair(host, guest, dev, err);
	if (r < 0)
		link_delete_name(host, dev);
	return r;
}

int net_remove(const struct ct *ct, struct err *err)
{
	_cleanup_close_ int host = rtnl_open(-1, err);
	char dev[IFNAMSIZ];
	int r;

	if (host < 0)
		return host;
	net_host_dev(ct, dev);
	r = link_delete_group(host, link_group(ct));
	if (r == 0)
		r = link_delete_name(host, dev);
	return r < 0 ? err_errno(err, r, "cannot remove the network devices of container %s",
				 ct->idstr)
		     : 0;
}
