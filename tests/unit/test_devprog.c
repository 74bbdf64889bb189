/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device program is run here as the kernel runs it, by a machine that knows
 * the few instructions it has; if this fails, the kernel would load something
 * that says otherwise than the rules.
 */
#include "fixture.h"

#include <linux/bpf.h>

#include "cleanup.h"
#include "device.h"
#include "devprog.h"

#define STEPS_MAX 10000

static uint32_t load_field(const struct bpf_cgroup_dev_ctx *ctx, int off)
{
	assert_true(off == 0 || off == 4 || off == 8);
	return ((const uint32_t *)ctx)[off / 4];
}

static uint64_t alu32(const struct bpf_insn *in, uint64_t dst, uint64_t src)
{
	uint32_t operand = BPF_SRC(in->code) == BPF_X ? (uint32_t)src : (uint32_t)in->imm;

	switch (BPF_OP(in->code)) {
	case BPF_MOV:
		return operand;
	case BPF_AND:
		return (uint32_t)dst & operand;
	case BPF_RSH:
		return (uint32_t)dst >> operand;
	}
	fail_msg("instruction 0x%x", in->code);
	return 0;
}

/* What the program answers; every register is written before it is read. */
static uint64_t run(const struct bpf_insn *p, size_t count, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t r[11] = {0};
	bool set[11] = {[1] = true};
	size_t pc, steps;

	for (pc = 0, steps = 0; steps < STEPS_MAX; steps++) {
		const struct bpf_insn *in = &p[pc++];

		assert_true(pc <= count);
		if (in->code == (BPF_JMP | BPF_EXIT)) {
			assert_true(set[0]);
			return r[0];
		}
		assert_true(in->dst_reg < 10 && in->src_reg < 10);
		if (in->code == (BPF_LDX | BPF_MEM | BPF_W)) {
			assert_int_equal(in->src_reg, 1);
			r[in->dst_reg] = load_field(ctx, in->off);
			set[in->dst_reg] = true;
		} else if (BPF_CLASS(in->code) == BPF_ALU) {
			assert_true(BPF_OP(in->code) == BPF_MOV || set[in->dst_reg]);
			assert_true(BPF_SRC(in->code) == BPF_K || set[in->src_reg]);
			r[in->dst_reg] = alu32(in, r[in->dst_reg], r[in->src_reg]);
			set[in->dst_reg] = true;
		} else {
			assert_int_equal(in->code, BPF_JMP | BPF_JNE | BPF_K);
			assert_true(set[in->dst_reg]);
			assert_true(in->off >= 0); /* the verifier likes no loops */
			if (r[in->dst_reg] != (uint64_t)(int64_t)in->imm)
				pc += in->off;
		}
	}
	fail_msg("it does not end");
	return 0;
}

static bool asked(const struct devices *d, char type, uint32_t major, uint32_t minor,
		  uint32_t access)
{
	const struct bpf_cgroup_dev_ctx ctx = {
		.access_type =
			(access << 16) | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		.major = major,
		.minor = minor,
	};
	_cleanup_free_ struct bpf_insn *p = NULL;
	uint64_t answer;
	size_t n;

	p = devprog_build(d, &n);
	assert_non_null(p);
	answer = run(p, n, &ctx);
	assert_true(answer <= 1);
	return answer;
}

/* Every access to every device that a rule could mean, against the rules themselves. */
static void test_says_what_the_rules_say(void **state)
{
	static const uint32_t majors[] = {0, 1, 4, 5, 7, 8, 10, 136, 137, 4095};
	static const uint32_t minors[] = {0, 1, 2, 3, 5, 9, 11, 200, 229, 1048575};
	_cleanup_devices_ struct devices d = DEVICES_INIT;
	size_t i, j;
	uint32_t access;

	(void)state;
	assert_int_equal(devices_load("b:7:1:r b:8:0:rw b:8:1:q c:4:all:w c:4:2:none c:10:229:none",
				      NULL, false, &d, NULL),
			 0);
	for (i = 0; i < 200; i++)
		for (j = 0, access = i % 8; j < 10; j++) {
			const char type = i & 8 ? 'b' : 'c';
			const uint32_t major = majors[i / 16 % 10], minor = minors[j];
			const struct device *rule = devices_find(&d, type, major, minor);
			uint32_t may = 0;

			if (rule && (rule->access & DEVICE_READ))
				may |= BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_MKNOD;
			if (rule && (rule->access & DEVICE_WRITE))
				may |= BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
			/* none asked of a device without a rule is refused too */
			assert_int_equal(asked(&d, type, major, minor, access),
					 rule && !(access & ~may));
		}
}

static void test_some_by_name(void **state)
{
	_cleanup_devices_ struct devices d = DEVICES_INIT;
	const uint32_t r = BPF_DEVCG_ACC_READ, w = BPF_DEVCG_ACC_WRITE;

	(void)state;
	assert_int_equal(devices_load("b:7:1:r", NULL, false, &d, NULL), 0);
	assert_true(asked(&d, 'c', 1, 3, r | w));
	assert_true(asked(&d, 'c', 136, 1000000, r | w));
	assert_true(asked(&d, 'b', 7, 1, r));
	assert_false(asked(&d, 'b', 7, 1, w));
	assert_false(asked(&d, 'b', 7, 1, r | w));
	assert_false(asked(&d, 'b', 1, 3, r));
	assert_false(asked(&d, 'c', 1, 11, w));
	assert_false(asked(&d, 'c', 1, 1, r));
}

static void test_no_rule_refuses_all(void **state)
{
	const struct devices none = DEVICES_INIT;

	(void)state;
	assert_false(asked(&none, 'c', 1, 3, BPF_DEVCG_ACC_READ));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_what_the_rules_say),
		cmocka_unit_test(test_some_by_name),
		cmocka_unit_test(test_no_rule_refuses_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
