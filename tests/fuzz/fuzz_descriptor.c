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
	size_t i;

	fuzz_check(a->size_bytes == b->size_bytes);
	fuzz_check(a->cluster_bytes == b->cluster_bytes);
	fuzz_check(strcmp(a->top, b->top) == 0);
	fuzz_check(a->count == b->count);
	for (i = 0; i < a->count; i++) {
		const struct descriptor_delta *x = &a->deltas[i], *y = &b->deltas[i];

		fuzz_check(strcmp(x->guid, y->guid) == 0 && strcmp(x->parent, y->parent) == 0);
		fuzz_check(x->format == y->format && x->temporary == y->temporary);
		fuzz_check(strcmp(x->file, y->file) == 0);
	}
}

static void check_delta(const struct descriptor *d, const struct descriptor_delta *delta)
{
	const struct descriptor_delta *chain[PLOOP_LEVELS_MAX];
	unsigned int n = descriptor_chain(d, delta->guid, chain);

	fuzz_check(*delta->file && !strchr(delta->file, '/'));
	fuzz_check(strcmp(delta->file, ".") != 0 && strcmp(delta->file, "..") != 0);
	fuzz_check(n >= 1 && n <= PLOOP_LEVELS_MAX && chain[n - 1] == delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct descriptor d, again;
	struct err err = ERR_INIT;
	size_t i;

	fuzz_write(DESCRIPTOR_NAME, data, len);
	if (descriptor_load(fuzz_dirfd(), "D", &d, &err) < 0) {
		fuzz_check(err.code < 0 && err.msg[0]);
		return 0;
	}
	fuzz_check(descriptor_top(&d) != NULL);
	for (i = 0; i < d.count; i++)
		check_delta(&d, &d.deltas[i]);
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

/* A sound one, and the same with @from changed to @to, of the same length. */
static void seed(struct descriptor *d, const char *from, const char *to)
{
	_cleanup_free_ char *text = NULL;
	char *at;
	size_t len;

	fuzz_check(descriptor_store(fuzz_dirfd(), d, NULL) == 0);
	fuzz_check(io_read_file(fuzz_dirfd(), DESCRIPTOR_NAME, 1 << 20, &text, &len, NULL) == 0);
	fuzz_seed(text, len);
	at = strstr(text, from);
	fuzz_check(at && strlen(from) == strlen(to));
	memcpy(at, to, strlen(to));
	fuzz_seed(text, len);
}

void fuzz_seeds(void)
{
	static const char entity[] = "<!DOCTYPE x [<!ENTITY e \"y\">]><Parallels_disk_image>&e;"
				     "</Parallels_disk_image>";
	static const char snapshot[] = "{11111111-0000-4000-8000-000000000001}";
	struct descriptor d;

	fuzz_check(descriptor_init(&d, 10ull << 30, 1 << 20, PLOOP_FORMAT_RAW, "root.hds") == 0);
	/* A character that only a reference can name. */
	seed(&d, "root.hds", "ro&#13;s");
	seed(&d, "root.hds", "../t.hds");
	descriptor_rename(&d, DESCRIPTOR_TOP_GUID, snapshot);
	fuzz_check(descriptor_add(&d, DESCRIPTOR_TOP_GUID, snapshot, PLOOP_FORMAT_EXPANDED,
				  "a&b<c>.hds") == 0);
	seed(&d, "<ParentGUID>{11", "<ParentGUID>{22");
	descriptor_free(&d);
	fuzz_seed(entity, strlen(entity));
}
