// SPDX-License-Identifier: GPL-2.0-only
/*
 * The TLS rules of both sides (wire.md section 1).
 *
 * libcoap matches no names and lets no client add checks: its hook for more
 * TLS set-up is called on the server side alone.  So the whole certificate
 * check is replaced by ours (SSL_CTX_set_cert_verify_callback), set at the
 * server in that hook and at the client the moment libcoap makes an SSL
 * object, through an ex_data constructor that acts only between
 * tls_client_enter() and tls_client_leave().
 *
 * Loop's thread only: @entered names the client on whose behalf libcoap
 * runs.
 */
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "log.h"
#include "transport/tls.h"

static struct tls_side *entered;
static int hook_index = -1;

static void session_address(const SSL *ssl, char *text, size_t room)
{
	const coap_session_t *session = SSL_get_app_data(ssl);
	const coap_address_t *address;
	size_t size;

	snprintf(text, room, "unknown address");
	address = session ? coap_session_get_addr_remote(session) : NULL;
	if (!address)
		return;
	size = coap_print_addr(address, (unsigned char *)text, room - 1);
	text[size < room ? size : room - 1] = '\0';
}

static int check_host(X509 *certificate, const char *host)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, host, address) == 1 ||
	    inet_pton(AF_INET6, host, address) == 1)
		return X509_check_ip_asc(certificate, host, 0);
	return X509_check_host(certificate, host, 0,
			       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
			       X509_CHECK_FLAG_NO_WILDCARDS, NULL);
}

static int check_server(struct tls_side *side, X509 *certificate,
			struct stack_st_X509 *chain)
{
	struct identity identity;
	char uri[96];
	int result;

	result = identity_verify(side->trust, certificate, chain,
				 IDENTITY_SERVER, &identity, side->reason,
				 sizeof(side->reason));
	if (result)
		return result;
	identity_uri(&identity, uri);
	if (side->server_id && strcmp(uri, side->server_id) != 0) {
		snprintf(side->reason, sizeof(side->reason),
			 "server is %s, wanted is %s: refused", uri,
			 side->server_id);
		return -EACCES;
	}
	if (check_host(certificate, side->host) != 1) {
		snprintf(side->reason, sizeof(side->reason),
			 "server's certificate (%s) is not for host %s: refused",
			 uri, side->host);
		return -EACCES;
	}
	return 0;
}

static int check_client(struct tls_side *side, X509 *certificate,
			struct stack_st_X509 *chain)
{
	enum identity_kind kind = IDENTITY_NODE;
	struct identity identity;
	int result;

	/* nodes and SMFs come; anything else fails as "not a node's" */
	if (!identity_from_certificate(certificate, &identity) &&
	    identity.kind == IDENTITY_SMF)
		kind = IDENTITY_SMF;
	result = identity_verify(side->trust, certificate, chain, kind,
				 &identity, side->reason,
				 sizeof(side->reason));
	if (!result && side->barred &&
	    side->barred(side->barred_context, &identity)) {
		snprintf(side->reason, sizeof(side->reason),
			 "%s %s is revoked: refused", identity_kind_name(kind),
			 identity.id);
		result = -EKEYREVOKED;
	}
	return result;
}

/* in the place of X509_verify_cert(); the error picks the TLS alert */
static int verify_peer(X509_STORE_CTX *context, void *argument)
{
	static struct log_limit limit;
	struct tls_side *side = argument;
	X509 *certificate = X509_STORE_CTX_get0_cert(context);
	struct stack_st_X509 *chain = X509_STORE_CTX_get0_untrusted(context);
	SSL *ssl = X509_STORE_CTX_get_ex_data(context,
					SSL_get_ex_data_X509_STORE_CTX_idx());
	char address[64];
	int result;

	side->reason[0] = '\0';
	if (!certificate || !ssl)
		return 0;
	if (side->psk) {
		snprintf(side->reason, sizeof(side->reason),
			 "a certificate where a pre-shared key is to be used");
		X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	result = side->server ? check_client(side, certificate, chain) :
				check_server(side, certificate, chain);
	switch (result) {
	case 0:
		X509_STORE_CTX_set_error(context, X509_V_OK);
		return 1;
	case -EKEYEXPIRED:
		X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_HAS_EXPIRED);
		break;
	case -EKEYREVOKED:
		X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REVOKED);
		break;
	default:
		X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
		break;
	}
	session_address(ssl, address, sizeof(address));
	log_limited(&limit, LOG_NOTICE, "%s: %s: %s",
		    side->server ? "refused peer" : "refused server", address,
		    side->reason);
	return 0;
}

/* alerts say why the other side, or a version mismatch, ended a handshake */
static void watch_alerts(int sent, int version, int type, const void *bytes,
			 size_t size, SSL *ssl, void *argument)
{
	static struct log_limit limit;
	struct tls_side *side = argument;
	const uint8_t *alert = bytes;
	char address[64];

	if (type != SSL3_RT_ALERT || size < 2 || alert[1] == SSL_AD_CLOSE_NOTIFY)
		return;
	if (!side->reason[0])
		snprintf(side->reason, sizeof(side->reason),
			 "%s: TLS alert: %s%s",
			 sent ? "we end the handshake" :
			 (side->server ? "peer ends the session" :
					 "server refuses us"),
			 SSL_alert_desc_string_long(alert[1]),
			 side->psk && !side->server && !sent ?
			 " (it has no such identity, or another key)" : "");
	if (side->server) {
		session_address(ssl, address, sizeof(address));
		log_limited(&limit, LOG_NOTICE, "TLS alert %s %s: %s",
			    sent ? "to" : "from", address,
			    SSL_alert_desc_string_long(alert[1]));
	}
}

static void harden(SSL *ssl, struct tls_side *side)
{
	SSL_CTX *context = SSL_get_SSL_CTX(ssl);

	SSL_CTX_set_cert_verify_callback(context, verify_peer, side);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	if (side->psk) {
		/* a server without the key might answer with a certificate */
		if (!side->server)
			SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
		/* from 3 on, cipher suites need forward secrecy */
		SSL_set_security_level(ssl, 3);
	}
	if (!SSL_is_dtls(ssl))
		SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
	/* tickets followed by the CSM would wait 40 ms for Nagle */
	SSL_set_num_tickets(ssl, 0);
	SSL_set_msg_callback(ssl, watch_alerts);
	SSL_set_msg_callback_arg(ssl, side);
}

static void ssl_made(void *parent, void *pointer, CRYPTO_EX_DATA *data,
		     int index, long argument_long, void *argument)
{
	if (entered)
		harden(parent, entered);
}

/* for this connection and, to be copied, those that come */
static bool use_credentials(SSL *ssl, const struct tls_credentials *credentials)
{
	X509 *certificate = credentials->decoded_certificate;
	EVP_PKEY *key = credentials->decoded_key;
	SSL_CTX *context = SSL_get_SSL_CTX(ssl);

	return SSL_get_certificate(ssl) == certificate ||
	       (SSL_CTX_use_certificate(context, certificate) == 1 &&
		SSL_CTX_use_PrivateKey(context, key) == 1 &&
		SSL_use_certificate(ssl, certificate) == 1 &&
		SSL_use_PrivateKey(ssl, key) == 1);
}

/*
 * What libcoap does at a ClientHello, but with certificate and key that are
 * decoded already: decoding them again was a fifth of what a join costs.
 */
static int quick_hello(SSL *ssl, int *alert, void *argument)
{
	struct tls_side *side = argument;

	side->reason[0] = '\0';
	harden(ssl, side);
	SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE |
		       SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (use_credentials(ssl, &side->credentials))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

static int server_hello(void *tls_session, coap_dtls_pki_t *setup)
{
	SSL *ssl = tls_session;
	struct tls_side *side;

	if (!ssl)
		return 1;
	/* the argument of a callback that is not set carries our side */
	side = setup->cn_call_back_arg;
	if (!side)
		return 0;
	side->reason[0] = '\0';
	harden(ssl, side);
	/* libcoap shows its SSL_CTX here for the first time */
	SSL_CTX_set_client_hello_cb(SSL_get_SSL_CTX(ssl), quick_hello, side);
	return 1;
}

static void forward_log(coap_log_t level, const char *message)
{
	size_t size = strcspn(message, "\n");

	log_debug("libcoap: %.*s", (int)size, message);
}

/**
 * tls_start_libcoap - start libcoap once a process, send its log to ours
 */
void tls_start_libcoap(void)
{
	if (hook_index >= 0)
		return;
	coap_startup();
	coap_set_log_handler(forward_log);
	coap_set_log_level(LOG_WARNING);
	coap_dtls_set_log_level(LOG_WARNING);
	hook_index = SSL_get_ex_new_index(0, NULL, ssl_made, NULL, NULL);
}

/**
 * tls_client_enter - libcoap runs for this client from here
 * @side: its TLS side
 *
 * Returns the one that it ran for before, for tls_client_leave().
 */
struct tls_side *tls_client_enter(struct tls_side *side)
{
	struct tls_side *before = entered;

	entered = side;
	return before;
}

/**
 * tls_client_leave - libcoap has run
 * @before: what tls_client_enter() returned
 */
void tls_client_leave(struct tls_side *before)
{
	entered = before;
}

/**
 * tls_fill_pki - what libcoap needs to know of our certificate
 * @pki: to fill
 * @side: keeps the bytes that @pki points to
 *
 * The peer must bring a certificate; how it is checked is ours.
 */
void tls_fill_pki(coap_dtls_pki_t *pki, struct tls_side *side)
{
	memset(pki, 0, sizeof(*pki));
	pki->version = COAP_DTLS_PKI_SETUP_VERSION;
	pki->verify_peer_cert = 1;
	pki->pki_key.key_type = COAP_PKI_KEY_ASN1;
	pki->pki_key.key.asn1.public_cert = side->credentials.certificate;
	pki->pki_key.key.asn1.public_cert_len =
		side->credentials.certificate_size;
	pki->pki_key.key.asn1.private_key = side->credentials.key;
	pki->pki_key.key.asn1.private_key_len = side->credentials.key_size;
	pki->pki_key.key.asn1.private_key_type = side->credentials.key_type;
	if (side->server) {
		pki->additional_tls_setup_call_back = server_hello;
		pki->cn_call_back_arg = side;
	}
}

/**
 * tls_server_adopt - set a server's libcoap context up
 * @context: libcoap's
 * @side: with server set and credentials read
 *
 * Returns false if libcoap refuses.
 */
bool tls_server_adopt(coap_context_t *context, struct tls_side *side)
{
	coap_dtls_pki_t pki;

	tls_fill_pki(&pki, side);
	return coap_context_set_pki(context, &pki);
}

/**
 * tls_ping - ask the other end of a TCP session for a sign of life
 * @session: established; may have failed when this returns
 */
void tls_ping(coap_session_t *session)
{
	coap_pdu_t *pdu;

	pdu = coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)
			    COAP_SIGNALING_CODE_PING, 0, 1);
	if (pdu)
		coap_send(session, pdu);
}

static SSL *ssl_of(const coap_session_t *session)
{
	coap_tls_library_t library;
	SSL *ssl = coap_session_get_tls(session, &library);

	return library == COAP_TLS_LIBRARY_OPENSSL ? ssl : NULL;
}

/**
 * tls_written - how much of what was sent has left for the socket
 * @session: of TCP
 *
 * libcoap does not tell how much waits with it; this shows how fast that
 * goes, and no peer can feign it.
 *
 * Returns bytes since the session began, those of TLS itself too, or 0 when
 * it has ended.
 */
uint64_t tls_written(const coap_session_t *session)
{
	SSL *ssl = ssl_of(session);

	return ssl ? BIO_number_written(SSL_get_wbio(ssl)) : 0;
}

/**
 * tls_received - how much came from the other end
 * @session: of TCP
 *
 * Returns as tls_written().
 */
uint64_t tls_received(const coap_session_t *session)
{
	SSL *ssl = ssl_of(session);

	return ssl ? BIO_number_read(SSL_get_rbio(ssl)) : 0;
}

/**
 * tls_peer - who is at the other end
 * @session: whose handshake is through
 * @identity: result
 *
 * Only certificates that verify_peer() has passed are there to be read.
 *
 * Returns 0, -ENOTCONN or -EINVAL.
 */
int tls_peer(const coap_session_t *session, struct identity *identity)
{
	coap_tls_library_t library;
	SSL *ssl = coap_session_get_tls(session, &library);
	X509 *certificate;
	int result;

	memset(identity, 0, sizeof(*identity));
	if (!ssl || library != COAP_TLS_LIBRARY_OPENSSL ||
	    SSL_get_verify_result(ssl) != X509_V_OK)
		return -ENOTCONN;
	certificate = SSL_get1_peer_certificate(ssl);
	if (!certificate)
		return -ENOTCONN;
	result = identity_from_certificate(certificate, identity);
	X509_free(certificate);
	return result;
}

/**
 * tls_peer_check - are the checks of the handshake still passed
 * @side: the server's
 * @session: whose handshake is through
 *
 * Returns 0, -ENOTCONN or the errors of identity_verify().
 */
int tls_peer_check(struct tls_side *side, const coap_session_t *session)
{
	SSL *ssl = ssl_of(session);
	X509 *certificate = ssl ? SSL_get0_peer_certificate(ssl) : NULL;

	side->reason[0] = '\0';
	return certificate ? check_client(side, certificate,
					  SSL_get_peer_cert_chain(ssl)) :
			     -ENOTCONN;
}
