/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random sequences of all that is done to an image that nobody has mounted,
 * against plain memory. If this fails, two things that each work alone lose
 * somebody's data together.
 *
 * MODEL_SEED, printed, is another one each day, and repeats a day's. A sequence
 * that fails is made as short as it can be and still fail, and printed so that
 * MODEL_STEPS='...' runs it again, alone.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ext2fs/ext2fs.h>

#include "attach.h"
#include "cleanup.h"
#include "descriptor.h"
#include "disk.h"
#include "edit.h"
#include "err.h"
#include "faults.h"
#include "format.h"
#include "gpt.h"
#include "io.h"
#include "open.h"
#include "path.h"
#include "ploop.h"
#include "points.h"
#include "run.h"
#include "shrink.h"
#include "stream.h"
#include "super.h"

#define CLUSTER	  32768u
#define MIB	  (1u << 20)
#define BYTES_MIN (3 * MIB)
#define BYTES_MAX (6 * MIB)
/* Before it are partition table and super block. */
#define FROM	  (MIB + 2 * CLUSTER)
#define STATES	  6
#define POINTS	  8
#define STEPS	  40
#define SEQUENCES 100

struct step {
	unsigned int what, a, b;
};

/* What is expected of a disk. What lies behind @known may be anything: it was cut off once. */
struct state {
	char guid[PLOOP_GUID_BYTES];
	uint32_t size, known;
	uint8_t bytes[BYTES_MAX];
};

/* What the disk was then. One that nothing gave up has to be there. */
struct noted {
	struct state at;
	bool sure;
};

struct model {
	char dir[128], clone[128], backup[128];
	struct state disk, cloned, backed, snapshots[STATES];
	unsigned int n;
	struct noted points[POINTS];
	unsigned int n_points, backed_at; /* the point that the backup is at */
	bool has_clone, has_backup, was_cut;
};

static struct model m;
/* Why a sequence failed; shared with the process that ran it. */
static char *why;
static unsigned int at_step;

static void __attribute__((format(printf, 1, 2), noreturn)) bad(const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(why, ERR_MSG_MAX, "step %u: ", at_step);

	va_start(ap, fmt);
	vsnprintf(why + n, ERR_MSG_MAX, fmt, ap);
	va_end(ap);
	_exit(1);
}

#define need(cond)                                           \
	do {                                                 \
		if (!(cond))                                 \
			bad("line %d: %s", __LINE__, #cond); \
	} while (0)

static void must(const char *what, int r, const struct err *err)
{
	if (r < 0)
		bad("%s: %s", what, err->msg);
}

/* --- looking --------------------------------------------------------------------------- */

static struct ploop_disk *open_disk(const char *dir, const char *guid, enum open_how how)
{
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct location loc;

	must("find", location_find(&loc, dir, guid, &err), &err);
	must("open", location_open(&loc, how, &disk, &err), &err);
	location_free(&loc);
	return disk;
}

static void close_disk(struct ploop_disk *disk)
{
	struct err err = ERR_INIT;

	need(disk_flush(disk) == 0);
	must("close", image_finish(&disk->img, false, &err), &err);
	disk_free(disk);
}

/* The last cluster of each MiB may hold a partition table of another time. */
static bool is_ours(uint32_t at)
{
	return at >= FROM && at % MIB < MIB - CLUSTER;
}

static void compare(struct ploop_disk *disk, const struct state *s, const char *name)
{
	uint8_t got[CLUSTER];
	uint32_t at;

	if (disk->img.size_bytes != s->size)
		bad("%s has %llu bytes, should have %u", name,
		    (unsigned long long)disk->img.size_bytes, s->size);
	for (at = FROM; at < s->known; at += CLUSTER) {
		if (!is_ours(at))
			continue;
		need(disk_read(disk, at, got, CLUSTER) == 0);
		if (memcmp(got, s->bytes + at, CLUSTER) != 0)
			bad("%s: cluster %u is another", name, at / CLUSTER);
	}
}

static void look_at(const char *dir, const char *guid, const struct state *s, const char *name)
{
	struct ploop_disk *disk = open_disk(dir, guid, OPEN_CLOSED);

	compare(disk, s, name);
	disk_free(disk);
}

static struct noted *find_point(const uint8_t id[POINT_ID_BYTES])
{
	char guid[PLOOP_GUID_BYTES];
	unsigned int i;

	point_guid(id, guid);
	for (i = 0; i < m.n_points && strcmp(m.points[i].at.guid, guid) != 0; i++)
		continue;
	if (i == m.n_points)
		bad("there is a point %s", guid);
	return &m.points[i];
}

/* It may say too much, and never too little. */
static void look_at_point(const struct point *p)
{
	const struct state *was = &find_point(p->id)->at;
	uint32_t at, end = was->known < m.disk.known ? was->known : m.disk.known;

	need(p->disk_sectors == m.disk.size / PLOOP_SECTOR && was->size == m.disk.size);
	for (at = FROM; at < end; at += CLUSTER)
		if (is_ours(at) && memcmp(was->bytes + at, m.disk.bytes + at, CLUSTER) != 0 &&
		    !point_has(p, at, CLUSTER))
			bad("cluster %u was written since %s, which says no", at / CLUSTER,
			    was->guid);
}

static void look_at_points(void)
{
	struct ploop_disk *disk = open_disk(m.dir, NULL, OPEN_CLOSED);
	struct err err = ERR_INIT;
	uint8_t id[POINT_ID_BYTES];
	unsigned int i;

	if (disk->img.format == PLOOP_FORMAT_EXPANDED)
		must("points", image_load_extension(&disk->img, &err), &err);
	for (i = 0; i < disk->img.ext.n; i++)
		look_at_point(&disk->img.ext.points[i]);
	for (i = 0; i < m.n_points; i++) {
		point_id(m.points[i].at.guid, id);
		if (m.points[i].sure && !extension_find(&disk->img.ext, id))
			bad("the point %s was given up", m.points[i].at.guid);
	}
	disk_free(disk);
}

static void look(bool all)
{
	unsigned int i;

	look_at(m.dir, NULL, &m.disk, "the disk");
	look_at_points();
	for (i = 0; all && i < m.n; i++)
		look_at(m.dir, m.snapshots[i].guid, &m.snapshots[i], m.snapshots[i].guid);
	if (all && m.has_clone)
		look_at(m.clone, NULL, &m.cloned, "the clone");
	if (all && m.has_backup)
		look_at(m.backup, NULL, &m.backed, "the backup");
}

static void told(void *arg, const char *sentence)
{
	/* A copy has them where the disk had them. */
	if (arg == m.backup && strstr(sentence, "partition table"))
		return;
	if (!strstr(sentence, "belong to no block"))
		bad("check: %s", sentence);
}

static void do_check(const struct step *s)
{
	struct err err = ERR_INIT;
	unsigned int findings;

	(void)s;
	must("mend", ploop_drop_in_use(m.dir, &err), &err);
	must("check", ploop_check(m.dir, told, NULL, &findings, &err), &err);
	if (m.has_backup)
		must("check", ploop_check(m.backup, told, m.backup, &findings, &err), &err);
	look(true);
}

/* --- writing --------------------------------------------------------------------------- */

static uint32_t mix(uint32_t x)
{
	x = (x ^ (x >> 16)) * 0x7feb352du;
	x = (x ^ (x >> 15)) * 0x846ca68bu;
	return x ^ (x >> 16);
}

/* Some ranges, of them some of zeros, also as zeros that nobody has to write. */
static void write_some(struct ploop_disk *disk, struct state *s, uint32_t seed)
{
	unsigned int i;

	for (i = 0; i < 1 + seed % 4; i++) {
		uint32_t x = mix(seed + i * 77), at = FROM + mix(x) % (s->size - FROM - MIB);
		uint32_t len = 1 + mix(x + 1) % (x % 3 ? 3000 : 3 * CLUSTER), end;

		/* Mostly where others write, too, and whole clusters. */
		if (x % 16 > 3)
			at = FROM + mix(x) % (8 * CLUSTER);
		if (x % 16 > 9) {
			at = at / CLUSTER * CLUSTER;
			len = (1 + len % 3) * CLUSTER;
		}
		for (end = at; end < at + len && end < s->size && is_ours(end); end++)
			s->bytes[end] = mix(x + 2) % 3 ? (uint8_t)(x + end / 97) : 0;
		if (end == at)
			continue;
		if (mix(x + 2) % 3 == 0 && x % 2)
			need(disk_zero(disk, at, end - at) == 0);
		else
			need(disk_write(disk, at, s->bytes + at, end - at) == 0);
	}
}

static void do_write(const struct step *s)
{
	struct ploop_disk *disk = open_disk(m.dir, NULL, OPEN_WRITE);

	disk->sync = s->b % 2;
	write_some(disk, &m.disk, s->a);
	close_disk(disk);
}

/* Its writer is killed after a flush: more was given room. */
static void do_kill(const struct step *s)
{
	struct ploop_disk *disk = open_disk(m.dir, NULL, OPEN_WRITE);
	struct err err = ERR_INIT;
	struct stat st;

	write_some(disk, &m.disk, s->a);
	need(disk_flush(disk) == 0);
	if (disk->img.format == PLOOP_FORMAT_EXPANDED && s->b % 2) {
		need(fstat(disk->img.fd, &st) == 0);
		need(ftruncate(disk->img.fd, st.st_size + s->b % 100000) == 0);
	}
	disk_free(disk);
	must("mend", ploop_drop_in_use(m.dir, &err), &err);
}

/* --- snapshots ------------------------------------------------------------------------- */

static void do_snapshot(const struct step *s)
{
	char guid[PLOOP_GUID_BYTES] = "";
	struct err err = ERR_INIT;

	(void)s;
	if (m.n == STATES)
		return;
	must("snapshot", ploop_snapshot(m.dir, guid, &err), &err);
	m.snapshots[m.n] = m.disk;
	strcpy(m.snapshots[m.n++].guid, guid);
}

static void do_switch(const struct step *s)
{
	const struct state *to = &m.snapshots[m.n ? s->a % m.n : 0];
	struct err err = ERR_INIT;
	uint32_t size = m.disk.size;

	if (!m.n)
		return;
	must("switch", ploop_snapshot_switch(m.dir, to->guid, &err), &err);
	m.disk = *to;
	if (size <= to->size)
		return;
	m.disk.size = size;
	if (!m.was_cut)
		m.disk.known = size;
}

static void forget(const char *guid)
{
	unsigned int i;

	for (i = 0; i < m.n && strcmp(m.snapshots[i].guid, guid) != 0; i++)
		continue;
	need(i < m.n);
	m.n--;
	memmove(&m.snapshots[i], &m.snapshots[i + 1], (m.n - i) * sizeof(m.snapshots[0]));
}

static void do_delete(const struct step *s)
{
	struct err err = ERR_INIT;
	char guid[PLOOP_GUID_BYTES];

	if (!m.n)
		return;
	strcpy(guid, m.snapshots[s->a % m.n].guid);
	must("delete", ploop_snapshot_delete(m.dir, guid, &err), &err);
	forget(guid);
}

static void do_merge(const struct step *s)
{
	char below[PLOOP_GUID_BYTES] = "";
	struct ploop_snapshot *list;
	struct err err = ERR_INIT;
	size_t n, i;
	int r;

	(void)s;
	must("list", ploop_snapshots(m.dir, &list, &n, &err), &err);
	for (i = 0; i < n; i++)
		if (list[i].top)
			strcpy(below, list[i].parent);
	ploop_snapshots_free(list, n);
	r = ploop_snapshot_merge(m.dir, NULL, &err);
	if (r == -EMLINK || (!*below && r == -ENOENT))
		return;
	must("merge", r, &err);
	forget(below);
}

static void do_clone(const struct step *s)
{
	struct err err = ERR_INIT;

	if (!m.n)
		return;
	if (m.has_clone)
		need(path_remove_tree(AT_FDCWD, m.clone, NULL) == 0);
	m.cloned = m.snapshots[s->a % m.n];
	m.has_clone = true;
	must("clone", ploop_clone(m.dir, m.cloned.guid, m.clone, &err), &err);
	if (m.cloned.size < m.disk.size) {
		m.cloned.size = m.disk.size;
		if (!m.was_cut)
			m.cloned.known = m.cloned.size;
	}
	if (s->b % 2) {
		struct ploop_disk *disk = open_disk(m.clone, NULL, OPEN_WRITE);

		write_some(disk, &m.cloned, s->b);
		close_disk(disk);
	}
}

/* --- sizes ----------------------------------------------------------------------------- */

/* What the kernel's target does; the table has room for all sizes here. */
static bool grow_image(uint32_t size)
{
	struct ploop_disk *disk = open_disk(m.dir, NULL, OPEN_CLOSED);
	uint32_t entries = htole32(size / CLUSTER), none = 0, i;
	uint64_t sectors = htole64(size / PLOOP_SECTOR);
	_cleanup_free_ char *path = path_join(m.dir, disk->img.name);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned int version = disk->img.version;

	disk_free(disk);
	if (version == 1)
		return false;
	if (version == 0) {
		need(ftruncate(fd, size) == 0);
		return true;
	}
	for (i = m.disk.size / CLUSTER; i < size / CLUSTER; i++)
		need(io_pwrite_full(fd, &none, 4, PLOOP_BAT_OFFSET + 4 * i) == 0);
	need(io_pwrite_full(fd, &entries, 4, 0x20) == 0);
	need(io_pwrite_full(fd, &sectors, 8, 0x24) == 0);
	return true;
}

static void do_grow(const struct step *s)
{
	uint32_t size = m.disk.size + (1 + s->a % 2) * MIB;
	struct err err = ERR_INIT;

	if (size > BYTES_MAX || !grow_image(size))
		return;
	must("grow", ploop_drop_in_use(m.dir, &err), &err);
	m.disk.size = size;
	if (!m.was_cut)
		m.disk.known = size;
}

static uint32_t shrink_seed;

/* In the place of resize2fs: something is moved. */
static int change_fs(struct attach *a, uint64_t size_bytes, struct err *err)
{
	int r = image_take(&a->disk->img, a->image, err);

	if (r < 0)
		return r;
	m.disk.size = (uint32_t)size_bytes;
	write_some(a->disk, &m.disk, shrink_seed);
	r = disk_flush(a->disk);
	return r < 0 ? err_errno(err, r, "cannot write") : image_finish(&a->disk->img, true, err);
}

static void do_shrink(const struct step *s)
{
	uint32_t size = BYTES_MIN + s->a % 3 * MIB, i;
	struct err err = ERR_INIT;
	struct edit e;

	if (size >= m.disk.size)
		return;
	shrink_seed = s->b;
	must("edit", edit_begin(m.dir, &e, &err), &err);
	must("shrink", shrink_disk(&e, size, change_fs, &err), &err);
	edit_end(&e);
	m.was_cut = true;
	if (m.disk.known > size)
		m.disk.known = size;
	for (i = size; i < BYTES_MAX; i++)
		m.disk.bytes[i] = 0;
}

static void do_compact(const struct step *s)
{
	struct err err = ERR_INIT;
	uint64_t freed;
	int r = ploop_compact(m.dir, &freed, &err);

	(void)s;
	if (r != -EOPNOTSUPP)
		must("compact", r, &err);
}

/* --- files ----------------------------------------------------------------------------- */

static void do_convert(const struct step *s)
{
	static const enum ploop_format formats[] = {PLOOP_FORMAT_RAW, PLOOP_FORMAT_EXPANDED,
						    PLOOP_FORMAT_PREALLOCATED};
	struct err err = ERR_INIT;

	must("convert", ploop_convert(m.dir, formats[s->a % 3], &err), &err);
}

static void do_version(const struct step *s)
{
	struct err err = ERR_INIT;
	int r = ploop_convert_version(m.dir, 1 + s->a % 2, &err);

	/* All of it may be raw. */
	if (r != -EINVAL)
		must("version", r, &err);
}

/* The whole disk through a stream into a file. */
static void do_copy(const struct step *s)
{
	struct ploop_disk *disk = open_disk(m.dir, NULL, OPEN_CLOSED), *copy;
	_cleanup_free_ char *path = path_join(m.dir, "../copy");
	uint8_t buf[CLUSTER];
	struct err err = ERR_INIT;
	struct stream out;
	int fd = memfd_create("stream", MFD_CLOEXEC);
	uint32_t i;

	(void)s;
	must("stream", stream_begin(&out, fd, disk->img.size_bytes, CLUSTER, &err), &err);
	for (i = 0; i < m.disk.size / CLUSTER; i++) {
		struct stream_frame frame = {.type = STREAM_DATA, .cluster = i, .length = CLUSTER};

		if (!disk_has(disk, i))
			continue;
		need(disk_read(disk, (uint64_t)i * CLUSTER, buf, CLUSTER) == 0);
		must("stream", stream_put(&out, &frame, buf, &err), &err);
	}
	must("stream", stream_put(&out, &(struct stream_frame){.type = STREAM_END}, NULL, &err),
	     &err);
	disk_free(disk);
	need(lseek(fd, 0, SEEK_SET) == 0);
	must("receive", ploop_copy_receive(path, fd, -1, &err), &err);
	close(fd);
	must("open", ploop_open(path, &copy, &err), &err);
	compare(copy, &m.disk, "the copy");
	ploop_close(copy);
	need(unlink(path) == 0);
}

/* A snapshot's file becomes a copy of it. */
static void do_replace(const struct step *s)
{
	const char *guid = m.snapshots[m.n ? s->a % m.n : 0].guid;
	_cleanup_free_ char *from = NULL, *to = path_join(m.dir, "other"), *text = NULL;
	struct ploop_snapshot *list;
	struct err err = ERR_INIT;
	size_t n, i, len;
	int r;

	if (!m.n)
		return;
	must("list", ploop_snapshots(m.dir, &list, &n, &err), &err);
	for (i = 0; i < n; i++)
		if (strcmp(list[i].guid, guid) == 0)
			from = path_join(m.dir, list[i].file);
	ploop_snapshots_free(list, n);
	must("copy", io_read_file(AT_FDCWD, from, 1 << 30, &text, &len, &err), &err);
	if (strstr(from, "/other"))
		return;
	must("copy", io_replace_file(AT_FDCWD, to, text, len, 0600, &err), &err);
	r = ploop_replace(m.dir, guid, "other", true, &err);
	/* What the disk does not stand on has to stay. */
	if (r == -EINVAL)
		unlink(to);
	else
		must("replace", r, &err);
}

static void do_restore(const struct step *s)
{
	_cleanup_free_ char *path = path_join(m.dir, DESCRIPTOR_NAME), *file = NULL;
	struct ploop_snapshot *list;
	struct err err = ERR_INIT;
	size_t n;

	(void)s;
	if (m.n)
		return;
	must("list", ploop_snapshots(m.dir, &list, &n, &err), &err);
	need(n == 1);
	file = strdup(list[0].file);
	ploop_snapshots_free(list, n);
	need(unlink(path) == 0);
	must("restore", ploop_restore_descriptor(m.dir, file, CLUSTER, &err), &err);
}

/* --- points ------------------------------------------------------------------------------ */

/* false: the top is raw, or there are enough. */
static bool make_point(void)
{
	char guid[PLOOP_GUID_BYTES] = "";
	struct err err = ERR_INIT;
	int r;

	if (m.n_points == POINTS)
		return false;
	r = ploop_point(m.dir, guid, &err);
	if (r == -EOPNOTSUPP)
		return false;
	must("point", r, &err);
	m.points[m.n_points].at = m.disk;
	m.points[m.n_points].sure = true;
	strcpy(m.points[m.n_points++].at.guid, guid);
	return true;
}

static void do_point(const struct step *s)
{
	(void)s;
	(void)make_point();
}

/* @r is of something with that point. */
static bool was_given_up(int r, const struct noted *p)
{
	if (r != -ENOENT && r != -EOPNOTSUPP)
		return false;
	if (p->sure)
		bad("the point %s was given up", p->at.guid);
	return true;
}

static void do_forget(const struct step *s)
{
	struct noted *p = &m.points[m.n_points ? s->a % m.n_points : 0];
	struct err err = ERR_INIT;
	int r;

	if (!m.n_points)
		return;
	r = ploop_point_delete(m.dir, p->at.guid, &err);
	if (!was_given_up(r, p))
		must("point-delete", r, &err);
	p->sure = false;
}

static void do_backup(const struct step *s)
{
	const char *const argv[] = {"cp", "-a", m.dir, m.backup, NULL};
	struct err err = ERR_INIT;

	(void)s;
	if (!make_point())
		return;
	if (m.has_backup)
		need(path_remove_tree(AT_FDCWD, m.backup, NULL) == 0);
	must("backup", run_program(argv, &(struct run_opts){.no_stderr = true}, &err), &err);
	m.has_backup = true;
	m.backed = m.disk;
	m.backed_at = m.n_points - 1;
}

static int copy_since(const struct ploop_copy_opts *opts, bool piped, struct err *err)
{
	int fd, r;

	if (!piped)
		return ploop_copy(m.dir, m.backup, opts, NULL, err);
	fd = memfd_create("stream", MFD_CLOEXEC);
	r = ploop_copy_send(m.dir, fd, -1, opts, NULL, err);
	need(lseek(fd, 0, SEEK_SET) == 0);
	if (r == 0)
		must("receive", ploop_copy_receive(m.backup, fd, -1, err), err);
	close(fd);
	return r;
}

/* The backup becomes what the disk is. */
static void do_since(const struct step *s)
{
	struct noted *at = &m.points[m.backed_at], *new = &m.points[m.n_points];
	bool more = s->a % 4 && m.n_points < POINTS;
	struct ploop_copy_opts opts = {.since = at->at.guid, .point = more ? new->at.guid : NULL};
	char guid[PLOOP_GUID_BYTES];
	struct err err = ERR_INIT;
	int r;

	if (!m.has_backup)
		return;
	snprintf(guid, sizeof(guid), "{%08x-0000-4000-8000-%012x}", s->b, m.n_points);
	if (more) {
		new->at = m.disk;
		strcpy(new->at.guid, guid);
	}
	r = copy_since(&opts, s->b % 2, &err);
	m.has_backup = r == 0 && more;
	if (!was_given_up(r, at)) {
		must("copy since", r, &err);
		look_at(m.backup, NULL, &m.disk, "the backup");
		m.backed = m.disk;
		m.backed_at = m.n_points;
		new->sure = more;
		m.n_points += more;
	}
	if (!m.has_backup)
		need(path_remove_tree(AT_FDCWD, m.backup, NULL) == 0);
}

/* --- sequences --------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(const struct step *s);
	unsigned int weight;
	bool gives_up; /* points */
} kinds[] = {
	{"write", do_write, 12, false},	    {"kill", do_kill, 2, true},
	{"snapshot", do_snapshot, 6, true}, {"switch", do_switch, 2, true},
	{"delete", do_delete, 4, true},	    {"merge", do_merge, 2, true},
	{"clone", do_clone, 2, false},	    {"grow", do_grow, 3, true},
	{"shrink", do_shrink, 2, true},	    {"compact", do_compact, 2, false},
	{"convert", do_convert, 2, true},   {"version", do_version, 1, true},
	{"copy", do_copy, 2, false},	    {"replace", do_replace, 2, false},
	{"restore", do_restore, 1, false},  {"check", do_check, 2, false},
	{"point", do_point, 3, false},	    {"forget", do_forget, 1, false},
	{"backup", do_backup, 2, false},    {"since", do_since, 4, false},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void make_disk(const char *root)
{
	const uint8_t uuid[16] = "0123456789abcdef";
	struct ext2_super_block sb = {.s_magic = htole16(EXT2_SUPER_MAGIC),
				      .s_log_block_size = htole32(2),
				      .s_blocks_count = htole32(MIB / 4096)};
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	struct descriptor d;
	struct image img;
	uint64_t offset, length;
	int dirfd;

	snprintf(m.dir, sizeof(m.dir), "%s/d", root);
	snprintf(m.clone, sizeof(m.clone), "%s/clone", root);
	snprintf(m.backup, sizeof(m.backup), "%s/backup", root);
	need(mkdir(m.dir, 0700) == 0);
	dirfd = open(m.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must("create",
	     image_create(dirfd, "root.hds", PLOOP_FORMAT_EXPANDED, BYTES_MIN + MIB, CLUSTER, &img,
			  &err),
	     &err);
	need(disk_new(&img, &disk) == 0);
	must("create", gpt_create(disk, uuid, &offset, &length, &err), &err);
	need(disk_write(disk, offset + SUPER_OFFSET, &sb, sizeof(sb)) == 0);
	close_disk(disk);
	need(descriptor_init(&d, BYTES_MIN + MIB, CLUSTER, PLOOP_FORMAT_EXPANDED, "root.hds") == 0);
	must("create", descriptor_store(dirfd, &d, &err), &err);
	descriptor_free(&d);
	close(dirfd);
	m.disk.size = m.disk.known = BYTES_MIN + MIB;
}

static void run_one(const struct step *s)
{
	unsigned int i;

	kinds[s->what].run(s);
	for (i = 0; kinds[s->what].gives_up && i < m.n_points; i++)
		m.points[i].sure = false;
}

static void run_all(const char *root, const struct step *steps, unsigned int n)
{
	unsigned int i;

	/* Their order is what other tests are for. */
	faults_arm(FAULT_FILE, UINT_MAX);
	make_disk(root);
	for (i = 0; i < n; i++) {
		at_step = i;
		run_one(&steps[i]);
		look(i % 4 == 3);
	}
	do_check(NULL);
}

/* In a process of its own, as it may end anyhow. */
static bool works(struct fixture *f, const struct step *steps, unsigned int n)
{
	int status;
	pid_t pid;

	path_remove_tree(f->dirfd, "m", NULL);
	assert_int_equal(mkdirat(f->dirfd, "m", 0700), 0);
	strcpy(why, "it crashed");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		run_all(fixture_path(f, "m"), steps, n);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Leaves out what it fails without: half of it, a quarter, ..., one. */
static unsigned int shorten(struct fixture *f, struct step *steps, unsigned int n)
{
	struct step try[STEPS];
	unsigned int size, at;

	for (size = n / 2 ? n / 2 : 1; size; size /= 2)
		for (at = 0; at + size <= n;) {
			memcpy(try, steps, at * sizeof(*try));
			memcpy(try + at, steps + at + size, (n - at - size) * sizeof(*try));
			if (works(f, try, n - size)) {
				at += size;
				continue;
			}
			n -= size;
			memcpy(steps, try, n * sizeof(*try));
		}
	return n;
}

static void fail_with(struct fixture *f, struct step *steps, unsigned int n)
{
	char list[STEPS * 40] = "";
	unsigned int i;
	size_t len = 0;

	print_message("# %s\n# fails with %u steps: making them less\n", why, n);
	n = shorten(f, steps, n);
	(void)works(f, steps, n);
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s:%u:%u", i ? " " : "",
					kinds[steps[i].what].name, steps[i].a, steps[i].b);
	fail_msg("%s\nMODEL_STEPS='%s'", why, list);
}

static uint32_t rnd(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33);
}

static unsigned int draw_kind(uint64_t *seed)
{
	unsigned int sum = 0, i, at;

	for (i = 0; i < KINDS; i++)
		sum += kinds[i].weight;
	at = rnd(seed) % sum;
	for (i = 0; at >= kinds[i].weight; i++)
		at -= kinds[i].weight;
	return i;
}

static unsigned int parse(const char *text, struct step *steps)
{
	unsigned int n = 0, i;
	char name[32];
	int len;

	for (; n < STEPS &&
	       sscanf(text, " %31[^:]:%u:%u%n", name, &steps[n].a, &steps[n].b, &len) == 3;
	     text += len) {
		for (i = 0; i < KINDS && strcmp(kinds[i].name, name) != 0; i++)
			continue;
		assert_true(i < KINDS);
		steps[n++].what = i;
	}
	return n;
}

static void random_sequences_follow_a_model(void **state)
{
	const char *given = getenv("MODEL_SEED"), *list = getenv("MODEL_STEPS");
	uint64_t first = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) / 86400;
	struct fixture *f = *state;
	struct step steps[STEPS];
	unsigned int i, k, n;

	why = mmap(NULL, 2 * ERR_MSG_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		   0);
	assert_true(why != MAP_FAILED);
	if (list) {
		n = parse(list, steps);
		if (!works(f, steps, n))
			fail_msg("%s", why);
		return;
	}
	print_message("# MODEL_SEED=%llu\n", (unsigned long long)first);
	for (i = 0; i < SEQUENCES; i++) {
		uint64_t seed = first * 1000 + i;

		for (k = 0; k < 8; k++)
			(void)rnd(&seed);
		for (k = 0; k < STEPS; k++) {
			steps[k].what = draw_kind(&seed);
			steps[k].a = rnd(&seed);
			steps[k].b = rnd(&seed);
		}
		if (!works(f, steps, STEPS))
			fail_with(f, steps, STEPS);
	}
	print_message("# %u sequences of %u steps\n", SEQUENCES, STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(random_sequences_follow_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
