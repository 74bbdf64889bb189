/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The environment of each distribution script, and running it. On the host that is
 * done in mounts of its own:
 *
 *	vzctl ---fork--- child: mount namespace, the disk on VE_ROOT	 without links,
 *	                   |	    fork: process 1 of a pid namespace  devices, programs
 *	                   |		    = the host's shell
 *	                   ends: disk and processes go with it, also when vzctl is killed
 */
#include "dist.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "area.h"
#include "cleanup.h"
#include "ct.h"
#include "dist_shell.h"
#include "err.h"
#include "exitcode.h"
#include "log.h"
#include "net.h"
#include "osdep.h"
#include "report.h"
#include "run.h"
#include "strbuf.h"
#include "strv.h"

/* When the script failed and has no better one. */
static const int exit_codes[DIST_ACTIONS] = {
	[DIST_ADD_IP] = VZ_ADD_IP,
	[DIST_DEL_IP] = VZ_ADD_IP,
	[DIST_SET_HOSTNAME] = VZ_BAD_HOSTNAME,
	[DIST_SET_DNS] = VZ_BAD_DNS,
	[DIST_SET_USERPASS] = VZ_PASSWORD,
	[DIST_PRE_START] = VZ_ACTION_SCRIPT,
	[DIST_POST_CREATE] = VZ_ACTION_SCRIPT,
};

static int oom(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* "KEY=value" at the end of @env; a failure is kept in *r. */
static void put(char ***env, int *r, const char *key, const char *value)
{
	_cleanup_free_ char *text = NULL;
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "%s=%s", key, value ? value : "");
	text = strbuf_steal(&b);
	if (!text || strv_add(env, text) < 0)
		*r = -ENOMEM;
	if (text)
		explicit_bzero(text, strlen(text)); /* it may be a password */
}

static void wipe(char ***env)
{
	char **v;

	for (v = *env; v && *v; v++)
		explicit_bzero(*v, strlen(*v));
	strv_free(*env);
}

static int timeout_sec(const struct ct *ct)
{
	const char *v = ct_get(ct, "DIST_TIMEOUT");
	unsigned long sec = v ? strtoul(v, NULL, 10) : 0;

	return sec ? (sec > 86400 ? 86400 : (int)sec) : DIST_TIMEOUT_DEFAULT;
}

/* --- on the host -------------------------------------------------------------------- */

/* Seen by nobody else, and gone with the last process that sees it. */
static int mount_alone(const struct ct *ct, struct err *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					      MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW};
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, errno, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, errno, "cannot make the mounts private");
	r = area_mount(ct, NULL, err);
	if (r < 0)
		return r;
	if (syscall(SYS_mount_setattr, AT_FDCWD, ct->root, 0, &attr, sizeof(attr)) < 0)
		return err_errno(err, errno, "cannot keep links in '%s' from being followed",
				 ct->root);
	return 0;
}

static int run_in_disk(const struct ct *ct, const struct dist_script *s, char *const *env,
		       int *ret_status, struct err *err)
{
	const struct run_opts opts = {.env = (const char *const *)env,
				      .cwd = ct->root,
				      .input = s->text,
				      .input_len = strlen(s->text),
				      .dies_with_us = true,
				      .timeout_sec = timeout_sec(ct)};
	const char *argv[] = {access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh", "-s", NULL};
	int r = mount_alone(ct, err), closed;

	if (r < 0)
		return r;
	/* What the script leaves running ends with it. */
	if (unshare(CLONE_NEWPID) < 0)
		return err_errno(err, errno, "cannot make a pid namespace");
	r = run_program(argv, &opts, err);
	closed = area_umount(ct, r < 0 ? NULL : err);
	if (r < 0 || closed < 0)
		return r < 0 ? r : closed;
	*ret_status = r;
	return 0;
}

static int run_on_host(const struct ct *ct, const struct dist_script *s, char *const *env,
		       int *ret_status, struct err *err)
{
	struct err child_err = ERR_INIT;
	int fds[2], r, status = 0;
	pid_t pid;

	r = report_pair(fds, err);
	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		r = run_in_disk(ct, s, env, &status, &child_err);
		_exit(report_send(fds[1], r < 0 ? REPORT_FAILED : REPORT_READY, status, &child_err,
				  -1) < 0);
	}
	close(fds[1]);
	r = pid < 0 ? err_errno(err, errno, "cannot fork")
		    : report_expect(fds[0], REPORT_READY, ret_status, NULL, err);
	close(fds[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

/* --- actions ------------------------------------------------------------------------ */

/* What the script of a password says by EX_NOUSER; the name is before the colon. */
static int no_user(char *const *env, struct err *err)
{
	static const char key[] = "USERPW=";
	const char *user = "";

	for (; *env; env++)
		if (strncmp(*env, key, strlen(key)) == 0)
			user = *env + strlen(key);
	return err_set(err, ENOENT, "there is no user '%.*s' in the container",
		       (int)strcspn(user, ":"), user);
}

static int judge(enum dist_action action, const struct dist_script *s, char *const *env, int r,
		 int status, struct err *err)
{
	if (r == 0 && status == EX_NOUSER && action == DIST_SET_USERPASS)
		r = no_user(env, err);
	else if (r < 0)
		err_prefix(err, "distribution script '%s' (%s)", s->path, dist_name(action));
	else if (status)
		r = err_set(err, EIO, "distribution script '%s' (%s) failed with status %d",
			    s->path, dist_name(action), status);
	if (r < 0 && err)
		err->exit_code = r == -ETIMEDOUT ? VZ_TIMEOUT : exit_codes[action];
	return r < 0 ? r : 1;
}

/* Nothing has run: what vzctl does without a script it can do in a tree without a shell, too. */
static bool is_ours(const struct ct *ct, enum dist_action action, int r, struct err *err)
{
	if (r != -ENOENT || err->exit_code != VZ_COMMAND || action == DIST_PRE_START)
		return false;
	ct_warn(ct, "container %s has no shell for the distribution's script of %s: done without",
		ct->idstr, dist_name(action));
	err_clear(err);
	return true;
}

/* It is the tenant's shell that wrote it: a line of ours each, and nothing for the terminal. */
static void tell(const struct ct *ct, enum dist_action action, bool failed,
		 const struct dist_output *out)
{
	const char *line = out->text, *end = out->text + out->len;

	while (line < end) {
		size_t len = strcspn(line, "\n");
		struct strbuf b = STRBUF_INIT;

		strbuf_add_printable(&b, line, len, "");
		line += len + 1;
		if (failed)
			ct_warn(ct, "%s in container %s: %s", dist_name(action), ct->idstr,
				b.s ? b.s : "");
		else
			log_detail(1, "%s: %s", dist_name(action), b.s ? b.s : "");
		strbuf_free(&b);
	}
}

/*
 * What the container's own shell does not do is no reason not to start it: that is
 * told, and done from outside. PRE_START has nothing else; a password was asked for.
 */
static bool is_spared(const struct dist_run *run, enum dist_action action)
{
	return run->starting && action != DIST_PRE_START && action != DIST_SET_USERPASS;
}

static int spare(struct dist_run *run, int r, struct err *err)
{
	run->hung = r == -ETIMEDOUT;
	ct_warn(run->ct, "%s: done without", err->msg);
	err_clear(err);
	return 0;
}

static void tell_end(const struct dist_script *s, enum dist_action action, int status,
		     uint64_t since)
{
	log_detail(1, "distribution script '%s' (%s): status %d, %" PRIu64 " ms", s->path,
		   dist_name(action), status, log_clock_ms() - since);
}

/* Run the script of @action with @env, which the caller owns, and what every script gets. */
static int act(struct dist_run *run, enum dist_action action, char ***env, struct err *ret_err)
{
	_cleanup_dist_script_ struct dist_script s = DIST_SCRIPT_INIT;
	struct err unread = ERR_INIT, *err = ret_err ? ret_err : &unread;
	const struct ct *ct = run->ct;
	struct dist_output out = {.len = 0};
	int status = 0, r = dist_find(ct, action, &s, err);
	uint64_t since = log_clock_ms();

	if (r <= 0)
		return r;
	if (run->hung && is_spared(run, action))
		return 0;
	r = 0;
	put(env, &r, "ACTION", dist_name(action));
	put(env, &r, "VEID", ct->idstr);
	put(env, &r, "VE_STATE", run->starting ? "starting" : "running");
	if (r < 0)
		return oom(err);
	r = dist_shell_run(&run->shell, ct, s.text, *env, timeout_sec(ct), &out, &status, err);
	if (r >= 0)
		tell_end(&s, action, status, since);
	else if (is_ours(ct, action, r, err))
		return 0;
	r = judge(action, &s, *env, r, status, err);
	tell(ct, action, r < 0, &out);
	return r < 0 && is_spared(run, action) ? spare(run, r, err) : r;
}

void dist_run_end(struct dist_run *run)
{
	dist_shell_close(&run->shell);
}

/* The first address of the container, without its prefix: what stands for it in a file of hosts. */
static char *first_address(const struct ct *ct)
{
	const char *list = ct_get(ct, "IP_ADDRESS");

	list = list ? list + strspn(list, " ") : "";
	return strndup(list, strcspn(list, " /"));
}

int dist_hostname(struct dist_run *run, struct err *err)
{
	const char *hostname = ct_get(run->ct, "HOSTNAME");
	_cleanup_strv_ char **env = NULL;
	_cleanup_free_ char *ip = NULL;
	int r = 0;

	if (!hostname || !*hostname)
		return dist_has(run->ct, DIST_SET_HOSTNAME, err);
	ip = first_address(run->ct);
	if (!ip)
		return oom(err);
	put(&env, &r, "HOSTNM", hostname);
	put(&env, &r, "IP_ADDR", ip);
	return r < 0 ? oom(err) : act(run, DIST_SET_HOSTNAME, &env, err);
}

/* What follows @word in the lines of @text, with blanks between; caller frees. */
static char *words_after(const char *text, const char *word)
{
	struct strbuf b = STRBUF_INIT;
	size_t len = strlen(word), end;

	strbuf_add(&b, "");
	for (; *text; text += end + (text[end] == '\n')) {
		size_t from = len;

		end = strcspn(text, "\n");
		if (end <= len || strncmp(text, word, len) != 0 || !strchr(" \t", text[len]))
			continue;
		while (from < end && strchr(" \t", text[from]))
			from++;
		if (b.len)
			strbuf_addc(&b, ' ');
		strbuf_addn(&b, text + from, end - from);
	}
	return strbuf_steal(&b);
}

int dist_dns(struct dist_run *run, struct err *err)
{
	_cleanup_free_ char *text = NULL, *servers = NULL, *search = NULL;
	_cleanup_strv_ char **env = NULL;
	int r = dist_has(run->ct, DIST_SET_DNS, err);

	if (r <= 0)
		return r;
	r = osdep_dns_text(run->ct, &text, err);
	if (r < 0)
		return r;
	if (!*text)
		return 1;
	servers = words_after(text, "nameserver");
	search = words_after(text, "search");
	if (!servers || !search)
		return oom(err);
	put(&env, &r, "NAMESERVER", servers);
	put(&env, &r, "SEARCHDOMAIN", search);
	return r < 0 ? oom(err) : act(run, DIST_SET_DNS, &env, err);
}

int dist_userpasswd(struct dist_run *run, const char *userpw, struct err *err)
{
	_cleanup_(wipe) char **env = NULL;
	int r = 0;

	put(&env, &r, "USERPW", userpw);
	return r < 0 ? oom(err) : act(run, DIST_SET_USERPASS, &env, err);
}

int dist_pre_start(struct dist_run *run, struct err *err)
{
	_cleanup_strv_ char **env = NULL;
	int r = 0;

	put(&env, &r, "VE_ROOT", "/");
	put(&env, &r, "VZ_KERNEL", "yes");
	put(&env, &r, "USERNS", "yes");
	return r < 0 ? oom(err) : act(run, DIST_PRE_START, &env, err);
}

int dist_post_create(const struct ct *ct, struct err *err)
{
	_cleanup_dist_script_ struct dist_script s = DIST_SCRIPT_INIT;
	_cleanup_strv_ char **env = NULL;
	uint64_t since = log_clock_ms();
	int status = 0, r = dist_find(ct, DIST_POST_CREATE, &s, err);

	if (r <= 0)
		return r;
	r = 0;
	put(&env, &r, "ACTION", dist_name(DIST_POST_CREATE));
	put(&env, &r, "VEID", ct->idstr);
	put(&env, &r, "VE_ROOT", ct->root);
	put(&env, &r, "HOME", "/root");
	put(&env, &r, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (r < 0)
		return oom(err);
	r = run_on_host(ct, &s, env, &status, err);
	if (r >= 0)
		tell_end(&s, DIST_POST_CREATE, status, since);
	return judge(DIST_POST_CREATE, &s, env, r, status, err);
}

/* --- addresses ---------------------------------------------------------------------- */

/* @list as words, without those of @other. */
static int minus(const char *list, const char *other, char ***ret, struct err *err)
{
	_cleanup_strv_ char **v = NULL, **w = NULL;
	size_t i;

	if (strv_split(list ? list : "", " ", &v) < 0 ||
	    strv_split(other ? other : "", " ", &w) < 0)
		return oom(err);
	for (i = 0; w && w[i]; i++)
		strv_remove(v, w[i]);
	*ret = steal_ptr(v);
	return 0;
}

struct ip_change {
	struct dist_run *run;
	bool all_gone; /* nothing of before stays */
	const char *before, *after;
	char *stay; /* between the two actions */
	char **gone, **come;
};

/* @all: what is to be there after the action. */
static int act_ip(const struct ip_change *c, enum dist_action action, char *const *list,
		  const char *all, struct err *err)
{
	const char *now = ct_get(c->run->ct, "IP_ADDRESS");
	_cleanup_strv_ char **env = NULL;
	_cleanup_free_ char *text = strv_join(list, " ");
	int r = 0;

	if (!text)
		return oom(err);
	put(&env, &r, "IP_ADDR", text);
	put(&env, &r, "IP_ADDRESS", all);
	put(&env, &r, "IPV6", strchr(text, ':') || (now && strchr(now, ':')) ? "yes" : "no");
	put(&env, &r, "IPDELALL", action == DIST_DEL_IP && c->all_gone ? "yes" : "");
	put(&env, &r, "FAKEGATEWAY", NET_GATEWAY_IPV4_TEXT);
	put(&env, &r, "FAKEGATEWAYNET", NET_GATEWAY_IPV4_NET);
	return r < 0 ? oom(err) : act(c->run, action, &env, err);
}

/* What goes is off the device by now: whether it may, no shell inside is asked. */
static int drop_ip(const struct ip_change *c)
{
	struct err why = ERR_INIT;
	int r = c->gone && *c->gone ? act_ip(c, DIST_DEL_IP, c->gone, c->stay, &why) : 0;

	if (r < 0)
		ct_warn(c->run->ct, "%s: the addresses are changed without", why.msg);
	err_clear(&why);
	return r;
}

/* One that hung is left alone: it would hang again. */
static int change_ip(const struct ip_change *c, struct err *err)
{
	bool hung = drop_ip(c) == -ETIMEDOUT;
	int r = 0;

	if (!hung && ((c->come && *c->come) || c->run->starting)) {
		r = act_ip(c, DIST_ADD_IP, c->come, c->after, err);
		if (r < 0 && r != -ETIMEDOUT && !c->run->starting)
			act_ip(c, DIST_DEL_IP, c->come, c->stay, NULL);
	}
	if (r < 0 && r != -ETIMEDOUT && c->gone && *c->gone)
		act_ip(c, DIST_ADD_IP, c->gone, c->before, NULL);
	return r;
}

/* The words of @before without @gone; NULL: out of memory. */
static char *without(const char *before, char *const *gone)
{
	_cleanup_strv_ char **v = NULL;

	if (strv_split(before ? before : "", " ", &v) < 0)
		return NULL;
	for (; gone && *gone; gone++)
		strv_remove(v, *gone);
	return strv_join(v, " ");
}

int dist_addresses(struct dist_run *run, const char *before, const char *after, struct err *err)
{
	_cleanup_strv_ char **gone = NULL, **come = NULL;
	_cleanup_free_ char *stay = NULL;
	struct ip_change c = {.run = run, .before = before, .after = after};
	int r = minus(before, after, &gone, err);

	if (r == 0)
		r = minus(after, before, &come, err);
	if (r < 0)
		return r;
	stay = without(before, gone);
	if (!stay)
		return oom(err);
	c.gone = gone;
	c.come = come;
	c.stay = stay;
	c.all_gone = !*stay;
	return change_ip(&c, err);
}
