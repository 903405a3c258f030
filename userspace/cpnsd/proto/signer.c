// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signer's side of COSE_Sign1 (RFC 9052 4.2, RFC 9053 2.1) with ES256.
 *
 * One thread at a time for each signer.  The private key lives in OpenSSL's
 * EVP_PKEY and is wiped by it.
 */
#include "proto/signer.h"

#include <errno.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cbor.h"
#include "proto/cose.h"
#include "proto/private_key.h"
#include "proto/reason.h"

/**
 * cose_key_is_p256() - may this key make or check ES256 signatures?
 * @key: any key
 *
 * Return: whether it is an EC key on P-256.
 */
bool cose_key_is_p256(const EVP_PKEY *key)
{
	char group[32];
	size_t size;

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &size) &&
	       !strcmp(group, "prime256v1");
}

/**
 * cose_kid() - key id of a signer's certificate
 * @certificate: DER
 * @size: its bytes
 * @kid: gets SHA-256(certificate)[0..8]
 *
 * Return: 0 or -EIO.
 */
int cose_kid(const uint8_t *certificate, size_t size,
	     uint8_t kid[COSE_KID_SIZE])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	if (!SHA256(certificate, size, digest))
		return -EIO;
	memcpy(kid, digest, COSE_KID_SIZE);
	return 0;
}

/**
 * cose_to_be_signed() - Sig_structure of a COSE_Sign1 (RFC 9052 4.4)
 * @protected_header: bytes of the protected header
 * @protected_size: their number
 * @external_aad: what is signed beside the message
 * @external_aad_size: its bytes
 * @payload: bytes of the payload
 * @payload_size: their number
 * @bytes: gets the structure, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0 or -ENOMEM.
 */
int cose_to_be_signed(const uint8_t *protected_header, size_t protected_size,
		      const uint8_t *external_aad, size_t external_aad_size,
		      const uint8_t *payload, size_t payload_size,
		      uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;

	cbor_writer_open(&writer);
	cbor_write_array(&writer, 4);
	cbor_write_text(&writer, "Signature1");
	cbor_write_bytes(&writer, protected_header, protected_size);
	cbor_write_bytes(&writer, external_aad, external_aad_size);
	cbor_write_bytes(&writer, payload, payload_size);
	return cbor_writer_finish(&writer, bytes, size);
}

static int read_certificate(struct signer *signer, X509 **certificate,
			    const char *path, char *reason, size_t room)
{
	unsigned char *der = NULL;
	FILE *file;
	int size;

	file = fopen(path, "re");
	if (!file)
		return reason_give(reason, room, -errno, "%s: %s", path,
				   strerror(errno));
	*certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (!*certificate)
		return reason_give(reason, room, -EINVAL,
				   "%s: no certificate in PEM", path);
	size = i2d_X509(*certificate, &der);
	if (size <= 0)
		return reason_give(reason, room, -ENOMEM,
				   "%s: cannot encode the certificate", path);
	signer->certificate = der;
	signer->certificate_size = (size_t)size;
	return cose_kid(der, (size_t)size, signer->kid);
}

/**
 * signer_open() - load a signer's certificate and private key
 * @signer: gets both; signer_close() when done
 * @certificate_file: PEM, its first certificate is the signer's
 * @key_file: PEM, EC P-256, not readable by others
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -EINVAL not a P-256 key or not the certificate's; -EACCES key
 * readable by others; or what opening the files gave.
 */
int signer_open(struct signer *signer, const char *certificate_file,
		const char *key_file, char *reason, size_t room)
{
	X509 *certificate = NULL;
	int error;

	memset(signer, 0, sizeof(*signer));
	error = read_certificate(signer, &certificate, certificate_file,
				 reason, room);
	if (error)
		goto out;
	error = private_key_read(key_file, &signer->key, reason, room);
	if (error)
		goto out;
	error = -EINVAL;
	if (!cose_key_is_p256(signer->key))
		reason_give(reason, room, 0,
			    "%s: ES256 needs an EC key on P-256", key_file);
	else if (X509_check_private_key(certificate, signer->key) != 1)
		reason_give(reason, room, 0,
			    "%s: not the key of the certificate in %s",
			    key_file, certificate_file);
	else
		error = 0;
out:
	X509_free(certificate);
	if (error) {
		signer_close(signer);
		ERR_clear_error();	/* TLS on this thread reads the queue */
	}
	return error;
}

/**
 * signer_close() - release a signer
 * @signer: the signer; closing twice is harmless
 */
void signer_close(struct signer *signer)
{
	EVP_PKEY_free(signer->key);
	OPENSSL_free(signer->certificate);
	memset(signer, 0, sizeof(*signer));
}

/* DER to r | s of 32 bytes each (RFC 9053 2.1) */
static int signature_to_raw(const uint8_t *der, size_t size,
			    uint8_t raw[COSE_SIGNATURE_SIZE])
{
	ECDSA_SIG *signature;
	int error = 0;

	signature = d2i_ECDSA_SIG(NULL, &der, (long)size);
	if (!signature)
		return -EIO;
	if (BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32) != 32 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32) != 32)
		error = -EIO;
	ECDSA_SIG_free(signature);
	return error;
}

static int es256_sign(EVP_PKEY *key, const uint8_t *text, size_t text_size,
		      uint8_t raw[COSE_SIGNATURE_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t der[80];	/* two integers of 33 bytes and 6 of heads */
	size_t size = sizeof(der);
	int error = -EIO;

	if (!context)
		return -ENOMEM;
	if (EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key,
				  NULL) == 1 &&
	    EVP_DigestSign(context, der, &size, text, text_size) == 1)
		error = signature_to_raw(der, size, raw);
	EVP_MD_CTX_free(context);
	return error;
}

/**
 * cose_sign1() - sign a payload
 * @signer: who
 * @external_aad: text whose bytes are the external_aad; the payload's first
 *	element, so that a record never passes for a roster
 * @payload: bytes to be signed
 * @payload_size: their number
 * @bytes: gets the tagged COSE_Sign1, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0, -ENOMEM or -EIO.
 */
int cose_sign1(const struct signer *signer, const char *external_aad,
	       const uint8_t *payload, size_t payload_size,
	       uint8_t **bytes, size_t *size)
{
	uint8_t raw[COSE_SIGNATURE_SIZE];
	struct cbor_writer writer;
	uint8_t *header = NULL, *text = NULL;
	size_t header_size, text_size;
	int error;

	cbor_writer_open(&writer);
	cbor_write_map(&writer, 2);
	cbor_write_int(&writer, COSE_HEADER_ALG);
	cbor_write_int(&writer, COSE_ALG_ES256);
	cbor_write_int(&writer, COSE_HEADER_KID);
	cbor_write_bytes(&writer, signer->kid, COSE_KID_SIZE);
	error = cbor_writer_finish(&writer, &header, &header_size);
	if (error)
		return error;
	error = cose_to_be_signed(header, header_size,
				  (const uint8_t *)external_aad,
				  strlen(external_aad), payload,
				  payload_size, &text, &text_size);
	if (error)
		goto out;
	error = es256_sign(signer->key, text, text_size, raw);
	if (error)
		goto out;
	cbor_write_tag(&writer, COSE_TAG_SIGN1);
	cbor_write_array(&writer, 4);
	cbor_write_bytes(&writer, header, header_size);
	cbor_write_map(&writer, 1);
	cbor_write_int(&writer, COSE_HEADER_X5CHAIN);
	cbor_write_bytes(&writer, signer->certificate,
			 signer->certificate_size);
	cbor_write_bytes(&writer, payload, payload_size);
	cbor_write_bytes(&writer, raw, sizeof(raw));
	error = cbor_writer_finish(&writer, bytes, size);
out:
	free(text);
	free(header);
	return error;
}
