// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PID 1 of the test guest, in the initramfs: find the root file system, put the
 * agent and its orders into the root's /run, and leave the initramfs for it.
 *
 *   initramfs                    root
 *   /init  (this program)   ->   /run/vesper/agent
 *   /vesper/conf /vesper/cmd ->  /run/vesper/{conf,cmd}
 *   /mini                   ->   / (copied into a tmpfs, when root=mini)
 *
 * A root with systemd gets a unit in /run/systemd/system that starts the agent
 * when multi-user.target is reached; any other root gets the agent as its PID 1.
 * Either way the root is a mount of its own, on which pivot_root works.
 *
 * The same binary is the agent (agent.c), by name. A failure prints one line to
 * the console and powers off: run then reports that COMMAND was not reached.
 */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEW "/new"

void fatal(const char *fmt, ...)
{
	va_list ap;

	fputs("vesper-init: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

void mount_at(const char *type, const char *where, unsigned long flags, const char *data)
{
	mkdir(where, 0755);
	if (mount(type, where, type, flags, data) < 0 && errno != EBUSY)
		fatal("cannot mount %s on %s", type, where);
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
	char buf[65536];
	ssize_t n;
	int in, out;

	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (in < 0 || out < 0)
		fatal("cannot copy %s to %s", from, to);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			fatal("cannot write %s", to);
	close(in);
	close(out);
}

/* The mini root holds directories, files and symbolic links only. */
static void copy_tree(const char *from, const char *to)
{
	char src[512], dst[512], link[512];
	struct dirent *e;
	struct stat st;
	ssize_t n;
	DIR *d;

	d = opendir(from);
	if (!d)
		fatal("cannot read %s", from);
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(src, sizeof(src), "%s/%s", from, e->d_name);
		snprintf(dst, sizeof(dst), "%s/%s", to, e->d_name);
		if (lstat(src, &st) < 0)
			fatal("cannot read %s", src);
		if (S_ISDIR(st.st_mode)) {
			mkdir(dst, 0755);
			copy_tree(src, dst);
			chmod(dst, st.st_mode & 07777);
		} else if (S_ISLNK(st.st_mode)) {
			n = readlink(src, link, sizeof(link) - 1);
			link[n < 0 ? 0 : n] = 0;
			if (symlink(link, dst) < 0)
				fatal("cannot link %s", dst);
		} else {
			copy_file(src, dst, st.st_mode & 07777);
		}
	}
	closedir(d);
}

/* busybox's links: one "busybox --install" in the new root. */
static void install_busybox(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (chroot(NEW) == 0 && chdir("/") == 0)
			execl("/bin/busybox", "/bin/busybox", "--install", "-s", "/bin",
			      (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		fatal("cannot install busybox");
}

static void make_mini(void)
{
	if (mount("mini", NEW, "tmpfs", 0, "mode=0755,size=75%") < 0)
		fatal("cannot mount a tmpfs for the mini root");
	copy_tree("/mini", NEW);
	install_busybox();
}

/* The root disk says so in its serial number; a partition of it wins over the whole disk. */
static int find_root_disk(char *ret_dev, size_t size)
{
	char path[512], serial[32];
	struct dirent *e;
	struct stat st;
	int found = 0;
	DIR *d;

	d = opendir("/sys/block");
	if (!d)
		return 0;
	while (!found && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/sys/block/%s/serial", e->d_name);
		if (!read_line(path, serial, sizeof(serial)) || strcmp(serial, "vesper-root"))
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/%.200s1", e->d_name, e->d_name);
		snprintf(ret_dev, size, "/dev/%.200s%s", e->d_name,
			 stat(path, &st) == 0 ? "1" : "");
		found = 1;
	}
	closedir(d);
	return found;
}

static void mount_root_disk(void)
{
	char dev[256];
	int i;

	for (i = 0; !find_root_disk(dev, sizeof(dev)); i++) {
		if (i == 500) {
			errno = ENODEV;
			fatal("the root disk does not appear");
		}
		usleep(10000);
	}
	if (mount(dev, NEW, "ext4", 0, NULL) < 0)
		fatal("cannot mount %s as the root (ext4)", dev);
}

static int has_systemd(void)
{
	return access(NEW "/usr/lib/systemd/systemd", X_OK) == 0 ||
	       access(NEW "/lib/systemd/systemd", X_OK) == 0;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fatal("cannot write %s", path);
	close(fd);
}

/*
 * After= without default dependencies: multi-user.target wants the unit, and
 * does not wait for it.
 */
static void write_unit(void)
{
	static const char unit[] = "[Unit]\n"
				   "Description=The command of the test guest\n"
				   "DefaultDependencies=no\n"
				   "After=multi-user.target\n"
				   "[Service]\n"
				   "ExecStart=/run/vesper/agent\n"
				   "TasksMax=infinity\n"
				   "LimitNOFILE=1048576\n"
				   "OOMPolicy=continue\n"
				   "IgnoreSIGPIPE=no\n"
				   "StandardOutput=null\n"
				   "StandardError=journal+console\n";

	mkdir(NEW "/run/systemd", 0755);
	mkdir(NEW "/run/systemd/system", 0755);
	mkdir(NEW "/run/systemd/system/multi-user.target.wants", 0755);
	write_file(NEW "/run/systemd/system/vesper-agent.service", unit);
	if (symlink("../vesper-agent.service",
		    NEW "/run/systemd/system/multi-user.target.wants/vesper-agent.service") < 0)
		fatal("cannot enable the agent's unit");
}

static void put_agent(void)
{
	mount_at("tmpfs", NEW "/run", MS_NOSUID | MS_NODEV, "mode=0755");
	mkdir(NEW "/run/vesper", 0700);
	copy_file("/init", NEW "/run/vesper/agent", 0700);
	copy_file("/vesper/conf", NEW "/run/vesper/conf", 0600);
	copy_file("/vesper/cmd", NEW "/run/vesper/cmd", 0600);
}

static void switch_root(void)
{
	static const char *const moved[] = {"dev", "proc", "sys"};
	char to[32];
	size_t i;

	for (i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
		snprintf(to, sizeof(to), NEW "/%s", moved[i]);
		mkdir(to, 0755);
		if (mount(to + strlen(NEW), to, NULL, MS_MOVE, NULL) < 0)
			fatal("cannot move /%s", moved[i]);
	}
	if (chdir(NEW) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		fatal("cannot leave the initramfs");
}

int main(int argc, char *argv[])
{
	struct conf conf;
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	int console;

	if (name && !strcmp(name, "/agent"))
		return agent_main();

	mount_at("devtmpfs", "/dev", 0, NULL);
	mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	console = open("/dev/console", O_RDWR);
	if (console >= 0) {
		dup2(console, 0);
		dup2(console, 1);
		dup2(console, 2);
		if (console > 2)
			close(console);
	}
	conf_load(&conf, "/vesper/conf");
	mkdir(NEW, 0755);
	if (conf.disk_root)
		mount_root_disk();
	else
		make_mini();
	put_agent();
	if (conf.disk_root && has_systemd()) {
		write_unit();
		switch_root();
		execl("/sbin/init", "/sbin/init", (char *)NULL);
	} else {
		switch_root();
		execl("/run/vesper/agent", "/run/vesper/agent", (char *)NULL);
	}
	fatal("cannot run the root's init");
}
