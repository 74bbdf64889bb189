// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does wrong what "how" says, so that it is seen what the checks of the debug
 * kernel print, and that a guest's verdict knows it (guest-contract.sh):
 *
 *	leak	memory that nothing points to
 *	lockdep	two locks, taken in either order
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

static char *how = "";
module_param(how, charp, 0);
MODULE_PARM_DESC(how, "what to do wrong: leak, lockdep");

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(other);

static void take(struct mutex *first, struct mutex *second)
{
	mutex_lock(first);
	mutex_lock(second);
	mutex_unlock(second);
	mutex_unlock(first);
}

static int __init faulty_init(void)
{
	if (strcmp(how, "leak") == 0) {
		/* Only the compiler is to believe that somebody has it. */
		void *lost = kmalloc(100, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(lost);
	} else if (strcmp(how, "lockdep") == 0) {
		take(&one, &other);
		take(&other, &one);
	} else {
		return -EINVAL;
	}
	return 0;
}
module_init(faulty_init);

MODULE_DESCRIPTION("What the checks of a debug kernel must find");
MODULE_LICENSE("GPL");
