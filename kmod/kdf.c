// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHA-256, HMAC and HKDF (RFC 5869) over one unkeyed digest that is allocated
 * at module load and shared by all; process context, no locks.
 */
#include <crypto/hash.h>
#include <linux/slab.h>

#include "cpns.h"

#define SHA256_SIZE	32
#define SHA256_BLOCK	64

static struct crypto_shash *cpns_sha;

int cpns_kdf_init(void)
{
	cpns_sha = crypto_alloc_shash("sha256", 0, 0);
	return PTR_ERR_OR_ZERO(cpns_sha);
}

void cpns_kdf_exit(void)
{
	crypto_free_shash(cpns_sha);
}

/**
 * cpns_sha256() - SHA-256 in one call
 * @data: bytes
 * @len: how many
 * @digest: 32 bytes
 *
 * Return: 0 or negative errno.
 */
int cpns_sha256(const void *data, unsigned int len, u8 *digest)
{
	SHASH_DESC_ON_STACK(desc, cpns_sha);
	int err;

	desc->tfm = cpns_sha;
	err = crypto_shash_digest(desc, data, len, digest);
	shash_desc_zero(desc);
	return err;
}

/* HMAC-SHA256 (RFC 2104); @mac may be the same memory as @key or a part */
static int cpns_hmac(const u8 *key, unsigned int key_len,
		     const struct kvec *part, unsigned int parts, u8 *mac)
{
	SHASH_DESC_ON_STACK(desc, cpns_sha);
	u8 pad[SHA256_BLOCK] = {}, inner[SHA256_SIZE];
	unsigned int i;
	int err;

	if (WARN_ON_ONCE(key_len > SHA256_BLOCK))
		return -EINVAL;
	desc->tfm = cpns_sha;
	memcpy(pad, key, key_len);
	for (i = 0; i < SHA256_BLOCK; i++)
		pad[i] ^= 0x36;
	err = crypto_shash_init(desc);
	err = err ?: crypto_shash_update(desc, pad, SHA256_BLOCK);
	for (i = 0; i < parts && !err; i++)
		err = crypto_shash_update(desc, part[i].iov_base,
					  part[i].iov_len);
	err = err ?: crypto_shash_final(desc, inner);
	for (i = 0; i < SHA256_BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	err = err ?: crypto_shash_init(desc);
	err = err ?: crypto_shash_update(desc, pad, SHA256_BLOCK);
	err = err ?: crypto_shash_finup(desc, inner, SHA256_SIZE, mac);
	memzero_explicit(pad, sizeof(pad));
	memzero_explicit(inner, sizeof(inner));
	shash_desc_zero(desc);
	return err;
}

/**
 * cpns_hkdf_extract() - HKDF-Extract with SHA-256 (RFC 5869, 2.2)
 * @salt: salt
 * @salt_len: at most 64
 * @ikm: input keying material, concatenated
 * @parts: how many
 * @prk: 32 bytes
 *
 * Return: 0 or negative errno.
 */
int cpns_hkdf_extract(const void *salt, unsigned int salt_len,
		      const struct kvec *ikm, unsigned int parts, u8 *prk)
{
	return cpns_hmac(salt, salt_len, ikm, parts, prk);
}

/**
 * cpns_hkdf_expand() - HKDF-Expand with SHA-256 (RFC 5869, 2.3)
 * @prk: 32 bytes
 * @info: context, concatenated; at most 6 parts
 * @parts: how many
 * @out: result; wiped on failure
 * @out_len: at most 64 bytes
 *
 * Return: 0 or negative errno.
 */
int cpns_hkdf_expand(const u8 *prk, const struct kvec *info,
		     unsigned int parts, u8 *out, unsigned int out_len)
{
	u8 t[SHA256_SIZE], n = 1;
	struct kvec part[8];
	unsigned int done = 0, take;
	int err = 0;

	if (WARN_ON_ONCE(parts > 6 || out_len > 2 * SHA256_SIZE))
		return -EINVAL;
	memcpy(&part[1], info, parts * sizeof(*info));
	part[0] = (struct kvec){ t, 0 };
	part[parts + 1] = (struct kvec){ &n, 1 };
	while (done < out_len && !err) {
		err = cpns_hmac(prk, SHA256_SIZE, part, parts + 2, t);
		take = min_t(unsigned int, out_len - done, SHA256_SIZE);
		memcpy(out + done, t, take);
		done += take;
		part[0].iov_len = SHA256_SIZE;
		n++;
	}
	if (err)
		memzero_explicit(out, out_len);
	memzero_explicit(t, sizeof(t));
	return err;
}
