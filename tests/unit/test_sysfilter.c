/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter is run here as the kernel runs it; if this fails, a system call
 * gets through that should not, under some architecture, or costs too much.
 */
#include "fixture.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "sysfilter.h"

struct program {
	struct sock_filter *p;
	size_t count;
	size_t steps; /* of the last run */
};

static void build(struct program *prog)
{
	_cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
	struct sysfilter *filter;
	off_t len;

	assert_int_equal(sysfilter_new(&filter, NULL), 0);
	assert_int_equal(sysfilter_export(filter, fd, NULL), 0);
	sysfilter_free(filter);
	len = lseek(fd, 0, SEEK_END);
	assert_true(len > 0);
	prog->p = malloc(len);
	prog->count = len / sizeof(*prog->p);
	assert_non_null(prog->p);
	assert_int_equal(pread(fd, prog->p, len, 0), len);
}

static bool jump(const struct sock_filter *in, uint32_t a)
{
	switch (BPF_OP(in->code)) {
	case BPF_JEQ:
		return a == in->k;
	case BPF_JGT:
		return a > in->k;
	case BPF_JGE:
		return a >= in->k;
	case BPF_JSET:
		return a & in->k;
	}
	fail_msg("jump 0x%x", in->code);
	return false;
}

static uint32_t run(struct program *prog, const struct seccomp_data *data)
{
	uint32_t a = 0;
	size_t pc;

	for (pc = 0, prog->steps = 1; pc < prog->count; prog->steps++) {
		const struct sock_filter *in = &prog->p[pc++];

		switch (BPF_CLASS(in->code)) {
		case BPF_RET:
			return in->k;
		case BPF_LD:
			assert_int_equal(in->code, BPF_LD | BPF_W | BPF_ABS);
			assert_true(in->k + 4 <= sizeof(*data));
			memcpy(&a, (const char *)data + in->k, 4);
			break;
		case BPF_ALU:
			assert_int_equal(in->code, BPF_ALU | BPF_AND | BPF_K);
			a &= in->k;
			break;
		case BPF_JMP:
			if (BPF_OP(in->code) == BPF_JA)
				pc += in->k;
			else
				pc += jump(in, a) ? in->jt : in->jf;
			break;
		default:
			fail_msg("instruction 0x%x", in->code);
		}
	}
	fail_msg("it does not end");
	return 0;
}

static uint32_t ask(struct program *prog, uint32_t arch, int call, uint64_t arg2)
{
	const struct seccomp_data data = {.arch = arch, .nr = call, .args = {[2] = arg2}};

	return run(prog, &data);
}

static uint32_t refusal(int error)
{
	return SECCOMP_RET_ERRNO | error;
}

static void test_each_rule_on_each_architecture(void **state)
{
	static const struct {
		uint32_t token, audit;
	} archs[] = {{SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64}, {SCMP_ARCH_X86, AUDIT_ARCH_I386}};
	struct program prog;
	size_t i, j, seen = 0;

	(void)state;
	build(&prog);
	for (i = 0; i < sysfilter_count; i++)
		for (j = 0; j < 2; j++) {
			const struct sysfilter_rule *rule = &sysfilter_rules[i];
			int call = seccomp_syscall_resolve_name_arch(archs[j].token, rule->call);

			assert_non_null(rule->why);
			assert_true(call != __NR_SCMP_ERROR);
			if (call < 0) /* that architecture has no such call */
				continue;
			seen++;
			assert_int_equal(ask(&prog, archs[j].audit, call, 0),
					 rule->if_arg2 ? SECCOMP_RET_ALLOW : refusal(rule->error));
			assert_int_equal(ask(&prog, archs[j].audit, call, 1), refusal(rule->error));
			/* a pointer whose lower half is 0 is one, too */
			if (j == 0)
				assert_int_equal(ask(&prog, archs[j].audit, call,
						     UINT64_C(1) << 32),
						 refusal(rule->error));
		}
	/* all but kexec_file_load, which i386 has not */
	assert_int_equal(seen, 2 * sysfilter_count - 1);
	free(prog.p);
}

static bool is_ruled(int call)
{
	size_t i;

	for (i = 0; i < sysfilter_count; i++)
		if (seccomp_syscall_resolve_name(sysfilter_rules[i].call) == call)
			return true;
	return false;
}

/* And at the price of a few comparisons, also for a kernel that keeps no bitmap. */
static void test_all_else_is_allowed(void **state)
{
	struct program prog;
	size_t most = 0;
	int call;

	(void)state;
	build(&prog);
	for (call = 0; call < 500; call++) {
		if (is_ruled(call))
			continue;
		assert_int_equal(ask(&prog, AUDIT_ARCH_X86_64, call, ~UINT64_C(0)),
				 SECCOMP_RET_ALLOW);
		if (prog.steps > most)
			most = prog.steps;
	}
	assert_true(most <= 14);
	free(prog.p);
}

static void test_other_architectures(void **state)
{
	struct program prog;

	(void)state;
	build(&prog);
	/* x32 numbers, as a kernel without x32 answers them */
	assert_int_equal(ask(&prog, AUDIT_ARCH_X86_64, 0x40000000 | SYS_getppid, 0),
			 refusal(ENOSYS));
	assert_int_equal(ask(&prog, AUDIT_ARCH_X86_64, 0x40000000 | SYS_init_module, 0),
			 refusal(ENOSYS));
	assert_int_equal(ask(&prog, AUDIT_ARCH_ARM, 1, 0), refusal(ENOSYS));
	free(prog.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_rule_on_each_architecture),
		cmocka_unit_test(test_all_else_is_allowed),
		cmocka_unit_test(test_other_architectures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
