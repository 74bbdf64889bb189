/* SPDX-License-Identifier: GPL-2.0-or-later */
/* If this fails, a container answers in the kernel's place what the host asks about its network. */
#include "fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "rtnl.h"

static void test_ask(void **state)
{
	_cleanup_close_ int sock = rtnl_open(-1, NULL);

	(void)state;
	assert_true(sock >= 0);
	assert_int_equal(rtnl_link_index(sock, "lo"), 1);
	assert_int_equal(rtnl_link_index(sock, "no-such-dev"), -ENODEV);
	assert_int_equal(rtnl_link_index(sock, "lo"), 1);
}

static void count(void *arg, const struct nlmsghdr *h)
{
	*(int *)arg += h->nlmsg_type == RTM_NEWLINK;
}

static void test_list(void **state)
{
	_cleanup_close_ int sock = rtnl_open(-1, NULL);
	struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
	struct rtnl_req req;
	int links = 0;

	(void)state;
	rtnl_begin(&req, RTM_GETLINK, NLM_F_DUMP, &any, sizeof(any));
	assert_int_equal(rtnl_dump(sock, &req, count, &links), 0);
	assert_true(links >= 1);
}

/* Root may send to any socket of its namespace, others to none: neither gets at ours. */
static void test_nobody_else_answers(void **state)
{
	_cleanup_close_ int sock = rtnl_open(-1, NULL), other = rtnl_open(-1, NULL);
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	struct nlmsghdr lie = {.nlmsg_len = sizeof(lie), .nlmsg_type = NLMSG_DONE};
	socklen_t len = sizeof(to);

	(void)state;
	assert_int_equal(getsockname(sock, (struct sockaddr *)&to, &len), 0);
	assert_true(to.nl_pid != 0);
	assert_int_equal(sendto(other, &lie, sizeof(lie), 0, (struct sockaddr *)&to, len), -1);
	assert_true(errno == ECONNREFUSED || errno == EPERM);
}

static void test_too_much(void **state)
{
	static const char big[2000];
	struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
	struct rtnl_req req;

	(void)state;
	rtnl_begin(&req, RTM_NEWLINK, 0, &any, sizeof(any));
	rtnl_put(&req, 1, big, sizeof(big));
	assert_int_equal(rtnl_talk(-1, &req), -EMSGSIZE);
	assert_int_equal(rtnl_query(-1, &req, NULL, 0), -EMSGSIZE);
	assert_int_equal(rtnl_dump(-1, &req, count, NULL), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_nobody_else_answers),
		cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
