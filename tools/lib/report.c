/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

struct message {
	int kind, value;
	struct err err;
};

int report_pair(int fds[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(err, errno, "cannot make a socket pair");
	return 0;
}

int report_send(int sock, enum report_kind kind, int value, const struct err *err, int fd)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct message m = {.kind = kind, .value = value};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (err)
		m.err = *err;
	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		control.hdr.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.hdr), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(m) ? 0 : -errno;
}

static int take_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EBADF;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static ssize_t receive(int sock, struct message *m, int *ret_fd)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {m, sizeof(*m)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	*ret_fd = n > 0 ? take_fd(&msg) : -EBADF;
	/* The other end gone with our message unread is an end as well. */
	return n < 0 && errno == ECONNRESET ? 0 : n;
}

int report_expect(int sock, enum report_kind want, int *ret_value, int *ret_fd, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	struct message m;
	ssize_t n = receive(sock, &m, &fd);

	if (n < 0)
		return err_errno(err, errno, "cannot hear from the child");
	if (n == 0)
		return want == REPORT_END ? 0
					  : err_set(err, EIO, "the child died before it was ready");
	if (n != (ssize_t)sizeof(m))
		return err_set(err, EPROTO, "the child sent half a message");
	m.err.msg[sizeof(m.err.msg) - 1] = '\0';
	if (m.kind == REPORT_FAILED) {
		if (err)
			*err = m.err;
		return m.err.code < 0 ? m.err.code : -EIO;
	}
	if (m.kind != (int)want)
		return err_set(err, EPROTO, "the child sent an unexpected message");
	if (ret_value)
		*ret_value = m.value;
	if (ret_fd)
		*ret_fd = steal_fd(&fd);
	return 0;
}
