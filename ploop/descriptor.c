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
#include "strbuf.h"

#define FILE_BYTES_MAX (1u << 20)
#define HEADS	       16
#define SECTORS	       63

struct parse {
	const char *shown;
	struct err *err;
};

static void cleanup_doc(xmlDoc **doc)
{
	if (*doc)
		xmlFreeDoc(*doc);
}

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

static int parse_image(const struct parse *p, const xmlNode *image, struct descriptor *d,
		       xmlChar **ret_guid)
{
	__attribute__((cleanup(cleanup_xml))) xmlChar *type = NULL, *file = NULL;
	int r = get_text(p, image, "GUID", ret_guid);

	if (r == 0)
		r = get_text(p, image, "Type", &type);
	if (r == 0)
		r = get_text(p, image, "File", &file);
	if (r < 0)
		return r;
	if (strcmp((char *)type, "Plain") == 0)
		d->format = PLOOP_FORMAT_RAW;
	else if (strcmp((char *)type, "Compressed") == 0)
		d->format = PLOOP_FORMAT_EXPANDED;
	else
		return err_set(p->err, EINVAL, "'%s' has an image of the unknown type '%.40s'",
			       p->shown, type);
	if (!*file || strchr((char *)file, '/') || strcmp((char *)file, ".") == 0 ||
	    strcmp((char *)file, "..") == 0)
		return err_set(p->err, EINVAL,
			       "'%s' names the image '%.200s', outside of its directory", p->shown,
			       file);
	if (has_control(file))
		return err_set(p->err, EINVAL, "'%s' names an image with a control character",
			       p->shown);
	d->file = strdup((char *)file);
	return d->file ? 0 : err_errno(p->err, ENOMEM, "cannot read '%s'", p->shown);
}

static int parse_storage(const struct parse *p, const xmlNode *root, struct descriptor *d,
			 xmlChar **ret_guid)
{
	xmlNode *data, *storage, *image;
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
	if (count_children(storage, "Image") > 1)
		return err_set(p->err, EOPNOTSUPP,
			       "'%s' describes snapshots, which are not supported yet", p->shown);
	r = need(p, storage, "Image", &image);
	return r < 0 ? r : parse_image(p, image, d, ret_guid);
}

static int parse_snapshots(const struct parse *p, const xmlNode *root, const xmlChar *image_guid)
{
	__attribute__((cleanup(cleanup_xml))) xmlChar *top = NULL, *guid = NULL, *parent = NULL;
	xmlNode *snapshots, *shot;
	int r = need(p, root, "Snapshots", &snapshots);

	if (r == 0)
		r = get_text(p, snapshots, "TopGUID", &top);
	if (r < 0)
		return r;
	if (count_children(snapshots, "Shot") > 1)
		return err_set(p->err, EOPNOTSUPP,
			       "'%s' describes snapshots, which are not supported yet", p->shown);
	r = need(p, snapshots, "Shot", &shot);
	if (r == 0)
		r = get_text(p, shot, "GUID", &guid);
	if (r == 0)
		r = get_text(p, shot, "ParentGUID", &parent);
	if (r < 0)
		return r;
	if (strcmp((char *)parent, DESCRIPTOR_ROOT_GUID) != 0 || xmlStrcmp(top, guid) != 0 ||
	    xmlStrcmp(guid, image_guid) != 0)
		return err_set(p->err, EINVAL,
			       "'%s' has a snapshot tree that does not fit its image", p->shown);
	return 0;
}

static int parse_root(const struct parse *p, const xmlNode *root, struct descriptor *d)
{
	__attribute__((cleanup(cleanup_xml))) xmlChar *guid = NULL;
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
	r = parse_storage(p, root, d, &guid);
	return r < 0 ? r : parse_snapshots(p, root, guid);
}

int descriptor_load(int dirfd, const char *shown, struct descriptor *ret, struct err *err)
{
	const struct parse p = {shown, err};
	__attribute__((cleanup(cleanup_doc))) xmlDoc *doc = NULL;
	_cleanup_free_ char *text = NULL;
	struct descriptor d = {.file = NULL};
	struct err why = ERR_INIT;
	size_t len = 0;
	int r = io_read_file(dirfd, DESCRIPTOR_NAME, FILE_BYTES_MAX, &text, &len, &why);

	if (r == -EFBIG)
		return err_set(err, EFBIG, "'%s' is too large for a disk descriptor", shown);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", shown);
	/* Before the parser sees it: an entity has no business here. */
	if (memmem(text, len, "<!", 2) && (strstr(text, "<!DOCTYPE") || strstr(text, "<!ENTITY")))
		return err_set(err, EINVAL,
			       "'%s' has a document type, which a descriptor may not have", shown);
	doc = xmlReadMemory(text, (int)len, NULL, NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
				    XML_PARSE_NOBLANKS);
	if (!doc || !xmlDocGetRootElement(doc))
		return err_set(err, EINVAL, "'%s' is not well-formed XML", shown);
	if (doc->intSubset || doc->extSubset)
		return err_set(err, EINVAL,
			       "'%s' has a document type, which a descriptor may not have", shown);
	r = parse_root(&p, xmlDocGetRootElement(doc), &d);
	if (r < 0) {
		descriptor_free(&d);
		return r;
	}
	*ret = d;
	return 0;
}

static void add_escaped(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '&')
			strbuf_add(b, "&amp;");
		else if (*s == '<')
			strbuf_add(b, "&lt;");
		else if (*s == '>')
			strbuf_add(b, "&gt;");
		else
			strbuf_addc(b, *s);
	}
}

int descriptor_store(int dirfd, const struct descriptor *d, struct err *err)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint64_t sectors = d->size_bytes / PLOOP_SECTOR;

	strbuf_add(&b, "<?xml version=\"1.0\"?>\n<Parallels_disk_image Version=\"1.0\">\n"
		       "  <Disk_Parameters>\n");
	strbuf_addf(&b, "    <Disk_size>%" PRIu64 "</Disk_size>\n", sectors);
	strbuf_addf(&b, "    <Cylinders>%" PRIu64 "</Cylinders>\n", sectors / (HEADS * SECTORS));
	strbuf_addf(&b, "    <Heads>%d</Heads>\n    <Sectors>%d</Sectors>\n", HEADS, SECTORS);
	strbuf_add(&b, "    <Padding>0</Padding>\n  </Disk_Parameters>\n"
		       "  <StorageData>\n    <Storage>\n      <Start>0</Start>\n");
	strbuf_addf(&b, "      <End>%" PRIu64 "</End>\n", sectors);
	strbuf_addf(&b, "      <Blocksize>%u</Blocksize>\n", d->cluster_bytes / PLOOP_SECTOR);
	strbuf_add(&b, "      <Image>\n        <GUID>" DESCRIPTOR_TOP_GUID "</GUID>\n");
	strbuf_addf(&b, "        <Type>%s</Type>\n        <File>",
		    d->format == PLOOP_FORMAT_RAW ? "Plain" : "Compressed");
	add_escaped(&b, d->file);
	strbuf_add(&b, "</File>\n      </Image>\n    </Storage>\n  </StorageData>\n"
		       "  <Snapshots>\n    <TopGUID>" DESCRIPTOR_TOP_GUID "</TopGUID>\n"
		       "    <Shot>\n      <GUID>" DESCRIPTOR_TOP_GUID "</GUID>\n"
		       "      <ParentGUID>" DESCRIPTOR_ROOT_GUID "</ParentGUID>\n"
		       "    </Shot>\n  </Snapshots>\n</Parallels_disk_image>\n");
	if (b.failed)
		return err_errno(err, ENOMEM, "cannot write '%s'", DESCRIPTOR_NAME);
	return io_replace_file(dirfd, DESCRIPTOR_NAME, b.s, b.len, 0644, err);
}

void descriptor_free(struct descriptor *d)
{
	free(d->file);
	*d = (struct descriptor){.file = NULL};
}
