/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_OSDEP_H
#define VESPER_OSDEP_H

struct ct;
struct err;

/*
 * Files of the distribution inside a mounted container: /etc/hostname,
 * /etc/hosts and /etc/resolv.conf, for who has no script of his own (dist.h), or
 * no shell to run it. Addresses need no file: vzctl sets them from outside, and
 * nothing inside may undo that.
 * Written through a descriptor of the container's root, so that
 * no link in it leads to the host; never through a program of the container.
 */

/* The container's /etc, whatever links are on the way: a descriptor; caller closes. */
int osdep_open_etc(const struct ct *ct, struct err *err);

/* From HOSTNAME; nothing to do when it is not set. Exit code 70. */
int osdep_hostname(const struct ct *ct, struct err *err);

/* From NAMESERVER and SEARCHDOMAIN ("inherit": the host's). Exit code 72. */
int osdep_dns(const struct ct *ct, struct err *err);

/* The lines of resolv.conf that osdep_dns() would write, "" for none; caller frees. Exit code 72. */
int osdep_dns_text(const struct ct *ct, char **ret_text, struct err *err);

/*
 * systemd-networkd, where it is installed, is told to leave venet0 alone: a rule of
 * its own for all devices would take the addresses away. ifupdown only touches what
 * /etc/network/interfaces names. The file of a template, or the tenant's, stays.
 */
int osdep_network(const struct ct *ct, struct err *err);

#endif
