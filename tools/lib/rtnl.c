/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

/*
 * Connected to the kernel, it takes messages from nobody else: root of a
 * container may send to any socket in its network namespace.
 */
static int open_socket(struct err *err)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK};

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(err, errno, "cannot open a netlink socket");
	return steal_fd(&fd);
}

/*
 * A socket stays in the namespace where it was made, so visit it for a moment.
 * Not coming back would leave the program in the container's network: that is
 * worse than to stop here.
 */
int rtnl_open(int netns_fd, struct err *err)
{
	_cleanup_close_ int own = -EBADF;
	int fd;

	if (netns_fd < 0)
		return open_socket(err);
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return err_errno(err, errno, "cannot open /proc/self/ns/net");
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return err_errno(err, errno, "cannot enter the container's network");
	fd = open_socket(err);
	if (setns(own, CLONE_NEWNET) < 0)
		_exit(3);
	return fd;
}

static void *reserve(struct rtnl_req *req, size_t len)
{
	size_t at = NLMSG_ALIGN(req->hdr.nlmsg_len);

	if (at + NLMSG_ALIGN(len) > sizeof(req->buf)) {
		req->overflow = 1;
		return NULL;
	}
	req->hdr.nlmsg_len = at + len;
	return req->buf + at;
}

void rtnl_begin(struct rtnl_req *req, uint16_t type, uint16_t flags, const void *fixed, size_t len)
{
	memset(req, 0, sizeof(*req));
	req->hdr.nlmsg_len = NLMSG_HDRLEN;
	req->hdr.nlmsg_type = type;
	req->hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	rtnl_put_raw(req, fixed, len);
}

void rtnl_put_raw(struct rtnl_req *req, const void *data, size_t len)
{
	void *p = reserve(req, len);

	if (p)
		memcpy(p, data, len);
}

void rtnl_put(struct rtnl_req *req, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = reserve(req, RTA_LENGTH(len));

	if (!a)
		return;
	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
}

void rtnl_put_u32(struct rtnl_req *req, uint16_t type, uint32_t v)
{
	rtnl_put(req, type, &v, sizeof(v));
}

void rtnl_put_str(struct rtnl_req *req, uint16_t type, const char *s)
{
	rtnl_put(req, type, s, strlen(s) + 1);
}

struct rtattr *rtnl_nest(struct rtnl_req *req, uint16_t type)
{
	struct rtattr *a = reserve(req, RTA_LENGTH(0));

	if (a) {
		a->rta_type = type | NLA_F_NESTED;
		a->rta_len = RTA_LENGTH(0);
	}
	return a;
}

void rtnl_nest_end(struct rtnl_req *req, struct rtattr *nest)
{
	if (nest)
		nest->rta_len = req->buf + req->hdr.nlmsg_len - (char *)nest;
}

/* The kernel copies the whole request into an error answer. */
static ssize_t receive(int sock, char *buf, size_t len)
{
	ssize_t n;

	do {
		n = recv(sock, buf, len, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int rtnl_talk(int sock, struct rtnl_req *req)
{
	_Alignas(struct nlmsghdr) char buf[4096];
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	struct nlmsgerr *e;
	ssize_t n;

	if (req->overflow)
		return -EMSGSIZE;
	if (send(sock, req, req->hdr.nlmsg_len, 0) < 0)
		return -errno;
	n = receive(sock, buf, sizeof(buf));
	if (n < 0)
		return n;
	if (!NLMSG_OK(h, (size_t)n) || h->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	e = NLMSG_DATA(h);
	return e->error;
}

ssize_t rtnl_query(int sock, struct rtnl_req *req, void *buf, size_t len)
{
	struct nlmsghdr *h = buf;
	ssize_t n;

	if (req->overflow)
		return -EMSGSIZE;
	req->hdr.nlmsg_flags &= ~NLM_F_ACK;
	if (send(sock, req, req->hdr.nlmsg_len, 0) < 0)
		return -errno;
	n = receive(sock, buf, len);
	if (n < 0)
		return n;
	if (!NLMSG_OK(h, (size_t)n))
		return -EPROTO;
	if (h->nlmsg_type == NLMSG_ERROR)
		return ((struct nlmsgerr *)NLMSG_DATA(h))->error ?: -EPROTO;
	return n;
}

/* 1 at the end of the list, 0 before it. */
static int take_messages(char *buf, ssize_t n, rtnl_dump_fn fn, void *arg)
{
	struct nlmsghdr *h = (struct nlmsghdr *)buf;

	for (; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(h))->error ?: -EPROTO;
		fn(arg, h);
	}
	return 0;
}

int rtnl_dump(int sock, struct rtnl_req *req, rtnl_dump_fn fn, void *arg)
{
	_Alignas(struct nlmsghdr) char buf[32768];
	int r = 0;

	req->hdr.nlmsg_flags &= ~NLM_F_ACK;
	if (req->overflow)
		return -EMSGSIZE;
	if (send(sock, req, req->hdr.nlmsg_len, 0) < 0)
		return -errno;
	while (r == 0) {
		ssize_t n = receive(sock, buf, sizeof(buf));

		r = n < 0 ? (int)n : take_messages(buf, n, fn, arg);
	}
	return r < 0 ? r : 0;
}

int rtnl_link_index(int sock, const char *name)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct rtnl_req req;
	ssize_t n;

	rtnl_begin(&req, RTM_GETLINK, 0, &ifi, sizeof(ifi));
	rtnl_put_str(&req, IFLA_IFNAME, name);
	n = rtnl_query(sock, &req, buf, sizeof(buf));
	if (n < 0)
		return n;
	memcpy(&ifi, NLMSG_DATA((struct nlmsghdr *)buf), sizeof(ifi));
	return ifi.ifi_index;
}
