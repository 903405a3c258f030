/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A signer's certificate and key in files of their own, for unit tests.
 */
#ifndef CPNS_TEST_SIGNER_H
#define CPNS_TEST_SIGNER_H

#include "proto/signer.h"

struct test_signer {
	char directory[64];
	char certificate_file[128], key_file[128];
	char osg_key_file[128];		/* X25519 */
	struct signer signer;
};

/* only the files */
void test_signer_write(struct test_signer *test, const char *curve);
/* and opened */
void test_signer_make(struct test_signer *test, const char *curve);
void test_signer_remove(struct test_signer *test);

#endif
