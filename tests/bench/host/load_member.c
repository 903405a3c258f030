// SPDX-License-Identifier: GPL-2.0-only
/*
 * A member under load: TLS 1.3 with its certificate, CoAP over TCP (RFC 8323)
 * with one-byte tokens.  See load.h.
 *
 * Certificates come from the CA that `cpnsctl node issue --server` made; all
 * members share one key pair, which costs a server what distinct ones cost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../userspace/cpnsctl/pki.h"
#include "load.h"
#include "proto/response.h"

#define CODE_PING	702
#define PONG		0xe3		/* 7.03 */

/**
 * authority_open - the CA of a directory, and what all members share
 * @authority: filled
 * @directory: with ca.pem and ca.key
 *
 * Returns 0 or -EINVAL with a line on standard error.
 */
int authority_open(struct authority *authority, const char *directory)
{
	char path[512], reason[256] = "";
	int error;

	snprintf(path, sizeof(path), "%s/ca.pem", directory);
	authority->certificate = pki_read_certificate(path, reason,
						      sizeof(reason));
	authority->tls = SSL_CTX_new(TLS_client_method());
	error = !authority->tls ||
		!SSL_CTX_load_verify_file(authority->tls, path);
	snprintf(path, sizeof(path), "%s/ca.key", directory);
	authority->key = pki_read_private_key(path, reason, sizeof(reason));
	if (error || !authority->certificate || !authority->key ||
	    pki_make_key(&authority->member_key, reason, sizeof(reason))) {
		fprintf(stderr, "CA: %s\n", reason);
		return -EINVAL;
	}
	SSL_CTX_set_min_proto_version(authority->tls, TLS1_3_VERSION);
	SSL_CTX_set_verify(authority->tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(authority->tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(authority->tls, SSL_SESS_CACHE_OFF);
	return 0;
}

void authority_close(struct authority *authority)
{
	X509_free(authority->certificate);
	EVP_PKEY_free(authority->key);
	EVP_PKEY_free(authority->member_key);
	SSL_CTX_free(authority->tls);
}

/**
 * member_open - a member with a certificate, not yet connected
 * @member: filled
 * @authority: issues it
 * @node: its id
 *
 * Returns 0 or -EINVAL.
 */
int member_open(struct member *member, struct authority *authority,
		const char *node)
{
	struct pki_subject subject = { };
	char uri[64], reason[256] = "";

	memset(member, 0, sizeof(*member));
	member->fd = -1;
	snprintf(member->node, sizeof(member->node), "%s", node);
	snprintf(uri, sizeof(uri), "urn:cpns:node:%s", node);
	if (identity_parse(uri, &subject.identity) ||
	    pki_issue(authority->certificate, authority->key,
		      authority->member_key, &subject, &member->certificate,
		      reason, sizeof(reason))) {
		fprintf(stderr, "%s: %s\n", node, reason);
		return -EINVAL;
	}
	return 0;
}

void member_close(struct member *member)
{
	member_disconnect(member);
	X509_free(member->certificate);
	free(member->in);
}

/**
 * member_connect - TCP and a whole TLS handshake
 * @member: opened
 * @authority: of it
 * @port: on 127.0.0.1
 *
 * Returns 0 or -errno.
 */
int member_connect(struct member *member, struct authority *authority,
		   unsigned int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	int one = 1;

	member->in_size = 0;
	member->taken = 0;
	member->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (member->fd < 0)
		return -errno;
	setsockopt(member->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(member->fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	member->ssl = SSL_new(authority->tls);
	if (!member->ssl ||
	    !SSL_use_certificate(member->ssl, member->certificate) ||
	    !SSL_use_PrivateKey(member->ssl, authority->member_key) ||
	    !SSL_set_fd(member->ssl, member->fd) ||
	    SSL_connect(member->ssl) != 1)
		return -EPROTO;
	/* a server that leaves Nagle on would wait 40 ms for our ACK */
	setsockopt(member->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
	return 0;
}

/* waits until the server has ended its side too: it is through with us */
void member_disconnect(struct member *member)
{
	char rest[256];

	if (member->ssl) {
		if (!SSL_shutdown(member->ssl))
			while (SSL_read(member->ssl, rest, sizeof(rest)) > 0)
				;
		SSL_free(member->ssl);
	}
	if (member->fd >= 0)
		close(member->fd);
	member->ssl = NULL;
	member->fd = -1;
}

static int write_all(struct member *member, const uint8_t *bytes, size_t size)
{
	return SSL_write(member->ssl, bytes, (int)size) == (int)size ? 0 :
	       -EPIPE;
}

/*
 * Our CSM, with which each side begins (RFC 8323 5.3): messages of 8 MiB, as
 * libcoap's clients say, so that answers come whole.
 */
int member_coap_begin(struct member *member)
{
	static const uint8_t csm[] = { 0x40, 0xe1, 0x23, 0x80, 0x00, 0x00 };

	return write_all(member, csm, sizeof(csm));
}

static uint8_t *put_option(uint8_t *at, unsigned int *last,
			   unsigned int number, const void *value, size_t size)
{
	unsigned int delta = number - *last;

	*last = number;
	*at++ = (uint8_t)((delta < 13 ? delta : 13) << 4 |
			  (size < 13 ? size : 13));
	if (delta >= 13)
		*at++ = (uint8_t)(delta - 13);
	if (size >= 13)
		*at++ = (uint8_t)(size - 13);
	memcpy(at, value, size);
	return at + size;
}

static uint8_t *put_options(uint8_t *at, const struct call *call)
{
	const char *segment = call->path, *end;
	unsigned int last = 0;
	uint8_t format[2];
	size_t size;

	if (call->etag)
		at = put_option(at, &last, 4, call->etag, 8);
	if (call->observe)
		at = put_option(at, &last, 6, "", 0);
	for (; segment; segment = end ? end + 1 : NULL) {
		end = strchr(segment, '|');
		size = end ? (size_t)(end - segment) : strlen(segment);
		at = put_option(at, &last, 11, segment, size);
	}
	if (call->format >= 0) {
		format[0] = (uint8_t)(call->format >> 8);
		format[1] = (uint8_t)call->format;
		at = format[0] ? put_option(at, &last, 12, format, 2) :
				 put_option(at, &last, 12, format + 1, 1);
	}
	return at;
}

/**
 * member_send - send one request
 * @member: connected
 * @call: path, options and body, 64 KiB at most
 *
 * Returns 0, -EMSGSIZE or -EPIPE.
 */
int member_send(struct member *member, const struct call *call)
{
	uint8_t message[70000], options[700], *end, *at = message;
	size_t size;

	end = put_options(options, call);
	size = (size_t)(end - options) +
	       (call->body_size ? call->body_size + 1 : 0);
	if (size < 13) {
		*at++ = (uint8_t)(size << 4 | 1);
	} else if (size < 269) {
		*at++ = 13 << 4 | 1;
		*at++ = (uint8_t)(size - 13);
	} else if (size < 65805) {
		*at++ = 14 << 4 | 1;
		*at++ = (uint8_t)((size - 269) >> 8);
		*at++ = (uint8_t)(size - 269);
	} else {
		return -EMSGSIZE;
	}
	*at++ = (uint8_t)call->method;
	*at++ = call->token;
	memcpy(at, options, (size_t)(end - options));
	at += end - options;
	if (call->body_size) {
		*at++ = 0xff;
		memcpy(at, call->body, call->body_size);
		at += call->body_size;
	}
	return write_all(member, message, (size_t)(at - message));
}

/* the size of the message at the start of the buffer, 0 while it is short */
static size_t whole(const struct member *member, size_t *header)
{
	static const size_t bases[] = { 13, 269, 65805 };
	static const size_t sizes[] = { 1, 2, 4 };
	const uint8_t *in = member->in;
	size_t length, extra = 0, i;

	if (member->in_size < 2)
		return 0;
	length = in[0] >> 4;
	if (length >= 13) {
		extra = sizes[length - 13];
		if (member->in_size < 1 + extra)
			return 0;
		length = bases[length - 13];
		for (i = 0; i < extra; i++)
			length += (size_t)in[1 + i] << 8 * (extra - 1 - i);
	}
	*header = 1 + extra;
	length += *header + 1 + (in[0] & 15);
	return member->in_size < length ? 0 : length;
}

/* options are skipped; what comes after them is the body */
static void find_body(struct message *message, const uint8_t *at,
		      const uint8_t *end)
{
	message->body = end;
	while (at < end && *at != 0xff) {
		unsigned int delta = *at >> 4, size = *at & 15;

		at++;
		at += delta == 13 ? 1 : delta == 14 ? 2 : 0;
		if (size == 13 && at < end) {
			size = 13u + *at++;
		} else if (size == 14 && at + 1 < end) {
			size = 269u + ((unsigned int)at[0] << 8 | at[1]);
			at += 2;
		}
		at += size;
	}
	if (at < end)
		message->body = at + 1;
	message->body_size = (size_t)(end - message->body);
}

static void forget(struct member *member, size_t size)
{
	member->in_size -= size;
	if (size && member->in_size)
		memmove(member->in, member->in + size, member->in_size);
}

/* true: one that the caller is to see */
static bool take(struct member *member, struct message *message, size_t size,
		 size_t header)
{
	static const uint8_t pong[] = { 0x00, PONG };
	unsigned int code = member->in[header];
	size_t tokens = member->in[0] & 15;

	message->code = (code >> 5) * 100 + (code & 31);
	message->token = tokens ? member->in[header + 1] : 0;
	if (message->code == CODE_PING)
		write_all(member, pong, sizeof(pong));
	if (message->code / 100 == 7)
		return false;
	find_body(message, member->in + header + 1 + tokens,
		  member->in + size);
	return true;
}

/* many wait with nothing read: they keep no buffer */
static int fill(struct member *member)
{
	int size, error;
	void *more;

	if (member->in_room - member->in_size < 16384) {
		more = realloc(member->in, member->in_room + 32768);
		if (!more)
			return -ENOMEM;
		member->in = more;
		member->in_room += 32768;
	}
	size = SSL_read(member->ssl, member->in + member->in_size,
			(int)(member->in_room - member->in_size));
	if (size > 0) {
		member->in_size += (size_t)size;
		return 0;
	}
	error = SSL_get_error(member->ssl, size);
	if (!member->in_size) {
		free(member->in);
		member->in = NULL;
		member->in_room = 0;
	}
	return error == SSL_ERROR_WANT_READ ? -EAGAIN : -ECONNRESET;
}

/**
 * member_receive - the next answer or notification
 * @member: connected; its descriptor may be non-blocking
 * @message: filled, valid until the next call
 *
 * Returns 0, -EAGAIN (non-blocking, nothing whole is there), -ECONNRESET or
 * -ENOMEM.
 */
int member_receive(struct member *member, struct message *message)
{
	size_t size, header;
	int result;

	forget(member, member->taken);
	member->taken = 0;
	for (;;) {
		size = whole(member, &header);
		if (!size) {
			result = fill(member);
			if (result)
				return result;
			continue;
		}
		if (take(member, message, size, header)) {
			member->taken = size;
			return 0;
		}
		forget(member, size);
	}
}

/* a request and its answer, on a blocking descriptor */
int member_call(struct member *member, const struct call *call,
		struct message *message)
{
	int result = member_send(member, call);

	while (!result) {
		result = member_receive(member, message);
		if (!result && message->token == call->token)
			break;
	}
	return result;
}

/**
 * member_join - the join of RFC 9594 4.3.1 with a node key of one's own
 * @member: connected
 * @sgid: of the group
 * @roles: ROLE_BIT_*
 * @message: the answer
 *
 * Returns 0 with an answer 2.xx, -EACCES with another one, else -errno.
 */
int member_join(struct member *member, const char *sgid, unsigned int roles,
		struct message *message)
{
	struct join_request request = { .roles = roles, .has_node_key = true };
	char path[CPNS_SGID_MAX + 16];
	struct call call = {
		.method = 2, .path = path, .format = 261, .token = 'j',
	};
	uint8_t *body;
	int result;

	/* any 32 bytes are an X25519 public key */
	if (RAND_bytes(request.cnonce, sizeof(request.cnonce)) != 1 ||
	    RAND_bytes(request.node_key, sizeof(request.node_key)) != 1)
		return -EIO;
	snprintf(request.sgid, sizeof(request.sgid), "%s", sgid);
	snprintf(path, sizeof(path), "ace-group|%s", sgid);
	result = join_request_encode(&request, &body, &call.body_size);
	if (result)
		return result;
	call.body = body;
	result = member_call(member, &call, message);
	free(body);
	if (!result && message->code / 100 != 2) {
		fprintf(stderr, "%s: join: %u %.*s\n", member->node,
			message->code, (int)message->body_size,
			(const char *)message->body);
		result = -EACCES;
	}
	return result;
}
