/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and directories are nodes, known while they are noted down by device and
 * inode number; a new file takes over the number of one that is gone. The steps
 * name nodes only, so that they can be done again in memory to the nodes as they
 * were at the beginning; what comes of that is written out.
 */
#include "power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

#define SECTOR	  512u
#define PAGE	  4096u
#define NAMES_MAX 64
#define NODES_MAX 256
#define SEEN_MAX  65536u

enum kind { WRITE, SIZE, ALLOC, LINK, UNLINK, RENAME, SYNC };

struct step {
	enum kind kind;
	unsigned int node;   /* whose bytes, or names, change */
	unsigned int target; /* of a name */
	off_t off, len;
	int how;	     /* of ALLOC */
	bool inside;	     /* of WRITE: the file was that long before */
	char *name, *to;     /* owned */
	uint8_t *bytes;	     /* owned */
	unsigned int stable; /* the step after which it is so whatever happens */
};

struct name {
	char *name; /* owned */
	unsigned int node;
};

struct node {
	bool is_dir;
	dev_t dev;
	ino_t ino;
	uint8_t *bytes; /* owned */
	uint8_t *has;	/* of each page whether it has blocks; owned */
	size_t len, room;
	struct name names[NAMES_MAX];
	unsigned int n;
	char *written; /* of a copy: the first of its names in what is written out; owned */
};

static bool on;
static struct node *nodes; /* as they were at the beginning, new ones empty; the first is the root */
static struct node *copies; /* what becomes of them */
static unsigned int n_nodes;
static struct step *steps;
static unsigned int n_steps, steps_room;
static uint64_t *seen;
static char text[PATH_MAX];

bool power_is_on(void)
{
	return on;
}

/* --- what is there ---------------------------------------------------------------------- */

static unsigned int add_node(const struct stat *st)
{
	struct node *n = &nodes[n_nodes];

	assert_true(n_nodes < NODES_MAX);
	n->is_dir = S_ISDIR(st->st_mode);
	n->dev = st->st_dev;
	n->ino = st->st_ino;
	return n_nodes++;
}

/* The youngest that has the number; NODES_MAX: none of ours. */
static unsigned int find_node(const struct stat *st)
{
	unsigned int i;

	for (i = n_nodes; i-- > 0;)
		if (nodes[i].dev == st->st_dev && nodes[i].ino == st->st_ino)
			return i;
	return NODES_MAX;
}

static unsigned int node_of(int fd)
{
	struct stat st;

	return on && fd >= 0 && fstat(fd, &st) == 0 ? find_node(&st) : NODES_MAX;
}

static void set_name(struct node *dir, const char *name, unsigned int node)
{
	unsigned int i;

	for (i = 0; i < dir->n && strcmp(dir->names[i].name, name) != 0; i++)
		continue;
	if (i == dir->n) {
		assert_true(i < NAMES_MAX);
		dir->names[i].name = strdup(name);
		dir->n++;
	}
	dir->names[i].node = node;
}

static unsigned int get_name(const struct node *dir, const char *name)
{
	unsigned int i;

	for (i = 0; i < dir->n; i++)
		if (strcmp(dir->names[i].name, name) == 0)
			return dir->names[i].node;
	return NODES_MAX;
}

static void drop_name(struct node *dir, const char *name)
{
	unsigned int i;

	for (i = 0; i < dir->n; i++) {
		if (strcmp(dir->names[i].name, name) != 0)
			continue;
		free(dir->names[i].name);
		dir->names[i] = dir->names[--dir->n];
		return;
	}
}

static void set_length(struct node *n, size_t len)
{
	size_t pages = (len + PAGE - 1) / PAGE, had = (n->len + PAGE - 1) / PAGE;

	if (len > n->room) {
		n->room = len + len / 2;
		n->bytes = realloc(n->bytes, n->room);
		n->has = realloc(n->has, n->room / PAGE + 1);
		assert_true(n->bytes && n->has);
	}
	if (len > n->len) {
		memset(n->bytes + n->len, 0, len - n->len);
		memset(n->has + had, 0, pages - had);
	}
	n->len = len;
}

static void set_blocks(struct node *n, size_t off, size_t end, bool has)
{
	end = end < n->len ? end : n->len;
	if (off < end)
		memset(n->has + off / PAGE, has, (end - 1) / PAGE - off / PAGE + 1);
}

static void put_bytes(struct node *n, const uint8_t *bytes, size_t len, size_t off)
{
	if (off + len > n->len)
		set_length(n, off + len);
	memcpy(n->bytes + off, bytes, len);
	set_blocks(n, off, off + len, true);
}

/* Whole pages, as everything here does. */
static void punch(struct node *n, size_t off, size_t end)
{
	end = end < n->len ? end : n->len;
	if (off >= end)
		return;
	memset(n->bytes + off, 0, end - off);
	set_blocks(n, off, end, false);
}

static void scan_file(unsigned int node, int dirfd, const char *name, const struct stat *st)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	off_t at = 0;

	assert_true(fd >= 0);
	set_length(&nodes[node], (size_t)st->st_size);
	set_blocks(&nodes[node], 0, (size_t)st->st_size, true);
	while (at < st->st_size) {
		ssize_t got = pread(fd, nodes[node].bytes + at, (size_t)(st->st_size - at), at);

		assert_true(got > 0);
		at += got;
	}
	close(fd);
}

static void scan(unsigned int node, int dirfd)
{
	DIR *d = fdopendir(dirfd);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		unsigned int new;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		assert_int_equal(fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
		new = find_node(&st);
		if (new == NODES_MAX) {
			new = add_node(&st);
			if (S_ISDIR(st.st_mode))
				scan(new, openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY));
			else
				scan_file(new, dirfd, e->d_name, &st);
		}
		set_name(&nodes[node], e->d_name, new);
	}
	closedir(d);
}

void power_begin(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	power_free();
	nodes = calloc(NODES_MAX, sizeof(*nodes));
	seen = calloc(SEEN_MAX, sizeof(*seen));
	assert_true(nodes && seen && fd >= 0 && fstat(fd, &st) == 0);
	scan(add_node(&st), fd);
	on = true;
}

/* --- what is done ----------------------------------------------------------------------- */

static struct step *add_step(enum kind kind, unsigned int node)
{
	struct step *s;

	if (n_steps == steps_room) {
		steps_room = steps_room ? 2 * steps_room : 256;
		steps = realloc(steps, steps_room * sizeof(*steps));
		assert_non_null(steps);
	}
	s = &steps[n_steps++];
	*s = (struct step){.kind = kind, .node = node, .stable = UINT_MAX};
	return s;
}

/* The directory of @path, and its last part in *ret_name. */
static unsigned int parent_of(int dirfd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	unsigned int node = NODES_MAX;
	char up[PATH_MAX];
	int fd;

	if (!on)
		return NODES_MAX;
	*ret_name = slash ? slash + 1 : path;
	snprintf(up, sizeof(up), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	fd = openat(dirfd, up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	node = node_of(fd);
	if (fd >= 0)
		close(fd);
	return node;
}

static void add_link(unsigned int dir, const char *name, unsigned int target)
{
	struct step *s = add_step(LINK, dir);

	s->name = strdup(name);
	s->target = target;
}

void power_opened(int fd, int dirfd, const char *path, int flags, bool existed)
{
	const char *name = path;
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
	unsigned int dir, node = node_of(fd);
	struct stat st;

	if (!on || (!unnamed && (!(flags & O_CREAT) || existed))) {
		if (node < NODES_MAX && (flags & O_TRUNC))
			add_step(SIZE, node);
		return;
	}
	dir = parent_of(dirfd, unnamed ? "./x" : path, &name);
	if (dir == NODES_MAX || fstat(fd, &st) < 0)
		return;
	node = add_node(&st);
	if (!unnamed)
		add_link(dir, name, node);
}

/* As long as what has been done makes it. */
static off_t length_of(unsigned int node)
{
	off_t len = (off_t)nodes[node].len;
	unsigned int i;

	for (i = 0; i < n_steps; i++) {
		const struct step *s = &steps[i];

		if (s->node != node)
			continue;
		if (s->kind == SIZE)
			len = s->len;
		else if ((s->kind == WRITE ||
			  (s->kind == ALLOC && !(s->how & FALLOC_FL_KEEP_SIZE))) &&
			 s->off + s->len > len)
			len = s->off + s->len;
	}
	return len;
}

void power_wrote(int fd, const void *buf, size_t len, off_t off)
{
	unsigned int node = node_of(fd);
	off_t was;
	struct step *s;

	if (node == NODES_MAX || !len)
		return;
	was = length_of(node);
	s = add_step(WRITE, node);
	s->off = off < 0 ? lseek(fd, 0, SEEK_CUR) - (off_t)len : off;
	s->len = (off_t)len;
	s->inside = s->off + s->len <= was;
	s->bytes = malloc(len);
	assert_non_null(s->bytes);
	memcpy(s->bytes, buf, len);
}

void power_sized(int fd, off_t len)
{
	unsigned int node = node_of(fd);

	if (node < NODES_MAX)
		add_step(SIZE, node)->len = len;
}

void power_allocated(int fd, int how, off_t off, off_t len)
{
	unsigned int node = node_of(fd);
	struct step *s;

	if (node == NODES_MAX)
		return;
	s = add_step(ALLOC, node);
	s->how = how;
	s->off = off;
	s->len = len;
}

void power_linked(int fromfd, const char *from, int dirfd, const char *name)
{
	const char *last = name;
	unsigned int dir = parent_of(dirfd, name, &last), node;
	struct stat st;

	if (dir == NODES_MAX || fstatat(fromfd, from, &st, 0) < 0)
		return;
	node = find_node(&st);
	assert_true(node < NODES_MAX);
	add_link(dir, last, node);
}

void power_renamed(int fromfd, const char *from, int tofd, const char *to)
{
	const char *a = from, *b = to;
	unsigned int dir = parent_of(fromfd, from, &a), other = parent_of(tofd, to, &b);
	struct step *s;

	if (dir == NODES_MAX)
		return;
	assert_int_equal(dir, other);
	s = add_step(RENAME, dir);
	s->name = strdup(a);
	s->to = strdup(b);
}

void power_unlinked(int dirfd, const char *path)
{
	const char *name = path;
	unsigned int dir = parent_of(dirfd, path, &name);

	if (dir < NODES_MAX)
		add_step(UNLINK, dir)->name = strdup(name);
}

void power_made_directory(const char *path)
{
	const char *name = path;
	unsigned int dir = parent_of(AT_FDCWD, path, &name);
	struct stat st;

	if (dir < NODES_MAX && stat(path, &st) == 0)
		add_link(dir, name, add_node(&st));
}

void power_synced(int fd)
{
	unsigned int node = node_of(fd), i;

	if (node == NODES_MAX)
		return;
	for (i = 0; i < n_steps; i++)
		if (steps[i].node == node && steps[i].stable == UINT_MAX)
			steps[i].stable = n_steps;
	add_step(SYNC, node);
}

unsigned int power_end(void)
{
	on = false;
	return n_steps;
}

static void free_nodes(struct node *list, unsigned int n)
{
	unsigned int i;

	for (i = 0; list && i < n; i++) {
		while (list[i].n)
			free(list[i].names[--list[i].n].name);
		free(list[i].bytes);
		free(list[i].has);
		free(list[i].written);
	}
	free(list);
}

void power_free(void)
{
	on = false;
	while (n_steps) {
		struct step *s = &steps[--n_steps];

		free(s->name);
		free(s->to);
		free(s->bytes);
	}
	free(steps);
	free(seen);
	free_nodes(nodes, n_nodes);
	free_nodes(copies, n_nodes);
	steps = NULL;
	seen = NULL;
	nodes = copies = NULL;
	n_nodes = steps_room = 0;
}

const char *power_step(unsigned int step)
{
	static const char *const kinds[] = {"write",  "size",	"room", "name",
					    "unlink", "rename", "flush"};
	const struct step *s = &steps[step];

	if (step >= n_steps)
		return "the end";
	snprintf(text, sizeof(text), "%s of file %u %s%s%s at %lld, %lld bytes", kinds[s->kind],
		 s->node, s->name ? s->name : "", s->to ? " to " : "", s->to ? s->to : "",
		 (long long)s->off, (long long)s->len);
	return text;
}

/* --- what is left of it ----------------------------------------------------------------- */

struct replay {
	unsigned int steps;
	enum power_how how;
	uint64_t seed, sum;
	bool stopped[NODES_MAX]; /* directories of whose names no more is there */
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
	x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ (x >> 33);
}

static uint64_t draw(struct replay *r)
{
	return r->seed = mix(r->seed + 0x9e3779b97f4a7c15ULL);
}

/* What was applied, in order: two cuts of the same sum are the same. */
static void note(struct replay *r, uint64_t what)
{
	r->sum = mix(r->sum ^ mix(what + 1));
}

static bool is_name(const struct step *s)
{
	return s->kind == LINK || s->kind == UNLINK || s->kind == RENAME;
}

/* Blocks behind the end of a file whose length was lost are not seen. */
static void apply_bytes(const struct step *s, size_t at, size_t len)
{
	struct node *n = &copies[s->node];
	size_t off = (size_t)s->off + at;

	if (s->inside && off + len > n->len)
		len = off < n->len ? n->len - off : 0;
	if (len)
		put_bytes(n, s->bytes + at, len, off);
}

static void apply_name(const struct step *s)
{
	struct node *dir = &copies[s->node];
	unsigned int node;

	if (s->kind == LINK) {
		set_name(dir, s->name, s->target);
	} else if (s->kind == UNLINK) {
		drop_name(dir, s->name);
	} else {
		node = get_name(dir, s->name);
		/* Two names of one file: rename() does nothing then. */
		if (node == NODES_MAX || get_name(dir, s->to) == node)
			return;
		set_name(dir, s->to, node);
		drop_name(dir, s->name);
	}
}

static void allocate(struct node *n, const struct step *s, size_t end)
{
	if (!(s->how & FALLOC_FL_KEEP_SIZE) && end > n->len)
		set_length(n, end);
	set_blocks(n, (size_t)s->off, end, true);
}

static void apply(struct replay *r, unsigned int i)
{
	const struct step *s = &steps[i];
	struct node *n = &copies[s->node];
	size_t end = (size_t)(s->off + s->len);

	if (s->kind == SYNC)
		return;
	note(r, i);
	if (is_name(s))
		apply_name(s);
	else if (s->kind == WRITE)
		apply_bytes(s, 0, (size_t)s->len);
	else if (s->kind == SIZE)
		set_length(n, (size_t)s->len);
	else if (s->how & FALLOC_FL_PUNCH_HOLE)
		punch(n, (size_t)s->off, end);
	else
		allocate(n, s, end);
}

/* Some of its sectors: a run from the start, a run to the end, or any. */
static void apply_torn(struct replay *r, unsigned int i)
{
	const struct step *s = &steps[i];
	size_t at = 0, len = (size_t)s->len, off = (size_t)s->off;
	size_t sectors = (off % SECTOR + len + SECTOR - 1) / SECTOR, k;
	uint64_t kind = draw(r) % 3, where = sectors > 1 ? 1 + draw(r) % (sectors - 1) : 0;

	for (k = 0; at < len; k++) {
		size_t n = SECTOR - (off + at) % SECTOR;
		bool there = kind == 0 ? k < where : kind == 1 ? k >= where : draw(r) % 2;

		n = n < len - at ? n : len - at;
		if (there) {
			note(r, (uint64_t)i << 32 | k);
			apply_bytes(s, at, n);
		}
		at += n;
	}
}

static void apply_some(struct replay *r, unsigned int i)
{
	const struct step *s = &steps[i];
	uint64_t what = draw(r) % 4;

	if (is_name(s)) {
		if (what == 0)
			r->stopped[s->node] = true;
		if (!r->stopped[s->node])
			apply(r, i);
	} else if (what == 0 && s->kind == WRITE) {
		apply_torn(r, i);
	} else if (what > 1) {
		apply(r, i);
	}
}

static void apply_all(struct replay *r)
{
	unsigned int i;

	for (i = 0; i < r->steps; i++) {
		bool stable = steps[i].stable < r->steps;

		if (stable || r->how == POWER_ALL || r->how == POWER_TORN)
			apply(r, i);
		else if (r->how == POWER_RANDOM)
			apply_some(r, i);
	}
	if (r->how == POWER_TORN && i < n_steps && steps[i].kind == WRITE)
		apply_torn(r, i);
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

#define PAGE_OF(n, k) ((n)->len - (k)*PAGE < PAGE ? (n)->len - (k)*PAGE : PAGE)

static void write_out(const struct node *n, int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t at, len;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n->len), 0);
	for (at = 0; at < n->len; at += len) {
		size_t first = at / PAGE, k = first;
		bool data = n->has[k] && !is_zero(n->bytes + at, PAGE_OF(n, k));

		/* A run of one kind. */
		for (k++; k * PAGE < n->len && n->has[k] == n->has[first] &&
			  (!n->has[k] || !is_zero(n->bytes + k * PAGE, PAGE_OF(n, k)) == data);
		     k++)
			continue;
		len = (k * PAGE < n->len ? k * PAGE : n->len) - at;
		if (data)
			assert_int_equal(pwrite(fd, n->bytes + at, len, (off_t)at), (ssize_t)len);
		else if (n->has[first])
			assert_int_equal(fallocate(fd, 0, (off_t)at, (off_t)len), 0);
	}
	close(fd);
}

/* @node is the directory @dir below @root. */
static void lay_out(unsigned int node, int root, const char *dir)
{
	unsigned int i;

	for (i = 0; i < copies[node].n; i++) {
		unsigned int target = copies[node].names[i].node;
		struct node *n = &copies[target];
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", dir, copies[node].names[i].name);
		if (n->is_dir) {
			assert_int_equal(mkdirat(root, path, 0700), 0);
			lay_out(target, root, path);
		} else if (n->written) {
			assert_int_equal(linkat(root, n->written, root, path, 0), 0);
		} else {
			write_out(n, root, path);
			n->written = strdup(path);
		}
	}
}

/* Their memory stays from one time to the next. */
static void copy_nodes(void)
{
	unsigned int i, k;

	if (!copies)
		copies = calloc(NODES_MAX, sizeof(*copies));
	assert_non_null(copies);
	for (i = 0; i < n_nodes; i++) {
		struct node *to = &copies[i];

		to->is_dir = nodes[i].is_dir;
		to->len = 0;
		free(to->written);
		to->written = NULL;
		if (nodes[i].len)
			put_bytes(to, nodes[i].bytes, nodes[i].len, 0);
		while (to->n)
			free(to->names[--to->n].name);
		for (k = 0; k < nodes[i].n; k++)
			set_name(to, nodes[i].names[k].name, nodes[i].names[k].node);
	}
}

static bool is_new(uint64_t sum)
{
	unsigned int i = (unsigned int)(sum % SEEN_MAX);

	for (sum = sum ? sum : 1; seen[i]; i = (i + 1) % SEEN_MAX)
		if (seen[i] == sum)
			return false;
	seen[i] = sum;
	return true;
}

bool power_replay(const char *dir, unsigned int count, enum power_how how, uint64_t seed)
{
	struct replay r = {.steps = count, .how = how, .seed = seed};
	bool new;
	int fd;

	assert_false(on);
	copy_nodes();
	apply_all(&r);
	new = is_new(r.sum);
	if (new) {
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(fd >= 0);
		lay_out(0, fd, ".");
		close(fd);
	}
	return new;
}
