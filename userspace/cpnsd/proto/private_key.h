/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private keys from PEM files.
 */
#ifndef CPNSD_PROTO_PRIVATE_KEY_H
#define CPNSD_PROTO_PRIVATE_KEY_H

#include <openssl/evp.h>
#include <stddef.h>

int private_key_read(const char *path, EVP_PKEY **key, char *reason,
		     size_t room);

#endif
