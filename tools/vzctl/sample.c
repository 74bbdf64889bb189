/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sample configurations: what create starts from, and what set --applyconfig takes over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "config.h"
#include "ct.h"
#include "err.h"
#include "exitcode.h"
#include "param.h"
#include "set.h"
#include "strbuf.h"

int cmd_load_sample(const struct ct *ct, const char *name, struct config **ret_conf,
		    struct err *err)
{
	_cleanup_free_ char *path = NULL;
	struct strbuf b = STRBUF_INIT;
	int r;

	if (strchr(name, '/'))
		return err_exit(err, VZ_BAD_VALUE, "'%s' is not the name of a sample", name);
	strbuf_addf(&b, "%s/conf/ve-%s.conf-sample", ct->host->etc, name);
	path = strbuf_steal(&b);
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = config_load(path, ct->idstr, ret_conf, err);
	if (r < 0)
		return err_exit_default(err, r == -ENOENT ? VZ_CONFIG_COPY : VZ_BAD_CONFIG);
	return 0;
}

/* What a sample must not change in a container that exists: who it is, and what is there already. */
static bool is_kept(const char *key)
{
	static const char *const kept[] = {
		"HOSTNAME",  "NAME",	   "DESCRIPTION",   "IP_ADDRESS",
		"NETIF",     "OSTEMPLATE", "VE_ROOT",	    "VE_PRIVATE",
		"VE_LAYOUT", "LOCAL_UID",  "LOCAL_GID",	    "LOCAL_SIZE",
		"DISKSPACE", "DISKINODES", "ORIGIN_SAMPLE", "DISTRIBUTION",
	};
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strcmp(kept[i], key) == 0)
			return true;
	return false;
}

int set_add_sample(struct set *s, struct err *err)
{
	struct change own[sizeof(s->changes) / sizeof(s->changes[0])];
	size_t i, n_own = s->count;
	const char *key;
	int r;

	if (!s->save)
		return err_exit(err, VZ_BAD_OPTION, "--applyconfig needs --save");
	r = cmd_load_sample(s->ctx->ct, s->sample_name, &s->sample, err);
	if (r < 0) {
		err->exit_code = VZ_APPLY_CONFIG;
		return r;
	}
	memcpy(own, s->changes, sizeof(own));
	s->count = 0;
	for (i = 0; r == 0 && (key = config_key(s->sample, i)); i++)
		if (!is_kept(key))
			r = set_add(s,
				    (struct change){.p = param_by_key(key),
						    .key = key,
						    .value = config_get(s->sample, key),
						    .stored = true},
				    err);
	if (r == 0)
		r = set_add(s,
			    (struct change){.p = param_by_key("ORIGIN_SAMPLE"),
					    .key = "ORIGIN_SAMPLE",
					    .value = s->sample_name,
					    .stored = true},
			    err);
	for (i = 0; r == 0 && i < n_own; i++)
		r = set_add(s, own[i], err);
	return r;
}
