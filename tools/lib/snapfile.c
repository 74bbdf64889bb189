/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 *	<ParallelsSavedStates>
 *	  <SavedStateItem guid="">                      what stands on nothing is in here
 *	    <SavedStateItem guid="{...}">
 *	      <Name/> <DateTime/> <Creator/> <ScreenShot/> <Description/>
 *	      <SavedStateItem guid="{...}" current="yes">  stands on that one
 *
 * The private area may be somebody else's work: the file is parsed as hostile. No
 * entities, no document type, no network, a size limit. libxml2's own limit of
 * depth, 256, is what the deepest chain of images makes.
 */
#include "snapfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "cleanup.h"
#include "err.h"
#include "io.h"

#define FILE_BYTES_MAX (1u << 20)
#define ITEMS_MAX      4096
#define ROOT	       "ParallelsSavedStates"
#define ITEM	       "SavedStateItem"
#define BLANKS	       " \t\r\n"

struct parse {
	const char *shown;
	struct err *err;
};

static void cleanup_xml(xmlChar **s)
{
	xmlFree(*s);
}

#define _cleanup_xml_ _cleanup_(cleanup_xml)

static bool is_named(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0;
}

static char *trimmed(const char *s)
{
	size_t len;

	s += strspn(s, BLANKS);
	for (len = strlen(s); len && strchr(BLANKS, s[len - 1]); len--)
		;
	return strndup(s, len);
}

/* Of the first element of that name; empty without one. NULL without memory. */
static char *text_of(const xmlNode *parent, const char *name)
{
	_cleanup_xml_ xmlChar *s = NULL;
	const xmlNode *n;

	for (n = parent->children; n; n = n->next)
		if (is_named(n, name))
			break;
	if (!n)
		return strdup("");
	s = xmlNodeGetContent(n);
	return s ? trimmed((const char *)s) : NULL;
}

static struct snapfile_item *find(const struct snapfile *f, const char *guid)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		if (strcasecmp(f->items[i].guid, guid) == 0)
			return &f->items[i];
	return NULL;
}

const struct snapfile_item *snapfile_find(const struct snapfile *f, const char *guid)
{
	return find(f, guid);
}

static void clear(struct snapfile_item *item)
{
	free(item->name);
	free(item->description);
	free(item->date);
}

void snapfile_free(struct snapfile *f)
{
	while (f->count)
		clear(&f->items[--f->count]);
	free(f->items);
	xmlFreeDoc(f->doc);
	*f = (struct snapfile){.doc = NULL};
}

/* Takes the strings of @item, also on failure. */
static int append(struct snapfile *f, struct snapfile_item *item)
{
	struct snapfile_item *p = reallocarray(f->items, f->count + 1, sizeof(*p));

	if (p)
		f->items = p;
	if (!p || !item->name || !item->description || !item->date) {
		clear(item);
		return -ENOMEM;
	}
	f->items[f->count++] = *item;
	return 0;
}

/* --- reading --------------------------------------------------------------------- */

static int parse_item(const struct parse *p, xmlNode *n, const char *guid, const char *parent,
		      struct snapfile *f)
{
	struct snapfile_item item = {.element = n};

	if (!ploop_guid_parse(guid, item.guid) || *guid != '{')
		return err_set(p->err, EINVAL, "'%s' has a snapshot whose guid is none", p->shown);
	if (find(f, item.guid))
		return err_set(p->err, EINVAL, "'%s' has the snapshot %s twice", p->shown,
			       item.guid);
	if (f->count == ITEMS_MAX)
		return err_set(p->err, EINVAL, "'%s' has more than %d snapshots", p->shown,
			       ITEMS_MAX);
	strcpy(item.parent, parent);
	item.name = text_of(n, "Name");
	item.description = text_of(n, "Description");
	item.date = text_of(n, "DateTime");
	return append(f, &item) < 0 ? err_errno(p->err, ENOMEM, "cannot read '%s'", p->shown) : 0;
}

/* @parent: the GUID of the item that these are in. */
static int parse_items(const struct parse *p, xmlNode *in, const char *parent, struct snapfile *f)
{
	xmlNode *n;
	int r = 0;

	for (n = in->children; r == 0 && n; n = n->next) {
		_cleanup_xml_ xmlChar *guid = NULL;
		char own[PLOOP_GUID_BYTES] = "";

		if (!is_named(n, ITEM))
			continue;
		guid = xmlGetNoNsProp(n, (const xmlChar *)"guid");
		if (guid && *guid) {
			r = parse_item(p, n, (const char *)guid, parent, f);
			if (r == 0)
				strcpy(own, f->items[f->count - 1].guid);
		} else if (!f->base && in == xmlDocGetRootElement(in->doc)) {
			f->base = n; /* in no item, with which it could go */
		}
		if (r == 0)
			r = parse_items(p, n, own, f);
	}
	return r;
}

static int parse_text(const struct parse *p, const char *text, size_t len, struct snapfile *ret)
{
	struct snapfile f = {.doc = NULL};
	xmlNode *root;
	xmlDoc *doc;
	int r;

	/* Before the parser sees it: an entity has no business here. */
	if (strlen(text) != len || strstr(text, "<!DOCTYPE") || strstr(text, "<!ENTITY"))
		return err_set(p->err, EINVAL,
			       "'%s' has a document type or a NUL, which it may not have",
			       p->shown);
	doc = f.doc = xmlReadMemory(text, (int)len, NULL, NULL,
				    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					    XML_PARSE_NOBLANKS);
	root = doc ? xmlDocGetRootElement(doc) : NULL;
	if (!root)
		r = err_set(p->err, EINVAL, "'%s' is not well-formed XML", p->shown);
	else if (doc->intSubset || doc->extSubset || !is_named(root, ROOT))
		r = err_set(p->err, EINVAL, "'%s' is not a list of snapshots", p->shown);
	else
		r = parse_items(p, root, "", &f);
	if (r < 0) {
		snapfile_free(&f);
		return r;
	}
	*ret = f;
	return 0;
}

int snapfile_load(int dirfd, const char *shown, struct snapfile *ret, struct err *err)
{
	const struct parse p = {shown, err};
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = io_read_file(dirfd, SNAPFILE_NAME, FILE_BYTES_MAX, &text, &len, NULL);

	if (r == -ENOENT) {
		*ret = (struct snapfile){.doc = NULL};
		return 0;
	}
	if (r == -EFBIG)
		return err_set(err, EFBIG, "'%s' is too large for a list of snapshots", shown);
	if (r < 0)
		return err_errno(err, r, "cannot read '%s'", shown);
	return parse_text(&p, text, len, ret);
}

/* --- changing -------------------------------------------------------------------- */

int snapfile_add(struct snapfile *f, const char *guid, const char *name, const char *description,
		 const char *date)
{
	struct snapfile_item item = {
		.name = trimmed(name), .description = trimmed(description), .date = trimmed(date)};

	if (find(f, guid)) {
		clear(&item);
		return -EEXIST;
	}
	snprintf(item.guid, sizeof(item.guid), "%s", guid);
	return append(f, &item);
}

/* --- writing --------------------------------------------------------------------- */

/* Where there is no memory something is missing, which the look at the text finds. */
static xmlNode *new_element(const char *guid, const char *name, const char *description,
			    const char *date)
{
	const char *const texts[][2] = {{"Name", name},
					{"DateTime", date},
					{"Creator", ""},
					{"ScreenShot", ""},
					{"Description", description}};
	xmlNode *n = xmlNewNode(NULL, (const xmlChar *)ITEM);
	size_t i;

	if (!n)
		return NULL;
	xmlSetProp(n, (const xmlChar *)"guid", (const xmlChar *)guid);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		xmlNewTextChild(n, NULL, (const xmlChar *)texts[i][0],
				*texts[i][1] ? (const xmlChar *)texts[i][1] : NULL);
	return n;
}

static bool root_and_base(struct snapfile *f)
{
	xmlNode *root;

	if (!f->doc) {
		f->doc = xmlNewDoc((const xmlChar *)"1.0");
		root = f->doc ? xmlNewNode(NULL, (const xmlChar *)ROOT) : NULL;
		if (!root)
			return false;
		xmlDocSetRootElement(f->doc, root);
	}
	root = xmlDocGetRootElement(f->doc);
	if (!f->base) {
		f->base = new_element("", "", "", "");
		if (f->base)
			xmlAddChild(root, f->base);
	}
	return root && f->base;
}

static const struct ploop_snapshot *listed(const struct ploop_snapshot *list, size_t count,
					   const char *guid)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!list[i].top && strcasecmp(list[i].guid, guid) == 0)
			return &list[i];
	return NULL;
}

/* Each element by itself, and only those that are to stay. */
static void drop_others(struct snapfile *f, const struct ploop_snapshot *list, size_t count)
{
	size_t from, to = 0;

	for (from = 0; from < f->count; from++)
		if (f->items[from].element)
			xmlUnlinkNode(f->items[from].element);
	for (from = 0; from < f->count; from++) {
		struct snapfile_item *item = &f->items[from];

		if (listed(list, count, item->guid)) {
			f->items[to++] = *item;
			continue;
		}
		if (item->element)
			xmlFreeNode(item->element);
		clear(item);
	}
	f->count = to;
}

static int add_missing(struct snapfile *f, const struct ploop_snapshot *list, size_t count)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < count; i++)
		if (!list[i].top && !find(f, list[i].guid))
			r = snapfile_add(f, list[i].guid, "", "", "");
	return r;
}

/* Of a whole list, so that each parent is there and none is in a circle. */
static void plant(struct snapfile *f, const struct ploop_snapshot *list, size_t count)
{
	const char *current = "";
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].top)
			current = list[i].parent;
	for (i = 0; i < f->count; i++) {
		struct snapfile_item *item = &f->items[i];

		if (!item->element)
			item->element =
				new_element(item->guid, item->name, item->description, item->date);
		strcpy(item->parent, listed(list, count, item->guid)->parent);
	}
	for (i = 0; i < f->count; i++) {
		struct snapfile_item *item = &f->items[i], *parent = find(f, item->parent);

		if (!item->element)
			continue;
		if (strcasecmp(item->guid, current) == 0)
			xmlSetProp(item->element, (const xmlChar *)"current",
				   (const xmlChar *)"yes");
		else
			xmlUnsetProp(item->element, (const xmlChar *)"current");
		xmlAddChild(parent && parent->element ? parent->element : f->base, item->element);
	}
}

static bool equals(const struct snapfile *a, const struct snapfile *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++) {
		const struct snapfile_item *x = &a->items[i], *y = find(b, x->guid);

		if (!y || strcasecmp(x->parent, y->parent) != 0 || strcmp(x->name, y->name) != 0 ||
		    strcmp(x->description, y->description) != 0 || strcmp(x->date, y->date) != 0)
			return false;
	}
	return true;
}

/* libxml2 does not tell when it ran out of memory in the middle: read what it would write. */
static int verify(const struct snapfile *f, const char *shown, const char *text, size_t len,
		  struct err *err)
{
	const struct parse p = {shown, err};
	struct snapfile back;
	int r;

	if (len > FILE_BYTES_MAX)
		return err_set(err, EFBIG, "'%s' would be larger than %u bytes", shown,
			       FILE_BYTES_MAX);
	r = parse_text(&p, text, len, &back);
	if (r < 0)
		return r;
	if (!equals(f, &back))
		r = err_errno(err, ENOMEM, "cannot write '%s'", shown);
	snapfile_free(&back);
	return r;
}

int snapfile_store(int dirfd, const char *shown, struct snapfile *f,
		   const struct ploop_snapshot *list, size_t count, struct err *err)
{
	_cleanup_xml_ xmlChar *text = NULL;
	struct err why = ERR_INIT;
	int len = 0, r = root_and_base(f) ? 0 : -ENOMEM;

	if (r == 0) {
		drop_others(f, list, count);
		r = add_missing(f, list, count);
	}
	if (r == 0) {
		plant(f, list, count);
		xmlDocDumpFormatMemoryEnc(f->doc, &text, &len, "UTF-8", 1);
	}
	if (!text || len <= 0)
		return err_errno(err, ENOMEM, "cannot write '%s'", shown);
	r = verify(f, shown, (const char *)text, (size_t)len, err);
	if (r == 0)
		r = io_replace_file(dirfd, SNAPFILE_NAME, text, (size_t)len, 0644, &why);
	return why.code ? err_errno(err, r, "cannot write '%s'", shown) : r;
}
