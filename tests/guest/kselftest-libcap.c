// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The five calls of libcap that clone3_cap_checkpoint_restore makes. That test of
 * 6.12 writes into a cap_t as into a header and two words of data, and Debian's
 * libcap has a lock before them: with it the test fails whatever the kernel does.
 */
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

struct _cap_struct {
	struct __user_cap_header_struct hdr;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

cap_t cap_get_proc(void)
{
	cap_t c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->hdr.version = _LINUX_CAPABILITY_VERSION_3;
	if (!syscall(SYS_capget, &c->hdr, c->data))
		return c;
	free(c);
	return NULL;
}

int cap_set_proc(cap_t c)
{
	return syscall(SYS_capset, &c->hdr, c->data);
}

int cap_clear(cap_t c)
{
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		c->data[i] = (struct __user_cap_data_struct){0};
	return 0;
}

int cap_set_flag(cap_t c, cap_flag_t flag, int n, const cap_value_t *caps, cap_flag_value_t value)
{
	for (int i = 0; i < n; i++) {
		struct __user_cap_data_struct *d = &c->data[caps[i] / 32];
		__u32 *word = flag == CAP_EFFECTIVE   ? &d->effective
			      : flag == CAP_PERMITTED ? &d->permitted
						      : &d->inheritable;
		__u32 bit = 1U << caps[i] % 32;

		*word = value == CAP_SET ? *word | bit : *word & ~bit;
	}
	return 0;
}

int cap_free(void *c)
{
	free(c);
	return 0;
}
