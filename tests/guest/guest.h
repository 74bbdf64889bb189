/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What init.c and agent.c share. */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <stddef.h>

/* What run tells the guest: "key=value" lines of /vesper/conf. */
struct conf {
	int disk_root; /* root=disk: a virtio disk; else the mini root */
	int cpus;      /* how many must be online */
	int shares;    /* 9p tags x, x2, x3... */
	int input;     /* COMMAND gets standard input over the port */
	int terminal;  /* ... and a terminal */
	int keep;      /* the root is written through: leave it clean */
	int leaks;     /* debug kernel: scan for leaks before the end */
	char term[32]; /* what kind of terminal, empty without one */
};

void conf_load(struct conf *conf, const char *path);

/* First line of a file without its newline; 0 when it cannot be read. */
int read_line(const char *path, char *buf, size_t size);

/* Mount type on where, made if need be; a mount that is there is fine. */
void mount_at(const char *type, const char *where, unsigned long flags, const char *data);

/* One line with errno to the console, then power off. */
void fatal(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

int agent_main(void);

#endif
