/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What enrolment by token and renewal share.  One thread.
 */
#ifndef CPNSCTL_ENROL_H
#define CPNSCTL_ENROL_H

#include <openssl/x509.h>

#include "enrol_session.h"

/* 0, or -EACCES, -EPROTO with words in the session's reason */
int enrol_expect(struct enrol_session *session,
		 const struct enrol_answer *answer, int code, int format);
/* PKCS #10 there, a certificate back; X509_free() ends it */
int enrol_request(struct enrol_session *session, const char *path,
		  EVP_PKEY *key, const struct identity *node,
		  struct enrol_answer *answer, X509 **certificate);
/* complains; an exit code */
int enrol_failed(const char *uri, int error, const char *reason);

/* enrol_key.c */
int enrol_key_take(EVP_PKEY **key, char *reason, size_t room);
void enrol_key_end(void);

/* enrol_renew.c: an exit code */
int enrol_renew(bool if_due);

#endif
