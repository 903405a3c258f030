/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xfrm from the side of others: requests of xfrm's own netlink family, ESP
 * packets made in userspace, and a namespace where both can be seen without a
 * peer. The same rules as in cpns_test.h.
 */
#ifndef CPNS_TEST_XFRM_H
#define CPNS_TEST_XFRM_H

#include <linux/xfrm.h>
#include "cpns_test.h"

/*
 * A new network namespace for the calling thread: this node is 10.9.0.1 and
 * 2001:db8:9::1, everything else of those nets is behind a device that drops
 * what it is given.
 */
int cpns_test_lonely(void);
/* send a UDP packet of @size bytes to port 9 of @address */
int cpns_test_udp(const char *address, size_t size);

/* one attribute of an xfrm request; @type 0 ends a list */
struct cpns_test_xfrm_attr {
	uint16_t type;
	uint16_t size;
	const void *data;
};

int cpns_test_xfrm(uint16_t type, uint16_t flags, const void *payload,
		   size_t size, const struct cpns_test_xfrm_attr *attrs);
/* address as text into xfrm's form; the family */
int cpns_test_xfrm_address(const char *text, xfrm_address_t *address);
/* XFRM_MSG_NEWAE: the outbound sequence number, or the count of packets */
int cpns_test_xfrm_set_seq(const struct cpns_test_sa *sa, uint32_t seq);
int cpns_test_xfrm_set_packets(const struct cpns_test_sa *sa, uint64_t packets);
/*
 * XFRM_MSG_UPDSA by a state of the same name with another key: its limit of
 * packets, and to be given to the device of that index (0: to none).
 */
int cpns_test_xfrm_update(const struct cpns_test_sa *sa, uint64_t packets,
			  unsigned int device);
/* XFRM_MSG_MIGRATE of the states of a policy to a new pair of addresses */
int cpns_test_xfrm_migrate(const struct cpns_test_sa *sa, const char *src,
			   const char *dst);

/* a sender of ESP packets to this node's address sa->dst, with keys of 32 */
struct cpns_test_esp {
	struct cpns_test_sa sa;
	uint8_t aead;			/* CPNS_AEAD_RFC4106 or _RFC7539ESP */
	uint8_t key[36];		/* with the salt */
	int fd;
};

int cpns_test_esp_open(struct cpns_test_esp *esp, uint8_t aead,
		       const struct cpns_test_sa *sa);
/* transport mode with an empty UDP packet inside */
int cpns_test_esp_send(struct cpns_test_esp *esp, uint32_t seq);
/* its key, for a packet that it has not made: the bytes inside, or -errno */
int cpns_test_esp_decrypt(const struct cpns_test_esp *esp,
			  const uint8_t *packet, size_t size, uint8_t *text);

#endif
