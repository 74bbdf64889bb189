/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that guards a container's devices, as instructions in memory: a
 * compiler or an object file would be more to trust than these few jumps, and
 * bpf(2) four times is less than a library.
 *
 * It is attached to the VE's own directory, which is not the container's, and
 * with BPF_F_ALLOW_MULTI: every program from there to the root must agree, so
 * that neither the container nor a cgroup below could widen it.
 */
#include "devprog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "device.h"
#include "err.h"

#define PROG_NAME "vesper_devices"

/* What is asked, loaded once at the start; r1 is the context until then, r0 the answer. */
#define R_TYPE	 BPF_REG_2
#define R_ACCESS BPF_REG_3
#define R_MAJOR	 BPF_REG_4
#define R_MINOR	 BPF_REG_5

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define LOAD_CTX(reg, field)                            \
	INSN(BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_1, \
	     offsetof(struct bpf_cgroup_dev_ctx, field), 0)
#define MOV(dst, src)	      INSN(BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, val)	      INSN(BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, val)
#define AND(dst, val)	      INSN(BPF_ALU | BPF_AND | BPF_K, dst, 0, 0, val)
#define SHIFT_RIGHT(dst, n)   INSN(BPF_ALU | BPF_RSH | BPF_K, dst, 0, 0, n)
#define UNLESS(reg, val, off) INSN(BPF_JMP | BPF_JNE | BPF_K, reg, 0, off, val)
#define EXIT		      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#define PROLOGUE  6
#define RULE_MAX  9
#define EPILOGUE  2
#define FOUND_MAX 64 /* programs of one cgroup, the kernel's bound */

static size_t put_prologue(struct bpf_insn *p)
{
	size_t n = 0;

	p[n++] = LOAD_CTX(R_TYPE, access_type);
	p[n++] = MOV(R_ACCESS, R_TYPE);
	p[n++] = SHIFT_RIGHT(R_ACCESS, 16);
	p[n++] = AND(R_TYPE, 0xffff);
	p[n++] = LOAD_CTX(R_MAJOR, major);
	p[n++] = LOAD_CTX(R_MINOR, minor);
	return n;
}

/* Every access but what is allowed; making a node goes with being allowed anything. */
static uint32_t refused_access(const struct device *rule)
{
	uint32_t allowed = 0;

	if (rule->access & DEVICE_READ)
		allowed |= BPF_DEVCG_ACC_READ;
	if (rule->access & DEVICE_WRITE)
		allowed |= BPF_DEVCG_ACC_WRITE;
	if (allowed)
		allowed |= BPF_DEVCG_ACC_MKNOD;
	return ~allowed & 0xffff;
}

/* When it is this rule's device, answer; else go on behind the rule. */
static size_t put_rule(struct bpf_insn *p, const struct device *rule)
{
	size_t n = 0, i;

	p[n++] = UNLESS(R_TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, 0);
	p[n++] = UNLESS(R_MAJOR, rule->major, 0);
	if (rule->minor != DEVICE_ALL)
		p[n++] = UNLESS(R_MINOR, rule->minor, 0);
	i = n;
	p[n++] = MOV(BPF_REG_0, R_ACCESS);
	p[n++] = AND(BPF_REG_0, refused_access(rule));
	p[n++] = UNLESS(BPF_REG_0, 0, 2);
	p[n++] = SET(BPF_REG_0, 1);
	p[n++] = EXIT;
	p[n++] = SET(BPF_REG_0, 0);
	p[n++] = EXIT;
	while (i--)
		p[i].off = n - i - 1;
	return n;
}

struct bpf_insn *devprog_build(const struct devices *d, size_t *ret_count)
{
	struct bpf_insn *p = calloc(PROLOGUE + d->count * (RULE_MAX + 1) + EPILOGUE, sizeof(*p));
	size_t i, n;

	if (!p)
		return NULL;
	n = put_prologue(p);
	for (i = 0; i < d->count; i++)
		n += put_rule(p + n, &d->v[i]);
	p[n++] = SET(BPF_REG_0, 0);
	p[n++] = EXIT;
	*ret_count = n;
	return p;
}

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	int r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

static int load(const struct bpf_insn *insns, size_t count, struct err *err)
{
	union bpf_attr attr = {0};
	int fd;

	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = count;
	attr.license = (uintptr_t) "GPL";
	memcpy(attr.prog_name, PROG_NAME, sizeof(PROG_NAME));
	fd = sys_bpf(BPF_PROG_LOAD, &attr);
	return fd < 0 ? err_errno(err, fd, "cannot load the device policy into the kernel") : fd;
}

static bool is_ours(int prog)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};

	attr.info.bpf_fd = prog;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && strcmp(info.name, PROG_NAME) == 0;
}

/* Our program on @cgroup: a descriptor, -ENOENT when there is none. */
static int find_attached(int cgroup)
{
	uint32_t ids[FOUND_MAX], i;
	union bpf_attr attr = {0};
	int r;

	attr.query.target_fd = cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = FOUND_MAX;
	r = sys_bpf(BPF_PROG_QUERY, &attr);
	if (r < 0)
		return r;
	for (i = 0; i < attr.query.prog_cnt; i++) {
		union bpf_attr get = {0};
		int fd;

		get.prog_id = ids[i];
		fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &get);
		if (fd >= 0 && is_ours(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

static int attach(int cgroup, int prog)
{
	_cleanup_close_ int old = find_attached(cgroup);
	union bpf_attr attr = {0};

	if (old < 0 && old != -ENOENT)
		return old;
	attr.target_fd = cgroup;
	attr.attach_bpf_fd = prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = old;
	}
	return sys_bpf(BPF_PROG_ATTACH, &attr);
}

int devprog_attach(const char *cgroup, const struct devices *d, struct err *err)
{
	_cleanup_free_ struct bpf_insn *insns = NULL;
	_cleanup_close_ int dir = -EBADF, prog = -EBADF;
	size_t count;
	int r;

	insns = devprog_build(d, &count);
	if (!insns)
		return err_set(err, ENOMEM, "out of memory");
	dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "cannot open cgroup '%s'", cgroup);
	prog = load(insns, count, err);
	if (prog < 0)
		return prog;
	r = attach(dir, prog);
	return r < 0 ? err_errno(err, r, "cannot set the device policy of '%s'", cgroup) : 0;
}
