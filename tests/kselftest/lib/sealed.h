/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GROUP_SET as an OSG makes it: HEADER, SEAL, ITEMs, made by cpnsd's own
 * proto/, with every part open to be altered before it is sent. Also the node
 * key, and what a program sees of a group.
 *
 * Keys are functions of their ids: a failed test can be run again.
 */
#ifndef CPNS_TEST_SEALED_H
#define CPNS_TEST_SEALED_H

#include "cpns_test.h"

/* what NODE_GET, NODE_ROTATE tell */
struct cpns_test_node {
	uint8_t public[CPNS_X25519_SIZE];
	uint8_t previous[CPNS_X25519_SIZE];
	uint8_t pin[CPNS_X25519_SIZE];
	bool has_previous, has_pin;
	uint32_t features;
	int32_t keyring;
};

int cpns_test_node(struct cpns_test *test, uint8_t command,
		   struct cpns_test_node *node);
int cpns_test_pin(struct cpns_test *test, const uint8_t *public_key);
/* the OSG's static pair number @which */
void cpns_test_osg(int which, uint8_t private_key[CPNS_X25519_SIZE],
		   uint8_t public_key[CPNS_X25519_SIZE]);

/* one message; sizes may be set to what is not allowed, 0 leaves a part out */
struct cpns_test_set {
	const char *sgid;
	uint8_t header[CPNS_HEADER_SIZE + 1];
	size_t header_size;
	uint8_t seal[CPNS_SEAL_SIZE + 1];
	size_t seal_size;
	uint8_t item[CPNS_ITEMS_MAX + 1][CPNS_ITEM_SIZE + 1];
	size_t item_size;
	unsigned int items;
	uint16_t evicted[CPNS_EVICTED_MAX + 1];
	unsigned int evicted_count;
	uint32_t elapsed;
	const uint8_t *secret;
	bool has_sid;
	uint16_t sid;
	uint8_t epoch_secret[CPNS_SECRET_SIZE];
};

struct cpns_test_leaf {
	uint16_t aead;			/* 0: AES-256-GCM */
	const uint8_t *sender;		/* private key: mode auth */
	uint32_t id, version;
	uint16_t sid;
};

/* HEADER of @epoch (its sid does not matter), nothing else yet */
int cpns_test_set_begin(struct cpns_test_set *set,
			const struct cpns_test_epoch *epoch);
int cpns_test_set_seal(struct cpns_test_set *set, const uint8_t *node_key,
		       const struct cpns_test_leaf *leaf);
/* key (id, version), 0 for the epoch secret, under key (wid, wversion) */
int cpns_test_set_item(struct cpns_test_set *set, uint32_t id, uint32_t version,
		       uint32_t wid, uint32_t wversion);
/* serial of the group's key, or -errno with @test->text */
int32_t cpns_test_set_send(struct cpns_test *test,
			   const struct cpns_test_set *set);

/* the key with this id and version, as cpns_test_set_item() wraps it */
void cpns_test_kek(uint32_t id, uint32_t version, uint8_t key[CPNS_SECRET_SIZE]);

/* the line of keyctl print, terminated; 0 or -errno */
int cpns_test_line(int32_t serial, char line[256]);
/* AF_ALG, one message out and back, keyed anew; 0 or -errno */
int cpns_test_works(int32_t serial, uint32_t epoch, uint16_t sid);
/* the same halves on an open socket */
#define CPNS_TEST_SEALED	(12 + 16 + 16)
int cpns_test_out(int fd, uint8_t sealed[CPNS_TEST_SEALED]);
int cpns_test_back(int fd, const uint8_t sealed[CPNS_TEST_SEALED]);
int cpns_test_keyed(int32_t serial, uint32_t epoch, uint16_t sid);
/* what sender @sid sends first with the secret of cpns_test_secret(), by OpenSSL */
int cpns_test_sent_by(const char *sgid, uint32_t epoch, uint16_t sid,
		      uint8_t sealed[CPNS_TEST_SEALED]);

#endif
