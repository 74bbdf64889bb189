/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Temporary roots, and a pwrite() that can be cut and, as fdatasync(), leaves
 * a trace: the test programs are linked statically with what they test, so the
 * definitions here are the ones that everything in them calls.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ct.h"
#include "path.h"

static int writes_left = -1;
static int write_error;
static int writes;
/* Offsets of the writes, -1 for a flush. */
static off_t done[4096];
static size_t ndone;

/* Not declared by <unistd.h> under this name where off_t has 64 bits. */
ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off);

ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off)
{
	writes++;
	if (writes_left == 0) {
		errno = write_error;
		return -1;
	}
	if (writes_left > 0)
		writes_left--;
	if (ndone < sizeof(done) / sizeof(done[0]))
		done[ndone++] = off;
	return syscall(SYS_pwrite64, fd, buf, len, off);
}

int fdatasync(int fd)
{
	if (ndone < sizeof(done) / sizeof(done[0]))
		done[ndone++] = -1;
	return (int)syscall(SYS_fdatasync, fd);
}

const char *fixture_order(uint64_t map_bytes)
{
	static char order[sizeof(done) / sizeof(done[0]) + 1];
	size_t i;

	for (i = 0; i < ndone; i++)
		order[i] = done[i] < 0			   ? 's'
			   : done[i] == 0		   ? 'h'
			   : (uint64_t)done[i] < map_bytes ? 'm'
							   : 'd';
	order[ndone] = '\0';
	return order;
}

void fixture_cut_writes(int n, int error)
{
	writes_left = n;
	write_error = error;
	writes = 0;
	ndone = 0;
}

int fixture_writes(void)
{
	return writes;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	snprintf(f->dir, sizeof(f->dir), "%s/vesper-unit.XXXXXX", "/tmp");
	if (!mkdtemp(f->dir)) {
		free(f);
		return -1;
	}
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->dirfd < 0 ? -1 : 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	int r;

	fixture_cut_writes(-1, 0);
	close(f->dirfd);
	r = path_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return r;
}

const char *fixture_path(struct fixture *f, const char *name)
{
	static char bufs[8][512];
	static int next;

	next = (next + 1) % 8;
	snprintf(bufs[next], sizeof(bufs[next]), "%s/%s", f->dir, name);
	return bufs[next];
}

void fixture_write(struct fixture *f, const char *name, const void *data, size_t len)
{
	int fd = openat(f->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

struct ct *fixture_ct(struct fixture *f, const char *vz_conf, struct host **ret_host)
{
	struct ct *ct;

	mkdir(fixture_path(f, "conf"), 0755);
	fixture_write(f, "vz.conf", vz_conf, strlen(vz_conf));
	assert_int_equal(host_open(f->dir, ret_host, NULL), 0);
	assert_int_equal(ct_open(*ret_host, 101, &ct, NULL), 0);
	return ct;
}

char *fixture_list(struct fixture *f)
{
	struct dirent **list = NULL;
	char *s = NULL;
	size_t len;
	FILE *out = open_memstream(&s, &len);
	int n = scandir(f->dir, &list, NULL, alphasort), i;

	for (i = 0; i < n; i++) {
		if (strcmp(list[i]->d_name, ".") != 0 && strcmp(list[i]->d_name, "..") != 0)
			fprintf(out, "%s%s", ftell(out) ? " " : "", list[i]->d_name);
		free(list[i]);
	}
	free(list);
	fclose(out);
	return s;
}
