/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image for who has neither our kernel nor root. Its files are locked as those
 * of a mounted disk are: the top for writing, those below, and all of one that is
 * only read, for readers.
 */
#include "ploop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "image.h"
#include "nbd.h"
#include "open.h"

static int read_disk(void *arg, uint64_t off_bytes, void *buf, size_t len)
{
	return disk_read(arg, off_bytes, buf, len);
}

static int write_disk(void *arg, uint64_t off_bytes, const void *buf, size_t len)
{
	return disk_write(arg, off_bytes, buf, len);
}

static int zero_disk(void *arg, uint64_t off_bytes, uint64_t len)
{
	return disk_zero(arg, off_bytes, len);
}

static int flush_disk(void *arg)
{
	return disk_flush(arg);
}

static int lock_readers(const struct image *img, struct err *err)
{
	if (flock(img->fd, LOCK_SH | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? err_set(err, EBUSY, "the image '%s' is in use", img->name)
				    : err_errno(err, errno, "cannot lock '%s'", img->name);
}

static int open_disk(const char *path, bool read_only, struct ploop_disk **ret, struct err *err)
{
	struct ploop_disk *disk;
	struct location loc;
	unsigned int i;
	int r = location_find(&loc, path, NULL, err);

	if (r < 0)
		return r;
	r = location_open(&loc, read_only ? OPEN_CLOSED : OPEN_WRITE, &disk, err);
	location_free(&loc);
	if (r < 0)
		return r;
	disk->sync = true;
	r = read_only ? lock_readers(&disk->img, err) : 0;
	for (i = 0; r == 0 && i < disk->n_older; i++)
		r = lock_readers(&disk->older[i], err);
	if (r < 0) {
		(void)image_finish(&disk->img, false, NULL);
		ploop_close(disk);
		return r;
	}
	*ret = disk;
	return 0;
}

/* Negative: none; -ECANCELED when @stop is readable. */
static int next_client(int listener, int stop, struct err *err)
{
	struct pollfd p[2] = {{.fd = listener, .events = POLLIN}, {.fd = stop, .events = POLLIN}};

	for (;;) {
		int n = poll(p, 2, -1), fd;

		if (n < 0 && errno != EINTR)
			return err_errno(err, errno, "cannot wait for a client");
		if (n > 0 && p[1].revents)
			return err_set(err, ECANCELED, "the server was told to end");
		if (n <= 0)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN)
			return err_errno(err, errno, "cannot take a client");
	}
}

static int serve(const struct nbd_export *export, int listener, const struct ploop_serve_opts *opts,
		 struct err *err)
{
	int r;

	do {
		_cleanup_close_ int fd = next_client(listener, opts->stop, err);

		if (fd < 0)
			return fd;
		r = nbd_serve(export, fd, opts->stop, err);
		/* A client that is none is gone; the next may be one. */
		if (r == -EPROTO && !opts->once)
			r = 0;
	} while (r == 0 && !opts->once);
	return r;
}

int ploop_serve(const char *path, int listener, const struct ploop_serve_opts *opts,
		struct err *err)
{
	struct nbd_export export = {.read_only = opts->read_only,
				    .read = read_disk,
				    .write = write_disk,
				    .zero = zero_disk,
				    .flush = flush_disk};
	struct ploop_disk *disk;
	int r = open_disk(path, opts->read_only, &disk, err), r2;

	if (r < 0)
		return r;
	export.size_bytes = disk->img.size_bytes;
	export.arg = disk;
	r = serve(&export, listener, opts, err);
	if (r == -ECANCELED) {
		err_clear(err);
		r = 0;
	}
	/* What a client did not flush may stay or go; the image is closed, whatever it was. */
	r2 = disk_flush(disk);
	if (r2 < 0 && r == 0)
		r = err_errno(err, r2, "cannot write '%s'", path);
	if (r2 == 0)
		r2 = image_finish(&disk->img, true, r == 0 ? err : NULL);
	ploop_close(disk);
	return r < 0 ? r : r2;
}
