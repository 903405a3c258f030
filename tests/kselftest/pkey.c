// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages: KEYCTL_PKEY_QUERY, _ENCRYPT and _DECRYPT on a group's key, checked
 * against OpenSSL. Needs the module with allow_raw=1 and root.
 */
#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "cpns_test.h"

#define SID 0x0304
#define ADDED ((int)CPNS_MESSAGE_HEADER_SIZE + 16)
#define ROOM ((int)CPNS_MESSAGE_MAX + ADDED)

FIXTURE(pkey)
{
	struct cpns_test test;
	char sgid[64];
	int32_t serial;
	uint8_t *text, *sealed, *plain;
};

FIXTURE_SETUP(pkey)
{
	struct cpns_test_epoch epoch = { .number = 7, .sid = SID };

	snprintf(self->sgid, sizeof(self->sgid), "urn:cpns:test:pkey-%d",
		 getpid());
	epoch.sgid = self->sgid;
	ASSERT_EQ(0, cpns_test_open(&self->test));
	self->serial = cpns_test_group_set(&self->test, &epoch);
	ASSERT_GT(self->serial, 0) {
		TH_LOG("GROUP_SET: %d %s", self->serial, self->test.text);
	}
	self->text = malloc(ROOM);
	self->sealed = malloc(ROOM);
	self->plain = malloc(ROOM);
	for (int i = 0; i < ROOM; i++)
		self->text[i] = i * 11;
}

FIXTURE_TEARDOWN(pkey)
{
	cpns_test_group_revoke(&self->test, self->sgid);
	cpns_test_close(&self->test);
	free(self->text);
	free(self->sealed);
	free(self->plain);
}

static long seal(int32_t serial, const void *text, size_t size, void *sealed)
{
	long ret = keyctl_pkey_encrypt(serial, "enc=raw", text, size, sealed,
				       ROOM);

	return ret < 0 ? -errno : ret;
}

static long unseal(int32_t serial, const void *sealed, size_t size, void *text)
{
	long ret = keyctl_pkey_decrypt(serial, "enc=raw", sealed, size, text,
				       CPNS_MESSAGE_MAX);

	return ret < 0 ? -errno : ret;
}

TEST_F_TIMEOUT(pkey, query, 120)
{
	struct keyctl_pkey_query query;

	ASSERT_EQ(0, keyctl_pkey_query(self->serial, "enc=raw", &query));
	EXPECT_EQ((uint32_t)(KEYCTL_SUPPORTS_ENCRYPT |
			     KEYCTL_SUPPORTS_DECRYPT),
		  query.supported_ops);
	/* keyctl(1) takes the one where it needs the other */
	EXPECT_EQ(query.max_enc_size, query.max_dec_size);
	EXPECT_EQ(ROOM, query.max_enc_size);
	EXPECT_EQ(-1, keyctl_pkey_query(self->serial, "enc=pkcs1", &query));
	EXPECT_EQ(ENOPKG, errno);
	EXPECT_EQ(-1, keyctl_pkey_query(self->serial, "enc=raw hash=sha256",
					&query));
}

TEST_F_TIMEOUT(pkey, bytes_as_openssl_makes_them, 120)
{
	static const uint8_t head[12] = { 0, 0, 0, 7, 3, 4, 0, 0, 0, 0, 0, 1 };
	uint8_t key[32], secret[32], nonce[12] = { 0 };

	ASSERT_EQ(100 + ADDED, seal(self->serial, self->text, 100,
				    self->sealed));
	EXPECT_EQ(0, memcmp(self->sealed, head, sizeof(head)));
	cpns_test_secret(7, secret);
	ASSERT_EQ(0, cpns_test_traffic_key(self->sgid, 7, secret,
					   CPNS_USE_MESSAGE, CPNS_AEAD_GCM,
					   SID, 32, key, 32));
	memcpy(nonce + 4, self->sealed + 4, 8);
	ASSERT_EQ(0, cpns_test_open_sealed(CPNS_AEAD_GCM, key, 32, nonce, nonce,
					   12, self->sealed + 12, 116,
					   self->plain));
	EXPECT_EQ(0, memcmp(self->plain, self->text, 100));

	/* and what another sender made */
	ASSERT_EQ(0, cpns_test_traffic_key(self->sgid, 7, secret,
					   CPNS_USE_MESSAGE, CPNS_AEAD_GCM,
					   SID + 1, 32, key, 32));
	nonce[5]++;
	memcpy(self->sealed + 4, nonce + 4, 8);
	ASSERT_EQ(0, cpns_test_seal(CPNS_AEAD_GCM, key, 32, nonce, nonce, 12,
				    self->text, 50, self->sealed + 12));
	ASSERT_EQ(50, unseal(self->serial, self->sealed, 50 + ADDED,
			     self->plain));
	EXPECT_EQ(0, memcmp(self->plain, self->text, 50));
}

/* so with the keys of the other suites, of which no message says a word */
TEST_F_TIMEOUT(pkey, bytes_of_other_suites, 120)
{
	static const struct {
		uint8_t suite, aead, key_bytes;
	} cases[] = {
		{ CPNS_SUITE_AES_128_GCM, CPNS_AEAD_GCM, 16 },
		{ CPNS_SUITE_CHACHA20_POLY1305, CPNS_AEAD_RFC7539, 32 },
	};
	uint8_t key[32], secret[32], nonce[12] = { 0 };
	struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 7, .sid = SID,
	};

	for (int i = 0; i < 2; i++) {
		next.number++;
		next.suite = cases[i].suite;
		ASSERT_EQ(self->serial,
			  cpns_test_group_set(&self->test, &next)) {
			TH_LOG("%s", self->test.text);
		}
		ASSERT_EQ(0, cpns_test_epoch_activate(&self->test, self->sgid,
						      next.number));
		ASSERT_EQ(100 + ADDED, seal(self->serial, self->text, 100,
					    self->sealed));
		cpns_test_secret(next.number, secret);
		ASSERT_EQ(0, cpns_test_traffic_key(self->sgid, next.number,
						   secret, CPNS_USE_MESSAGE,
						   cases[i].aead, SID,
						   cases[i].key_bytes, key,
						   cases[i].key_bytes));
		memcpy(nonce + 4, self->sealed + 4, 8);
		memset(self->plain, 0, 100);
		EXPECT_EQ(0, cpns_test_open_sealed(cases[i].aead, key,
						   cases[i].key_bytes, nonce,
						   nonce, 12,
						   self->sealed + 12, 116,
						   self->plain));
		EXPECT_EQ(0, memcmp(self->plain, self->text, 100));
	}
}

/* what another sender made in epoch 7 */
static int seal_as(struct cpns_test *test, const char *sgid, uint16_t sid,
		   const uint8_t text[10], uint8_t *sealed)
{
	const uint8_t head[12] = { 0, 0, 0, 7, sid >> 8, sid, 0, 0, 0, 0, 0, 1 };
	uint8_t key[32], secret[32], nonce[12] = { 0 };

	cpns_test_secret(7, secret);
	memcpy(sealed, head, 12);
	memcpy(nonce + 4, head + 4, 8);
	return cpns_test_traffic_key(sgid, 7, secret, CPNS_USE_MESSAGE,
				     CPNS_AEAD_GCM, sid, 32, key, 32) ?:
	       cpns_test_seal(CPNS_AEAD_GCM, key, 32, nonce, nonce, 12, text,
			      10, sealed + 12);
}

TEST_F_TIMEOUT(pkey, evicted_sender, 120)
{
	uint8_t *evicted = self->sealed, *stays = self->sealed + 100;
	const struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 8, .atd = 600, .dtd = 601,
		.sid = SID, .evicted = SID + 1,
	};

	ASSERT_EQ(0, seal_as(&self->test, self->sgid, SID + 1, self->text,
			     evicted));
	ASSERT_EQ(0, seal_as(&self->test, self->sgid, SID + 2, self->text,
			     stays));
	ASSERT_EQ(10, unseal(self->serial, evicted, 10 + ADDED, self->plain));
	ASSERT_EQ(self->serial, cpns_test_group_set(&self->test, &next)) {
		TH_LOG("%s", self->test.text);
	}
	/* at once, though the epoch is still the one to send with */
	EXPECT_EQ(-EKEYREJECTED, unseal(self->serial, evicted, 10 + ADDED,
					self->plain));
	EXPECT_EQ(10, unseal(self->serial, stays, 10 + ADDED, self->plain));
	EXPECT_EQ(10 + ADDED, seal(self->serial, self->text, 10, self->plain));
	/* and where it is gone the two are told apart all the same */
	ASSERT_EQ(0, cpns_test_epoch_activate(&self->test, self->sgid, 8));
	EXPECT_EQ(-EKEYREJECTED, unseal(self->serial, evicted, 10 + ADDED,
					self->plain));
	EXPECT_EQ(-EKEYEXPIRED, unseal(self->serial, stays, 10 + ADDED,
				       self->plain));
}

/* a group's key signs nothing: all have it */
TEST_F_TIMEOUT(pkey, neither_signs_nor_verifies, 120)
{
	/* what the keys code would not refuse for its size */
	EXPECT_EQ(-1, keyctl_pkey_sign(self->serial, "enc=raw", self->text, 0,
				       self->sealed, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, keyctl_pkey_verify(self->serial, "enc=raw", self->text, 0,
					 self->sealed, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, keyctl_pkey_sign(self->serial, "enc=raw", self->text, 32,
				       self->sealed, 64));
	EXPECT_EQ(-1, keyctl_pkey_verify(self->serial, "enc=raw", self->text,
					 32, self->sealed, 64));
}

TEST_F_TIMEOUT(pkey, sizes, 120)
{
	static const int sizes[] = { 1, 4096, CPNS_MESSAGE_MAX };

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(sizes[i] + ADDED,
			  seal(self->serial, self->text, sizes[i],
			       self->sealed));
		ASSERT_EQ(sizes[i], unseal(self->serial, self->sealed,
					   sizes[i] + ADDED, self->plain));
		EXPECT_EQ(0, memcmp(self->plain, self->text, sizes[i]));
	}
	EXPECT_EQ(-EMSGSIZE, seal(self->serial, self->text,
				  CPNS_MESSAGE_MAX + 1, self->sealed));
	for (int size = 1; size < ADDED; size++)
		EXPECT_EQ(-EBADMSG, unseal(self->serial, self->sealed, size,
					   self->plain));
}

TEST_F_TIMEOUT(pkey, every_byte_counts, 120)
{
	ASSERT_EQ(10 + ADDED, seal(self->serial, self->text, 10, self->sealed));
	for (int i = 0; i < 10 + ADDED; i++) {
		self->sealed[i] ^= 1;
		/* a later epoch is not there yet, an earlier one ended */
		EXPECT_EQ(i < 3 ? -ENOKEY : i == 3 ? -EKEYEXPIRED : -EBADMSG,
			  unseal(self->serial, self->sealed, 10 + ADDED,
				 self->plain));
		self->sealed[i] ^= 1;
	}
	EXPECT_EQ(10, unseal(self->serial, self->sealed, 10 + ADDED,
			     self->plain));
}

TEST_F_TIMEOUT(pkey, epochs_and_suites, 120)
{
	static const uint8_t suites[] = { CPNS_SUITE_AES_128_GCM,
					  CPNS_SUITE_CHACHA20_POLY1305 };
	struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 7, .dtd = 600, .sid = SID,
	};

	ASSERT_EQ(9 + ADDED, seal(self->serial, self->text, 9, self->sealed));
	for (int i = 0; i < 2; i++) {
		next.number++;
		next.suite = suites[i];
		ASSERT_EQ(self->serial,
			  cpns_test_group_set(&self->test, &next)) {
			TH_LOG("%s", self->test.text);
		}
		ASSERT_EQ(0, cpns_test_epoch_activate(&self->test, self->sgid,
						      next.number));
		ASSERT_EQ(20 + ADDED, seal(self->serial, self->text, 20,
					   self->sealed + 100));
		EXPECT_EQ(8 + i, self->sealed[103]);
		EXPECT_EQ(20, unseal(self->serial, self->sealed + 100,
				     20 + ADDED, self->plain));
		/* the old epoch still decrypts */
		EXPECT_EQ(9, unseal(self->serial, self->sealed, 9 + ADDED,
				    self->plain));
	}
}

TEST_F_TIMEOUT(pkey, revoked, 120)
{
	ASSERT_EQ(5 + ADDED, seal(self->serial, self->text, 5, self->sealed));
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, self->sgid));
	EXPECT_EQ(-EKEYREVOKED, seal(self->serial, self->text, 5,
				     self->plain));
	EXPECT_EQ(-EKEYREVOKED, unseal(self->serial, self->sealed, 5 + ADDED,
				       self->plain));
}

TEST_HARNESS_MAIN
