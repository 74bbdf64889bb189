/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A .zst says nothing of a flipped bit: libarchive writes it without a
 * checksum. So the manifest's counts when a container is made, too. The
 * archives of other makers have no manifest and are taken as they are.
 *
 * Where a processor has no instructions for SHA-256, hashing takes half as long
 * as making the disk. So a thread does it beside that, of blocks that are handed
 * over by turns:
 *
 *	template_check_add() --> slot[head], head++ ...  slot[tail], tail++ --> hash
 */
#include "template_check.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "exitcode.h"
#include "hash.h"
#include "manifest.h"
#include "strbuf.h"

#define ARCHIVE_SUFFIX ".tar.zst"
#define SLOTS	       4
#define SLOT_BYTES     (512u << 10)

struct slot {
	uint8_t *buf; /* owned */
	size_t len;
};

struct template_check {
	char *path, *manifest; /* owned; manifest NULL: it has none */
	struct hash hash;
	uint64_t bytes, want_bytes;
	char want[HASH_HEX_LEN];
	struct slot slots[SLOTS]; /* of the thread: tail to head; the others are ours */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	unsigned int head, tail;
	bool ended;
};

static char *manifest_path(const char *path)
{
	size_t len = strlen(path), tail = strlen(ARCHIVE_SUFFIX);
	struct strbuf b = STRBUF_INIT;

	if (len < tail || strcmp(path + len - tail, ARCHIVE_SUFFIX) != 0)
		return NULL;
	strbuf_addn(&b, path, len - tail);
	strbuf_add(&b, ".json");
	return strbuf_steal(&b);
}

static int refuse(const struct template_check *c, const char *why, struct err *err)
{
	return err_exit(err, VZ_BAD_TEMPLATE,
			"template archive '%s' is damaged: %s ('vztmpl verify' tells more)",
			c->path, why);
}

/* 0 as well when there is no manifest (any more). */
static int load(struct template_check *c, struct err *err)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	struct err why = ERR_INIT;
	int r = c->manifest ? manifest_load(c->manifest, &m, &why) : -ENOENT;

	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	if (r < 0 && r != -ENOENT)
		return refuse(c, why.msg, err);
	if (r == 0) {
		memcpy(c->want, m->sha256, sizeof(c->want));
		c->want_bytes = m->size_bytes;
	}
	return 0;
}

static void *hash_slots(void *arg)
{
	struct template_check *c = arg;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		const struct slot *s;

		while (c->head == c->tail && !c->ended)
			pthread_cond_wait(&c->changed, &c->lock);
		if (c->head == c->tail)
			break;
		s = &c->slots[c->tail % SLOTS];
		pthread_mutex_unlock(&c->lock);
		hash_add(&c->hash, s->buf, s->len);
		pthread_mutex_lock(&c->lock);
		c->tail++;
		pthread_cond_signal(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static int start(struct template_check *c, struct err *err)
{
	size_t i;

	for (i = 0; i < SLOTS; i++) {
		c->slots[i].buf = malloc(SLOT_BYTES);
		if (!c->slots[i].buf)
			return err_set(err, ENOMEM, "out of memory");
	}
	/* Without a thread it takes longer. */
	c->started = pthread_create(&c->thread, NULL, hash_slots, c) == 0;
	return 0;
}

/* All that was handed over is in the hash then. */
static void stop(struct template_check *c)
{
	if (!c->started)
		return;
	pthread_mutex_lock(&c->lock);
	c->ended = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	c->started = false;
}

static void hand_over(struct template_check *c, const uint8_t *buf, size_t len)
{
	struct slot *s = &c->slots[c->head % SLOTS];

	pthread_mutex_lock(&c->lock);
	while (c->head - c->tail == SLOTS)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	memcpy(s->buf, buf, len);
	s->len = len;
	pthread_mutex_lock(&c->lock);
	c->head++;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

int template_check_new(const char *path, struct template_check **ret, struct err *err)
{
	_cleanup_(template_check_freep) struct template_check *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->path = strdup(path);
	c->manifest = manifest_path(path);
	hash_init(&c->hash);
	if (!c->path)
		return err_set(err, ENOMEM, "out of memory");
	r = load(c, err);
	if (r == 0 && c->want[0])
		r = start(c, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(c);
	return 0;
}

void template_check_add(void *check, const void *buf, size_t len)
{
	struct template_check *c = check;

	if (!c->want[0])
		return;
	c->bytes += len;
	if (!c->started)
		hash_add(&c->hash, buf, len);
	while (c->started && len) {
		size_t n = len < SLOT_BYTES ? len : SLOT_BYTES;

		hand_over(c, buf, n);
		buf = (const uint8_t *)buf + n;
		len -= n;
	}
}

int template_check_end(struct template_check *c, struct err *err)
{
	char got[HASH_HEX_LEN];
	int r;

	stop(c);
	if (!c->want[0])
		return 0;
	hash_end(&c->hash, got);
	if (strcmp(got, c->want) == 0)
		return 0;
	/* One that is built anew has its archive a moment earlier than its manifest. */
	r = load(c, err);
	if (r < 0 || strcmp(got, c->want) == 0)
		return r;
	return refuse(c,
		      c->bytes != c->want_bytes ? "its size is not the manifest's"
						: "its checksum is not the manifest's",
		      err);
}

void template_check_free(struct template_check *c)
{
	size_t i;

	if (!c)
		return;
	stop(c);
	for (i = 0; i < SLOTS; i++)
		free(c->slots[i].buf);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c->path);
	free(c->manifest);
	free(c);
}

void template_check_freep(struct template_check **c)
{
	template_check_free(*c);
}
