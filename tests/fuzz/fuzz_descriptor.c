/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DiskDescriptor.xml. What loads names a file of its own directory and a disk
 * that can be, and is the same after it was stored.
 */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "descriptor.h"
#include "err.h"
#include "format.h"
#include "io.h"

static void check_same(const struct descriptor *a, const struct descriptor *b)
{
	fuzz_check(a->size_bytes == b->size_bytes);
	fuzz_check(a->cluster_bytes == b->cluster_bytes);
	fuzz_check(a->format == b->format);
	fuzz_check(strcmp(a->file, b->file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct descriptor d, again;
	struct err err = ERR_INIT;

	fuzz_write(DESCRIPTOR_NAME, data, len);
	if (descriptor_load(fuzz_dirfd(), "D", &d, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		return 0;
	}
	fuzz_check(*d.file && !strchr(d.file, '/'));
	fuzz_check(strcmp(d.file, ".") != 0 && strcmp(d.file, "..") != 0);
	fuzz_check(d.size_bytes > 0 && d.size_bytes <= PLOOP_SIZE_MAX);
	fuzz_check(d.cluster_bytes >= PLOOP_CLUSTER_MIN && d.cluster_bytes <= PLOOP_CLUSTER_MAX);
	fuzz_check((d.cluster_bytes & (d.cluster_bytes - 1)) == 0);

	fuzz_check(descriptor_store(fuzz_dirfd(), &d, &err) == 0);
	if (descriptor_load(fuzz_dirfd(), "D", &again, &err) < 0)
		fuzz_fail("what was stored does not load: %s", err.msg);
	check_same(&d, &again);
	descriptor_free(&d);
	descriptor_free(&again);
	return 0;
}

static void seed(enum ploop_format format, const char *file)
{
	const struct descriptor d = {10ull << 30, 1 << 20, format, (char *)file};
	_cleanup_free_ char *text = NULL;
	char *at;
	size_t len;

	fuzz_check(descriptor_store(fuzz_dirfd(), &d, NULL) == 0);
	fuzz_check(io_read_file(fuzz_dirfd(), DESCRIPTOR_NAME, 1 << 20, &text, &len, NULL) == 0);
	fuzz_seed(text, len);
	/* The same with a character that only a reference can name. */
	at = strstr(text, "root.hds");
	if (at) {
		memcpy(at, "ro&#13;s", 8);
		fuzz_seed(text, len);
	}
}

void fuzz_seeds(void)
{
	static const char entity[] = "<!DOCTYPE x [<!ENTITY e \"y\">]><Parallels_disk_image>&e;"
				     "</Parallels_disk_image>";

	seed(PLOOP_FORMAT_RAW, "root.hds");
	seed(PLOOP_FORMAT_EXPANDED, "a&b<c>.hds");
	seed(PLOOP_FORMAT_RAW, "../root.hds");
	seed(PLOOP_FORMAT_RAW, "..");
	fuzz_seed(entity, strlen(entity));
}
