/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A member with one established group, alone in a network namespace of its
 * own: what refusals must leave as it is.
 */
#ifndef CPNS_TEST_MEMBER_H
#define CPNS_TEST_MEMBER_H

#include "sealed.h"

/* of the established group, made by SEAL and ITEM */
#define MEMBER_EPOCH	5
#define MEMBER_SID	7
#define MEMBER_LEAF	3	/* leaf KEK 3 version 1 */
#define MEMBER_KEK	0x40000001	/* version 9, held since */

struct cpns_test_member {
	struct cpns_test test;
	struct cpns_test events;
	struct cpns_test_node node;
	char sgid[64];
	int32_t serial;
	char line[256];
	int fd;				/* AF_ALG, keyed to send */
	struct cpns_test_set set;	/* for the test's own message */
};

/* moves the calling process to a new network namespace; 0 or -errno */
int cpns_test_member_begin(struct cpns_test_member *member, const char *name);
void cpns_test_member_end(struct cpns_test_member *member);
/* @member->set: HEADER of epoch @number, without SEAL and ITEM */
int cpns_test_member_next(struct cpns_test_member *member, uint32_t number);
/* and with: SEAL of leaf KEK 3 version @number, ITEM with the epoch secret */
int cpns_test_member_sealed(struct cpns_test_member *member, uint32_t number,
			    uint16_t sid);
/* 0 if the group prints the same line and encrypts and decrypts as before */
int cpns_test_member_changed(struct cpns_test_member *member);

/* the message was refused so, and nothing changed */
#define EXPECT_REFUSED(member, error, words) do { \
	EXPECT_EQ(error, cpns_test_set_send(&(member)->test, \
					    &(member)->set)) { \
		TH_LOG("text: %s", (member)->test.text); \
	} \
	EXPECT_STREQ(words, (member)->test.text); \
	EXPECT_EQ(0, cpns_test_member_changed(member)); \
} while (0)

#endif
