/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "io.h"
#include "rtnl.h"

uint32_t link_group(const struct ct *ct)
{
	/* Counted down, because groups that people give are small: never 0, which is everybody's. */
	return INT32_MAX - ct->id;
}

static void copy_string(char *to, size_t size, const struct rtattr *a)
{
	snprintf(to, size, "%.*s", (int)RTA_PAYLOAD(a), (const char *)RTA_DATA(a));
}

static void take_kind(struct link *l, const struct rtattr *info)
{
	const struct rtattr *a = RTA_DATA(info);
	int left = RTA_PAYLOAD(info);

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_INFO_KIND)
			copy_string(l->kind, sizeof(l->kind), a);
}

static void take_attribute(struct link *l, const struct rtattr *a)
{
	switch (a->rta_type & NLA_TYPE_MASK) {
	case IFLA_IFNAME:
		copy_string(l->name, sizeof(l->name), a);
		break;
	case IFLA_GROUP:
		memcpy(&l->group, RTA_DATA(a), sizeof(l->group));
		break;
	case IFLA_MASTER:
		memcpy(&l->master, RTA_DATA(a), sizeof(l->master));
		break;
	case IFLA_ADDRESS:
		if (RTA_PAYLOAD(a) == sizeof(l->mac))
			memcpy(l->mac, RTA_DATA(a), sizeof(l->mac));
		break;
	case IFLA_LINKINFO:
		take_kind(l, a);
		break;
	}
}

int link_find(int sock, const char *name, struct link *ret)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	struct ifinfomsg *ifi = NLMSG_DATA(h), any = {.ifi_family = AF_UNSPEC};
	struct link l = {0};
	struct rtnl_req req;
	struct rtattr *a;
	ssize_t n;
	int left;

	rtnl_begin(&req, RTM_GETLINK, 0, &any, sizeof(any));
	rtnl_put_str(&req, IFLA_IFNAME, name);
	n = rtnl_query(sock, &req, buf, sizeof(buf));
	if (n < 0)
		return n;
	l.index = ifi->ifi_index;
	left = IFLA_PAYLOAD(h);
	for (a = IFLA_RTA(ifi); RTA_OK(a, left); a = RTA_NEXT(a, left))
		take_attribute(&l, a);
	*ret = l;
	return 0;
}

void link_begin_change(struct rtnl_req *req, int index)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = index};

	rtnl_begin(req, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
}

int link_set_up(int sock, int index)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC,
				.ifi_index = index,
				.ifi_flags = IFF_UP,
				.ifi_change = IFF_UP};
	struct rtnl_req req;

	rtnl_begin(&req, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	return rtnl_talk(sock, &req);
}

int link_rename(int sock, int index, const char *name)
{
	struct rtnl_req req;

	link_begin_change(&req, index);
	rtnl_put_str(&req, IFLA_IFNAME, name);
	return rtnl_talk(sock, &req);
}

int link_set_mac(int sock, int index, const unsigned char mac[LINK_MAC_LEN])
{
	struct rtnl_req req;

	link_begin_change(&req, index);
	rtnl_put(&req, IFLA_ADDRESS, mac, LINK_MAC_LEN);
	return rtnl_talk(sock, &req);
}

int link_set_master(int sock, int index, int master)
{
	struct rtnl_req req;

	link_begin_change(&req, index);
	rtnl_put_u32(&req, IFLA_MASTER, master);
	return rtnl_talk(sock, &req);
}

int link_delete(int sock, int index)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct rtnl_req req;

	rtnl_begin(&req, RTM_DELLINK, 0, &ifi, sizeof(ifi));
	return rtnl_talk(sock, &req);
}

int link_delete_name(int sock, const char *name)
{
	int index = rtnl_link_index(sock, name);
	int r = index < 0 ? index : link_delete(sock, index);

	return r == -ENODEV ? 0 : r;
}

int link_delete_group(int sock, uint32_t group)
{
	struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
	struct rtnl_req req;
	int r;

	rtnl_begin(&req, RTM_DELLINK, 0, &any, sizeof(any));
	rtnl_put_u32(&req, IFLA_GROUP, group);
	r = rtnl_talk(sock, &req);
	return r == -ENODEV ? 0 : r;
}

int link_sysctl(const char *family, const char *dev, const char *key, const char *value,
		struct err *err)
{
	char path[128];
	int r;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, dev, key);
	r = io_write_value(AT_FDCWD, path, value);
	if (r == -ENOENT && strcmp(family, "ipv6") == 0)
		return 0;
	return r < 0 ? err_errno(err, r, "cannot set %s of '%s'", key, dev) : 0;
}
