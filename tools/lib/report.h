/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_REPORT_H
#define VESPER_REPORT_H

struct err;

/*
 * What a forked child tells its parent over a SOCK_SEQPACKET pair: one packet
 * a message, so a failure crosses with its sentence and exit code whole. The
 * end of the file is a message too: close-on-exec makes it mean "exec worked".
 */
enum report_kind { REPORT_FAILED, REPORT_PID, REPORT_READY, REPORT_GO, REPORT_END };

/* Both ends close-on-exec. */
int report_pair(int fds[2], struct err *err);

/* @err of a REPORT_FAILED, else NULL; @fd is passed along unless negative. 0 or -errno. */
int report_send(int sock, enum report_kind kind, int value, const struct err *err, int fd);

/*
 * Receive one message. A REPORT_FAILED becomes this call's failure; the end of
 * the file is REPORT_END when @want is that, else a failure ("died"). @ret_fd
 * (may be NULL) gets a passed descriptor or -EBADF.
 */
int report_expect(int sock, enum report_kind want, int *ret_value, int *ret_fd, struct err *err);

#endif
