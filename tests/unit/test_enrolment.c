// SPDX-License-Identifier: GPL-2.0-only
/*
 * Enrolment by one-time tokens over EST (RFC 9148) at a whole server: the
 * path that goes well, and everything that has to be refused on it.  Requests
 * that our own tool would never make are made here and by `openssl req`.
 */
#include "psk_peers.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../userspace/cpnsctl/pki.h"
#include "enrolment/certs_only.h"
#include "enrolment/enrolment_private.h"
#include "enrolment/request.h"
#include "enrolment/settings.h"

#define SEN	".well-known|est|sen"
#define SREN	".well-known|est|sren"
#define CRTS	".well-known|est|crts"

static char token[TOKEN_TEXT_SIZE];
static uint8_t psk[TOKEN_PSK_SIZE];
static uint64_t expires;
static struct identity who;
static struct peer device;

static void make_token(struct fixture *fixture, const char *node)
{
	assert_int_equal(tokens_issue(fixture->smf->enrolment, node, 3600,
				      token, &expires), 0);
	assert_int_equal(token_parse(token, &who, psk), 0);
	assert_string_equal(who.id, node);
}

static bool come(struct fixture *fixture, const char *identity)
{
	return psk_open(fixture, &device, psk_uri, identity, psk,
			sizeof(psk));
}

static EVP_PKEY *make_key(void)
{
	char reason[256];
	EVP_PKEY *key;

	assert_int_equal(pki_make_key(&key, reason, sizeof(reason)), 0);
	return key;
}

static int ask(struct fixture *fixture, struct peer *peer, const char *path,
	       const char *node, EVP_PKEY *key)
{
	struct identity identity = { .kind = IDENTITY_NODE };
	uint8_t *request;
	size_t size;

	strcpy(identity.id, node);
	assert_int_equal(request_make(key, &identity, &request, &size), 0);
	peer_call(fixture, peer, METHOD_POST, path, FORMAT_PKCS10, request,
		  size);
	OPENSSL_free(request);
	return peer->answer.code;
}

static X509 *answered(const struct heard *answer)
{
	struct stack_st_X509 *list;
	X509 *certificate;

	assert_int_equal(answer->format, FORMAT_CERTS_ONLY);
	assert_int_equal(certs_only_read(answer->body, answer->body_size, 4,
					 &list), 0);
	assert_int_equal(sk_X509_num(list), 1);
	certificate = sk_X509_shift(list);
	sk_X509_free(list);
	return certificate;
}

static void test_token(void **state)
{
	struct identity identity;
	char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
	uint8_t made[TOKEN_PSK_SIZE], parsed[TOKEN_PSK_SIZE];
	size_t size;
	int i;

	for (i = 0; i < 64; i++) {
		assert_int_equal(token_make("gw-9._x", text, made), 0);
		assert_int_equal(token_parse(text, &identity, parsed), 0);
		assert_memory_equal(made, parsed, sizeof(made));
		assert_string_equal(identity.id, "gw-9._x");
		assert_int_equal(identity.kind, IDENTITY_ENROLLING);
	}
	snprintf(other, sizeof(other), "%s", text);
	size = strlen(text);
	assert_int_equal(size, strlen("cpns-enrol-1:gw-9._x:") + 43);
	strcat(text, "\n");
	assert_int_equal(token_parse(text, &identity, parsed), 0);
	text[size] = 'A';
	assert_int_equal(token_parse(text, &identity, parsed), -EINVAL);
	text[size - 1] = '\0';
	assert_int_equal(token_parse(text, &identity, parsed), -EINVAL);
	/* another id gives another key, so a token cannot be used for it */
	other[strlen("cpns-enrol-1:gw-")] = '8';
	assert_int_equal(token_parse(other, &identity, parsed), 0);
	assert_memory_not_equal(made, parsed, sizeof(made));
	assert_int_equal(token_parse("cpns-enrol-1::AAAA", &identity, parsed),
			 -EINVAL);
	assert_int_equal(token_parse("", &identity, parsed), -EINVAL);
	assert_int_equal(token_make("a:b", text, made), -EIO);
	assert_int_equal(identity.kind, IDENTITY_NONE);
}

static void check_certificate(struct fixture *fixture, X509 *certificate,
			      EVP_PKEY *key, const char *node)
{
	struct identity identity;
	char reason[256];

	assert_int_equal(identity_verify(fixture->trust, certificate, NULL,
					 IDENTITY_NODE, &identity, reason,
					 sizeof(reason)), 0);
	assert_string_equal(identity.id, node);
	assert_int_equal(X509_check_private_key(certificate, key), 1);
	assert_true(X509_check_ca(certificate) == 0);
	assert_int_equal(X509_get_extended_key_usage(certificate),
			 XKU_SSL_CLIENT);
	assert_in_range(pki_not_after(certificate), time(NULL) + 29 * 86400,
			time(NULL) + 31 * 86400);
}

/* with the certificate, at the port for certificates */
static void use_certificate(struct fixture *fixture, X509 *certificate,
			    EVP_PKEY *key, const char *name)
{
	char path[128], reason[256];

	snprintf(path, sizeof(path), "%s/%s.pem", fixture->directory, name);
	assert_int_equal(pki_write_certificate(path, certificate, true, reason,
					       sizeof(reason)), 0);
	snprintf(path, sizeof(path), "%s/%s.key", fixture->directory, name);
	assert_int_equal(pki_write_private_key(path, key, true, reason,
					       sizeof(reason)), 0);
	peer_open(fixture, &fixture->gw3, name);
	peer_register(fixture, &fixture->gw3, NULL);
}

static void refuse_other_key(struct fixture *fixture)
{
	EVP_PKEY *other = make_key();

	assert_int_equal(ask(fixture, &device, SEN, "gw9", other),
			 COAP_FORBIDDEN);
	assert_string_equal(device.answer.problem,
			    "The token was used already");
	EVP_PKEY_free(other);
}

static void test_enrol(void **state)
{
	struct fixture *fixture = *state;
	struct node_settings settings;
	struct stack_st_X509 *authorities;
	char reason[256];
	X509 *certificate;
	EVP_PKEY *key = make_key();

	make_token(fixture, "gw9");
	assert_true(come(fixture, "enrol:gw9"));
	peer_call(fixture, &device, METHOD_GET, ".well-known|core",
		  FORMAT_NONE, NULL, 0);
	assert_int_equal(device.answer.code, COAP_CONTENT);
	assert_int_equal(device.answer.format, FORMAT_LINK);
	peer_call(fixture, &device, METHOD_GET, CRTS, FORMAT_NONE, NULL, 0);
	assert_int_equal(device.answer.code, COAP_CONTENT);
	assert_int_equal(certs_only_read(device.answer.body,
					 device.answer.body_size, 4,
					 &authorities), 0);
	assert_int_equal(X509_check_ca(sk_X509_value(authorities, 0)), 1);
	sk_X509_pop_free(authorities, X509_free);
	peer_call(fixture, &device, METHOD_GET, "enrolment", FORMAT_NONE, NULL,
		  0);
	assert_int_equal(device.answer.code, COAP_CONTENT);
	assert_int_equal(node_settings_read(device.answer.body,
					    device.answer.body_size, &settings,
					    reason, sizeof(reason)), 0);
	assert_string_equal(settings.node, "gw9");
	assert_string_equal(settings.server_id, "urn:cpns:server:main");
	assert_string_equal(settings.scheme, "coaps+tcp");
	assert_int_equal(settings.port,
			 atoi(strrchr(fixture->uri, ':') + 1));
	assert_int_equal(ask(fixture, &device, SEN, "gw9", key),
			 COAP_CHANGED);
	certificate = answered(&device.answer);
	check_certificate(fixture, certificate, key, "gw9");
	use_certificate(fixture, certificate, key, "gw9");
	X509_free(certificate);

	/* the token was for one key, in this session and in others */
	refuse_other_key(fixture);
	peer_close(&device);
	assert_true(come(fixture, "enrol:gw9"));
	refuse_other_key(fixture);
	peer_close(&device);
	EVP_PKEY_free(key);
}

/* a device that did not get its answer asks again, also a server anew */
static void test_lost_answer(void **state)
{
	struct fixture *fixture = *state;
	EVP_PKEY *key = make_key();
	X509 *certificate;
	int i;

	make_token(fixture, "gw8");
	assert_true(come(fixture, "enrol:gw8"));
	assert_int_equal(ask(fixture, &device, SEN, "gw8", key),
			 COAP_CHANGED);
	peer_close(&device);
	server_stop(fixture);
	server_start(fixture);
	assert_true(come(fixture, "enrol:gw8"));
	assert_int_equal(ask(fixture, &device, SEN, "gw8", key),
			 COAP_CHANGED);
	certificate = answered(&device.answer);
	check_certificate(fixture, certificate, key, "gw8");
	X509_free(certificate);
	/* but not as often as it likes */
	for (i = 2; i < CERTIFICATES_A_DAY; i++)
		assert_int_equal(ask(fixture, &device, SEN, "gw8", key),
				 COAP_CHANGED);
	assert_int_equal(ask(fixture, &device, SEN, "gw8", key),
			 COAP_TOO_MANY_REQUESTS);
	peer_close(&device);
	EVP_PKEY_free(key);

	/* another token is for another key */
	make_token(fixture, "gw8");
	assert_true(come(fixture, "enrol:gw8"));
	key = make_key();
	assert_int_equal(ask(fixture, &device, SEN, "gw8", key),
			 COAP_CHANGED);
	peer_close(&device);
	EVP_PKEY_free(key);
}

/* who has a session of a token's may not use the one that took its place */
static void test_next_token(void **state)
{
	struct fixture *fixture = *state;
	EVP_PKEY *key = make_key();

	make_token(fixture, "gw11");
	assert_true(come(fixture, "enrol:gw11"));
	make_token(fixture, "gw11");
	run_for(fixture, 0.5);
	assert_false(device.connected);
	peer_close(&device);
	assert_true(come(fixture, "enrol:gw11"));
	assert_int_equal(ask(fixture, &device, SEN, "gw11", key),
			 COAP_CHANGED);
	peer_close(&device);
	EVP_PKEY_free(key);
}

static bool (*really_revoked)(void *context, const char *node);
static struct loop_timer next_token;

static void make_next_token(void *context)
{
	make_token(context, "gw12");
}

/* asked when a handshake looks for its key */
static bool revoked_at_handshake(void *context, const char *node)
{
	struct smf *smf = context;

	smf->enrolment->revoked = really_revoked;
	loop_timer_start(&next_token, 0);
	return really_revoked(context, node);
}

/* the same for a handshake that is under way */
static void test_next_token_at_handshake(void **state)
{
	struct fixture *fixture = *state;
	struct enrolment *enrolment = fixture->smf->enrolment;
	EVP_PKEY *key = make_key();
	uint8_t before[TOKEN_PSK_SIZE];

	make_token(fixture, "gw12");
	memcpy(before, psk, sizeof(before));
	loop_timer_init(&fixture->loop, &next_token, make_next_token, fixture);
	really_revoked = enrolment->revoked;
	enrolment->revoked = revoked_at_handshake;
	assert_true(come(fixture, "enrol:gw12"));
	assert_memory_not_equal(before, psk, sizeof(before));
	assert_int_equal(ask(fixture, &device, SEN, "gw12", key),
			 COAP_UNAUTHORIZED);
	peer_close(&device);
	assert_true(psk_open(fixture, &device, psk_dtls_uri, "enrol:gw12", psk,
			     sizeof(psk)));
	assert_int_equal(ask(fixture, &device, SEN, "gw12", key),
			 COAP_CHANGED);
	peer_close(&device);
	EVP_PKEY_free(key);
}

/* fixture->gw3 has the session of gw9's certificate */
static void test_renew(void **state)
{
	struct fixture *fixture = *state;
	EVP_PKEY *key = make_key();
	X509 *certificate;
	int i;

	assert_int_equal(ask(fixture, &fixture->gw3, SREN, "gw8", key),
			 COAP_FORBIDDEN);
	assert_int_equal(ask(fixture, &fixture->gw3, SEN, "gw9", key),
			 COAP_FORBIDDEN);
	assert_int_equal(ask(fixture, &fixture->gw3, SREN, "gw9", key),
			 COAP_CHANGED);
	certificate = answered(&fixture->gw3.answer);
	check_certificate(fixture, certificate, key, "gw9");
	peer_close(&fixture->gw3);
	use_certificate(fixture, certificate, key, "gw9");
	X509_free(certificate);
	/* the first by token, the second a moment ago */
	for (i = 2; i < CERTIFICATES_A_DAY; i++)
		assert_int_equal(ask(fixture, &fixture->gw3, SREN, "gw9", key),
				 COAP_CHANGED);
	assert_int_equal(ask(fixture, &fixture->gw3, SREN, "gw9", key),
			 COAP_TOO_MANY_REQUESTS);
	EVP_PKEY_free(key);
	peer_close(&fixture->gw3);
}

/* a session lasts longer than what was known of its certificate */
static void test_renew_revoked(void **state)
{
	struct fixture *fixture = *state;
	char ca[128], ca_key[128], own[128], issued[128], list[128];
	char reason[256] = "";
	unsigned int count;
	X509 *authority, *certificate;
	EVP_PKEY *authority_key, *key = make_key();

	snprintf(ca, sizeof(ca), "%s/ca.pem", fixture->directory);
	snprintf(ca_key, sizeof(ca_key), "%s/ca.key", fixture->directory);
	snprintf(own, sizeof(own), "%s/gw2.pem", fixture->directory);
	snprintf(issued, sizeof(issued), "%s/issued", fixture->directory);
	snprintf(list, sizeof(list), "%s/ca.crl", fixture->directory);
	authority = pki_read_certificate(ca, reason, sizeof(reason));
	authority_key = pki_read_private_key(ca_key, reason, sizeof(reason));
	certificate = pki_read_certificate(own, reason, sizeof(reason));
	assert_int_equal(pki_note_issued(issued, certificate, reason,
					 sizeof(reason)), 0);
	peer_open(fixture, &fixture->gw2, "gw2");
	assert_int_equal(ask(fixture, &fixture->gw2, SREN, "gw2", key),
			 COAP_CHANGED);
	assert_int_equal(pki_revoke(authority, authority_key, issued,
				    "urn:cpns:node:gw2", list, &count, reason,
				    sizeof(reason)), 0);
	assert_int_equal(count, 1);
	assert_int_equal(identity_trust_reload(fixture->smf->trust, ca, list,
					       reason, sizeof(reason)), 0);
	assert_int_equal(ask(fixture, &fixture->gw2, SREN, "gw2", key),
			 COAP_FORBIDDEN);
	assert_string_equal(fixture->gw2.answer.problem,
			    "The certificate is not good any more");
	assert_int_equal(identity_trust_reload(fixture->smf->trust, ca, NULL,
					       reason, sizeof(reason)), 0);
	assert_int_equal(ask(fixture, &fixture->gw2, SREN, "gw2", key),
			 COAP_CHANGED);
	peer_close(&fixture->gw2);
	X509_free(certificate);
	X509_free(authority);
	EVP_PKEY_free(authority_key);
	EVP_PKEY_free(key);
}

/* a token is for enrolment and nothing else */
static void test_nothing_else(void **state)
{
	static const char *const paths[] = {
		"ace-group|" SGID, "smf|gw9", "smf|gw1", "manage",
		"ace-group|" SGID "|num", "other",
	};
	struct fixture *fixture = *state;
	EVP_PKEY *key = make_key();
	size_t i;

	create(fixture, document_make(SGID, QUICK, ENTRY("gw7", "7", ""),
				      NULL));
	make_token(fixture, "gw7");
	assert_true(come(fixture, "enrol:gw7"));
	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		peer_call(fixture, &device, METHOD_GET, paths[i], FORMAT_NONE,
			  NULL, 0);
		assert_int_equal(device.answer.code, COAP_FORBIDDEN);
		assert_string_equal(device.answer.problem,
				    "A token is for enrolment only");
	}
	peer_join(fixture, &device, SGID, SGID, 3);
	assert_int_equal(device.answer.code, COAP_FORBIDDEN);
	assert_int_equal(ask(fixture, &device, SREN, "gw7", key),
			 COAP_FORBIDDEN);
	peer_call(fixture, &device, METHOD_GET, SEN, FORMAT_NONE, NULL, 0);
	assert_int_equal(device.answer.code, COAP_METHOD_NOT_ALLOWED);
	peer_call(fixture, &device, METHOD_POST, SEN, FORMAT_CBOR, "x", 1);
	assert_int_equal(device.answer.code, COAP_UNSUPPORTED_FORMAT);
	peer_call(fixture, &device, METHOD_GET, ".well-known|est|skg",
		  FORMAT_NONE, NULL, 0);
	assert_int_equal(device.answer.code, COAP_NOT_FOUND);
	peer_close(&device);
	/* as a node, the token's key is none */
	assert_false(come(fixture, "gw7"));
	/* and another node's name does not fit the key */
	make_token(fixture, "gw6");
	assert_true(come(fixture, "enrol:gw6"));
	peer_close(&device);
	assert_false(come(fixture, "enrol:gw7"));
	EVP_PKEY_free(key);
}

static void post(struct fixture *fixture, const uint8_t *bytes, size_t size,
		 int code, const char *problem)
{
	peer_call(fixture, &device, METHOD_POST, SEN, FORMAT_PKCS10, bytes,
		  size);
	assert_int_equal(device.answer.code, code);
	if (!strstr(device.answer.problem, problem))
		fail_msg("\"%s\" has no \"%s\"", device.answer.problem,
			 problem);
}

/* what `openssl req` makes of this: another program's request */
static size_t openssl_request(struct fixture *fixture, const char *algorithm,
			      const char *option, const char *subject,
			      const char *name, uint8_t *bytes, size_t room)
{
	char key[128], out[128], log[128];
	const char *const arguments[] = {
		"openssl", "req", "-new", "-newkey", algorithm, "-pkeyopt",
		option, "-nodes", "-keyout", key, "-outform", "DER", "-out",
		out, "-subj", subject, "-addext", name, NULL,
	};
	FILE *file;
	size_t size;

	snprintf(key, sizeof(key), "%s/other.key", fixture->directory);
	snprintf(out, sizeof(out), "%s/other.csr", fixture->directory);
	snprintf(log, sizeof(log), "%s/output", fixture->directory);
	assert_int_equal(psk_program(fixture, log, arguments), 0);
	file = fopen(out, "r");
	assert_non_null(file);
	size = fread(bytes, 1, room, file);
	fclose(file);
	return size;
}

static void test_bad_requests(void **state)
{
	static uint8_t bytes[65536];
	struct fixture *fixture = *state;
	struct identity identity = { .kind = IDENTITY_NODE, .id = "gw5" };
	EVP_PKEY *key = make_key();
	X509 *certificate;
	uint8_t *request;
	size_t size, i;

	make_token(fixture, "gw5");
	assert_true(come(fixture, "enrol:gw5"));
	post(fixture, bytes, 0, COAP_UNSUPPORTED_FORMAT, "");
	post(fixture, (const uint8_t *)"rubbish", 7, COAP_BAD_REQUEST,
	     "not a PKCS #10 request");
	post(fixture, bytes, 60000, COAP_TOO_LARGE, "more than 4096 bytes");
	assert_int_equal(request_make(key, &identity, &request, &size), 0);
	memcpy(bytes, request, size);
	OPENSSL_free(request);
	/* something behind it, something missing, a flipped bit anywhere */
	post(fixture, bytes, size + 1, COAP_BAD_REQUEST, "not a PKCS #10");
	post(fixture, bytes, size - 1, COAP_BAD_REQUEST, "");
	bytes[size - 5] ^= 1;
	post(fixture, bytes, size, COAP_BAD_REQUEST, "signature is wrong");
	bytes[size - 5] ^= 1;
	for (i = 0; i < size; i += 7) {
		bytes[i] ^= 0x10;
		peer_call(fixture, &device, METHOD_POST, SEN, FORMAT_PKCS10,
			  bytes, size);
		assert_in_range(device.answer.code, 400, 413);
		bytes[i] ^= 0x10;
	}
	/* names and keys that are others */
	size = openssl_request(fixture, "ec", "ec_paramgen_curve:P-384",
			       "/CN=gw5", "subjectAltName=URI:urn:cpns:node:gw5",
			       bytes, sizeof(bytes));
	post(fixture, bytes, size, COAP_BAD_REQUEST, "not on P-256");
	size = openssl_request(fixture, "rsa", "rsa_keygen_bits:2048",
			       "/CN=gw5", "subjectAltName=URI:urn:cpns:node:gw5",
			       bytes, sizeof(bytes));
	post(fixture, bytes, size, COAP_BAD_REQUEST, "not on P-256");
	size = openssl_request(fixture, "ec", "ec_paramgen_curve:P-256",
			       "/CN=gw1", "subjectAltName=URI:urn:cpns:node:gw5",
			       bytes, sizeof(bytes));
	post(fixture, bytes, size, COAP_FORBIDDEN, "subject is not CN=gw5");
	size = openssl_request(fixture, "ec", "ec_paramgen_curve:P-256",
			       "/O=Other/CN=gw5",
			       "subjectAltName=URI:urn:cpns:node:gw5",
			       bytes, sizeof(bytes));
	post(fixture, bytes, size, COAP_FORBIDDEN, "subject is not CN=gw5");
	size = openssl_request(fixture, "ec", "ec_paramgen_curve:P-256",
			       "/CN=gw5",
			       "subjectAltName=URI:urn:cpns:server:main",
			       bytes, sizeof(bytes));
	post(fixture, bytes, size, COAP_FORBIDDEN, "subjectAltName is not");
	size = openssl_request(fixture, "ec", "ec_paramgen_curve:P-256",
			       "/CN=gw5",
			       "subjectAltName=URI:urn:cpns:node:gw5,DNS:a.example",
			       bytes, sizeof(bytes));
	post(fixture, bytes, size, COAP_FORBIDDEN, "subjectAltName is not");
	/* what is asked for besides is left out: it stays a node's */
	size = openssl_request(fixture, "ec", "ec_paramgen_curve:P-256",
			       "/CN=gw5", "basicConstraints=critical,CA:TRUE",
			       bytes, sizeof(bytes));
	post(fixture, bytes, size, COAP_CHANGED, "");
	certificate = answered(&device.answer);
	assert_true(X509_check_ca(certificate) == 0);
	X509_free(certificate);
	peer_close(&device);
	EVP_PKEY_free(key);
}

static void test_expired(void **state)
{
	struct fixture *fixture = *state;
	struct store_token stored;
	EVP_PKEY *key = make_key();

	make_token(fixture, "gw4");
	assert_true(come(fixture, "enrol:gw4"));
	assert_int_equal(store_token_get(fixture->smf->store, "gw4", &stored),
			 0);
	stored.expires = (uint64_t)time(NULL) - 1;
	assert_int_equal(store_token_put(fixture->smf->store, "gw4", &stored,
					 TOKENS_MAX), 0);
	/* the session is older than the token's end */
	assert_int_equal(ask(fixture, &device, SEN, "gw4", key),
			 COAP_FORBIDDEN);
	assert_string_equal(device.answer.problem, "The token has expired");
	peer_close(&device);
	assert_false(come(fixture, "enrol:gw4"));
	/* a second token for one node ends the first */
	make_token(fixture, "gw4");
	memset(psk, 1, sizeof(psk));
	assert_false(come(fixture, "enrol:gw4"));
	EVP_PKEY_free(key);
}

static void test_revoked(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "", **sgids;
	EVP_PKEY *key = make_key();
	size_t i;

	make_token(fixture, "gw3");
	assert_true(come(fixture, "enrol:gw3"));
	assert_int_equal(smf_node_revoke(fixture->smf, "gw3", true, &sgids,
					 reason), 0);
	for (i = 0; sgids && sgids[i]; i++)
		free(sgids[i]);
	free(sgids);
	assert_int_equal(ask(fixture, &device, SEN, "gw3", key),
			 COAP_FORBIDDEN);
	assert_string_equal(device.answer.problem, "The node is revoked");
	peer_close(&device);
	assert_false(come(fixture, "enrol:gw3"));
	assert_int_equal(tokens_issue(fixture->smf->enrolment, "gw3", 3600,
				      token, &expires), -EACCES);
	EVP_PKEY_free(key);
}

/* who knows the id does not keep the node from using its token */
static void test_tries(void **state)
{
	struct fixture *fixture = *state;
	uint8_t right[TOKEN_PSK_SIZE];
	int i;

	make_token(fixture, "gw2");
	memcpy(right, psk, sizeof(right));
	psk[0] ^= 1;
	for (i = 0; i < 12; i++)
		assert_false(come(fixture, "enrol:gw2"));
	memcpy(psk, right, sizeof(right));
	assert_true(come(fixture, "enrol:gw2"));
	peer_close(&device);
}

static int count(void *context, const struct store_certificate *one)
{
	assert_string_equal(one->node, "gw9");
	assert_true(one->expires > one->issued);
	(*(int *)context)++;
	return 0;
}

/* tokens and what was issued outlive the server */
static void test_restart(void **state)
{
	struct fixture *fixture = *state;
	char uri[64], dtls[64];
	int issued = 0;

	make_token(fixture, "gw2");
	strcpy(uri, psk_uri);
	strcpy(dtls, psk_dtls_uri);
	server_stop(fixture);
	server_start(fixture);
	assert_true(come(fixture, "enrol:gw2"));
	peer_close(&device);
	assert_int_equal(store_certificate_each(fixture->smf->store, "gw9",
						count, &issued), 0);
	assert_int_equal(issued, CERTIFICATES_A_DAY);
}

static void test_settings(void **state)
{
	struct node_settings settings = {
		.node = "gw1", .server_id = "urn:cpns:server:main",
		.scheme = "coaps+tcp", .port = 5684,
	}, read;
	char reason[128];
	uint8_t *bytes;
	size_t size, i;

	assert_int_equal(node_settings_write(&settings, &bytes, &size), 0);
	assert_int_equal(node_settings_read(bytes, size, &read, reason,
					    sizeof(reason)), 0);
	assert_memory_equal(&settings, &read, sizeof(read));
	for (i = 0; i < size; i++)
		assert_true(node_settings_read(bytes, i, &read, reason,
					       sizeof(reason)) < 0);
	free(bytes);
	strcpy(settings.scheme, "coap");
	assert_int_equal(node_settings_write(&settings, &bytes, &size), 0);
	assert_int_equal(node_settings_read(bytes, size, &read, reason,
					    sizeof(reason)), -EINVAL);
	free(bytes);
}

static int open_all(void **state)
{
	int result = fixture_open(state);

	if (!result)
		psk_server_start(*state, "", true);
	return result;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_enrol),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_renew_revoked),
		cmocka_unit_test(test_lost_answer),
		cmocka_unit_test(test_next_token),
		cmocka_unit_test(test_next_token_at_handshake),
		cmocka_unit_test(test_nothing_else),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_tries),
		cmocka_unit_test(test_restart),
	};

	return cmocka_run_group_tests(tests, open_all, fixture_close);
}
