/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The certification authority behind the KMC (device ID and key assignment,
 * AD 5.3.1.9): its private key is used in here only.
 *
 * The loop's thread.
 */
#ifndef CPNSD_KMC_CA_H
#define CPNSD_KMC_CA_H

#include <openssl/x509.h>
#include <stddef.h>

#include "transport/identity.h"

struct kmc_ca;

/* the first certificate of @certificate_file is the authority's own */
int kmc_ca_open(struct kmc_ca **ca, const char *certificate_file,
		const char *key_file, char *reason, size_t room);
void kmc_ca_close(struct kmc_ca *ca);
/* all of the file, the own one first; borrowed */
const struct stack_st_X509 *kmc_ca_certificates(const struct kmc_ca *ca);
/* a node's certificate for @key, good for @days, never longer than the CA */
int kmc_ca_issue(struct kmc_ca *ca, EVP_PKEY *key,
		 const struct identity *identity, unsigned int days,
		 X509 **certificate, char *reason, size_t room);

#endif
