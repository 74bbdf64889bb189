/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The descriptor of the image directory says which snapshots there are. A name
 * and a configuration are written before the snapshot is made and removed after
 * it is gone, so that whoever is killed between leaves only what belongs to no
 * snapshot; every change begins or ends with taking such away.
 */
#include "ctsnap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "area.h"
#include "cleanup.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "golden.h"
#include "log.h"
#include "param.h"
#include "path.h"
#include "script.h"
#include "snapfile.h"
#include "strbuf.h"

#define DUMP	  "dump"
#define CONF_TAIL ".ve.conf"

/* The descriptor's list and the file of names, of one private area. */
struct shots {
	char *dir;  /* the image directory */
	char *path; /* of Snapshots.xml, for messages */
	char *dump; /* the directory of configurations */
	int area;   /* VE_PRIVATE */
	struct ploop_snapshot *list;
	size_t count;
	struct snapfile file;
};

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static void shots_clear(struct shots *s)
{
	ploop_snapshots_free(s->list, s->count);
	snapfile_free(&s->file);
	free(s->dir);
	free(s->path);
	free(s->dump);
	if (s->area >= 0)
		close(s->area);
}

#define _cleanup_shots_ _cleanup_(shots_clear)
#define SHOTS_INIT             \
	{                      \
		.area = -EBADF \
	}

static bool is_hidden(const struct shots *s, const struct ploop_snapshot *x, bool named)
{
	return golden_is(x->guid) || (named && x->temporary && !snapfile_find(&s->file, x->guid));
}

/* What stands on @guid, which is hidden, is shown to stand on what that stands on. */
static void lift(struct shots *s, const char *guid, const char *parent)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (strcasecmp(s->list[i].parent, guid) == 0)
			memcpy(s->list[i].parent, parent, sizeof(s->list[i].parent));
}

/*
 * What its template became is below a container's disk, and no state that it was
 * in; nor is what a delete beside the running container left to be merged, which
 * has no name. @named: names were read.
 */
static void hide(struct shots *s, bool named)
{
	char guid[PLOOP_GUID_BYTES], parent[PLOOP_GUID_BYTES];
	size_t i, n = 0;

	for (i = 0; i < s->count; i++) {
		if (!is_hidden(s, &s->list[i], named))
			continue;
		memcpy(guid, s->list[i].guid, sizeof(guid));
		memcpy(parent, s->list[i].parent, sizeof(parent));
		lift(s, guid, parent);
	}
	for (i = 0; i < s->count; i++) {
		if (is_hidden(s, &s->list[i], named))
			free(s->list[i].file);
		else
			s->list[n++] = s->list[i];
	}
	s->count = n;
}

static int shots_look(const struct ct *ct, struct shots *s, struct err *err)
{
	int r;

	s->dir = area_image_dir(ct);
	s->path = path_join(ct->private_dir, SNAPFILE_NAME);
	s->dump = path_join(ct->private_dir, DUMP);
	if (!s->dir || !s->path || !s->dump)
		return no_memory(err);
	if (access(s->dir, F_OK) < 0 && errno == ENOENT)
		return err_exit(err, VZ_PRIVATE_MISSING, "private area '%s' is missing", s->dir);
	s->area = open(ct->private_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->area < 0)
		return err_errno(err, errno, "cannot open '%s'", ct->private_dir);
	r = ploop_snapshots(s->dir, &s->list, &s->count, err);
	if (r == 0)
		hide(s, false);
	return r;
}

/* With the names, which are needed to change anything: a file that is not ours is not overwritten. */
static int shots_load(const struct ct *ct, struct shots *s, struct err *err)
{
	int r = shots_look(ct, s, err);

	if (r == 0)
		r = snapfile_load(s->area, s->path, &s->file, err);
	if (r == 0)
		hide(s, true);
	return r;
}

static const struct ploop_snapshot *shots_find(const struct shots *s, const char *guid,
					       struct err *err)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (!s->list[i].top && strcasecmp(s->list[i].guid, guid) == 0)
			return &s->list[i];
	err_set(err, ENOENT, "there is no snapshot %s", guid);
	return NULL;
}

/* --- the configurations that are kept ------------------------------------------------ */

static char *conf_name(const char *guid)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "%s" CONF_TAIL, guid);
	return strbuf_steal(&b);
}

static char *conf_path(const struct shots *s, const char *guid)
{
	_cleanup_free_ char *name = conf_name(guid);

	return name ? path_join(s->dump, name) : NULL;
}

/* "{GUID}", which was OpenVZ's dump of processes, or "{GUID}.ve.conf". */
static bool is_of_snapshot(const char *name, char guid[PLOOP_GUID_BYTES])
{
	size_t len = strnlen(name, PLOOP_GUID_BYTES - 1);
	char first[PLOOP_GUID_BYTES];

	memcpy(first, name, len);
	first[len] = '\0';
	return *first == '{' && ploop_guid_parse(first, guid) &&
	       (!name[len] || strcmp(name + len, CONF_TAIL) == 0);
}

/* What no snapshot has any more. Best effort: the next change does it, too. */
static void clean_dump(const struct shots *s)
{
	_cleanup_closedir_ DIR *d = opendir(s->dump);
	char guid[PLOOP_GUID_BYTES];
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (is_of_snapshot(e->d_name, guid) && !shots_find(s, guid, NULL))
			unlinkat(dirfd(d), e->d_name, 0);
}

static int keep_config(const struct ct *ct, const struct shots *s, const char *guid,
		       struct err *err)
{
	_cleanup_free_ char *path = conf_path(s, guid);
	int r;

	if (!path)
		return no_memory(err);
	r = path_mkdirs(s->dump, 0700, err);
	return r < 0 ? r : config_store(ct->conf, path, err);
}

/* -ENOENT: none was kept. What others may write is not what was kept. */
static int load_config(const struct ct *ct, const struct shots *s, const char *guid,
		       struct config **ret, struct err *err)
{
	_cleanup_free_ char *name = conf_name(guid), *path = conf_path(s, guid);
	_cleanup_close_ int dir = -EBADF, fd = -EBADF;
	int r;

	if (!name || !path)
		return no_memory(err);
	dir = open(s->dump, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir >= 0)
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "cannot open '%s'", path);
	r = script_check_safe(dir, fd, "the configuration", path, err);
	return r < 0 ? r : config_load(path, ct->idstr, ret, err);
}

/* Of this place, whatever the time. */
static int keep_place(const struct ct *ct, struct config *conf, struct err *err)
{
	static const char *const keys[] = {"VE_ROOT",	"VE_PRIVATE", "LOCAL_UID",
					   "LOCAL_GID", "LOCAL_SIZE", "NAME"};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < sizeof(keys) / sizeof(keys[0]); i++)
		r = config_set(conf, keys[i], config_get(ct->conf, keys[i]), err);
	return r;
}

static int check_config(struct ct *ct, struct config *conf, struct err *err)
{
	struct config *now = ct->conf;
	int r;

	ct->conf = conf;
	r = param_check_all(ct, err);
	ct->conf = now;
	return r;
}

/* --- listing ---------------------------------------------------------------------- */

static int fill(const struct shots *s, const struct ploop_snapshot *from, const char *current,
		struct ctsnap *to)
{
	const struct snapfile_item *item = snapfile_find(&s->file, from->guid);

	memcpy(to->guid, from->guid, sizeof(to->guid));
	memcpy(to->parent, from->parent, sizeof(to->parent));
	to->current = strcasecmp(from->guid, current) == 0;
	to->temporary = from->temporary;
	to->name = strdup(item ? item->name : "");
	to->description = strdup(item ? item->description : "");
	to->date = strdup(item ? item->date : "");
	return to->name && to->description && to->date ? 0 : -ENOMEM;
}

int ctsnap_list(const struct ct *ct, struct ctsnap **ret, size_t *ret_count, struct err *err)
{
	_cleanup_shots_ struct shots s = SHOTS_INIT;
	struct err why = ERR_INIT;
	const char *current = "";
	struct ctsnap *list;
	size_t i, n = 0;
	int r = shots_look(ct, &s, err);

	if (r < 0)
		return err_exit_default(err, VZ_SNAPSHOT_LIST);
	if (snapfile_load(s.area, s.path, &s.file, &why) < 0)
		ct_warn(ct, "%s: no names are known", why.msg);
	hide(&s, true);
	list = calloc(s.count, sizeof(*list));
	for (i = 0; i < s.count; i++)
		if (s.list[i].top)
			current = s.list[i].parent;
	for (i = 0; list && r == 0 && i < s.count; i++)
		if (!s.list[i].top)
			r = fill(&s, &s.list[i], current, &list[n++]);
	if (!list || r < 0) {
		ctsnap_list_free(list, n);
		return no_memory(err);
	}
	*ret = list;
	*ret_count = n;
	return 0;
}

void ctsnap_list_free(struct ctsnap *list, size_t count)
{
	while (count) {
		struct ctsnap *c = &list[--count];

		free(c->name);
		free(c->description);
		free(c->date);
	}
	free(list);
}

/* --- making one --------------------------------------------------------------------- */

/* As they are now: what is not of a snapshot goes, and the file follows the descriptor. */
static int settle(const struct ct *ct, struct err *err)
{
	_cleanup_shots_ struct shots s = SHOTS_INIT;
	int r = shots_load(ct, &s, err);

	if (r == 0) {
		r = snapfile_store(s.area, s.path, &s.file, s.list, s.count, err);
		clean_dump(&s);
	}
	return r;
}

/* It is done, and this is not: the next change catches up. */
static void settle_or_warn(const struct ct *ct)
{
	struct err why = ERR_INIT;

	if (settle(ct, &why) < 0)
		ct_warn(ct, "%s", why.msg);
}

static int new_guid(char guid[PLOOP_GUID_BYTES])
{
	char text[UUID_STR_LEN];
	uuid_t uuid;

	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, text);
	return ploop_guid_parse(text, guid) ? 0 : -EIO;
}

/* The list as it will be: what is the top now is @guid, with a new top on it. */
static int foresee(struct shots *s, const char *guid)
{
	struct ploop_snapshot *p = reallocarray(s->list, s->count + 1, sizeof(*p)), *top;
	size_t i;

	if (!p)
		return -ENOMEM;
	s->list = p;
	top = &p[s->count];
	*top = (struct ploop_snapshot){.top = true};
	for (i = 0; i < s->count; i++) {
		if (!p[i].top)
			continue;
		memcpy(top->guid, p[i].guid, sizeof(top->guid));
		snprintf(p[i].guid, sizeof(p[i].guid), "%s", guid);
		p[i].top = false;
	}
	snprintf(top->parent, sizeof(top->parent), "%s", guid);
	s->count++;
	return 0;
}

/* Whatever a snapshot is to have but itself. */
static int prepare(struct ct *ct, struct shots *s, const char *guid, const struct ctsnap_opts *opts,
		   struct err *err)
{
	time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;
	int r;

	if (localtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	r = opts->skip_config ? 0 : keep_config(ct, s, guid, err);
	if (r < 0)
		return r;
	r = snapfile_add(&s->file, guid, opts->name ? opts->name : "",
			 opts->description ? opts->description : "", date);
	if (r == 0)
		r = foresee(s, guid);
	if (r < 0)
		return no_memory(err);
	return snapfile_store(s->area, s->path, &s->file, s->list, s->count, err);
}

/* What is known of one that is not there is of an attempt before. */
static int check_new(struct shots *s, const char *guid, struct err *err)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (strcasecmp(s->list[i].guid, guid) == 0)
			return err_set(err, EEXIST, "there is a snapshot %s already", guid);
	clean_dump(s);
	if (!snapfile_find(&s->file, guid))
		return 0;
	return snapfile_store(s->area, s->path, &s->file, s->list, s->count, err);
}

int ctsnap_create(struct ct *ct, char guid[PLOOP_GUID_BYTES], const struct ctsnap_opts *opts,
		  struct err *err)
{
	_cleanup_shots_ struct shots s = SHOTS_INIT;
	int r = shots_load(ct, &s, err);

	if (r == 0 && !*guid && new_guid(guid) < 0)
		r = err_set(err, EIO, "there are no random numbers for a GUID");
	if (r == 0)
		r = check_new(&s, guid, err);
	if (r < 0)
		return err_exit_default(err, VZ_SNAPSHOT_CREATE);
	r = prepare(ct, &s, guid, opts, err);
	if (r == 0)
		r = ploop_snapshot(s.dir, guid, err);
	if (r < 0) {
		settle(ct, NULL);
		return err_exit_default(err, VZ_SNAPSHOT_CREATE);
	}
	log_detail(1, "snapshot %s of the disk in '%s'", guid, s.dir);
	return 0;
}

/* --- going back ----------------------------------------------------------------------- */

int ctsnap_look(struct ct *ct, const char *guid, bool skip_config, struct config **ret_conf,
		struct err *err)
{
	_cleanup_config_ struct config *conf = NULL;
	_cleanup_shots_ struct shots s = SHOTS_INIT;
	const struct ploop_snapshot *found;
	int r = shots_load(ct, &s, err);

	found = r == 0 ? shots_find(&s, guid, err) : NULL;
	if (r == 0 && !found)
		r = -ENOENT;
	if (r == 0 && found->temporary)
		r = err_set(err, EINVAL, "the snapshot %s is being deleted", guid);
	if (r < 0)
		return err_exit_default(err, VZ_SNAPSHOT_SWITCH);
	if (!skip_config) {
		r = load_config(ct, &s, guid, &conf, err);
		if (r == -ENOENT) {
			err_clear(err);
			r = 0;
		} else if (r == 0) {
			r = keep_place(ct, conf, err);
			if (r == 0)
				r = check_config(ct, conf, err);
		}
	}
	if (r < 0) {
		err_prefix(err, "the configuration of then (--skip-config leaves it)");
		return err_exit_default(err, VZ_BAD_CONFIG);
	}
	*ret_conf = steal_ptr(conf);
	return 0;
}

int ctsnap_switch(struct ct *ct, const char *guid, struct config *new_conf, struct err *err)
{
	_cleanup_config_ struct config *conf = new_conf;
	_cleanup_free_ char *dir = area_image_dir(ct);
	int r = dir ? ploop_snapshot_switch(dir, guid, err) : no_memory(err);

	if (r < 0)
		return err_exit_default(err, VZ_SNAPSHOT_SWITCH);
	log_detail(1, "the disk in '%s' is at the snapshot %s", dir, guid);
	settle_or_warn(ct);
	if (!conf)
		return 0;
	config_free(ct->conf);
	ct->conf = steal_ptr(conf);
	r = ct_refresh(ct, err);
	if (r == 0)
		r = ct_store(ct, err);
	return r < 0 ? err_prefix(err, "the disk is at the snapshot, the configuration is not") : 0;
}

/* --- looking at one -------------------------------------------------------------------- */

/* Is @dev the disk that is written to? For a moment of a snapshot being made it is on the image of that. */
static bool is_disk(const char *dir, dev_t dev)
{
	struct ploop_disk *disk;
	bool is;

	if (ploop_open(dir, &disk, NULL) < 0)
		return false;
	is = ploop_is_attached(disk, dev);
	ploop_close(disk);
	return is;
}

static int find_mount(const char *dir, const char *guid, char **ret_target, dev_t *ret_dev,
		      struct err *err)
{
	_cleanup_free_ char *target = NULL;
	struct ploop_disk *disk;
	struct stat st;
	int r = ploop_open_snapshot(dir, guid, &disk, err);

	if (r < 0)
		return r;
	r = ploop_mount_point(disk, 0, &target, err);
	ploop_close(disk);
	if (r < 0)
		return r;
	if (lstat(target, &st) < 0)
		return err_errno(err, errno, "cannot look at '%s'", target);
	if (is_disk(dir, st.st_dev))
		return err_set(err, ENOENT, "the snapshot %s is not mounted", guid);
	*ret_target = steal_ptr(target);
	*ret_dev = st.st_dev;
	return 0;
}

int ctsnap_mount_point(const struct ct *ct, const char *guid, char **ret_target, dev_t *ret_dev,
		       struct err *err)
{
	_cleanup_free_ char *dir = area_image_dir(ct);

	return dir ? find_mount(dir, guid, ret_target, ret_dev, err) : no_memory(err);
}

static int mount_snapshot(const char *dir, const char *guid, const char *target, struct err *err)
{
	const struct ploop_mount_opts opts = {.read_only = true, .flags = MS_NOSUID | MS_NODEV};
	struct ploop_disk *disk;
	dev_t dev;
	int r = ploop_open_snapshot(dir, guid, &disk, err);

	if (r < 0)
		return r;
	r = ploop_mount(disk, target, &opts, &dev, err);
	ploop_close(disk);
	if (r == -EOPNOTSUPP)
		return err_exit_default(err, VZ_PLOOP);
	if (r == 0)
		log_detail(1, "the snapshot %s is device %u:%u, mounted on '%s'", guid, major(dev),
			   minor(dev), target);
	return r;
}

int ctsnap_mount(const struct ct *ct, const char *guid, const char *target, struct err *err)
{
	_cleanup_shots_ struct shots s = SHOTS_INIT;
	_cleanup_free_ char *where = NULL, *real = realpath(target, NULL);
	struct err why = ERR_INIT;
	dev_t dev;
	int missing = real ? 0 : errno, r = shots_look(ct, &s, err);

	if (r == 0 && missing)
		r = err_errno(err, missing, "cannot mount on '%s'", target);
	if (r == 0 && !shots_find(&s, guid, err))
		r = -ENOENT;
	if (r == 0 && find_mount(s.dir, guid, &where, &dev, NULL) == 0)
		r = err_exit(err, VZ_MOUNTED, "the snapshot %s is mounted on '%s' already", guid,
			     where);
	if (r == 0)
		r = mount_snapshot(s.dir, guid, real, err);
	if (r < 0)
		return err_exit_default(err, VZ_SNAPSHOT_MOUNT);
	if (area_check_closed(real, &why) == -EPERM)
		ct_warn(ct,
			"%s: users of the host see what their numbers have in the snapshot on '%s'",
			why.msg, real);
	return 0;
}

int ctsnap_umount(const struct ct *ct, const char *guid, struct err *err)
{
	_cleanup_shots_ struct shots s = SHOTS_INIT;
	_cleanup_free_ char *where = NULL;
	struct err why = ERR_INIT;
	dev_t dev;
	int r = shots_look(ct, &s, err);

	if (r == 0 && !shots_find(&s, guid, err))
		return err_exit_default(err, VZ_SNAPSHOT_UMOUNT);
	if (r == 0) {
		r = find_mount(s.dir, guid, &where, &dev, &why);
		if (r == -ENOENT)
			return err_exit(err, VZ_NOT_MOUNTED, "the snapshot %s is not mounted",
					guid);
		if (r < 0)
			err_set(err, r, "%s", why.msg);
	}
	if (r == 0)
		r = ploop_umount(where, err);
	return r < 0 ? err_exit_default(err, VZ_SNAPSHOT_UMOUNT) : 0;
}

int ctsnap_check_unmounted(const struct ct *ct, struct err *err)
{
	_cleanup_shots_ struct shots s = SHOTS_INIT;
	size_t i;

	if (shots_look(ct, &s, NULL) < 0)
		return 0;
	for (i = 0; i < s.count; i++) {
		_cleanup_free_ char *where = NULL;
		dev_t dev;

		if (!s.list[i].top && find_mount(s.dir, s.list[i].guid, &where, &dev, NULL) == 0)
			return err_exit(err, VZ_MOUNTED,
					"its snapshot %s is mounted on '%s' (snapshot-umount comes "
					"first)",
					s.list[i].guid, where);
	}
	return 0;
}

/* --- giving one up -------------------------------------------------------------------- */

static bool is_below_top(const struct shots *s, const char *guid)
{
	const char *at = "";
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->list[i].top)
			at = s->list[i].parent;
	/* The descriptor has no circles. */
	while (*at && strcasecmp(at, guid) != 0) {
		const struct ploop_snapshot *below = shots_find(s, at, NULL);

		at = below ? below->parent : "";
	}
	return *at;
}

/* The library knows which image is in use; people know what they did with the container. */
static int explain_busy(const struct ct *ct, const struct shots *s, const char *guid,
			struct err *err)
{
	_cleanup_free_ char *where = NULL;
	bool mounted;
	dev_t dev;

	if (find_mount(s->dir, guid, &where, &dev, NULL) == 0)
		return err_set(err, EBUSY,
			       "the snapshot %s is mounted on '%s' (snapshot-umount comes first)",
			       guid, where);
	if (is_below_top(s, guid) && area_look(ct, &mounted, NULL, NULL) == 0 && mounted)
		return err_set(err, EBUSY,
			       "its disk is mounted and stands on the snapshot %s, which can be "
			       "deleted only when container %s is stopped",
			       guid, ct->idstr);
	return -EBUSY;
}

int ctsnap_delete(struct ct *ct, const char *guid, struct err *err)
{
	_cleanup_shots_ struct shots s = SHOTS_INIT;
	int r = shots_load(ct, &s, err);

	if (r == 0 && !shots_find(&s, guid, err)) {
		/* A delete that was killed may have left a name. */
		settle(ct, NULL);
		r = -ENOENT;
	} else if (r == 0) {
		r = ploop_snapshot_delete(s.dir, guid, err);
		if (r == -EBUSY)
			r = explain_busy(ct, &s, guid, err);
	}
	if (r < 0)
		return err_exit_default(err, VZ_SNAPSHOT_DELETE);
	log_detail(1, "the snapshot %s of the disk in '%s' is deleted", guid, s.dir);
	settle_or_warn(ct);
	return 0;
}
