// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The write load: some workers, each with files of its own. Appended files come
 * and go, blocks of one are written over, and what nobody syncs is written
 * between, so that commits meet clusters that are being given room, and clusters
 * that were given up are used again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cuts.h"

enum {
	LIVE = 8,
	APPEND_MAX = 96 * 1024,
	NOISE_MAX = 640 * 1024,
};

struct worker {
	const char *log;
	int dir;
	unsigned int id;
	uint32_t random;
	uint32_t next; /* file that comes next */
	uint32_t live[LIVE];
	uint32_t size[LIVE];
	uint32_t version;
	uint64_t buffer[NOISE_MAX / 8];
};

static uint32_t draw(struct worker *w, uint32_t below)
{
	w->random = w->random * 1664525 + 1013904223;
	return (w->random >> 8) % below;
}

static void tell(const struct worker *w, const char *kind, uint32_t a, uint32_t b, uint32_t c)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), "mark %s:%u:%u:%u", kind, a, b, c);
	r = cuts_message(w->log, text);
	if (r < 0)
		cuts_die("no mark '%s': %s", text, strerror(-r));
}

static int open_file(const struct worker *w, char kind, uint32_t file, int flags)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "%c%u", kind, file);
	fd = openat(w->dir, name, flags | O_CLOEXEC | O_CREAT, 0600);
	if (fd < 0)
		cuts_die("cannot open '%s': %s", name, strerror(errno));
	return fd;
}

static void write_out(int fd, const void *data, size_t bytes, uint64_t at)
{
	if (pwrite(fd, data, bytes, (off_t)at) != (ssize_t)bytes)
		cuts_die("cannot write: %s", strerror(errno));
}

static void append(struct worker *w)
{
	uint32_t slot = draw(w, LIVE), bytes = (1 + draw(w, APPEND_MAX / 512)) * 512;
	bool fresh = !w->live[slot];
	int fd;

	if (fresh) {
		w->live[slot] = w->next++;
		w->size[slot] = 0;
	}
	fd = open_file(w, 'a', w->live[slot], O_WRONLY);
	cuts_fill(w->buffer, bytes, w->live[slot], 0, w->size[slot]);
	write_out(fd, w->buffer, bytes, w->size[slot]);
	w->size[slot] += bytes;
	if (fsync(fd) < 0 || (fresh && fsync(w->dir) < 0))
		cuts_die("cannot sync: %s", strerror(errno));
	close(fd);
	tell(w, "s", w->live[slot], w->size[slot], 0);
}

static void overwrite(struct worker *w)
{
	uint32_t first = draw(w, CUTS_BLOCKS - 4), count = 1 + draw(w, 4), i;
	int fd = open_file(w, 'b', w->id, O_WRONLY);

	w->version++;
	for (i = 0; i < count; i++) {
		uint64_t at = (uint64_t)(first + i) * CUTS_BLOCK;

		cuts_fill(w->buffer, CUTS_BLOCK, CUTS_FILES + w->id, w->version, at);
		w->buffer[0] = w->version;
		write_out(fd, w->buffer, CUTS_BLOCK, at);
	}
	if (fdatasync(fd) < 0)
		cuts_die("cannot sync: %s", strerror(errno));
	close(fd);
	for (i = 0; i < count; i++)
		tell(w, "v", w->id, first + i, w->version);
}

static void remove_one(struct worker *w)
{
	uint32_t slot = draw(w, LIVE);
	char name[32];

	if (!w->live[slot])
		return;
	tell(w, "u", w->live[slot], 0, 0);
	snprintf(name, sizeof(name), "a%u", w->live[slot]);
	if (unlinkat(w->dir, name, 0) < 0 || fsync(w->dir) < 0)
		cuts_die("cannot remove '%s': %s", name, strerror(errno));
	tell(w, "g", w->live[slot], 0, 0);
	w->live[slot] = 0;
}

static void noise(struct worker *w)
{
	uint32_t bytes = (1 + draw(w, NOISE_MAX / CUTS_BLOCK)) * CUTS_BLOCK;
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "n%u", w->id * 8 + draw(w, 2));
	if (draw(w, 3) == 0) {
		unlinkat(w->dir, name, 0);
		return;
	}
	fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		cuts_die("cannot open '%s': %s", name, strerror(errno));
	memset(w->buffer, (int)draw(w, 256), bytes);
	write_out(fd, w->buffer, bytes, (uint64_t)draw(w, 8) * CUTS_BLOCK);
	close(fd);
}

static void work(struct worker *w, unsigned int steps)
{
	unsigned int i;

	for (i = 0; i < steps; i++) {
		switch (draw(w, 8)) {
		case 0:
		case 1:
		case 2:
			append(w);
			break;
		case 3:
		case 4:
			overwrite(w);
			break;
		case 5:
			remove_one(w);
			break;
		default:
			noise(w);
		}
	}
}

/* load LOG DIR SEED STEPS FIRST - files that come are numbered from FIRST on, in each worker's range. */
int cuts_load(int argc, char **argv)
{
	static struct worker w;
	unsigned int failed = 0, i;
	int status;

	if (argc != 5)
		cuts_die("load wants LOG DIR SEED STEPS FIRST");
	w.log = argv[0];
	w.dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w.dir < 0)
		cuts_die("cannot open '%s': %s", argv[1], strerror(errno));
	for (i = 0; i < CUTS_WORKERS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			cuts_die("cannot fork: %s", strerror(errno));
		if (pid)
			continue;
		w.id = i;
		w.random = (uint32_t)atoi(argv[2]) * 7919 + i * 104729;
		w.next = i * (CUTS_FILES / CUTS_WORKERS) + (uint32_t)atoi(argv[4]);
		w.version = (uint32_t)atoi(argv[4]);
		work(&w, (unsigned int)atoi(argv[3]));
		exit(0);
	}
	while (wait(&status) > 0)
		failed += status != 0;
	return failed ? 1 : 0;
}
