/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rawsend [-t] DEVICE SOURCE DESTINATION - put one ICMP echo request on the
 * wire as it is told, past everything that routing and addresses would say: what
 * root in a container can send. -t: under an 802.1Q tag of VLAN 0, which the
 * receiving stack takes off again. The Ethernet header is zeros, as on venet0.
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned char frame[128];
static size_t len;

static uint16_t checksum(const void *data, size_t n, uint32_t sum)
{
	const unsigned char *p = data;
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

static void put(const void *data, size_t n)
{
	memcpy(frame + len, data, n);
	len += n;
}

static void put_ipv4(const struct in_addr *from, const struct in_addr *to)
{
	struct icmphdr icmp = {.type = ICMP_ECHO};
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .ttl = 64,
			   .protocol = IPPROTO_ICMP,
			   .tot_len = htons(sizeof(ip) + sizeof(icmp)),
			   .saddr = from->s_addr,
			   .daddr = to->s_addr};

	icmp.checksum = checksum(&icmp, sizeof(icmp), 0);
	ip.check = checksum(&ip, sizeof(ip), 0);
	put(&ip, sizeof(ip));
	put(&icmp, sizeof(icmp));
}

static void put_ipv6(const struct in6_addr *from, const struct in6_addr *to)
{
	struct icmp6_hdr icmp = {.icmp6_type = ICMP6_ECHO_REQUEST};
	struct ip6_hdr ip = {.ip6_src = *from, .ip6_dst = *to};
	uint32_t pseudo = sizeof(icmp) + IPPROTO_ICMPV6;

	ip.ip6_vfc = 6 << 4;
	ip.ip6_plen = htons(sizeof(icmp));
	ip.ip6_nxt = IPPROTO_ICMPV6;
	ip.ip6_hlim = 64;
	/* Source and destination are of the pseudo header: what their checksum is of, not negated. */
	pseudo += (uint16_t)~ntohs(checksum((unsigned char *)&ip + 8, 32, 0));
	icmp.icmp6_cksum = checksum(&icmp, sizeof(icmp), pseudo);
	put(&ip, sizeof(ip));
	put(&icmp, sizeof(icmp));
}

int main(int argc, char **argv)
{
	int tagged = argc == 5 && strcmp(argv[1], "-t") == 0;
	char **args = argv + 1 + tagged;
	uint16_t proto, tag[2] = {htons(ETHERTYPE_VLAN), 0};
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	unsigned char a[2][16];
	int sock, ipv6;

	if (argc != 4 + tagged)
		errx(2, "usage: rawsend [-t] DEVICE SOURCE DESTINATION");
	ipv6 = strchr(args[1], ':') != NULL;
	if (inet_pton(ipv6 ? AF_INET6 : AF_INET, args[1], a[0]) != 1 ||
	    inet_pton(ipv6 ? AF_INET6 : AF_INET, args[2], a[1]) != 1)
		errx(2, "bad address");
	proto = htons(ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	len = 2 * ETH_ALEN;
	if (tagged)
		put(tag, sizeof(tag));
	put(&proto, sizeof(proto));
	if (ipv6)
		put_ipv6((void *)a[0], (void *)a[1]);
	else
		put_ipv4((void *)a[0], (void *)a[1]);
	to.sll_protocol = tagged ? tag[0] : proto;
	to.sll_ifindex = if_nametoindex(args[0]);
	sock = socket(AF_PACKET, SOCK_RAW, 0);
	if (sock < 0 || !to.sll_ifindex)
		err(1, "%s", args[0]);
	/* A device that drops the packet may say so, or not. */
	sendto(sock, frame, len, 0, (struct sockaddr *)&to, sizeof(to));
	return 0;
}
