/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Identities of CPNS entities in X.509 certificates (wire.md section 1).
 *
 * The kind and the id come from the URI in subjectAltName alone, never from
 * the CN or a DNS name.
 */
#ifndef CPNSD_IDENTITY_H
#define CPNSD_IDENTITY_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define IDENTITY_ID_MAX 64

enum identity_kind {
	IDENTITY_NONE,
	IDENTITY_NODE,
	IDENTITY_SERVER,
	IDENTITY_SIGNER,
	IDENTITY_SMF,
	IDENTITY_ENROLLING,	/* a node that comes with a one-time token,
				 * never in a certificate
				 */
};

struct identity {
	enum identity_kind kind;
	char id[IDENTITY_ID_MAX + 1];
};

/* "urn:cpns:node:gw1" and back; -EINVAL if it is not such a URI */
int identity_parse(const char *uri, struct identity *identity);
void identity_uri(const struct identity *identity, char uri[96]);

/* [A-Za-z0-9._-]{1,64} */
bool identity_id_valid(const char *id);

const char *identity_kind_name(enum identity_kind kind);	/* "node" */

int identity_from_certificate(X509 *certificate, struct identity *identity);

/*
 * Chain, CRL, time, EKU and kind of a certificate that a peer or a COSE
 * header (x5chain) brought.  @purpose says which kind is expected.  @reason
 * gets the cause in words.  Time is certificate time: the latest of clock,
 * build time and last time saved.  Returns 0 or -EACCES, -EKEYEXPIRED,
 * -EKEYREVOKED, -EINVAL.
 */
struct identity_trust;
int identity_trust_open(struct identity_trust **trust, const char *ca_file,
			const char *crl_file, char *reason, size_t room);
/* reads both files anew; what is refused leaves the old ones */
int identity_trust_reload(struct identity_trust *trust, const char *ca_file,
			  const char *crl_file, char *reason, size_t room);
void identity_trust_close(struct identity_trust *trust);
X509_STORE *identity_trust_store(struct identity_trust *trust);
time_t identity_certificate_time(void);
/* last time saved: <state>/time, /var/lib/cpns unless named before */
void identity_time_directory(const char *state);
int identity_time_save(time_t at_least);
int identity_verify(struct identity_trust *trust, X509 *certificate,
		    struct stack_st_X509 *chain, enum identity_kind kind,
		    struct identity *identity, char *reason, size_t room);
int identity_verify_der(struct identity_trust *trust,
			const uint8_t *certificate, size_t size,
			enum identity_kind kind, struct identity *identity,
			char *reason, size_t room);

#endif
