/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "path.h"

static char dir[200];
static int dir_fd = -1;
static const char *seed_dir;
static unsigned int seeds;

void fuzz_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("fuzz: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

static void remove_dir(void)
{
	path_remove_tree(AT_FDCWD, dir, NULL);
}

int fuzz_dirfd(void)
{
	const char *tmp = getenv("TMPDIR");

	if (dir_fd >= 0)
		return dir_fd;
	snprintf(dir, sizeof(dir), "%s/vesper-fuzz.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		fuzz_fail("cannot make '%s'", dir);
	atexit(remove_dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_check(dir_fd >= 0);
	return dir_fd;
}

const char *fuzz_path(const char *name)
{
	static char bufs[4][300];
	static int next;

	next = (next + 1) % 4;
	fuzz_dirfd();
	snprintf(bufs[next], sizeof(bufs[next]), "%s/%s", dir, name);
	return bufs[next];
}

static void write_at(int at, const char *name, const void *head, size_t head_len, const void *data,
		     size_t len)
{
	_cleanup_close_ int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_check(fd >= 0);
	fuzz_check(io_write_full(fd, head, head_len) == 0);
	fuzz_check(io_write_full(fd, data, len) == 0);
}

void fuzz_write(const char *name, const void *data, size_t len)
{
	write_at(fuzz_dirfd(), name, NULL, 0, data, len);
}

unsigned int fuzz_entries(void)
{
	_cleanup_closedir_ DIR *d = opendir(fuzz_path("."));
	unsigned int n = 0;

	fuzz_check(d);
	while (readdir(d))
		n++;
	return n - 2;
}

static void add_seed(const void *head, size_t head_len, const void *data, size_t len)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%02u", seed_dir, seeds++);
	write_at(AT_FDCWD, path, head, head_len, data, len);
}

void fuzz_seed(const void *data, size_t len)
{
	add_seed(NULL, 0, data, len);
}

void fuzz_seed_file(uint8_t head, const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	fuzz_check(io_read_file(AT_FDCWD, path, 1 << 20, &text, &len, NULL) == 0);
	add_seed(&head, 1, text, len);
}

/* Called by libFuzzer before it looks at its options. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (*argc != 3 || strcmp((*argv)[1], "--seeds") != 0)
		return 0;
	seed_dir = (*argv)[2];
	fuzz_seeds();
	fuzz_check(seeds > 0);
	exit(0);
}
