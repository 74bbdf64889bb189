/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   greeting -> options, each answered -> requests, each answered in order
 *
 * All numbers are big endian. A client is never waited for longer than until
 * whoever serves it wants to end.
 */
#include "nbd.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "err.h"

#define MAGIC	      0x4e42444d41474943ull /* "NBDMAGIC" */
#define OPTION_MAGIC  0x49484156454f5054ull /* "IHAVEOPT" */
#define REPLY_MAGIC   0x0003e889045565a9ull
#define REQUEST_MAGIC 0x25609513u
#define ANSWER_MAGIC  0x67446698u

/* Handshake flags, the client's are the same. */
#define FIXED_NEWSTYLE 1u
#define NO_ZEROES      2u

/* Of the export. */
#define HAS_FLAGS	  0x01u
#define READ_ONLY	  0x02u
#define SEND_FLUSH	  0x04u
#define SEND_FUA	  0x08u
#define SEND_WRITE_ZEROES 0x40u

#define FLAG_FUA     1u
#define FLAG_NO_HOLE 2u

/* A client that sends more of an option, or wants more at once, is none that works. */
#define OPTION_MAX  4096u
#define REQUEST_MAX (32u << 20)
#define OPTIONS_MAX 64

enum option { OPT_EXPORT_NAME = 1, OPT_ABORT = 2, OPT_LIST = 3, OPT_INFO = 6, OPT_GO = 7 };

enum reply {
	REP_ACK = 1,
	REP_SERVER = 2,
	REP_INFO = 3,
	REP_ERR_UNSUP = 0x80000001u,
	REP_ERR_INVALID = 0x80000003u,
	REP_ERR_UNKNOWN = 0x80000006u,
};

enum command { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_WRITE_ZEROES = 6 };

struct greeting {
	uint64_t magic, option_magic;
	uint16_t flags;
} __attribute__((packed));

struct option_head {
	uint64_t magic;
	uint32_t option, length;
} __attribute__((packed));

struct reply_head {
	uint64_t magic;
	uint32_t option, type, length;
} __attribute__((packed));

struct info_export {
	uint16_t type;
	uint64_t size;
	uint16_t flags;
} __attribute__((packed));

struct export_name {
	uint64_t size;
	uint16_t flags;
	uint8_t zeros[124];
} __attribute__((packed));

struct request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie, offset;
	uint32_t length;
} __attribute__((packed));

struct answer {
	uint32_t magic, error;
	uint64_t cookie;
} __attribute__((packed));

static_assert(sizeof(struct greeting) == 18, "greeting");
static_assert(sizeof(struct option_head) == 16, "option");
static_assert(sizeof(struct reply_head) == 20, "reply");
static_assert(sizeof(struct info_export) == 12, "info");
static_assert(sizeof(struct export_name) == 134, "export name");
static_assert(sizeof(struct request) == 28, "request");
static_assert(sizeof(struct answer) == 16, "answer");

struct client {
	const struct nbd_export *export;
	int fd, stop;
	bool no_zeroes;
	struct err *err;
};

enum { GONE = 1 }; /* the client has ended it */

/* --- bytes ----------------------------------------------------------------------------- */

static int wait_for(const struct client *c, short events)
{
	struct pollfd p[2] = {{.fd = c->fd, .events = events}, {.fd = c->stop, .events = POLLIN}};

	for (;;) {
		int n = poll(p, 2, -1);

		if (n < 0 && errno != EINTR)
			return err_errno(c->err, errno, "cannot wait for the client");
		if (n > 0 && p[1].revents)
			return err_set(c->err, ECANCELED, "the server was told to end");
		if (n > 0 && p[0].revents)
			return 0;
	}
}

/* GONE: it ended before the first byte. */
static int take(const struct client *c, void *buf, size_t len)
{
	uint8_t *p = buf;
	size_t got = 0;

	while (got < len) {
		int r = wait_for(c, POLLIN);
		ssize_t n = r < 0 ? 0 : recv(c->fd, p + got, len - got, MSG_DONTWAIT);

		if (r < 0)
			return r;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0 && got == 0)
			return GONE;
		if (n <= 0)
			return err_set(c->err, EPROTO, "the client ended in the middle");
		got += (size_t)n;
	}
	return 0;
}

static int give(const struct client *c, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		int r = wait_for(c, POLLOUT);
		ssize_t n = r < 0 ? 0 : send(c->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (r < 0)
			return r;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return GONE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- options --------------------------------------------------------------------------- */

static uint16_t export_flags(const struct nbd_export *e)
{
	unsigned int flags = HAS_FLAGS | SEND_FLUSH;

	flags |= e->read_only ? READ_ONLY : SEND_FUA | SEND_WRITE_ZEROES;
	return htobe16((uint16_t)flags);
}

static int reply(const struct client *c, uint32_t option, uint32_t type, const void *data,
		 size_t len)
{
	const struct reply_head h = {htobe64(REPLY_MAGIC), htobe32(option), htobe32(type),
				     htobe32((uint32_t)len)};
	int r = give(c, &h, sizeof(h));

	return r || !len ? r : give(c, data, len);
}

static int reply_list(const struct client *c)
{
	const uint32_t no_name = 0;
	int r = reply(c, OPT_LIST, REP_SERVER, &no_name, sizeof(no_name));

	return r ? r : reply(c, OPT_LIST, REP_ACK, NULL, 0);
}

/* "length of the name, name, number of wishes, wishes"; the export has no name. *ret_go: requests follow. */
static int reply_info(const struct client *c, uint32_t option, const uint8_t *data, size_t len,
		      bool *ret_go)
{
	const struct info_export info = {0, htobe64(c->export->size_bytes),
					 export_flags(c->export)};
	uint32_t name;
	int r;

	if (len < sizeof(name) + 2)
		return reply(c, option, REP_ERR_INVALID, NULL, 0);
	memcpy(&name, data, sizeof(name));
	if (be32toh(name) > len - sizeof(name) - 2)
		return reply(c, option, REP_ERR_INVALID, NULL, 0);
	if (name)
		return reply(c, option, REP_ERR_UNKNOWN, NULL, 0);
	r = reply(c, option, REP_INFO, &info, sizeof(info));
	if (r == 0)
		r = reply(c, option, REP_ACK, NULL, 0);
	*ret_go = option == OPT_GO;
	return r;
}

static int give_export(const struct client *c)
{
	const struct export_name e = {.size = htobe64(c->export->size_bytes),
				      .flags = export_flags(c->export)};

	return give(c, &e, c->no_zeroes ? offsetof(struct export_name, zeros) : sizeof(e));
}

static int do_option(const struct client *c, bool *ret_go)
{
	struct option_head h;
	uint8_t data[OPTION_MAX];
	uint32_t option, len;
	int r = take(c, &h, sizeof(h));

	if (r)
		return r;
	option = be32toh(h.option);
	len = be32toh(h.length);
	if (be64toh(h.magic) != OPTION_MAGIC || len > sizeof(data))
		return err_set(c->err, EPROTO, "the client has an option that is none");
	r = take(c, data, len);
	if (r)
		return r;
	switch (option) {
	case OPT_EXPORT_NAME:
		*ret_go = true;
		/* There is no answer but the end. */
		return len ? GONE : give_export(c);
	case OPT_ABORT:
		r = reply(c, option, REP_ACK, NULL, 0);
		return r ? r : GONE;
	case OPT_LIST:
		return reply_list(c);
	case OPT_INFO:
	case OPT_GO:
		return reply_info(c, option, data, len, ret_go);
	default:
		return reply(c, option, REP_ERR_UNSUP, NULL, 0);
	}
}

static int shake_hands(struct client *c)
{
	const struct greeting g = {htobe64(MAGIC), htobe64(OPTION_MAGIC),
				   htobe16(FIXED_NEWSTYLE | NO_ZEROES)};
	bool go = false;
	uint32_t flags;
	int i, r = give(c, &g, sizeof(g));

	if (r == 0)
		r = take(c, &flags, sizeof(flags));
	if (r)
		return r;
	flags = be32toh(flags);
	if (flags & ~(FIXED_NEWSTYLE | NO_ZEROES) || !(flags & FIXED_NEWSTYLE))
		return err_set(c->err, EPROTO, "the client has the unknown flags 0x%x", flags);
	c->no_zeroes = flags & NO_ZEROES;
	for (i = 0; r == 0 && !go; i++)
		r = i < OPTIONS_MAX
			    ? do_option(c, &go)
			    : err_set(c->err, EPROTO, "the client has options without an end");
	return r;
}

/* --- requests -------------------------------------------------------------------------- */

/* The protocol's own numbers, which are those of Linux. */
static uint32_t error_of(int r)
{
	switch (-r) {
	case 0:
	case EPERM:
	case ENOMEM:
	case EINVAL:
	case ENOSPC:
	case EOPNOTSUPP:
		return (uint32_t)-r;
	case EROFS:
		return EPERM;
	case EFBIG:
	case EDQUOT:
		return ENOSPC;
	default:
		return EIO;
	}
}

static int check_request(const struct nbd_export *e, const struct request *q)
{
	bool writes = q->type == CMD_WRITE || q->type == CMD_WRITE_ZEROES;

	if (q->flags & ~(FLAG_FUA | (q->type == CMD_WRITE_ZEROES ? FLAG_NO_HOLE : 0)))
		return -EINVAL;
	if (writes && e->read_only)
		return -EPERM;
	if (q->type == CMD_FLUSH)
		return q->offset || q->length ? -EINVAL : 0;
	if (q->type != CMD_READ && !writes)
		return -EINVAL;
	if (q->offset > e->size_bytes || q->length > e->size_bytes - q->offset)
		return writes ? -ENOSPC : -EINVAL;
	return q->type != CMD_WRITE_ZEROES && q->length > REQUEST_MAX ? -EINVAL : 0;
}

static int run(const struct nbd_export *e, const struct request *q, void *buf)
{
	int r = check_request(e, q);

	if (r < 0)
		return r;
	if (q->type == CMD_READ)
		return e->read(e->arg, q->offset, buf, q->length);
	if (q->type == CMD_WRITE)
		r = e->write(e->arg, q->offset, buf, q->length);
	else if (q->type == CMD_WRITE_ZEROES)
		r = e->zero(e->arg, q->offset, q->length);
	return r == 0 && (q->type == CMD_FLUSH || q->flags & FLAG_FUA) && !e->read_only
		       ? e->flush(e->arg)
		       : r;
}

static int do_request(const struct client *c, void *buf)
{
	struct answer a = {.magic = htobe32(ANSWER_MAGIC)};
	struct request q;
	int r = take(c, &q, sizeof(q));

	if (r)
		return r;
	if (be32toh(q.magic) != REQUEST_MAGIC)
		return err_set(c->err, EPROTO, "the client has a request that is none");
	a.cookie = q.cookie;
	q.flags = be16toh(q.flags);
	q.type = be16toh(q.type);
	q.offset = be64toh(q.offset);
	q.length = be32toh(q.length);
	if (q.type == CMD_DISC)
		return GONE;
	if (q.type == CMD_WRITE && q.length > REQUEST_MAX)
		return err_set(c->err, EPROTO, "the client writes %u bytes at once", q.length);
	r = q.type == CMD_WRITE ? take(c, buf, q.length) : 0;
	if (r)
		return r;
	r = run(c->export, &q, buf);
	a.error = htobe32(error_of(r));
	r = give(c, &a, sizeof(a));
	return r || a.error || q.type != CMD_READ ? r : give(c, buf, q.length);
}

int nbd_serve(const struct nbd_export *export, int fd, int stop, struct err *err)
{
	struct client c = {.export = export, .fd = fd, .stop = stop, .err = err};
	_cleanup_free_ void *buf = malloc(REQUEST_MAX);
	int r = buf ? shake_hands(&c) : err_errno(err, ENOMEM, "cannot serve a client");

	while (r == 0)
		r = do_request(&c, buf);
	return r == GONE ? 0 : r;
}
