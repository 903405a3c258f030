// SPDX-License-Identifier: GPL-2.0-only
/* See xfrm.h. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "xfrm.h"

/* XFRMA_SA_DIR, since 6.10 */
#define XFRMA_SA_DIRECTION 33

int cpns_test_lonely(void)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	return cpns_test_run("set -e; ip link set lo up; ip link add void type dummy; ip link set void arp off up\n"
			     "ip addr add 10.9.0.1/24 dev void; ip addr add 2001:db8:9::1/64 dev void nodad\n"
			     "ip route add 239.0.0.0/8 dev void");
}

static int address(const char *text, struct sockaddr_storage *to, int port)
{
	struct sockaddr_in *v4 = (void *)to;
	struct sockaddr_in6 *v6 = (void *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
	} else {
		return -EINVAL;
	}
	return to->ss_family;
}

static int send_to(int fd, const char *text, int port, const void *data,
		   size_t size)
{
	struct sockaddr_storage to;
	int family = address(text, &to, port);
	socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) :
					       sizeof(struct sockaddr_in6);

	return sendto(fd, data, size, 0, (void *)&to, length) < 0 ? -errno : 0;
}

int cpns_test_udp(const char *text, size_t size)
{
	struct sockaddr_storage to;
	char data[2048] = { 0 };
	int fd, ret;

	fd = socket(address(text, &to, 9), SOCK_DGRAM, 0);
	if (fd < 0)
		return -errno;
	ret = send_to(fd, text, 9, data, size);
	close(fd);
	return ret;
}

int cpns_test_xfrm(uint16_t type, uint16_t flags, const void *payload,
		   size_t size, const struct cpns_test_xfrm_attr *attrs)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_XFRM);
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;
	ssize_t got = -1;

	if (!socket)
		return -errno;
	message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	memcpy(mnl_nlmsg_put_extra_header(message, size), payload, size);
	for (; attrs && attrs->type; attrs++)
		mnl_attr_put(message, attrs->type, attrs->size, attrs->data);
	if (!mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) &&
	    mnl_socket_sendto(socket, message, message->nlmsg_len) >= 0)
		got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	/* the first answer is the acknowledgment */
	if (got >= 0)
		got = mnl_cb_run(buffer, got, 0,
				 mnl_socket_get_portid(socket), NULL, NULL);
	got = got < 0 ? -errno : 0;
	mnl_socket_close(socket);
	return got;
}

int cpns_test_xfrm_address(const char *text, xfrm_address_t *to)
{
	struct sockaddr_storage socket;
	int family = address(text, &socket, 0);

	memset(to, 0, sizeof(*to));
	if (family == AF_INET)
		to->a4 = ((struct sockaddr_in *)&socket)->sin_addr.s_addr;
	else if (family == AF_INET6)
		memcpy(to->a6, &((struct sockaddr_in6 *)&socket)->sin6_addr, 16);
	return family;
}

static int new_ae(const struct cpns_test_sa *sa, uint16_t type,
		  const void *data, uint16_t size)
{
	const struct cpns_test_xfrm_attr attrs[] = {
		{ type, size, data }, { 0 }
	};
	struct xfrm_aevent_id id = { 0 };

	id.sa_id.family = cpns_test_xfrm_address(sa->dst, &id.sa_id.daddr);
	cpns_test_xfrm_address(sa->src, &id.saddr);
	id.sa_id.spi = htonl(sa->spi);
	id.sa_id.proto = IPPROTO_ESP;
	id.reqid = sa->reqid;
	return cpns_test_xfrm(XFRM_MSG_NEWAE, NLM_F_REPLACE, &id, sizeof(id),
			      attrs);
}

int cpns_test_xfrm_set_seq(const struct cpns_test_sa *sa, uint32_t seq)
{
	const struct xfrm_replay_state replay = { .oseq = seq };

	return new_ae(sa, XFRMA_REPLAY_VAL, &replay, sizeof(replay));
}

int cpns_test_xfrm_set_packets(const struct cpns_test_sa *sa, uint64_t packets)
{
	const struct xfrm_lifetime_cur life = { .packets = packets };

	return new_ae(sa, XFRMA_LTIME_VAL, &life, sizeof(life));
}

int cpns_test_xfrm_update(const struct cpns_test_sa *sa, uint64_t packets,
			  unsigned int device)
{
	const struct xfrm_user_offload offload = {
		.ifindex = device,
		.flags = sa->dir == CPNS_DIR_IN ? XFRM_OFFLOAD_INBOUND : 0,
	};
	/* 6.10 and later want the same direction, older ones pass it over */
	const uint8_t direction = sa->dir == CPNS_DIR_IN ? 1 : 2;
	struct {
		struct xfrm_algo_aead head;
		uint8_t key[20];
	} aead = {
		.head = { .alg_name = "rfc4106(gcm(aes))", .alg_key_len = 160,
			  .alg_icv_len = 128 },
	};
	struct cpns_test_xfrm_attr attrs[] = {
		{ XFRMA_ALG_AEAD, sizeof(aead), &aead },
		{ XFRMA_SA_DIRECTION, sizeof(direction), &direction },
		{ device ? XFRMA_OFFLOAD_DEV : 0, sizeof(offload), &offload },
		{ 0 }
	};
	struct xfrm_usersa_info info = {
		.reqid = sa->reqid,
		.mode = sa->mode == CPNS_SA_MODE_TUNNEL ? XFRM_MODE_TUNNEL :
							  XFRM_MODE_TRANSPORT,
		.id = { .spi = htonl(sa->spi), .proto = IPPROTO_ESP },
		.lft = { .soft_byte_limit = XFRM_INF,
			 .hard_byte_limit = XFRM_INF,
			 .soft_packet_limit = XFRM_INF,
			 .hard_packet_limit = packets },
	};

	for (unsigned int i = 0; i < sizeof(aead.key); i++)
		aead.key[i] = i;
	info.family = cpns_test_xfrm_address(sa->dst, &info.id.daddr);
	cpns_test_xfrm_address(sa->src, &info.saddr);
	return cpns_test_xfrm(XFRM_MSG_UPDSA, 0, &info, sizeof(info), attrs);
}

int cpns_test_xfrm_migrate(const struct cpns_test_sa *sa, const char *src,
			   const char *dst)
{
	struct xfrm_user_migrate migrate = {
		.proto = IPPROTO_ESP, .reqid = sa->reqid,
		.mode = sa->mode == CPNS_SA_MODE_TUNNEL ? XFRM_MODE_TUNNEL :
							  XFRM_MODE_TRANSPORT,
	};
	const struct cpns_test_xfrm_attr attrs[] = {
		{ XFRMA_MIGRATE, sizeof(migrate), &migrate }, { 0 }
	};
	struct xfrm_userpolicy_id policy = { .dir = XFRM_POLICY_OUT };

	migrate.old_family = cpns_test_xfrm_address(sa->src, &migrate.old_saddr);
	cpns_test_xfrm_address(sa->dst, &migrate.old_daddr);
	migrate.new_family = cpns_test_xfrm_address(src, &migrate.new_saddr);
	cpns_test_xfrm_address(dst, &migrate.new_daddr);
	policy.sel.family = migrate.old_family;
	return cpns_test_xfrm(XFRM_MSG_MIGRATE, 0, &policy, sizeof(policy),
			      attrs);
}

/* where @to is a multicast group, be its member and send to oneself too */
static int join(int fd, const struct sockaddr_storage *to)
{
	struct group_req group = { .gr_interface = if_nametoindex("void") };
	struct ip_mreqn v4 = { .imr_ifindex = group.gr_interface };
	const struct sockaddr_in6 *to6 = (const void *)to;
	const struct sockaddr_in *to4 = (const void *)to;
	int index = group.gr_interface, ret;

	group.gr_group = *to;
	if (to->ss_family == AF_INET) {
		if (!IN_MULTICAST(ntohl(to4->sin_addr.s_addr)))
			return 0;
		ret = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &v4,
				 sizeof(v4)) ?:
		      setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &group,
				 sizeof(group));
	} else {
		if (!IN6_IS_ADDR_MULTICAST(&to6->sin6_addr))
			return 0;
		ret = setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index,
				 sizeof(index)) ?:
		      setsockopt(fd, IPPROTO_IPV6, MCAST_JOIN_GROUP, &group,
				 sizeof(group));
	}
	return ret ? -errno : 0;
}

int cpns_test_esp_open(struct cpns_test_esp *esp, uint8_t aead,
		       const struct cpns_test_sa *sa)
{
	uint8_t secret[CPNS_SECRET_SIZE];
	struct sockaddr_storage to;
	int ret;

	esp->sa = *sa;
	esp->aead = aead;
	cpns_test_secret(sa->epoch, secret);
	ret = cpns_test_traffic_key(sa->sgid, sa->epoch, secret, CPNS_USE_ESP,
				    aead, sa->sid, 32, esp->key,
				    sizeof(esp->key));
	if (ret)
		return ret;
	esp->fd = socket(address(sa->dst, &to, 0), SOCK_RAW, IPPROTO_ESP);
	return esp->fd < 0 ? -errno : join(esp->fd, &to);
}

/* RFC 4106, RFC 7634: the salt, then the packet's IV */
static void nonce_of(const struct cpns_test_esp *esp, const uint8_t *packet,
		     uint8_t nonce[12])
{
	memcpy(nonce, esp->key + 32, 4);
	memcpy(nonce + 4, packet + 8, 8);
}

int cpns_test_esp_send(struct cpns_test_esp *esp, uint32_t seq)
{
	/* UDP header to port 9, padding 1 2, its length, next header */
	const uint8_t text[12] = { 0x27, 0x0f, 0, 9, 0, 8, 0, 0,
				   1, 2, 2, IPPROTO_UDP };
	uint8_t packet[8 + 8 + sizeof(text) + 16], nonce[12];
	uint32_t words[4] = { htonl(esp->sa.spi), htonl(seq),
			      htonl((uint32_t)esp->sa.sid << 16), htonl(seq) };
	int ret;

	memcpy(packet, words, 16);
	nonce_of(esp, packet, nonce);
	ret = cpns_test_seal(esp->aead, esp->key, 32, nonce, packet, 8, text,
			     sizeof(text), packet + 16);
	return ret ? ret : send_to(esp->fd, esp->sa.dst, 0, packet,
				   sizeof(packet));
}

int cpns_test_esp_decrypt(const struct cpns_test_esp *esp,
			  const uint8_t *packet, size_t size, uint8_t *text)
{
	uint8_t nonce[12];
	int ret;

	if (size < 8 + 8 + 16)
		return -EMSGSIZE;
	nonce_of(esp, packet, nonce);
	ret = cpns_test_open_sealed(esp->aead, esp->key, 32, nonce, packet, 8,
				    packet + 16, size - 16, text);
	return ret ? ret : (int)(size - 8 - 8 - 16);
}
