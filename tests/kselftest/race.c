// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once on one group: epochs set, sender ids replaced, epochs
 * activated, the group revoked by command and by its key, dumps, messages
 * encrypted by two threads. No IV comes twice in an epoch, numbers only grow,
 * only refusals that are documented come, the kernel does not complain (the
 * runner looks). Needs the module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <keyutils.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include "kselftest_harness.h"
#include "cpns_test.h"

#define SGID "urn:cpns:test:race"
#define SECONDS 6
#define RECORDS 40000

/* epoch and IV of a message, as it stands in its header */
struct record {
	uint8_t bytes[CPNS_MESSAGE_HEADER_SIZE];
};

struct sender {
	pthread_t thread;
	struct record *record;
	size_t records;
	int unexpected;
};

static atomic_bool stop;
static atomic_int serial, number, set_count, revoked;

/* first errno outside the list */
static int odd(long ret, const int *allowed)
{
	if (ret >= 0)
		return 0;
	for (; *allowed; allowed++)
		if (ret == -*allowed)
			return 0;
	return ret;
}

static void *set_epochs(void *result)
{
	static const int allowed[] = { EBUSY, EKEYREVOKED, EKEYREJECTED,
				       ENOSPC, 0 };
	struct cpns_test_epoch epoch = { .sgid = SGID, .dtd = 9 };
	struct cpns_test test;
	int *unexpected = result;
	uint16_t sid = 0;

	if (cpns_test_open(&test))
		return NULL;
	while (!stop && !*unexpected) {
		int32_t ret;

		/* now a new epoch, now a new sender id, now the same again */
		epoch.number = number + (sid % 3 == 0);
		epoch.sid = 100 + sid - sid % 2;
		sid++;
		epoch.atd = sid % 2;
		ret = cpns_test_group_set(&test, &epoch);
		if (ret > 0) {
			serial = ret;
			set_count++;
		}
		if (ret >= 0)
			number = epoch.number;
		*unexpected = odd(ret, allowed);
	}
	cpns_test_close(&test);
	return NULL;
}

static void *revoke_it(void *result)
{
	static const int allowed[] = { EKEYREVOKED, ENOKEY, 0 };
	struct cpns_test test;
	int *unexpected = result;

	if (cpns_test_open(&test))
		return NULL;
	for (int i = 0; !stop && !*unexpected; i++) {
		long ret;

		usleep(90000);
		ret = i % 2 ? cpns_test_group_revoke(&test, SGID) :
		      keyctl_revoke(serial) ? -errno : 0;
		revoked++;
		*unexpected = odd(ret, allowed);
	}
	cpns_test_close(&test);
	return NULL;
}

static int highest(struct nlattr **a, void *context)
{
	if (a[CPNS_A_HIGHEST])
		*(uint32_t *)context = mnl_attr_get_u32(a[CPNS_A_HIGHEST]);
	return 0;
}

static void *look(void *result)
{
	static const int allowed[] = { ENOKEY, ESTALE, 0 };
	char buffer[CPNS_TEST_BUFFER], line[256];
	uint32_t before = 0, now = 0;
	struct cpns_test test;
	int *unexpected = result;

	if (cpns_test_open(&test))
		return NULL;
	while (!stop && !*unexpected) {
		*unexpected = cpns_test_talk(&test,
					     cpns_test_message(&test, buffer,
							       CPNS_CMD_GROUP_GET,
							       NLM_F_DUMP),
					     highest, &now);
		if (now < before)
			*unexpected = -ERANGE;
		before = now;
		*unexpected = *unexpected ? *unexpected :
			      odd(cpns_test_epoch_activate(&test, SGID, number),
				  allowed);
		keyctl_read(serial, line, sizeof(line));
		cpns_test_sa_count(&test, NULL);
	}
	cpns_test_close(&test);
	return NULL;
}

static void *encrypt(void *context)
{
	static const int allowed[] = { EKEYREVOKED, EKEYEXPIRED, ENOKEY,
				       ESTALE, 0 };
	struct sender *sender = context;
	uint8_t sealed[64];

	while (!stop && !sender->unexpected && sender->records < RECORDS) {
		long ret = keyctl_pkey_encrypt(serial, "enc=raw", "race", 4,
					       sealed, sizeof(sealed));

		ret = ret < 0 ? -errno : ret;
		if (ret > 0)
			memcpy(&sender->record[sender->records++], sealed,
			       sizeof(struct record));
		sender->unexpected = odd(ret, allowed);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct record));
}

TEST(no_iv_twice)
{
	const struct cpns_test_epoch first = {
		.sgid = SGID, .number = 1, .sid = 1,
	};
	void *(*const others[])(void *) = { set_epochs, revoke_it, look, look };
	struct record *record = calloc(2 * RECORDS, sizeof(*record));
	struct sender sender[2] = { { 0 } };
	int unexpected[4] = { 0 }, twice = 0;
	struct cpns_test test;
	pthread_t thread[4];
	size_t records;

	ASSERT_NE(NULL, record);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, cpns_test_open(&test));
	serial = cpns_test_group_set(&test, &first);
	ASSERT_GT(serial, 0);
	number = 1;
	for (int i = 0; i < 2; i++) {
		sender[i].record = record + i * RECORDS;
		ASSERT_EQ(0, pthread_create(&sender[i].thread, NULL, encrypt,
					    &sender[i]));
	}
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, others[i],
					    &unexpected[i]));
	sleep(SECONDS);
	stop = true;
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, unexpected[i]);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(sender[i].thread, NULL);
		EXPECT_EQ(0, sender[i].unexpected);
	}

	records = sender[0].records + sender[1].records;
	memmove(record + sender[0].records, sender[1].record,
		sender[1].records * sizeof(*record));
	qsort(record, records, sizeof(*record), compare);
	for (size_t i = 1; i < records; i++)
		twice += !compare(&record[i - 1], &record[i]);
	EXPECT_EQ(0, twice);
	TH_LOG("%zu messages, %d times set, %d times revoked, epoch %d",
	       records, set_count, revoked, number);
	EXPECT_GT(records, 0);
	EXPECT_GT(set_count, 3);
	EXPECT_GT(revoked, 3);
	cpns_test_close(&test);
	free(record);
}

TEST_HARNESS_MAIN
