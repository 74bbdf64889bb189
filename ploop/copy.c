/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies of mounted disks: into a file, or into a stream and out of it; and of
 * what was written since a point.
 *
 *   tracked -> passes -> newfile
 *   tracked -> passes -> stream ... stream -> newfile
 *   increment_from, tracked -> passes -> increment_to
 *   increment_from, tracked -> passes -> stream ... stream -> increment_to
 */
#include "ploop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "increment.h"
#include "newfile.h"
#include "passes.h"
#include "points.h"
#include "stream.h"
#include "tracked.h"

#define ANSWER_MS 5000

/* It would wait for itself while the file system is frozen. */
static int check_elsewhere(const struct tracked *t, int fd, const char *source, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot look at the copy of '%s'", source);
	if ((S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && st.st_dev == tracked_device(t))
		return err_set(err, ELOOP, "the copy of '%s' cannot be on that disk itself",
			       source);
	return 0;
}

/* --- into a file ------------------------------------------------------------------------- */

static int put_in_file(void *arg, uint32_t cluster, const void *buf, size_t len, struct err *err)
{
	return newfile_put(arg, cluster, buf, len, err);
}

static int flush_file(void *arg, struct err *err)
{
	return newfile_flush(arg, err);
}

/* --- into a copy of the disk at a point ---------------------------------------------------- */

static int put_in_increment(void *arg, uint32_t cluster, const void *buf, size_t len,
			    struct err *err)
{
	return increment_put(arg, cluster, buf, len, err);
}

static int flush_increment(void *arg, struct err *err)
{
	return increment_flush(arg, err);
}

/* @dir has what @source was at the point, and gets the rest. */
static int copy_since(const char *source, const char *dir, const struct ploop_copy_opts *opts,
		      struct ploop_copied *ret_copied, struct err *err)
{
	struct increment_from from;
	struct increment_to t;
	const struct passes_to to = {.arg = &t, .put = put_in_increment};
	int r = increment_open(source, opts->since, opts->point, &from, err);

	if (r < 0)
		return r;
	r = increment_begin(dir, from.since, from.point, from.at.disk->img.size_bytes,
			    from.at.disk->img.cluster_bytes, &t, err);
	if (r == 0) {
		r = increment_run(&from, &to, ret_copied, err);
		if (r == 0)
			r = increment_end(&t, err);
		increment_drop(&t);
	}
	increment_close(&from, r < 0);
	return r;
}

static int copy_mounted_since(const char *source, const char *dir,
			      const struct ploop_copy_opts *opts, struct ploop_copied *ret_copied,
			      struct err *err)
{
	struct passes_from from;
	struct increment_to inc;
	const struct passes_to to = {
		.arg = &inc, .put = put_in_increment, .flush = flush_increment};
	struct tracked *t;
	int r = tracked_open(source, opts, &t, &from, err);

	if (r < 0)
		return r;
	r = increment_begin(dir, opts->since, opts->point ? opts->point : "", from.size_bytes,
			    from.cluster_bytes, &inc, err);
	if (r == 0) {
		r = check_elsewhere(t, inc.edit.loc.dirfd, source, err);
		if (r == 0)
			r = passes_run(&from, &to, ret_copied, err);
		if (r == 0)
			r = increment_end(&inc, err);
		increment_drop(&inc);
	}
	tracked_close(t, r < 0);
	return r;
}

static int copy_all(const char *source, const char *image, const struct ploop_copy_opts *opts,
		    struct ploop_copied *ret_copied, struct err *err)
{
	struct newfile f = {.dirfd = -EBADF};
	const struct passes_to to = {.arg = &f, .put = put_in_file, .flush = flush_file};
	struct passes_from from;
	struct tracked *t;
	int r = tracked_open(source, opts, &t, &from, err);

	if (r < 0)
		return r;
	r = newfile_begin(&f, image, from.size_bytes, from.cluster_bytes, err);
	if (r == 0) {
		r = check_elsewhere(t, f.dirfd, source, err);
		if (r == 0)
			r = passes_run(&from, &to, ret_copied, err);
		/* The disk has the point when the copy has all of it. */
		if (r == 0)
			r = newfile_end(&f, opts ? opts->point : NULL, err);
	}
	tracked_close(t, r < 0);
	newfile_drop(&f);
	return r;
}

int ploop_copy(const char *source, const char *image, const struct ploop_copy_opts *opts,
	       struct ploop_copied *ret_copied, struct err *err)
{
	if (!opts || !opts->since)
		return copy_all(source, image, opts, ret_copied, err);
	if (tracked_is_mounted(source))
		return copy_mounted_since(source, image, opts, ret_copied, err);
	return copy_since(source, image, opts, ret_copied, err);
}

/* --- into a stream ----------------------------------------------------------------------- */

struct sender {
	struct stream s;
	int feedback;
};

/* Of a write that failed the receiver may know why. */
static int explain(const struct sender *to, int r, struct err *err)
{
	struct pollfd p = {.fd = to->feedback, .events = POLLIN};
	struct err why = ERR_INIT;

	if (to->feedback >= 0 && (r == -EPIPE || r == -ECONNRESET) && poll(&p, 1, ANSWER_MS) > 0 &&
	    p.revents & POLLIN && stream_await(&to->s, to->feedback, &why) == -EREMOTEIO)
		return err_set(err, why.code, "%s", why.msg);
	return r;
}

static int put_in_stream(void *arg, uint32_t cluster, const void *buf, size_t len, struct err *err)
{
	struct sender *to = arg;
	const struct stream_frame frame = {buf ? STREAM_DATA : STREAM_ZERO, cluster, (uint32_t)len};

	return explain(to, stream_put(&to->s, &frame, buf, err), err);
}

static int put_word(struct sender *to, enum stream_type type, struct err *err)
{
	const struct stream_frame frame = {.type = type};
	int r = explain(to, stream_put(&to->s, &frame, NULL, err), err);

	return r < 0 || to->feedback < 0 ? r : stream_await(&to->s, to->feedback, err);
}

static int flush_stream(void *arg, struct err *err)
{
	return put_word(arg, STREAM_FLUSH, err);
}

static int begin_since(struct stream *s, int out, const struct ploop_copy_opts *opts,
		       uint64_t size_bytes, uint32_t cluster_bytes, struct err *err)
{
	uint8_t since[POINT_ID_BYTES], point[POINT_ID_BYTES];

	point_id(opts->since, since);
	if (opts->point)
		point_id(opts->point, point);
	return stream_begin_since(s, out, size_bytes, cluster_bytes, since,
				  opts->point ? point : NULL, err);
}

static int send_since(const char *source, int out, int feedback, const struct ploop_copy_opts *opts,
		      struct ploop_copied *ret_copied, struct err *err)
{
	struct sender s = {.feedback = feedback};
	const struct passes_to to = {.arg = &s, .put = put_in_stream};
	struct increment_from from;
	int r = increment_open(source, opts->since, opts->point, &from, err);

	if (r < 0)
		return r;
	r = explain(&s,
		    begin_since(&s.s, out, opts, from.at.disk->img.size_bytes,
				from.at.disk->img.cluster_bytes, err),
		    err);
	if (r == 0)
		r = increment_run(&from, &to, ret_copied, err);
	if (r == 0)
		r = put_word(&s, STREAM_END, err);
	increment_close(&from, r < 0);
	return r;
}

static int begin_stream(struct stream *s, int out, const struct ploop_copy_opts *opts,
			const struct passes_from *from, struct err *err)
{
	return opts && opts->since
		       ? begin_since(s, out, opts, from->size_bytes, from->cluster_bytes, err)
		       : stream_begin(s, out, from->size_bytes, from->cluster_bytes, err);
}

int ploop_copy_send(const char *source, int out, int feedback, const struct ploop_copy_opts *opts,
		    struct ploop_copied *ret_copied, struct err *err)
{
	struct sender s = {.feedback = feedback};
	const struct passes_to to = {.arg = &s, .put = put_in_stream, .flush = flush_stream};
	struct passes_from from;
	struct tracked *t;
	int r;

	if (opts && opts->since && !tracked_is_mounted(source))
		return send_since(source, out, feedback, opts, ret_copied, err);
	if (opts && opts->point && !opts->since)
		return err_set(err, EINVAL, "a stream of all of a disk has no point in it");
	r = tracked_open(source, opts, &t, &from, err);
	if (r < 0)
		return r;
	r = check_elsewhere(t, out, source, err);
	if (r == 0)
		r = explain(&s, begin_stream(&s.s, out, opts, &from, err), err);
	if (r == 0)
		r = passes_run(&from, &to, ret_copied, err);
	if (r == 0)
		r = put_word(&s, STREAM_END, err);
	tracked_close(t, r < 0);
	return r;
}

/* --- out of a stream --------------------------------------------------------------------- */

static int answer(const struct stream *s, int feedback, struct err *err)
{
	int r = feedback < 0 ? 0 : stream_answer(s, feedback, NULL);

	return r < 0 ? err_errno(err, r, "cannot answer the sender") : 0;
}

/* To the end mark, into what is at @image. */
static int take_frames(struct stream *s, const struct passes_to *to, const char *image,
		       int feedback, struct err *err)
{
	_cleanup_free_ void *buf = malloc(s->cluster_bytes);
	struct stream_frame frame;
	int r = 0;

	if (!buf)
		return err_errno(err, ENOMEM, "cannot receive '%s'", image);
	while (r == 0 && (r = stream_get(s, &frame, buf, err)) == 0) {
		if (frame.type == STREAM_END)
			return 0;
		if (frame.type == STREAM_FLUSH) {
			r = to->flush(to->arg, err);
			if (r == 0)
				r = answer(s, feedback, err);
		} else {
			r = to->put(to->arg, frame.cluster, frame.type == STREAM_DATA ? buf : NULL,
				    frame.length, err);
		}
	}
	return r;
}

static int receive(struct stream *s, const char *image, int feedback, struct err *err)
{
	struct newfile f;
	const struct passes_to to = {.arg = &f, .put = put_in_file, .flush = flush_file};
	int r = newfile_begin(&f, image, s->size_bytes, s->cluster_bytes, err);

	if (r < 0)
		return r;
	r = take_frames(s, &to, image, feedback, err);
	if (r == 0)
		r = newfile_end(&f, NULL, err);
	newfile_drop(&f);
	return r;
}

static int receive_since(struct stream *s, const char *dir, int feedback, struct err *err)
{
	static const uint8_t none[POINT_ID_BYTES];
	char since[PLOOP_GUID_BYTES], point[PLOOP_GUID_BYTES] = "";
	struct increment_to t;
	const struct passes_to to = {.arg = &t, .put = put_in_increment, .flush = flush_increment};
	int r;

	point_guid(s->since, since);
	if (memcmp(s->point, none, sizeof(none)) != 0)
		point_guid(s->point, point);
	r = increment_begin(dir, since, point, s->size_bytes, s->cluster_bytes, &t, err);
	if (r < 0)
		return r;
	r = take_frames(s, &to, dir, feedback, err);
	if (r == 0)
		r = increment_end(&t, err);
	increment_drop(&t);
	return r;
}

int ploop_copy_receive(const char *image, int in, int feedback, struct err *err)
{
	struct err own = ERR_INIT;
	struct stream s = {.fd = in};
	int r = stream_open(&s, in, &own);

	if (r == 0)
		r = s.increment ? receive_since(&s, image, feedback, &own)
				: receive(&s, image, feedback, &own);
	if (r == 0) {
		/* The image is there, and stays, whether the sender learns of it or not. */
		if (feedback >= 0)
			(void)stream_answer(&s, feedback, NULL);
		return 0;
	}
	if (feedback >= 0)
		(void)stream_answer(&s, feedback, &own);
	return err_set(err, own.code, "%s", own.msg);
}
