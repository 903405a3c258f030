// SPDX-License-Identifier: GPL-2.0-only
/*
 * HMAC and HKDF (RFC 5869) over the kernel's SHA-256 library, which cannot
 * fail and wipes its state. Any context, no locks.
 */
#include <crypto/sha2.h>

#include "cpns.h"

#ifdef CPNS_HAVE_SHA256_CTX
#define sha256_state sha256_ctx
#endif

/**
 * cpns_hkdf_extract() - HKDF-Extract with SHA-256 (RFC 5869, 2.2)
 * @salt: salt
 * @salt_len: at most 64
 * @ikm: input keying material, concatenated
 * @parts: how many
 * @prk: 32 bytes; may be the same memory as a part
 *
 * Is HMAC-SHA256 (RFC 2104) of @ikm with the key @salt.
 */
void cpns_hkdf_extract(const void *salt, unsigned int salt_len,
		       const struct kvec *ikm, unsigned int parts, u8 *prk)
{
	u8 pad[SHA256_BLOCK_SIZE] = {};
	struct sha256_state sha;
	unsigned int i;

	memcpy(pad, salt, salt_len);
	for (i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	sha256_init(&sha);
	sha256_update(&sha, pad, sizeof(pad));
	for (i = 0; i < parts; i++)
		sha256_update(&sha, ikm[i].iov_base, ikm[i].iov_len);
	sha256_final(&sha, prk);
	for (i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	sha256_init(&sha);
	sha256_update(&sha, pad, sizeof(pad));
	sha256_update(&sha, prk, SHA256_DIGEST_SIZE);
	sha256_final(&sha, prk);
	memzero_explicit(pad, sizeof(pad));
}

/**
 * cpns_hkdf_expand() - HKDF-Expand with SHA-256 (RFC 5869, 2.3)
 * @prk: 32 bytes
 * @info: context, concatenated; at most 6 parts
 * @parts: how many
 * @out: result
 * @out_len: at most 255 * 32 bytes
 */
void cpns_hkdf_expand(const u8 *prk, const struct kvec *info,
		      unsigned int parts, u8 *out, unsigned int out_len)
{
	u8 t[SHA256_DIGEST_SIZE], n = 1;
	struct kvec part[8] = { { t, 0 } };
	unsigned int take;

	memcpy(&part[1], info, parts * sizeof(*info));
	part[parts + 1] = (struct kvec){ &n, 1 };
	for (; out_len; out_len -= take, out += take, n++) {
		cpns_hkdf_extract(prk, SHA256_DIGEST_SIZE, part, parts + 2, t);
		take = min_t(unsigned int, out_len, sizeof(t));
		memcpy(out, t, take);
		part[0].iov_len = sizeof(t);
	}
	memzero_explicit(t, sizeof(t));
}
