// SPDX-License-Identifier: GPL-2.0-only
/*
 * HPKE (RFC 9180) single-shot seal by OpenSSL's own implementation, from 3.2
 * on.  On an older OpenSSL there is none; hpke.c has it over EVP.
 *
 * No state, any thread.
 */
#include "proto/hpke_native.h"

#include <errno.h>

#if HPKE_NATIVE
#include <openssl/hpke.h>

int hpke_seal_native(uint16_t aead, const uint8_t recipient[32],
		     const struct hpke_sender *sender,
		     const uint8_t *info, size_t info_size,
		     const uint8_t *aad, size_t aad_size,
		     const uint8_t *text, size_t text_size,
		     uint8_t enc[HPKE_ENC_SIZE], uint8_t *sealed)
{
	OSSL_HPKE_SUITE suite = {
		.kem_id = OSSL_HPKE_KEM_ID_X25519,
		.kdf_id = OSSL_HPKE_KDF_ID_HKDF_SHA256,
		.aead_id = aead,
	};
	size_t enc_size = HPKE_ENC_SIZE;
	size_t sealed_size = text_size + HPKE_TAG_SIZE;
	EVP_PKEY *sender_key = NULL;
	OSSL_HPKE_CTX *context;
	int error = -EINVAL;

	context = OSSL_HPKE_CTX_new(sender ? OSSL_HPKE_MODE_AUTH :
					     OSSL_HPKE_MODE_BASE,
				    suite, OSSL_HPKE_ROLE_SENDER, NULL, NULL);
	if (!context)
		return -ENOMEM;
	if (sender) {
		sender_key = hpke_sender_key(sender);
		if (!sender_key ||
		    OSSL_HPKE_CTX_set1_authpriv(context, sender_key) != 1)
			goto out;
	}
	if (OSSL_HPKE_encap(context, enc, &enc_size, recipient, 32, info,
			    info_size) == 1 &&
	    enc_size == HPKE_ENC_SIZE &&
	    OSSL_HPKE_seal(context, sealed, &sealed_size, aad, aad_size, text,
			   text_size) == 1 &&
	    sealed_size == text_size + HPKE_TAG_SIZE)
		error = 0;
out:
	EVP_PKEY_free(sender_key);
	OSSL_HPKE_CTX_free(context);
	return error;
}
#else
int hpke_seal_native(uint16_t aead, const uint8_t recipient[32],
		     const struct hpke_sender *sender,
		     const uint8_t *info, size_t info_size,
		     const uint8_t *aad, size_t aad_size,
		     const uint8_t *text, size_t text_size,
		     uint8_t enc[HPKE_ENC_SIZE], uint8_t *sealed)
{
	return -EOPNOTSUPP;
}
#endif
