// SPDX-License-Identifier: GPL-2.0-only
/*
 * /manage: the SMF's work from afar, for the identities of smf-allowed.
 *
 *   /manage    GET, Observe  SGIDs of all groups, CBOR [* tstr]
 *              POST  group document: create; 2.01 with Location-Path
 *   /manage/G  GET   group document with its ETag
 *              POST, PATCH  group document: update; 2.04 with the new ETag
 *              DELETE       2.02
 *              both with If-Match, where one is sent: 4.12 if the document is
 *              not the one that the asker saw
 *              Observe      CSKMF's alerts: CBOR {9: num, 12: seconds left,
 *                           -65618: etag, -65619: reason}
 *
 * The loop's thread; the same functions as the control verbs.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "proto/cbor.h"
#include "smf/smf_private.h"

#define KEY_NUM		9
#define KEY_SECONDS	12
#define KEY_ETAG	(-65618)
#define KEY_REASON	(-65619)

static bool allowed(const struct smf *smf, const struct identity *peer)
{
	char uri[96];
	size_t i;

	if (peer->kind == IDENTITY_NONE)
		return false;
	identity_uri(peer, uri);
	for (i = 0; i < smf->config->smf_allowed_count; i++)
		if (!strcmp(smf->config->smf_allowed[i], uri))
			return true;
	return false;
}

static void answer_error(struct transport_answer *answer, int error,
			 const char *reason)
{
	int code = COAP_SERVER_ERROR;

	switch (error) {
	case -ENOENT:
		code = COAP_NOT_FOUND;
		break;
	case -EEXIST:
	case -ESTALE:
		code = COAP_CONFLICT;
		break;
	case -EBADMSG:
	case -E2BIG:
	case -EOPNOTSUPP:
		code = COAP_BAD_REQUEST;
		break;
	case -EFBIG:
		code = COAP_TOO_LARGE;
		break;
	}
	transport_answer_problem(answer, code,
				 *reason ? reason : strerror(-error),
				 INT32_MIN);
}

/* takes over what the writer holds */
static void answer_cbor(struct transport_answer *answer,
			struct cbor_writer *writer)
{
	uint8_t *bytes = NULL;
	size_t size;

	if (cbor_writer_finish(writer, &bytes, &size) ||
	    transport_answer_body(answer, FORMAT_CBOR, bytes, size))
		answer_error(answer, -ENOMEM, "");
	else
		transport_answer_code(answer, COAP_CONTENT);
	free(bytes);
}

static int count(void *context, const struct cskmf_group_view *view)
{
	(*(size_t *)context)++;
	return 0;
}

static int write_sgid(void *context, const struct cskmf_group_view *view)
{
	cbor_write_text(context, view->sgid);
	return 0;
}

static void list(struct smf *smf, struct transport_answer *answer)
{
	struct cbor_writer writer;
	size_t groups = 0;

	cskmf_groups_each(smf->cskmf, count, &groups);
	cbor_writer_open(&writer);
	cbor_write_array(&writer, groups);
	cskmf_groups_each(smf->cskmf, write_sgid, &writer);
	answer_cbor(answer, &writer);
}

static bool is_document(const struct transport_request *request,
			struct transport_answer *answer)
{
	if (request->format == FORMAT_GROUP_DOCUMENT)
		return true;
	transport_answer_problem(answer, COAP_UNSUPPORTED_FORMAT,
				 "the body is not a group document",
				 INT32_MIN);
	return false;
}

static void create(struct smf *smf, const struct transport_request *request,
		   struct transport_answer *answer)
{
	char sgid[CPNS_SGID_MAX + 1], reason[SMF_REASON_MAX] = "";
	struct transport_segment location[2] = {
		{ (const uint8_t *)"manage", 6 },
		{ (const uint8_t *)sgid, 0 },
	};
	uint32_t num;
	int error;

	if (!is_document(request, answer))
		return;
	error = smf_group_create(smf, (const char *)request->body,
				 request->body_size, sgid, &num, reason);
	if (error) {
		answer_error(answer, error, reason);
		return;
	}
	location[1].size = strlen(sgid);
	transport_answer_location(answer, location, 2);
	transport_answer_code(answer, COAP_CREATED);
}

static void answer_state(const struct cskmf_group_view *view,
			 struct transport_answer *answer)
{
	const struct group_description *description = view->description;
	struct cbor_writer writer;

	cbor_writer_open(&writer);
	cbor_write_map(&writer, 4);
	cbor_write_int(&writer, KEY_NUM);
	cbor_write_uint(&writer, view->num);
	cbor_write_int(&writer, KEY_SECONDS);
	cbor_write_uint(&writer, view->seconds_left);
	cbor_write_int(&writer, KEY_ETAG);
	cbor_write_bytes(&writer, description->etag,
			 sizeof(description->etag));
	cbor_write_int(&writer, KEY_REASON);
	cbor_write_uint(&writer, view->reason);
	answer_cbor(answer, &writer);
}

static void get(struct smf *smf, const struct transport_request *request,
		const char *sgid, struct transport_answer *answer)
{
	const struct group_description *description;
	struct cskmf_group_view view;

	if (cskmf_group_view(smf->cskmf, sgid, &view)) {
		answer_error(answer, -ENOENT, "no such group");
		return;
	}
	if (request->observe || request->notification) {
		answer_state(&view, answer);
		return;
	}
	description = view.description;
	if (description->document_size > TRANSPORT_BODY_MAX) {
		answer_error(answer, -EMSGSIZE,
			     "the document has more than 64 KiB");
		return;
	}
	transport_answer_etag(answer, description->etag,
			      sizeof(description->etag));
	transport_answer_code(answer, COAP_CONTENT);
	if (transport_answer_body(answer, FORMAT_GROUP_DOCUMENT,
				  description->document,
				  description->document_size))
		answer_error(answer, -ENOMEM, "");
}

static void answer_etag(struct smf *smf, const char *sgid,
			struct transport_answer *answer)
{
	struct cskmf_group_view view;

	if (!cskmf_group_view(smf->cskmf, sgid, &view))
		transport_answer_etag(answer, view.description->etag,
				      GROUP_ETAG_SIZE);
}

static void update(struct smf *smf, const struct transport_request *request,
		   const char *sgid, struct transport_answer *answer)
{
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	int error;

	if (!is_document(request, answer))
		return;
	error = smf_group_update(smf, sgid, (const char *)request->body,
				 request->body_size, CSKMF_DOCUMENT, &updated,
				 reason);
	if (error) {
		answer_error(answer, error, reason);
		return;
	}
	answer_etag(smf, sgid, answer);
	transport_answer_code(answer, COAP_CHANGED);
}

static void delete(struct smf *smf, const char *sgid,
		   struct transport_answer *answer)
{
	char reason[SMF_REASON_MAX] = "";
	uint32_t num;
	int error;

	error = smf_group_delete(smf, sgid, &num, reason);
	if (error)
		answer_error(answer, error, reason);
	else
		transport_answer_code(answer, COAP_DELETED);
}

/*
 * If-Match (RFC 7252 5.10.8.1): who changes a document that another one has
 * changed meanwhile hears of it, and loses nothing.
 */
static bool is_expected(struct smf *smf,
			const struct transport_request *request,
			const char *sgid, struct transport_answer *answer)
{
	struct cskmf_group_view view;
	size_t i;

	if (!request->if_match_count)
		return true;
	if (!cskmf_group_view(smf->cskmf, sgid, &view)) {
		for (i = 0; i < request->if_match_count; i++)
			if (!request->if_match[i].size ||
			    (request->if_match[i].size == GROUP_ETAG_SIZE &&
			     !memcmp(request->if_match[i].bytes,
				     view.description->etag,
				     GROUP_ETAG_SIZE)))
				return true;
	}
	transport_answer_problem(answer, COAP_PRECONDITION_FAILED,
				 "the group document is another one now",
				 INT32_MIN);
	return false;
}

static void serve_all(struct smf *smf,
		      const struct transport_request *request,
		      struct transport_answer *answer)
{
	if (request->method == METHOD_GET)
		list(smf, answer);
	else if (request->method == METHOD_POST)
		create(smf, request, answer);
	else
		transport_answer_code(answer, COAP_METHOD_NOT_ALLOWED);
}

static void serve_one(struct smf *smf,
		      const struct transport_request *request,
		      struct transport_answer *answer)
{
	const struct transport_segment *segment = &request->path[1];
	char sgid[CPNS_SGID_MAX + 1] = "";

	if (segment->size <= CPNS_SGID_MAX)
		memcpy(sgid, segment->bytes, segment->size);
	switch (request->method) {
	case METHOD_GET:
		get(smf, request, sgid, answer);
		break;
	case METHOD_POST:
	case METHOD_PATCH:
		if (is_expected(smf, request, sgid, answer))
			update(smf, request, sgid, answer);
		break;
	case METHOD_DELETE:
		if (is_expected(smf, request, sgid, answer))
			delete(smf, sgid, answer);
		break;
	default:
		transport_answer_code(answer, COAP_METHOD_NOT_ALLOWED);
	}
}

void manage_serve(void *context, const struct transport_request *request,
		  struct transport_answer *answer)
{
	static struct log_limit limit;
	struct smf *smf = context;

	if (!allowed(smf, &request->peer)) {
		if (!request->notification)
			log_limited(&limit, LOG_WARNING,
				    "/manage refused to %s: not in smf-allowed",
				    request->peer.id);
		transport_answer_problem(answer, COAP_FORBIDDEN,
					 "not in smf-allowed", INT32_MIN);
	} else if (request->path_count == 1) {
		serve_all(smf, request, answer);
	} else if (request->path_count == 2) {
		serve_one(smf, request, answer);
	} else {
		transport_answer_problem(answer, COAP_NOT_FOUND,
					 "no such resource", INT32_MIN);
	}
}

void manage_alert(struct smf *smf, const struct cskmf_alert *alert)
{
	struct transport_segment path[2] = {
		{ (const uint8_t *)"manage", 6 },
		{ (const uint8_t *)alert->sgid, strlen(alert->sgid) },
	};

	transport_server_notify(smf->server, path, 2);
}

void manage_list_changed(struct smf *smf)
{
	struct transport_segment path = { (const uint8_t *)"manage", 6 };

	transport_server_notify(smf->server, &path, 1);
}
