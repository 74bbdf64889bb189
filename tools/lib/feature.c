/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "feature.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "kve.h"
#include "strbuf.h"
#include "strv.h"

static const struct feature {
	const char *name;
	enum { CHOICE, ALWAYS_ON, ALWAYS_OFF } is;
	const char *why; /* the other value is refused */
} features[] = {
	{"vzmarker", CHOICE, NULL},
	{"nesting", CHOICE, NULL},
	{"sysfs", ALWAYS_ON, "every container has /sys"},
	{"bridge", ALWAYS_ON, "it is part of the container's own network"},
	{"sit", ALWAYS_ON, "it is part of the container's own network"},
	{"ipip", ALWAYS_ON, "it is part of the container's own network"},
	{"ipgre", ALWAYS_ON, "it is part of the container's own network"},
	{"ppp", ALWAYS_OFF, "use --devnodes ppp:rw"},
	{"nfs", ALWAYS_OFF, "the kernel mounts no nfs in a user namespace"},
	{"nfsd", ALWAYS_OFF, "the kernel's nfs server is the host's"},
	{"time", ALWAYS_OFF, "the clock is the host's"},
};

static const struct feature *find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (strlen(features[i].name) == len &&
		    strncasecmp(features[i].name, name, len) == 0)
			return &features[i];
	return NULL;
}

int feature_value(const char *in, char **ret, struct err *err)
{
	const char *colon = strchrnul(in, ':');
	const struct feature *f = find(in, colon - in);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	bool on = strcasecmp(colon, ":on") == 0;

	if (!on && strcasecmp(colon, ":off") != 0)
		return err_set(err, EINVAL, "'%s' is not feature:on|off", in);
	if (!f)
		return err_set(err, EINVAL, "there is no feature '%.*s'", (int)(colon - in), in);
	if ((on && f->is == ALWAYS_OFF) || (!on && f->is == ALWAYS_ON))
		return err_set(err, EOPNOTSUPP, "feature '%s' cannot be %s: %s", f->name,
			       on ? "on" : "off", f->why);
	strbuf_addf(&b, "%s:%s", f->name, on ? "on" : "off");
	*ret = strbuf_steal(&b);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* @otherwise when @list does not say, and without memory: it is what containers have. */
static bool is_on(const char *list, const char *name, bool otherwise)
{
	_cleanup_strv_ char **v = NULL;
	size_t len = strlen(name), i;
	bool on = otherwise;

	if (!list || strv_split(list, " ,", &v) < 0)
		return otherwise;
	for (i = 0; v && v[i]; i++)
		if (strncasecmp(v[i], name, len) == 0 && v[i][len] == ':')
			on = strcasecmp(v[i] + len, ":on") == 0;
	return on;
}

bool feature_vzmarker(const struct ct *ct)
{
	return is_on(ct_get(ct, "FEATURES"), "vzmarker", true);
}

bool feature_nesting(const struct ct *ct)
{
	return is_on(ct_get(ct, "FEATURES"), "nesting", false);
}

int feature_apply(struct ct *ct, const char *old, const char *value, struct err *err)
{
	(void)old;
	return kve_set_marker(ct->cgroup, is_on(value, "vzmarker", true), err);
}
