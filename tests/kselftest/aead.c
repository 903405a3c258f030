// SPDX-License-Identifier: GPL-2.0-only
/*
 * The template cpns(X) by AF_ALG: bytes checked against OpenSSL, IVs, states,
 * permissions. What it must refuse is in aead_refused.c too. Needs the module
 * with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "cpns_test.h"

#define GCM "cpns(gcm(aes))"
#define SID 0x0102
#define OTHER 0x0203

static const char aad[] = "header";
static const char text[] = "the quick brown fox jumps over the lazy dog";
#define AAD (sizeof(aad) - 1)
#define TEXT (sizeof(text) - 1)
#define SEALED (AAD + 12 + TEXT + 16)

FIXTURE(aead)
{
	struct cpns_test test;
	char sgid[64];
	int32_t serial;
	uint8_t secret[CPNS_SECRET_SIZE];
};

FIXTURE_SETUP(aead)
{
	struct cpns_test_epoch epoch = { .number = 1, .sid = SID };

	/* an epoch number is never taken twice, so each test has its group */
	snprintf(self->sgid, sizeof(self->sgid), "urn:cpns:test:aead-%d",
		 getpid());
	epoch.sgid = self->sgid;
	ASSERT_EQ(0, cpns_test_open(&self->test));
	self->serial = cpns_test_group_set(&self->test, &epoch);
	ASSERT_GT(self->serial, 0) {
		TH_LOG("GROUP_SET: %d %s", self->serial, self->test.text);
	}
	cpns_test_secret(1, self->secret);
}

FIXTURE_TEARDOWN(aead)
{
	cpns_test_group_revoke(&self->test, self->sgid);
	cpns_test_close(&self->test);
}

static int keyed(const char *algorithm, int32_t serial, uint32_t epoch,
		 uint16_t sid, uint8_t use, uint8_t key_bytes)
{
	struct cpns_handle handle;

	cpns_test_handle(&handle, serial, epoch, sid, use, key_bytes);
	return cpns_test_aead_socket(algorithm, &handle, sizeof(handle));
}

/* AAD | 12 zero bytes | text -> AAD | IV | ciphertext | tag */
static int seal(int fd, uint8_t *sealed)
{
	uint8_t input[AAD + 12 + TEXT] = { 0 };

	memcpy(input, aad, AAD);
	memcpy(input + AAD + 12, text, TEXT);
	return cpns_test_aead(fd, true, NULL, 0, AAD, input, sizeof(input),
			      sealed, SEALED);
}

static int unseal(int fd, const uint8_t *sealed, uint8_t *out)
{
	return cpns_test_aead(fd, false, NULL, 0, AAD, sealed, SEALED, out,
			      SEALED - 16);
}

static uint64_t counter_of(const uint8_t *sealed)
{
	uint64_t value = 0;

	for (int i = 6; i < 12; i++)
		value = value << 8 | sealed[AAD + i];
	return value;
}

TEST_F_TIMEOUT(aead, bytes_as_openssl_makes_them, 120)
{
	static const struct {
		const char *algorithm;
		uint8_t id, key_bytes;
	} cases[] = {
		{ GCM, CPNS_AEAD_GCM, 32 },
		{ GCM, CPNS_AEAD_GCM, 16 },
		{ "cpns(rfc7539(chacha20,poly1305))", CPNS_AEAD_RFC7539, 32 },
	};
	uint64_t counter = 0;

	for (unsigned int i = 0; i < 3; i++) {
		uint8_t sealed[SEALED], plain[SEALED], key[32];
		int fd = keyed(cases[i].algorithm, self->serial, 0, SID,
			       CPNS_USE_AF_ALG, cases[i].key_bytes);

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, cpns_test_traffic_key(self->sgid, 1, self->secret,
						   CPNS_USE_AF_ALG, cases[i].id,
						   SID, cases[i].key_bytes, key,
						   cases[i].key_bytes));
		for (int j = 0; j < 3; j++) {
			ASSERT_EQ((int)SEALED, seal(fd, sealed));
			EXPECT_EQ(0, memcmp(sealed, aad, AAD));
			EXPECT_EQ(0, memcmp(sealed + AAD, "\0\0\0\0\1\2", 6));
			/* one counter for all sockets and ciphers */
			EXPECT_EQ(++counter, counter_of(sealed));
			EXPECT_EQ(0, cpns_test_open_sealed(cases[i].id, key,
							   cases[i].key_bytes,
							   sealed + AAD, sealed,
							   AAD + 12,
							   sealed + AAD + 12,
							   TEXT + 16, plain));
			EXPECT_EQ(0, memcmp(plain, text, TEXT));
			ASSERT_EQ((int)SEALED - 16,
				  unseal(fd, sealed, plain));
			EXPECT_EQ(0, memcmp(plain, sealed, AAD + 12));
			EXPECT_EQ(0, memcmp(plain + AAD + 12, text, TEXT));
		}
		close(fd);
	}
}

TEST_F_TIMEOUT(aead, opens_what_another_sender_sealed, 120)
{
	uint8_t key[32], sealed[SEALED], plain[SEALED], wrong[SEALED];
	int fd, own;

	ASSERT_EQ(0, cpns_test_traffic_key(self->sgid, 1, self->secret,
					   CPNS_USE_AF_ALG, CPNS_AEAD_GCM,
					   OTHER, 32, key, 32));
	memcpy(sealed, aad, AAD);
	memcpy(sealed + AAD, "\0\0\0\0\2\3\0\0\0\0\0\1", 12);
	ASSERT_EQ(0, cpns_test_seal(CPNS_AEAD_GCM, key, 32, sealed + AAD,
				    sealed, AAD + 12, text, TEXT,
				    sealed + AAD + 12));
	fd = keyed(GCM, self->serial, 1, OTHER, CPNS_USE_AF_ALG, 32);
	ASSERT_GE(fd, 0);
	own = keyed(GCM, self->serial, 1, SID, CPNS_USE_AF_ALG, 32);
	ASSERT_GE(own, 0);
	ASSERT_EQ((int)SEALED - 16, unseal(fd, sealed, plain));
	EXPECT_EQ(0, memcmp(plain + AAD + 12, text, TEXT));
	/* with one's own key it is no message, and only that one encrypts */
	EXPECT_EQ(-EBADMSG, unseal(own, sealed, wrong));
	EXPECT_EQ(-ENOKEY, seal(fd, wrong));
	/* every byte counts: AAD, IV, ciphertext, tag */
	for (size_t i = 0; i < SEALED; i++) {
		memcpy(wrong, sealed, SEALED);
		wrong[i] ^= 0x10;
		ASSERT_EQ(-EBADMSG, unseal(fd, wrong, plain)) {
			TH_LOG("byte %zu", i);
		}
	}
	close(own);
	close(fd);
}

TEST_F_TIMEOUT(aead, sizes, 120)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 4083, 4084, 4085,
					8192, 60000 };
	/* short AAD goes another way than long */
	static const size_t aads[] = { 0, 1, 63, 64, 65, 500 };
	int fd = keyed(GCM, self->serial, 0, SID, CPNS_USE_AF_ALG, 32);
	uint8_t *input = calloc(1, 65536), *sealed = malloc(65536);
	uint8_t *plain = malloc(65536);

	ASSERT_GE(fd, 0);
	for (unsigned int a = 0; a < 6; a++)
		for (unsigned int i = 0; i < 10; i++) {
			size_t head = aads[a] + 12;
			size_t all = head + sizes[i];

			for (size_t j = 0; j < all; j++)
				input[j] = j * 7;
			memset(input + aads[a], 0, 12);
			ASSERT_EQ((int)all + 16,
				  cpns_test_aead(fd, true, NULL, 0, head - 12,
						 input, all, sealed, all + 16));
			ASSERT_EQ((int)all,
				  cpns_test_aead(fd, false, NULL, 0, head - 12,
						 sealed, all + 16, plain, all));
			EXPECT_EQ(0, memcmp(sealed, input, aads[a]));
			EXPECT_EQ(0, memcmp(plain, sealed, head));
			EXPECT_EQ(0, memcmp(plain + head, input + head,
					    sizes[i]));
			/* the AAD counts, however long it is */
			sealed[aads[a] / 2] ^= 1;
			EXPECT_EQ(-EBADMSG,
				  cpns_test_aead(fd, false, NULL, 0, head - 12,
						 sealed, all + 16, plain, all));
		}
	/* shorter than IV and tag */
	EXPECT_EQ(-EINVAL, cpns_test_aead(fd, true, NULL, 0, 0, input, 11,
					  plain, 27));
	EXPECT_EQ(-EINVAL, cpns_test_aead(fd, false, NULL, 0, 0, input, 27,
					  plain, 11));
	free(input);
	free(sealed);
	free(plain);
	close(fd);
}

TEST_F_TIMEOUT(aead, refuses_an_iv_of_the_caller, 120)
{
	uint8_t input[AAD + 12 + TEXT] = { 0 }, sealed[SEALED], plain[SEALED];
	int fd = keyed(GCM, self->serial, 0, SID, CPNS_USE_AF_ALG, 32);
	uint8_t iv[12] = { 0 };

	ASSERT_GE(fd, 0);
	EXPECT_EQ((int)SEALED, cpns_test_aead(fd, true, iv, 12, AAD, input,
					      sizeof(input), sealed, SEALED));
	iv[11] = 1;
	EXPECT_EQ(-EINVAL, cpns_test_aead(fd, true, iv, 12, AAD, input,
					  sizeof(input), plain, SEALED));
	EXPECT_EQ(-EINVAL, cpns_test_aead(fd, false, iv, 12, AAD, sealed,
					  SEALED, plain, SEALED - 16));
	iv[11] = 0;
	input[AAD + 5] = 1;
	EXPECT_EQ(-EINVAL, cpns_test_aead(fd, true, iv, 12, AAD, input,
					  sizeof(input), plain, SEALED));
	close(fd);
}

TEST_F_TIMEOUT(aead, states_count_on_open_sockets, 120)
{
	struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 2, .atd = 600, .dtd = 601,
		.sid = SID + 1,
	};
	uint8_t sealed[SEALED], newer[SEALED], plain[SEALED];
	int old = keyed(GCM, self->serial, 1, SID, CPNS_USE_AF_ALG, 32), new;

	ASSERT_GE(old, 0);
	ASSERT_EQ((int)SEALED, seal(old, sealed));
	ASSERT_EQ(self->serial, cpns_test_group_set(&self->test, &next)) {
		TH_LOG("%s", self->test.text);
	}
	ASSERT_EQ(CPNS_STATE_PENDING,
		  cpns_test_epoch_state(&self->test, self->sgid, 2));
	new = keyed(GCM, self->serial, 2, SID + 1, CPNS_USE_AF_ALG, 32);
	ASSERT_GE(new, 0);
	EXPECT_EQ(-ESTALE, seal(new, plain));
	EXPECT_EQ((int)SEALED, seal(old, sealed));

	ASSERT_EQ(0, cpns_test_epoch_activate(&self->test, self->sgid, 2));
	EXPECT_EQ((int)SEALED, seal(new, newer));
	EXPECT_EQ(-ESTALE, seal(old, plain));
	EXPECT_EQ((int)SEALED - 16, unseal(old, sealed, plain));
	EXPECT_EQ((int)SEALED - 16, unseal(new, newer, plain));

	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, self->sgid));
	EXPECT_EQ(-EKEYREVOKED, seal(new, plain));
	EXPECT_EQ(-EKEYREVOKED, unseal(new, newer, plain));
	EXPECT_EQ(-EKEYREVOKED, unseal(old, sealed, plain));
	EXPECT_LT(keyed(GCM, self->serial, 2, SID + 1, CPNS_USE_AF_ALG, 32), 0);
	close(new);
	close(old);
}

TEST_F_TIMEOUT(aead, lifetime_ends_at_its_second, 120)
{
	struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 2, .lifetime = 2, .sid = SID,
	};
	uint8_t sealed[SEALED], plain[SEALED];
	int fd;

	ASSERT_EQ(self->serial, cpns_test_group_set(&self->test, &next)) {
		TH_LOG("%s", self->test.text);
	}
	fd = keyed(GCM, self->serial, 2, SID, CPNS_USE_AF_ALG, 32);
	ASSERT_GE(fd, 0);
	EXPECT_EQ((int)SEALED - 16, (seal(fd, sealed), unseal(fd, sealed,
							      plain)));
	sleep(3);
	EXPECT_EQ(-EKEYEXPIRED, seal(fd, sealed));
	EXPECT_EQ(-EKEYEXPIRED, unseal(fd, sealed, plain));
	close(fd);
}

/* epochs that ended are told apart, at setkey as at requests */
TEST_F_TIMEOUT(aead, ended_epochs_by_number, 120)
{
	struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 2, .sid = SID,
	};

	ASSERT_EQ(self->serial, cpns_test_group_set(&self->test, &next));
	for (int i = 0; i < 50 && cpns_test_epoch_state(&self->test, self->sgid,
							1); i++)
		usleep(100000);
	ASSERT_EQ(CPNS_STATE_NONE,
		  cpns_test_epoch_state(&self->test, self->sgid, 1));
	EXPECT_EQ(-EKEYEXPIRED, keyed(GCM, self->serial, 1, SID, 2, 32));
	next.number = 3;
	next.evicted = OTHER;
	ASSERT_EQ(self->serial, cpns_test_group_set(&self->test, &next));
	for (int i = 0; i < 50 && cpns_test_epoch_state(&self->test, self->sgid,
							2); i++)
		usleep(100000);
	EXPECT_EQ(-EKEYREJECTED, keyed(GCM, self->serial, 1, OTHER, 2, 32));
	EXPECT_EQ(-EKEYREJECTED, keyed(GCM, self->serial, 2, OTHER, 2, 32));
	EXPECT_EQ(-EKEYEXPIRED, keyed(GCM, self->serial, 2, SID, 2, 32));
	EXPECT_EQ(-ENOKEY, keyed(GCM, self->serial, 4, SID, 2, 32));
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, self->sgid));
	EXPECT_EQ(-EKEYREVOKED, keyed(GCM, self->serial, 3, SID, 2, 32));
}

struct sealer {
	int fd;
	uint64_t counters[200];
	int failed;
};

static void *seal_many(void *context)
{
	struct sealer *sealer = context;
	uint8_t sealed[SEALED];

	for (int i = 0; i < 200; i++) {
		if (seal(sealer->fd, sealed) != (int)SEALED)
			sealer->failed++;
		sealer->counters[i] = counter_of(sealed);
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

TEST_F_TIMEOUT(aead, no_iv_twice, 120)
{
	struct sealer sealers[4] = { 0 };
	pthread_t threads[4];
	uint64_t all[800];

	for (int i = 0; i < 4; i++) {
		sealers[i].fd = keyed(GCM, self->serial, 0, SID,
				      CPNS_USE_AF_ALG, i & 1 ? 16 : 32);
		ASSERT_GE(sealers[i].fd, 0);
		pthread_create(&threads[i], NULL, seal_many, &sealers[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, sealers[i].failed);
		memcpy(all + 200 * i, sealers[i].counters, 200 * sizeof(*all));
		close(sealers[i].fd);
	}
	qsort(all, 800, sizeof(*all), by_value);
	for (int i = 0; i < 800; i++)
		ASSERT_EQ((uint64_t)i + 1, all[i]);
}

TEST_F_TIMEOUT(aead, nobody_is_refused, 120)
{
	pid_t child = fork();
	int status;

	if (!child) {
		int fd;

		if (setgid(65534) || setuid(65534))
			_exit(100);
		fd = keyed(GCM, self->serial, 1, SID, CPNS_USE_AF_ALG, 32);
		if (fd != -EACCES)
			_exit(1);
		fd = keyed("cpns(rfc4106(gcm(aes)))", self->serial, 1, SID,
			   CPNS_USE_ESP, 32);
		_exit(fd == -EPERM ? 0 : 2);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F_TIMEOUT(aead, other_namespace_is_refused, 120)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (unshare(CLONE_NEWNET))
			_exit(100);
		_exit(keyed(GCM, self->serial, 1, SID, CPNS_USE_AF_ALG, 32) ==
		      -EACCES ? 0 : 1);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* root of another user namespace has no power over this network namespace */
TEST_F_TIMEOUT(aead, root_elsewhere_is_refused, 120)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(100);
		if (keyed("cpns(rfc4106(gcm(aes)))", self->serial, 1, SID,
			  CPNS_USE_ESP, 32) != -EPERM)
			_exit(1);
		_exit(keyed(GCM, self->serial, 1, SID, CPNS_USE_AF_ALG, 32) ==
		      -EACCES ? 0 : 2);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F_TIMEOUT(aead, holds_the_module, 120)
{
	int fd = keyed(GCM, self->serial, 1, SID, CPNS_USE_AF_ALG, 32);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, syscall(SYS_delete_module, "cpns_group", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	close(fd);
}

TEST_HARNESS_MAIN
