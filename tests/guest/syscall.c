// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * syscall [-i|-x] NUMBER [ARG...] - make one system call by number and print
 * "0" when it succeeded, else the name of its error. -i: by the i386 entry, as
 * a 32-bit program would; -x: with the bit of x32. An ARG is a number, "@" for
 * 4 KiB of zeroes, or "=TEXT" for a string.
 *
 * Static, for tests on either side of a container's filter.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096
#define X32  0x40000000

/* What an argument points to must be in reach of 32 bits. */
static long make_arg(const char *s)
{
	char *page;

	if (*s != '@' && *s != '=')
		return strtol(s, NULL, 0);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
		    0);
	if (page == MAP_FAILED || strlen(s) > PAGE)
		exit(2);
	strcpy(page, s + 1);
	return (long)page;
}

static long call_i386(long nr, const long *a)
{
	long ret;

	/* The entry keeps the upper halves of no register but those it restores. */
	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
		     : "memory", "r8", "r9", "r10", "r11");
	return (int32_t)ret;
}

static long call_native(long nr, const long *a)
{
	long ret = syscall(nr, a[0], a[1], a[2], a[3], a[4]);

	return ret < 0 ? -errno : ret;
}

int main(int argc, char **argv)
{
	long a[5] = {0}, nr, ret;
	char how = 0;
	int i;

	if (argc > 1 && (strcmp(argv[1], "-i") == 0 || strcmp(argv[1], "-x") == 0)) {
		how = argv[1][1];
		argc--;
		argv++;
	}
	if (argc < 2 || argc > 7) {
		fprintf(stderr, "usage: syscall [-i|-x] NUMBER [ARG...]\n");
		return 2;
	}
	nr = strtol(argv[1], NULL, 0);
	for (i = 2; i < argc; i++)
		a[i - 2] = make_arg(argv[i]);
	ret = how == 'i' ? call_i386(nr, a) : call_native(how == 'x' ? nr | X32 : nr, a);
	puts(ret < 0 ? strerrorname_np(-ret) : "0");
	return 0;
}
