// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mkcpio SPEC - write a newc archive for the kernel to standard output, from
 * lines of the kernel's own initramfs list (Documentation/filesystems/
 * ramfs-rootfs-initramfs.rst). No root needed, times are 0.
 *
 *   dir PATH MODE UID GID         file PATH SOURCE MODE UID GID
 *   slink PATH TARGET MODE UID GID   nod PATH MODE UID GID c|b MAJ MIN
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct entry {
	const char *path;
	unsigned int mode, uid, gid, major, minor;
	const char *data;
	size_t size;
};

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "mkcpio: %s '%s': %s\n", what, name, strerror(errno));
	exit(1);
}

static void pad(size_t size)
{
	while (size++ % 4)
		putchar(0);
}

static void put(const struct entry *e)
{
	static unsigned int ino = 1;
	const char *path = e->path + (*e->path == '/');
	size_t len = strlen(path) + 1;

	printf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ino++, e->mode, e->uid,
	       e->gid, S_ISDIR(e->mode) ? 2U : 1U, 0U, (unsigned int)e->size, 0U, 0U, e->major,
	       e->minor, (unsigned int)len, 0U);
	fwrite(path, 1, len, stdout);
	pad(110 + len);
	fwrite(e->data, 1, e->size, stdout);
	pad(e->size);
}

static char *slurp(const char *path, size_t *ret_size)
{
	struct stat st;
	char *data;
	FILE *f = fopen(path, "re");

	if (!f || fstat(fileno(f), &st) < 0)
		fail("cannot read", path);
	data = malloc(st.st_size + 1);
	if (!data || fread(data, 1, st.st_size, f) != (size_t)st.st_size)
		fail("cannot read", path);
	fclose(f);
	*ret_size = st.st_size;
	return data;
}

static int put_line(const char *line)
{
	char path[1024], other[1024], type;
	struct entry e = {.path = path};

	if (sscanf(line, "dir %1023s %o %u %u", path, &e.mode, &e.uid, &e.gid) == 4) {
		e.mode |= S_IFDIR;
	} else if (sscanf(line, "slink %1023s %1023s %o %u %u", path, other, &e.mode, &e.uid,
			  &e.gid) == 5) {
		e.mode |= S_IFLNK;
		e.data = other;
		e.size = strlen(other);
	} else if (sscanf(line, "nod %1023s %o %u %u %c %u %u", path, &e.mode, &e.uid, &e.gid,
			  &type, &e.major, &e.minor) == 7) {
		e.mode |= type == 'c' ? S_IFCHR : S_IFBLK;
	} else if (sscanf(line, "file %1023s %1023s %o %u %u", path, other, &e.mode, &e.uid,
			  &e.gid) == 5) {
		e.mode |= S_IFREG;
		e.data = slurp(other, &e.size);
	} else {
		return -1;
	}
	put(&e);
	if (S_ISREG(e.mode))
		free((char *)e.data);
	return 0;
}

int main(int argc, char *argv[])
{
	struct entry end = {.path = "TRAILER!!!"};
	char line[4096];
	FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;

	if (!f)
		fail("cannot read", argc == 2 ? argv[1] : "the list");
	while (fgets(line, sizeof(line), f)) {
		errno = EINVAL;
		if (line[0] != '#' && line[0] != '\n' && put_line(line) < 0)
			fail("cannot take the line", line);
	}
	put(&end);
	return fflush(stdout) || ferror(stdout);
}
