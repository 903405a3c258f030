// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_ALG by a program of others: libkcapi encrypts and decrypts with a handle,
 * by sendmsg and by pages spliced into the socket, and what it makes opens with
 * OpenSSL. Needs the module with allow_raw=1 and root.
 *
 * Layout of input and output: AAD | IV of 12 bytes | text | tag.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <kcapi.h>
#include "kselftest_harness.h"
#include "cpns_test.h"

#define SID 0x0304
#define IV 12
#define TAG 16
#define AAD 20
#define LARGEST 60000

FIXTURE(kcapi)
{
	struct cpns_test test;
	char sgid[64];
	int32_t serial;
	struct kcapi_handle *handle;
	uint8_t *input, *sealed, *opened;
};

FIXTURE_VARIANT(kcapi)
{
	int access;
	const char *algorithm;
	uint8_t aead, key_bytes;
};

FIXTURE_VARIANT_ADD(kcapi, sendmsg_gcm) {
	KCAPI_ACCESS_SENDMSG, "cpns(gcm(aes))", CPNS_AEAD_GCM, 32
};

FIXTURE_VARIANT_ADD(kcapi, splice_gcm) {
	KCAPI_ACCESS_VMSPLICE, "cpns(gcm(aes))", CPNS_AEAD_GCM, 16
};

FIXTURE_VARIANT_ADD(kcapi, splice_chacha) {
	KCAPI_ACCESS_VMSPLICE, "cpns(rfc7539(chacha20,poly1305))",
	CPNS_AEAD_RFC7539, 32
};

FIXTURE_SETUP(kcapi)
{
	struct cpns_test_epoch epoch = { .number = 1, .sid = SID };
	struct cpns_handle key;

	/* a group that was revoked does not begin anew */
	snprintf(self->sgid, sizeof(self->sgid), "urn:cpns:test:libkcapi-%d",
		 getpid());
	epoch.sgid = self->sgid;
	ASSERT_EQ(0, cpns_test_open(&self->test));
	self->serial = cpns_test_group_set(&self->test, &epoch);
	ASSERT_GT(self->serial, 0);
	cpns_test_handle(&key, self->serial, 1, SID, CPNS_USE_AF_ALG,
			 variant->key_bytes);
	/* an instance that exists is found by name */
	ASSERT_EQ(0, kcapi_aead_init(&self->handle, variant->algorithm, 0));
	ASSERT_EQ(0, kcapi_aead_setkey(self->handle, (void *)&key,
				       sizeof(key)));
	ASSERT_EQ(0, kcapi_aead_settaglen(self->handle, TAG));
	kcapi_aead_setassoclen(self->handle, AAD);
	self->input = aligned_alloc(4096, 65536);
	self->sealed = aligned_alloc(4096, 65536);
	self->opened = aligned_alloc(4096, 65536);
	for (int i = 0; i < LARGEST + AAD + IV; i++)
		self->input[i] = i * 7;
	memset(self->input + AAD, 0, IV);
}

FIXTURE_TEARDOWN(kcapi)
{
	kcapi_aead_destroy(self->handle);
	cpns_test_group_revoke(&self->test, self->sgid);
	cpns_test_close(&self->test);
	free(self->input);
	free(self->sealed);
	free(self->opened);
}

TEST_F(kcapi, seals_and_opens)
{
	static const int sizes[] = { 1, 16, 4000, 4096, 16384, LARGEST };
	const uint8_t no_iv[IV] = { 0 };
	uint8_t key[32], secret[CPNS_SECRET_SIZE];

	cpns_test_secret(1, secret);
	ASSERT_EQ(0, cpns_test_traffic_key(self->sgid, 1, secret,
					   CPNS_USE_AF_ALG, variant->aead, SID,
					   variant->key_bytes, key,
					   variant->key_bytes));
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int in = AAD + IV + sizes[i], out = in + TAG;

		ASSERT_EQ(out, kcapi_aead_encrypt(self->handle, self->input, in,
						  no_iv, self->sealed, out,
						  variant->access));
		/* the input is the caller's: nothing is written there */
		EXPECT_EQ(0, memcmp(self->input + AAD, no_iv, IV));
		EXPECT_EQ(0, memcmp(self->input, self->sealed, AAD));
		EXPECT_EQ(i + 1, self->sealed[AAD + IV - 1]);
		ASSERT_EQ(0, cpns_test_open_sealed(variant->aead, key,
						   variant->key_bytes,
						   self->sealed + AAD,
						   self->sealed, AAD + IV,
						   self->sealed + AAD + IV,
						   sizes[i] + TAG,
						   self->opened));
		EXPECT_EQ(0, memcmp(self->opened, self->input + AAD + IV,
				    sizes[i]));
		memset(self->opened, 0, in);
		ASSERT_EQ(in, kcapi_aead_decrypt(self->handle, self->sealed,
						 out, no_iv, self->opened, in,
						 variant->access));
		EXPECT_EQ(0, memcmp(self->opened + AAD + IV,
				    self->input + AAD + IV, sizes[i]));
		self->sealed[out - 1] ^= 1;
		EXPECT_EQ(-EBADMSG, kcapi_aead_decrypt(self->handle,
						       self->sealed, out,
						       no_iv, self->opened, in,
						       variant->access));
	}
}

TEST_HARNESS_MAIN
