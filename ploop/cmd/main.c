/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ploop: the image library on the command line. The tables below are the only
 * list of commands and of options; help, --list-options and the checks of the
 * man page read them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "log.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct err *err);
	const char *synopsis;
	const char *options; /* one a line: "  -s SIZE   what" */
	const char *refused; /* OpenVZ's options that are refused by name */
	const char *summary;
};

static const struct command commands[] = {
	{"init", cmd_init, "-s SIZE [options] FILE",
	 "  -s SIZE         size of the disk (K, M, G, T)\n"
	 "  -f FORMAT       raw, expanded (default) or preallocated\n"
	 "  -v VERSION      of the format: 2 (default) or 1\n"
	 "  -t ext4         file system\n"
	 "  -T ploop        type of image\n"
	 "  -b SECTORS      cluster size in sectors of 512 bytes (2048)\n"
	 "  -B BYTES        block size of the file system (4096)\n"
	 "  -L LABEL        label of the file system\n"
	 "  --tar FILE      fill it from a tar archive; repeat to lay several over each other\n"
	 "  --uuid UUID     UUID of the file system (random)\n"
	 "  --time SECONDS  creation time (now)\n"
	 "  --sync          return when all is on stable storage\n",
	 "-n -k", "make an image and its DiskDescriptor.xml"},
	{"info", cmd_info, "[-s] [-d] DIR|DiskDescriptor.xml|IMAGE",
	 "  -s              size and partition only\n"
	 "  -d              device and mount point only\n",
	 "", "tell about an image"},
	{"list", cmd_list, "[-a] [--json]",
	 "  -a              those that are mounted nowhere, too\n"
	 "  --json          a JSON array of objects\n",
	 "", "tell which images are attached"},
	{"stat", cmd_stat, "-d DEVICE | DIR|DiskDescriptor.xml|IMAGE [--json]",
	 "  -d DEVICE       that device\n"
	 "  --json          a JSON object\n",
	 "", "tell about the device of an image, and what it has done"},
	{"check", cmd_check, "[options] DIR|DiskDescriptor.xml|IMAGE",
	 "  -d, --drop-inuse  mend first what was cut short, fill holes\n"
	 "  -S, --repair-sparse  the same\n"
	 "  -r, --ro        change nothing (as always without -d)\n"
	 "  -c, --check     examine it (as always here)\n"
	 "  -f, --force     examine it (as always here)\n"
	 "  -s, --silent    print findings only\n",
	 "-F --hard-force -R --raw -b", "examine an image"},
	{"convert", cmd_convert, "-f FORMAT | -v VERSION DIR|DiskDescriptor.xml",
	 "  -f FORMAT       raw, expanded or preallocated: what lies at the bottom\n"
	 "  -v VERSION      of the format, 1 or 2: all that are not raw\n",
	 "", "make images ones of another format"},
	{"mount", cmd_mount, "-m DIR [options] DIR|DiskDescriptor.xml|IMAGE",
	 "  -m DIR          mount its file system there\n"
	 "  -r              read-only\n"
	 "  -F              check the file system first\n"
	 "  -o OPTIONS      mount options\n"
	 "  -t ext4         file system\n"
	 "  -f FORMAT       raw, expanded or preallocated: refused if it is not\n"
	 "  -u UUID         a snapshot, read-only; base is the oldest\n",
	 "-b -d", "attach and mount an image"},
	{"umount", cmd_umount, "-m DIR | -d DEVICE | DiskDescriptor.xml",
	 "  -m DIR          what is mounted there\n"
	 "  -d DEVICE       what is mounted from this device\n",
	 "", "unmount and detach an image"},
	{"copy", cmd_copy, "-s DISK -d FILE | -s DISK -o FD | -d FILE -i FD [options]",
	 "  -s DISK         the mounted disk: its device, or its image directory\n"
	 "  -d FILE         the new image file; with --since a directory that has the rest\n"
	 "  -o FD           send it there instead\n"
	 "  -i FD           receive it from there\n"
	 "  -f FD           what the receiver says to the sender\n"
	 "  -F COMMAND      run this, without a shell, to stop what writes to the disk\n"
	 "  --since UUID    only what was written since that point, mounted or not\n"
	 "  -u UUID         a new point, for the next time\n",
	 "", "copy a mounted disk, or what was written since a point"},
	{"point", cmd_point, "[-u UUID] DIR|DiskDescriptor.xml|IMAGE",
	 "  -u UUID         its name (random)\n", "", "note what is written from now on"},
	{"point-list", cmd_point_list, "[--json] DIR|DiskDescriptor.xml|IMAGE",
	 "  --json          a JSON array of objects\n", "",
	 "list points, and how much was written since"},
	{"point-delete", cmd_point_delete, "-u UUID DIR|DiskDescriptor.xml|IMAGE",
	 "  -u UUID         the point\n", "", "give a point up"},
	{"resize", cmd_resize, "-s SIZE DIR|DiskDescriptor.xml",
	 "  -s SIZE         as large as this (K, M, G, T)\n", "",
	 "make the disk and its file system larger or smaller"},
	{"serve", cmd_serve, "-U SOCKET [options] DIR|DiskDescriptor.xml|IMAGE",
	 "  -U SOCKET       listen at this path\n"
	 "  -r              read-only\n"
	 "  --once          end when the first client goes\n",
	 "", "open an image to clients of network block devices"},
	{"replace", cmd_replace, "-u UUID | -l LEVEL | -o FILE [-k] -i FILE DIR|DiskDescriptor.xml",
	 "  -u UUID         the image of that snapshot\n"
	 "  -l LEVEL        the one with so many below it\n"
	 "  -o FILE         the one that is this file\n"
	 "  -i FILE         what it is from now on\n"
	 "  -k              under the name of the one before\n",
	 "", "put another file in the place of an image"},
	{"restore-descriptor", cmd_restore_descriptor, "[options] DIR IMAGE",
	 "  -f FORMAT       raw, expanded or preallocated: refused if it is not\n"
	 "  -b SECTORS      cluster size of a raw image (2048)\n",
	 "", "make a DiskDescriptor.xml for an image"},
	{"snapshot", cmd_snapshot, "[-u UUID] DIR|DiskDescriptor.xml",
	 "  -u UUID         name of the snapshot (random)\n", "", "keep the disk as it is now"},
	{"snapshot-list", cmd_snapshot_list, "[options] DIR|DiskDescriptor.xml",
	 "  -H              no head\n"
	 "  -s              UUIDs only\n"
	 "  -o FIELDS       uuid, parent_uuid, current, fname, by commas\n"
	 "  -u UUID         this one only\n",
	 "", "list snapshots"},
	{"snapshot-switch", cmd_snapshot_switch, "-u UUID DIR|DiskDescriptor.xml",
	 "  -u UUID         go back to this one\n", "", "go back to a snapshot"},
	{"snapshot-delete", cmd_snapshot_delete, "-u UUID DIR|DiskDescriptor.xml",
	 "  -u UUID         the snapshot\n", "", "give a snapshot up"},
	{"snapshot-merge", cmd_snapshot_merge, "[-u UUID | -A] DIR|DiskDescriptor.xml",
	 "  -u UUID         this one and the one below it (what is written to)\n"
	 "  -A              all below what is written to\n",
	 "-n", "make two images on top of each other one"},
	{"balloon", cmd_balloon, "discard [--automount] DIR|DiskDescriptor.xml|IMAGE",
	 "  --automount     mount it for that, if it is not\n", "--to-free --min-block --defrag",
	 "give back space that nobody uses"},
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

/* OpenVZ's commands that come with a later part of the library. */
static const char *const later[] = {
	"tsnapshot", "encrypt", "tg-init", "tg-deinit", "tg-status", "start",
	"stop",	     "delete",	"clear",   "merge",	"grow",
};

int cmd_usage(struct err *err, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return err_exit(err, PLOOP_EXIT_PARAM, "%s (try 'ploop --help')", msg);
}

int cmd_bad_option(struct err *err, char *const *argv, int c)
{
	const char *what = optopt && c != ':' ? "unknown option" : "the option needs a value:";

	if (optopt && optopt < 128)
		return cmd_usage(err, "%s '-%c'", what, optopt);
	return cmd_usage(err, "%s '%s'", c == ':' ? what : "unknown option", argv[optind - 1]);
}

static const struct {
	const char *name;
	enum ploop_format format;
} formats[] = {
	{"raw", PLOOP_FORMAT_RAW},
	{"expanded", PLOOP_FORMAT_EXPANDED},
	{"preallocated", PLOOP_FORMAT_PREALLOCATED},
	{"ploop1", PLOOP_FORMAT_EXPANDED}, /* an older name */
};

#define NFORMATS (sizeof(formats) / sizeof(formats[0]))

const char *cmd_format_name(enum ploop_format format)
{
	size_t i = 0;

	while (formats[i].format != format)
		i++;
	return formats[i].name;
}

bool cmd_parse_format(const char *s, enum ploop_format *ret)
{
	size_t i;

	for (i = 0; i < NFORMATS; i++) {
		if (strcmp(formats[i].name, s) != 0)
			continue;
		*ret = formats[i].format;
		return true;
	}
	return false;
}

int cmd_parse_version(const char *s, unsigned int *ret, struct err *err)
{
	if (strcmp(s, "1") != 0 && strcmp(s, "2") != 0)
		return err_exit(err, PLOOP_EXIT_PARAM,
				"format version '%s' is not supported, only 1 and 2", s);
	*ret = *s == '1' ? 1 : 2;
	return 0;
}

int cmd_open_failed(struct err *err)
{
	switch (-err->code) {
	case EBUSY:
		return err_exit_default(err, PLOOP_EXIT_IN_USE);
	case EINVAL:
	case EUCLEAN:
	case EOPNOTSUPP:
		return err_exit_default(err, strstr(err->msg, "DiskDescriptor.xml")
						     ? PLOOP_EXIT_DESCRIPTOR
						     : PLOOP_EXIT_FORMAT);
	default:
		return err_exit_default(err, PLOOP_EXIT_OPEN);
	}
}

static void print_help(const struct command *c)
{
	size_t i;

	if (c) {
		printf("Usage: ploop %s %s\n%c%s.\n\n%s", c->name, c->synopsis,
		       c->summary[0] - 'a' + 'A', c->summary + 1, c->options);
		return;
	}
	printf("Usage: ploop COMMAND [options]\nDisk images of containers.\n\n");
	for (i = 0; i < NCOMMANDS; i++)
		printf("  %-16s %s\n", commands[i].name, commands[i].summary);
	printf("\n  ploop COMMAND --help tells about one command; ploop(8) about all.\n"
	       "  --help     this text\n  --version  the version\n");
}

/*
 * Every option of a help text: a line starts with two blanks and "-x" or
 * "-x, --long", one blank and what it takes, or more blanks and no argument.
 */
static void list_shown(const char *command, const char *p)
{
	for (; *p; p += strcspn(p, "\n") + 1) {
		const char *o = p + 2, *l, *arg = "-";
		size_t len = strcspn(o, " ,\n"), llen = 0, alen = 1;

		l = o[len] == ',' ? o + len + 2 : o + len;
		llen = l > o + len ? strcspn(l, " \n") : 0;
		if (l[llen] == ' ' && l[llen + 1] != ' ') {
			arg = l + llen + 1;
			alen = strcspn(arg, " \n");
		}
		printf("%s %.*s - ok %.*s\n", command, (int)len, o, (int)alen, arg);
		if (llen)
			printf("%s %.*s - ok %.*s\n", command, (int)llen, l, (int)alen, arg);
	}
}

static void list_refused(const char *command, const char *p)
{
	for (; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");

		printf("%s %.*s - refused -\n", command, (int)len, p);
		p += len;
	}
}

/* "COMMAND OPTION KEY STATE ARGUMENT", for check-docs and completion. */
static void list_options(void)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++) {
		printf("%s - - ok -\n", commands[i].name);
		list_shown(commands[i].name, commands[i].options);
		list_refused(commands[i].name, commands[i].refused);
	}
	for (i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		printf("%s - - refused -\n", later[i]);
}

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int dispatch(int argc, char **argv, struct err *err)
{
	const struct command *c = find(argv[1]);
	size_t i;
	int a;

	if (!c) {
		for (i = 0; i < sizeof(later) / sizeof(later[0]); i++)
			if (strcmp(later[i], argv[1]) == 0)
				return err_exit(err, PLOOP_EXIT_PARAM,
						"the command '%s' is not supported yet", argv[1]);
		return cmd_usage(err, "unknown command '%s'", argv[1]);
	}
	for (a = 2; a < argc && strcmp(argv[a], "--") != 0; a++) {
		if (strcmp(argv[a], "--help") == 0) {
			print_help(c);
			return 0;
		}
	}
	opterr = 0;
	return c->run(argc - 1, argv + 1, err);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	log_init("ploop", 0);
	if (argc < 2) {
		cmd_usage(&err, "no command");
	} else if (strcmp(argv[1], "--help") == 0) {
		print_help(NULL);
	} else if (strcmp(argv[1], "--version") == 0) {
		printf("ploop %s\n", VERSION);
	} else if (strcmp(argv[1], "--list-options") == 0) {
		list_options();
	} else if (dispatch(argc, argv, &err) < 0) {
		log_error("%s", err.msg);
		return err.exit_code ? err.exit_code : PLOOP_EXIT_CREATE;
	} else {
		return 0;
	}
	if (err.code)
		log_error("%s", err.msg);
	return err.exit_code;
}
