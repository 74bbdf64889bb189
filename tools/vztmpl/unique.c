/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table. A secret shared by every container made from a template would be
 * found out by an attacker first; a machine id shared is two machines in one
 * to whoever counts them; logs are another machine's past. Each of them is
 * made anew by what uses it, with one exception: some distributions make ssh
 * host keys when the package is installed and never again.
 */
#include "unique.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stddef.h>

#include <archive.h>
#include <archive_entry.h>

static const struct unique_rule rules[] = {
	{"etc/ssh/ssh_host_*", "a host key", "host keys", UNIQUE_NEVER},
	{"etc/dropbear/dropbear_*_host_key", "a host key", "host keys", UNIQUE_NEVER},
	/* Without the file systemd takes the start for the very first one of an installation. */
	{"etc/machine-id", "a machine id", "machine id", UNIQUE_KEEP},
	{"var/lib/dbus/machine-id", "a machine id", "machine id", UNIQUE_BARE},
	{"var/lib/systemd/random-seed", "a random seed", "random seed", UNIQUE_NEVER},
	{"var/lib/urandom/random-seed", "a random seed", "random seed", UNIQUE_NEVER},
	{"var/lib/seedrng/*", "a random seed", "random seed", UNIQUE_NEVER},
	{"var/lib/systemd/credential.secret", "a secret key", "secret keys", UNIQUE_NEVER},
	{"var/lib/NetworkManager/secret_key", "a secret key", "secret keys", UNIQUE_NEVER},
	{"var/lib/dhcp/*.leases", "a lease of an address", "leases", UNIQUE_BARE},
	{"var/lib/apt/lists/*", "a package list", "package lists", UNIQUE_BARE},
	{"var/log/*", "a log of the build", "logs", UNIQUE_BARE},
	{"root/.bash_history", "a history", "histories", UNIQUE_NEVER},
	{"root/.ash_history", "a history", "histories", UNIQUE_NEVER},
	{"home/*/.bash_history", "a history", "histories", UNIQUE_NEVER},
};

static_assert(sizeof(rules) / sizeof(*rules) == UNIQUE_RULES, "the header has the length");

const struct unique_rule *unique_find(const char *path, struct archive_entry *e)
{
	bool link = archive_entry_hardlink(e) != NULL;

	if (!link && archive_entry_filetype(e) != AE_IFREG)
		return NULL;
	for (size_t i = 0; i < UNIQUE_RULES; i++) {
		if (fnmatch(rules[i].pattern, path, 0) != 0)
			continue;
		if (rules[i].kind == UNIQUE_NEVER || link || archive_entry_size(e) != 0)
			return &rules[i];
		return NULL;
	}
	return NULL;
}

unsigned int unique_index(const struct unique_rule *rule)
{
	return (unsigned int)(rule - rules);
}

const struct unique_rule *unique_rule(unsigned int index)
{
	return &rules[index];
}
