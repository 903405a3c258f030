// SPDX-License-Identifier: GPL-2.0-only
/*
 * SA_ADD and SA_DEL refuse: each refusal with its error, its text and no state
 * left behind. Needs the module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include "kselftest_harness.h"
#include "member.h"

#define SPI		0x1000
#define OTHER		(MEMBER_SID + 100)
#define RANGE		"integer out of range"

/* what an attribute holds; of size 0, the request is without it */
struct value {
	uint16_t size;
	union {
		uint8_t bytes[64];
		uint16_t u16;
		uint32_t u32;
		char text[64];
	};
};

#define U8(number)	((struct value){ 1, .bytes = { number } })
#define U16(number)	((struct value){ 2, .u16 = (number) })
#define U32(number)	((struct value){ 4, .u32 = (number) })
#define V4(a, b, c, d)	((struct value){ 4, .bytes = { a, b, c, d } })
#define TEXT(string)	((struct value){ sizeof(string), .text = string })
#define NOTHING		((struct value){ 0 })

/* a request, by attributes that can be altered one by one */
struct request {
	struct value attribute[CPNS_A_MAX + 1];
};

struct refusal {
	int error;
	const char *why;
	uint16_t attribute;
	struct value value;
};

static const struct value v6 = {
	16, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 1 }
};

static const struct value v6_other = {
	16, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 2 }
};

static const struct value v6_multicast = {
	16, .bytes = { 0xff, 2, [15] = 1 }
};

FIXTURE(esp_refused)
{
	struct cpns_test_member m;
	struct request out, in;
};

static void put(struct request *request, uint16_t attribute,
		struct value value)
{
	request->attribute[attribute] = value;
}

static void put_sgid(struct request *request, const char *sgid)
{
	struct value value = { .size = strlen(sgid) + 1 };

	memcpy(value.text, sgid, value.size);
	put(request, CPNS_A_SGID, value);
}

FIXTURE_SETUP(esp_refused)
{
	struct request *out = &self->out, *in = &self->in;

	memset(out, 0, sizeof(*out));
	ASSERT_EQ(0, cpns_test_member_begin(&self->m, "esp-refused")) {
		TH_LOG("%s", self->m.test.text);
	}
	put_sgid(out, self->m.sgid);
	put(out, CPNS_A_EPOCH, U32(MEMBER_EPOCH));
	put(out, CPNS_A_SID, U16(MEMBER_SID));
	put(out, CPNS_A_DIR, U8(CPNS_DIR_OUT));
	put(out, CPNS_A_SRC, V4(192, 0, 2, 1));
	put(out, CPNS_A_DST, V4(192, 0, 2, 2));
	put(out, CPNS_A_SPI, U32(htonl(SPI)));
	put(out, CPNS_A_REQID, U32(5));
	put(out, CPNS_A_MODE, U8(CPNS_SA_MODE_TUNNEL));
	*in = *out;
	put(in, CPNS_A_DIR, U8(CPNS_DIR_IN));
	put(in, CPNS_A_SID, U16(OTHER));
	put(in, CPNS_A_SRC, V4(192, 0, 2, 2));
	put(in, CPNS_A_DST, V4(192, 0, 2, 1));
}

FIXTURE_TEARDOWN(esp_refused)
{
	cpns_test_member_end(&self->m);
}

static int ask(struct cpns_test_member *m, uint8_t command,
	       const struct request *request)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(&m->test, buffer, command, 0);
	for (int i = 1; i <= CPNS_A_MAX; i++)
		if (request->attribute[i].size)
			mnl_attr_put(message, i, request->attribute[i].size,
				     request->attribute[i].bytes);
	return cpns_test_talk(&m->test, message, NULL, NULL);
}

static int sa_add(struct cpns_test_member *m, const struct request *request)
{
	return ask(m, CPNS_CMD_SA_ADD, request);
}

/* outbound of the same group, addresses and SPI: for what else SA_DEL takes */
static void only_names(struct request *request)
{
	static const uint16_t drop[] = {
		CPNS_A_EPOCH, CPNS_A_SID, CPNS_A_SRC, CPNS_A_REQID, CPNS_A_MODE,
	};

	for (unsigned int i = 0; i < sizeof(drop) / sizeof(drop[0]); i++)
		put(request, drop[i], NOTHING);
}

#define REFUSED(code, words, command, request) do {			\
	EXPECT_EQ(code, ask(&self->m, command, request));		\
	EXPECT_STREQ(words, self->m.test.text);				\
} while (0)

#define EACH_REFUSED(command, base, list) do {				\
	for (unsigned int _i = 0; _i < sizeof(list) / sizeof(list[0]); _i++) { \
		struct request _request = *(base);			\
									\
		put(&_request, (list)[_i].attribute, (list)[_i].value);	\
		REFUSED((list)[_i].error, (list)[_i].why, command,	\
			&_request);					\
	}								\
} while (0)

TEST_F_TIMEOUT(esp_refused, outbound, 120)
{
	const struct refusal refusals[] = {
		{ -EINVAL, "SGID or serial is missing", CPNS_A_SGID, NOTHING },
		{ -EINVAL, "malformed SGID", CPNS_A_SGID,
		  TEXT("a b") },
		{ -ENOKEY, "no such group in this namespace", CPNS_A_SGID,
		  TEXT("urn:cpns:none") },
		{ -ENOKEY, "no such key", CPNS_A_SERIAL, U32(0x7ffffff0) },
		{ -ENOKEY, "the group has no such epoch", CPNS_A_EPOCH,
		  U32(MEMBER_EPOCH + 4) },
		{ -EKEYEXPIRED, "the key or the epoch has ended", CPNS_A_EPOCH,
		  U32(MEMBER_EPOCH - 1) },
		{ -EINVAL, "outbound only with the node's own sender id",
		  CPNS_A_SID, U16(OTHER) },
		{ -EINVAL, "direction is missing", CPNS_A_DIR, NOTHING },
		{ -ERANGE, RANGE, CPNS_A_DIR, U8(0) },
		{ -ERANGE, RANGE, CPNS_A_DIR, U8(3) },
		{ -EINVAL, "an address is missing", CPNS_A_SRC, NOTHING },
		{ -EINVAL, "an address is missing", CPNS_A_DST, NOTHING },
		{ -EINVAL, "an address has 4 or 16 bytes", CPNS_A_SRC,
		  ((struct value){ 8, .bytes = { 1, 2, 3, 4, 5, 6, 7, 8 } }) },
		{ -EINVAL, "an address has 4 or 16 bytes", CPNS_A_DST,
		  ((struct value){ 3, .bytes = { 1, 2, 3 } }) },
		{ -EINVAL, "address is unspecified", CPNS_A_SRC,
		  V4(0, 0, 0, 0) },
		{ -EINVAL, "address is unspecified", CPNS_A_DST,
		  V4(0, 0, 0, 0) },
		{ -EINVAL, "addresses of different families", CPNS_A_SRC,
		  v6 },
		{ -EINVAL, "addresses of different families", CPNS_A_DST,
		  v6 },
		{ -EINVAL, "addresses of different families", CPNS_A_SRC,
		  v6_multicast },
		{ -EINVAL, "source is a multicast address", CPNS_A_SRC,
		  V4(239, 1, 1, 1) },
		{ -EINVAL, "source is a multicast address", CPNS_A_SRC,
		  V4(255, 255, 255, 255) },
		{ -EINVAL, "SPI is missing", CPNS_A_SPI, NOTHING },
		{ -EINVAL, "SPIs below 256 are reserved (RFC 4303)", CPNS_A_SPI,
		  U32(0) },
		{ -EINVAL, "SPIs below 256 are reserved (RFC 4303)", CPNS_A_SPI,
		  U32(htonl(255)) },
		{ -EINVAL, "outbound states have no replay window",
		  CPNS_A_WINDOW, U32(64) },
		{ -ERANGE, RANGE, CPNS_A_MODE, U8(2) },
		{ -EINVAL, "the cipher has no keys of this size",
		  CPNS_A_KEY_BYTES, U8(0) },
		{ -EINVAL, "the cipher has no keys of this size",
		  CPNS_A_KEY_BYTES, U8(24) },
	};
	struct request both = self->out;

	EACH_REFUSED(CPNS_CMD_SA_ADD, &self->out, refusals);
	put(&both, CPNS_A_SRC, v6_multicast);
	put(&both, CPNS_A_DST, v6);
	REFUSED(-EINVAL, "source is a multicast address", CPNS_CMD_SA_ADD,
		&both);
	EXPECT_EQ(0, cpns_test_sa_count(&self->m.test, NULL));
	EXPECT_EQ(0, cpns_test_member_changed(&self->m));
	/* nothing else was wrong with it */
	EXPECT_EQ(0, sa_add(&self->m, &self->out));
}

TEST_F_TIMEOUT(esp_refused, inbound, 120)
{
	const struct refusal refusals[] = {
		{ -EINVAL, "no sender id", CPNS_A_SID, NOTHING },
		{ -EINVAL, "no sender id", CPNS_A_SID, U16(0) },
		{ -ERANGE, RANGE, CPNS_A_WINDOW, U32(1025) },
	};
	struct cpns_test_event event;
	struct request own = self->in;

	EACH_REFUSED(CPNS_CMD_SA_ADD, &self->in, refusals);
	/* one's own traffic must not come in as another's */
	put(&own, CPNS_A_SID, U16(MEMBER_SID));
	REFUSED(-EINVAL, "inbound with the node's own sender id",
		CPNS_CMD_SA_ADD, &own);
	ASSERT_EQ(0, cpns_test_event(&self->m.events, CPNS_CMD_ALARM, 1000,
				     &event));
	EXPECT_EQ(CPNS_REASON_OWN_SID, (int)event.reason);
	EXPECT_EQ(0, cpns_test_sa_count(&self->m.test, NULL));
	/* the second of two */
	EXPECT_EQ(0, sa_add(&self->m, &self->in));
	REFUSED(-EEXIST, "SPI and destination are taken", CPNS_CMD_SA_ADD,
		&self->in);
	EXPECT_EQ(1, cpns_test_sa_count(&self->m.test, NULL));
}

TEST_F_TIMEOUT(esp_refused, deletion, 120)
{
	const struct refusal refusals[] = {
		{ -EINVAL, "SGID or serial is missing", CPNS_A_SGID, NOTHING },
		{ -ENOKEY, "no such group in this namespace", CPNS_A_SGID,
		  TEXT("urn:cpns:none") },
		{ -EINVAL, "an address is missing", CPNS_A_DST, NOTHING },
		{ -EINVAL, "SPI is missing", CPNS_A_SPI, NOTHING },
		{ -ENOENT, "the group has no such state", CPNS_A_SPI,
		  U32(htonl(SPI + 1)) },
		{ -ENOENT, "the group has no such state", CPNS_A_DIR,
		  U8(CPNS_DIR_IN) },
		{ -ENOENT, "the group has no such state", CPNS_A_MARK,
		  U32(1) },
	};
	struct request delete = self->out;

	only_names(&delete);
	ASSERT_EQ(0, sa_add(&self->m, &self->out));
	EACH_REFUSED(CPNS_CMD_SA_DEL, &delete, refusals);
	EXPECT_EQ(1, cpns_test_sa_count(&self->m.test, NULL));
	EXPECT_EQ(0, ask(&self->m, CPNS_CMD_SA_DEL, &delete));
	EXPECT_EQ(0, cpns_test_sa_count(&self->m.test, NULL));
}

/* by serial: any other key is refused */
TEST_F_TIMEOUT(esp_refused, other_keys, 120)
{
	int32_t user = add_key("user", "other", "x", 1,
			       KEY_SPEC_PROCESS_KEYRING);

	ASSERT_GT(user, 0);
	put(&self->out, CPNS_A_SGID, NOTHING);
	put(&self->out, CPNS_A_SERIAL, U32(user));
	REFUSED(-ENOKEY, "not a valid key of this type and namespace",
		CPNS_CMD_SA_ADD, &self->out);
	put(&self->out, CPNS_A_SERIAL, U32(self->m.node.keyring));
	REFUSED(-ENOKEY, "not a valid key of this type and namespace",
		CPNS_CMD_SA_ADD, &self->out);
	put(&self->out, CPNS_A_SERIAL, U32(self->m.serial));
	EXPECT_EQ(0, sa_add(&self->m, &self->out));
}

TEST_F_TIMEOUT(esp_refused, epoch_is_overtaken, 120)
{
	struct cpns_test_member *m = &self->m;

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid,
					      MEMBER_EPOCH + 1));
	REFUSED(-ESTALE, "the epoch is not sent with any more", CPNS_CMD_SA_ADD,
		&self->out);
	EXPECT_EQ(0, sa_add(m, &self->in));
	put(&self->out, CPNS_A_EPOCH, U32(MEMBER_EPOCH + 1));
	EXPECT_EQ(0, sa_add(m, &self->out));
}

/* who has no sender id can only receive */
TEST_F_TIMEOUT(esp_refused, no_sender_id, 120)
{
	struct cpns_test_member *m = &self->m;

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, 0));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	put(&self->out, CPNS_A_EPOCH, U32(MEMBER_EPOCH + 1));
	REFUSED(-EINVAL, "outbound only with the node's own sender id",
		CPNS_CMD_SA_ADD, &self->out);
	put(&self->out, CPNS_A_SID, NOTHING);
	REFUSED(-EINVAL, "no sender id", CPNS_CMD_SA_ADD, &self->out);
	put(&self->in, CPNS_A_EPOCH, U32(MEMBER_EPOCH + 1));
	EXPECT_EQ(0, sa_add(m, &self->in));
}

TEST_F_TIMEOUT(esp_refused, group_has_ended, 120)
{
	struct cpns_test_member *m = &self->m;

	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
	REFUSED(-EKEYREVOKED, "the group has ended", CPNS_CMD_SA_ADD,
		&self->out);
	put(&self->in, CPNS_A_SGID, NOTHING);
	put(&self->in, CPNS_A_SERIAL, U32(m->serial));
	REFUSED(-ENOKEY, "not a valid key of this type and namespace",
		CPNS_CMD_SA_ADD, &self->in);
	only_names(&self->out);
	REFUSED(-ENOENT, "the group has no such state", CPNS_CMD_SA_DEL,
		&self->out);
}

/*
 * keyctl timeout: a state that is added before the module has looked at the
 * key carries nothing, and is gone after that look.
 */
TEST_F_TIMEOUT(esp_refused, key_timed_out, 120)
{
	struct cpns_test_member *m = &self->m;
	uint8_t sealed[CPNS_TEST_SEALED];
	char line[256];
	int ret = 0;

	ASSERT_EQ(0, keyctl_set_timeout(m->serial, 1));
	for (int i = 0; i < 500 && ret != -EKEYEXPIRED; i++) {
		usleep(10000);
		ret = cpns_test_line(m->serial, line);
	}
	ASSERT_EQ(-EKEYEXPIRED, ret);
	ret = sa_add(m, &self->out);
	EXPECT_TRUE(!ret || (ret == -EKEYREVOKED &&
			     !strcmp("the group has ended", m->test.text))) {
		TH_LOG("%d %s", ret, m->test.text);
	}
	for (int i = 0; i < 30 && cpns_test_sa_count(&m->test, NULL); i++)
		usleep(100000 * cpns_test_slowness());
	EXPECT_EQ(0, cpns_test_sa_count(&m->test, NULL));
	EXPECT_NE(0, cpns_test_out(m->fd, sealed));
	REFUSED(-EKEYREVOKED, "the group has ended", CPNS_CMD_SA_ADD,
		&self->out);
}

/* without the module @name, and with nobody to load it; 4 it is built in */
static int without(const char *name)
{
	return cpns_test_run("cp /proc/sys/kernel/modprobe /run/cpns-test-modprobe || exit 1\n"
			     "grep -q '^%s ' /proc/modules || modprobe %s || exit 4\n"
			     "grep -q '^%s ' /proc/modules || exit 4\n"
			     "modprobe -r %s || exit 1\n"
			     "echo /bin/false >/proc/sys/kernel/modprobe",
			     name, name, name, name);
}

static void with_modules_again(void)
{
	cpns_test_run("cat /run/cpns-test-modprobe >/proc/sys/kernel/modprobe");
}

TEST_F_TIMEOUT(esp_refused, no_esp_for_the_family, 120)
{
	int ret = without("esp6");

	if (ret == 4)
		SKIP(return, "esp6 is built in");
	ASSERT_EQ(0, ret);
	put(&self->out, CPNS_A_SRC, v6);
	put(&self->out, CPNS_A_DST, v6_other);
	REFUSED(-EPROTONOSUPPORT, "no ESP for this family and mode",
		CPNS_CMD_SA_ADD, &self->out);
	with_modules_again();
	EXPECT_EQ(0, cpns_test_sa_count(&self->m.test, NULL));
	EXPECT_EQ(0, sa_add(&self->m, &self->out));
}

TEST_F_TIMEOUT(esp_refused, no_cipher, 120)
{
	const struct cpns_test_epoch epoch = {
		.sgid = "urn:cpns:test:esp-refused:chacha", .number = 1,
		.sid = MEMBER_SID, .suite = CPNS_SUITE_CHACHA20_POLY1305,
	};
	int ret;

	ASSERT_GT(cpns_test_group_set(&self->m.test, &epoch), 0);
	put_sgid(&self->out, epoch.sgid);
	put(&self->out, CPNS_A_EPOCH, U32(1));
	put(&self->out, CPNS_A_KEY_BYTES, U8(16));
	REFUSED(-EINVAL, "the cipher has no keys of this size", CPNS_CMD_SA_ADD,
		&self->out);
	put(&self->out, CPNS_A_KEY_BYTES, NOTHING);
	ret = without("chacha20poly1305");
	if (ret == 4)
		SKIP(return, "the cipher is built in");
	ASSERT_EQ(0, ret);
	REFUSED(-EOPNOTSUPP, "this kernel lacks the cipher", CPNS_CMD_SA_ADD,
		&self->out);
	with_modules_again();
	EXPECT_EQ(0, cpns_test_sa_count(&self->m.test, NULL));
	EXPECT_EQ(0, sa_add(&self->m, &self->out));
}

TEST_HARNESS_MAIN
