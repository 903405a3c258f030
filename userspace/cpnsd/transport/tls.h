/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLS for libcoap: our own certificate checks in both directions, TLS 1.3
 * alone over TCP, no tickets, no resumption, no 0-RTT.
 *
 * Loop's thread only.  A struct tls_side belongs to one server or client and
 * outlives its libcoap context.
 */
#ifndef CPNSD_TRANSPORT_TLS_H
#define CPNSD_TRANSPORT_TLS_H

#include <coap3/coap.h>
#include <openssl/ssl.h>

#include "transport/message.h"

#define TLS_REASON_MAX 256

/* Max-Message-Size of ours: a body, and room for header, token and options */
#define MESSAGE_MAX (TRANSPORT_BODY_MAX + 4096)

struct tls_credentials {
	uint8_t *certificate;		/* DER */
	size_t certificate_size;
	uint8_t *key;			/* DER, wiped when freed */
	size_t key_size;
	coap_asn1_privatekey_type_t key_type;
	/* the same, decoded */
	X509 *decoded_certificate;
	EVP_PKEY *decoded_key;
};

struct tls_psk {
	char *identity;			/* NULL: certificates, no PSK */
	uint8_t *key;			/* wiped when freed */
	size_t key_size;
};

struct tls_side {
	struct identity_trust *trust;
	struct tls_credentials credentials;
	struct tls_psk client_psk;	/* client: ours */
	bool psk;			/* pre-shared keys, certificates refused */
	bool server;
	/* server: peers who may not come in although their certificate is good */
	bool (*barred)(void *context, const struct identity *peer);
	void *barred_context;
	const char *host;		/* client: name or address of the URI */
	const char *server_id;		/* client: urn:cpns:server:..., NULL: any */
	char reason[TLS_REASON_MAX];	/* why the last handshake failed, or "" */
};

void tls_start_libcoap(void);

int tls_credentials_read(struct tls_credentials *credentials, const char *cert,
			 const char *key, char *reason, size_t room);
void tls_credentials_wipe(struct tls_credentials *credentials);

/* fills @pki for libcoap; it points into @side->credentials */
void tls_fill_pki(coap_dtls_pki_t *pki, struct tls_side *side);

/*
 * Client side, and the server's with PSK: SSL objects that libcoap makes
 * between these two get the checks of @side.  Pairs may stand inside each
 * other; what enter returns is for its leave.
 */
struct tls_side *tls_client_enter(struct tls_side *side);
void tls_client_leave(struct tls_side *before);

/* server side, before the endpoint is made */
bool tls_server_adopt(coap_context_t *context, struct tls_side *side);

/* CoAP over TCP's ping (RFC 8323 5.4) */
void tls_ping(coap_session_t *session);

/* bytes that the socket has taken, and given, since the session began */
uint64_t tls_written(const coap_session_t *session);
uint64_t tls_received(const coap_session_t *session);

/* PSK: what our side of a client offers; points into @side */
void tls_fill_psk(coap_dtls_cpsk_t *psk, struct tls_side *side);
int tls_psk_set(struct tls_psk *psk, const char *identity, const uint8_t *key,
		size_t key_size);
void tls_psk_wipe(struct tls_psk *psk);
/* was it agreed with a PSK and an ephemeral key exchange? */
bool tls_psk_agreed(const coap_session_t *session);
/* libcoap's own copy of the key is not needed after the handshake */
void tls_psk_forget(coap_session_t *session);

/* the verified peer of a session whose handshake is through */
int tls_peer(const coap_session_t *session, struct identity *identity);
/* is its certificate still good? why not is in @side's reason */
int tls_peer_check(struct tls_side *side, const coap_session_t *session);

#endif
