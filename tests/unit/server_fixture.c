// SPDX-License-Identifier: GPL-2.0-only
/*
 * See server_fixture.h.
 */
#include "server_fixture.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../userspace/cpnsctl/pki.h"
#include "hpke_open.h"
#include "log.h"
#include "proto/aead.h"
#include "proto/key_schedule.h"

#define WAIT_SECONDS 12.0

const char *fixture_scheme = "coaps+tcp";

static char *file_in(const struct fixture *fixture, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", fixture->directory, name) > 0);
	return path;
}

static void issue(const struct fixture *fixture, X509 *ca, EVP_PKEY *ca_key,
		  const char *name, const char *uri, const char *host)
{
	struct pki_subject subject = { .hosts = &host, .hosts_count = !!host };
	char reason[256] = "", file[64], *path;
	X509 *certificate;
	EVP_PKEY *key;

	assert_int_equal(identity_parse(uri, &subject.identity), 0);
	assert_int_equal(pki_make_key(&key, reason, sizeof(reason)), 0);
	assert_int_equal(pki_issue(ca, ca_key, key, &subject, &certificate,
				   reason, sizeof(reason)), 0);
	snprintf(file, sizeof(file), "%s.pem", name);
	path = file_in(fixture, file);
	assert_int_equal(pki_write_certificate(path, certificate, true,
					       reason, sizeof(reason)), 0);
	free(path);
	snprintf(file, sizeof(file), "%s.key", name);
	path = file_in(fixture, file);
	assert_int_equal(pki_write_private_key(path, key, true, reason,
					       sizeof(reason)), 0);
	free(path);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void make_certificates(const struct fixture *fixture)
{
	char reason[256], *path;
	EVP_PKEY *ca_key, *osg_key;
	X509 *ca;

	assert_int_equal(pki_make_authority(&ca, &ca_key, reason,
					    sizeof(reason)), 0);
	path = file_in(fixture, "ca.pem");
	assert_int_equal(pki_write_certificate(path, ca, true, reason,
					       sizeof(reason)), 0);
	free(path);
	path = file_in(fixture, "ca.key");
	assert_int_equal(pki_write_private_key(path, ca_key, true, reason,
					       sizeof(reason)), 0);
	free(path);
	issue(fixture, ca, ca_key, "server", "urn:cpns:server:main",
	      "127.0.0.1");
	issue(fixture, ca, ca_key, "signer", "urn:cpns:signer:main", NULL);
	issue(fixture, ca, ca_key, "gw1", "urn:cpns:node:gw1", NULL);
	issue(fixture, ca, ca_key, "gw2", "urn:cpns:node:gw2", NULL);
	issue(fixture, ca, ca_key, "gw3", "urn:cpns:node:gw3", NULL);
	issue(fixture, ca, ca_key, "ops", "urn:cpns:smf:ops", NULL);
	assert_int_equal(pki_make_osg_key(&osg_key, reason, sizeof(reason)),
			 0);
	path = file_in(fixture, "osg.key");
	assert_int_equal(pki_write_private_key(path, osg_key, true, reason,
					       sizeof(reason)), 0);
	free(path);
	EVP_PKEY_free(osg_key);
	EVP_PKEY_free(ca_key);
	X509_free(ca);
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

int fixture_open(void **state)
{
	static char *allowed[1];
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char reason[256];

	assert_non_null(fixture);
	log_open("test", getenv("TEST_DEBUG") ? LOG_DEBUG : LOG_CRIT);
	strcpy(fixture->directory, "/tmp/cpns-server-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	make_certificates(fixture);
	snprintf(fixture->uri, sizeof(fixture->uri),
		 "%s://127.0.0.1:%u", fixture_scheme, free_port());
	fixture->config.ca = file_in(fixture, "ca.pem");
	fixture->config.cert = file_in(fixture, "server.pem");
	fixture->config.key = file_in(fixture, "server.key");
	fixture->config.signer_cert = file_in(fixture, "signer.pem");
	fixture->config.signer_key = file_in(fixture, "signer.key");
	fixture->config.osg_key = file_in(fixture, "osg.key");
	fixture->config.groups = file_in(fixture, "groups.d");
	fixture->config.state = file_in(fixture, "state");
	fixture->config.listen[0] = fixture->uri;
	fixture->config.listen_count = 1;
	allowed[0] = strdup("urn:cpns:smf:ops");
	fixture->config.smf_allowed = allowed;
	fixture->config.smf_allowed_count = 1;
	assert_int_equal(loop_open(&fixture->loop), 0);
	assert_int_equal(identity_trust_open(&fixture->trust,
					     fixture->config.ca, NULL, reason,
					     sizeof(reason)), 0);
	server_start(fixture);
	*state = fixture;
	return 0;
}

int fixture_close(void **state)
{
	struct fixture *fixture = *state;
	char command[128];
	int result;

	peer_close(&fixture->gw1);
	peer_close(&fixture->gw2);
	peer_close(&fixture->gw3);
	peer_close(&fixture->ops);
	server_stop(fixture);
	identity_trust_close(fixture->trust);
	loop_close(&fixture->loop);
	free(fixture->config.smf_allowed[0]);
	free(fixture->config.ca);
	free(fixture->config.cert);
	free(fixture->config.key);
	free(fixture->config.signer_cert);
	free(fixture->config.signer_key);
	free(fixture->config.osg_key);
	free(fixture->config.groups);
	free(fixture->config.state);
	snprintf(command, sizeof(command), "rm -r %s", fixture->directory);
	result = system(command);
	free(fixture);
	return result;
}

void server_start(struct fixture *fixture)
{
	struct smf_options options = {
		.loop = &fixture->loop,
		.config = &fixture->config,
	};
	char reason[512];

	if (smf_open(&fixture->smf, &options, reason, sizeof(reason)))
		fail_msg("%s", reason);
}

void server_stop(struct fixture *fixture)
{
	smf_close(fixture->smf);
	fixture->smf = NULL;
}

char *document_make(const char *sgid, const char *key, ...)
{
	static char text[160 * 1024];
	va_list entries;
	const char *entry;
	size_t used;

	used = snprintf(text, sizeof(text),
			"<group xmlns=\"urn:oma:xml:poc:list-service\""
			" xmlns:cpns=\"urn:cpns:xml:group-key:1\">"
			"<list-service uri=\"%s\"><list>\n", sgid);
	va_start(entries, key);
	while ((entry = va_arg(entries, const char *)))
		used += snprintf(text + used, sizeof(text) - used, "%s\n",
				 entry);
	va_end(entries);
	snprintf(text + used, sizeof(text) - used,
		 "</list><cpns:group-key location=\"coaps+tcp://127.0.0.1/ace-group/%s\""
		 " signer=\"urn:cpns:signer:main\" %s/></list-service></group>",
		 sgid, key);
	return text;
}

uint32_t create(struct fixture *fixture, char *document)
{
	char sgid[CPNS_SGID_MAX + 1], reason[SMF_REASON_MAX] = "";
	uint32_t num = 0;

	if (smf_group_create(fixture->smf, document, strlen(document), sgid,
			     &num, reason))
		fail_msg("%s", reason);
	run_for(fixture, 0);
	return num;
}

struct cskmf_updated update(struct fixture *fixture, char *document)
{
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	if (smf_group_update(fixture->smf, SGID, document, strlen(document),
			     CSKMF_DOCUMENT, &updated, reason))
		fail_msg("%s", reason);
	return updated;
}

static void expire(void *context)
{
	*(bool *)context = true;
}

void run_for(struct fixture *fixture, double seconds)
{
	struct loop_timer timer;
	bool expired = false;

	loop_timer_init(&fixture->loop, &timer, expire, &expired);
	loop_timer_start(&timer, seconds);
	while (!expired)
		ev_run(fixture->loop.ev, EVRUN_ONCE);
}

void wait_for(struct fixture *fixture, const unsigned int *count,
	      unsigned int wanted)
{
	struct loop_timer timer;
	bool expired = false;

	loop_timer_init(&fixture->loop, &timer, expire, &expired);
	loop_timer_start(&timer, WAIT_SECONDS);
	while (*count < wanted && !expired)
		ev_run(fixture->loop.ev, EVRUN_ONCE);
	loop_timer_stop(&timer);
	if (*count < wanted)
		fail_msg("waited %.0f s in vain: %u of %u", WAIT_SECONDS,
			 *count, wanted);
}

void wait_for_num(struct fixture *fixture, uint32_t num)
{
	double end = loop_boottime() + WAIT_SECONDS;
	struct cskmf_group_view view = { };

	do {
		run_for(fixture, 0.02);
		if (!cskmf_group_view(fixture->smf->cskmf, SGID, &view) &&
		    view.num >= num)
			return;
	} while (loop_boottime() < end);
	fail_msg("epoch %u did not come, %u is there", num, view.num);
}

static void connected(void *context)
{
	((struct peer *)context)->connected = true;
}

static void disconnected(void *context, const char *reason)
{
	struct peer *peer = context;

	peer->connected = false;
	peer->refusals++;
	snprintf(peer->refusal, sizeof(peer->refusal), "%s", reason);
}

void peer_new_kernel(struct peer *peer)
{
	memset(&peer->kernel, 0, sizeof(peer->kernel));
	x25519_pair(peer->kernel.node, peer->kernel.node_public);
}

static void peer_start(struct fixture *fixture, struct peer *peer,
		       const char *name)
{
	char file[64], *cert, *key, reason[256] = "";
	struct transport_client_options options = {
		.loop = &fixture->loop,
		.trust = fixture->trust,
		.ca = fixture->config.ca,
		.uri = fixture->uri,
		.server_id = "urn:cpns:server:main",
		.connected = connected,
		.disconnected = disconnected,
		.context = peer,
	};

	memset(peer, 0, sizeof(*peer));
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	peer_new_kernel(peer);
	snprintf(file, sizeof(file), "%s.pem", name);
	cert = file_in(fixture, file);
	options.cert = cert;
	snprintf(file, sizeof(file), "%s.key", name);
	key = file_in(fixture, file);
	options.key = key;
	if (transport_client_open(&peer->client, &options, reason,
				  sizeof(reason)))
		fail_msg("%s", reason);
	free(cert);
	free(key);
}

void peer_open_refused(struct fixture *fixture, struct peer *peer,
		       const char *name, const char *word)
{
	peer_start(fixture, peer, name);
	wait_for(fixture, &peer->refusals, 1);
	assert_false(peer->connected);
	if (!strstr(peer->refusal, word))
		fail_msg("\"%s\" and not \"%s\"", peer->refusal, word);
	peer_close(peer);
}

void peer_open(struct fixture *fixture, struct peer *peer, const char *name)
{
	double end = loop_boottime() + WAIT_SECONDS;

	peer_start(fixture, peer, name);
	while (!peer->connected && loop_boottime() < end)
		run_for(fixture, 0.01);
	assert_true(peer->connected);
}

void peer_close(struct peer *peer)
{
	if (peer->client)
		transport_client_close(peer->client);
	memset(peer, 0, sizeof(*peer));
}

static void hear(void *context, const struct transport_response *response)
{
	struct heard *heard = context;

	heard->count++;
	heard->code = response->code;
	heard->error = response->error;
	heard->format = response->format;
	heard->error_id = response->error_id;
	snprintf(heard->problem, sizeof(heard->problem), "%s",
		 response->problem ? response->problem : "");
	heard->etag_size = response->etag_size < 8 ? response->etag_size : 8;
	if (heard->etag_size)
		memcpy(heard->etag, response->etag, heard->etag_size);
	heard->body_size = response->body_size;
	if (response->body_size)
		memcpy(heard->body, response->body, response->body_size);
}

static size_t split(char *text, struct transport_segment *segments)
{
	size_t count = 0;
	char *part;

	while ((part = strsep(&text, "|"))) {
		segments[count].bytes = (const uint8_t *)part;
		segments[count].size = strlen(part);
		count++;
	}
	return count;
}

void peer_call(struct fixture *fixture, struct peer *peer,
	       enum transport_method method, const char *path, int format,
	       const void *body, size_t size)
{
	struct transport_segment segments[TRANSPORT_SEGMENTS_MAX];
	char text[512], *query;
	struct transport_call call = {
		.method = method,
		.path = segments,
		.format = format,
		.body = body,
		.body_size = size,
		.if_match = peer->if_match,
		.if_match_size = peer->if_match ? 8 : 0,
		.done = hear,
		.context = &peer->answer,
	};

	snprintf(text, sizeof(text), "%s", path);
	query = strchr(text, '?');
	if (query)
		*query++ = 0;
	call.query = query;
	call.path_count = split(text, segments);
	memset(&peer->answer, 0, sizeof(peer->answer));
	assert_int_equal(transport_client_call(peer->client, &call, NULL), 0);
	wait_for(fixture, &peer->answer.count, 1);
	assert_int_equal(peer->answer.error, 0);
}

void peer_observe(struct fixture *fixture, struct peer *peer,
		  const char *path, struct heard *heard, unsigned int slot)
{
	struct transport_segment segments[TRANSPORT_SEGMENTS_MAX];
	struct transport_call call = {
		.method = METHOD_GET,
		.path = segments,
		.format = FORMAT_NONE,
		.observe = true,
		.done = hear,
		.context = heard,
	};
	char text[512];

	snprintf(text, sizeof(text), "%s", path);
	call.path_count = split(text, segments);
	memset(heard, 0, sizeof(*heard));
	assert_int_equal(transport_client_call(peer->client, &call,
					       &peer->observing[slot]), 0);
	wait_for(fixture, &heard->count, 1);
}

void peer_register(struct fixture *fixture, struct peer *peer,
		   const struct capabilities *capabilities)
{
	struct registration registration = {
		.capabilities = { .custody = CUSTODY_KERNEL, .pinned = true,
				  .secure_wan = true },
	};
	char path[64];
	uint8_t *bytes;
	size_t size;

	if (capabilities)
		registration.capabilities = *capabilities;
	memcpy(registration.node_key, peer->kernel.node_public, 32);
	assert_int_equal(registration_encode(&registration, &bytes, &size),
			 0);
	snprintf(path, sizeof(path), "smf|%s", peer->name);
	peer_call(fixture, peer, METHOD_PUT, path, FORMAT_CBOR, bytes, size);
	free(bytes);
	assert_int_equal(peer->answer.code, COAP_CHANGED);
}

void peer_join(struct fixture *fixture, struct peer *peer, const char *sgid,
	       const char *scope, unsigned int roles)
{
	struct join_request request = {
		.roles = roles,
		.has_node_key = true,
	};
	char path[320];
	uint8_t *bytes;
	size_t size;

	strcpy(request.sgid, scope);
	memcpy(request.node_key, peer->kernel.node_public, 32);
	assert_int_equal(join_request_encode(&request, &bytes, &size), 0);
	snprintf(path, sizeof(path), "ace-group|%s", sgid);
	peer_call(fixture, peer, METHOD_POST, path, FORMAT_GROUPCOMM, bytes,
		  size);
	free(bytes);
}

void peer_status(struct fixture *fixture, struct peer *peer, uint32_t num,
		 uint8_t condition)
{
	struct status_report report = {
		.num = num,
		.conditions = { condition },
		.conditions_count = !!condition,
		.has_record = num == peer->kernel.num,
	};
	char path[320];
	uint8_t *bytes;
	size_t size;

	memcpy(report.record, peer->kernel.hash, sizeof(report.record));
	assert_int_equal(status_encode(&report, &bytes, &size), 0);
	snprintf(path, sizeof(path), "ace-group|" SGID "|nodes|%s|status",
		 peer->name);
	peer_call(fixture, peer, METHOD_PUT, path, FORMAT_GROUPCOMM, bytes,
		  size);
	free(bytes);
}

static void open_seal(struct fixture *fixture, struct kernel *kernel,
		      const struct response *response)
{
	uint8_t osg[32], info[24];
	const uint8_t *seal = response->seal;
	uint32_t number;
	uint16_t sid;

	osg_public_key(fixture->smf->osg, osg);
	memcpy(info, "cpns leaf v1", 12);
	assert_int_equal(group_tag(SGID, info + 12), 0);
	assert_int_equal(hpke_open(2, kernel->node, osg, seal + 32, info, 24,
				   seal, 32, seal + 64, 48, kernel->kek), 0);
	memcpy(&number, seal + 4, 4);
	kernel->leaf = be32toh(number);
	memcpy(&sid, seal + 12, 2);
	kernel->sid = be16toh(sid);
	assert_int_equal(kernel->sid, response->sid);
	memcpy(&number, seal + 16, 4);
	assert_int_equal(be32toh(number), response->num);
	kernel->seals++;
}

static void open_item(struct kernel *kernel, const struct response *response,
		      const struct epoch_record *record, uint8_t secret[32])
{
	const struct response_shard *shard = response->management.shards;
	uint8_t aad[12 + CPNS_HEADER_SIZE + 16], hash[32];
	uint32_t number;
	size_t at;

	assert_int_equal(response->management.shards_count, 1);
	assert_int_equal(response->management.leaf_id, kernel->leaf);
	SHA256(shard->items, shard->size, hash);
	assert_memory_equal(hash, record->shards[shard->index], 32);
	memcpy(aad, "cpns item v1", 12);
	epoch_record_header(record, aad + 12);
	for (at = 0; at < shard->size; at += CPNS_ITEM_SIZE) {
		memcpy(&number, shard->items + at + 8, 4);
		if (be32toh(number) != kernel->leaf)
			continue;
		memcpy(aad + 60, shard->items + at, 16);
		assert_int_equal(aes_gcm_open(kernel->kek, 32,
					      shard->items + at + 16, aad,
					      sizeof(aad),
					      shard->items + at + 28, 48,
					      secret), 0);
		return;
	}
	fail_msg("no ITEM for leaf %u", kernel->leaf);
}

static void decode(const struct heard *heard, struct response *response)
{
	char reason[256] = "";

	if (heard->code / 100 != 2)
		fail_msg("refused: %d %s", heard->code, heard->problem);
	assert_int_equal(heard->format, FORMAT_GROUPCOMM);
	if (response_decode(heard->body, heard->body_size, response, reason,
			    sizeof(reason)))
		fail_msg("%s", reason);
}

void kernel_install(struct fixture *fixture, struct peer *peer,
		    const struct heard *heard)
{
	uint8_t secret[32], kcv[CPNS_KCV_SIZE], tag[CPNS_TAG_SIZE];
	struct kernel *kernel = &peer->kernel;
	struct epoch_record record;
	struct response response;
	char reason[256] = "";

	decode(heard, &response);
	if (epoch_record_open(response.record, response.record_size, &record,
			      reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_string_equal(record.sgid, SGID);
	assert_int_equal(record.num, response.num);
	assert_true(record.num >= kernel->num);
	if (record.num == kernel->num + 1 && kernel->num)
		assert_memory_equal(record.prev, kernel->hash, 32);
	/* a gap needs a SEAL, the kernel takes nothing else */
	if (record.num > kernel->num + 1)
		assert_true(response.has_seal);
	if (response.has_seal)
		open_seal(fixture, kernel, &response);
	open_item(kernel, &response, &record, secret);
	assert_int_equal(group_tag(SGID, tag), 0);
	assert_int_equal(key_schedule_kcv(tag, record.num, secret, kcv), 0);
	assert_memory_equal(kcv, record.kcv, CPNS_KCV_SIZE);
	kernel->num = record.num;
	memcpy(kernel->hash, record.payload_hash, 32);
	assert_true(response.seconds_left <= record.lifetime);
	epoch_record_free(&record);
	response_free(&response);
}

void heard_record(const struct heard *heard, struct epoch_record *record)
{
	struct response response;
	char reason[256];

	decode(heard, &response);
	assert_int_equal(epoch_record_open(response.record,
					   response.record_size, record,
					   reason, sizeof(reason)), 0);
	response_free(&response);
}

void heard_roster(const struct heard *heard, struct roster *roster)
{
	struct response response;
	char reason[256] = "";

	if (heard->format == FORMAT_CBOR) {
		if (roster_open(heard->body, heard->body_size, roster, reason,
				sizeof(reason)))
			fail_msg("%s", reason);
		return;
	}
	decode(heard, &response);
	if (roster_open(response.roster, response.roster_size, roster, reason,
			sizeof(reason)))
		fail_msg("%s", reason);
	response_free(&response);
}

bool heard_has_seal(const struct heard *heard)
{
	struct response response;
	bool has;

	decode(heard, &response);
	has = response.has_seal;
	response_free(&response);
	return has;
}

void assert_refused(const struct heard *heard, int code, int32_t error_id)
{
	assert_int_equal(heard->code, code);
	assert_int_equal(heard->error_id, error_id);
	assert_true(*heard->problem);
	assert_true(heard->body_size < 200);
}

/* gw1 has pulled, gw2 observes */
void two_members(struct fixture *fixture, char *document)
{
	assert_int_equal(create(fixture, document), 1);
	peer_open(fixture, &fixture->gw1, "gw1");
	peer_open(fixture, &fixture->gw2, "gw2");
	peer_join(fixture, &fixture->gw1, SGID, SGID, BOTH);
	kernel_install(fixture, &fixture->gw1, &fixture->gw1.answer);
	peer_register(fixture, &fixture->gw2, NULL);
	peer_observe(fixture, &fixture->gw2, GROUP, &fixture->gw2.key, 0);
	kernel_install(fixture, &fixture->gw2, &fixture->gw2.key);
}
