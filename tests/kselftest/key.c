// SPDX-License-Identifier: GPL-2.0-only
/*
 * The key type cpns_group and the keyring .cpns: what is shown, who may do
 * what, how a group ends by its key. request_key(2) is in key_request.c. Needs
 * the module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <keyutils.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "member.h"

#define NOBODY 65534
#define RING KEY_SPEC_PROCESS_KEYRING

FIXTURE(key)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(key)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "key")) {
		TH_LOG("%s", self->member.test.text);
	}
}

FIXTURE_TEARDOWN(key)
{
	cpns_test_member_end(&self->member);
}

static bool matches(const char *expression, const char *text)
{
	regex_t compiled;
	bool found;

	if (regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB))
		return false;
	found = !regexec(&compiled, text, 0, NULL, 0);
	regfree(&compiled);
	return found;
}

/* line of /proc/keys that holds @text */
static bool proc_keys(const char *text, char line[512])
{
	FILE *keys = fopen("/proc/keys", "r");
	bool found = false;

	while (keys && !found && fgets(line, 512, keys))
		found = strstr(line, text);
	if (keys)
		fclose(keys);
	return found;
}

/* -errno of a call that gives -1 */
#define ERRNO(call) ((call) == -1 ? -errno : 0)

TEST_F_TIMEOUT(key, keyring_shows_groups, 120)
{
	struct cpns_test_member *m = &self->member;
	char *text;

	ASSERT_GT(keyctl_describe_alloc(m->node.keyring, &text), 0);
	EXPECT_STREQ("keyring;0;0;080b0000;.cpns", text);
	free(text);
	EXPECT_EQ(0, cpns_test_run("keyctl show %%:.cpns | grep -w %d | "
				   "grep -F 'cpns_group: %s'", m->serial,
				   m->sgid));
}

TEST_F_TIMEOUT(key, line_of_print, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_epoch epoch = {
		.sgid = "urn:cpns:test:lifetime", .number = 4294901760U,
		.sid = 65535, .suite = CPNS_SUITE_CHACHA20_POLY1305,
		.lifetime = 4000,
	};
	const uint8_t *kcv = ((struct cpns_header *)m->set.header)->kcv;
	char line[256], want[256];
	int32_t serial;

	snprintf(want, sizeof(want), "epoch=%d state=active suite=AES-256-GCM "
		 "sid=%d expires=never kcv=%02x%02x%02x%02x%02x%02x%02x%02x",
		 MEMBER_EPOCH, MEMBER_SID, kcv[0], kcv[1], kcv[2], kcv[3],
		 kcv[4], kcv[5], kcv[6], kcv[7]);
	EXPECT_STREQ(want, m->line);

	serial = cpns_test_group_set(&m->test, &epoch);
	ASSERT_GT(serial, 0) {
		TH_LOG("%s", m->test.text);
	}
	ASSERT_EQ(0, cpns_test_line(serial, line));
	EXPECT_TRUE(matches("^epoch=4294901760 state=active "
			    "suite=ChaCha20-Poly1305 sid=65535 "
			    "expires=(400[01]|39[0-9][0-9]) kcv=[0-9a-f]{16}$",
			    line)) {
		TH_LOG("%s", line);
	}
	EXPECT_EQ((long)strlen(line), keyctl_read(serial, NULL, 0));
	/* a short buffer gets no more than it holds */
	memset(line, '#', sizeof(line));
	EXPECT_GT(keyctl_read(serial, line, 8), 8);
	EXPECT_EQ('#', line[8]);
}

TEST_F_TIMEOUT(key, lines_of_other_states, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_epoch epoch = {
		.sgid = "urn:cpns:test:short", .number = 2, .sid = 1,
		.suite = CPNS_SUITE_AES_128_GCM, .lifetime = 2,
	};
	char line[256];
	int32_t serial = cpns_test_group_set(&m->test, &epoch);

	ASSERT_GT(serial, 0);
	sleep(3);
	/* the lifetime ends the epoch, not the key */
	ASSERT_EQ(0, cpns_test_line(serial, line));
	EXPECT_STREQ("epoch=2 state=dead suite=none sid=0 expires=never "
		     "kcv=0000000000000000", line);
}

TEST_F_TIMEOUT(key, describe_and_permissions, 120)
{
	struct cpns_test_member *m = &self->member;
	char *text, want[128], line[512];

	ASSERT_GT(keyctl_describe_alloc(m->serial, &text), 0);
	snprintf(want, sizeof(want), "cpns_group;0;0;0f2f0000;%s", m->sgid);
	EXPECT_STREQ(want, text);
	free(text);
	snprintf(want, sizeof(want), "%s: epoch=%d state=active sid=%d",
		 m->sgid, MEMBER_EPOCH, MEMBER_SID);
	EXPECT_TRUE(proc_keys(want, line));
}

TEST_F_TIMEOUT(key, add_key_and_update_are_refused, 120)
{
	struct cpns_test_member *m = &self->member;
	uint8_t reference[CPNS_REFERENCE_SIZE] = { 'R', 'E', 'F', 1 };
	const uint32_t serial = htonl(m->serial);

	memcpy(reference + 4, &serial, 4);
	EXPECT_EQ(-EOPNOTSUPP, ERRNO(add_key("cpns_group", m->sgid, reference,
					     sizeof(reference), RING)));
	EXPECT_EQ(-EOPNOTSUPP, ERRNO(add_key("cpns_group", m->sgid, "x", 1,
					     RING)));
	EXPECT_EQ(-EOPNOTSUPP, ERRNO(add_key("cpns_group", "urn:other", NULL,
					     0, RING)));
	EXPECT_EQ(-EOPNOTSUPP, ERRNO(keyctl_update(m->serial, reference,
						   sizeof(reference))));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

/* what may be a description gets as far as add_key's own refusal */
TEST_F_TIMEOUT(key, descriptions, 120)
{
	static const char *const bad[] = {
		" ", "a b", "urn:\t", "urn:\n", "urn:\x01", "urn:\x7f",
		"urn:\xc3\xa4", "",
	};
	char name[300];

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, ERRNO(add_key("cpns_group", bad[i], "x", 1,
						 RING)));
	memset(name, 'a', sizeof(name));
	name[256] = 0;
	EXPECT_EQ(-EINVAL, ERRNO(add_key("cpns_group", name, "x", 1, RING)));
	name[255] = 0;
	EXPECT_EQ(-EOPNOTSUPP,
		  ERRNO(add_key("cpns_group", name, "x", 1, RING)));
	EXPECT_EQ(-EOPNOTSUPP,
		  ERRNO(add_key("cpns_group", "!~", "x", 1, RING)));
}

TEST_F_TIMEOUT(key, nobody_changes_links, 120)
{
	struct cpns_test_member *m = &self->member;
	const int32_t ring = m->node.keyring;
	int32_t other = add_key("user", "cpns-test", "x", 1, RING);
	char line[512];

	ASSERT_GT(other, 0);
	EXPECT_EQ(-EACCES, ERRNO(keyctl_link(m->serial, RING)));
	EXPECT_EQ(-EACCES, ERRNO(keyctl_unlink(m->serial, ring)));
	EXPECT_EQ(-EACCES, ERRNO(keyctl_move(m->serial, ring, RING, 0)));
	EXPECT_EQ(-EACCES, ERRNO(keyctl_link(other, ring)));
	EXPECT_EQ(-EACCES, ERRNO(add_key("user", "cpns-test", "x", 1, ring)));
	EXPECT_EQ(-EACCES, ERRNO(keyctl_clear(ring)));
	EXPECT_EQ(-EACCES, ERRNO(keyctl_revoke(ring)));
	EXPECT_EQ(-EACCES, ERRNO(keyctl_set_timeout(ring, 1)));
	EXPECT_EQ(-EACCES, ERRNO(keyctl_setperm(ring, 0x3f3f3f3f)));
	EXPECT_EQ(-EACCES, ERRNO(keyctl_restrict_keyring(ring, NULL, NULL)));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	EXPECT_TRUE(proc_keys(".cpns: ", line));
}

/* search permission would do, and the keyring would be gone for good */
TEST_F_TIMEOUT(key, nobody_invalidates_the_keyring, 120)
{
	struct cpns_test_member *m = &self->member;
	char line[512];

	EXPECT_EQ(-EPERM, ERRNO(keyctl_invalidate(m->node.keyring)));
	EXPECT_TRUE(proc_keys(".cpns: ", line));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

/* 0, or the number of what was let through */
static int as_nobody(struct cpns_test_member *m)
{
	char line[512], *text;

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) ||
	    keyctl_join_session_keyring(NULL) < 0)
		return 255;

	const int results[] = {
		ERRNO(keyctl_read(m->serial, line, 256)),
		ERRNO(keyctl_describe_alloc(m->serial, &text)),
		ERRNO(keyctl_revoke(m->serial)),
		ERRNO(keyctl_invalidate(m->serial)),
		ERRNO(keyctl_set_timeout(m->serial, 1)),
		ERRNO(keyctl_setperm(m->serial, 0x3f3f3f3f)),
		ERRNO(keyctl_chown(m->serial, NOBODY, -1)),
		ERRNO(keyctl_link(m->serial, RING)),
		ERRNO(keyctl_read(m->node.keyring, line, 256)),
		ERRNO(keyctl_search(m->node.keyring, "cpns_group", m->sgid, 0)),
		ERRNO(keyctl_pkey_encrypt(m->serial, "enc=raw", "x", 1, line,
					  256)),
		cpns_test_keyed(m->serial, 0, MEMBER_SID),
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(results); i++)
		if (results[i] != -EACCES)
			return i + 1;
	return proc_keys(m->sgid, line) ? 254 : 0;
}

TEST_F_TIMEOUT(key, others_cannot_use_it, 120)
{
	struct cpns_test_member *m = &self->member;
	int status;
	pid_t child = fork();

	if (!child)
		_exit(as_nobody(m));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

/* 0, or the number of what does not go as the permissions of others say */
static int as_nobody_let_in(struct cpns_test_member *m)
{
	struct cpns_handle handle;
	char line[256], text[64];

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) ||
	    keyctl_join_session_keyring(NULL) < 0)
		return 255;
	if (cpns_test_line(m->serial, line) || strcmp(line, m->line))
		return 1;
	if (cpns_test_works(m->serial, 0, MEMBER_SID))
		return 2;
	if (keyctl_pkey_encrypt(m->serial, "enc=raw", "x", 1, text,
				sizeof(text)) < 0)
		return 3;
	/* ESP asks for a capability, whatever the key's permissions */
	cpns_test_handle(&handle, m->serial, 0, MEMBER_SID, CPNS_USE_ESP, 32);
	if (cpns_test_aead_socket("cpns(rfc4106(gcm(aes)))", &handle,
				  sizeof(handle)) != -EPERM)
		return 4;
	/* those that were not given */
	if (ERRNO(keyctl_revoke(m->serial)) != -EACCES ||
	    ERRNO(keyctl_setperm(m->serial, 0x3f3f3f3f)) != -EACCES ||
	    ERRNO(keyctl_set_timeout(m->serial, 1)) != -EACCES ||
	    ERRNO(keyctl_link(m->serial, RING)) != -EACCES)
		return 5;
	return 0;
}

/* root may set permissions: that changes who uses the group, not its life */
TEST_F_TIMEOUT(key, root_loosens_permissions, 120)
{
	struct cpns_test_member *m = &self->member;
	const key_perm_t made = 0x0f2f0000;
	uint8_t sealed[CPNS_TEST_SEALED];
	int32_t ring, serial = m->serial;
	char line[256];
	int status;
	pid_t child;

	ring = add_key("keyring", "cpns-test", NULL, 0, RING);
	ASSERT_GT(ring, 0);
	ASSERT_EQ(0, keyctl_setperm(serial, made | KEY_POS_LINK | KEY_USR_LINK));
	/* a link more and a link less, by each call that takes one away */
	ASSERT_EQ(0, keyctl_link(serial, ring));
	EXPECT_EQ(serial, keyctl_search(ring, "cpns_group", m->sgid, 0));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	ASSERT_EQ(0, keyctl_unlink(serial, ring));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	ASSERT_EQ(0, keyctl_link(serial, ring));
	ASSERT_EQ(0, keyctl_clear(ring));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	ASSERT_EQ(0, keyctl_link(serial, ring));
	ASSERT_EQ(0, keyctl_revoke(ring));
	/* the one in .cpns is no matter of the key's permissions */
	EXPECT_EQ(-EACCES, ERRNO(keyctl_unlink(serial, m->node.keyring)));
	EXPECT_EQ(0, cpns_test_run("keyctl show %%:.cpns | grep -qw %d",
				   serial));
	usleep(500000);		/* the garbage collector's time */
	EXPECT_EQ(0, cpns_test_member_changed(m));

	ASSERT_EQ(0, keyctl_setperm(serial, made | KEY_OTH_VIEW |
				    KEY_OTH_READ | KEY_OTH_SEARCH));
	child = fork();
	if (!child)
		_exit(as_nobody_let_in(m));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	/* and taken back, even from who asks for a new use */
	ASSERT_EQ(0, keyctl_setperm(serial, made));
	child = fork();
	if (!child)
		_exit(as_nobody(m));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));

	/* given away, with a link elsewhere: the end is the group's */
	ring = add_key("keyring", "cpns-test", NULL, 0, RING);
	ASSERT_GT(ring, 0);
	ASSERT_EQ(0, keyctl_setperm(serial, 0x3f3f3f3f));
	ASSERT_EQ(0, keyctl_link(serial, ring));
	ASSERT_EQ(0, keyctl_chown(serial, NOBODY, NOBODY));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_out(m->fd, sealed));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_line(serial, line));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_keyed(serial, 0, MEMBER_SID));
	keyctl_unlink(ring, RING);
}

TEST_F_TIMEOUT(key, revoke_ends_the_group_at_once, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;
	uint8_t sealed[CPNS_TEST_SEALED];
	char line[512];
	int32_t serial;

	ASSERT_EQ(0, cpns_test_out(m->fd, sealed));
	ASSERT_EQ(0, keyctl_revoke(m->serial));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_out(m->fd, sealed));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_back(m->fd, sealed));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_line(m->serial, line));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_keyed(m->serial, 0, MEMBER_SID));
	ASSERT_EQ(0, cpns_test_event(&m->events, CPNS_CMD_GROUP_GONE, 5000,
				     &event));
	EXPECT_EQ(CPNS_REASON_REVOKED, (int)event.reason);
	EXPECT_EQ(CPNS_STATE_NONE,
		  cpns_test_epoch_state(&m->test, m->sgid, MEMBER_EPOCH));

	/* the next epoch has a key of its own */
	ASSERT_EQ(0, cpns_test_member_sealed(m, 6, MEMBER_SID));
	serial = cpns_test_set_send(&m->test, &m->set);
	ASSERT_GT(serial, 0) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_NE(m->serial, serial);
	EXPECT_EQ(0, cpns_test_works(serial, 0, MEMBER_SID));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_out(m->fd, sealed));
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

TEST_F_TIMEOUT(key, timeout_ends_the_group, 120)
{
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[CPNS_TEST_SEALED];
	struct cpns_test_event event;
	int64_t begin, took;

	ASSERT_EQ(0, keyctl_set_timeout(m->serial, 2));
	begin = milliseconds_now();
	EXPECT_EQ(0, cpns_test_out(m->fd, sealed));
	ASSERT_EQ(0, cpns_test_event(&m->events, CPNS_CMD_GROUP_GONE, 15000,
				     &event));
	took = milliseconds_now() - begin;
	EXPECT_EQ(CPNS_REASON_EXPIRED, (int)event.reason);
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_out(m->fd, sealed));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_back(m->fd, sealed));
	/* within two seconds of it, and one for who has to be woken */
	EXPECT_GE(took, 1000);
	EXPECT_LT(took, 4000 + 1000 * (int)cpns_test_slowness());
}

TEST_F_TIMEOUT(key, timeout_may_be_taken_back, 120)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, keyctl_set_timeout(m->serial, 2));
	ASSERT_EQ(0, keyctl_set_timeout(m->serial, 0));
	sleep(4);
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

TEST_F_TIMEOUT(key, invalidate_ends_the_group, 120)
{
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[CPNS_TEST_SEALED];
	struct cpns_test_event event;

	ASSERT_EQ(0, keyctl_invalidate(m->serial));
	ASSERT_EQ(0, cpns_test_event(&m->events, CPNS_CMD_GROUP_GONE, 10000,
				     &event));
	EXPECT_EQ(CPNS_REASON_REVOKED, (int)event.reason);
	EXPECT_EQ(-EKEYREVOKED, cpns_test_out(m->fd, sealed));
}

/* GROUP_REVOKE also revokes the key */
TEST_F_TIMEOUT(key, group_revoke_revokes_the_key, 120)
{
	struct cpns_test_member *m = &self->member;
	char line[512];

	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_line(m->serial, line));
	/* again: it has ended, that is no error */
	EXPECT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
}

TEST_HARNESS_MAIN
