/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VESPER_PLOOP_H
#define VESPER_PLOOP_H

/*
 * libploop: disk images of containers. An image directory (by convention
 * VE_PRIVATE/root.hdd) holds DiskDescriptor.xml and the image files of a disk
 * with a GPT and one partition with ext4: a raw image or an expanded ploop
 * one, and on top of it an expanded one for the changes since each snapshot.
 * Nothing here prints, logs or exits; sizes are bytes; functions return 0 or
 * -errno and put a sentence into err. See docs/ploop-format.md for the bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct err;
struct ploop_disk;

enum {
	PLOOP_GUID_BYTES = 39,	/* "{8-4-4-4-12 hexadecimal digits}" and its end */
	PLOOP_LEVELS_MAX = 254, /* images on top of each other, as the kernel's target takes */
};

enum ploop_format {
	PLOOP_FORMAT_RAW,      /* type Plain in the descriptor */
	PLOOP_FORMAT_EXPANDED, /* type Compressed */
	/* As expanded, and all of the disk has its place in the file from the start, and keeps it. */
	PLOOP_FORMAT_PREALLOCATED,
};

/* Called now and then while an image is filled; done and total are bytes of the tar streams read (total 0: not known). */
typedef void (*ploop_progress_fn)(void *arg, uint64_t done, uint64_t total);

/* Called with the bytes of the tar files, as they are there, each once and in order. */
typedef void (*ploop_tap_fn)(void *arg, const void *buf, size_t len);

/* What the text file @path is to have instead of @text; the library frees it. NULL: leave it. */
typedef char *(*ploop_rewrite_fn)(void *arg, const char *path, const char *text);

/* "{GUID}", or without braces, into @ret, which may be @s; false: it is none. */
bool ploop_guid_parse(const char *s, char ret[PLOOP_GUID_BYTES]);

struct ploop_create_opts {
	uint64_t size_bytes; /* of the virtual disk, rounded up to a cluster */
	enum ploop_format format;
	unsigned int version;	/* of an expanded image's format, 1 or 2; 0: 2 */
	uint32_t cluster_bytes; /* 0: 1 MiB; power of two, 32 KiB..16 MiB */
	const char *label;	/* file system label, NULL: none */
	const uint8_t *uuid;	/* 16 bytes for file system and GPT, NULL: random */
	time_t now;		/* creation time stored; 0: the current time */
	const char *const *
		tars; /* NULL-terminated paths, laid over each other in order; NULL: empty file system */
	uint32_t max_id;	/* refuse owners above this id by name; 0: no check */
	bool sync;		/* data on stable storage before return */
	const char *image_name; /* the image file's name in the directory, NULL: "root.hds" */
	bool in_place;		/* the directory exists already and holds no image yet */
	ploop_progress_fn progress;
	void *progress_arg;
	ploop_tap_fn tap; /* of a damaged tar as well (-EINVAL), to its end where it can be read */
	void *tap_arg;
	const char *const *rewrite_paths; /* of small text files, NULL-terminated; NULL: none */
	ploop_rewrite_fn rewrite;	  /* for each that is there when the tars are in */
	void *rewrite_arg;
};

/*
 * Make @dir (must not exist, its parent must) with descriptor and image.
 * On failure nothing is left behind. -ENOSPC with how much is needed when the
 * image is too small for the tars, -EEXIST, -EINVAL (corrupt tar: names it),
 * -ENOSPC or -EOPNOTSUPP where the file system has no room, or gives none, for
 * a preallocated one.
 */
int ploop_create(const char *dir, const struct ploop_create_opts *opts, struct err *err);

/*
 * Open an image directory or its DiskDescriptor.xml, or an image file alone,
 * for reading, and validate it; *ret_disk is closed by ploop_close(). Of an
 * expanded image that somebody writes to, or did when it died, the block table
 * is left to what needs it.
 */
int ploop_open(const char *path, struct ploop_disk **ret_disk, struct err *err);

/* The disk as it was when the snapshot @guid was made; it is mounted for reading only. */
int ploop_open_snapshot(const char *path, const char *guid, struct ploop_disk **ret_disk,
			struct err *err);

void ploop_close(struct ploop_disk *disk);

uint64_t ploop_size_bytes(const struct ploop_disk *disk);
/* The size that it gets when it is not mounted any more; 0: it has the size that it is to have. */
uint64_t ploop_pending_bytes(const struct ploop_disk *disk);
/* Preallocated: what lies below everything that was written since. */
enum ploop_format ploop_disk_format(const struct ploop_disk *disk);
/* Of the format of its top image: 1 or 2; 0 for a raw one. */
unsigned int ploop_version(const struct ploop_disk *disk);
uint32_t ploop_cluster_bytes(const struct ploop_disk *disk);
/* The top image file; borrowed until close. */
const char *ploop_top_image(const struct ploop_disk *disk);
/* Byte range of the file system's partition inside the virtual disk, read from the GPT. */
int ploop_partition(struct ploop_disk *disk, uint64_t *ret_offset_bytes, uint64_t *ret_length_bytes,
		    struct err *err);

struct ploop_mount_opts {
	bool read_only;
	bool fsck; /* e2fsck -p before every mount, not only a whole check before the first */
	const char *options; /* as after mount -o: flags and ext4's own, NULL: none */
	unsigned long flags; /* MS_NOSUID and so on, in addition */
	/*
	 * Refuse an image with owners above this id by name, -ERANGE; whoever writes to
	 * the mount has none above either. 0: no check, and nothing is known of it after.
	 */
	uint32_t max_id;
};

/*
 * Attach the disk (raw: a loop device with direct I/O over the partition;
 * expanded: a device of the device mapper's target ploop, -EOPNOTSUPP where the
 * kernel has none, or for one of format version 1) and mount its file system on the existing directory @target.
 * An expanded image whose writer died is mended first, unless read-only (-EBUSY).
 * Needs root. *ret_dev is the device number of the attached disk.
 * -EBUSY when it is mounted already; -EBADMSG when the image, -EUCLEAN when the file system is damaged
 * or of a kind that the kernel is not to see. An error that the kernel finds
 * later makes the mount read-only unless the options say otherwise.
 */
int ploop_mount(struct ploop_disk *disk, const char *target, const struct ploop_mount_opts *opts,
		dev_t *ret_dev, struct err *err);

/* Unmount @target; its device goes with its last mount, and this waits a while for that. -EINVAL when nothing is mounted there. */
int ploop_umount(const char *target, struct err *err);

/* Where the disk, or the device @dev when @disk is NULL, is mounted; caller frees. -ENOENT when it is not. */
int ploop_mount_point(struct ploop_disk *disk, dev_t dev, char **ret_target, struct err *err);

/* Is @dev, the device of some mounted file system, the one that ploop_mount() attached this disk to? */
bool ploop_is_attached(struct ploop_disk *disk, dev_t dev);

/* A device that is on an image: of the target ploop, or a loop device on the top of an image directory. */
struct ploop_device {
	dev_t dev;
	char name[32]; /* as in /dev */
	char *image;   /* the top, by the name that the kernel has */
	char *target;  /* where it is mounted, as seen from here; NULL: nowhere */
	bool read_only;
	unsigned int levels;	/* images on top of each other */
	uint32_t cluster_bytes; /* of the target; 0: a loop device */
	char flags[8]; /* that the target tells, see its documentation; empty: a loop device */
	uint64_t size_bytes, offset_bytes; /* of the device; of its start on the disk */
};

struct ploop_io {
	uint64_t reads, read_bytes, read_ms;
	uint64_t writes, write_bytes, write_ms;
	uint64_t discards, discard_bytes, discard_ms;
	uint64_t flushes, flush_ms;
	uint64_t in_flight, busy_ms;
};

/* All of them, by name; caller frees the list. -EACCES without the right to ask the device mapper. */
int ploop_devices(struct ploop_device **ret, size_t *ret_count, struct err *err);
void ploop_devices_free(struct ploop_device *list, size_t count);

/*
 * That of the disk, or @dev when @disk is NULL; freed as a list of one. -ENOENT when
 * the disk is not mounted, -ENOTBLK for a device that is on no image.
 */
int ploop_device_of(struct ploop_disk *disk, dev_t dev, struct ploop_device **ret, struct err *err);

/* What the kernel has counted since the device was made. */
int ploop_device_io(const struct ploop_device *device, struct ploop_io *ret, struct err *err);

/*
 * Keep every mount of the images in directory @dir away until ploop_release()
 * (NULL is fine), so that they can be moved or removed. Looks at no image: a
 * damaged one is held as well. -EBUSY when one is mounted or written to.
 */
struct ploop_hold;
int ploop_hold(const char *dir, struct ploop_hold **ret_hold, struct err *err);
void ploop_release(struct ploop_hold *hold);

/*
 * Make the disk of the image directory @path as large as @size_bytes, rounded up to
 * a cluster, and its file system with it, while it is mounted or not. Smaller while it
 * is mounted: at once no more may be used of it than will fit, and what is free goes
 * back to the host; the rest is pending until it is unmounted (ploop_pending_bytes()).
 * -EBUSY when its file system has no project quota, as those have that are made here. One that is not mounted is put on a device, which needs root, of the target
 * ploop when it is made smaller, whatever its format. -ENOSPC, with how much is
 * needed, when what is on it does not fit. A crash leaves the old size or the new one;
 * what was cut short the same call completes.
 */
int ploop_resize(const char *path, uint64_t size_bytes, struct err *err);

/*
 * What ploop_resize() left pending of the disk, which is not mounted any more. An
 * unmount does it by itself: this is for what a crash kept from that. -EBUSY when it
 * is mounted, or in use. 0 when nothing is pending.
 */
int ploop_finish_resize(const char *path, struct err *err);

/*
 * Give back to the host what the disk has no use for. Of a mounted disk its file
 * system says what that is; the file of one that is not gets as short as what is
 * in it, for which clusters may have to be moved. *ret_freed_bytes: how much the
 * file system had free and gave back, or how much shorter the file is. -EBUSY when
 * it is in use by others, -EOPNOTSUPP for a raw image that is not mounted. A
 * preallocated one keeps what it has: 0 bytes.
 */
int ploop_compact(const char *path, uint64_t *ret_freed_bytes, struct err *err);

/*
 * Snapshots of the image directory, or DiskDescriptor.xml, @path. A crash in any
 * of these leaves the state before or the one after; what is left of files goes
 * with the next of them. -EBUSY when another one is under way, or when the
 * image files are mounted or in use (but for making one), -ENOENT for a GUID
 * that is none of the directory.
 */

/*
 * What is on the disk now is the snapshot @guid, empty for a new GUID, which is
 * returned then. A mounted expanded disk is quiescent for that moment and goes on
 * with an image more. -EEXIST, -E2BIG when there are PLOOP_LEVELS_MAX images on
 * top of each other.
 */
int ploop_snapshot(const char *path, char guid[PLOOP_GUID_BYTES], struct err *err);

/* The disk is as it was when the snapshot was made; what was written since then and is in no snapshot is gone. */
int ploop_snapshot_switch(const char *path, const char *guid, struct err *err);

/*
 * The snapshot is none any more; what others, or the disk, need of it stays. The disk
 * may be mounted on it, unless the snapshot is mounted as well, has several on it, is
 * in a file that other disks have in common, or of a time when the disk was smaller.
 */
int ploop_snapshot_delete(const char *path, const char *guid, struct err *err);

/*
 * The snapshot right below @guid (NULL: below the top) is none any more: the two
 * are one. -EMLINK when other snapshots stand on it, too.
 */
int ploop_snapshot_merge(const char *path, const char *guid, struct err *err);

/*
 * Make the image directory @dir (must not exist, its parent must), whose disk is
 * what the snapshot @guid of @path is: the images are the same files, which stay
 * as they are as long as one of the two directories has them. -EXDEV when @dir is on
 * another file system, -EMLINK when too many have them.
 */
int ploop_clone(const char *path, const char *guid, const char *dir, struct err *err);

/*
 * The image at the bottom of the disk becomes one of that format; snapshots stay
 * what they are. The disk must not be mounted, and there must be room for a second
 * image: the one that was goes when the other is whole, and was read again. A
 * crash leaves the one or the other. What is of that format already is left alone.
 * -EBUSY when the disk, or a snapshot, is mounted or in use.
 */
int ploop_convert(const char *path, enum ploop_format format, struct err *err);

/*
 * The same for all expanded images of the directory, which become ones of that format
 * version. -EFBIG when they are too large for it, -EINVAL when all are raw.
 */
int ploop_convert_version(const char *path, unsigned int version, struct err *err);

struct ploop_copied {
	uint64_t bytes; /* of clusters that were not all zeros, each as often as it was copied */
	uint64_t stopped_ns; /* from the stop to its end */
	unsigned int passes;
};

struct ploop_copy_opts {
	/*
	 * Called when little is left: brings to rest what writes to the disk, which it
	 * may unmount for that. A file system that is still mounted then is frozen until
	 * the rest is copied. NULL: only that. Anything but 0 ends the copy.
	 */
	int (*stop)(void *arg, struct err *err);
	void *stop_arg;
	/*
	 * Copy only what was written since this point, see ploop_point(), also of a disk that is
	 * not mounted, for which nobody is stopped; then @image is the image directory of a copy of the
	 * disk at that point, which nobody has written to (-ESTALE): that is its snapshot of that
	 * name afterwards, and what is copied a new image on top. NULL: all, as above. -ENOENT
	 * when the source has no such point; -EBUSY when it is mounted for reading only.
	 */
	const char *since;
	/*
	 * A new point that both have then, NULL: none. Not for ploop_copy_send() without @since
	 * (-EINVAL). -EEXIST, -E2BIG. A process that dies before the end of a copy of a
	 * mounted disk leaves that without any of its points.
	 */
	const char *point;
};

/*
 * Copy the mounted expanded disk @source, a block device of the target ploop or what
 * it is mounted of, into the image file @image (-EEXIST), while it is in use: the
 * copy is one closed expanded image without snapshots, as the disk is at the stop.
 * On failure, and after a crash, there is no @image. No snapshot or resize is made
 * meanwhile. @opts and @ret_copied may be NULL. -EOPNOTSUPP for a raw image, -ENOENT
 * when it is not mounted, -ELOOP when the copy would be
 * on that disk itself, -ESTALE when it got other images meanwhile.
 */
int ploop_copy(const char *source, const char *image, const struct ploop_copy_opts *opts,
	       struct ploop_copied *ret_copied, struct err *err);

/*
 * The same into the descriptor @out, for a ploop_copy_receive() at its other end, whose
 * answers come from @feedback (negative: nobody tells whether it has the image). The
 * caller ignores SIGPIPE. -EREMOTEIO: the receiver failed, and says why.
 */
int ploop_copy_send(const char *source, int out, int feedback, const struct ploop_copy_opts *opts,
		    struct ploop_copied *ret_copied, struct err *err);

/*
 * Make the image file @image (-EEXIST) of what comes from @in, which nobody has to trust;
 * @feedback may be negative. Reads to the end mark and not further. -EPROTO for what is no
 * such stream, is damaged or ends early: then there is no @image.
 */
int ploop_copy_receive(const char *image, int in, int feedback, struct err *err);

/*
 * From now on the image keeps in mind what is written to the disk, under the name
 * @guid, empty for a new one, which is returned then. The disk must not be mounted
 * (-EBUSY; ploop_copy() makes points of one that is) nor raw (-EOPNOTSUPP). -EEXIST, -E2BIG when there are too many. It
 * is given up, and never wrong, when somebody writes to the image who knows of none, or
 * dies while he writes; and by a snapshot, a resize or a conversion.
 */
int ploop_point(const char *path, char guid[PLOOP_GUID_BYTES], struct err *err);

/* Of a mounted disk as well. -ENOENT when there is none. */
int ploop_point_delete(const char *path, const char *guid, struct err *err);

struct ploop_point {
	char guid[PLOOP_GUID_BYTES];
	/*
	 * Since, as far as the image tells one from the other; of a mounted disk
	 * until it was mounted or last copied.
	 */
	uint64_t written_bytes;
};

/*
 * Those of a mounted disk are not there while it is copied. Caller frees the list. -EUCLEAN when what the image says of them makes no sense.
 */
int ploop_points(const char *path, struct ploop_point **ret, size_t *ret_count, struct err *err);

struct ploop_serve_opts {
	bool read_only;
	bool once; /* until the first client goes */
	int stop;  /* until this descriptor is readable; negative: for ever */
};

/*
 * Serve the disk, which nobody else has, to the clients that connect to the socket
 * @listener, one after the other, by the protocol of network block devices (fixed
 * newstyle, one export without a name); its top is written to unless read_only.
 * What a client flushed is stable; after the end the image is closed. -EBUSY when
 * the image is mounted or in use.
 */
int ploop_serve(const char *path, int listener, const struct ploop_serve_opts *opts,
		struct err *err);

/*
 * The image @guid, which the disk stands on, is the file @file of the directory from
 * now on, in which the same is: they are compared. @keep_name: @file gets the name
 * of the one that it replaces, which is gone then, else that stays where it is.
 * -ENOENT for a GUID that is none of the directory, -EINVAL when the two are not the
 * same, or for what is written to, -EBUSY when the disk is mounted or one of the two in use.
 */
int ploop_replace(const char *path, const char *guid, const char *file, bool keep_name,
		  struct err *err);

/*
 * Make a descriptor for the image @image (a plain name) in the directory @dir, which has
 * none, or a damaged one. @cluster_bytes: of a raw image, 0: 1 MiB. -EEXIST
 * when there is a sound one, -EOPNOTSUPP when there are other images: which stands
 * on which is written in a descriptor only.
 */
int ploop_restore_descriptor(const char *dir, const char *image, uint32_t cluster_bytes,
			     struct err *err);

struct ploop_snapshot {
	char guid[PLOOP_GUID_BYTES];
	char parent[PLOOP_GUID_BYTES]; /* empty: none */
	bool top;		       /* what is written to, and no snapshot */
	bool temporary;		       /* being deleted */
	char *file;		       /* plain name in the directory */
};

/* All, as the descriptor has them; caller frees the list. */
int ploop_snapshots(const char *path, struct ploop_snapshot **ret, size_t *ret_count,
		    struct err *err);
void ploop_snapshots_free(struct ploop_snapshot *list, size_t count);

/* What ploop_check() finds, told one by one. */
typedef void (*ploop_finding_fn)(void *arg, const char *sentence);

/*
 * Examine the image behind @path (as for ploop_open()) without changing it:
 * header, block table, file length, holes, in-use marker, partition tables.
 * *ret_findings counts what @fn was told. Fails only when it cannot look.
 */
int ploop_check(const char *path, ploop_finding_fn fn, void *arg, unsigned int *ret_findings,
		struct err *err);

/*
 * Make good what whoever was killed left of the disk. An expanded image that says
 * that it is in use, and is not: look whether its block table is sound, give back
 * what no entry names at the end of the file, and close it. A disk that grew: its
 * partition tables and descriptor say so. Holes of closed images get blocks.
 * -EBUSY when it is mounted or somebody writes to it, -EUCLEAN when the table is
 * wrong; what is closed and whole stays as it is.
 */
int ploop_drop_in_use(const char *path, struct err *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
