// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stress DIR SEED STOP - random changes of a tree in DIR until there is a file STOP:
 * files are written, grown, cut, punched, given room, moved over each other, linked
 * and removed, synced or not; what is read is held against what it should be, now
 * and then, and all of it at the end. Prints how many changes there were; status 1
 * and a line when something is not as it was left.
 *
 * A block holds one number all over: that of the write. One that nobody wrote is 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	FILES = 48,
	DIRS = 4,
	BLOCK = 4096,
	BLOCKS = 96, /* of a file, at most */
	RUN = 24,    /* of one write */
};

struct file {
	int is;
	unsigned int blocks;
	uint64_t block[BLOCKS];
};

static struct file files[FILES];
static uint64_t writes;
static uint32_t seed;
static int dir;
static uint64_t buffer[BLOCKS * BLOCK / 8];

static _Noreturn void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

static unsigned int draw(unsigned int below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static const char *name_of(unsigned int n)
{
	static char names[2][32];
	static int turn;
	char *name = names[turn ^= 1];

	snprintf(name, sizeof(names[0]), "d%u/f%u", n % DIRS, n);
	return name;
}

static int open_file(unsigned int n, int flags)
{
	int fd = openat(dir, name_of(n), flags | O_CLOEXEC, 0600);

	if (fd < 0)
		die("cannot open '%s': %s", name_of(n), strerror(errno));
	return fd;
}

static void must(int r, const char *what, unsigned int n)
{
	if (r < 0)
		die("cannot %s '%s': %s", what, name_of(n), strerror(errno));
}

/* --- what is done ----------------------------------------------------------- */

static void write_some(unsigned int n)
{
	struct file *f = &files[n];
	unsigned int at = draw(BLOCKS), count = 1 + draw(RUN), i, j;
	int fd = open_file(n, O_WRONLY | O_CREAT);

	if (at + count > BLOCKS)
		count = BLOCKS - at;
	f->is = 1;
	writes++;
	for (i = 0; i < count; i++) {
		f->block[at + i] = writes;
		for (j = 0; j < BLOCK / 8; j++)
			buffer[i * (BLOCK / 8) + j] = writes;
	}
	if (f->blocks < at + count)
		f->blocks = at + count;
	if (pwrite(fd, buffer, (size_t)count * BLOCK, (off_t)at * BLOCK) != (ssize_t)count * BLOCK)
		die("cannot write '%s': %s", name_of(n), strerror(errno));
	if (draw(8) == 0)
		must(fdatasync(fd), "sync", n);
	close(fd);
}

static void zero(struct file *f, unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		f->block[from] = 0;
}

static void cut(unsigned int n)
{
	struct file *f = &files[n];
	unsigned int blocks = draw(BLOCKS);
	int fd = open_file(n, O_WRONLY);

	must(ftruncate(fd, (off_t)blocks * BLOCK), "cut", n);
	if (blocks < f->blocks)
		zero(f, blocks, f->blocks);
	f->blocks = blocks;
	close(fd);
}

static void punch(unsigned int n)
{
	struct file *f = &files[n];
	unsigned int at = draw(BLOCKS), count = 1 + draw(RUN);
	int fd = open_file(n, O_WRONLY);

	if (at + count > BLOCKS)
		count = BLOCKS - at;
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at * BLOCK,
		       (off_t)count * BLOCK),
	     "punch", n);
	zero(f, at, at + count);
	close(fd);
}

static void make_room(unsigned int n)
{
	struct file *f = &files[n];
	unsigned int blocks = 1 + draw(BLOCKS);
	int fd = open_file(n, O_WRONLY);

	must(fallocate(fd, 0, 0, (off_t)blocks * BLOCK), "give room to", n);
	if (f->blocks < blocks)
		f->blocks = blocks;
	close(fd);
}

static void move(unsigned int n, unsigned int to)
{
	if (n == to)
		return;
	must(renameat(dir, name_of(n), dir, name_of(to)), "move", n);
	files[to] = files[n];
	memset(&files[n], 0, sizeof(files[n]));
}

/* By another name, and away with the first: as a move, through a link. */
static void move_by_link(unsigned int n, unsigned int to)
{
	if (n == to)
		return;
	if (files[to].is)
		must(unlinkat(dir, name_of(to), 0), "remove", to);
	must(linkat(dir, name_of(n), dir, name_of(to), 0), "link", n);
	must(unlinkat(dir, name_of(n), 0), "remove", n);
	files[to] = files[n];
	memset(&files[n], 0, sizeof(files[n]));
}

static void drop(unsigned int n)
{
	must(unlinkat(dir, name_of(n), 0), "remove", n);
	memset(&files[n], 0, sizeof(files[n]));
}

/* --- what it should be ------------------------------------------------------- */

static void look(unsigned int n)
{
	struct file *f = &files[n];
	unsigned int i, j;
	struct stat st;
	int fd;

	if (!f->is) {
		if (fstatat(dir, name_of(n), &st, 0) == 0)
			die("'%s' is there again", name_of(n));
		return;
	}
	fd = open_file(n, O_RDONLY);
	/* From the disk where that can be. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	must(fstat(fd, &st), "look at", n);
	if (st.st_size != (off_t)f->blocks * BLOCK)
		die("'%s' has %lld bytes, not %u blocks", name_of(n), (long long)st.st_size,
		    f->blocks);
	if (pread(fd, buffer, sizeof(buffer), 0) != st.st_size)
		die("cannot read '%s': %s", name_of(n), strerror(errno));
	for (i = 0; i < f->blocks; i++)
		for (j = 0; j < BLOCK / 8; j++)
			if (buffer[i * (BLOCK / 8) + j] != f->block[i])
				die("'%s', block %u, word %u: %llu, not %llu", name_of(n), i, j,
				    (unsigned long long)buffer[i * (BLOCK / 8) + j],
				    (unsigned long long)f->block[i]);
	close(fd);
}

static void step(void)
{
	unsigned int n = draw(FILES), what = draw(16);

	if (!files[n].is || what < 7)
		write_some(n);
	else if (what < 9)
		cut(n);
	else if (what < 11)
		punch(n);
	else if (what == 11)
		make_room(n);
	else if (what == 12)
		move(n, draw(FILES));
	else if (what == 13)
		move_by_link(n, draw(FILES));
	else if (what == 14)
		drop(n);
	else
		look(n);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* What is done to the disk beside this needs a processor, too: three quarters of one. */
static void paced_step(void)
{
	int64_t began = now_us();

	step();
	usleep((useconds_t)(5000 + 3 * (now_us() - began)));
}

int main(int argc, char **argv)
{
	unsigned long steps = 0;
	unsigned int n;

	if (argc != 4)
		die("usage: stress DIR SEED STOP");
	dir = open(argv[1], O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dir < 0)
		die("cannot open '%s': %s", argv[1], strerror(errno));
	seed = (uint32_t)strtoul(argv[2], NULL, 10);
	writes = (uint64_t)seed << 32;
	for (n = 0; n < DIRS; n++) {
		char name[16];

		snprintf(name, sizeof(name), "d%u", n);
		must(mkdirat(dir, name, 0700), "make the directory of", n);
	}
	for (; access(argv[3], F_OK) < 0; steps++)
		paced_step();
	for (n = 0; n < FILES; n++)
		look(n);
	printf("%lu\n", steps);
	return 0;
}
