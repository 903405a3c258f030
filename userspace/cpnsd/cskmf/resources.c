// SPDX-License-Identifier: GPL-2.0-only
/*
 * The resources below /ace-group (RFC 9594): routing, methods, formats.
 *
 * Called by the transport in the loop's thread, for requests and, once for
 * each observer, for notifications.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"
#include "log.h"
#include "proto/response.h"

#define RECORDS_MOST	64	/* in one answer */

struct exchange {
	struct cskmf *cskmf;
	const struct transport_request *request;
	struct transport_answer *answer;
	struct group *group;
	const char *node;
};

static enum cskmf_refused cause_of(const struct refusal *refusal)
{
	switch (refusal->code) {
	case COAP_FORBIDDEN:
		return refusal->error_id == ERROR_SECURITY_LEVEL ?
			REFUSED_LEVEL : REFUSED_NOT_A_MEMBER;
	case COAP_NOT_FOUND:
		return refusal->error_id == INT32_MIN ? REFUSED_MALFORMED :
							REFUSED_GONE;
	case COAP_UNAVAILABLE:
		return REFUSED_NOT_YET;
	case COAP_TOO_MANY_REQUESTS:
		return REFUSED_TOO_OFTEN;
	case COAP_SERVER_ERROR:
		return REFUSED_FAILED;
	default:
		return REFUSED_MALFORMED;
	}
}

static void answer_refusal(struct exchange *exchange,
			   const struct refusal *refusal)
{
	exchange->cskmf->counters.refusals++;
	exchange->cskmf->counters.refused[cause_of(refusal)]++;
	transport_answer_problem(exchange->answer, refusal->code,
				 refusal->title, refusal->error_id);
}

static void problem(struct exchange *exchange, int code, const char *title)
{
	struct refusal refusal;

	refuse(&refusal, code, INT32_MIN, "%s", title);
	answer_refusal(exchange, &refusal);
}

/* takes over @bytes */
static void answer_bytes(struct exchange *exchange, int code, int format,
			 uint8_t *bytes, size_t size)
{
	if (transport_answer_take(exchange->answer, format, bytes, size))
		problem(exchange, COAP_SERVER_ERROR,
			"the answer has more than 64 KiB");
	else
		transport_answer_code(exchange->answer, code);
}

static void log_delivery(const struct exchange *exchange, bool push)
{
	struct log_flow line = {
		.role = "server",
		.flow = push ? "B.2.1.2" : "B.2.1.1",
		.step = push ? 8 : 10,
		.from = "CSKMF",
		.to = "CSKMF",
		.sgid = exchange->group->sgid,
		.num = exchange->group->num,
		.node = exchange->node,
	};

	log_flow_step(&line);
}

static void count_join(struct cskmf *cskmf, double seconds)
{
	static const double bounds[JOIN_BUCKETS] = JOIN_BOUNDS;
	struct cskmf_counters *counters = &cskmf->counters;
	size_t i;

	counters->joins++;
	counters->join_seconds += seconds;
	for (i = 0; i < JOIN_BUCKETS; i++) {
		if (seconds > bounds[i])
			continue;
		counters->join_buckets[i]++;
		break;
	}
}

/* a join or a new SID is told to all: who flaps is kept out for a while */
static bool too_often(struct exchange *exchange)
{
	if (limits_take(exchange->cskmf->limits, exchange->node,
			loop_boottime()))
		return false;
	problem(exchange, COAP_TOO_MANY_REQUESTS,
		"too many registrations, wait");
	return true;
}

/* the key to the one who asks: POST, GET, Observe, nodes/N GET and PUT */
static void deliver(struct exchange *exchange, struct delivery *delivery,
		    int code)
{
	const struct transport_request *request = exchange->request;
	uint8_t etag[TRANSPORT_ETAG_MAX], *bytes;
	double began = loop_boottime();
	struct refusal refusal;
	size_t size;

	delivery->session = &request->address;
	if (delivery_make(exchange->group, exchange->node, delivery, &bytes,
			  &size, &refusal)) {
		answer_refusal(exchange, &refusal);
		return;
	}
	/* after the making, which may give a SID */
	delivery_etag(exchange->group, exchange->node, etag);
	if (delivery->kind == DELIVER_PULL && request->etag_size == 8 &&
	    !memcmp(request->etag, etag, 8)) {
		free(bytes);
		transport_answer_etag(exchange->answer, etag, sizeof(etag));
		transport_answer_code(exchange->answer, COAP_VALID);
		return;
	}
	if (delivery->kind == DELIVER_PULL || delivery->kind == DELIVER_PUSH)
		transport_answer_etag(exchange->answer, etag, sizeof(etag));
	answer_bytes(exchange, code, FORMAT_GROUPCOMM, bytes, size);
	if (delivery->kind == DELIVER_OWN)
		return;
	if (delivery->kind == DELIVER_PUSH)
		exchange->cskmf->counters.pushes++;
	else if (delivery->kind == DELIVER_JOIN)
		count_join(exchange->cskmf, loop_boottime() - began);
	else
		exchange->cskmf->counters.pulls++;
	log_delivery(exchange, delivery->kind == DELIVER_PUSH);
}

/* role, scope and format of a join; 0 or the refusal */
static int check_join(struct exchange *exchange, struct join_request *join,
		      struct refusal *refusal)
{
	const struct transport_request *request = exchange->request;
	const struct group_member *entry;
	char reason[100];

	if (request->format != FORMAT_GROUPCOMM &&
	    request->format != FORMAT_CBOR)
		return refuse(refusal, COAP_UNSUPPORTED_FORMAT, INT32_MIN,
			      "a join request has content format 261");
	if (join_request_decode(request->body, request->body_size, join,
				reason, sizeof(reason)))
		return refuse(refusal, COAP_BAD_REQUEST, INT32_MIN, "%s",
			      reason);
	if (strcmp(join->sgid, exchange->group->sgid))
		return refuse(refusal, COAP_BAD_REQUEST, INT32_MIN,
			      "the scope names another group than the path");
	entry = member_entry(exchange->group, exchange->node);
	if (!join->roles || join->roles & ~entry->roles)
		return refuse(refusal, COAP_BAD_REQUEST, 1,
			      "these roles are not the member's");
	return 0;
}

static void post_group(struct exchange *exchange)
{
	const struct transport_request *request = exchange->request;
	struct delivery delivery = { .kind = DELIVER_JOIN };
	const struct member *member;
	struct join_request join;
	struct refusal refusal;
	bool first;

	if (too_often(exchange))
		return;
	if (check_join(exchange, &join, &refusal)) {
		answer_refusal(exchange, &refusal);
		return;
	}
	if (join.has_node_key &&
	    nodes_set_key(exchange->cskmf->nodes, exchange->node,
			  join.node_key, &request->address)) {
		problem(exchange, COAP_SERVER_ERROR,
			"the node key is not stored");
		return;
	}
	delivery.receiver_only = !(join.roles & ROLE_BIT_SENDER);
	member = member_find(exchange->group, exchange->node);
	first = !member || !member->sealed.made;
	if (first) {
		struct transport_segment location[4] = {
			request->path[0], request->path[1],
			{ (const uint8_t *)"nodes", 5 },
			{ (const uint8_t *)exchange->node,
			  strlen(exchange->node) },
		};

		transport_answer_location(exchange->answer, location, 4);
	}
	deliver(exchange, &delivery, first ? COAP_CREATED : COAP_CHANGED);
	/* the node key of a join that was refused */
	store_sync(exchange->cskmf->options.store);
}

static void get_group(struct exchange *exchange)
{
	const struct transport_request *request = exchange->request;
	struct delivery delivery = {
		.kind = request->observe || request->notification ?
			DELIVER_PUSH : DELIVER_PULL,
	};

	deliver(exchange, &delivery, COAP_CONTENT);
}

static void serve_group(struct exchange *exchange)
{
	switch (exchange->request->method) {
	case METHOD_POST:
		post_group(exchange);
		break;
	case METHOD_GET:
		get_group(exchange);
		break;
	default:
		transport_answer_code(exchange->answer,
				      COAP_METHOD_NOT_ALLOWED);
	}
}

static void serve_num(struct exchange *exchange)
{
	uint8_t *bytes;
	size_t size;

	if (num_encode(exchange->group->num, &bytes, &size))
		problem(exchange, COAP_SERVER_ERROR, "out of memory");
	else
		answer_bytes(exchange, COAP_CONTENT, FORMAT_GROUPCOMM, bytes,
			     size);
}

static void serve_roster(struct exchange *exchange)
{
	const uint8_t *bytes;
	size_t size;

	if (roster_get(exchange->group, &bytes, &size)) {
		problem(exchange, COAP_SERVER_ERROR,
			"the roster could not be signed");
		return;
	}
	transport_answer_code(exchange->answer, COAP_CONTENT);
	if (transport_answer_body(exchange->answer, FORMAT_CBOR, bytes, size))
		problem(exchange, COAP_SERVER_ERROR, "out of memory");
}

/* records collected for one answer; what fits into it */
struct collection {
	struct record_bytes records[RECORDS_MOST];
	size_t count, size;
};

static int collect(void *context, const struct store_epoch *epoch)
{
	struct collection *collection = context;
	struct record_bytes *record = &collection->records[collection->count];
	uint8_t *copy;

	if (collection->size + epoch->record_size > TRANSPORT_BODY_MAX - 512)
		return 1;
	copy = malloc(epoch->record_size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, epoch->record, epoch->record_size);
	record->bytes = copy;
	record->size = epoch->record_size;
	collection->count++;
	collection->size += epoch->record_size + 8;
	return 0;
}

/* "from=<n>", decimal; from 1 without a query */
static int read_from(const struct transport_request *request, uint32_t *from)
{
	char text[16] = "", *end;
	unsigned long number;

	*from = 1;
	if (!request->query_count)
		return 0;
	if (request->query_count > 1 || request->query[0].size < 6 ||
	    request->query[0].size > 5 + 10 ||
	    memcmp(request->query[0].bytes, "from=", 5))
		return -EINVAL;
	memcpy(text, request->query[0].bytes + 5, request->query[0].size - 5);
	if (text[strspn(text, "0123456789")])
		return -EINVAL;
	number = strtoul(text, &end, 10);
	if (*end || number > UINT32_MAX)
		return -EINVAL;
	*from = number;
	return 0;
}

static void serve_records(struct exchange *exchange)
{
	struct collection collection = { };
	uint8_t *bytes;
	uint32_t from;
	size_t size, i;
	int result;

	if (read_from(exchange->request, &from)) {
		problem(exchange, COAP_BAD_REQUEST,
			"the query is not from=<number>");
		return;
	}
	result = store_records(exchange->cskmf->options.store,
			       exchange->group->sgid, from, RECORDS_MOST,
			       collect, &collection);
	if (result >= 0)
		result = records_encode(collection.records, collection.count,
					&bytes, &size);
	if (result < 0)
		problem(exchange, COAP_SERVER_ERROR,
			"the records could not be read");
	else
		answer_bytes(exchange, COAP_CONTENT, FORMAT_CBOR, bytes,
			     size);
	for (i = 0; i < collection.count; i++)
		free((void *)collection.records[i].bytes);
}

/* a member asks to leave: it is the SMF that takes the entry out */
static void leave(struct exchange *exchange)
{
	const struct cskmf_events *events =
		&exchange->cskmf->options.events;
	int error = events->leave(events->context, exchange->group->sgid,
				  exchange->node);

	if (error)
		problem(exchange, COAP_SERVER_ERROR, strerror(-error));
	else
		transport_answer_code(exchange->answer, COAP_DELETED);
}

static void serve_node(struct exchange *exchange)
{
	struct delivery delivery = { .kind = DELIVER_OWN };

	switch (exchange->request->method) {
	case METHOD_GET:
		deliver(exchange, &delivery, COAP_CONTENT);
		break;
	case METHOD_PUT:
		if (too_often(exchange))
			break;
		delivery.kind = DELIVER_RENEW;
		deliver(exchange, &delivery, COAP_CHANGED);
		break;
	case METHOD_DELETE:
		leave(exchange);
		break;
	default:
		transport_answer_code(exchange->answer,
				      COAP_METHOD_NOT_ALLOWED);
	}
}

static void serve_status(struct exchange *exchange)
{
	const struct transport_request *request = exchange->request;
	struct refusal refusal;

	if (request->method != METHOD_PUT)
		transport_answer_code(exchange->answer,
				      COAP_METHOD_NOT_ALLOWED);
	else if (status_report(exchange->group, exchange->node, request->body,
			       request->body_size, &refusal))
		answer_refusal(exchange, &refusal);
	else
		transport_answer_code(exchange->answer, COAP_CHANGED);
}

static bool segment_is(const struct transport_segment *segment,
		       const char *text)
{
	return segment->size == strlen(text) &&
	       !memcmp(segment->bytes, text, segment->size);
}

/* what stands below /ace-group/G, all of it for GET only */
static void serve_below(struct exchange *exchange)
{
	const struct transport_segment *segment = &exchange->request->path[2];
	void (*serve)(struct exchange *exchange) = NULL;

	if (segment_is(segment, "num"))
		serve = serve_num;
	else if (segment_is(segment, "roster"))
		serve = serve_roster;
	else if (segment_is(segment, "records"))
		serve = serve_records;
	if (!serve)
		problem(exchange, COAP_NOT_FOUND, "no such resource");
	else if (exchange->request->method != METHOD_GET)
		transport_answer_code(exchange->answer,
				      COAP_METHOD_NOT_ALLOWED);
	else
		serve(exchange);
}

static void serve_nodes(struct exchange *exchange)
{
	const struct transport_request *request = exchange->request;

	if (!segment_is(&request->path[2], "nodes")) {
		problem(exchange, COAP_NOT_FOUND, "no such resource");
	} else if (!segment_is(&request->path[3], exchange->node)) {
		problem(exchange, COAP_FORBIDDEN,
			"a node's resource is its own only");
	} else if (request->path_count == 4) {
		serve_node(exchange);
	} else if (segment_is(&request->path[4], "status")) {
		serve_status(exchange);
	} else {
		problem(exchange, COAP_NOT_FOUND, "no such resource");
	}
}

void cskmf_serve(void *context, const struct transport_request *request,
		 struct transport_answer *answer)
{
	struct exchange exchange = {
		.cskmf = context,
		.request = request,
		.answer = answer,
		.node = request->peer.id,
	};
	char sgid[CPNS_SGID_MAX + 1] = "";
	struct refusal refusal;

	if (request->path_count < 2 || request->path_count > 5) {
		problem(&exchange, COAP_NOT_FOUND, "no such resource");
		return;
	}
	if (request->path[1].size <= CPNS_SGID_MAX &&
	    !memchr(request->path[1].bytes, 0, request->path[1].size))
		memcpy(sgid, request->path[1].bytes, request->path[1].size);
	if (delivery_admit(exchange.cskmf, &request->peer, sgid,
			   &exchange.group, &refusal)) {
		answer_refusal(&exchange, &refusal);
		return;
	}
	if (request->path_count == 2)
		serve_group(&exchange);
	else if (request->path_count == 3)
		serve_below(&exchange);
	else
		serve_nodes(&exchange);
}
