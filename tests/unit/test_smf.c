// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's SMF: /smf/N tells nodes of their groups, /manage serves those
 * in smf-allowed, the directory of documents is read and written, a revoked
 * node is out everywhere.
 */
#include "server_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cbor.h"
#include "store/statement.h"

#define GW1 ENTRY("gw1", "1", "")
#define GW2 ENTRY("gw2", "2", "delivery=\"push\"")
#define GW3 ENTRY("gw3", "3", "")
#define FILE_42 "sip%3Asg-42@cpns.example.xml"

static char *two(void)
{
	return document_make(SGID, QUICK, GW1, GW2, NULL);
}

/* the list that a node was told; properties_free() */
static size_t told(const struct heard *heard, struct group_properties **groups)
{
	char reason[256] = "";
	size_t count;

	assert_int_equal(heard->code, COAP_CONTENT);
	if (properties_decode(heard->body, heard->body_size, groups, &count,
			      reason, sizeof(reason)))
		fail_msg("%s", reason);
	return count;
}

static void test_list_of_groups(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	struct group_properties *groups;
	char reason[SMF_REASON_MAX];
	uint32_t num;

	peer_open(fixture, gw1, "gw1");
	peer_register(fixture, gw1, NULL);
	peer_observe(fixture, gw1, "smf|gw1", &gw1->list, 2);
	assert_int_equal(told(&gw1->list, &groups), 0);
	properties_free(groups, 0);
	create(fixture, two());
	wait_for(fixture, &gw1->list.count, 2);
	assert_int_equal(told(&gw1->list, &groups), 1);
	assert_string_equal(groups->sgid, SGID);
	assert_false(groups->push);
	assert_int_equal(groups->roles, BOTH);
	assert_string_equal(groups->signer, "urn:cpns:signer:main");
	assert_true(groups->data_esp);
	assert_int_equal(groups->own.nets_count, 1);
	assert_int_equal(groups->members_count, 1);
	assert_string_equal(groups->members[0].node, "gw2");
	properties_free(groups, 1);
	/* a change of the document is told once, an epoch of it not again */
	update(fixture, document_make(SGID, QUICK, GW1, GW2, GW3, NULL));
	wait_for(fixture, &gw1->list.count, 3);
	wait_for_num(fixture, 2);
	run_for(fixture, 0.2);
	assert_int_equal(gw1->list.count, 3);
	/* taken out: told at once, before the epoch */
	update(fixture, document_make(SGID, QUICK, GW2, GW3, NULL));
	wait_for(fixture, &gw1->list.count, 4);
	assert_int_equal(told(&gw1->list, &groups), 0);
	properties_free(groups, 0);
	wait_for_num(fixture, 3);
	update(fixture, two());
	wait_for(fixture, &gw1->list.count, 5);
	assert_int_equal(told(&gw1->list, &groups), 1);
	properties_free(groups, 1);
	assert_int_equal(smf_group_delete(fixture->smf, SGID, &num, reason),
			 0);
	wait_for(fixture, &gw1->list.count, 6);
	assert_int_equal(told(&gw1->list, &groups), 0);
	properties_free(groups, 0);
}

static void test_own_resource_only(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;

	peer_open(fixture, gw1, "gw1");
	peer_call(fixture, gw1, METHOD_GET, "smf|gw2", FORMAT_NONE, NULL, 0);
	assert_refused(&gw1->answer, COAP_FORBIDDEN, INT32_MIN);
	peer_call(fixture, gw1, METHOD_PUT, "smf|gw1", FORMAT_CBOR, "\xa0",
		  1);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_call(fixture, gw1, METHOD_DELETE, "smf|gw1", FORMAT_NONE, NULL,
		  0);
	assert_int_equal(gw1->answer.code, COAP_METHOD_NOT_ALLOWED);
	peer_call(fixture, gw1, METHOD_GET, "smf", FORMAT_NONE, NULL, 0);
	assert_int_equal(gw1->answer.code, COAP_NOT_FOUND);
}

/* tunnel="dynamic": where the session comes from */
#define WIDE_ROOM	(128 * 1024)

/* @sgid with gw1 and so many receivers, each with a net; free() */
static char *wide(const char *sgid, unsigned int receivers)
{
	char *entries = malloc(WIDE_ROOM), *document;
	size_t used = 0;

	assert_non_null(entries);
	for (unsigned int i = 0; i < receivers; i++)
		used += snprintf(entries + used, WIDE_ROOM - used,
				 "<entry uri=\"urn:cpns:node:node%u\"><cpns:member roles=\"receiver\" nets=\"10.%u.%u.0/24\"/></entry>",
				 i, 16 + (i >> 8), i & 255);
	assert_true(used < WIDE_ROOM);
	document = strdup(document_make(sgid, QUICK, GW1, entries, NULL));
	assert_non_null(document);
	free(entries);
	return document;
}

/* all groups of a node are one answer: said before it asks */
static void test_list_has_room(void **state)
{
	struct fixture *fixture = *state;
	struct group_properties *groups;
	struct peer *gw1 = &fixture->gw1;
	char reason[SMF_REASON_MAX], sgid[CPNS_SGID_MAX + 1];
	struct cskmf_updated updated;
	char *first = wide(SGID, 1000), *less = wide(SGID, 999);
	char *second = wide("sip:second@cpns.example", 1000);
	uint32_t num;

	create(fixture, first);
	free(first);
	if (smf_group_create(fixture->smf, second, strlen(second), sgid, &num,
			     reason))
		fail_msg("%s", reason);
	free(second);
	second = wide("sip:third@cpns.example", 1000);
	assert_int_equal(smf_group_create(fixture->smf, second, strlen(second),
					  sgid, &num, reason), -EBADMSG);
	assert_non_null(strstr(reason, "the list of all groups of gw1"));
	assert_non_null(strstr(reason, "line "));
	assert_int_equal(smf_group_update(fixture->smf, SGID, less,
					  strlen(less), CSKMF_DOCUMENT, &updated,
					  reason), 0);
	peer_open(fixture, gw1, "gw1");
	peer_register(fixture, gw1, NULL);
	peer_call(fixture, gw1, METHOD_GET, "smf|gw1", FORMAT_NONE, NULL, 0);
	assert_int_equal(told(&gw1->answer, &groups), 2);
	properties_free(groups, 2);
	free(second);
	free(less);
}

static void test_dynamic_tunnel(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	struct group_properties *groups;
	struct roster roster;

	create(fixture, document_make(SGID, QUICK,
				      "<entry uri=\"urn:cpns:node:gw1\"><cpns:member tunnel=\"dynamic\" nets=\"10.1.0.0/24\"/></entry>",
				      GW2, NULL));
	peer_open(fixture, gw1, "gw1");
	peer_register(fixture, gw1, NULL);
	peer_call(fixture, gw1, METHOD_GET, "smf|gw1", FORMAT_NONE, NULL, 0);
	assert_int_equal(told(&gw1->answer, &groups), 1);
	assert_int_equal(groups->own.tunnels_count, 1);
	assert_int_equal(groups->own.tunnels[0].family, AF_INET);
	assert_memory_equal(groups->own.tunnels[0].address,
			    "\x7f\x00\x00\x01", 4);
	properties_free(groups, 1);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	heard_roster(&gw1->answer, &roster);
	assert_int_equal(roster.senders[0].tunnels_count, 1);
	assert_memory_equal(roster.senders[0].tunnels[0].address,
			    "\x7f\x00\x00\x01", 4);
	roster_free(&roster);
}

/* the tunnel end of gw2 that gw1 was told last */
static void assert_told_tunnel(struct peer *gw1, const void *address)
{
	struct group_properties *groups;
	size_t count;

	assert_int_equal(told(&gw1->list, &groups), 1);
	assert_int_equal(groups->members_count, 1);
	assert_string_equal(groups->members[0].node, "gw2");
	count = groups->members[0].tunnels_count;
	assert_int_equal(count, !!address);
	if (count)
		assert_memory_equal(groups->members[0].tunnels[0].address,
				    address, 4);
	properties_free(groups, 1);
}

static void address_told(struct fixture *fixture, char *document)
{
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	struct registration registration = { };
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct sockaddr_storage from = { };
	bool changed;

	create(fixture, document);
	peer_open(fixture, gw1, "gw1");
	peer_register(fixture, gw1, NULL);
	peer_observe(fixture, gw1, "smf|gw1", &gw1->list, 2);
	assert_told_tunnel(gw1, NULL);
	peer_open(fixture, gw2, "gw2");
	peer_observe(fixture, gw2, "smf|gw2", &gw2->list, 2);
	run_for(fixture, 0.1);
	assert_int_equal(gw1->list.count, 1);
	peer_register(fixture, gw2, NULL);
	wait_for(fixture, &gw1->list.count, 2);
	assert_told_tunnel(gw1, "\x7f\x00\x00\x01");
	/* from the same address again */
	peer_register(fixture, gw2, NULL);
	peer_register(fixture, gw1, NULL);
	run_for(fixture, 0.2);
	assert_int_equal(gw1->list.count, 2);
	assert_int_equal(gw2->list.count, 1);
	/* it was elsewhere meanwhile */
	address.sin_addr.s_addr = htonl(0xc0000207);
	memcpy(&from, &address, sizeof(address));
	memcpy(registration.node_key, gw2->kernel.node_public, 32);
	assert_int_equal(nodes_register(cskmf_nodes(fixture->smf->cskmf),
					"gw2", &registration, &from,
					&changed), 0);
	peer_register(fixture, gw2, NULL);
	wait_for(fixture, &gw1->list.count, 3);
	assert_told_tunnel(gw1, "\x7f\x00\x00\x01");
}

#define DYNAMIC(more) \
	"<entry uri=\"urn:cpns:node:gw2\"><cpns:member tunnel=\"dynamic\" nets=\"10.2.0.0/24\" " \
	more "/></entry>"

/* members that were there before hear of it */
static void test_dynamic_tunnel_comes(void **state)
{
	address_told(*state, document_make(SGID, QUICK, GW1, DYNAMIC(""),
					   NULL));
}

static void test_dynamic_tunnel_of_receiver(void **state)
{
	address_told(*state, document_make(SGID, QUICK, GW1,
					   DYNAMIC("roles=\"receiver\""),
					   NULL));
}

static void test_manage(void **state)
{
	struct fixture *fixture = *state;
	struct peer *ops = &fixture->ops, *gw1 = &fixture->gw1;
	struct cbor_reader reader;
	char *document = two(), reason[256] = "";
	struct cskmf_group_view view;

	peer_open(fixture, gw1, "gw1");
	peer_call(fixture, gw1, METHOD_POST, "manage", FORMAT_GROUP_DOCUMENT,
		  document, strlen(document));
	assert_refused(&gw1->answer, COAP_FORBIDDEN, INT32_MIN);
	peer_call(fixture, gw1, METHOD_GET, "manage|" SGID, FORMAT_NONE, NULL,
		  0);
	assert_refused(&gw1->answer, COAP_FORBIDDEN, INT32_MIN);
	peer_open(fixture, ops, "ops");
	peer_call(fixture, ops, METHOD_GET, "manage|" SGID, FORMAT_NONE, NULL,
		  0);
	assert_refused(&ops->answer, COAP_NOT_FOUND, INT32_MIN);
	peer_call(fixture, ops, METHOD_POST, "manage", FORMAT_CBOR, document,
		  strlen(document));
	assert_refused(&ops->answer, COAP_UNSUPPORTED_FORMAT, INT32_MIN);
	peer_call(fixture, ops, METHOD_POST, "manage", FORMAT_GROUP_DOCUMENT,
		  document, strlen(document) - 20);
	assert_refused(&ops->answer, COAP_BAD_REQUEST, INT32_MIN);
	assert_non_null(strstr(ops->answer.problem, "line "));
	peer_call(fixture, ops, METHOD_POST, "manage", FORMAT_GROUP_DOCUMENT,
		  document, strlen(document));
	assert_int_equal(ops->answer.code, COAP_CREATED);
	peer_call(fixture, ops, METHOD_POST, "manage", FORMAT_GROUP_DOCUMENT,
		  document, strlen(document));
	assert_refused(&ops->answer, COAP_CONFLICT, INT32_MIN);
	peer_call(fixture, ops, METHOD_GET, "manage", FORMAT_NONE, NULL, 0);
	assert_int_equal(ops->answer.code, COAP_CONTENT);
	assert_int_equal(ops->answer.body[0], 0x81);
	peer_call(fixture, ops, METHOD_GET, "manage|" SGID, FORMAT_NONE, NULL,
		  0);
	assert_int_equal(ops->answer.format, FORMAT_GROUP_DOCUMENT);
	assert_int_equal(ops->answer.body_size, strlen(document));
	assert_memory_equal(ops->answer.body, document, strlen(document));
	/* the CSKMF alerts the SMF */
	peer_observe(fixture, ops, "manage|" SGID, &ops->key, 0);
	document = document_make(SGID, QUICK, GW1, NULL);
	peer_call(fixture, ops, METHOD_PATCH, "manage|" SGID,
		  FORMAT_GROUP_DOCUMENT, document, strlen(document));
	assert_int_equal(ops->answer.code, COAP_CHANGED);
	wait_for(fixture, &ops->key.count, 2);
	assert_int_equal(cbor_reader_open(&reader, ops->key.body,
					  ops->key.body_size, "alert", reason,
					  sizeof(reason)), 0);
	assert_int_equal(cbor_read_map(&reader, "alert"), 4);
	assert_int_equal(cbor_read_key(&reader), 9);
	assert_int_equal(cbor_read_uint(&reader, "num", 1, 100), 2);
	/* a document of another group is not an update of this one */
	document = document_make("sip:sg-43@cpns.example", QUICK, GW1, NULL);
	peer_call(fixture, ops, METHOD_PATCH, "manage|" SGID,
		  FORMAT_GROUP_DOCUMENT, document, strlen(document));
	assert_refused(&ops->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_call(fixture, ops, METHOD_DELETE, "manage|" SGID, FORMAT_NONE,
		  NULL, 0);
	assert_int_equal(ops->answer.code, COAP_DELETED);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 -ENOENT);
}

/* the list of groups, observed; groups that come from elsewhere count, too */
static void test_list_observed(void **state)
{
	struct fixture *fixture = *state;
	struct peer *ops = &fixture->ops;
	char reason[SMF_REASON_MAX];
	uint32_t num;

	peer_open(fixture, ops, "ops");
	peer_observe(fixture, ops, "manage", &ops->list, 2);
	assert_int_equal(ops->list.body[0], 0x80);
	create(fixture, two());
	wait_for(fixture, &ops->list.count, 2);
	assert_int_equal(ops->list.code, COAP_CONTENT);
	assert_int_equal(ops->list.body[0], 0x81);
	/* a change of the group is none of the list */
	update(fixture, document_make(SGID, QUICK, GW1, NULL));
	wait_for_num(fixture, 2);
	run_for(fixture, 0.1);
	assert_int_equal(ops->list.count, 2);
	assert_int_equal(smf_group_delete(fixture->smf, SGID, &num, reason),
			 0);
	wait_for(fixture, &ops->list.count, 3);
	assert_int_equal(ops->list.body[0], 0x80);
}

/* two SMFs change the same document: the second one hears of the first */
static void test_lost_update(void **state)
{
	static const uint8_t other[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct fixture *fixture = *state;
	struct peer *ops = &fixture->ops;
	uint8_t first[8], second[8];
	struct cskmf_group_view view;
	char *document;

	create(fixture, two());
	peer_open(fixture, ops, "ops");
	peer_call(fixture, ops, METHOD_GET, "manage|" SGID, FORMAT_NONE, NULL,
		  0);
	assert_int_equal(ops->answer.etag_size, 8);
	memcpy(first, ops->answer.etag, 8);
	ops->if_match = first;
	document = document_make(SGID, QUICK, GW1, NULL);
	peer_call(fixture, ops, METHOD_PATCH, "manage|" SGID,
		  FORMAT_GROUP_DOCUMENT, document, strlen(document));
	assert_int_equal(ops->answer.code, COAP_CHANGED);
	assert_int_equal(ops->answer.etag_size, 8);
	memcpy(second, ops->answer.etag, 8);
	assert_memory_not_equal(first, second, 8);
	/* what the other one knows is old now: nothing happens */
	document = two();
	peer_call(fixture, ops, METHOD_PATCH, "manage|" SGID,
		  FORMAT_GROUP_DOCUMENT, document, strlen(document));
	assert_refused(&ops->answer, COAP_PRECONDITION_FAILED, INT32_MIN);
	peer_call(fixture, ops, METHOD_DELETE, "manage|" SGID, FORMAT_NONE,
		  NULL, 0);
	assert_refused(&ops->answer, COAP_PRECONDITION_FAILED, INT32_MIN);
	ops->if_match = other;
	peer_call(fixture, ops, METHOD_DELETE, "manage|sip:none@cpns.example",
		  FORMAT_NONE, NULL, 0);
	assert_refused(&ops->answer, COAP_PRECONDITION_FAILED, INT32_MIN);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	assert_int_equal(view.description->members_count, 1);
	assert_memory_equal(view.description->etag, second, 8);
	ops->if_match = second;
	peer_call(fixture, ops, METHOD_DELETE, "manage|" SGID, FORMAT_NONE,
		  NULL, 0);
	assert_int_equal(ops->answer.code, COAP_DELETED);
}

/* the CSKMF updates by itself, here on the timer's reason: the SMF is told */
static void test_alert_without_request(void **state)
{
	struct fixture *fixture = *state;
	struct peer *ops = &fixture->ops;
	char reason[SMF_REASON_MAX];
	struct cskmf_updated updated;
	struct cbor_reader reader;

	create(fixture, two());
	peer_open(fixture, ops, "ops");
	peer_observe(fixture, ops, "manage|" SGID, &ops->key, 0);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	wait_for(fixture, &ops->key.count, 2);
	assert_int_equal(cbor_reader_open(&reader, ops->key.body,
					  ops->key.body_size, "alert", reason,
					  sizeof(reason)), 0);
	assert_int_equal(cbor_read_map(&reader, "alert"), 4);
	assert_int_equal(cbor_read_key(&reader), 9);
	assert_int_equal(cbor_read_uint(&reader, "num", 1, 100), 2);
}

static double metric(struct fixture *fixture, const char *name)
{
	char *text = metrics_text(fixture->smf), *line = text;
	size_t length = strlen(name);
	double value = -1;

	assert_non_null(text);
	while (line && *line) {
		if (!strncmp(line, name, length) && line[length] == ' ')
			value = strtod(line + length, NULL);
		line = strchr(line, '\n');
		line += !!line;
	}
	free(text);
	return value;
}

#define OF_GROUP "{sgid=\"" SGID "\"}"

static void test_metrics(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw3 = &fixture->gw3;
	char *text, *line;

	create(fixture, two());
	peer_open(fixture, gw1, "gw1");
	peer_open(fixture, gw3, "gw3");
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	peer_status(fixture, gw1, 1, 0);
	peer_join(fixture, gw3, SGID, SGID, BOTH);
	assert_true(metric(fixture, "cpns_server_groups") == 1);
	assert_true(metric(fixture, "cpns_server_group_epoch" OF_GROUP) == 1);
	assert_true(metric(fixture,
			   "cpns_server_group_members" OF_GROUP) == 2);
	assert_true(metric(fixture, "cpns_server_group_members_current"
			   OF_GROUP) == 1);
	assert_true(metric(fixture, "cpns_server_epochs_total") == 1);
	assert_true(metric(fixture, "cpns_server_joins_total") == 1);
	assert_true(metric(fixture, "cpns_server_seals_total") == 1);
	assert_true(metric(fixture, "cpns_server_join_seconds_count") == 1);
	assert_true(metric(fixture,
			   "cpns_server_join_seconds_bucket{le=\"+Inf\"}") ==
		    1);
	assert_true(metric(fixture, "cpns_server_join_seconds_sum") > 0);
	assert_true(metric(fixture, "cpns_server_nodes_connected") == 1);
	assert_true(metric(fixture, "cpns_server_store_errors_total") == 0);
	assert_true(metric(fixture,
			   "cpns_server_refusals_total{cause=\"not_a_member\"}") ==
		    1);
	assert_true(metric(fixture, "cpns_server_no_such_thing") == -1);
	/* each line is a comment, or a name and a number */
	text = metrics_text(fixture->smf);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(!strncmp(line, "# HELP cpns_", 12) ||
			    !strncmp(line, "# TYPE cpns_", 12) ||
			    (!strncmp(line, "cpns_server_", 12) &&
			     strrchr(line, ' ') &&
			     strspn(strrchr(line, ' ') + 1,
				    "0123456789.e+-") ==
			     strlen(strrchr(line, ' ') + 1)));
	free(text);
}

static void pages(struct fixture *fixture, const char *most)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %s", most);
	assert_int_equal(sqlite3_exec(fixture->smf->store->database, sql, NULL,
				      NULL, NULL), SQLITE_OK);
}

/* no new epoch that could not be stored; what there is goes on being served */
static void test_disk_full(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	char reason[SMF_REASON_MAX] = "", *document;
	struct cskmf_updated updated;
	struct cskmf_group_view view;
	unsigned int i;

	create(fixture, two());
	peer_open(fixture, gw1, "gw1");
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
	pages(fixture, "1");	/* SQLite makes it as many as there are */
	for (i = 0; i < 40; i++) {
		smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
				&updated, reason);
		if (metric(fixture, "cpns_server_epochs_failed_total") > 0)
			break;
	}
	assert_true(i < 40);
	assert_true(metric(fixture, "cpns_server_store_errors_total") > 0);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	assert_int_equal(view.num, i + 1);
	peer_call(fixture, gw1, METHOD_GET, "ace-group|" SGID, FORMAT_NONE,
		  NULL, 0);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.num, i + 1);
	/* a large document is not taken, the one there is counts */
	document = document_make(SGID, QUICK, GW1, GW2, GW3, NULL);
	memset(document + strlen(document), ' ', 30000);
	document[30000] = 0;
	assert_int_not_equal(smf_group_update(fixture->smf, SGID, document,
					      strlen(document), CSKMF_DOCUMENT,
					      &updated, reason), 0);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	assert_int_equal(view.description->members_count, 2);
	/* the epoch that was wanted comes by itself when there is room */
	pages(fixture, "100000");
	wait_for_num(fixture, i + 2);
	peer_call(fixture, gw1, METHOD_GET, "ace-group|" SGID, FORMAT_NONE,
		  NULL, 0);
	kernel_install(fixture, gw1, &gw1->answer);
}

static bool file_there(struct fixture *fixture, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fixture->config.groups, name);
	return !access(path, F_OK);
}

static void put_file(struct fixture *fixture, const char *name,
		     const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", fixture->config.groups, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static uint32_t num_of(struct fixture *fixture, const char *sgid)
{
	struct cskmf_group_view view;

	return cskmf_group_view(fixture->smf->cskmf, sgid, &view) ? 0 :
								    view.num;
}

static void test_directory(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX];
	struct cskmf_updated updated;
	uint32_t num;

	create(fixture, two());
	assert_true(file_there(fixture, "sip%3Asg-42@cpns.example.xml"));
	put_file(fixture, "other.xml",
		 document_make("sip:sg-43@cpns.example", QUICK, GW1, NULL));
	put_file(fixture, "bad.xml", "<group");
	put_file(fixture, ".hidden.xml", "<group");
	put_file(fixture, "twice.xml",
		 document_make("sip:sg-43@cpns.example", QUICK, GW2, NULL));
	assert_int_equal(smf_reload(fixture->smf, &fixture->config), 0);
	assert_int_equal(num_of(fixture, "sip:sg-43@cpns.example"), 1);
	assert_int_equal(num_of(fixture, SGID), 1);
	/* an update is written back into the file it came from */
	assert_int_equal(smf_member_remove(fixture->smf,
					   "sip:sg-43@cpns.example", "gw1",
					   CSKMF_DOCUMENT, &updated, reason),
			 0);
	assert_false(file_there(fixture, "sip%3Asg-43@cpns.example.xml"));
	/* a changed file is an update */
	put_file(fixture, "sip%3Asg-42@cpns.example.xml",
		 document_make(SGID, QUICK, GW1, NULL));
	assert_int_equal(smf_reload(fixture->smf, &fixture->config), 0);
	wait_for_num(fixture, 2);
	/* a file that is gone ends nothing */
	assert_int_equal(unlink(strcat(strcpy(reason, fixture->config.groups),
				       "/other.xml")), 0);
	unlink(strcat(strcpy(reason, fixture->config.groups), "/twice.xml"));
	assert_int_equal(smf_reload(fixture->smf, &fixture->config), 0);
	assert_true(num_of(fixture, "sip:sg-43@cpns.example") >= 1);
	/* a deleted group's file is */
	assert_int_equal(smf_group_delete(fixture->smf, SGID, &num, reason),
			 0);
	assert_false(file_there(fixture, "sip%3Asg-42@cpns.example.xml"));
	server_stop(fixture);
	server_start(fixture);
	assert_int_equal(num_of(fixture, SGID), 0);
	assert_true(num_of(fixture, "sip:sg-43@cpns.example") >= 1);
}

/* the daemon ended between the store's commit and the file's new name */
static void test_change_not_finished(void **state)
{
	struct fixture *fixture = *state;
	struct cskmf_group_view view;
	struct cskmf_updated updated;
	char reason[SMF_REASON_MAX];
	char *before = strdup(two()), *after;
	uint32_t num;

	create(fixture, two());
	assert_int_equal(smf_member_remove(fixture->smf, SGID, "gw1",
					   CSKMF_EVICT, &updated, reason), 0);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view), 0);
	after = strdup(view.description->document);
	num = view.num;
	put_file(fixture, FILE_42, before);
	put_file(fixture, "." FILE_42 ".new", after);
	server_stop(fixture);
	server_start(fixture);
	/* the evicted one does not come back */
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view), 0);
	assert_int_equal(view.description->members_count, 1);
	assert_int_equal(view.num, num);
	assert_false(view.pending);
	assert_false(file_there(fixture, "." FILE_42 ".new"));
	/* what was written later is the administrator's */
	put_file(fixture, "." FILE_42 ".new", after);
	usleep(20000);
	put_file(fixture, FILE_42, before);
	assert_int_equal(smf_reload(fixture->smf, &fixture->config), 0);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view), 0);
	assert_int_equal(view.description->members_count, 2);
	free(before);
	free(after);
}

static void refused(struct fixture *fixture, char *document,
		    const char *words)
{
	char sgid[CPNS_SGID_MAX + 1], reason[SMF_REASON_MAX] = "";
	uint32_t num;

	assert_int_not_equal(smf_group_create(fixture->smf, document,
					      strlen(document), sgid, &num,
					      reason), 0);
	if (!strstr(reason, words))
		fail_msg("\"%s\" does not say \"%s\"", reason, words);
	assert_int_equal(num_of(fixture, SGID), 0);
}

static void test_refused_documents(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;
	char *document;

	refused(fixture, "<group", "line 1");
	refused(fixture, document_make(SGID, QUICK " colour=\"red\"", GW1,
				       NULL), "colour");
	refused(fixture, document_make(SGID, QUICK " topology=\"direct\"",
				       GW1, NULL), "topology");
	refused(fixture, document_make(SGID, QUICK " encap=\"udp\"", GW1,
				       NULL), "encap");
	document = two();
	memcpy(strstr(document, "signer:main"), "signer:mine", 11);
	refused(fixture, document, "this server signs as urn:cpns:signer:main");
	/* nothing of them stays behind */
	assert_false(file_there(fixture, "sip%3Asg-42@cpns.example.xml"));
	assert_false(file_there(fixture, ".sip%3Asg-42@cpns.example.xml.new"));
	assert_int_equal(stat(fixture->config.state, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	create(fixture, two());
	assert_int_equal(num_of(fixture, SGID), 1);
}

/* one group cannot do without the node: it is out of the others all the same */
static void test_revoked_everywhere(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "", **sgids;
	struct cskmf_group_view view;
	size_t i;

	create(fixture, document_make("sip:sg-41@cpns.example",
				      QUICK " manager=\"urn:cpns:node:gw1\"",
				      GW1, GW2, NULL));
	create(fixture, two());
	assert_int_not_equal(smf_node_revoke(fixture->smf, "gw1", true, &sgids,
					     reason), 0);
	assert_non_null(strstr(reason, "sip:sg-41@cpns.example"));
	for (i = 0; sgids[i]; i++)
		free(sgids[i]);
	free(sgids);
	assert_int_equal(i, 2);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view), 0);
	assert_int_equal(view.num, 2);
	assert_int_equal(view.description->members_count, 1);
}

/* a document accepted by an older version keeps nobody in */
static void test_removed_from_old_document(void **state)
{
	static const char entry[] =
		"<entry uri=\"urn:cpns:node:gw3\"><cpns:member roles=\"receiver\""
		" tunnel=\"192.0.2.3\" nets=\"192.0.2.0/24\"/></entry>";
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "", sgid[CPNS_SGID_MAX + 1], **sgids;
	const char *document = document_make(SGID, QUICK, GW1, GW2, entry,
					     NULL);
	struct cskmf_group_view view;
	uint32_t num;

	assert_int_equal(smf_group_create(fixture->smf, document,
					  strlen(document), sgid, &num,
					  reason), -EBADMSG);
	assert_int_equal(cskmf_create(fixture->smf->cskmf, document,
				      strlen(document), &num, reason,
				      sizeof(reason)), 0);
	if (smf_node_revoke(fixture->smf, "gw2", true, &sgids, reason))
		fail_msg("%s", reason);
	assert_string_equal(sgids[0], SGID);
	free(sgids[0]);
	free(sgids);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view), 0);
	assert_int_equal(view.num, 2);
	assert_int_equal(view.description->members_count, 2);
}

static void test_revoked_node(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	char reason[SMF_REASON_MAX], **sgids;
	struct epoch_record record;
	size_t i;

	create(fixture, two());
	peer_open(fixture, gw1, "gw1");
	peer_open(fixture, gw2, "gw2");
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
	peer_register(fixture, gw2, NULL);
	peer_observe(fixture, gw2, "ace-group|" SGID, &gw2->key, 0);
	kernel_install(fixture, gw2, &gw2->key);
	assert_int_equal(smf_node_revoke(fixture->smf, "gw1", true, &sgids,
					 reason), 0);
	assert_string_equal(sgids[0], SGID);
	assert_null(sgids[1]);
	for (i = 0; sgids[i]; i++)
		free(sgids[i]);
	free(sgids);
	/* no window, no spacing: the epoch is there */
	assert_int_equal(num_of(fixture, SGID), 2);
	wait_for(fixture, &gw2->key.count, 2);
	kernel_install(fixture, gw2, &gw2->key);
	heard_record(&gw2->key, &record);
	assert_int_equal(record.reason, EPOCH_EVICT);
	assert_int_equal(record.atd, 0);
	assert_int_equal(record.evicted_count, 1);
	assert_int_equal(record.evicted[0], gw1->kernel.sid);
	epoch_record_free(&record);
	peer_call(fixture, gw1, METHOD_GET, "ace-group|" SGID, FORMAT_NONE,
		  NULL, 0);
	assert_refused(&gw1->answer, COAP_NOT_FOUND, 5);
	peer_call(fixture, gw1, METHOD_GET, "smf|gw1", FORMAT_NONE, NULL, 0);
	assert_refused(&gw1->answer, COAP_FORBIDDEN, INT32_MIN);
	/* put back on the list it stays out as long as it is revoked */
	update(fixture, two());
	wait_for_num(fixture, 3);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	assert_refused(&gw1->answer, COAP_NOT_FOUND, 5);
	/* without a revocation list: a new session ends in its handshake */
	assert_null(fixture->config.crl);
	peer_open_refused(fixture, &fixture->gw3, "gw1",
			  "certificate revoked");
	server_stop(fixture);
	server_start(fixture);
	peer_open_refused(fixture, &fixture->gw3, "gw1",
			  "certificate revoked");
	peer_close(gw1);
	assert_int_equal(smf_node_revoke(fixture->smf, "gw1", false, &sgids,
					 reason), 0);
	peer_open(fixture, gw1, "gw1");
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list_of_groups),
		TEST(test_own_resource_only),
		TEST(test_list_has_room),
		TEST(test_dynamic_tunnel),
		TEST(test_dynamic_tunnel_comes),
		TEST(test_dynamic_tunnel_of_receiver),
		TEST(test_manage),
		TEST(test_list_observed),
		TEST(test_lost_update),
		TEST(test_alert_without_request),
		TEST(test_metrics),
		TEST(test_disk_full),
		TEST(test_directory),
		TEST(test_change_not_finished),
		TEST(test_revoked_everywhere),
		TEST(test_removed_from_old_document),
		TEST(test_refused_documents),
		TEST(test_revoked_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
