// SPDX-License-Identifier: GPL-2.0-only
/*
 * Enrolment over secure transport, on CoAP (RFC 9148): /.well-known/est/crts,
 * /sen and /sren, found in /.well-known/core (RFC 6690).
 *
 * Loop's thread.  /sen is for sessions that a one-time token opened, /sren
 * for sessions with a certificate; crts for both.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>

#include "enrolment/certificate.h"
#include "enrolment/certs_only.h"
#include "enrolment/enrolment_private.h"
#include "enrolment/request.h"
#include "log.h"

#define EST_REASON_MAX 256
#define DAY_SECONDS 86400

static const char links[] =
	"</.well-known/est/crts>;rt=\"ace.est.crts\";ct=\"281 287\","
	"</.well-known/est/sen>;rt=\"ace.est.sen\";ct=\"281 287\","
	"</.well-known/est/sren>;rt=\"ace.est.sren\";ct=\"281 287\"";

static bool is(const struct transport_segment *segment, const char *text)
{
	return segment->size == strlen(text) &&
	       !memcmp(segment->bytes, text, segment->size);
}

static void refuse(struct transport_answer *answer, int code,
		   const char *title)
{
	transport_answer_problem(answer, code, title, INT32_MIN);
}

/* what the client takes: 281 where it does not say, or 287 */
static bool choose_format(const struct transport_request *request,
			  bool only_one, struct transport_answer *answer,
			  int *format)
{
	*format = request->accept == FORMAT_NONE ? FORMAT_CERTS_ONLY :
						   request->accept;
	if (*format == FORMAT_CERTS_ONLY ||
	    (*format == FORMAT_CERTIFICATE && only_one))
		return true;
	refuse(answer, COAP_NOT_ACCEPTABLE,
	       "Certificates come as 281, a single one as 287, too");
	return false;
}

static void answer_certificates(struct transport_answer *answer, int code,
				int format,
				const struct stack_st_X509 *certificates)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	int length;

	if (format == FORMAT_CERTIFICATE) {
		length = i2d_X509(sk_X509_value(certificates, 0), &bytes);
		size = length > 0 ? (size_t)length : 0;
	} else if (certs_only_write(certificates, &bytes, &size)) {
		size = 0;
	}
	if (!size) {
		refuse(answer, COAP_SERVER_ERROR, "Out of memory");
		return;
	}
	transport_answer_code(answer, code);
	transport_answer_body(answer, format, bytes, size);
	OPENSSL_free(bytes);
}

static void serve_crts(struct enrolment *enrolment,
		       const struct transport_request *request,
		       struct transport_answer *answer)
{
	const struct stack_st_X509 *own = kmc_ca_certificates(enrolment->ca);
	int format;

	if (request->method != METHOD_GET)
		refuse(answer, COAP_METHOD_NOT_ALLOWED, "GET only");
	else if (choose_format(request, sk_X509_num(own) == 1, answer,
			       &format))
		answer_certificates(answer, COAP_CONTENT, format, own);
}

/*
 * In the store before it is given out; with it, the token is used up for all
 * keys but this one.  @key_hash: NULL where there is nothing to use up
 */
static int note_issued(struct enrolment *enrolment, X509 *certificate,
		       const char *node, const uint8_t *key_hash)
{
	struct store_certificate stored = {
		.serial = NULL,
		.node = node,
		.issued = (uint64_t)time(NULL),
		.expires = (uint64_t)pki_not_after(certificate),
	};
	char *serial = pki_serial_text(certificate);
	int error;

	if (!serial)
		return -ENOMEM;
	stored.serial = serial;
	error = store_begin(enrolment->store);
	if (!error) {
		error = store_certificate_expire(enrolment->store,
						 stored.issued);
		if (!error)
			error = store_certificate_add(enrolment->store,
						      &stored);
		if (!error && key_hash)
			error = store_token_use(enrolment->store, node,
						key_hash);
		if (error)
			store_rollback(enrolment->store);
		else
			error = store_commit(enrolment->store);
	}
	if (!error)
		log_info("node=%s certificate %s issued%s", node, serial,
			 key_hash ? ", its token is used up" : " anew");
	OPENSSL_free(serial);
	return error;
}

static bool refuse_token(struct transport_answer *answer, int error)
{
	switch (error) {
	case -EEXIST:
		refuse(answer, COAP_FORBIDDEN, "The token was used already");
		break;
	case -ENOENT:
		refuse(answer, COAP_FORBIDDEN,
		       "The token is not good any more");
		break;
	case -ETIME:
		refuse(answer, COAP_FORBIDDEN, "The token has expired");
		break;
	case -EACCES:
		refuse(answer, COAP_FORBIDDEN, "The node is revoked");
		break;
	default:
		refuse(answer, COAP_UNAVAILABLE, "No certificate can be issued");
	}
	return false;
}

/* no node fills the store, or keeps the authority busy */
static bool within_day(struct enrolment *enrolment, const char *node,
		       struct transport_answer *answer)
{
	uint64_t since = (uint64_t)time(NULL) - DAY_SECONDS;
	int64_t issued = store_certificate_count(enrolment->store, node, since);

	if (issued >= 0 && issued < CERTIFICATES_A_DAY)
		return true;
	refuse(answer, COAP_TOO_MANY_REQUESTS,
	       "Too many certificates for this node in a day");
	return false;
}

/*
 * @key_hash: gets the hash to use the token up with.  A node that asks again
 * with the same key did not get its answer: @use is false then.
 */
static bool may_use_token(struct enrolment *enrolment, const char *node,
			  EVP_PKEY *key, uint8_t *key_hash, bool *use,
			  struct transport_answer *answer)
{
	int used = tokens_check_key(enrolment, node, key, key_hash);

	*use = !used;
	if (used < 0)
		return refuse_token(answer, used);
	return !used || within_day(enrolment, node, answer);
}

static void issue(struct enrolment *enrolment,
		  const struct transport_request *request,
		  const struct identity *node, bool token, int format,
		  struct transport_answer *answer)
{
	struct stack_st_X509 *list = sk_X509_new_null();
	uint8_t key_hash[STORE_KEY_HASH_SIZE];
	char reason[EST_REASON_MAX] = "";
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	bool use = false;
	int error;

	error = request_check(request->body, request->body_size, node, !token,
			      &key, reason, sizeof(reason));
	if (error) {
		log_notice("node=%s certificate refused: %s", node->id,
			   reason);
		refuse(answer, error == -E2BIG ? COAP_TOO_LARGE :
			       error == -EPERM ? COAP_FORBIDDEN :
						 COAP_BAD_REQUEST, reason);
		goto out;
	}
	if (token && !may_use_token(enrolment, node->id, key, key_hash, &use,
				    answer))
		goto out;
	error = kmc_ca_issue(enrolment->ca, key, node,
			     enrolment->config->enrol_days, &certificate,
			     reason, sizeof(reason));
	if (!error)
		error = note_issued(enrolment, certificate, node->id,
				    use ? key_hash : NULL);
	if (!error && (!list || !sk_X509_push(list, certificate)))
		error = -ENOMEM;
	if (error) {
		log_error("node=%s no certificate issued: %s", node->id,
			  *reason ? reason : strerror(-error));
		refuse(answer, COAP_UNAVAILABLE, "No certificate can be issued");
		goto out;
	}
	answer_certificates(answer, COAP_CHANGED, format, list);
out:
	sk_X509_free(list);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static bool may_enrol(struct enrolment *enrolment,
		      const struct transport_request *request,
		      struct transport_answer *answer)
{
	int error;

	if (request->peer.kind != IDENTITY_ENROLLING) {
		refuse(answer, COAP_FORBIDDEN,
		       "A node with a certificate renews it at /sren");
		return false;
	}
	error = tokens_check(enrolment, request->peer.id);
	return error ? refuse_token(answer, error) : true;
}

static bool may_renew(struct enrolment *enrolment,
		      const struct transport_request *request,
		      struct transport_answer *answer)
{
	if (request->peer.kind != IDENTITY_NODE || request->psk ||
	    enrolment->revoked(enrolment->context, request->peer.id)) {
		refuse(answer, COAP_FORBIDDEN,
		       "Only the session of a node's certificate renews it");
		return false;
	}
	if (transport_request_check(request)) {
		refuse(answer, COAP_FORBIDDEN,
		       "The certificate is not good any more");
		return false;
	}
	return within_day(enrolment, request->peer.id, answer);
}

static void serve_request(struct enrolment *enrolment,
			  const struct transport_request *request, bool token,
			  struct transport_answer *answer)
{
	struct identity node = request->peer;
	int format;

	node.kind = IDENTITY_NODE;
	if (request->method != METHOD_POST)
		refuse(answer, COAP_METHOD_NOT_ALLOWED, "POST only");
	else if (request->format != FORMAT_PKCS10)
		refuse(answer, COAP_UNSUPPORTED_FORMAT,
		       "A request is application/pkcs10 (286)");
	else if (choose_format(request, true, answer, &format) &&
		 (token ? may_enrol(enrolment, request, answer) :
			  may_renew(enrolment, request, answer)))
		issue(enrolment, request, &node, token, format, answer);
}

/**
 * est_serve() - requests below /.well-known
 * @context: the enrolment
 * @request: of a node, or of one that comes with a token
 * @answer: to fill
 */
void est_serve(void *context, const struct transport_request *request,
	       struct transport_answer *answer)
{
	const struct transport_segment *path = request->path;

	if (request->path_count == 2 && is(&path[1], "core")) {
		if (request->method != METHOD_GET) {
			refuse(answer, COAP_METHOD_NOT_ALLOWED, "GET only");
			return;
		}
		transport_answer_code(answer, COAP_CONTENT);
		transport_answer_body(answer, FORMAT_LINK, links,
				      strlen(links));
	} else if (request->path_count != 3 || !is(&path[1], "est")) {
		refuse(answer, COAP_NOT_FOUND, "No such resource");
	} else if (is(&path[2], "crts")) {
		serve_crts(context, request, answer);
	} else if (is(&path[2], "sen")) {
		serve_request(context, request, true, answer);
	} else if (is(&path[2], "sren")) {
		serve_request(context, request, false, answer);
	} else {
		refuse(answer, COAP_NOT_FOUND, "No such resource");
	}
}
