// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cuts load LOG DIR SEED STEPS FIRST
 *	write into DIR, which lies on the device of the log of writes LOG, and
 *	mark there what is synced (cuts.h)
 * cuts check [-fx] [-o OLDER] LOGFILE MOUNTPOINT IMAGE FLUSHES RANDOM SEED DISK...
 *	replay the log and cut it at FLUSHES of its flushes and at RANDOM places
 *	between; after each cut the file system mounts, `ploop check -d IMAGE` and
 *	e2fsck of the disk in it succeed, and what was synced before is there. -f:
 *	only between a mark "focus" and a mark "blur".
 *	A DISK is BASEFILE:BASELOOP:COWLOOP; each has a process of its own. OLDER is
 *	the delta below IMAGE. -x loses writes that were flushed: checks must fail.
 *
 * A disk that loses power has what was written before the last flush, or
 * written FUA, and any of what came after. The log has it in that order. So the
 * base is taken from flush to flush, and each cut is a snapshot of it. "At a
 * flush" is the worst of it: at the last moment before the next one, with all
 * that was told by then, and nothing that was not flushed. At other places some
 * of the writes since the flush are put in, as they come out of the hat.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../ploop/dm.h"
#include "cuts.h"

#define LOG_MAGIC   0x6a736677736872ULL
#define LOG_FLUSH   (1u << 0)
#define LOG_FUA	    (1u << 1)
#define LOG_DISCARD (1u << 2)
#define LOG_MARK    (1u << 3)

#define SECTOR	    512
#define IN_SECTORS  2048 /* where the partition begins */
#define OUTPUT	    4096
#define CUT_OPTIONS "fxo:"

struct entry {
	uint64_t sector, sectors, flags, data_len;
	off_t at; /* of its data in the log */
};

struct point {
	size_t entry;
	bool flush;
};

/* What is demanded of the files at a place in the log. */
struct facts {
	uint32_t size[CUTS_FILES];
	uint8_t state[CUTS_FILES];
	uint32_t version[CUTS_WORKERS][CUTS_BLOCKS];
	uint64_t sectors;
	unsigned int count;
};

enum { UNKNOWN, SYNCED, GONE };

struct run {
	int log, base, dm;
	const struct entry *entries;
	size_t count, applied; /* entries; those in the base */
	uint32_t seed, random;
	bool lose, focus;
	const char *image, *older;
	const char *base_loop, *cow_loop;
	uint64_t sectors; /* of the base */
	char mnt[128], inner[136], snap[32], disk[32];
	struct facts facts;
	char why[OUTPUT];
};

void cuts_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("cuts: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

int cuts_message(const char *device, const char *message)
{
	int dm = dm_open(), r;
	struct dm_state state;
	char answer[64];

	if (dm < 0)
		return dm;
	r = dm_look(dm, device, &state);
	if (r == 0)
		r = dm_message(dm, state.dev, message, answer, sizeof(answer));
	close(dm);
	return r;
}

static bool fail(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return false;
}

static uint32_t draw(struct run *r, uint32_t below)
{
	r->random = r->random * 1664525 + 1013904223;
	return (r->random >> 8) % below;
}

/* --- the log --------------------------------------------------------------------- */

static void read_at(int fd, void *to, size_t bytes, off_t at)
{
	if (pread(fd, to, bytes, at) != (ssize_t)bytes)
		cuts_die("cannot read: %s", strerror(errno));
}

static struct entry *read_log(int log, size_t *ret_count)
{
	struct {
		uint64_t magic, version, entries;
		uint32_t sector;
	} super;
	struct entry *entries;
	off_t at = SECTOR;
	size_t i;

	read_at(log, &super, sizeof(super), 0);
	if (super.magic != LOG_MAGIC || super.version != 1 || super.sector != SECTOR)
		cuts_die("this is no log of writes");
	entries = calloc(super.entries, sizeof(*entries));
	if (!entries)
		cuts_die("no memory");
	for (i = 0; i < super.entries; i++) {
		read_at(log, &entries[i], 4 * sizeof(uint64_t), at);
		entries[i].at = at + SECTOR;
		if (entries[i].flags & LOG_MARK)
			entries[i].at = at + (off_t)(4 * sizeof(uint64_t));
		at += SECTOR;
		if (!(entries[i].flags & (LOG_DISCARD | LOG_MARK)))
			at += (off_t)entries[i].sectors * SECTOR;
	}
	*ret_count = super.entries;
	return entries;
}

static void read_mark(struct run *r, const struct entry *e)
{
	char text[64] = "", kind[2];
	unsigned int a, b, c;

	if (e->data_len >= sizeof(text))
		return;
	read_at(r->log, text, e->data_len, e->at);
	if (sscanf(text, "%1[svugz]:%u:%u:%u", kind, &a, &b, &c) != 4)
		return;
	r->facts.count++;
	switch (*kind) {
	case 's':
		r->facts.size[a] = b;
		r->facts.state[a] = SYNCED;
		break;
	case 'v':
		r->facts.version[a][b] = c;
		break;
	case 'z':
		r->facts.sectors = a;
		break;
	default:
		r->facts.state[a] = *kind == 'g' ? GONE : UNKNOWN;
	}
}

static void apply(struct run *r, const struct entry *e, int to, bool is_base)
{
	static char buffer[1 << 20];
	uint64_t bytes = e->sectors * SECTOR, done, piece;
	off_t at = (off_t)e->sector * SECTOR;

	/* What is left of a discard after a cut may be anything, so also what was there. */
	if (e->flags & LOG_DISCARD && is_base)
		fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)bytes);
	if (e->flags & (LOG_DISCARD | LOG_MARK))
		return;
	for (done = 0; done < bytes; done += piece) {
		piece = bytes - done < sizeof(buffer) ? bytes - done : sizeof(buffer);
		read_at(r->log, buffer, piece, e->at + (off_t)done);
		if (pwrite(to, buffer, piece, at + (off_t)done) != (ssize_t)piece)
			cuts_die("cannot replay: %s", strerror(errno));
	}
}

/* The base, up to and with the last flush that is not behind @entry. */
static void advance(struct run *r, size_t entry)
{
	size_t end = entry + 1, i;

	while (end > r->applied && !(r->entries[end - 1].flags & LOG_FLUSH))
		end--;
	for (i = r->applied; i < end; i++) {
		if (r->lose && draw(r, 8) == 0 && !(r->entries[i].flags & LOG_MARK))
			continue;
		apply(r, &r->entries[i], r->base, true);
		if (r->entries[i].flags & LOG_MARK)
			read_mark(r, &r->entries[i]);
	}
	if (end > r->applied)
		r->applied = end;
}

/* --- devices ------------------------------------------------------------------------ */

static bool make_device(struct run *r, const char *name, uint64_t sectors, const char *target,
			const char *params, char path[32])
{
	dev_t dev;
	int e = dm_create(r->dm, name, "", &dev);

	if (e == 0)
		e = dm_load(r->dm, dev, false, sectors, target, params);
	if (e == 0)
		e = dm_resume(r->dm, dev);
	snprintf(path, 32, "/dev/dm-%u", minor(dev));
	return e == 0 || fail(r, "no device '%s' with '%s': %s", target, params, strerror(-e));
}

/* Whoever looks at block devices as they appear may still be at it. */
static void remove_device(struct run *r, const char *name)
{
	struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
	int e, i;

	for (i = 0; i < 2000; i++) {
		e = dm_remove(r->dm, name);
		if (e != -EBUSY)
			return;
		nanosleep(&pause, NULL);
	}
	cuts_die("the device '%s' stays: %s", name, strerror(-e));
}

static void take_down(const char *where)
{
	if (umount(where) < 0 && errno != EINVAL)
		cuts_die("cannot unmount '%s': %s", where, strerror(errno));
}

static pid_t start(const char *const *argv, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	int e;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, out, 2);
	e = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (e)
		cuts_die("cannot run '%s': %s", argv[0], strerror(e));
	return pid;
}

/* Its status, with what it says in r->why. */
static int run_program(struct run *r, const char *const *argv)
{
	int fds[2], status;
	size_t have = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		cuts_die("no pipe: %s", strerror(errno));
	pid = start(argv, fds[1]);
	close(fds[1]);
	while ((n = read(fds[0], r->why + have, sizeof(r->why) - 1 - have)) > 0)
		have += (size_t)n;
	r->why[have] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* --- what must hold ------------------------------------------------------------------ */

/* Space that is lost is no damage, and an older delta has the partition table. */
static bool harmless(const struct run *r, const char *line)
{
	static const char *const words[] = {"belong to no block", " error"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(line, words[i]))
			return true;
	return r->older && (strstr(line, "MBR") || strstr(line, "partition"));
}

static bool check_image(struct run *r)
{
	char path[256], copy[OUTPUT], *line, *rest;
	const char *argv[] = {"ploop", "check", "-d", path, NULL};
	int status;

	snprintf(path, sizeof(path), "%s/%s", r->mnt, r->image);
	status = run_program(r, argv);
	if (status != 0 && status != 11)
		return false;
	strcpy(copy, r->why);
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!harmless(r, line))
			return false;
	return true;
}

static bool attach(struct run *r, char device[32])
{
	char path[256], params[64];
	struct {
		uint64_t sectors;
	} __attribute__((packed)) h;
	int top, older = -1;
	bool done;

	snprintf(path, sizeof(path), "%s/%s", r->mnt, r->image);
	top = open(path, O_RDWR | O_CLOEXEC);
	if (top < 0 || pread(top, &h, sizeof(h), 0x24) != (ssize_t)sizeof(h))
		return fail(r, "cannot open the image: %s", strerror(errno));
	if (h.sectors < r->facts.sectors) {
		close(top);
		return fail(r, "the disk has %llu sectors, %llu were told",
			    (unsigned long long)h.sectors, (unsigned long long)r->facts.sectors);
	}
	if (r->older)
		older = open(r->older, O_RDONLY | O_CLOEXEC);
	if (older >= 0)
		snprintf(params, sizeof(params), "7 off=%d %d %d", IN_SECTORS, older, top);
	else
		snprintf(params, sizeof(params), "7 off=%d %d", IN_SECTORS, top);
	done = make_device(r, r->disk, h.sectors - IN_SECTORS, "ploop", params, device);
	close(top);
	if (older >= 0)
		close(older);
	return done;
}

static bool same(struct run *r, int dir, const char *name, uint32_t file, uint32_t size)
{
	static uint64_t got[16384], want[16384];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	uint32_t at, n;

	if (fd < 0)
		return fail(r, "'%s': %s", name, strerror(errno));
	for (at = 0; at < size; at += n) {
		n = size - at < sizeof(got) ? size - at : (uint32_t)sizeof(got);
		cuts_fill(want, n, file, 0, at);
		if (pread(fd, got, n, at) != (ssize_t)n || memcmp(got, want, n) != 0) {
			close(fd);
			return fail(r, "'%s' is not as it was synced, near %u of %u", name, at,
				    size);
		}
	}
	close(fd);
	return true;
}

static bool blocks_hold(struct run *r, int dir, uint32_t worker)
{
	uint64_t got[CUTS_BLOCK / 8], want[CUTS_BLOCK / 8];
	uint32_t i, n = 0;
	char name[32];
	int fd;

	for (i = 0; i < CUTS_BLOCKS; i++)
		n += r->facts.version[worker][i] != 0;
	if (!n)
		return true;
	snprintf(name, sizeof(name), "b%u", worker);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	for (i = 0; fd >= 0 && i < CUTS_BLOCKS; i++) {
		uint64_t at = (uint64_t)i * CUTS_BLOCK;

		if (!r->facts.version[worker][i])
			continue;
		if (pread(fd, got, CUTS_BLOCK, (off_t)at) != CUTS_BLOCK)
			break;
		cuts_fill(want, CUTS_BLOCK, CUTS_FILES + worker, (uint32_t)got[0], at);
		want[0] = got[0];
		if (got[0] < r->facts.version[worker][i] || memcmp(got, want, CUTS_BLOCK) != 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	return i == CUTS_BLOCKS || fail(r, "'%s': block %u is not as it was synced", name, i);
}

static bool files_hold(struct run *r)
{
	int dir = open(r->inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = dir >= 0 || fail(r, "cannot open '%s'", r->inner);
	char name[32];
	uint32_t i;

	for (i = 0; good && i < CUTS_FILES; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		if (r->facts.state[i] == SYNCED)
			good = same(r, dir, name, i, r->facts.size[i]);
		else if (r->facts.state[i] == GONE && faccessat(dir, name, F_OK, 0) == 0)
			good = fail(r, "'%s' is back", name);
	}
	for (i = 0; good && i < CUTS_WORKERS; i++)
		good = blocks_hold(r, dir, i);
	if (dir >= 0)
		close(dir);
	return good;
}

static bool check_disk(struct run *r)
{
	char device[32];
	const char *argv[] = {"e2fsck", "-fp", device, NULL};
	bool good;

	if (!attach(r, device)) {
		remove_device(r, r->disk);
		return false;
	}
	good = run_program(r, argv) <= 1;
	if (good && mount(device, r->inner, "ext4", MS_RDONLY, NULL) < 0)
		good = fail(r, "the disk does not mount: %s", strerror(errno));
	else if (good)
		good = files_hold(r);
	take_down(r->inner);
	remove_device(r, r->disk);
	return good;
}

/* --- a cut ------------------------------------------------------------------------------ */

static void read_tail_marks(struct run *r, size_t entry)
{
	size_t i;

	for (i = r->applied; i <= entry; i++)
		if (r->entries[i].flags & LOG_MARK)
			read_mark(r, &r->entries[i]);
}

static bool check_cut(struct run *r, const struct point *p)
{
	static struct facts before;
	char device[32], params[128];
	bool good;
	size_t i;
	int to;

	advance(r, p->entry);
	before = r->facts;
	read_tail_marks(r, p->entry);
	snprintf(params, sizeof(params), "%s %s N 8", r->base_loop, r->cow_loop);
	if (!make_device(r, r->snap, r->sectors, "snapshot", params, device))
		cuts_die("%s", r->why);
	to = open(device, O_WRONLY | O_CLOEXEC);
	if (to < 0)
		cuts_die("cannot open '%s': %s", device, strerror(errno));
	for (i = r->applied; i <= p->entry; i++)
		if (r->entries[i].flags & LOG_FUA || (!p->flush && draw(r, 2)))
			apply(r, &r->entries[i], to, false);
	if (fsync(to) < 0 || close(to) < 0)
		cuts_die("cannot write to '%s': %s", device, strerror(errno));
	if (mount(device, r->mnt, "ext4", 0, NULL) < 0)
		good = fail(r, "the file system of the image does not mount: %s", strerror(errno));
	else
		good = check_image(r) && check_disk(r);
	take_down(r->mnt);
	remove_device(r, r->snap);
	r->facts = before;
	return good;
}

/* --- where to cut ----------------------------------------------------------------------- */

static int by_entry(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* The places that a cut may be at: at all, or while somebody wanted them to be looked at. */
static size_t *places(const struct run *r, size_t *ret_count)
{
	size_t *found = calloc(r->count + 1, sizeof(*found)), i, n = 0;
	bool inside = !r->focus;
	char text[8];

	if (!found)
		cuts_die("no memory");
	for (i = 0; i < r->count; i++) {
		const struct entry *e = &r->entries[i];

		if (e->flags & LOG_MARK && r->focus && e->data_len < sizeof(text)) {
			memset(text, 0, sizeof(text));
			read_at(r->log, text, e->data_len, e->at);
			inside =
				strcmp(text, "focus") == 0 || (inside && strcmp(text, "blur") != 0);
		}
		if (inside)
			found[n++] = i;
	}
	if (!n)
		cuts_die("there is nothing to cut");
	*ret_count = n;
	return found;
}

/* @flushes of them in equal steps, from a first one that the seed chooses; 0: all. */
static size_t choose(const struct run *r, struct point *points, size_t flushes, size_t random)
{
	double step = 0.6180339887498949 * r->seed;
	size_t count, all = 0, i, n = 0, k = 0, *place = places(r, &count);
	struct run hat = {.random = r->seed};

	/* The last moment before each flush, and the end. */
	for (i = 0; i < count; i++)
		if (place[i] + 1 == r->count || r->entries[place[i] + 1].flags & LOG_FLUSH)
			place[all++] = place[i];
	if (!flushes || flushes > all)
		flushes = all;
	step -= (double)(uint64_t)step;
	for (k = 0; k < flushes; k++)
		points[n++] = (struct point){
			place[(size_t)((double)all / (double)flushes * ((double)k + step))], true};
	free(place);
	place = places(r, &count);
	for (i = 0; i < random; i++)
		points[n++] = (struct point){place[draw(&hat, (uint32_t)count)], false};
	free(place);
	qsort(points, n, sizeof(*points), by_entry);
	printf("# %zu writes, %zu flushes to cut at; cut at %zu of them and %zu other places\n",
	       r->count, all, flushes, random);
	fflush(stdout);
	return n;
}

static int check_some(struct run *r, char *disk, const struct point *points, size_t count,
		      unsigned int id, unsigned int of)
{
	unsigned int bad = 0, n = 0;
	char *rest, *file = strtok_r(disk, ":", &rest);
	struct stat st;
	size_t i;

	r->base_loop = strtok_r(NULL, ":", &rest);
	r->cow_loop = strtok_r(NULL, ":", &rest);
	r->base = open(file, O_RDWR | O_CLOEXEC);
	r->dm = dm_open();
	if (r->base < 0 || r->dm < 0 || fstat(r->base, &st) < 0)
		cuts_die("cannot open '%s' or the device mapper", file);
	r->sectors = (uint64_t)st.st_size / SECTOR;
	snprintf(r->snap, sizeof(r->snap), "vesper-cut%u", id);
	snprintf(r->disk, sizeof(r->disk), "vesper-cut%u-disk", id);
	snprintf(r->mnt + strlen(r->mnt), sizeof(r->mnt) - strlen(r->mnt), "%u", id);
	snprintf(r->inner, sizeof(r->inner), "%s.disk", r->mnt);
	mkdir(r->mnt, 0700);
	mkdir(r->inner, 0700);
	for (i = id; i < count; i += of) {
		r->random = r->seed + (uint32_t)points[i].entry * 2654435761u;
		n++;
		if (check_cut(r, &points[i]))
			continue;
		bad++;
		printf("cut %s %zu, %u facts: %s\n", points[i].flush ? "at flush" : "at",
		       points[i].entry, r->facts.count, r->why);
		fflush(stdout);
	}
	printf("# process %u: %u cuts, %u of them bad, %u facts at the last\n", id, n, bad,
	       r->facts.count);
	fflush(stdout);
	return bad ? 1 : 0;
}

static int check(struct run *r, int argc, char **argv)
{
	struct point *points;
	unsigned int i, bad = 0;
	size_t count, flushes, random;
	int status;

	if (argc < 7)
		cuts_die("check wants LOGFILE MOUNTPOINT IMAGE FLUSHES RANDOM SEED DISK...");
	r->log = open(argv[0], O_RDONLY | O_CLOEXEC);
	if (r->log < 0)
		cuts_die("cannot open '%s': %s", argv[0], strerror(errno));
	snprintf(r->mnt, 100, "%s", argv[1]);
	r->image = argv[2];
	flushes = (size_t)atol(argv[3]);
	random = (size_t)atol(argv[4]);
	r->seed = (uint32_t)atol(argv[5]);
	r->entries = read_log(r->log, &r->count);
	points = calloc(r->count + random, sizeof(*points));
	if (!points)
		cuts_die("no memory");
	count = choose(r, points, flushes, random);
	argc -= 6;
	for (i = 0; i < (unsigned int)argc; i++) {
		pid_t pid = fork();

		if (pid < 0)
			cuts_die("cannot fork: %s", strerror(errno));
		if (pid == 0)
			exit(check_some(r, argv[6 + i], points, count, i, (unsigned int)argc));
	}
	while (wait(&status) > 0)
		bad += status != 0;
	printf("# %zu cuts\n", count);
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct run r;
	int c;

	if (argc > 2 && strcmp(argv[1], "load") == 0)
		return cuts_load(argc - 2, argv + 2);
	if (argc < 2 || strcmp(argv[1], "check") != 0)
		cuts_die("load or check");
	argc--;
	argv++;
	while ((c = getopt(argc, argv, CUT_OPTIONS)) != -1) {
		if (c == 'x')
			r.lose = true;
		else if (c == 'f')
			r.focus = true;
		else if (c == 'o')
			r.older = optarg;
		else
			cuts_die("no such option");
	}
	return check(&r, argc - optind, argv + optind);
}
