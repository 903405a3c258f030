// SPDX-License-Identifier: GPL-2.0-only
/*
 * The template cpns(X) by AF_ALG: which handles and which X it refuses, with
 * what error, and when; handles for ESP, whose end is told at each request.
 * Needs the module with allow_raw=1, root, and a /run of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include "kselftest_harness.h"
#include "cpns_test.h"

#define GCM "cpns(gcm(aes))"
#define ESP "cpns(rfc4106(gcm(aes)))"
#define SID 0x0102
#define OTHER 0x0203
/* what modprobe(8) is asked for goes there */
#define MODPROBE "/proc/sys/kernel/modprobe"
#define WITNESS "/run/cpns-test-modprobe"
#define ASKED "/run/cpns-test-asked"

FIXTURE(refused)
{
	struct cpns_test test;
	char sgid[64];
	int32_t serial;
};

FIXTURE_SETUP(refused)
{
	struct cpns_test_epoch epoch = { .number = 1, .sid = SID };

	snprintf(self->sgid, sizeof(self->sgid), "urn:cpns:test:refused-%d",
		 getpid());
	epoch.sgid = self->sgid;
	ASSERT_EQ(0, cpns_test_open(&self->test));
	self->serial = cpns_test_group_set(&self->test, &epoch);
	ASSERT_GT(self->serial, 0) {
		TH_LOG("GROUP_SET: %d %s", self->serial, self->test.text);
	}
}

FIXTURE_TEARDOWN(refused)
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

TEST_F_TIMEOUT(refused, other_keys, 120)
{
	static const uint8_t raw[64] = { 1 };
	struct cpns_handle handle;

	for (size_t size = 0; size <= sizeof(raw); size++)
		if (size != sizeof(handle)) {
			EXPECT_EQ(-EINVAL,
				  cpns_test_aead_socket(GCM, raw, size));
		}
	EXPECT_EQ(-EINVAL, keyed(GCM, self->serial, 1, SID, 0, 32));
	EXPECT_EQ(-EINVAL, keyed(GCM, self->serial, 1, SID, 4, 32));
	EXPECT_EQ(-EINVAL, keyed(GCM, self->serial, 1, SID, 2, 24));
	EXPECT_EQ(-EINVAL, keyed(GCM, self->serial, 1, SID, 2, 0));
	EXPECT_EQ(-EINVAL, keyed("cpns(rfc7539(chacha20,poly1305))",
				 self->serial, 1, SID, 2, 16));
	EXPECT_EQ(-EINVAL, keyed(GCM, self->serial, 1, 0, 2, 32));
	EXPECT_EQ(-ENOKEY, keyed(GCM, self->serial, 9, SID, 2, 32));
	EXPECT_EQ(-ENOKEY, keyed(GCM, 0x7ffffff0, 1, SID, 2, 32));
}

/* no key of another type, for whatever use, and no keyring */
TEST_F_TIMEOUT(refused, keys_of_other_types, 120)
{
	int32_t user = add_key("user", "cpns-test-refused", "x", 1,
			       KEY_SPEC_PROCESS_KEYRING);
	int32_t session = keyctl_get_keyring_ID(KEY_SPEC_SESSION_KEYRING, 1);

	ASSERT_GT(user, 0);
	ASSERT_GT(session, 0);
	for (uint8_t use = CPNS_USE_ESP; use <= CPNS_USE_MESSAGE; use++) {
		const char *name = use == CPNS_USE_ESP ? ESP : GCM;

		EXPECT_EQ(-EINVAL, keyed(name, user, 1, SID, use, 32));
		EXPECT_EQ(-EINVAL, keyed(name, session, 1, SID, use, 32));
		/* the caller's own keyrings, by their special ids */
		EXPECT_EQ(-EINVAL, keyed(name, KEY_SPEC_PROCESS_KEYRING, 1,
					 SID, use, 32));
		EXPECT_EQ(-EINVAL, keyed(name, KEY_SPEC_SESSION_KEYRING, 1,
					 SID, use, 32));
		EXPECT_EQ(-EINVAL, keyed(name, KEY_SPEC_USER_KEYRING, 1, SID,
					 use, 32));
		/* ids of nothing */
		EXPECT_EQ(-EINVAL, keyed(name, 0, 1, SID, use, 32));
		EXPECT_EQ(-EINVAL, keyed(name, -100, 1, SID, use, 32));
		EXPECT_EQ(-EINVAL, keyed(name, INT32_MIN, 1, SID, use, 32));
	}
	/* what this process does not have: for ESP told at each request */
	EXPECT_EQ(-ENOKEY, keyed(GCM, KEY_SPEC_THREAD_KEYRING, 1, SID,
				 CPNS_USE_AF_ALG, 32));
	EXPECT_EQ(-ENOKEY, keyed(GCM, KEY_SPEC_REQKEY_AUTH_KEY, 1, SID,
				 CPNS_USE_AF_ALG, 32));
	keyctl_unlink(user, KEY_SPEC_PROCESS_KEYRING);
}

/* 6.1 tells most errors of a template as ENOENT */
static bool no_algorithm(int error)
{
	struct utsname kernel;

	uname(&kernel);
	return error == -EINVAL ||
	       (error == -ENOENT && !strncmp(kernel.release, "6.1.", 4));
}

TEST_F_TIMEOUT(refused, other_algorithms, 120)
{
	static const char *const names[] = {
		"cpns(ccm(aes))", "cpns(rfc4309(ccm(aes)))",
		"cpns(cpns(gcm(aes)))", "cpns(rfc4543(gcm(aes)))",
		"cpns(seqiv(rfc4106(gcm(aes))))", "cpns(gcm(camellia))",
		"cpns(authenc(hmac(sha256),cbc(aes)))", "cpns(gcm(aes-generic))",
		"cpns(gcm_base(ctr(aes),ghash))",
		"cpns(rfc7539(chacha20,poly1305-generic))",
	};
	struct cpns_handle handle;

	cpns_test_handle(&handle, self->serial, 1, SID, CPNS_USE_AF_ALG, 32);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		int ret = cpns_test_aead_socket(names[i], &handle,
						sizeof(handle));

		EXPECT_TRUE(no_algorithm(ret)) {
			TH_LOG("%s: %d", names[i], ret);
		}
	}
}

static int write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	int ret = -1;

	if (file) {
		ret = fputs(text, file);
		fclose(file);
	}
	return ret < 0 ? -1 : chmod(path, 0755);
}

static size_t read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t got = 0;

	if (file) {
		got = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[got] = 0;
	return got;
}

/* else anybody could have modules loaded by a name in parentheses */
TEST_F_TIMEOUT(refused, compared_before_it_is_looked_up, 120)
{
	char before[256], asked[4096];

	ASSERT_GT((int)read_file(MODPROBE, before, sizeof(before)), 0);
	before[strcspn(before, "\n")] = 0;
	unlink(ASKED);
	ASSERT_EQ(0, write_file(WITNESS, "#!/bin/bash\n"
				"echo \"$*\" >>" ASKED "\nexit 1\n"));
	ASSERT_EQ(0, cpns_test_write(MODPROBE, WITNESS));
	EXPECT_TRUE(no_algorithm(keyed("cpns(cpns-test)", self->serial, 1, SID,
				       CPNS_USE_AF_ALG, 32)));
	/* the witness sees who is looked up: the whole name, and another X */
	EXPECT_EQ(-ENOENT, keyed("rfc4106(cpns-test-other)", self->serial, 1,
				 SID, CPNS_USE_AF_ALG, 32));
	EXPECT_EQ(0, cpns_test_write(MODPROBE, before));
	read_file(ASKED, asked, sizeof(asked));
	EXPECT_NE(NULL, strstr(asked, "crypto-cpns(cpns-test)"));
	EXPECT_NE(NULL, strstr(asked, "crypto-cpns-test-other"));
	EXPECT_EQ(NULL, strstr(asked, "crypto-cpns-test\n"));
	EXPECT_EQ(NULL, strstr(asked, "crypto-cpns-test-all")) {
		TH_LOG("%s", asked);
	}
	unlink(WITNESS);
	unlink(ASKED);
}

/* AAD and IV of 8 bytes each: what rfc4106 takes */
static int encrypt(int fd)
{
	uint8_t text[8 + 8 + 20] = { 1 }, sealed[8 + 8 + 20 + 16];

	return cpns_test_aead(fd, true, NULL, 0, 8, text, sizeof(text), sealed,
			      sizeof(sealed));
}

static int decrypt(int fd)
{
	uint8_t sealed[8 + 8 + 20 + 16] = { 1 }, text[8 + 8 + 20];

	return cpns_test_aead(fd, false, NULL, 0, 8, sealed, sizeof(sealed),
			      text, sizeof(text));
}

#define EXPECT_TOLD_LATER(error, serial, epoch, sid) do {		\
	int _fd = keyed(ESP, serial, epoch, sid, CPNS_USE_ESP, 32);	\
									\
	ASSERT_GE(_fd, 0);						\
	EXPECT_EQ(error, encrypt(_fd));					\
	EXPECT_EQ(error, decrypt(_fd));					\
	close(_fd);							\
} while (0)

/*
 * Clones of states whose key has ended may be keyed, since some kernels warn
 * where that fails; but no packet goes through.
 */
TEST_F_TIMEOUT(refused, ended_keys_of_esp, 120)
{
	struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 2, .sid = SID,
	};
	int fd = keyed(ESP, self->serial, 1, SID, CPNS_USE_ESP, 32);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(8 + 8 + 20 + 16, encrypt(fd));
	EXPECT_EQ(-EBADMSG, decrypt(fd));
	/* not there yet, in whatever sense */
	EXPECT_TOLD_LATER(-ENOKEY, self->serial, 2, SID);
	EXPECT_TOLD_LATER(-ENOKEY, 0x7ffffff0, 1, SID);

	next.evicted = OTHER;
	ASSERT_EQ(self->serial, cpns_test_group_set(&self->test, &next));
	for (int i = 0; i < 100 && cpns_test_epoch_state(&self->test,
							 self->sgid, 1); i++)
		usleep(100000);
	EXPECT_EQ(-EKEYEXPIRED, encrypt(fd));
	EXPECT_EQ(-EKEYEXPIRED, decrypt(fd));
	EXPECT_TOLD_LATER(-EKEYEXPIRED, self->serial, 1, SID);
	EXPECT_TOLD_LATER(-EKEYREJECTED, self->serial, 1, OTHER);
	close(fd);

	fd = keyed(ESP, self->serial, 2, SID, CPNS_USE_ESP, 32);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(8 + 8 + 20 + 16, encrypt(fd));
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, self->sgid));
	EXPECT_EQ(-EKEYREVOKED, encrypt(fd));
	EXPECT_EQ(-EKEYREVOKED, decrypt(fd));
	for (uint32_t epoch = 0; epoch <= 3; epoch++)
		EXPECT_TOLD_LATER(-EKEYREVOKED, self->serial, epoch, SID);
	close(fd);
}

TEST_HARNESS_MAIN
