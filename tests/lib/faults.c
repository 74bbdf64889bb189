/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"
#include "fixture.h"
#include "power.h"

int (*faults_ioctl)(int fd, unsigned long request, void *arg);

enum { OFF, MEMORY, FILES };
static int armed;
static bool for_good, happened, crash;
static unsigned int left;

void faults_arm(enum fault fault, unsigned int n)
{
	for_good = fault == FAULT_NO_MEMORY;
	happened = false;
	left = n;
	crash = fault == FAULT_CRASH;
	armed = fault == FAULT_FILE || crash ? FILES : MEMORY;
}

bool faults_disarm(void)
{
	armed = OFF;
	return happened;
}

static bool fails(int what)
{
	if (armed != what || (happened && !for_good) || left-- > 0)
		return false;
	if (crash)
		_exit(FAULTS_CRASHED);
	left = 0;
	happened = true;
	errno = what == MEMORY ? ENOMEM : EIO;
	return true;
}

/* The linker's names: __wrap_X is what others call as X, __real_X is X. */
#define WRAP(what, failed, type, name, params, args)                \
	type __real_##name params;                                  \
	type __wrap_##name params;                                  \
	type __wrap_##name params                                   \
	{                                                           \
		return fails(what) ? (failed) : __real_##name args; \
	}
/* The same, and tests/lib/power.c is told when it came off. */
#define WRAP_NOTED(type, name, params, args, note)               \
	type __real_##name params;                               \
	type __wrap_##name params;                               \
	type __wrap_##name params                                \
	{                                                        \
		type r = fails(FILES) ? -1 : __real_##name args; \
                                                                 \
		if (r >= 0 && power_is_on())                     \
			note;                                    \
		return r;                                        \
	}
#define WRAP_MEMORY(type, name, params, args) WRAP(MEMORY, NULL, type, name, params, args)
#define WRAP_FILE(type, name, params, args)   WRAP(FILES, -1, type, name, params, args)

WRAP_MEMORY(void *, malloc, (size_t n), (n))
WRAP_MEMORY(void *, calloc, (size_t n, size_t size), (n, size))
WRAP_MEMORY(void *, realloc, (void *p, size_t n), (p, n))
WRAP_MEMORY(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))
WRAP_MEMORY(char *, strdup, (const char *s), (s))
WRAP_MEMORY(char *, strndup, (const char *s, size_t n), (s, n))

int __wrap_asprintf(char **ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (fails(MEMORY))
		return -1;
	va_start(ap, fmt);
	n = vasprintf(ret, fmt, ap);
	va_end(ap);
	return n;
}

WRAP_FILE(ssize_t, read, (int fd, void *buf, size_t len), (fd, buf, len))
WRAP_NOTED(ssize_t, write, (int fd, const void *buf, size_t len), (fd, buf, len),
	   power_wrote(fd, buf, (size_t)r, -1))
WRAP_FILE(ssize_t, pread64, (int fd, void *buf, size_t len, off_t off), (fd, buf, len, off))
WRAP_NOTED(ssize_t, pwrite64, (int fd, const void *buf, size_t len, off_t off), (fd, buf, len, off),
	   power_wrote(fd, buf, (size_t)r, off))
/* Those fail nowhere but in a crash: who takes away what failed cannot do more than try. */
int __real_unlinkat(int dirfd, const char *path, int flags);
int __wrap_unlinkat(int dirfd, const char *path, int flags);
int __wrap_unlinkat(int dirfd, const char *path, int flags)
{
	int r;

	if (crash)
		(void)fails(FILES);
	r = __real_unlinkat(dirfd, path, flags);
	if (r == 0)
		power_unlinked(dirfd, path);
	return r;
}

WRAP_NOTED(int, ftruncate64, (int fd, off_t len), (fd, len), power_sized(fd, len))
WRAP_NOTED(int, fallocate64, (int fd, int how, off_t off, off_t len), (fd, how, off, len),
	   power_allocated(fd, how, off, len))
WRAP_NOTED(int, linkat, (int ad, const char *a, int bd, const char *b, int how),
	   (ad, a, bd, b, how), power_linked(ad, a, bd, b))
WRAP_FILE(off_t, lseek64, (int fd, off_t off, int whence), (fd, off, whence))
WRAP_FILE(int, fstat64, (int fd, struct stat *st), (fd, st))
WRAP_FILE(int, stat64, (const char *path, struct stat *st), (path, st))
WRAP_FILE(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP_FILE(int, flock, (int fd, int op), (fd, op))
WRAP_NOTED(int, mkdir, (const char *path, mode_t mode), (path, mode), power_made_directory(path))
WRAP_FILE(int, symlink, (const char *to, const char *path), (to, path))
WRAP_NOTED(int, rename, (const char *a, const char *b), (a, b),
	   power_renamed(AT_FDCWD, a, AT_FDCWD, b))
WRAP_NOTED(int, renameat, (int ad, const char *a, int bd, const char *b), (ad, a, bd, b),
	   power_renamed(ad, a, bd, b))
WRAP_NOTED(int, renameat2, (int ad, const char *a, int bd, const char *b, unsigned int how),
	   (ad, a, bd, b, how), power_renamed(ad, a, bd, b))
WRAP_FILE(ssize_t, getrandom, (void *buf, size_t len, unsigned int flags), (buf, len, flags))

char *__real_mkdtemp(char *path);
char *__wrap_mkdtemp(char *path);
char *__wrap_mkdtemp(char *path)
{
	char *r = fails(FILES) ? NULL : __real_mkdtemp(path);

	if (r)
		power_made_directory(path);
	return r;
}

WRAP(FILES, NULL, DIR *, opendir, (const char *path), (path))

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	if (fails(FILES))
		return -1;
	power_synced(fd);
	return armed ? 0 : __real_fsync(fd);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	if (fails(FILES))
		return -1;
	power_synced(fd);
	return armed ? 0 : __real_fdatasync(fd);
}

static bool is_there(int dirfd, const char *path, int flags)
{
	return power_is_on() && (flags & O_CREAT) && faccessat(dirfd, path, F_OK, 0) == 0;
}

int __real_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode)
{
	bool existed = is_there(AT_FDCWD, path, flags);
	int fd;

	if (faults_ioctl && strcmp(path, "/dev/mapper/control") == 0)
		path = "/dev/null";
	fd = fails(FILES) ? -1 : __real_open64(path, flags, mode);
	if (fd >= 0)
		power_opened(fd, AT_FDCWD, path, flags, existed);
	return fd;
}

int __real_openat64(int dirfd, const char *path, int flags, mode_t mode);
int __wrap_openat64(int dirfd, const char *path, int flags, mode_t mode);
int __wrap_openat64(int dirfd, const char *path, int flags, mode_t mode)
{
	bool existed = is_there(dirfd, path, flags);
	int fd = fails(FILES) ? -1 : __real_openat64(dirfd, path, flags, mode);

	if (fd >= 0)
		power_opened(fd, dirfd, path, flags, existed);
	return fd;
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return faults_ioctl ? faults_ioctl(fd, request, arg) : __real_ioctl(fd, request, arg);
}

static unsigned int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A NULL @err: without a place for the sentence the code may be lost as well. */
static bool is_good(int r, bool met, enum fault fault, const struct err *err)
{
	if (r == 0)
		return true;
	if (r > 0 || !met)
		return false;
	if (!err)
		return true;
	if (!err->msg[0] || strstr(err->msg, "(null)") || err->code >= 0)
		return false;
	return fault == FAULT_FILE || r == -ENOMEM;
}

/* One run; whether it met its fault. */
static bool run_once(struct fixture *f, const struct fault_op *op, enum fault fault, unsigned int n,
		     bool told)
{
	struct err err = ERR_INIT;
	unsigned int before, after;
	bool met;
	int r;

	if (op->prepare)
		op->prepare(f);
	before = open_descriptors();
	faults_arm(fault, n);
	r = op->run(f, told ? &err : NULL);
	met = faults_disarm();
	after = open_descriptors();
	if (before != after)
		fail_msg("%s: %u descriptors before and %u after fault %d.%u", op->name, before,
			 after, fault, n);
	if (!is_good(r, met, fault, told ? &err : NULL))
		fail_msg("%s: fault %d.%u %s gives %d, '%s'", op->name, fault, n,
			 met ? "met" : "not met", r, err.msg);
	if (op->look)
		op->look(f, r);
	return met;
}

void faults_each(struct fixture *f, const struct fault_op *op)
{
	static const enum fault all[] = {FAULT_MEMORY, FAULT_NO_MEMORY, FAULT_FILE};
	unsigned int i, n, sum = 0;

	for (i = 0; i < 2 * sizeof(all) / sizeof(all[0]); i++) {
		for (n = 0; run_once(f, op, all[i / 2], n, i % 2); n++)
			continue;
		sum += n;
	}
	print_message("# %s: %u faults\n", op->name, sum);
	assert_true(sum > 0);
}
