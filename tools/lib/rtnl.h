/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_RTNL_H
#define VESPER_RTNL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct err;

/*
 * As much rtnetlink as the tools need: build one request, send it, read the
 * kernel's answer. A request that outgrows the buffer fails when it is sent.
 */
struct rtnl_req {
	union {
		struct nlmsghdr hdr;
		char buf[1024];
	};
	int overflow;
};

/* A socket in the network namespace @netns_fd (-1: our own). */
int rtnl_open(int netns_fd, struct err *err);

/* Start a request with a fixed part of @len bytes. */
void rtnl_begin(struct rtnl_req *req, uint16_t type, uint16_t flags, const void *fixed, size_t len);
void rtnl_put(struct rtnl_req *req, uint16_t type, const void *data, size_t len);
void rtnl_put_u32(struct rtnl_req *req, uint16_t type, uint32_t v);
void rtnl_put_str(struct rtnl_req *req, uint16_t type, const char *s);
/* Raw bytes inside a nest: the header of a peer's link message. */
void rtnl_put_raw(struct rtnl_req *req, const void *data, size_t len);
struct rtattr *rtnl_nest(struct rtnl_req *req, uint16_t type);
void rtnl_nest_end(struct rtnl_req *req, struct rtattr *nest);

/* 0 or -errno as the kernel said. */
int rtnl_talk(int sock, struct rtnl_req *req);

/* Ask for one object: the length of the answer in @buf (one struct nlmsghdr), or -errno. */
ssize_t rtnl_query(int sock, struct rtnl_req *req, void *buf, size_t len);

/* Ask for all objects of a kind (NLM_F_DUMP): @fn gets the message of each. 0 or -errno. */
typedef void (*rtnl_dump_fn)(void *arg, const struct nlmsghdr *h);
int rtnl_dump(int sock, struct rtnl_req *req, rtnl_dump_fn fn, void *arg);

/* Index of a link in the namespace of @sock; -ENODEV. */
int rtnl_link_index(int sock, const char *name);

#endif
