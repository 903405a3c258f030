// SPDX-License-Identifier: GPL-2.0-only
/*
 * request_key("cpns_group", SGID) through the real request-key(8), with a rule
 * and a helper of this test: what REF is accepted, what ends with it. Needs
 * the module with allow_raw=1, root, and an /etc and /run of its own.
 *
 * The helper runs in the first network namespace, the requester in another:
 * so it is seen that only the requester's counts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "member.h"

#define NOBODY 65534
#define RULE "/etc/request-key.d/cpns_group.conf"
#define HELPER "/run/cpns-test-helper"
#define ANSWER "/run/cpns-test-answer"
#define RING KEY_SPEC_PROCESS_KEYRING

/* the callout is the payload in hex; "self" names the key under construction */
static const char helper[] =
	"#!/bin/bash\n"
	"hex=$3\n"
	"if [[ $hex == self ]]; then printf -v hex 52454601%08x $1; fi\n"
	"printf \"$(sed 's/../\\\\x&/g' <<<\"$hex\")\" |\n"
	"	LANG=C keyctl pinstantiate $1 0 2>" ANSWER "\n";

FIXTURE(request)
{
	struct cpns_test_member member;
};

static int write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");
	int ret = -1;

	if (!file)
		return -1;
	ret = fputs(text, file);
	if (fclose(file) || ret < 0)
		return -1;
	return chmod(path, mode);
}

FIXTURE_SETUP(request)
{
	mkdir("/etc/request-key.d", 0755);
	ASSERT_EQ(0, write_file(HELPER, helper, 0755));
	ASSERT_EQ(0, write_file(RULE, "create cpns_group * * " HELPER
				" %k %d %c %S\n", 0644));
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "request")) {
		TH_LOG("%s", self->member.test.text);
	}
}

FIXTURE_TEARDOWN(request)
{
	cpns_test_member_end(&self->member);
	unlink(RULE);
	unlink(HELPER);
	unlink(ANSWER);
}

/* key by request_key(2) with this callout, or -errno */
static int32_t request(const char *sgid, const char *callout)
{
	int32_t key;

	unlink(ANSWER);
	keyctl_clear(RING);	/* a refusal is remembered there */
	key = request_key("cpns_group", sgid, callout, RING);
	return key < 0 ? -errno : key;
}

static int32_t request_reference(const char *sgid, int32_t serial)
{
	char callout[32];

	snprintf(callout, sizeof(callout), "52454601%08x", serial);
	return request(sgid, callout);
}

/* what the helper's KEYCTL_INSTANTIATE said */
static const char *answer(void)
{
	static char line[256];
	char *colon = NULL;
	FILE *file = fopen(ANSWER, "r");

	line[0] = 0;
	if (file && fgets(line, sizeof(line), file))
		colon = strstr(line, ": ");
	if (file)
		fclose(file);
	line[strcspn(line, "\n")] = 0;
	return colon ? colon + 2 : line;
}

#define EXPECT_HELPER_REFUSED(error, sgid, callout) do { \
	EXPECT_EQ(-ENOKEY, request(sgid, callout)); \
	EXPECT_STREQ(strerror(error), answer()); \
} while (0)

TEST_F_TIMEOUT(request, reference_serves_as_the_key, 180)
{
	struct cpns_test_member *m = &self->member;
	int32_t key = request_reference(m->sgid, m->serial);
	char line[256], *text;

	ASSERT_GT(key, 0) {
		TH_LOG("%d, helper: %s", key, answer());
	}
	EXPECT_NE(m->serial, key);
	ASSERT_EQ(0, cpns_test_line(key, line));
	EXPECT_STREQ(m->line, line);
	ASSERT_GT(keyctl_describe_alloc(key, &text), 0);
	EXPECT_EQ(0, strncmp("cpns_group;", text, 11));
	EXPECT_NE(NULL, strstr(text, m->sgid));
	free(text);
	EXPECT_EQ(0, cpns_test_works(key, 0, MEMBER_SID));
	/* found the next time, without a helper */
	unlink(HELPER);
	EXPECT_EQ(key, request_key("cpns_group", m->sgid, "", RING));
}

TEST_F_TIMEOUT(request, revoked_reference_leaves_the_group, 180)
{
	struct cpns_test_member *m = &self->member;
	int32_t key = request_reference(m->sgid, m->serial);
	uint8_t sealed[CPNS_TEST_SEALED];
	char line[256];
	int fd;

	ASSERT_GT(key, 0);
	fd = cpns_test_keyed(key, 0, MEMBER_SID);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, cpns_test_out(fd, sealed));
	ASSERT_EQ(0, keyctl_revoke(key));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_out(fd, sealed));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_back(fd, sealed));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_line(key, line));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	close(fd);
}

/* a reference whose last link goes: 0 or what its socket said at last */
static int dropped_by(struct cpns_test_member *m, bool clear)
{
	int32_t key = request_reference(m->sgid, m->serial);
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd = cpns_test_keyed(key, 0, MEMBER_SID);
	int ret;

	if (key < 0 || fd < 0)
		return key < 0 ? key : fd;
	ret = cpns_test_out(fd, sealed);
	if (!ret)
		ret = clear ? keyctl_clear(RING) : keyctl_unlink(key, RING);
	for (int i = 0; i < 100 && !ret; i++) {
		usleep(100000);		/* the garbage collector's time */
		ret = cpns_test_out(fd, sealed);
	}
	close(fd);
	return ret;
}

TEST_F_TIMEOUT(request, dropped_reference_stops_its_users, 180)
{
	EXPECT_EQ(-EKEYREVOKED, dropped_by(&self->member, false));
	EXPECT_EQ(0, cpns_test_member_changed(&self->member));
}

TEST_F_TIMEOUT(request, cleared_keyring_stops_its_users, 180)
{
	EXPECT_EQ(-EKEYREVOKED, dropped_by(&self->member, true));
	EXPECT_EQ(0, cpns_test_member_changed(&self->member));
}

TEST_F_TIMEOUT(request, expired_reference_stops_its_users, 180)
{
	struct cpns_test_member *m = &self->member;
	int32_t key = request_reference(m->sgid, m->serial);
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd, ret = 0;

	ASSERT_GT(key, 0);
	fd = cpns_test_keyed(key, 0, MEMBER_SID);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, keyctl_set_timeout(key, 1));
	for (int i = 0; i < 150 && !ret; i++) {
		usleep(100000);
		ret = cpns_test_out(fd, sealed);
	}
	EXPECT_EQ(-EKEYEXPIRED, ret);
	EXPECT_EQ(0, cpns_test_member_changed(m));
	close(fd);
}

/* what else its owner can do with it: it ends, or goes on, the group stays */
TEST_F_TIMEOUT(request, reference_in_its_owners_hands, 180)
{
	struct cpns_test_member *m = &self->member;
	int32_t key = request_reference(m->sgid, m->serial), ring;
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd, ret = 0;

	ASSERT_GT(key, 0);
	fd = cpns_test_keyed(key, 0, MEMBER_SID);
	ASSERT_GE(fd, 0);
	/* payload and kind stay what they are */
	EXPECT_EQ(-1, keyctl_update(key, "REF\1\0\0\0\1", 8));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, keyctl_instantiate(key, "REF\1\0\0\0\1", 8, 0));
	/* in another keyring it is the same key */
	ring = add_key("keyring", "cpns-test", NULL, 0, RING);
	ASSERT_GT(ring, 0);
	EXPECT_EQ(0, keyctl_link(key, ring));
	EXPECT_EQ(0, keyctl_unlink(key, RING));
	sleep(2);
	EXPECT_EQ(0, cpns_test_out(fd, sealed));
	/* without permission to search, no new use; the old one goes on */
	ASSERT_EQ(0, keyctl_setperm(key, KEY_POS_VIEW | KEY_USR_VIEW |
				    KEY_USR_SETATTR));
	EXPECT_EQ(-EACCES, cpns_test_keyed(key, 0, MEMBER_SID));
	EXPECT_EQ(0, cpns_test_out(fd, sealed));
	ASSERT_EQ(0, keyctl_setperm(key, KEY_POS_ALL | KEY_USR_ALL));
	ASSERT_EQ(0, keyctl_invalidate(key));
	for (int i = 0; i < 100 && !ret; i++) {
		usleep(100000);
		ret = cpns_test_out(fd, sealed);
	}
	EXPECT_EQ(-EKEYREVOKED, ret);
	EXPECT_EQ(0, cpns_test_member_changed(m));
	close(fd);
}

/* the end of the group ends what references keyed */
TEST_F_TIMEOUT(request, revoked_group_ends_references, 180)
{
	struct cpns_test_member *m = &self->member;
	int32_t key = request_reference(m->sgid, m->serial);
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd;

	ASSERT_GT(key, 0);
	fd = cpns_test_keyed(key, 0, MEMBER_SID);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, keyctl_revoke(m->serial));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_out(fd, sealed));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_keyed(key, 0, MEMBER_SID));
	close(fd);
	EXPECT_EQ(-ENOKEY, request_reference(m->sgid, m->serial));
	EXPECT_STREQ(strerror(EKEYREVOKED), answer());
}

/* the same group has a new key: who had a reference need not ask again */
TEST_F_TIMEOUT(request, reference_after_set_again, 180)
{
	struct cpns_test_member *m = &self->member;
	int32_t key = request_reference(m->sgid, m->serial), serial;
	uint8_t sealed[CPNS_TEST_SEALED];
	char line[256], own[256];
	int before, after;

	ASSERT_GT(key, 0);
	before = cpns_test_keyed(key, 0, MEMBER_SID);
	ASSERT_GE(before, 0);
	ASSERT_EQ(0, cpns_test_out(before, sealed));
	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_keyed(key, 0, MEMBER_SID));

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID));
	serial = cpns_test_set_send(&m->test, &m->set);
	ASSERT_GT(serial, 0) {
		TH_LOG("%s", m->test.text);
	}
	ASSERT_NE(m->serial, serial);
	/* the epoch that was revoked stays so, for old sockets and new ones */
	EXPECT_EQ(-EKEYREVOKED, cpns_test_out(before, sealed));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_back(before, sealed));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_keyed(key, MEMBER_EPOCH, MEMBER_SID));
	/* the one that came then is used and shown */
	after = cpns_test_keyed(key, 0, MEMBER_SID);
	ASSERT_GE(after, 0);
	EXPECT_EQ(0, cpns_test_out(after, sealed));
	EXPECT_EQ(0, cpns_test_back(after, sealed));
	EXPECT_EQ(0, cpns_test_line(key, line));
	EXPECT_EQ(0, cpns_test_line(serial, own));
	EXPECT_STREQ(own, line);
	/* the group's own old key is no reference */
	EXPECT_EQ(-EKEYREVOKED, cpns_test_keyed(m->serial, 0, MEMBER_SID));
	/* and again the reference ends by itself */
	ASSERT_EQ(0, keyctl_revoke(key));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_out(after, sealed));
	EXPECT_EQ(0, cpns_test_works(serial, 0, MEMBER_SID));
	close(after);
	close(before);
}

TEST_F_TIMEOUT(request, malformed_payloads, 300)
{
	struct cpns_test_member *m = &self->member;
	char callout[64];

	snprintf(callout, sizeof(callout), "52454602%08x", m->serial);
	EXPECT_HELPER_REFUSED(EINVAL, m->sgid, callout);
	snprintf(callout, sizeof(callout), "52454701%08x", m->serial);
	EXPECT_HELPER_REFUSED(EINVAL, m->sgid, callout);
	snprintf(callout, sizeof(callout), "52454601%08x00", m->serial);
	EXPECT_HELPER_REFUSED(EINVAL, m->sgid, callout);
	EXPECT_HELPER_REFUSED(EINVAL, m->sgid, "524546010000");
	EXPECT_HELPER_REFUSED(ENOKEY, m->sgid, "524546017ffffff0");
	/* no special keyring of the helper's */
	EXPECT_HELPER_REFUSED(EINVAL, m->sgid, "52454601fffffffd");
}

TEST_F_TIMEOUT(request, foreign_keys, 300)
{
	struct cpns_test_member *m = &self->member;
	const struct cpns_test_epoch other = {
		.sgid = "urn:cpns:other", .number = 1, .sid = 1,
	};
	int32_t serial, user;
	char callout[64];

	/* another group's */
	serial = cpns_test_group_set(&m->test, &other);
	ASSERT_GT(serial, 0);
	EXPECT_EQ(-ENOKEY, request_reference(m->sgid, serial));
	EXPECT_STREQ(strerror(EKEYREJECTED), answer());

	/* another type's, which the helper may search */
	user = add_key("user", "cpns-test-foreign", "x", 1,
		       KEY_SPEC_THREAD_KEYRING);
	ASSERT_GT(user, 0);
	ASSERT_EQ(0, keyctl_setperm(user, 0x3f3f0000));
	snprintf(callout, sizeof(callout), "52454601%08x", user);
	EXPECT_HELPER_REFUSED(EINVAL, m->sgid, callout);
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

TEST_F_TIMEOUT(request, reference_to_itself_fails_at_once, 180)
{
	struct cpns_test_member *m = &self->member;

	EXPECT_EQ(-ENOKEY, request(m->sgid, "self"));
	EXPECT_NE(0, strcmp("", answer()));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

TEST_F_TIMEOUT(request, reference_to_a_reference, 180)
{
	struct cpns_test_member *m = &self->member;
	int32_t key = request_reference(m->sgid, m->serial);

	ASSERT_GT(key, 0);
	ASSERT_EQ(0, keyctl_setperm(key, 0x3f3f0000));
	/* kept in another keyring: request() clears its own */
	ASSERT_EQ(0, keyctl_link(key, KEY_SPEC_THREAD_KEYRING));
	pid_t child = fork();
	int status;

	if (!child) {
		/* a thread keyring is not inherited: nothing is found there */
		int32_t second = request_reference(m->sgid, key);

		_exit(second != -ENOKEY ||
		      strcmp(strerror(EKEYREJECTED), answer()));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status) {
		TH_LOG("helper: %s", answer());
	}
}

/* a namespace gets no key of another one, though the helper sees both */
TEST_F_TIMEOUT(request, key_of_another_namespace, 180)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	EXPECT_EQ(-ENOKEY, request_reference(m->sgid, m->serial));
	EXPECT_STREQ(strerror(EKEYREJECTED), answer());
	/* nor by a handle */
	EXPECT_EQ(-EACCES, cpns_test_keyed(m->serial, 0, MEMBER_SID));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

static int as_nobody(struct cpns_test_member *m)
{
	uint8_t sealed[CPNS_TEST_SEALED];
	char line[256];
	int32_t key;
	int fd;

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) ||
	    keyctl_join_session_keyring(NULL) < 0)
		return 1;
	key = request_reference(m->sgid, m->serial);
	if (key < 0)
		return 2;
	if (cpns_test_line(key, line) || strcmp(line, m->line))
		return 3;
	fd = cpns_test_keyed(key, 0, MEMBER_SID);
	if (fd < 0 || cpns_test_out(fd, sealed) || cpns_test_back(fd, sealed))
		return 4;
	/* ESP needs CAP_NET_ADMIN, not only the key */
	struct cpns_handle handle;

	cpns_test_handle(&handle, key, 0, MEMBER_SID, CPNS_USE_ESP, 32);
	if (cpns_test_aead_socket("cpns(rfc4106(gcm(aes)))", &handle,
				  sizeof(handle)) != -EPERM)
		return 5;
	if (keyctl_revoke(key) || cpns_test_out(fd, sealed) != -EKEYREVOKED)
		return 6;
	return 0;
}

TEST_F_TIMEOUT(request, unprivileged_program, 180)
{
	struct cpns_test_member *m = &self->member;
	pid_t child = fork();
	int status;

	if (!child)
		_exit(as_nobody(m));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status)) {
		TH_LOG("helper: %s", answer());
	}
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

/* nothing makes a key of the type but a helper that has the authority */
TEST_F_TIMEOUT(request, instantiate_without_authority, 180)
{
	struct cpns_test_member *m = &self->member;

	EXPECT_EQ(-1, keyctl_instantiate(m->serial, "REF\1\0\0\0\1", 8, 0));
	EXPECT_EQ(EPERM, errno);
	/* and without a rule's callout there is none */
	EXPECT_EQ(-1, request_key("cpns_group", m->sgid, NULL, RING));
	EXPECT_EQ(ENOKEY, errno);
}

TEST_HARNESS_MAIN
