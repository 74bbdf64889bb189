/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The descriptor belongs to whoever made the image directory: it is parsed as
 * hostile. No entities, no document type, no network, a size limit; numbers
 * are checked against the image later; file names never leave the directory.
 */
#include "descriptor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "cleanup.h"
#include "err.h"
#include "format.h"
#include "io.h"

#define FILE_BYTES_MAX (1u << 20)
#define DELTAS_MAX     4096
#define HEADS	       16
#define SECTORS	       63

struct parse {
	const char *shown;
	struct err *err;
};

static void cleanup_xml(xmlChar **s)
{
	xmlFree(*s);
}

static bool is_named(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0;
}

static xmlNode *child(const xmlNode *parent, const char *name)
{
	xmlNode *n;

	for (n = parent ? parent->children : NULL; n; n = n->next)
		if (is_named(n, name))
			return n;
	return NULL;
}

static unsigned int count_children(const xmlNode *parent, const char *name)
{
	unsigned int count = 0;
	xmlNode *n;

	for (n = parent->children; n; n = n->next)
		count += is_named(n, name);
	return count;
}

static int need(const struct parse *p, const xmlNode *parent, const char *name, xmlNode **ret)
{
	unsigned int n = count_children(parent, name);

	if (n != 1)
		return err_set(p->err, EINVAL, "'%s' has %s <%s> in <%s>", p->shown,
			       n ? "more than one" : "no", name, (const char *)parent->name);
	*ret = child(parent, name);
	return 0;
}

static xmlChar *text_of(const xmlNode *n)
{
	xmlChar *s = xmlNodeGetContent(n), *from = s, *end;

	if (!s)
		return NULL;
	while (*from && strchr(" \t\r\n", *from))
		from++;
	for (end = from + xmlStrlen(from); end > from && strchr(" \t\r\n", end[-1]); end--)
		continue;
	memmove(s, from, (size_t)(end - from));
	s[end - from] = '\0';
	return s;
}

static int get_number(const struct parse *p, const xmlNode *parent, const char *name, uint64_t *ret)
{
	__attribute__((cleanup(cleanup_xml))) xmlChar *s = NULL;
	xmlNode *n;
	char *end;
	int r = need(p, parent, name, &n);

	if (r < 0)
		return r;
	s = text_of(n);
	errno = 0;
	*ret = s ? strtoull((const char *)s, &end, 10) : 0;
	if (!s || *s < '0' || *s > '9' || *end || errno)
		return err_set(p->err, EINVAL, "'%s' has no number in <%s>", p->shown, name);
	return 0;
}

static int get_text(const struct parse *p, const xmlNode *parent, const char *name, xmlChar **ret)
{
	xmlNode *n;
	int r = need(p, parent, name, &n);

	if (r < 0)
		return r;
	*ret = text_of(n);
	if (!*ret)
		return err_errno(p->err, ENOMEM, "cannot read '%s'", p->shown);
	return 0;
}

/* It is shown to people, and XML that is written again does not bring every one of them back. */
static bool has_control(const xmlChar *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static bool same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

static int get_guid(const struct parse *p, const xmlNode *parent, const char *name,
		    char ret[PLOOP_GUID_BYTES])
{
	__attribute__((cleanup(cleanup_xml))) xmlChar *s = NULL;
	int r = get_text(p, parent, name, &s);

	if (r < 0)
		return r;
	if (!ploop_guid_parse((const char *)s, ret) || *s != '{')
		return err_set(p->err, EINVAL, "'%s' has no GUID in <%s>", p->shown, name);
	return 0;
}

static int parse_file(const struct parse *p, const xmlChar *file, char **ret)
{
	if (!*file || strchr((const char *)file, '/') || strcmp((const char *)file, ".") == 0 ||
	    strcmp((const char *)file, "..") == 0)
		return err_set(p->err, EINVAL,
			       "'%s' names the image '%.200s', outside of its directory", p->shown,
			       file);
	if (has_control(file))
		return err_set(p->err, EINVAL, "'%s' names an image with a control character",
			       p->shown);
	*ret = strdup((const char *)file);
	return *ret ? 0 : err_errno(p->err, ENOMEM, "cannot read '%s'", p->shown);
}

static int parse_type(const struct parse *p, const xmlChar *type, enum ploop_format *ret)
{
	if (strcmp((const char *)type, "Plain") == 0)
		*ret = PLOOP_FORMAT_RAW;
	else if (strcmp((const char *)type, "Compressed") == 0)
		*ret = PLOOP_FORMAT_EXPANDED;
	else
		return err_set(p->err, EINVAL, "'%s' has an image of the unknown type '%.40s'",
			       p->shown, type);
	return 0;
}

static int parse_image(const struct parse *p, xmlNode *image, struct descriptor *d)
{
	__attribute__((cleanup(cleanup_xml))) xmlChar *type = NULL, *file = NULL;
	struct descriptor_delta *delta = &d->deltas[d->count];
	size_t i;
	int r;

	*delta = (struct descriptor_delta){.image = image};
	r = get_guid(p, image, "GUID", delta->guid);
	if (r == 0)
		r = get_text(p, image, "Type", &type);
	if (r == 0)
		r = get_text(p, image, "File", &file);
	if (r == 0)
		r = parse_type(p, type, &delta->format);
	if (r == 0)
		r = parse_file(p, file, &delta->file);
	if (r < 0)
		return r;
	d->count++;
	for (i = 0; i + 1 < d->count; i++) {
		if (same(d->deltas[i].guid, delta->guid))
			return err_set(p->err, EINVAL, "'%s' has two images of the GUID %s",
				       p->shown, delta->guid);
		if (strcmp(d->deltas[i].file, delta->file) == 0)
			return err_set(p->err, EINVAL, "'%s' names the image '%s' twice", p->shown,
				       delta->file);
	}
	return 0;
}

static int parse_images(const struct parse *p, const xmlNode *storage, struct descriptor *d)
{
	unsigned int n = count_children(storage, "Image");
	xmlNode *image;
	int r = 0;

	if (n == 0 || n > DELTAS_MAX)
		return err_set(p->err, EINVAL, "'%s' has %u images: 1 to %d are possible", p->shown,
			       n, DELTAS_MAX);
	d->deltas = calloc(n, sizeof(*d->deltas));
	if (!d->deltas)
		return err_errno(p->err, ENOMEM, "cannot read '%s'", p->shown);
	for (image = storage->children; r == 0 && image; image = image->next)
		if (is_named(image, "Image"))
			r = parse_image(p, image, d);
	return r;
}

static int parse_preallocated(const struct parse *p, const xmlNode *storage, bool *ret)
{
	uint64_t n = 0;
	int r = child(storage, "Preallocated") ? get_number(p, storage, "Preallocated", &n) : 0;

	*ret = n != 0;
	return r;
}

static int parse_storage(const struct parse *p, const xmlNode *root, struct descriptor *d)
{
	xmlNode *data, *storage;
	uint64_t start, end, block, size = d->size_bytes / PLOOP_SECTOR;
	int r = need(p, root, "StorageData", &data);

	if (r < 0)
		return r;
	if (child(data, "Volume"))
		return err_set(p->err, EOPNOTSUPP, "'%s' describes a volume over another image",
			       p->shown);
	if (count_children(data, "Storage") > 1)
		return err_set(p->err, EOPNOTSUPP, "'%s' describes a disk of several storages",
			       p->shown);
	r = need(p, data, "Storage", &storage);
	if (r == 0)
		r = get_number(p, storage, "Start", &start);
	if (r == 0)
		r = get_number(p, storage, "End", &end);
	if (r == 0)
		r = get_number(p, storage, "Blocksize", &block);
	if (r < 0)
		return r;
	if (start != 0 || end != size)
		return err_set(p->err, EINVAL, "'%s' has a storage that is not its whole disk",
			       p->shown);
	if (block < PLOOP_CLUSTER_MIN / PLOOP_SECTOR || block > PLOOP_CLUSTER_MAX / PLOOP_SECTOR ||
	    (block & (block - 1)))
		return err_set(p->err, EINVAL, "'%s' has blocks of %" PRIu64 " sectors", p->shown,
			       block);
	d->cluster_bytes = (uint32_t)(block * PLOOP_SECTOR);
	r = parse_preallocated(p, storage, &d->preallocated);
	return r < 0 ? r : parse_images(p, storage, d);
}

/* OpenVZ has three kinds of what is not to be gone back to. */
static const char *const temporary[] = {"Temporary", "TemporaryZero", "TemporaryZeroSwap"};

#define NTEMPORARY (sizeof(temporary) / sizeof(temporary[0]))

static bool is_temporary(const xmlNode *shot)
{
	size_t i;

	for (i = 0; i < NTEMPORARY; i++)
		if (child(shot, temporary[i]))
			return true;
	return false;
}

static int parse_shot(const struct parse *p, xmlNode *shot, struct descriptor *d)
{
	char guid[PLOOP_GUID_BYTES], parent[PLOOP_GUID_BYTES];
	struct descriptor_delta *delta;
	int r = get_guid(p, shot, "GUID", guid);

	if (r == 0)
		r = get_guid(p, shot, "ParentGUID", parent);
	if (r < 0)
		return r;
	delta = descriptor_find(d, guid);
	if (!delta || delta->shot)
		return err_set(p->err, EINVAL, "'%s' has %s the snapshot %s", p->shown,
			       delta ? "twice" : "no image of", guid);
	delta->shot = shot;
	delta->temporary = is_temporary(shot);
	memcpy(delta->parent, parent, sizeof(parent));
	return 0;
}

/* From each delta there must be a way down to one without a parent, of which no part is raw but that one. */
static int check_tree(const struct parse *p, const struct descriptor *d)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		const struct descriptor_delta *delta = &d->deltas[i];
		unsigned int levels = 1;

		if (!delta->shot)
			return err_set(p->err, EINVAL, "'%s' has no snapshot of the image '%s'",
				       p->shown, delta->file);
		for (; delta && !same(delta->parent, DESCRIPTOR_ROOT_GUID); levels++) {
			if (delta->format == PLOOP_FORMAT_RAW)
				return err_set(p->err, EINVAL,
					       "'%s' has the raw image '%s' on top of another",
					       p->shown, delta->file);
			if (levels == PLOOP_LEVELS_MAX)
				return err_set(p->err, EINVAL,
					       "'%s' has more than %d images on top of each other, "
					       "or in a circle, at '%s'",
					       p->shown, PLOOP_LEVELS_MAX, d->deltas[i].file);
			delta = descriptor_find(d, delta->parent);
		}
		if (!delta)
			return err_set(p->err, EINVAL, "'%s' has no image that '%s' stands on",
				       p->shown, d->deltas[i].file);
	}
	if (!descriptor_top(d))
		return err_set(p->err, EINVAL, "'%s' has no image of its top", p->shown);
	if (descriptor_children(d, d->top, NULL))
		return err_set(p->err, EINVAL, "'%s' has images that stand on its top", p->shown);
	return 0;
}

static int parse_snapshots(const struct parse *p, const xmlNode *root, struct descriptor *d)
{
	xmlNode *snapshots, *shot;
	int r = need(p, root, "Snapshots", &snapshots);

	if (r == 0)
		r = get_guid(p, snapshots, "TopGUID", d->top);
	if (r < 0)
		return r;
	for (shot = snapshots->children; r == 0 && shot; shot = shot->next)
		if (is_named(shot, "Shot"))
			r = parse_shot(p, shot, d);
	return r < 0 ? r : check_tree(p, d);
}

/* Of this library's own; those of OpenVZ keep it and do not look at it. */
static int parse_pending(const struct parse *p, const xmlNode *params, uint64_t *ret)
{
	uint64_t sectors = 0;
	int r = child(params, "Pending_size") ? get_number(p, params, "Pending_size", &sectors) : 0;

	if (r < 0)
		return r;
	if (sectors > PLOOP_SIZE_MAX / PLOOP_SECTOR)
		return err_set(p->err, EINVAL,
			       "'%s' says that its disk is to have %" PRIu64 " sectors", p->shown,
			       sectors);
	*ret = sectors * PLOOP_SECTOR;
	return 0;
}

static int parse_root(const struct parse *p, const xmlNode *root, struct descriptor *d)
{
	xmlNode *params;
	uint64_t sectors;
	int r;

	if (!is_named(root, "Parallels_disk_image") && !is_named(root, "Virtuozzo_disk_image"))
		return err_set(p->err, EINVAL, "'%s' is not a disk descriptor", p->shown);
	r = need(p, root, "Disk_Parameters", &params);
	if (r == 0)
		r = get_number(p, params, "Disk_size", &sectors);
	if (r < 0)
		return r;
	if (child(params, "Encryption"))
		return err_set(p->err, EOPNOTSUPP, "'%s' describes an encrypted disk", p->shown);
	if (sectors == 0 || sectors > PLOOP_SIZE_MAX / PLOOP_SECTOR)
		return err_set(p->err, EINVAL, "'%s' says that its disk has %" PRIu64 " sectors",
			       p->shown, sectors);
	d->size_bytes = sectors * PLOOP_SECTOR;
	r = parse_pending(p, params, &d->pending_bytes);
	if (r == 0)
		r = parse_storage(p, root, d);
	return r < 0 ? r : parse_snapshots(p, root, d);
}

static int parse_text(const struct parse *p, const char *text, size_t len, struct descriptor *ret)
{
	struct descriptor d = {.doc = NULL};
	xmlDoc *doc;
	int r;

	/* Before the parser sees it: an entity has no business here. */
	if (memmem(text, len, "<!", 2) && (strstr(text, "<!DOCTYPE") || strstr(text, "<!ENTITY")))
		return err_set(p->err, EINVAL,
			       "'%s' has a document type, which a descriptor may not have",
			       p->shown);
	doc = d.doc = xmlReadMemory(text, (int)len, NULL, NULL,
				    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					    XML_PARSE_NOBLANKS);
	if (!doc || !xmlDocGetRootElement(doc))
		r = err_set(p->err, EINVAL, "'%s' is not well-formed XML", p->shown);
	else if (doc->intSubset || doc->extSubset)
		r = err_set(p->err, EINVAL,
			    "'%s' has a document type, which a descriptor may not have", p->shown);
	else
		r = parse_root(p, xmlDocGetRootElement(doc), &d);
	if (r < 0) {
		descriptor_free(&d);
		return r;
	}
	*ret = d;
	return 0;
}

int descriptor_load(int dirfd, const char *shown, struct descriptor *ret, struct err *err)
{
	const struct parse p = {shown, err};
	_cleanup_free_ char *text = NULL;
	struct err why = ERR_INIT;
	size_t len = 0;
	int r = io_read_file(dirfd, DESCRIPTOR_NAME, FILE_BYTES_MAX, &text, &len, &why);

	if (r == -EFBIG)
		return err_set(err, EFBIG, "'%s' is too large for a disk descriptor", shown);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", shown);
	return parse_text(&p, text, len, ret);
}

/* --- the tree ------------------------------------------------------------------ */

struct descriptor_delta *descriptor_find(const struct descriptor *d, const char *guid)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		if (same(d->deltas[i].guid, guid))
			return &d->deltas[i];
	return NULL;
}

struct descriptor_delta *descriptor_top(const struct descriptor *d)
{
	return descriptor_find(d, d->top);
}

unsigned int descriptor_chain(const struct descriptor *d, const char *guid,
			      const struct descriptor_delta *ret[PLOOP_LEVELS_MAX])
{
	const struct descriptor_delta *delta;
	unsigned int n = 0, i;

	for (delta = descriptor_find(d, guid); delta; delta = descriptor_find(d, delta->parent))
		ret[n++] = delta;
	for (i = 0; i < n / 2; i++) {
		delta = ret[i];
		ret[i] = ret[n - 1 - i];
		ret[n - 1 - i] = delta;
	}
	return n;
}

unsigned int descriptor_children(const struct descriptor *d, const char *guid,
				 struct descriptor_delta **ret_first)
{
	unsigned int n = 0;
	size_t i;

	for (i = d->count; i-- > 0;) {
		if (!same(d->deltas[i].parent, guid))
			continue;
		n++;
		if (ret_first)
			*ret_first = &d->deltas[i];
	}
	return n;
}

int descriptor_add(struct descriptor *d, const char *guid, const char *parent,
		   enum ploop_format format, const char *file)
{
	struct descriptor_delta *delta = reallocarray(d->deltas, d->count + 1, sizeof(*d->deltas));

	if (!delta)
		return -ENOMEM;
	d->deltas = delta;
	delta += d->count;
	*delta = (struct descriptor_delta){.format = format, .file = strdup(file)};
	if (!delta->file)
		return -ENOMEM;
	snprintf(delta->guid, sizeof(delta->guid), "%s", guid);
	snprintf(delta->parent, sizeof(delta->parent), "%s", parent);
	d->count++;
	return 0;
}

static void remove_element(void *node)
{
	if (!node)
		return;
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

void descriptor_remove(struct descriptor *d, const char *guid)
{
	struct descriptor_delta *delta = descriptor_find(d, guid);

	if (!delta)
		return;
	remove_element(delta->image);
	remove_element(delta->shot);
	free(delta->file);
	d->count--;
	memmove(delta, delta + 1, (size_t)(d->deltas + d->count - delta) * sizeof(*delta));
}

static void replace_guid(char guid[PLOOP_GUID_BYTES], const char *from, const char *to)
{
	if (same(guid, from))
		snprintf(guid, PLOOP_GUID_BYTES, "%s", to);
}

void descriptor_rename(struct descriptor *d, const char *guid, const char *to)
{
	char from[PLOOP_GUID_BYTES];
	size_t i;

	/* It may be the delta's own. */
	snprintf(from, sizeof(from), "%s", guid);
	for (i = 0; i < d->count; i++) {
		replace_guid(d->deltas[i].guid, from, to);
		replace_guid(d->deltas[i].parent, from, to);
	}
}

int descriptor_init(struct descriptor *ret, uint64_t size_bytes, uint32_t cluster_bytes,
		    enum ploop_format format, const char *file)
{
	*ret = (struct descriptor){.size_bytes = size_bytes,
				   .cluster_bytes = cluster_bytes,
				   .top = DESCRIPTOR_TOP_GUID};
	return descriptor_add(ret, DESCRIPTOR_TOP_GUID, DESCRIPTOR_ROOT_GUID, format, file);
}

void descriptor_free(struct descriptor *d)
{
	while (d->count)
		free(d->deltas[--d->count].file);
	free(d->deltas);
	xmlFreeDoc(d->doc);
	*d = (struct descriptor){.doc = NULL};
}

/* --- writing -------------------------------------------------------------------- */

/*
 * What the elements say follows the struct; others stay as they are. Where
 * there is no memory something is missing, which the look at the text finds.
 */
static xmlNode *child_or_new(xmlNode *parent, const char *name)
{
	xmlNode *n = child(parent, name);

	return n || !parent ? n : xmlNewChild(parent, NULL, (const xmlChar *)name, NULL);
}

static void set_text(xmlNode *parent, const char *name, const char *value)
{
	xmlNode *n = child_or_new(parent, name);

	if (!n)
		return;
	xmlNodeSetContent(n, NULL);
	xmlNodeAddContent(n, (const xmlChar *)value);
}

static void set_number(xmlNode *parent, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	set_text(parent, name, text);
}

static void default_number(xmlNode *parent, const char *name, uint64_t value)
{
	if (!child(parent, name))
		set_number(parent, name, value);
}

static void write_disk(xmlNode *root, const struct descriptor *d)
{
	xmlNode *params = child_or_new(root, "Disk_Parameters");
	uint64_t sectors = d->size_bytes / PLOOP_SECTOR;

	set_number(params, "Disk_size", sectors);
	if (d->pending_bytes)
		set_number(params, "Pending_size", d->pending_bytes / PLOOP_SECTOR);
	else
		remove_element(child(params, "Pending_size"));
	set_number(params, "Cylinders", sectors / (HEADS * SECTORS));
	default_number(params, "Heads", HEADS);
	default_number(params, "Sectors", SECTORS);
	default_number(params, "Padding", 0);
}

static void write_images(xmlNode *root, struct descriptor *d)
{
	xmlNode *storage = child_or_new(child_or_new(root, "StorageData"), "Storage");
	size_t i;

	set_number(storage, "Start", 0);
	set_number(storage, "End", d->size_bytes / PLOOP_SECTOR);
	set_number(storage, "Blocksize", d->cluster_bytes / PLOOP_SECTOR);
	if (d->preallocated)
		set_number(storage, "Preallocated", 1);
	else
		remove_element(child(storage, "Preallocated"));
	for (i = 0; storage && i < d->count; i++) {
		struct descriptor_delta *delta = &d->deltas[i];

		if (!delta->image)
			delta->image = xmlNewChild(storage, NULL, (const xmlChar *)"Image", NULL);
		set_text(delta->image, "GUID", delta->guid);
		set_text(delta->image, "Type",
			 delta->format == PLOOP_FORMAT_RAW ? "Plain" : "Compressed");
		set_text(delta->image, "File", delta->file);
	}
}

static void set_temporary(xmlNode *shot, bool is)
{
	size_t i;

	if (is && !is_temporary(shot))
		xmlNewChild(shot, NULL, (const xmlChar *)temporary[0], NULL);
	for (i = 0; !is && i < NTEMPORARY; i++) {
		xmlNode *node;

		while ((node = child(shot, temporary[i]))) {
			xmlUnlinkNode(node);
			xmlFreeNode(node);
		}
	}
}

static void write_snapshots(xmlNode *root, struct descriptor *d)
{
	xmlNode *snapshots = child_or_new(root, "Snapshots");
	size_t i;

	set_text(snapshots, "TopGUID", d->top);
	for (i = 0; snapshots && i < d->count; i++) {
		struct descriptor_delta *delta = &d->deltas[i];

		if (!delta->shot)
			delta->shot = xmlNewChild(snapshots, NULL, (const xmlChar *)"Shot", NULL);
		set_text(delta->shot, "GUID", delta->guid);
		set_text(delta->shot, "ParentGUID", delta->parent);
		if (delta->shot)
			set_temporary(delta->shot, delta->temporary);
	}
}

static xmlNode *root_of(struct descriptor *d)
{
	xmlNode *root;

	if (d->doc)
		return xmlDocGetRootElement(d->doc);
	d->doc = xmlNewDoc((const xmlChar *)"1.0");
	root = d->doc ? xmlNewNode(NULL, (const xmlChar *)"Parallels_disk_image") : NULL;
	if (!root)
		return NULL;
	xmlDocSetRootElement(d->doc, root);
	xmlNewProp(root, (const xmlChar *)"Version", (const xmlChar *)"1.0");
	return root;
}

static bool equals(const struct descriptor *a, const struct descriptor *b)
{
	size_t i;

	if (a->size_bytes != b->size_bytes || a->cluster_bytes != b->cluster_bytes ||
	    a->pending_bytes != b->pending_bytes || a->preallocated != b->preallocated ||
	    strcmp(a->top, b->top) != 0 || a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++) {
		const struct descriptor_delta *x = &a->deltas[i];
		const struct descriptor_delta *y = descriptor_find(b, x->guid);

		if (!y || strcmp(x->parent, y->parent) != 0 || x->temporary != y->temporary ||
		    x->format != y->format || strcmp(x->file, y->file) != 0)
			return false;
	}
	return true;
}

/* libxml2 does not tell when it ran out of memory in the middle: read what it would write. */
static int verify(const struct descriptor *d, const char *text, size_t len, struct err *err)
{
	const struct parse p = {DESCRIPTOR_NAME, err};
	struct descriptor back;
	int r = parse_text(&p, text, len, &back);

	if (r < 0)
		return r;
	if (!equals(d, &back))
		r = err_errno(err, ENOMEM, "cannot write '%s'", DESCRIPTOR_NAME);
	descriptor_free(&back);
	return r;
}

int descriptor_store(int dirfd, struct descriptor *d, struct err *err)
{
	__attribute__((cleanup(cleanup_xml))) xmlChar *text = NULL;
	xmlNode *root = root_of(d);
	int len = 0, r;

	if (root) {
		write_disk(root, d);
		write_images(root, d);
		write_snapshots(root, d);
		xmlDocDumpFormatMemory(d->doc, &text, &len, 1);
	}
	if (!text || len <= 0)
		return err_errno(err, ENOMEM, "cannot write '%s'", DESCRIPTOR_NAME);
	r = verify(d, (const char *)text, (size_t)len, err);
	return r < 0 ? r : io_replace_file(dirfd, DESCRIPTOR_NAME, text, (size_t)len, 0644, err);
}
