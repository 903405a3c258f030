// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PSK port of a server (AD 5.3.1.9.1: the member picks it, or the port
 * of certificates): a libcoap context of its own that shares routes, peers
 * and observations with the other one.
 *
 * Loop's thread only.  Keys are asked for at each handshake and not kept:
 * libcoap's copy is wiped as soon as the handshake is through.
 */
#include <errno.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "log.h"
#include "transport/psk.h"
#include "transport/server_private.h"

#define NO_KEY_SIZE 32

/* libcoap copies it as soon as find_key() has returned; server_psk_run() wipes */
static uint8_t answered_key[PSK_KEY_MAX];

/*
 * Who is not known, revoked or has come too often gets a key that nobody
 * has: the handshake ends as with a wrong key, and tells nothing.
 */
static const coap_bin_const_t *find_key(coap_bin_const_t *name,
					coap_session_t *session, void *context)
{
	static coap_bin_const_t key = { .s = answered_key };
	static struct log_limit limit;
	struct transport_server *server = context;
	struct identity identity;
	size_t size = 0;
	int error;

	/* libcoap frees a key of an earlier identity as it is */
	tls_psk_forget(session);
	OPENSSL_cleanse(answered_key, sizeof(answered_key));
	error = psk_identity_parse(name->s, name->length, &identity);
	if (!error)
		error = server->psk_key(server->psk_owner, &identity,
					answered_key, &size);
	if (error) {
		log_limited(&limit, LOG_NOTICE, "refused PSK of %s %.64s: %s",
			    identity_kind_name(identity.kind),
			    identity.kind ? identity.id : "(no identity)",
			    error == -EACCES ? "revoked" :
			    error == -ETIME ? "token has expired" :
					      "no key of it");
		size = NO_KEY_SIZE;
		if (RAND_bytes(answered_key, (int)size) != 1)
			return NULL;
	}
	key.length = size;
	/* the copy that libcoap makes is wiped when the handshake is over */
	return &key;
}

static void readable(void *context)
{
	server_psk_run(context);
}

/**
 * server_psk_run - let libcoap work on the PSK port
 * @server: the server; nothing happens where it has no such port
 */
void server_psk_run(struct transport_server *server)
{
	struct tls_side *before;

	if (!server->psk_coap)
		return;
	server->running++;
	before = tls_client_enter(&server->psk_tls);
	coap_io_process(server->psk_coap, COAP_IO_NO_WAIT);
	tls_client_leave(before);
	OPENSSL_cleanse(answered_key, sizeof(answered_key));
	server->running--;
}

/**
 * server_psk_open - listen with pre-shared keys
 * @server: its other context is set up
 * @options: psk_listen, psk_key
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL, -ENOMEM or the errno of a socket.
 */
int server_psk_open(struct transport_server *server,
		    const struct transport_server_options *options,
		    char *reason, size_t room)
{
	coap_dtls_spsk_t setup = {
		.version = COAP_DTLS_SPSK_SETUP_VERSION,
		.validate_id_call_back = find_key,
		.id_call_back_arg = server,
	};
	struct tls_side *before;
	int result = 0;
	size_t i;

	if (!options->psk_listen_count)
		return 0;
	if (!options->psk_key) {
		snprintf(reason, room, "a PSK port without keys");
		return -EINVAL;
	}
	server->psk_key = options->psk_key;
	server->psk_owner = options->psk_owner;
	server->psk_tls.trust = options->trust;
	server->psk_tls.server = true;
	server->psk_tls.psk = true;
	/* SSL objects that libcoap makes in here get our rules */
	before = tls_client_enter(&server->psk_tls);
	server->psk_coap = server_context_new(server);
	if (!server->psk_coap || !coap_context_set_psk2(server->psk_coap,
							&setup)) {
		snprintf(reason, room, "cannot set libcoap up for PSK");
		result = -ENOMEM;
	}
	for (i = 0; i < options->psk_listen_count && !result; i++)
		result = server_listen(server, server->psk_coap,
				       options->psk_listen[i], reason, room);
	tls_client_leave(before);
	if (!result)
		loop_fd_start(server->loop, &server->psk_readable,
			      coap_context_get_coap_fd(server->psk_coap),
			      readable, server);
	server_psk_run(server);
	return result;
}

/**
 * server_psk_close - end the PSK port; its peers are freed already
 * @server: may have none
 */
void server_psk_close(struct transport_server *server)
{
	if (server->psk_readable.loop)
		loop_fd_stop(&server->psk_readable);
	if (!server->psk_coap)
		return;
	coap_register_event_handler(server->psk_coap, NULL);
	coap_register_nack_handler(server->psk_coap, NULL);
	coap_free_context(server->psk_coap);
	server->psk_coap = NULL;
}

/* another token may have taken the place of the handshake's meanwhile */
static bool has_key_still(struct transport_server *server,
			  const coap_session_t *session,
			  const struct identity *identity)
{
	const coap_bin_const_t *agreed = coap_session_get_psk_key(session);
	uint8_t key[PSK_KEY_MAX];
	size_t size;
	bool same;

	same = agreed && !server->psk_key(server->psk_owner, identity, key,
					  &size) &&
	       agreed->length == size &&
	       !CRYPTO_memcmp(agreed->s, key, size);
	OPENSSL_cleanse(key, sizeof(key));
	return same;
}

/**
 * server_peer_identity - who is at the other end of a session
 * @server: the server
 * @session: whose handshake is through
 * @identity: result
 *
 * Returns 0, -ENOTCONN, -EINVAL, or -EACCES its token counts no more.
 */
int server_peer_identity(struct transport_server *server,
			 coap_session_t *session, struct identity *identity)
{
	const coap_bin_const_t *name;
	int error;

	if (coap_session_get_context(session) != server->psk_coap)
		return tls_peer(session, identity);
	memset(identity, 0, sizeof(*identity));
	if (!tls_psk_agreed(session))
		return -ENOTCONN;
	name = coap_session_get_psk_identity(session);
	if (!name || !name->s)
		return -EINVAL;
	error = psk_identity_parse(name->s, name->length, identity);
	if (!error && identity->kind == IDENTITY_ENROLLING &&
	    !has_key_still(server, session, identity))
		error = -EACCES;
	return error;
}
