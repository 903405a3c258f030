// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that fail in what uses a group, see fault_each.h: states of
 * IPsec, sockets of AF_ALG, messages, references.
 *
 * As "fault_use instantiate KEY CALLOUT" it is the helper of request-key(8)
 * that its own test asks for a reference.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <keyutils.h>
#include <libmnl/libmnl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/if_alg.h>
#include <linux/xfrm.h>
#include "fault_each.h"

#ifndef SOL_ALG
#define SOL_ALG 279
#endif

#define SA_SRC "192.0.2.1"
#define SA_DST "192.0.2.2"
#define RULE "/etc/request-key.d/cpns_group.conf"
#define ANSWER "/run/cpns-test-fault"

/* --- SA_ADD ------------------------------------------------------------ */

static int prepare_sa(struct fault_data *self, unsigned int n)
{
	self->sa.spi = 0x1000 + n;
	return 0;
}

static int act_sa(struct fault_data *self)
{
	return cpns_test_sa_add(&self->member.test, &self->sa);
}

static int count_state(const struct nlmsghdr *message, void *count)
{
	++*(int *)count;
	return MNL_CB_OK;
}

/* what xfrm has in this namespace: no shell, 100 execs take minutes here */
static int states_of_xfrm(void)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_XFRM,
						     SOCK_CLOEXEC);
	int ret = MNL_CB_OK, count = 0;

	if (!socket)
		return -errno;
	message->nlmsg_type = XFRM_MSG_GETSA;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		ret = MNL_CB_ERROR;
	while (ret == MNL_CB_OK) {
		ssize_t size = mnl_socket_recvfrom(socket, buffer,
						   sizeof(buffer));

		ret = size < 0 ? MNL_CB_ERROR :
		      mnl_cb_run(buffer, size, 0, 0, count_state, &count);
	}
	mnl_socket_close(socket);
	return ret == MNL_CB_STOP ? count : -EIO;
}

static int verify_sa(struct fault_data *self)
{
	struct cpns_test *test = &self->member.test;
	int ret = cpns_test_sa_get(test, self->sa.spi, self->sa.dir, NULL);

	if (!ret)
		ret = cpns_test_sa_del(test, &self->sa);
	/* of a pending epoch's outbound state xfrm knew nothing */
	if (!ret)
		ret = cpns_test_sa_count(test, NULL);
	if (!ret)
		ret = states_of_xfrm();
	return ret > 0 ? -EUCLEAN : ret;
}

static void fail_each_of_sa(struct __test_metadata *_metadata,
			    struct fault_data *self,
			    uint8_t dir, uint32_t epoch, uint8_t mode)
{
	static const struct operation operation = {
		prepare_sa, act_sa, verify_sa,
	};

	self->sa = (struct cpns_test_sa) {
		.sgid = self->member.sgid, .epoch = epoch,
		.sid = dir == CPNS_DIR_OUT ? MEMBER_SID : 44,
		.dir = dir, .mode = mode,
		.src = SA_SRC, .dst = SA_DST, .reqid = 9,
		.window = dir == CPNS_DIR_IN ? 64 : 0,
	};
	fail_each(_metadata, self, &operation);
}

TEST_F_TIMEOUT(fault, sa_add_in, 900)
{
	fail_each_of_sa(_metadata, self, CPNS_DIR_IN, MEMBER_EPOCH,
			CPNS_SA_MODE_TUNNEL);
}

TEST_F_TIMEOUT(fault, sa_add_out, 900)
{
	fail_each_of_sa(_metadata, self, CPNS_DIR_OUT, MEMBER_EPOCH,
			CPNS_SA_MODE_TUNNEL);
}

TEST_F_TIMEOUT(fault, sa_add_out_of_pending_epoch, 900)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID));
	ASSERT_GT(cpns_test_set_send(&m->test, &m->set), 0);
	ASSERT_EQ(0, cpns_test_line(m->serial, m->line));
	fail_each_of_sa(_metadata, self, CPNS_DIR_OUT, MEMBER_EPOCH + 1,
			CPNS_SA_MODE_TRANSPORT);
}

/* --- AF_ALG ------------------------------------------------------------ */

static int prepare_key(struct fault_data *self, unsigned int n)
{
	struct sockaddr_alg name = {
		.salg_family = AF_ALG,
		.salg_type = "aead",
		.salg_name = "cpns(gcm(aes))",
	};

	self->parent = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return self->parent < 0 ||
	       bind(self->parent, (void *)&name, sizeof(name)) ? -errno : 0;
}

static int act_key(struct fault_data *self)
{
	struct cpns_handle handle;

	cpns_test_handle(&handle, self->member.serial, 0, MEMBER_SID,
			 CPNS_USE_AF_ALG, 32);
	return setsockopt(self->parent, SOL_ALG, ALG_SET_KEY, &handle,
			  sizeof(handle)) ? -errno : 0;
}

static int verify_key(struct fault_data *self)
{
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd, ret;

	if (setsockopt(self->parent, SOL_ALG, ALG_SET_AEAD_AUTHSIZE, NULL, 16))
		return -errno;
	fd = accept(self->parent, NULL, 0);
	close(self->parent);
	ret = fd < 0 ? -errno : cpns_test_out(fd, sealed);
	if (!ret)
		ret = cpns_test_back(self->member.fd, sealed);
	close(fd);
	return ret;
}

TEST_F_TIMEOUT(fault, af_alg_set_key, 900)
{
	static const struct operation operation = {
		prepare_key, act_key, verify_key,
	};

	fail_each(_metadata, self, &operation);
}

/* a request that failed half-way stays in its socket: a new one each time */
static int prepare_request(struct fault_data *self, unsigned int n)
{
	self->fd = cpns_test_keyed(self->member.serial, 0, MEMBER_SID);
	return self->fd < 0 ? self->fd : 0;
}

static int act_request(struct fault_data *self)
{
	int ret = cpns_test_out(self->fd, self->sealed);

	if (!ret)
		ret = cpns_test_back(self->fd, self->sealed);
	if (ret) {
		close(self->fd);
		/* of no use once the fault is over: armed faults come once */
		self->fd = cpns_test_keyed(self->member.serial, 0, MEMBER_SID);
	}
	return ret;
}

static int verify_request(struct fault_data *self)
{
	int ret = cpns_test_back(self->member.fd, self->sealed);

	close(self->fd);
	return ret;
}

TEST_F_TIMEOUT(fault, af_alg_request, 900)
{
	static const struct operation operation = {
		prepare_request, act_request, verify_request,
	};

	fail_each(_metadata, self, &operation);
}

/* --- messages ---------------------------------------------------------- */

static int act_encrypt(struct fault_data *self)
{
	self->sealed_size = keyctl_pkey_encrypt(self->member.serial, "enc=raw",
						"fault", 5, self->sealed,
						sizeof(self->sealed));
	return self->sealed_size < 0 ? -errno : 0;
}

static int act_decrypt(struct fault_data *self)
{
	char text[64];
	long ret = keyctl_pkey_decrypt(self->member.serial, "enc=raw",
				       self->sealed, self->sealed_size, text,
				       sizeof(text));

	if (ret < 0)
		return -errno;
	return ret == 5 && !memcmp(text, "fault", 5) ? 0 : -EUCLEAN;
}

static int prepare_decrypt(struct fault_data *self, unsigned int n)
{
	return act_encrypt(self);
}

TEST_F_TIMEOUT(fault, message_encrypt, 900)
{
	static const struct operation operation = {
		NULL, act_encrypt, act_decrypt,
	};

	fail_each(_metadata, self, &operation);
}

TEST_F_TIMEOUT(fault, message_decrypt, 900)
{
	static const struct operation operation = {
		prepare_decrypt, act_decrypt, NULL,
	};

	fail_each(_metadata, self, &operation);
}

/* --- references -------------------------------------------------------- */

/* the helper: instantiate @key by REF, allocation @n of it failing first */
static int helper(int32_t key, const char *callout)
{
	struct cpns_reference_payload payload = {
		.magic = "REF", .version = 1,
	};
	unsigned int n, serial;
	int ret, again = 0;
	bool fired;
	FILE *file;

	if (sscanf(callout, "%u:%x", &n, &serial) != 2 ||
	    cpns_test_fault_ready() || keyctl_assume_authority(key) < 0)
		return 1;
	payload.serial = htonl(serial);
	cpns_test_fault_arm(n);
	ret = keyctl_instantiate(key, &payload, sizeof(payload), 0) ? -errno : 0;
	fired = cpns_test_fault_fired();
	if (ret && keyctl_instantiate(key, &payload, sizeof(payload), 0))
		again = -errno;
	file = fopen(ANSWER, "w");
	if (!file)
		return 1;
	fprintf(file, "%d %d %d\n", ret, fired, again);
	return fclose(file) ? 1 : 0;
}

static int write_rule(void)
{
	char program[256];
	ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
	FILE *file;

	if (size < 0)
		return -errno;
	program[size] = 0;
	mkdir("/etc/request-key.d", 0755);
	file = fopen(RULE, "w");
	if (!file)
		return -errno;
	fprintf(file, "create cpns_group * * %s instantiate %%k %%c\n", program);
	return fclose(file) ? -errno : 0;
}

struct answer {
	int ret, fired, again;
};

/* key by a helper whose allocation @n fails, or -errno */
static int32_t request(struct fault_data *self, unsigned int n,
		       struct answer *answer)
{
	char callout[32];
	FILE *file;
	int32_t key;

	unlink(ANSWER);
	snprintf(callout, sizeof(callout), "%u:%x", n, self->member.serial);
	key = request_key("cpns_group", self->member.sgid, callout,
			  KEY_SPEC_PROCESS_KEYRING);
	if (key < 0)
		return -errno;
	file = fopen(ANSWER, "r");
	if (!file || fscanf(file, "%d %d %d", &answer->ret, &answer->fired,
			    &answer->again) != 3)
		key = -EPROTO;
	if (file)
		fclose(file);
	return key;
}

/* each time a new key: the last one is gone when the next is asked for */
TEST_F_TIMEOUT(fault, instantiate_by_reference, 900)
{
	struct answer answer = { .fired = 1 };
	unsigned int n, failures = 0;
	char line[256];

	ASSERT_EQ(0, write_rule());
	for (n = 1; answer.fired && n < MOST; n++) {
		int32_t key;

		ASSERT_EQ(0, look(self, self->before));
		key = request(self, n, &answer);
		ASSERT_GT(key, 0) {
			TH_LOG("allocation %u: %s", n, strerror(-key));
		}
		EXPECT_TRUE(!answer.ret || answer.ret == -ENOMEM) {
			TH_LOG("allocation %u: %s", n, strerror(-answer.ret));
		}
		EXPECT_EQ(0, answer.again);
		failures += !!answer.ret;
		EXPECT_EQ(0, look(self, self->after));
		EXPECT_STREQ(self->before, self->after);
		EXPECT_EQ(0, cpns_test_member_changed(&self->member));
		EXPECT_EQ(0, cpns_test_line(key, line));
		EXPECT_STREQ(self->member.line, line);
		EXPECT_EQ(0, cpns_test_works(key, 0, MEMBER_SID));
		ASSERT_EQ(0, keyctl_invalidate(key));
	}
	EXPECT_FALSE(answer.fired);
	EXPECT_GT(failures, 0);
	TH_LOG("%u allocations, %u of them were needed", n - 2, failures);
	unlink(RULE);
	unlink(ANSWER);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "instantiate"))
		return helper(atoi(argv[2]), argv[3]);
	return test_harness_run(argc, argv);
}
