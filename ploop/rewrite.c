/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "ext_io.h"

#define TEXT_MAX (1u << 20)

/* 0 when it is not there: no link is followed. */
static errcode_t find(ext2_filsys fs, const char *path, ext2_ino_t *ret_ino)
{
	ext2_ino_t ino = EXT2_ROOT_INO;
	errcode_t e = 0;

	while (*path && !e && ino) {
		size_t len = strcspn(path, "/");

		e = ext2fs_lookup(fs, ino, path, (int)len, NULL, &ino);
		if (e == EXT2_ET_FILE_NOT_FOUND || e == EXT2_ET_NO_DIRECTORY)
			e = ino = 0;
		path += len + strspn(path + len, "/");
	}
	*ret_ino = ino;
	return e;
}

/* NULL in *ret for what is none; caller frees. */
static errcode_t read_text(ext2_filsys fs, ext2_ino_t ino, char **ret)
{
	_cleanup_free_ char *text = NULL;
	struct ext2_inode inode;
	unsigned int got = 0;
	ext2_file_t file;
	errcode_t e = ext2fs_read_inode(fs, ino, &inode);

	*ret = NULL;
	if (e || !LINUX_S_ISREG(inode.i_mode) || EXT2_I_SIZE(&inode) > TEXT_MAX)
		return e;
	text = calloc(1, EXT2_I_SIZE(&inode) + 1);
	if (!text)
		return EXT2_ET_NO_MEMORY;
	e = ext2fs_file_open(fs, ino, 0, &file);
	if (e)
		return e;
	e = ext2fs_file_read(file, text, inode.i_size, &got);
	ext2fs_file_close(file);
	if (!e && strlen(text) == inode.i_size)
		*ret = steal_ptr(text);
	return e;
}

static errcode_t write_text(ext2_filsys fs, ext2_ino_t ino, const char *text)
{
	unsigned int len = (unsigned int)strlen(text), size = len, put = 0;
	errcode_t e, closed;
	ext2_file_t file;

	e = ext2fs_file_open(fs, ino, EXT2_FILE_WRITE, &file);
	if (e)
		return e;
	while (!e && len > 0) {
		e = ext2fs_file_write(file, text, len, &put);
		text += put;
		len -= put;
	}
	if (!e)
		e = ext2fs_file_set_size2(file, size);
	closed = ext2fs_file_close(file);
	return e ? e : closed;
}

int rewrite_file(ext2_filsys fs, const char *path, ploop_rewrite_fn fn, void *arg, struct err *err)
{
	_cleanup_free_ char *text = NULL, *new = NULL;
	ext2_ino_t ino;
	errcode_t e = find(fs, path, &ino);

	if (!e && ino)
		e = read_text(fs, ino, &text);
	if (!e && text)
		new = fn(arg, path, text);
	if (!e && new)
		e = write_text(fs, ino, new);
	return e ? ext_io_err(err, e, "cannot write '%s' of the image", path) : 0;
}
