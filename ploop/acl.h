/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PLOOP_ACL_H
#define PLOOP_ACL_H

/* Attributes with ids in them as the kernel takes and gives them: access control lists, numbers little-endian. */

#include <stdint.h>

#define ACL_VERSION	2
#define ACL_USER_OBJ	0x01
#define ACL_USER	0x02
#define ACL_GROUP_OBJ	0x04
#define ACL_GROUP	0x08
#define ACL_MASK	0x10
#define ACL_OTHER	0x20
#define ACL_ENTRIES_MAX 500

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
} __attribute__((packed));

struct acl {
	uint32_t version;
	struct acl_entry entries[ACL_ENTRIES_MAX];
} __attribute__((packed));

#endif
