/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that the shell completes: what --ostemplate and --config may be given. */
#include "cmd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "ct.h"
#include "err.h"
#include "path.h"
#include "strv.h"
#include "template.h"

static int sample_list(const struct host *host, char ***ret_names, struct err *err)
{
	static const char before[] = "ve-", behind[] = ".conf-sample";
	_cleanup_free_ char *path = path_join(host->etc, "conf");
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	_cleanup_strv_ char **names = NULL;
	struct dirent *e;

	if (!dir)
		return err_errno(err, errno, "cannot read the samples");
	while ((e = readdir(dir))) {
		char *end = strstr(e->d_name, behind);

		if (strncmp(e->d_name, before, strlen(before)) != 0 || !end ||
		    end[strlen(behind)] != '\0')
			continue;
		*end = '\0';
		if (strv_add(&names, e->d_name + strlen(before)) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	*ret_names = steal_ptr(names);
	return 0;
}

int names_print(const char *etc, bool samples, struct err *err)
{
	_cleanup_host_ struct host *host = NULL;
	_cleanup_strv_ char **names = NULL;
	size_t i;
	int r = host_open(etc, &host, err);

	if (r == 0)
		r = (samples ? sample_list : template_list)(host, &names, err);
	for (i = 0; r == 0 && names && names[i]; i++)
		puts(names[i]);
	return r;
}
