// SPDX-License-Identifier: GPL-2.0-only
/*
 * See transport_fixture.h.  One process, one loop; the directory is removed
 * at the end.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/pem.h>

#include "log.h"
#include "../../userspace/cpnsctl/pki.h"
#include "transport_fixture.h"

#define PATIENCE 4		/* for machines with other work */

struct loop fixture_loop;
struct transport_server *fixture_server;
struct identity_trust *fixture_trust;
char fixture_directory[64];
char fixture_uri[64];
unsigned int fixture_port;
struct transport_request fixture_request;
char fixture_peer[96];
unsigned int fixture_value;
int fixture_answer_code;
uint8_t fixture_stored[65536];
size_t fixture_stored_size;

static X509 *authority;
static EVP_PKEY *authority_key;

const char *fixture_file(const char *name)
{
	static char paths[8][128];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", fixture_directory, name);
	return path;
}

/* name.pem and name.key */
static void issue(X509 *issuer, EVP_PKEY *issuer_key, const char *name,
		  const char *uri, const char *host, long from, long to)
{
	struct pki_subject subject = { .hosts = &host, .hosts_count = !!host };
	char file[64], reason[256];
	X509 *certificate;
	EVP_PKEY *key;
	time_t now = time(NULL);

	assert_int_equal(identity_parse(uri, &subject.identity), 0);
	if (from || to) {
		subject.not_before = now + from;
		subject.not_after = now + to;
	}
	assert_int_equal(pki_make_key(&key, reason, sizeof(reason)), 0);
	assert_int_equal(pki_issue(issuer, issuer_key, key, &subject,
				   &certificate, reason, sizeof(reason)), 0);
	snprintf(file, sizeof(file), "%s.pem", name);
	assert_int_equal(pki_write_certificate(fixture_file(file), certificate,
					       true, reason, sizeof(reason)), 0);
	snprintf(file, sizeof(file), "%s.key", name);
	assert_int_equal(pki_write_private_key(fixture_file(file), key, true,
					       reason, sizeof(reason)), 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void make_revocation_list(const char *name, const char *revoked)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *now = ASN1_TIME_adj(NULL, time(NULL), 0, -60);
	ASN1_TIME *next = ASN1_TIME_adj(NULL, time(NULL), 30, 0);
	char reason[256];
	FILE *file;

	X509_CRL_set_version(list, 1);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(authority));
	X509_CRL_set1_lastUpdate(list, now);
	X509_CRL_set1_nextUpdate(list, next);
	if (revoked) {
		X509_REVOKED *entry = X509_REVOKED_new();
		X509 *certificate = pki_read_certificate(fixture_file(revoked),
							 reason, sizeof(reason));

		X509_REVOKED_set_serialNumber(entry,
					      X509_get_serialNumber(certificate));
		X509_REVOKED_set_revocationDate(entry, now);
		X509_CRL_add0_revoked(list, entry);
		X509_free(certificate);
	}
	X509_CRL_sort(list);
	assert_true(X509_CRL_sign(list, authority_key, EVP_sha256()) > 0);
	file = fopen(fixture_file(name), "w");
	assert_non_null(file);
	PEM_write_X509_CRL(file, list);
	fclose(file);
	X509_CRL_free(list);
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
}

static unsigned int free_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	getsockname(fd, (struct sockaddr *)&address, &size);
	close(fd);
	return ntohs(address.sin_port);
}

int fixture_setup(void **state)
{
	char reason[256];
	X509 *other;
	EVP_PKEY *other_key;

	log_open("test", getenv("TEST_DEBUG") ? LOG_DEBUG : LOG_ERR);
	strcpy(fixture_directory, "/tmp/cpns-transport-XXXXXX");
	assert_non_null(mkdtemp(fixture_directory));
	identity_time_directory(fixture_directory);
	assert_int_equal(pki_make_authority(&authority, &authority_key, reason,
					    sizeof(reason)), 0);
	assert_int_equal(pki_write_certificate(fixture_file("ca.pem"),
					       authority, true, reason,
					       sizeof(reason)), 0);
	issue(authority, authority_key, "server", "urn:cpns:server:main",
	      "127.0.0.1", 0, 0);
	issue(authority, authority_key, "elsewhere", "urn:cpns:server:main",
	      "192.0.2.77", 0, 0);
	issue(authority, authority_key, "gw1", "urn:cpns:node:gw1", NULL, 0, 0);
	issue(authority, authority_key, "gw2", "urn:cpns:node:gw2", NULL, 0, 0);
	issue(authority, authority_key, "posing", "urn:cpns:node:posing",
	      "127.0.0.1", 0, 0);
	issue(authority, authority_key, "old", "urn:cpns:node:old", NULL,
	      -7200, -3600);
	issue(authority, authority_key, "future", "urn:cpns:node:future", NULL,
	      7200, 14400);
	assert_int_equal(pki_make_authority(&other, &other_key, reason,
					    sizeof(reason)), 0);
	assert_int_equal(pki_write_certificate(fixture_file("other-ca.pem"),
					       other, true, reason,
					       sizeof(reason)), 0);
	issue(other, other_key, "stranger", "urn:cpns:node:gw1", NULL, 0, 0);
	X509_free(other);
	EVP_PKEY_free(other_key);
	assert_int_equal(loop_open(&fixture_loop), 0);
	fixture_port = free_port();
	(void)state;
	return 0;
}

int fixture_teardown(void **state)
{
	char command[128];

	fixture_server_stop();
	loop_close(&fixture_loop);
	X509_free(authority);
	EVP_PKEY_free(authority_key);
	snprintf(command, sizeof(command), "rm -rf %s", fixture_directory);
	(void)state;
	return system(command);
}

static void serve_big(struct transport_answer *answer)
{
	static uint8_t big[BIG_SIZE];
	size_t i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + (i >> 8));
	transport_answer_code(answer, COAP_CONTENT);
	transport_answer_body(answer, FORMAT_OCTETS, big, sizeof(big));
}

static void serve_value(const struct transport_request *request,
			struct transport_answer *answer)
{
	char text[128];
	uint8_t etag[4] = { 0, 0, (uint8_t)(fixture_value >> 8),
			    (uint8_t)fixture_value };
	int size;

	size = snprintf(text, sizeof(text), "%u %s%s", fixture_value,
			fixture_peer, request->notification ? " again" : "");
	transport_answer_code(answer, COAP_CONTENT);
	transport_answer_etag(answer, etag, sizeof(etag));
	transport_answer_body(answer, FORMAT_GROUPCOMM, text, (size_t)size);
}

static bool is(const struct transport_segment *segment, const char *text)
{
	return segment->size == strlen(text) &&
	       !memcmp(segment->bytes, text, segment->size);
}

static void handler(void *context, const struct transport_request *request,
		    struct transport_answer *answer)
{
	struct transport_segment location[2] = { segment("ace-group"),
						 segment("new") };

	(void)context;
	fixture_request = *request;
	identity_uri(&request->peer, fixture_peer);
	if (fixture_answer_code) {
		transport_answer_problem(answer, fixture_answer_code,
					 "Group is gone", 6);
		return;
	}
	if (request->path_count > 1 && is(&request->path[1], "big")) {
		serve_big(answer);
		return;
	}
	switch (request->method) {
	case METHOD_GET:
		serve_value(request, answer);
		break;
	case METHOD_POST:
		transport_answer_code(answer, COAP_CREATED);
		transport_answer_location(answer, location, 2);
		transport_answer_body(answer, request->format, request->body,
				      request->body_size);
		break;
	case METHOD_PUT:
		memcpy(fixture_stored, request->body, request->body_size);
		fixture_stored_size = request->body_size;
		transport_answer_code(answer, COAP_CHANGED);
		break;
	case METHOD_DELETE:
		transport_answer_code(answer, COAP_DELETED);
		break;
	default:
		/* the path back, segments parted by | */
		transport_answer_code(answer, COAP_CONTENT);
		transport_answer_body(answer, FORMAT_OCTETS,
				      request->path[1].bytes,
				      request->path[1].size);
		break;
	}
}

void fixture_server_start(const char *scheme)
{
	const char *listen[1] = { fixture_uri };
	struct transport_server_options options = {
		.loop = &fixture_loop,
		.cert = fixture_file("server.pem"),
		.key = fixture_file("server.key"),
		.listen = listen, .listen_count = 1,
	};
	char reason[256] = "";

	fixture_server_stop();
	make_revocation_list("crl.pem", NULL);
	assert_int_equal(identity_trust_open(&fixture_trust,
					     fixture_file("ca.pem"),
					     fixture_file("crl.pem"), reason,
					     sizeof(reason)), 0);
	snprintf(fixture_uri, sizeof(fixture_uri), "%s://127.0.0.1:%u", scheme,
		 fixture_port);
	options.trust = fixture_trust;
	if (transport_server_open(&fixture_server, &options, reason,
				  sizeof(reason)))
		fail_msg("%s", reason);
	assert_int_equal(transport_server_route(fixture_server, "ace-group",
						handler, NULL), 0);
	fixture_answer_code = 0;
}

void fixture_server_stop(void)
{
	transport_server_close(fixture_server);
	fixture_server = NULL;
	identity_trust_close(fixture_trust);
	fixture_trust = NULL;
}

static void expire(void *context)
{
	*(bool *)context = true;
}

void run_until(const unsigned int *count, unsigned int wanted, double seconds)
{
	struct loop_timer timer;
	bool expired = false;

	loop_timer_init(&fixture_loop, &timer, expire, &expired);
	loop_timer_start(&timer, seconds * PATIENCE);
	while (*count < wanted && !expired)
		ev_run(fixture_loop.ev, EVRUN_ONCE);
	loop_timer_stop(&timer);
	if (*count < wanted)
		fail_msg("waited %.0f s in vain", seconds);
}

void run_for(double seconds)
{
	struct loop_timer timer;
	bool expired = false;

	loop_timer_init(&fixture_loop, &timer, expire, &expired);
	loop_timer_start(&timer, seconds);
	while (!expired)
		ev_run(fixture_loop.ev, EVRUN_ONCE);
	loop_timer_stop(&timer);
}

static void side_connected(void *context)
{
	struct side *side = context;

	side->connected = true;
}

static void side_disconnected(void *context, const char *reason)
{
	struct side *side = context;

	side->connected = false;
	side->losses++;
	snprintf(side->reason, sizeof(side->reason), "%s", reason);
}

void side_open(struct side *side, const char *name, const char *uri,
	       const char *server_id)
{
	struct transport_client_options options = {
		.loop = &fixture_loop, .uri = uri, .server_id = server_id,
		.connected = side_connected,
		.disconnected = side_disconnected,
		.context = side,
	};
	char cert[64], key[64], reason[256] = "";
	const char *ca;

	memset(side, 0, sizeof(*side));
	ca = fixture_file(!strcmp(name, "stranger") ? "other-ca.pem" : "ca.pem");
	assert_int_equal(identity_trust_open(&side->trust, ca, NULL, reason,
					     sizeof(reason)), 0);
	snprintf(cert, sizeof(cert), "%s.pem", name);
	snprintf(key, sizeof(key), "%s.key", name);
	options.cert = fixture_file(cert);
	options.key = fixture_file(key);
	options.trust = side->trust;
	if (transport_client_open(&side->client, &options, reason,
				  sizeof(reason)))
		fail_msg("%s", reason);
}

void side_close(struct side *side)
{
	transport_client_close(side->client);
	identity_trust_close(side->trust);
	memset(side, 0, sizeof(*side));
}

void side_wait_connected(struct side *side)
{
	struct loop_timer timer;
	bool expired = false;

	loop_timer_init(&fixture_loop, &timer, expire, &expired);
	loop_timer_start(&timer, 10 * PATIENCE);
	while (!side->connected && !expired)
		ev_run(fixture_loop.ev, EVRUN_ONCE);
	loop_timer_stop(&timer);
	if (!side->connected)
		fail_msg("not connected: %s", side->reason);
}

void side_wait_loss(struct side *side)
{
	run_until(&side->losses, side->losses + 1, 10);
}

struct transport_segment segment(const char *text)
{
	struct transport_segment made = { (const uint8_t *)text, strlen(text) };

	return made;
}

void seen_done(void *context, const struct transport_response *response)
{
	struct seen *seen = context;

	seen->count++;
	seen->notifications += response->notification;
	seen->code = response->code;
	seen->error = response->error;
	seen->ended = response->ended;
	seen->format = response->format;
	seen->error_id = response->error_id;
	snprintf(seen->problem, sizeof(seen->problem), "%s",
		 response->problem);
	memset(seen->etag, 0, sizeof(seen->etag));
	if (response->etag_size)
		memcpy(seen->etag, response->etag, response->etag_size);
	seen->body_size = response->body_size;
	if (response->body_size)
		memcpy(seen->body, response->body, response->body_size);
	if (seen->body_size < sizeof(seen->body))
		seen->body[seen->body_size] = '\0';
}

void call_wait(struct side *side, const struct transport_call *call,
	       struct seen *seen)
{
	memset(seen, 0, sizeof(*seen));
	assert_int_equal(transport_client_call(side->client, call, NULL), 0);
	run_until(&seen->count, 1, 10);
}

void call(struct side *side, enum transport_method method,
	  const struct transport_segment *path, size_t count, struct seen *seen)
{
	struct transport_call request = {
		.method = method, .path = path, .path_count = count,
		.format = FORMAT_NONE, .done = seen_done, .context = seen,
	};

	call_wait(side, &request, seen);
}
