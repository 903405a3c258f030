// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLS with pre-shared keys: what libcoap is told, and what it leaves to us:
 * that the session was agreed with a PSK and with an ephemeral key exchange
 * (psk_dhe_ke, ECDHE-PSK), and that its copies of keys are wiped.
 *
 * Loop's thread only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "transport/tls.h"

/**
 * tls_psk_set - take a client's identity and key
 * @psk: all zero, or wiped
 * @identity: copied
 * @key: copied
 * @key_size: of @key
 *
 * Returns 0 or -ENOMEM.
 */
int tls_psk_set(struct tls_psk *psk, const char *identity, const uint8_t *key,
		size_t key_size)
{
	psk->identity = strdup(identity);
	psk->key = OPENSSL_memdup(key, key_size);
	psk->key_size = key_size;
	if (psk->identity && psk->key)
		return 0;
	tls_psk_wipe(psk);
	return -ENOMEM;
}

/**
 * tls_psk_wipe - wipe and free a client's key
 * @psk: may be all zero
 */
void tls_psk_wipe(struct tls_psk *psk)
{
	free(psk->identity);
	OPENSSL_clear_free(psk->key, psk->key ? psk->key_size : 0);
	memset(psk, 0, sizeof(*psk));
}

/**
 * tls_fill_psk - what libcoap needs to know of a client's key
 * @psk: to fill
 * @side: keeps the bytes that @psk points to
 */
void tls_fill_psk(coap_dtls_cpsk_t *psk, struct tls_side *side)
{
	const struct tls_psk *own = &side->client_psk;

	memset(psk, 0, sizeof(*psk));
	psk->version = COAP_DTLS_CPSK_SETUP_VERSION;
	psk->psk_info.identity.s = (const uint8_t *)own->identity;
	psk->psk_info.identity.length = strlen(own->identity);
	psk->psk_info.key.s = own->key;
	psk->psk_info.key.length = own->key_size;
}

/**
 * tls_psk_agreed - is this a session of the kind that a PSK port gives
 * @session: whose handshake is through
 *
 * A peer that answers with a certificate, or without forward secrecy, is
 * none.
 */
bool tls_psk_agreed(const coap_session_t *session)
{
	coap_tls_library_t library;
	SSL *ssl = coap_session_get_tls(session, &library);
	const SSL_CIPHER *cipher;
	int exchange;

	if (!ssl || library != COAP_TLS_LIBRARY_OPENSSL ||
	    SSL_get0_peer_certificate(ssl))
		return false;
	/* TLS 1.3 without a PSK has a certificate; psk_ke is not offered */
	if (SSL_version(ssl) == TLS1_3_VERSION)
		return SSL_session_reused(ssl);
	cipher = SSL_get_current_cipher(ssl);
	exchange = cipher ? SSL_CIPHER_get_kx_nid(cipher) : NID_undef;
	return exchange == NID_kx_ecdhe_psk || exchange == NID_kx_dhe_psk;
}

/**
 * tls_psk_forget - wipe libcoap's copy of a session's key
 * @session: its handshake is through, or it is about to be freed
 */
void tls_psk_forget(coap_session_t *session)
{
	const coap_bin_const_t *key = coap_session_get_psk_key(session);

	/* the copy is libcoap's alone, only its type is const */
	if (key && key->s)
		OPENSSL_cleanse((uint8_t *)(uintptr_t)key->s, key->length);
}
