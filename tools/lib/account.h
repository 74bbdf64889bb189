/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_ACCOUNT_H
#define VESPER_ACCOUNT_H

struct ct;
struct err;

/*
 * Accounts inside a container: passwords and root's keys. Its disk is mounted,
 * whether it runs or not.
 */

/* Parsers of struct param: "user:password"; lines of an authorized_keys file. */
int value_userpasswd(const char *in, char **ret, struct err *err);
int value_ssh_keys(const char *in, char **ret, struct err *err);

/*
 * A running container's own chpasswd(8) sets the password, which it reads from its
 * standard input. Where there is none, and in one that does not run, it is written into
 * /etc/shadow, hashed by the host. A distribution script does it instead, in a
 * container that is made for it when it does not run. Exit code 74.
 */
int apply_userpasswd(struct ct *ct, const char *old, const char *value, struct err *err);

/* Those keys that are not there yet go to /root/.ssh/authorized_keys. No link is followed, the modes are sshd's. */
int apply_ssh_keys(struct ct *ct, const char *old, const char *value, struct err *err);

#endif
