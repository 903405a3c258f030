// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiver's side of COSE_Sign1 (RFC 9052 4.2): the bytes are checked as
 * they came, with the certificate that stands in x5chain (RFC 9360).
 *
 * Whose certificate that is, its chain and revocation are for the caller:
 * identity_verify_der().  No state, any thread, nothing secret.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cbor.h"
#include "proto/cose.h"
#include "proto/reason.h"
#include "proto/signer.h"

struct sign1 {
	const uint8_t *header;
	size_t header_size;
	const uint8_t *signature;
};

static void read_protected(const uint8_t *bytes, size_t size,
			   uint8_t kid[COSE_KID_SIZE],
			   struct cbor_reader *outer)
{
	struct cbor_reader reader;
	bool has_alg = false, has_kid = false;
	const uint8_t *found;
	size_t pairs, found_size;
	int64_t alg;

	if (!size) {
		cbor_reader_fail(outer, -EPROTO,
				 "the protected header is empty: no alg");
		return;
	}
	if (cbor_reader_open(&reader, bytes, size, "COSE protected header",
			     outer->reason, outer->room))
		goto out;
	for (pairs = cbor_read_map(&reader, "header"); pairs; pairs--) {
		switch (cbor_read_key(&reader)) {
		case COSE_HEADER_ALG:
			alg = cbor_read_int(&reader, "alg", INT64_MIN + 1,
					    INT64_MAX);
			if (!reader.error && alg != COSE_ALG_ES256)
				cbor_reader_fail(&reader, -EPROTO,
						 "alg %lld is not ES256 (-7)",
						 (long long)alg);
			has_alg = true;
			break;
		case COSE_HEADER_CRIT:
			cbor_reader_fail(&reader, -EPROTO,
					 "crit names headers unknown here");
			break;
		case COSE_HEADER_KID:
			found = cbor_read_bytes(&reader, "kid", 0, SIZE_MAX,
						&found_size);
			if (found && found_size != COSE_KID_SIZE)
				cbor_reader_fail(&reader, -EPROTO,
						 "kid of %zu bytes, not %d",
						 found_size, COSE_KID_SIZE);
			else if (found)
				memcpy(kid, found, COSE_KID_SIZE);
			has_kid = true;
			break;
		case COSE_HEADER_X5CHAIN:
			cbor_reader_fail(&reader, -EPROTO,
					 "x5chain belongs in the unprotected header");
			break;
		default:
			cbor_skip(&reader);
		}
	}
	if (!reader.error && !has_alg)
		cbor_reader_fail(&reader, -EPROTO, "alg is missing");
	if (!reader.error && !has_kid)
		cbor_reader_fail(&reader, -EPROTO, "kid is missing");
out:
	/* the cause is in the caller's buffer already */
	if (reader.error) {
		outer->error = reader.error;
		outer->at = outer->end;
	}
}

static void read_chain(struct cbor_reader *reader,
		       struct cose_sign1_view *view)
{
	size_t count = 1, i, size;
	const uint8_t *certificate;

	if (cbor_next_is_array(reader))
		count = cbor_read_array(reader, "x5chain", 2, COSE_CHAIN_MAX);
	for (i = 0; i < count && !reader->error; i++) {
		certificate = cbor_read_bytes(reader, "x5chain", 1,
					      COSE_CERTIFICATE_MAX, &size);
		if (i)
			continue;
		view->certificate = certificate;
		view->certificate_size = size;
	}
}

static void read_unprotected(struct cbor_reader *reader,
			     struct cose_sign1_view *view)
{
	size_t pairs;

	for (pairs = cbor_read_map(reader, "unprotected header"); pairs;
	     pairs--) {
		switch (cbor_read_key(reader)) {
		case COSE_HEADER_ALG:
		case COSE_HEADER_CRIT:
		case COSE_HEADER_KID:
			cbor_reader_fail(reader, -EPROTO,
					 "alg, crit or kid is not protected");
			break;
		case COSE_HEADER_X5CHAIN:
			read_chain(reader, view);
			break;
		default:
			cbor_skip(reader);
		}
	}
	if (!reader->error && !view->certificate)
		cbor_reader_fail(reader, -EPROTO, "x5chain is missing");
}

/**
 * cose_es256_verify() - check a signature of 64 bytes r | s
 * @key: EC key on P-256
 * @text: what was signed
 * @text_size: its bytes
 * @raw: the signature
 *
 * Return: 0; -EKEYREJECTED if it is not a signature of @text by @key;
 * -ENOMEM.
 */
int cose_es256_verify(EVP_PKEY *key, const uint8_t *text, size_t text_size,
		      const uint8_t raw[COSE_SIGNATURE_SIZE])
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	BIGNUM *r = BN_bin2bn(raw, 32, NULL);
	BIGNUM *s = BN_bin2bn(raw + 32, 32, NULL);
	unsigned char *der = NULL;
	int size, error = -ENOMEM;

	if (!signature || !context || !r || !s)
		goto out;
	if (ECDSA_SIG_set0(signature, r, s) != 1)
		goto out;
	r = NULL;
	s = NULL;
	size = i2d_ECDSA_SIG(signature, &der);
	if (size <= 0)
		goto out;
	error = -EKEYREJECTED;
	if (EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key,
				    NULL) == 1 &&
	    EVP_DigestVerify(context, der, (size_t)size, text,
			     text_size) == 1)
		error = 0;
out:
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	EVP_MD_CTX_free(context);
	ECDSA_SIG_free(signature);
	if (error)
		ERR_clear_error();	/* TLS on this thread reads the queue */
	return error;
}

static int verify_view(const struct sign1 *sign1, const char *external_aad,
		       const struct cose_sign1_view *view,
		       char *reason, size_t room)
{
	const uint8_t *der = view->certificate;
	uint8_t kid[COSE_KID_SIZE];
	X509 *certificate;
	EVP_PKEY *key;
	uint8_t *text = NULL;
	size_t text_size;
	int error;

	certificate = d2i_X509(NULL, &der, (long)view->certificate_size);
	if (!certificate ||
	    der != view->certificate + view->certificate_size) {
		error = reason_give(reason, room, -EBADMSG,
				    "COSE_Sign1: x5chain: not exactly one certificate in DER");
		goto out;
	}
	error = cose_kid(view->certificate, view->certificate_size, kid);
	if (error)
		goto out;
	if (CRYPTO_memcmp(kid, view->kid, sizeof(kid))) {
		error = reason_give(reason, room, -EPROTO,
				    "COSE_Sign1: kid is not the certificate's");
		goto out;
	}
	key = X509_get0_pubkey(certificate);
	if (!key || !cose_key_is_p256(key)) {
		error = reason_give(reason, room, -EPROTO,
				    "COSE_Sign1: the certificate's key is not EC P-256");
		goto out;
	}
	error = cose_to_be_signed(sign1->header, sign1->header_size,
				  (const uint8_t *)external_aad,
				  strlen(external_aad), view->payload,
				  view->payload_size, &text, &text_size);
	if (error)
		goto out;
	error = cose_es256_verify(key, text, text_size, sign1->signature);
	if (error == -EKEYREJECTED)
		reason_give(reason, room, 0,
			    "COSE_Sign1: the signature does not match");
out:
	free(text);
	X509_free(certificate);
	if (error)
		ERR_clear_error();	/* TLS on this thread reads the queue */
	return error;
}

/**
 * cose_sign1_open() - check a COSE_Sign1 with the certificate it brings
 * @bytes: the message as it came
 * @size: its bytes
 * @external_aad: text whose bytes are the external_aad
 * @view: gets pointers into @bytes; not to be used on error
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -EBADMSG malformed; -EPROTO another algorithm, crit, kid or
 * kind of key; -EKEYREJECTED signature; -ENOMEM.
 */
int cose_sign1_open(const uint8_t *bytes, size_t size,
		    const char *external_aad, struct cose_sign1_view *view,
		    char *reason, size_t room)
{
	struct cbor_reader reader;
	struct sign1 sign1;
	size_t signature_size;

	memset(view, 0, sizeof(*view));
	memset(&sign1, 0, sizeof(sign1));
	if (cbor_reader_open(&reader, bytes, size, "COSE_Sign1", reason, room))
		return reader.error;
	cbor_read_tag(&reader, "COSE_Sign1", COSE_TAG_SIGN1);
	cbor_read_array(&reader, "COSE_Sign1", 4, 4);
	sign1.header = cbor_read_bytes(&reader, "protected header", 0,
				       SIZE_MAX, &sign1.header_size);
	if (sign1.header)
		read_protected(sign1.header, sign1.header_size, view->kid,
			       &reader);
	read_unprotected(&reader, view);
	view->payload = cbor_read_bytes(&reader, "payload", 1, SIZE_MAX,
					&view->payload_size);
	sign1.signature = cbor_read_bytes(&reader, "signature",
					  COSE_SIGNATURE_SIZE,
					  COSE_SIGNATURE_SIZE,
					  &signature_size);
	if (reader.error)
		return reader.error;
	return verify_view(&sign1, external_aad, view, reason, room);
}
