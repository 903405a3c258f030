// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's session: resolve, connect, keep alive, connect again.
 *
 * Loop's thread only, and never waits: libcoap would stop the loop in the
 * first coap_send() of a session until handshake and CSM are through, so
 * nothing is sent before the owner's connected callback, which comes after
 * them.  libcoap's events only set flags (see client_private.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "transport/client_private.h"

#define PATIENCE_SECONDS	20.0
#define PING_SECONDS		30.0
#define PINGS_LOST		3
#define BACK_OFF_MAX		60.0
#define STABLE_SECONDS		10.0	/* a session that lasts resets back-off */

static void start_attempt(void *context);

static void client_free(struct transport_client *client)
{
	exchanges_forget(client);
	if (client->context) {
		client->releasing = true;
		if (client->session)
			tls_psk_forget(client->session);
		coap_session_release(client->session);
		coap_free_context(client->context);
	}
	tls_credentials_wipe(&client->tls.credentials);
	tls_credentials_wipe(&client->fresh);
	tls_psk_wipe(&client->tls.client_psk);
	tls_psk_wipe(&client->fresh_psk);
	free(client->uri);
	free(client->server_id);
	free(client);
}

/**
 * client_lose - the session is to be given up at the next settling
 * @client: the client
 * @reason: static string
 */
void client_lose(struct transport_client *client, const char *reason)
{
	if (!client->lost)
		client->lost_reason = reason;
	client->lost = true;
	if (!client->closing)
		loop_timer_start(&client->soon, 0);
}

/**
 * client_back_off - how long to wait before the next attempt
 * @attempts: that failed before in a row
 *
 * Random, so that members whose server went come back one after the other:
 * 0.2 to 0.5 s first, then 1 s doubled up to 60 s, less up to half of it.
 *
 * Return: seconds.
 */
double client_back_off(unsigned int attempts)
{
	uint16_t random;
	double most = 0.5;

	coap_prng(&random, sizeof(random));
	if (attempts)
		most = attempts > 6 ? BACK_OFF_MAX : 1u << (attempts - 1);
	if (most > BACK_OFF_MAX)
		most = BACK_OFF_MAX;
	return most * (attempts ? 0.5 + 0.5 * random / 65535 :
				  0.4 + 0.6 * random / 65535);
}

static void try_again(struct transport_client *client, const char *reason)
{
	double delay = client_back_off(client->attempts++);

	client->state = CLIENT_WAITING;
	loop_timer_stop(&client->patience);
	loop_timer_stop(&client->life);
	loop_timer_start(&client->retry, delay);
	if (strcmp(reason, client->last_logged) != 0) {
		log_notice("server %s: %s; trying again", client->uri, reason);
		snprintf(client->last_logged, sizeof(client->last_logged),
			 "%s", reason);
	}
	if (client->disconnected)
		client->disconnected(client->owner, reason);
}

static void handle_lost(struct transport_client *client)
{
	char reason[TLS_REASON_MAX];

	snprintf(reason, sizeof(reason), "%s", client->tls.reason[0] ?
		 client->tls.reason : client->lost_reason);
	if (client->state == CLIENT_CONNECTED &&
	    client->connected_at + STABLE_SECONDS < loop_boottime())
		client->attempts = 0;
	client->state = CLIENT_WAITING;
	client->lost = false;
	client->came = false;
	client->pings = 0;
	client->tls.reason[0] = '\0';
	client->releasing = true;
	if (client->session)
		tls_psk_forget(client->session);
	coap_session_release(client->session);
	client->session = NULL;
	client->releasing = false;
	exchanges_fail(client, -ECONNRESET);
	if (!client->closing)
		try_again(client, reason);
}

static void handle_came(struct transport_client *client)
{
	client->came = false;
	if (client->tls.psk && !tls_psk_agreed(client->session)) {
		client_lose(client, "server did not agree to the pre-shared key");
		return;
	}
	tls_psk_forget(client->session);
	client->state = CLIENT_CONNECTED;
	client->connected_at = loop_boottime();
	client->pings = 0;
	client->tls.reason[0] = '\0';
	client->last_logged[0] = '\0';
	loop_timer_stop(&client->patience);
	loop_timer_start(&client->life, PING_SECONDS);
	log_info("connected to server %s", client->uri);
	identity_time_save(0);
	if (client->connected)
		client->connected(client->owner);
}

/**
 * client_enter - libcoap or the owner runs for this client from here
 * @client: the client
 */
void client_enter(struct transport_client *client)
{
	struct tls_side *before = tls_client_enter(&client->tls);

	if (!client->running++)
		client->entered_before = before;
}

/**
 * client_leave - settle what has happened meanwhile
 * @client: may be freed when this returns, if the owner has closed it
 */
void client_leave(struct transport_client *client)
{
	if (client->running > 1) {
		client->running--;
		return;
	}
	while (!client->closing && (client->lost || client->came)) {
		if (client->lost)
			handle_lost(client);
		else
			handle_came(client);
	}
	client->running--;
	tls_client_leave(client->entered_before);
	if (client->closing)
		client_free(client);
}

static void readable(void *context)
{
	struct transport_client *client = context;

	client_enter(client);
	coap_io_process(client->context, COAP_IO_NO_WAIT);
	client_leave(client);
}

static int event(coap_session_t *session, const coap_event_t event)
{
	struct transport_client *client;

	client = coap_get_app_data(coap_session_get_context(session));
	if (client->releasing)
		return 0;
	switch (event) {
	case COAP_EVENT_DTLS_CONNECTED:
		if (!client->endpoint.tls)
			client->came = true;
		break;
	case COAP_EVENT_SESSION_CONNECTED:
		client->came = true;
		break;
	case COAP_EVENT_TCP_FAILED:
		client_lose(client, "cannot connect: refused or no route");
		break;
	case COAP_EVENT_DTLS_ERROR:
		client_lose(client, "TLS failed");
		break;
	case COAP_EVENT_DTLS_CLOSED:
	case COAP_EVENT_TCP_CLOSED:
	case COAP_EVENT_SESSION_CLOSED:
	case COAP_EVENT_SESSION_FAILED:
		client_lose(client, "server closed the connection");
		break;
	default:
		break;
	}
	return 0;
}

static void alive(coap_session_t *session, const coap_pdu_t *received,
		  const coap_mid_t id)
{
	struct transport_client *client;

	client = coap_get_app_data(coap_session_get_context(session));
	client->pings = 0;
}

static void check_life(void *context)
{
	struct transport_client *client = context;

	if (client->state != CLIENT_CONNECTED || !client->endpoint.tls)
		return;
	client_enter(client);
	loop_timer_start(&client->life, PING_SECONDS);
	if (client->pings >= PINGS_LOST) {
		client_lose(client, "server has not answered three pings");
	} else {
		client->pings++;
		tls_ping(client->session);
	}
	client_leave(client);
}

static void out_of_patience(void *context)
{
	struct transport_client *client = context;

	client_enter(client);
	client_lose(client, "server does not answer");
	client_leave(client);
}

static void settle_soon(void *context)
{
	client_enter(context);
	client_leave(context);
}

/* no session is there that libcoap could still set up with the old */
static void take_fresh_keys(struct transport_client *client)
{
	if (client->fresh.key) {
		tls_credentials_wipe(&client->tls.credentials);
		client->tls.credentials = client->fresh;
		memset(&client->fresh, 0, sizeof(client->fresh));
	}
	if (client->fresh_psk.key) {
		tls_psk_wipe(&client->tls.client_psk);
		client->tls.client_psk = client->fresh_psk;
		memset(&client->fresh_psk, 0, sizeof(client->fresh_psk));
	}
}

static coap_session_t *new_session(struct transport_client *client,
				   const coap_address_t *address)
{
	coap_proto_t proto = client->endpoint.tls ? COAP_PROTO_TLS :
						    COAP_PROTO_DTLS;
	coap_dtls_cpsk_t psk;
	coap_dtls_pki_t pki;

	if (client->tls.psk) {
		tls_fill_psk(&psk, &client->tls);
		return coap_new_client_session_psk2(client->context, NULL,
						    address, proto, &psk);
	}
	tls_fill_pki(&pki, &client->tls);
	return coap_new_client_session_pki(client->context, NULL, address,
					   proto, &pki);
}

static void connect_now(struct transport_client *client)
{
	const struct resolved *resolved = &client->resolved;
	size_t index = client->next_address++ % resolved->count;
	coap_address_t address;

	take_fresh_keys(client);
	client->state = CLIENT_CONNECTING;
	client->tls.reason[0] = '\0';
	client->lost = false;
	client->came = false;
	loop_timer_start(&client->patience, PATIENCE_SECONDS);

	coap_address_init(&address);
	address.size = resolved->size[index];
	memcpy(&address.addr, &resolved->address[index], address.size);
	errno = 0;
	client->session = new_session(client, &address);
	if (!client->session)
		client_lose(client, errno ? strerror(errno) :
				    "cannot connect");
	else	/* sets libcoap's timers */
		coap_io_process(client->context, COAP_IO_NO_WAIT);
}

static void resolved(void *context, const struct resolved *result,
		     const char *reason)
{
	struct transport_client *client = context;

	client->resolver = NULL;
	client_enter(client);
	if (result) {
		client->resolved = *result;
		client->next_address = 0;
		connect_now(client);
	} else {
		try_again(client, reason);
	}
	client_leave(client);
}

static void start_attempt(void *context)
{
	struct transport_client *client = context;

	client_enter(client);
	if (client->resolved.count &&
	    client->next_address < client->resolved.count) {
		connect_now(client);
	} else if (!resolve_numeric(&client->endpoint, &client->resolved)) {
		client->next_address = 0;
		connect_now(client);
	} else {
		client->state = CLIENT_RESOLVING;
		if (resolver_start(&client->resolver, client->loop,
				   &client->endpoint, resolved, client))
			try_again(client, "cannot look the server's name up");
	}
	client_leave(client);
}

static int set_context_up(struct transport_client *client)
{
	client->context = coap_new_context(NULL);
	if (!client->context)
		return -ENOMEM;
	coap_set_app_data(client->context, client);
	coap_context_set_block_mode(client->context, COAP_BLOCK_USE_LIBCOAP |
				    COAP_BLOCK_SINGLE_BODY);
	coap_context_set_csm_max_message_size(client->context, MESSAGE_MAX);
	if (!client->endpoint.tls)
		coap_context_set_keepalive(client->context,
					   (unsigned int)PING_SECONDS);
	coap_register_event_handler(client->context, event);
	coap_register_response_handler(client->context, client_response);
	coap_register_nack_handler(client->context, client_rejected);
	coap_register_ping_handler(client->context, alive);
	coap_register_pong_handler(client->context, alive);
	return 0;
}

static void warn_of_own_certificate(struct transport_client *client,
				    const char *path)
{
	const struct tls_credentials *own = &client->tls.credentials;
	char cause[TLS_REASON_MAX];
	struct identity identity;

	if (!identity_verify_der(client->tls.trust, own->certificate,
				 own->certificate_size, IDENTITY_SMF,
				 &identity, cause, sizeof(cause)))
		return;
	if (identity_verify_der(client->tls.trust, own->certificate,
				own->certificate_size, IDENTITY_NODE,
				&identity, cause, sizeof(cause)))
		log_warning("%s: %s", path, cause);
}

static int read_credentials(struct transport_client *client,
			    const struct transport_client_options *options,
			    char *reason, size_t room)
{
	int result;

	if (options->psk_identity) {
		client->tls.psk = true;
		result = tls_psk_set(&client->tls.client_psk,
				     options->psk_identity, options->psk_key,
				     options->psk_key_size);
		if (result)
			snprintf(reason, room, "out of memory");
		return result;
	}
	result = tls_credentials_read(&client->tls.credentials, options->cert,
				      options->key, reason, room);
	if (!result)
		warn_of_own_certificate(client, options->cert);
	return result;
}

/**
 * transport_client_open - start a client; it connects by itself, and again
 * @client: result; transport_client_close() ends it
 * @options: the trust and the loop outlive the client, the rest is copied or
 *	read now; connected and disconnected run in the loop's thread, not
 *	from within this function
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL for a bad URI or certificate, -ENOMEM, or the errno of a
 * file.
 */
int transport_client_open(struct transport_client **client,
			  const struct transport_client_options *options,
			  char *reason, size_t room)
{
	struct transport_client *fresh;
	int result;

	*client = NULL;
	tls_start_libcoap();
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh) {
		snprintf(reason, room, "out of memory");
		return -ENOMEM;
	}
	fresh->loop = options->loop;
	fresh->connected = options->connected;
	fresh->disconnected = options->disconnected;
	fresh->owner = options->context;
	fresh->tls.trust = options->trust;
	fresh->tls.host = fresh->endpoint.host;
	fresh->lost_reason = "";
	loop_timer_init(fresh->loop, &fresh->retry, start_attempt, fresh);
	loop_timer_init(fresh->loop, &fresh->patience, out_of_patience, fresh);
	loop_timer_init(fresh->loop, &fresh->life, check_life, fresh);
	loop_timer_init(fresh->loop, &fresh->sweep, exchanges_sweep, fresh);
	loop_timer_init(fresh->loop, &fresh->soon, settle_soon, fresh);

	result = transport_endpoint_parse(options->uri, &fresh->endpoint,
					  reason, room);
	if (!result)
		result = read_credentials(fresh, options, reason, room);
	if (result)
		goto fail;
	fresh->uri = strdup(options->uri);
	if (options->server_id && *options->server_id)
		fresh->server_id = strdup(options->server_id);
	fresh->tls.server_id = fresh->server_id;
	result = set_context_up(fresh);
	if (!fresh->uri || (options->server_id && *options->server_id &&
			    !fresh->server_id))
		result = -ENOMEM;
	if (result) {
		snprintf(reason, room, "out of memory");
		goto fail;
	}
	loop_fd_start(fresh->loop, &fresh->readable,
		      coap_context_get_coap_fd(fresh->context), readable,
		      fresh);
	loop_timer_start(&fresh->retry, 0);
	*client = fresh;
	return 0;
fail:
	client_free(fresh);
	return result;
}

/**
 * transport_client_reload - take another certificate and key
 * @client: the client; a session that is there stays
 * @cert: PEM file
 * @key: PEM file
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * They count from the next connection on.
 *
 * Returns 0 or the errors of tls_credentials_read(); then the old ones stay.
 */
int transport_client_reload(struct transport_client *client, const char *cert,
			    const char *key, char *reason, size_t room)
{
	struct tls_credentials fresh;
	int result = tls_credentials_read(&fresh, cert, key, reason, room);

	if (result)
		return result;
	tls_credentials_wipe(&client->fresh);
	client->fresh = fresh;
	return 0;
}

/**
 * transport_client_reload_psk - take another pre-shared key
 * @client: the client, opened with one; a session that is there stays
 * @key: copied; counts from the next connection on
 * @size: of @key
 *
 * Returns 0, -EINVAL for a client with a certificate, or -ENOMEM; then the
 * old key stays.
 */
int transport_client_reload_psk(struct transport_client *client,
				const uint8_t *key, size_t size)
{
	struct tls_psk fresh;
	int result;

	if (!client->tls.psk)
		return -EINVAL;
	result = tls_psk_set(&fresh, client->tls.client_psk.identity, key,
			     size);
	if (result)
		return result;
	tls_psk_wipe(&client->fresh_psk);
	client->fresh_psk = fresh;
	return 0;
}

/**
 * transport_client_close - end the session, forget all exchanges
 * @client: may be NULL; also from one of its own callbacks; none comes after
 */
void transport_client_close(struct transport_client *client)
{
	if (!client || client->closing)
		return;
	client->closing = true;
	loop_fd_stop(&client->readable);
	loop_timer_stop(&client->retry);
	loop_timer_stop(&client->patience);
	loop_timer_stop(&client->life);
	loop_timer_stop(&client->sweep);
	loop_timer_stop(&client->soon);
	resolver_cancel(client->resolver);
	client->resolver = NULL;
	if (!client->running)
		client_free(client);
}

/**
 * transport_client_is_connected - may requests be made now
 * @client: the client
 */
bool transport_client_is_connected(const struct transport_client *client)
{
	return client->state == CLIENT_CONNECTED && !client->lost &&
	       !client->closing && client->session;
}
