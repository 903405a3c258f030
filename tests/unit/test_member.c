// SPDX-License-Identifier: GPL-2.0-only
/*
 * A group of the member side between a kernel and a server that are played
 * here: what it asks for, and when; what it reports, and what of it is told
 * again.  Records and rosters are signed by the real signer.
 *
 * The linker puts the __wrap_ functions in the place of libcpns' and of the
 * transport's.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "proto/key_schedule.h"
#include "seca/context.h"
#include "signer_fixture.h"

#define SGID	"sip:sg-42@cpns.example"
#define SIGNER	"urn:cpns:signer:main"
#define ORIGIN	"coaps+tcp://192.0.2.10:5684"
#define SENT_MOST 32

struct transport_exchange {
	char resource[32];		/* last segment of its path */
	enum transport_method method;
	uint8_t body[1024];
	size_t body_size;
	void (*done)(void *context, const struct transport_response *response);
	void *context;
	bool over;
};

static struct fixture_ca ca;
static struct identity_trust *trust;
static struct signer signer;
static char reason[384];

static struct transport_exchange sent[SENT_MOST];
static size_t sent_count;
static struct cpns_group_state kernel;
static bool kernel_has_group;
static int node_error;
static struct cpns_event event;
static int event_pipe[2];

static struct loop loop;
static struct config config;
static struct seca seca;
static struct seca_session session;
static struct group *group;

int __wrap_cpns_group_get(struct cpns *connection, const char *sgid,
			  struct cpns_group_state *state)
{
	if (!kernel_has_group)
		return -ENOENT;
	*state = kernel;
	return 0;
}

/* the kernel holds this epoch, active, with this Sender-ID */
static void kernel_holds(uint32_t num, uint16_t sid, const uint8_t *kcv)
{
	kernel_has_group = true;
	kernel.epochs_count = 1;
	kernel.epochs[0].number = num;
	kernel.epochs[0].state = CPNS_STATE_ACTIVE;
	kernel.epochs[0].sid = sid;
	if (kcv)
		memcpy(kernel.epochs[0].kcv, kcv, CPNS_KCV_SIZE);
}

int __wrap_cpns_group_set(struct cpns *connection,
			  const struct cpns_group_set *set)
{
	uint16_t sid = kernel.epochs[0].sid;
	struct cpns_header header;
	struct cpns_seal seal;

	memcpy(&header, set->header, sizeof(header));
	if (set->seal) {
		memcpy(&seal, set->seal, sizeof(seal));
		sid = be16toh(seal.sid);
	}
	kernel_holds(be32toh(header.epoch), sid, header.kcv);
	return 0;
}

int __wrap_cpns_node_get(struct cpns *connection, struct cpns_node *node)
{
	memset(node, 0, sizeof(*node));
	node->pinned = true;
	return node_error;
}

const char *__wrap_cpns_error(const struct cpns *connection)
{
	return "";
}

int __wrap_cpns_events_open(struct cpns **connection)
{
	*connection = NULL;
	return 0;
}

int __wrap_cpns_fd(const struct cpns *connection)
{
	return event_pipe[0];
}

int __wrap_cpns_dispatch(struct cpns *connection,
			 void (*came)(void *context,
				      const struct cpns_event *event),
			 void *context)
{
	char byte;

	assert_int_equal(read(event_pipe[0], &byte, 1), 1);
	came(context, &event);
	return 1;
}

int __wrap_transport_client_call(struct transport_client *client,
				 const struct transport_call *call,
				 struct transport_exchange **exchange)
{
	const struct transport_segment *last =
		&call->path[call->path_count - 1];
	struct transport_exchange *fresh;

	assert_true(sent_count < SENT_MOST);
	assert_true(last->size < sizeof(fresh->resource));
	assert_true(call->body_size <= sizeof(fresh->body));
	fresh = &sent[sent_count++];
	memset(fresh, 0, sizeof(*fresh));
	memcpy(fresh->resource, last->bytes, last->size);
	fresh->method = call->method;
	if (call->body_size)
		memcpy(fresh->body, call->body, call->body_size);
	fresh->body_size = call->body_size;
	fresh->done = call->done;
	fresh->context = call->context;
	*exchange = fresh;
	return 0;
}

void __wrap_transport_cancel(struct transport_exchange *exchange)
{
	if (exchange)
		exchange->over = true;
}

static size_t count_sent(enum transport_method method, const char *resource)
{
	size_t i, count = 0;

	for (i = 0; i < sent_count; i++)
		count += sent[i].method == method &&
			 !strcmp(sent[i].resource, resource);
	return count;
}

static size_t joins(void)
{
	return count_sent(METHOD_POST, SGID);
}

static size_t reports(void)
{
	return count_sent(METHOD_PUT, "status");
}

/* the report under way; fails where there is none */
static struct transport_exchange *report_under_way(struct status_report *report)
{
	size_t i;

	for (i = sent_count; i--;)
		if (!sent[i].over && !strcmp(sent[i].resource, "status"))
			break;
	assert_true(i < sent_count);
	if (report && status_decode(sent[i].body, sent[i].body_size, report,
				    reason, sizeof(reason)))
		fail_msg("%s", reason);
	return &sent[i];
}

static void answer_report(int error, int code)
{
	struct transport_exchange *exchange = report_under_way(NULL);
	struct transport_response response = {
		.error = error, .code = code, .ended = true, .problem = "",
		.error_id = INT32_MIN,
	};

	exchange->over = true;
	exchange->done(exchange->context, &response);
}

static bool tells(const struct status_report *report, uint8_t condition)
{
	size_t i, count = 0;

	for (i = 0; i < report->conditions_count; i++)
		count += report->conditions[i] == condition;
	assert_true(count < 2);
	return count;
}

static void run_for(double seconds)
{
	double end = loop_boottime() + seconds;

	ev_now_update(loop.ev);
	while (loop_boottime() < end) {
		ev_run(loop.ev, EVRUN_NOWAIT);
		usleep(5000);
	}
}

static void kernel_tells(uint8_t command)
{
	memset(&event, 0, sizeof(event));
	event.command = command;
	strcpy(event.sgid, SGID);
	assert_int_equal(write(event_pipe[1], "", 1), 1);
	ev_run(loop.ev, EVRUN_ONCE);
}

static int set_up_all(void **state)
{
	char certificate[128], key[128];

	fixture_ca_open(&ca);
	fixture_issue(&ca, "signer", SIGNER, NULL, certificate, key);
	if (signer_open(&signer, certificate, key, reason, sizeof(reason)) ||
	    identity_trust_open(&trust, ca.file, NULL, reason, sizeof(reason)))
		fail_msg("%s", reason);
	return 0;
}

static int tear_down_all(void **state)
{
	identity_trust_close(trust);
	signer_close(&signer);
	fixture_ca_close(&ca);
	return 0;
}

/* a sender of the group, connected; its kernel holds nothing */
static void list_group(bool push)
{
	struct group_properties properties = {
		.sgid = SGID,
		.location = ORIGIN "/ace-group/" SGID,
		.push = push,
		.roles = ROLE_BIT_RECEIVER | ROLE_BIT_SENDER,
		.signer = SIGNER,
		.data_message = true,
	};

	group_list_apply(&seca, &properties, 1);
	group = seca_group_find(&seca, SGID);
	assert_non_null(group);
	assert_ptr_equal(group->session, &session);
}

static int set_up(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -f %s/*.json", ca.directory);
	assert_int_equal(system(command), 0);
	sent_count = 0;
	node_error = 0;
	kernel_has_group = false;
	memset(&kernel, 0, sizeof(kernel));
	memset(&seca, 0, sizeof(seca));
	memset(&session, 0, sizeof(session));
	assert_int_equal(loop_open(&loop), 0);
	assert_int_equal(pipe(event_pipe), 0);
	seca.loop = &loop;
	seca.config = &config;
	seca.role = "gateway";
	seca.trust = trust;
	seca.sessions = &session;
	seca.home = &session;
	strcpy(seca.node, "gw1");
	strcpy(seca.directory, ca.directory);
	session.seca = &seca;
	session.home = true;
	session.connected = true;
	session.registered = true;
	strcpy(session.origin, ORIGIN);
	assert_int_equal(events_open(&seca, reason, sizeof(reason)), 0);
	return 0;
}

static int tear_down(void **state)
{
	events_close(&seca);
	group_free_all(&seca);
	loop_close(&loop);
	close(event_pipe[0]);
	close(event_pipe[1]);
	return 0;
}

/* held without a Sender-ID, and one asked for often before: minutes to wait */
static void wait_for_sender_id(bool push)
{
	kernel_holds(3, 0, NULL);
	list_group(push);
	group_session_lost(group);
	group->chain.num = 3;
	group->sid_joins = 8;
	group->sid_joined_at = loop_boottime();
	group_look(group);
	assert_int_equal(group->phase, GROUP_HELD);
	assert_true(sender_id_missing(group));
	sender_id_look(group);
	assert_int_equal(joins(), 0);
}

static void test_need_waits_for_no_sender_id(void **state)
{
	wait_for_sender_id(false);
	kernel_has_group = false;
	group_need(group, "a packet");
	assert_int_equal(joins(), 1);
}

static void test_lost_key_waits_for_no_sender_id(void **state)
{
	wait_for_sender_id(true);
	kernel_has_group = false;
	kernel_tells(CPNS_CMD_GROUP_GONE);
	assert_true(loop_timer_active(&group->retry));
	assert_true(ev_timer_remaining(loop.ev, &group->retry.timer) < 3);
}

/* joins stay rare, whatever the other timer does meanwhile */
static void test_sender_id_is_asked_for_in_its_time(void **state)
{
	wait_for_sender_id(false);
	sender_id_look(group);
	assert_int_equal(group->sid_joins, 9);
	acquire_retry_fired(group);
	run_for(0.1);
	assert_int_equal(joins(), 0);
	group_session_lost(group);
	group->sid_joins = 0;
	sender_id_look(group);
	run_for(1.3);
	assert_int_equal(joins(), 1);
}

static void test_sender_id_is_not_asked_for_without_a_key(void **state)
{
	kernel_holds(3, 0, NULL);
	list_group(false);
	kernel_has_group = false;
	run_for(1.3);
	assert_int_equal(joins(), 0);
}

/* @own: Sender-ID of this node's line in it; @gone: not any more; 0 for none */
static void make_roster(uint32_t num, uint64_t serial, uint16_t own,
			uint16_t gone, uint8_t **bytes, size_t *size)
{
	static struct roster_address tunnels[2] = {
		{ AF_INET, { 192, 0, 2, 2 } }, { AF_INET, { 192, 0, 2, 1 } },
	};
	struct roster_sender senders[2] = {
		{ .sid = 2, .node = "gw2", .tunnels = &tunnels[0],
		  .tunnels_count = 1 },
		{ .sid = own, .node = "gw1", .tunnels = &tunnels[1],
		  .tunnels_count = 1 },
	};
	struct roster roster = {
		.sgid = SGID, .term = 1, .num = num, .serial = serial,
		.senders = senders, .senders_count = own ? 2 : 1,
		.gone = &gone, .gone_count = gone != 0,
	};

	assert_int_equal(roster_sign(&roster, &signer, bytes, size), 0);
}

/* an answer to a join; without a roster where its serial is 0 */
static void answer_join(uint32_t num, uint16_t sid, uint64_t serial)
{
	uint8_t items[CPNS_ITEM_SIZE] = { 0 }, shard_hash[32], hash[32];
	struct epoch_record record = {
		.sgid = SGID, .term = 1, .num = num, .suite = 1,
		.reason = num == 1 ? EPOCH_CREATE : EPOCH_TIMER,
		.created = 1700000000, .lifetime = 86400, .atd = 2, .dtd = 5,
		.etag_size = 1, .kcv = { (uint8_t)num },
		.shards = &shard_hash, .shards_count = 1,
	};
	struct response_shard shard = {
		.items = items, .size = sizeof(items),
	};
	struct cpns_seal seal = {
		.aead = htobe16(CPNS_HPKE_AES_256_GCM),
		.mode = CPNS_HPKE_MODE_AUTH,
		.leaf_id = htobe32(7),
		.leaf_ver = htobe32(1),
		.sid = htobe16(sid),
		.first_epoch = htobe32(num),
	};
	struct response response = {
		.num = num, .seconds_left = 86400, .check_interval = 300,
		.has_sid = true, .sid = sid, .has_seal = true,
		.management = { .leaf_id = 7, .shards = &shard,
				.shards_count = 1 },
	};
	uint8_t *bytes;
	size_t size;

	SHA256(items, sizeof(items), shard_hash);
	assert_int_equal(epoch_record_sign(&record, &signer, &response.record,
					   &response.record_size, hash), 0);
	assert_int_equal(group_tag(SGID, seal.tag), 0);
	memcpy(response.seal, &seal, sizeof(seal));
	if (serial)
		make_roster(num, serial, sid, 0, &response.roster,
			    &response.roster_size);
	assert_int_equal(response_encode(&response, &bytes, &size), 0);
	if (install_response(group, bytes, size, false, reason,
			     sizeof(reason)) != 1)
		fail_msg("%s", reason);
	free(bytes);
	free(response.roster);
	free(response.record);
}

static void roster_comes(uint32_t num, uint64_t serial, uint16_t own,
			 uint16_t gone)
{
	uint8_t *bytes;
	size_t size;

	make_roster(num, serial, own, gone, &bytes, &size);
	if (install_roster(group, bytes, size, reason, sizeof(reason)))
		fail_msg("%s", reason);
	free(bytes);
}

/* the server has taken it away */
static void test_sender_id_gone_is_missing(void **state)
{
	list_group(false);
	answer_join(5, 9, 10);
	assert_int_equal(group->own_sid, 9);
	assert_false(sender_id_missing(group));
	roster_comes(5, 11, 0, 9);
	assert_true(sender_id_missing(group));
	run_for(1.3);
	assert_int_equal(joins(), 1);
}

/*
 * A server that was put back to an older copy knows nothing of it, nor of the
 * others': what it gave out now could be another member's.
 */
static void test_forgotten_sender_id_is_kept(void **state)
{
	list_group(false);
	answer_join(5, 9, 10);
	roster_comes(5, 11, 0, 0);
	assert_false(sender_id_missing(group));
	roster_comes(5, 12, 4, 0);
	assert_false(sender_id_missing(group));
	run_for(1.3);
	assert_int_equal(joins(), 0);
}

/* what came while a report was under way does not wait for a poll */
static void test_refused_report_holds_back_no_newer_one(void **state)
{
	struct status_report report;

	list_group(false);
	answer_join(1, 9, 10);
	assert_int_equal(reports(), 1);
	report_under_way(&report);
	assert_int_equal(report.num, 1);
	answer_join(3, 9, 11);
	assert_int_equal(reports(), 1);
	answer_report(0, COAP_TOO_MANY_REQUESTS);
	assert_int_equal(reports(), 2);
	report_under_way(&report);
	assert_int_equal(report.num, 3);
	/* nothing new since: with the next poll */
	answer_report(0, COAP_UNAVAILABLE);
	assert_int_equal(reports(), 2);
	status_send_due(group);
	assert_int_equal(reports(), 3);
	answer_report(0, COAP_CHANGED);
	assert_int_equal(reports(), 3);
	status_send_due(group);
	assert_int_equal(reports(), 3);
}

static void test_report_without_answer_holds_back_no_newer_one(void **state)
{
	struct status_report report;

	list_group(false);
	answer_join(1, 9, 10);
	kernel_tells(CPNS_CMD_IV_LOW);
	answer_report(-ETIMEDOUT, 0);
	assert_int_equal(reports(), 2);
	report_under_way(&report);
	assert_int_equal(report.conditions_count, 1);
	assert_int_equal(report.conditions[0], STATUS_IV_LOW);
	kernel_tells(CPNS_CMD_SA_SOFT);
	/* the next connection reports anyhow */
	answer_report(-ECONNRESET, 0);
	assert_int_equal(reports(), 2);
}

/* IVs were low when the key was lost: that is no sign of holding anything */
static void test_report_without_a_key_says_so(void **state)
{
	struct status_report report;

	list_group(false);
	answer_join(1, 9, 10);
	kernel_tells(CPNS_CMD_IV_LOW);
	kernel_has_group = false;
	group_look(group);
	answer_report(0, COAP_CHANGED);
	report_under_way(&report);
	assert_int_equal(report.num, 1);
	assert_true(report.has_record);
	assert_true(tells(&report, STATUS_IV_LOW));
	assert_true(tells(&report, STATUS_INSTALL_FAILED));
	answer_report(0, COAP_CHANGED);
	status_session_ready(group);
	report_under_way(&report);
	assert_int_equal(report.num, 1);
	assert_int_equal(report.conditions_count, 1);
	assert_true(tells(&report, STATUS_INSTALL_FAILED));
}

/* the number is that of the epoch that failed, which is told once */
static void test_report_of_failure_names_its_epoch(void **state)
{
	struct status_report report;

	list_group(false);
	answer_join(1, 9, 10);
	answer_report(0, COAP_CHANGED);
	kernel_has_group = false;
	group_look(group);
	group->known = 2;
	status_report_send(group, STATUS_INSTALL_FAILED);
	report_under_way(&report);
	assert_int_equal(report.num, 2);
	assert_false(report.has_record);
	assert_int_equal(report.conditions_count, 1);
	assert_true(tells(&report, STATUS_INSTALL_FAILED));
}

/* until the server has taken them */
static void test_capabilities_stay_due(void **state)
{
	struct status_report report;

	list_group(false);
	answer_join(1, 9, 10);
	report_under_way(&report);
	assert_true(report.has_capabilities);
	answer_report(0, COAP_TOO_MANY_REQUESTS);
	node_error = -EIO;
	status_send_due(group);
	report_under_way(&report);
	assert_false(report.has_capabilities);
	answer_report(0, COAP_CHANGED);
	node_error = 0;
	status_report_send(group, 0);
	report_under_way(&report);
	assert_true(report.has_capabilities);
	answer_report(0, COAP_CHANGED);
	status_report_send(group, 0);
	report_under_way(&report);
	assert_false(report.has_capabilities);
}

/* a change is seen once; there was nothing to report just then */
static void test_capabilities_wait_for_a_report(void **state)
{
	struct status_report report;

	list_group(false);
	status_report_send(group, 0);
	assert_int_equal(reports(), 0);
	answer_join(1, 9, 10);
	report_under_way(&report);
	assert_true(report.has_capabilities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define member_test(function) \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)
		member_test(test_need_waits_for_no_sender_id),
		member_test(test_lost_key_waits_for_no_sender_id),
		member_test(test_sender_id_is_asked_for_in_its_time),
		member_test(test_sender_id_is_not_asked_for_without_a_key),
		member_test(test_sender_id_gone_is_missing),
		member_test(test_forgotten_sender_id_is_kept),
		member_test(test_refused_report_holds_back_no_newer_one),
		member_test(test_report_without_answer_holds_back_no_newer_one),
		member_test(test_report_without_a_key_says_so),
		member_test(test_report_of_failure_names_its_epoch),
		member_test(test_capabilities_stay_due),
		member_test(test_capabilities_wait_for_a_report),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
