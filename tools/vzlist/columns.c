/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The columns. Those that are no parameters stand in a table here; each
 * parameter of a container in tools/lib/param.c is one more, named as its key
 * in small letters. The table of looks holds where OpenVZ's vzlist has another
 * name, header, width or form than follows from the parameter.
 */
#include "vzlist.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "kve.h"
#include "param.h"
#include "size.h"
#include "value.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define PAGE_BYTES UINT64_C(4096)
#define KIB	   UINT64_C(1024)

static const struct part ubc_parts[] = {
	{0, "held"},	{'m', "maxheld"}, {'b', "barrier"},
	{'l', "limit"}, {'f', "failcnt"}, {0, NULL},
};

static const struct part disk_parts[] = {
	{0, "usage"},
	{'s', "softlimit"},
	{'h', "hardlimit"},
	{0, NULL},
};

static const struct cell none = {CELL_NONE, NULL, 0, 0};

static struct cell number_cell(uint64_t n)
{
	return (struct cell){CELL_NUMBER, NULL, n, 0};
}

static struct cell text_cell(const char *s)
{
	return s && *s ? (struct cell){CELL_TEXT, s, 0, 0} : none;
}

static struct cell value_cell(const struct values *v, unsigned int part)
{
	return v->known & 1U << part ? number_cell(v->v[part]) : none;
}

static struct cell get_id(const struct row *row, const struct column *col, unsigned int part)
{
	(void)col;
	(void)part;
	return number_cell(row->ct->id);
}

static struct cell get_status(const struct row *row, const struct column *col, unsigned int part)
{
	static const char *const words[] = {"running", "stopped", "mounted"};
	unsigned int i = row->running ? 0 : row->mounted ? 2 : 1;

	(void)col;
	(void)part;
	return (struct cell){CELL_WORD, words[i], i, 0};
}

static struct cell get_smart_name(const struct row *row, const struct column *col,
				  unsigned int part)
{
	const char *name = row_get(row, param_by_key("NAME"));

	(void)col;
	(void)part;
	return text_cell(name ? name : row->ct->idstr);
}

static struct cell get_uptime(const struct row *row, const struct column *col, unsigned int part)
{
	(void)col;
	(void)part;
	return row->uptime < 0 ? none : (struct cell){CELL_SECONDS, NULL, 0, row->uptime};
}

/* The kernel has no load of one container yet, and the host's is not it. */
static struct cell get_unknown(const struct row *row, const struct column *col, unsigned int part)
{
	(void)row;
	(void)col;
	(void)part;
	return none;
}

/* In the file: "first:second", or one value for both, in the column's unit. */
static struct cell configured(const struct row *row, const struct column *col, unsigned int which)
{
	const char *s = row_get(row, col->param);
	uint64_t bounds[2], v;

	if (!s || size_parse_pair(s, col->unit, &bounds[0], &bounds[1]) < 0)
		return none;
	v = bounds[which];
	return number_cell(v == SIZE_UNLIMITED ? v : v / col->unit);
}

/* Running: what the kernel counts and enforces. Else the limits of its next start. */
static struct cell get_ubc(const struct row *row, const struct column *col, unsigned int part)
{
	struct kve_ubc u;

	if (!row->running)
		return part == 2 || part == 3 ? configured(row, col, part - 2) : none;
	if (!row->ubc_stat || kve_find_ubc(row->ubc_stat, col->name, &u) < 0)
		return none;
	return number_cell(part == 0   ? u.held
			   : part == 1 ? u.maxheld
			   : part == 2 ? u.barrier
			   : part == 3 ? u.limit
				       : u.failcnt);
}

static struct cell get_memory(const struct row *row, const struct column *col, unsigned int part)
{
	struct cell c = get_ubc(row, col, part);

	if (c.kind != CELL_NONE || !row->running)
		return c;
	return value_cell(strcmp(col->name, "physpages") == 0 ? &row->ram : &row->swap, part);
}

/* OpenVZ's definition: physpages has a limit, and not one that means none. */
static struct cell get_vswap(const struct row *row, const struct column *col, unsigned int part)
{
	const struct column ram = {
		.name = "physpages", .param = param_by_key("PHYSPAGES"), .unit = PAGE_BYTES};
	struct cell c = get_memory(row, &ram, 3);
	bool vswap = c.kind == CELL_NUMBER && c.number != SIZE_UNLIMITED && c.number != INT_MAX;

	(void)col;
	(void)part;
	if (row->unread && !row->running)
		return none;
	return (struct cell){CELL_BOOL, NULL, vswap, 0};
}

static struct cell get_disk(const struct row *row, const struct column *col, unsigned int part)
{
	struct cell c = value_cell(col->unit == KIB ? &row->disk : &row->inodes, part);

	return c.kind != CELL_NONE || !part ? c : configured(row, col, part - 1);
}

static struct cell get_path(const struct row *row, const struct column *col, unsigned int part)
{
	(void)part;
	if (row->unread)
		return none;
	return text_cell(strcmp(col->name, "root") == 0 ? row->ct->root : row->ct->private_dir);
}

/* OpenVZ's word for it; "ploop:raw" in the file says which mode besides. */
static struct cell get_layout(const struct row *row, const struct column *col, unsigned int part)
{
	const char *s = row_get(row, col->param);

	(void)part;
	return s ? text_cell(strncmp(s, "ploop", 5) == 0 ? "ploop" : s) : none;
}

static struct cell get_text(const struct row *row, const struct column *col, unsigned int part)
{
	(void)part;
	return text_cell(row_get(row, col->param));
}

static struct cell get_list(const struct row *row, const struct column *col, unsigned int part)
{
	struct cell c = get_text(row, col, part);

	if (c.kind == CELL_TEXT)
		c.kind = CELL_LIST;
	return c;
}

/* The value as the parameter's own parser understands it: "100%" is 100. */
static char *normal_form(const struct row *row, const struct column *col)
{
	const char *s = row_get(row, col->param);
	char *stored = NULL;

	if (!s)
		return NULL;
	if (!col->param->parse)
		return strdup(s);
	return col->param->parse(s, &stored, NULL) < 0 ? NULL : stored;
}

static struct cell get_bool(const struct row *row, const struct column *col, unsigned int part)
{
	_cleanup_free_ char *s = normal_form(row, col);

	(void)part;
	return s ? (struct cell){CELL_BOOL, NULL, strcmp(s, "yes") == 0, 0} : none;
}

/* Whole numbers; iolimit may have a suffix of bytes. */
static struct cell get_number(const struct row *row, const struct column *col, unsigned int part)
{
	_cleanup_free_ char *s = normal_form(row, col);
	uint64_t n;

	(void)part;
	return s && size_parse(s, 1, &n) == 0 ? number_cell(n) : none;
}

static struct cell get_real(const struct row *row, const struct column *col, unsigned int part)
{
	_cleanup_free_ char *s = normal_form(row, col);
	char *end;
	double d;

	(void)part;
	if (!s || !isdigit((unsigned char)*s))
		return none;
	d = strtod(s, &end);
	return *end ? none : (struct cell){CELL_REAL, NULL, 0, d};
}

/* clang-format off */
static const struct column computed[] = {
	{ "ctid", "CTID", 10, true, false, 0, NULL, 0, NULL, get_id },
	{ "veid", "CTID", 10, true, true, 0, NULL, 0, NULL, get_id },
	{ "vpsid", "CTID", 10, true, true, 0, NULL, 0, NULL, get_id },
	{ "status", "STATUS", 9, false, false, NEED_MOUNTS, NULL, 0, NULL, get_status },
	{ "smart_name", "SMARTNAME", 10, true, false, NEED_CHANGES, NULL, 0, NULL, get_smart_name },
	{ "uptime", "UPTIME", 15, true, false, NEED_UPTIME, NULL, 0, NULL, get_uptime },
	{ "laverage", "LAVERAGE", 14, true, false, 0, NULL, 0, NULL, get_unknown },
	{ "vswap", "VSWAP", 5, true, false, NEED_UBC | NEED_MEMORY, NULL, 0, NULL, get_vswap },
};

#define UBC(key, header, unit) { key, { NULL, header, 10, true, false, NEED_UBC, NULL, unit, ubc_parts, get_ubc } }
#define RAM(key, header) { key, { NULL, header, 10, true, false, NEED_UBC | NEED_MEMORY, NULL, PAGE_BYTES, ubc_parts, get_memory } }
#define DISK(key, header, unit) { key, { NULL, header, 10, true, false, NEED_MOUNTS | NEED_DISK, NULL, unit, disk_parts, get_disk } }
#define NUMBER(key, header, width) { key, { NULL, header, width, true, false, NEED_CHANGES, NULL, 0, NULL, get_number } }
#define TEXT(key, name, header, width, get) { key, { name, header, width, false, false, NEED_CHANGES, NULL, 0, NULL, get } }

/* name NULL: the key in small letters */
static const struct look {
	const char *key;
	struct column col;
} looks[] = {
	TEXT("IP_ADDRESS", "ip", "IP_ADDR", 15, get_list),
	TEXT("NAMESERVER", NULL, "NAMESERVER", 15, get_list),
	TEXT("SEARCHDOMAIN", NULL, "SEARCHDOMAIN", 15, get_list),
	TEXT("FEATURES", NULL, "FEATURES", 15, get_list),
	TEXT("BINDMOUNT", NULL, "BINDMOUNT", 32, get_list),
	TEXT("VE_ROOT", "root", "ROOT", 32, get_path),
	TEXT("VE_PRIVATE", "private", "PRIVATE", 32, get_path),
	TEXT("VE_LAYOUT", "layout", "LAYOUT", 6, get_layout),
	TEXT("ONBOOT", NULL, "ONBOOT", 6, get_bool),
	TEXT("DISABLED", NULL, "DISABL", 6, get_bool),
	NUMBER("CPULIMIT", "CPULIM", 7), NUMBER("CPUUNITS", "CPUUNI", 7), NUMBER("CPUS", "CPUS", 5),
	NUMBER("IOPRIO", "IOP", 3), NUMBER("IOLIMIT", "IOLIMIT", 10), NUMBER("IOPSLIMIT", "IOPS", 4),
	NUMBER("BOOTORDER", "BOOTORDER", 10), NUMBER("AVNUMPROC", "AVNUMPROC", 10),
	NUMBER("CPUUWEIGHT", "CPUUWEIGHT", 10), NUMBER("QUOTATIME", "QUOTATIME", 10),
	NUMBER("QUOTAUGIDLIMIT", "QUOTAUGIDLIMIT", 14),
	TEXT("DISK_QUOTA", NULL, "DISK_QUOTA", 10, get_bool),
	{ "VM_OVERCOMMIT", { NULL, "VM_OVERCOMMIT", 13, true, false, NEED_CHANGES, NULL, 0, NULL, get_real } },
	DISK("DISKSPACE", "DSPACE", KIB), DISK("DISKINODES", "DINODES", 1),
	UBC("KMEMSIZE", "KMEMSIZE", 1), UBC("LOCKEDPAGES", "LOCKEDP", PAGE_BYTES),
	UBC("PRIVVMPAGES", "PRIVVMP", PAGE_BYTES), UBC("SHMPAGES", "SHMP", PAGE_BYTES),
	UBC("NUMPROC", "NPROC", 1), RAM("PHYSPAGES", "PHYSP"),
	UBC("VMGUARPAGES", "VMGUARP", PAGE_BYTES), UBC("OOMGUARPAGES", "OOMGUARP", PAGE_BYTES),
	UBC("NUMTCPSOCK", "NTCPSOCK", 1), UBC("NUMFLOCK", "NFLOCK", 1), UBC("NUMPTY", "NPTY", 1),
	UBC("NUMSIGINFO", "NSIGINFO", 1), UBC("TCPSNDBUF", "TCPSNDB", 1), UBC("TCPRCVBUF", "TCPRCVB", 1),
	UBC("OTHERSOCKBUF", "OTHSOCKB", 1), UBC("DGRAMRCVBUF", "DGRAMRB", 1),
	UBC("NUMOTHERSOCK", "NOTHSOCK", 1), UBC("DCACHESIZE", "DCACHESZ", 1), UBC("NUMFILE", "NFILE", 1),
	UBC("NUMIPTENT", "NIPTENT", 1), RAM("SWAPPAGES", "SWAPP"),
};

const struct refused_field refused_fields[] = {
	{ "uuid", "a container has a number" },
	{ "type", "there are only containers" },
	{ "tm", "see ostemplate" },
	{ "configured_ip", "see ip" },
	{ "cpulimit%", "see cpulimit" },
	{ "cpulimitM", "see cpulimit" },
	{ "ifname", "see netif" },
	{ "mac", "see netif" },
	{ "host_ifname", "see netif" },
	{ "host_mac", "see netif" },
	{ "network", "see netif" },
	{ "gw", "see netif" },
	{ "autostop", "every container is stopped" },
	{ "device", "the disk is attached when it is mounted" },
	{ "ha_enable", "there is no cluster" },
	{ "ha_prio", "there is no cluster" },
	{ NULL, NULL },
};
/* clang-format on */

static struct column *columns;
static size_t column_count;

static const struct look *find_look(const char *key)
{
	size_t i;

	for (i = 0; i < COUNT(looks); i++)
		if (strcmp(looks[i].key, key) == 0)
			return &looks[i];
	return NULL;
}

static char *small_letters(const char *s)
{
	char *name = strdup(s), *p;

	for (p = name; p && *p; p++)
		*p = tolower((unsigned char)*p);
	return name;
}

/* From what the table of parameters says, for a key that has no look of its own. */
static struct column column_of(const struct param *p)
{
	struct column c = {NULL, p->key, 32, false, false, NEED_CHANGES, p, 0, NULL, get_text};

	if (p->flags & PARAM_LIST) {
		c.get = get_list;
	} else if (p->parse == value_bool) {
		c.get = get_bool;
		c.width = strlen(p->key);
	} else if (p->parse == value_number) {
		c.get = get_number;
		c.right = true;
		c.width = strlen(p->key) > 10 ? strlen(p->key) : 10;
	}
	return c;
}

static int add_params(struct err *err)
{
	size_t i;

	for (i = 0; i < param_count; i++) {
		const struct param *p = &params[i];
		struct column *c = &columns[column_count];
		const struct look *look;

		if (!p->key || (p->flags & PARAM_NODE) || param_by_key(p->key) != p)
			continue;
		look = find_look(p->key);
		*c = look ? look->col : column_of(p);
		c->param = p;
		if (!c->name)
			c->name = small_letters(p->key);
		if (!c->name)
			return err_set(err, ENOMEM, "out of memory");
		column_count++;
	}
	return 0;
}

int columns_get(const struct column **ret_columns, size_t *ret_count, struct err *err)
{
	int r = 0;

	if (!columns) {
		columns = calloc(COUNT(computed) + param_count, sizeof(*columns));
		if (!columns)
			return err_set(err, ENOMEM, "out of memory");
		memcpy(columns, computed, sizeof(computed));
		column_count = COUNT(computed);
		r = add_params(err);
	}
	*ret_columns = columns;
	*ret_count = column_count;
	return r;
}

static const struct column *find_column(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < column_count; i++)
		if (strlen(columns[i].name) == len && memcmp(columns[i].name, name, len) == 0)
			return &columns[i];
	return NULL;
}

static int refuse(const char *word, struct err *err)
{
	const struct refused_field *f;

	for (f = refused_fields; f->name; f++)
		if (strcmp(f->name, word) == 0)
			return err_set(err, EINVAL, "field '%s' is not supported: %s", word,
				       f->why);
	return err_set(err, EINVAL, "unknown field '%s' (see vzlist -L)", word);
}

int field_parse(const char *word, struct field *ret_field, struct err *err)
{
	size_t len = strcspn(word, ".");
	const struct column *col;
	unsigned int i;
	int r;

	r = columns_get(&col, &(size_t){0}, err);
	if (r < 0)
		return r;
	col = find_column(word, len);
	if (!col)
		return refuse(word, err);
	*ret_field = (struct field){col, 0};
	if (!word[len])
		return 0;
	for (i = 1; col->parts && col->parts[i].json; i++)
		if (word[len + 1] == col->parts[i].suffix && !word[len + 2]) {
			ret_field->part = i;
			return 0;
		}
	return err_set(err, EINVAL, "field '%s' has no suffix '%s'", col->name, word + len);
}

char field_suffix(const struct field *f)
{
	return f->col->parts ? f->col->parts[f->part].suffix : 0;
}

int compare_rows(const struct row *a, const struct row *b, const struct field *f)
{
	struct cell x = f->col->get(a, f->col, f->part), y = f->col->get(b, f->col, f->part);

	if (x.kind == CELL_NONE || y.kind == CELL_NONE)
		return (x.kind != CELL_NONE) - (y.kind != CELL_NONE);
	if (x.kind == CELL_TEXT)
		return strcmp(x.text, y.text);
	/* 10.0.0.9 before 10.0.0.10 */
	if (x.kind == CELL_LIST)
		return strverscmp(x.text, y.text);
	if (x.kind == CELL_REAL || x.kind == CELL_SECONDS)
		return (x.real > y.real) - (x.real < y.real);
	return (x.number > y.number) - (x.number < y.number);
}
