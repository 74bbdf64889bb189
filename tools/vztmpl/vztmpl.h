/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VESPER_VZTMPL_H
#define VESPER_VZTMPL_H

/* Exit codes of vztmpl; those of the same meaning are vzctl's. */
enum {
	EXIT_USAGE = 2,
	EXIT_LOCKED = 9,
	EXIT_DAMAGED = 47,
	EXIT_NO_TEMPLATE = 91,
	EXIT_INTERRUPTED = 130,
};

#endif
