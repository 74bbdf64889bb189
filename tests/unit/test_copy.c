/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of a disk that is written to meanwhile, and streams of one. If this
 * fails, a copy lacks what was written while it was made, or somebody's stream
 * leaves half an image, or one that is not what was sent.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "format.h"
#include "guard.h"
#include "io.h"
#include "newfile.h"
#include "passes.h"
#include "ploop.h"
#include "run.h"
#include "stream.h"

#define CLUSTER	 32768u
#define CLUSTERS 40u
/* The disk ends inside of its last cluster. */
#define BYTES	 (CLUSTER * CLUSTERS - 4096u)

/* A disk in memory that is written to whenever it is looked at. */
struct busy {
	uint8_t *bytes;	  /* owned */
	uint8_t *at_stop; /* owned */
	bool marks[CLUSTERS], tracked_from_start;
	uint32_t seed;
	unsigned int writes; /* left */
	bool stopped;
	int stop_code;
	unsigned int syncs, stops, goes_on,
		late; /* late: writes that somebody makes after the stop */
	const unsigned int *flushes;
	unsigned int flushes_at_stop;
};

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void write_some(struct busy *b)
{
	uint32_t at = rnd(&b->seed) % (BYTES - 600), i, len = 1 + rnd(&b->seed) % 600;
	bool zeros = rnd(&b->seed) % 4 == 0;

	for (i = 0; i < len; i++)
		b->bytes[at + i] = zeros ? 0 : (uint8_t)(rnd(&b->seed) | 1);
	/* A cluster at once of zeros, now and then. */
	if (rnd(&b->seed) % 8 == 0) {
		at = at / CLUSTER * CLUSTER;
		len = BYTES - at < CLUSTER ? BYTES - at : CLUSTER;
		memset(b->bytes + at, 0, len);
	}
	b->marks[at / CLUSTER] = b->marks[(at + len - 1) / CLUSTER] = true;
}

static void somebody_writes(struct busy *b)
{
	if (b->stopped ? b->late : b->writes) {
		write_some(b);
		--*(b->stopped ? &b->late : &b->writes);
	}
}

static bool has(void *arg, uint32_t cluster)
{
	const struct busy *b = arg;
	uint32_t at = cluster * CLUSTER, i;

	for (i = at; i < at + CLUSTER && i < BYTES; i++)
		if (b->bytes[i])
			return true;
	return false;
}

static int read_busy(void *arg, uint32_t cluster, void *buf, size_t len, struct err *err)
{
	struct busy *b = arg;
	size_t half = len / 2;

	(void)err;
	assert_true((uint64_t)cluster * CLUSTER + len <= BYTES);
	memcpy(buf, b->bytes + cluster * CLUSTER, half);
	somebody_writes(b);
	memcpy((uint8_t *)buf + half, b->bytes + cluster * CLUSTER + half, len - half);
	return 0;
}

static int next(void *arg, uint32_t *ret_cluster, struct err *err)
{
	struct busy *b = arg;
	uint32_t i;

	(void)err;
	if (rnd(&b->seed) % 3 == 0)
		somebody_writes(b);
	for (i = 0; i < CLUSTERS; i++) {
		if (!b->marks[i])
			continue;
		b->marks[i] = false;
		*ret_cluster = i;
		return 0;
	}
	return -EAGAIN;
}

/* What the disk has is told by now. */
static void sync_busy(void *arg)
{
	((struct busy *)arg)->syncs++;
}

static int stop(void *arg, struct err *err)
{
	struct busy *b = arg;

	if (b->stop_code)
		return err_set(err, b->stop_code, "it does not stop");
	b->stops++;
	b->stopped = true;
	b->flushes_at_stop = b->flushes ? *b->flushes : 0;
	memcpy(b->at_stop, b->bytes, BYTES);
	return 0;
}

static int go_on(void *arg, struct err *err)
{
	struct busy *b = arg;

	(void)err;
	b->goes_on++;
	b->stopped = false;
	return 0;
}

static struct passes_from begin(struct busy *b, uint32_t seed, unsigned int writes)
{
	unsigned int i;

	*b = (struct busy){.bytes = calloc(1, BYTES),
			   .at_stop = calloc(1, BYTES),
			   .seed = seed,
			   .writes = writes};
	assert_non_null(b->bytes);
	assert_non_null(b->at_stop);
	for (i = 0; i < 60; i++)
		write_some(b);
	memset(b->marks, 0, sizeof(b->marks));
	return (struct passes_from){.size_bytes = BYTES,
				    .cluster_bytes = CLUSTER,
				    .arg = b,
				    .has = has,
				    .read = read_busy,
				    .next = next,
				    .sync = sync_busy,
				    .stop = stop,
				    .go_on = go_on};
}

static void end(struct busy *b)
{
	free(b->bytes);
	free(b->at_stop);
}

/* --- into a file ------------------------------------------------------------------------ */

struct file {
	struct newfile f;
	unsigned int flushes;
};

static int put(void *arg, uint32_t cluster, const void *buf, size_t len, struct err *err)
{
	return newfile_put(&((struct file *)arg)->f, cluster, buf, len, err);
}

static int flush(void *arg, struct err *err)
{
	struct file *f = arg;

	f->flushes++;
	return newfile_flush(&f->f, err);
}

/* But for what a disk without partition tables is told. */
static void count_finding(void *arg, const char *sentence)
{
	if (!strstr(sentence, "partition") && !strstr(sentence, "MBR"))
		fail_msg("%s", sentence);
	++*(unsigned int *)arg;
}

static void check_image(struct fixture *f, const char *name, const uint8_t *bytes)
{
	const char *path = fixture_path(f, name);
	const char *const qemu[] = {"qemu-img", "check", "-q", "-f", "parallels", path, NULL};
	_cleanup_free_ uint8_t *got = malloc(BYTES);
	struct err err = ERR_INIT;
	struct ploop_disk *disk;
	unsigned int n, told = 0;

	assert_non_null(got);
	if (ploop_check(path, count_finding, &told, &n, &err) < 0 ||
	    ploop_open(path, &disk, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(ploop_size_bytes(disk) == BYTES);
	assert_int_equal(disk_read(disk, 0, got, BYTES), 0);
	assert_memory_equal(got, bytes, BYTES);
	ploop_close(disk);
	assert_int_equal(run_program(qemu, NULL, &err), 0);
}

static void a_copy_is_the_disk_at_the_stop(void **state)
{
	struct fixture *f = *state;
	uint32_t seed;

	for (seed = 1; seed <= 12; seed++) {
		struct file file = {.flushes = 0};
		const struct passes_to to = {&file, put, flush};
		struct err err = ERR_INIT;
		struct ploop_copied done = {0};
		struct busy b;
		struct passes_from from = begin(&b, seed, seed * 40);

		b.flushes = &file.flushes;
		b.late = seed % 3;
		/* What still comes after the stop belongs to it, as discards do. */
		if (newfile_begin(&file.f, fixture_path(f, "copy"), BYTES, CLUSTER, &err) < 0 ||
		    passes_run(&from, &to, &done, &err) < 0 || newfile_end(&file.f, NULL, &err) < 0)
			fail_msg("%u: %s", seed, err.msg);
		newfile_drop(&file.f);
		assert_int_equal(b.stops, 1);
		assert_int_equal(b.goes_on, 1);
		assert_int_equal(b.flushes_at_stop, 1);
		assert_true(b.syncs > 0);
		assert_true(done.passes >= 2 && done.bytes > 0);
		check_image(f, "copy", seed % 3 ? b.bytes : b.at_stop);
		assert_int_equal(unlinkat(f->dirfd, "copy", 0), 0);
		end(&b);
	}
}

static void one_that_does_not_stop_is_none(void **state)
{
	struct fixture *f = *state;
	struct file file = {.flushes = 0};
	const struct passes_to to = {&file, put, flush};
	_cleanup_free_ char *list = NULL;
	struct err err = ERR_INIT;
	struct busy b;
	struct passes_from from = begin(&b, 5, 100);

	b.stop_code = EBUSY;
	assert_int_equal(newfile_begin(&file.f, fixture_path(f, "copy"), BYTES, CLUSTER, &err), 0);
	assert_int_equal(passes_run(&from, &to, NULL, &err), -EBUSY);
	assert_string_equal(err.msg, "it does not stop");
	assert_int_equal(b.goes_on, 0);
	/* Writes without an end, of somebody who was not stopped. */
	b.stop_code = 0;
	b.writes = 0;
	b.late = 1000000;
	assert_int_equal(passes_run(&from, &to, NULL, &err), -EBUSY);
	assert_int_equal(b.goes_on, 1);
	newfile_drop(&file.f);
	list = fixture_list(f);
	assert_string_equal(list, "");
	end(&b);
}

static void a_name_that_is_taken_stays(void **state)
{
	struct fixture *f = *state;
	const char *path = fixture_path(f, "copy");
	struct err err = ERR_INIT;
	struct newfile a;
	struct stat st;

	fixture_write(f, "copy", "mine", 4);
	assert_int_equal(newfile_begin(&a, path, BYTES, CLUSTER, &err), -EEXIST);
	assert_int_equal(unlinkat(f->dirfd, "copy", 0), 0);
	assert_int_equal(newfile_begin(&a, path, BYTES, CLUSTER, &err), 0);
	fixture_write(f, "copy", "mine", 4);
	assert_int_equal(newfile_end(&a, NULL, &err), -EEXIST);
	newfile_drop(&a);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(newfile_begin(&a, fixture_path(f, "none/copy"), BYTES, CLUSTER, &err),
			 -ENOENT);
	assert_int_equal(newfile_begin(&a, fixture_path(f, "copy/"), BYTES, CLUSTER, &err),
			 -EISDIR);
}

/* --- into a copy of the disk at a point --------------------------------------------------- */

/* The copy, and what is known to have been written since. */
struct since {
	struct busy busy;
	uint8_t *copy; /* owned */
	bool written[CLUSTERS];
	unsigned int zeros;
};

static bool has_written(void *arg, uint32_t cluster)
{
	return ((struct since *)arg)->written[cluster];
}

static int put_in_memory(void *arg, uint32_t cluster, const void *buf, size_t len, struct err *err)
{
	struct since *s = arg;

	(void)err;
	if (buf)
		memcpy(s->copy + cluster * CLUSTER, buf, len);
	else
		memset(s->copy + cluster * CLUSTER, 0, len);
	s->zeros += !buf;
	return 0;
}

static int flush_memory(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	return 0;
}

static void what_was_written_since_comes_with_its_zeros(void **state)
{
	unsigned int zeros = 0;
	uint32_t seed, i;

	(void)state;
	for (seed = 1; seed <= 12; seed++) {
		struct since s = {.copy = malloc(BYTES)};
		struct passes_from from = begin(&s.busy, seed, seed * 10);
		const struct passes_to to = {&s, put_in_memory, flush_memory};
		struct err err = ERR_INIT;

		assert_non_null(s.copy);
		memcpy(s.copy, s.busy.bytes, BYTES);
		for (i = 0; i < 8; i++)
			write_some(&s.busy);
		/* Of these, some were told before, and others are told yet. */
		for (i = 0; i < CLUSTERS; i++) {
			s.written[i] = s.busy.marks[i] && i % 2;
			s.busy.marks[i] = s.busy.marks[i] && !(i % 2);
		}
		from.arg = &s; /* whose first member is the disk */
		from.has = has_written;
		from.zeros_too = true;
		if (passes_run(&from, &to, NULL, &err) < 0)
			fail_msg("%u: %s", seed, err.msg);
		assert_memory_equal(s.copy, s.busy.at_stop, BYTES);
		zeros += s.zeros;
		end(&s.busy);
		free(s.copy);
	}
	assert_true(zeros > 0);
}

static void a_copy_of_all_has_the_point(void **state)
{
	static const char guid[] = "{11111111-2222-3333-4444-555555555555}";
	struct fixture *f = *state;
	const char *path = fixture_path(f, "copy");
	struct ploop_point *list;
	struct err err = ERR_INIT;
	struct newfile a;
	size_t n;

	if (newfile_begin(&a, path, BYTES, CLUSTER, &err) < 0 ||
	    newfile_put(&a, 1, path, strlen(path), &err) < 0 || newfile_end(&a, guid, &err) < 0 ||
	    ploop_points(path, &list, &n, &err) < 0)
		fail_msg("%s", err.msg);
	newfile_drop(&a);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].guid, guid);
	assert_true(list[0].written_bytes == 0);
	free(list);
}

/* --- streams ---------------------------------------------------------------------------- */

/* What the disk has, as a stream of frames in the file "stream"; some clusters twice, some of zeros. */
static uint64_t make_stream(struct fixture *f, const uint8_t *bytes)
{
	_cleanup_close_ int fd = openat(f->dirfd, "stream", O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct stream_frame frame = {.type = STREAM_DATA};
	struct err err = ERR_INIT;
	struct stream s;
	struct stat st;
	uint32_t i;
	int r = stream_begin(&s, fd, BYTES, CLUSTER, &err);

	for (i = 0; r == 0 && i < CLUSTERS + 4; i++) {
		frame.cluster = i < CLUSTERS ? i : i * 7 % CLUSTERS;
		frame.length = frame.cluster == CLUSTERS - 1 ? CLUSTER - 4096 : CLUSTER;
		frame.type = i == 5 || i == 6 ? STREAM_ZERO : STREAM_DATA;
		r = stream_put(&s, &frame, bytes + frame.cluster * CLUSTER, &err);
		if (r == 0 && i == 20) {
			frame = (struct stream_frame){.type = STREAM_FLUSH};
			r = stream_put(&s, &frame, NULL, &err);
		}
	}
	frame = (struct stream_frame){.type = STREAM_END};
	if (r == 0)
		r = stream_put(&s, &frame, NULL, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

static uint8_t *make_bytes(void)
{
	uint8_t *bytes = malloc(BYTES);
	uint32_t seed = 77, i;

	assert_non_null(bytes);
	for (i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)rnd(&seed);
	memset(bytes + 5 * CLUSTER, 0, 2 * CLUSTER);
	return bytes;
}

static int receive(struct fixture *f, int feedback, struct err *err)
{
	_cleanup_close_ int fd = openat(f->dirfd, "stream", O_RDONLY);

	return ploop_copy_receive(fixture_path(f, "got"), fd, feedback, err);
}

static void expect_nothing(struct fixture *f)
{
	_cleanup_free_ char *list = fixture_list(f);

	assert_string_equal(list, "stream");
}

static void a_stream_is_the_disk(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *bytes = make_bytes();
	struct stream s = {.number = CLUSTERS + 6};
	struct err err = ERR_INIT;
	int back[2];

	make_stream(f, bytes);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	if (receive(f, back[1], &err) < 0)
		fail_msg("%s", err.msg);
	check_image(f, "got", bytes);
	/* One answer to the flush, one to the end. */
	s.number = 22;
	assert_int_equal(stream_await(&s, back[0], &err), 0);
	s.number = CLUSTERS + 6;
	assert_int_equal(stream_await(&s, back[0], &err), 0);
	/* The next one fails, and says so. */
	assert_int_equal(receive(f, back[1], &err), -EEXIST);
	assert_int_equal(stream_await(&s, back[0], &err), -EREMOTEIO);
	assert_non_null(strstr(err.msg, "the receiver failed: "));
	assert_non_null(strstr(err.msg, "exists already"));
	close(back[1]);
	assert_int_equal(stream_await(&s, back[0], &err), -EREMOTEIO);
	close(back[0]);
}

static void one_that_was_cut_is_nothing(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *bytes = make_bytes();
	uint64_t len = make_stream(f, bytes), at;
	struct err err = ERR_INIT;

	/* In each frame's head, and somewhere in its data. */
	for (at = len - 1; at<len; at -= at> 9000 ? 8191 : 13) {
		assert_int_equal(truncate(fixture_path(f, "stream"), (off_t)at), 0);
		assert_int_equal(receive(f, -1, &err), -EPROTO);
		assert_string_equal(err.msg, "the stream ends before its end mark");
		expect_nothing(f);
	}
}

static void one_that_was_damaged_is_nothing(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ uint8_t *bytes = make_bytes();
	uint64_t len = make_stream(f, bytes), at;
	_cleanup_close_ int fd = openat(f->dirfd, "stream", O_RDWR);
	struct err err = ERR_INIT;

	for (at = 0; at < len; at += at < 200 ? 1 : 4093) {
		uint8_t was, is;

		assert_int_equal(io_pread_full(fd, &was, 1, at), 0);
		is = (uint8_t)(was ^ (1u << (at % 8)));
		assert_int_equal(io_pwrite_full(fd, &is, 1, at), 0);
		assert_int_equal(receive(f, -1, &err), -EPROTO);
		expect_nothing(f);
		assert_int_equal(io_pwrite_full(fd, &was, 1, at), 0);
	}
}

/* With right checksums: what a sender that means harm would send. */
static void hostile(struct fixture *f, uint32_t cluster_sectors, uint64_t disk_sectors,
		    const struct stream_frame_header *frame)
{
	struct stream_header h = {.version = htole32(STREAM_VERSION),
				  .cluster_sectors = htole32(cluster_sectors),
				  .disk_sectors = htole64(disk_sectors)};
	struct stream_frame_header fr = *frame;
	struct err err = ERR_INIT;
	uint8_t all[sizeof(h) + sizeof(fr)];

	memcpy(h.magic, STREAM_MAGIC, STREAM_MAGIC_BYTES);
	h.crc = htole32(stream_crc(&h, offsetof(struct stream_header, crc)));
	fr.magic = htole32(STREAM_FRAME_MAGIC);
	fr.crc = htole32(stream_crc(&fr, offsetof(struct stream_frame_header, crc)));
	memcpy(all, &h, sizeof(h));
	memcpy(all + sizeof(h), &fr, sizeof(fr));
	fixture_write(f, "stream", all, sizeof(all));
	assert_int_equal(receive(f, -1, &err), -EPROTO);
	assert_null(strstr(err.msg, "ends before"));
	expect_nothing(f);
}

static void one_that_means_harm_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct stream_frame_header end_mark = {.type = htole32(STREAM_END)};
	struct stream_frame_header h = {.type = htole32(STREAM_DATA)};

	hostile(f, 0, 64, &end_mark);
	hostile(f, 63, 64, &end_mark);
	hostile(f, 96, 960, &end_mark);
	hostile(f, 65536, 65536, &end_mark);
	hostile(f, 64, 0, &end_mark);
	hostile(f, 2048, PLOOP_SIZE_MAX / PLOOP_SECTOR + 1, &end_mark);
	h.length = htole32(32767);
	hostile(f, 64, 640, &h);
	h.length = htole32(UINT32_MAX);
	hostile(f, 64, 640, &h);
	h.length = htole32(32768);
	h.cluster = htole32(10);
	hostile(f, 64, 640, &h);
	h.cluster = htole32(UINT32_MAX);
	hostile(f, 64, 640, &h);
	h = (struct stream_frame_header){.type = htole32(STREAM_ZERO), .length = htole32(32768)};
	hostile(f, 64, 640, &h);
	h = (struct stream_frame_header){.type = htole32(STREAM_END), .cluster = htole32(1)};
	hostile(f, 64, 640, &h);
	h = (struct stream_frame_header){.type = htole32(5)};
	hostile(f, 64, 640, &h);
	h = (struct stream_frame_header){.type = htole32(STREAM_END), .number = htole64(1)};
	hostile(f, 64, 640, &h);
}

/* The disk goes through a pipe to another process. */
static void a_busy_disk_goes_through_a_pipe(void **state)
{
	struct fixture *f = *state;
	struct stream s = {.number = 0};
	struct stream_frame frame = {.type = STREAM_END};
	struct err err = ERR_INIT;
	struct busy b;
	int data[2], back[2], status;
	uint32_t i;
	pid_t pid;

	begin(&b, 9, 0);
	assert_int_equal(pipe2(data, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(data[1]);
		_exit(ploop_copy_receive(fixture_path(f, "got"), data[0], back[1], &err) < 0);
	}
	close(data[0]);
	close(back[1]);
	assert_int_equal(stream_begin(&s, data[1], BYTES, CLUSTER, &err), 0);
	for (i = 0; i < CLUSTERS; i++) {
		const struct stream_frame d = {STREAM_DATA, i,
					       i == CLUSTERS - 1 ? CLUSTER - 4096 : CLUSTER};

		assert_int_equal(stream_put(&s, &d, b.bytes + i * CLUSTER, &err), 0);
	}
	assert_int_equal(stream_put(&s, &frame, NULL, &err), 0);
	assert_int_equal(stream_await(&s, back[0], &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	check_image(f, "got", b.bytes);
	close(data[1]);
	close(back[0]);
	end(&b);
}

static void an_answer_of_anything_is_none(void **state)
{
	struct stream_answer a = {.magic = htole32(STREAM_ANSWER_MAGIC), .status = htole32(5)};
	struct stream s = {.number = 3};
	struct err err = ERR_INIT;
	int back[2];

	(void)state;
	memset(a.text, 'x', sizeof(a.text));
	memcpy(a.text, "\033[2J\n", 5);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	assert_int_equal(io_write_full(back[1], &a, sizeof(a)), 0);
	assert_int_equal(stream_await(&s, back[0], &err), -EPROTO);
	a.crc = htole32(stream_crc(&a, offsetof(struct stream_answer, crc)));
	assert_int_equal(io_write_full(back[1], &a, sizeof(a)), 0);
	assert_int_equal(stream_await(&s, back[0], &err), -EREMOTEIO);
	assert_non_null(strstr(err.msg, "failed: ?[2J?xxx"));
	a.status = 0;
	a.crc = htole32(stream_crc(&a, offsetof(struct stream_answer, crc)));
	assert_int_equal(io_write_full(back[1], &a, sizeof(a)), 0);
	assert_int_equal(stream_await(&s, back[0], &err), -EPROTO);
	close(back[0]);
	close(back[1]);
}

/* --- guards ----------------------------------------------------------------------------- */

static int leave_word(int fd, dev_t dev)
{
	return write(fd, dev ? "two" : "one", 3) == 3 ? (dev ? -EPERM : 0) : -EIO;
}

static void a_guard_undoes_it(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = openat(f->dirfd, "word", O_RDWR | O_CREAT | O_APPEND, 0600);
	struct guard g = GUARD_NONE;
	char text[16] = "";
	int status, i;
	pid_t pid;

	assert_int_equal(guard_end(&g), 0);
	assert_int_equal(guard_begin(&g, leave_word, fd, 0), 0);
	assert_int_equal(guard_end(&g), 0);
	assert_int_equal(guard_begin(&g, leave_word, fd, 1), 0);
	assert_int_equal(guard_end(&g), -EPERM);
	assert_int_equal(guard_begin(&g, leave_word, fd, 1), 0);
	guard_dismiss(&g);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 6);
	assert_string_equal(text, "onetwo");
	/* Killed, who had it cannot end it. */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (guard_begin(&g, leave_word, fd, 0) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (i = 0; i < 500 && pread(fd, text, sizeof(text), 0) < 9; i++)
		usleep(10000);
	assert_string_equal(text, "onetwoone");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_copy_is_the_disk_at_the_stop),
		fixture_test(one_that_does_not_stop_is_none),
		fixture_test(a_name_that_is_taken_stays),
		fixture_test(what_was_written_since_comes_with_its_zeros),
		fixture_test(a_copy_of_all_has_the_point),
		fixture_test(a_stream_is_the_disk),
		fixture_test(one_that_was_cut_is_nothing),
		fixture_test(one_that_was_damaged_is_nothing),
		fixture_test(one_that_means_harm_is_refused),
		fixture_test(a_busy_disk_goes_through_a_pipe),
		fixture_test(an_answer_of_anything_is_none),
		fixture_test(a_guard_undoes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
