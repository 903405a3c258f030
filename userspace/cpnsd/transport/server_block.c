// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers that go out in blocks (RFC 7959 Block2) are kept with the session,
 * so that a POST is not handled again for each block and all blocks are of
 * one answer.
 *
 * Loop's thread only.  At most KEPT_ANSWERS_MAX a session, the oldest goes
 * first; bodies are cleansed when freed.
 */
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <openssl/evp.h>

#include "transport/server_private.h"

static void kept_free(struct transport_peer *peer, struct kept_answer *kept)
{
	DL_DELETE(peer->kept, kept);
	peer->kept_count--;
	OPENSSL_clear_free(kept->body, kept->body_size);
	segment_key_free(&kept->path);
	segment_key_free(&kept->query);
	free(kept);
}

static struct kept_answer *kept_find(struct transport_peer *peer,
				     const struct transport_request *request)
{
	struct segment_key path = { 0 }, query = { 0 };
	struct kept_answer *kept, *found = NULL;

	if (segment_key_make(request->path, request->path_count, &path) ||
	    segment_key_make(request->query, request->query_count, &query))
		goto out;
	DL_FOREACH(peer->kept, kept) {
		if (kept->method == request->method &&
		    segment_key_equal(&kept->path, &path) &&
		    segment_key_equal(&kept->query, &query)) {
			found = kept;
			break;
		}
	}
out:
	segment_key_free(&path);
	segment_key_free(&query);
	return found;
}

/* blocks are told to be of one body by the ETag, so there must be one */
static void give_etag(struct transport_answer *answer)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (answer->etag_size)
		return;
	if (EVP_Digest(answer->body, answer->body_size, digest, NULL,
		       EVP_sha256(), NULL) != 1)
		return;
	memcpy(answer->etag, digest, TRANSPORT_ETAG_MAX);
	answer->etag_size = TRANSPORT_ETAG_MAX;
}

/**
 * block_keep - keep an answer for the blocks after the first
 * @peer: who asked
 * @request: what was asked
 * @answer: gets an ETag if it has none
 *
 * Without memory nothing is kept, and the next block is answered from a new
 * run of the handler (GET) or with 4.08.
 */
void block_keep(struct transport_peer *peer,
		const struct transport_request *request,
		struct transport_answer *answer)
{
	struct kept_answer *kept;

	give_etag(answer);
	kept = kept_find(peer, request);
	if (kept)
		kept_free(peer, kept);
	while (peer->kept_count >= KEPT_ANSWERS_MAX)
		kept_free(peer, peer->kept);

	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return;
	DL_APPEND(peer->kept, kept);
	peer->kept_count++;
	kept->method = request->method;
	kept->code = answer->code;
	kept->format = answer->format;
	memcpy(kept->etag, answer->etag, sizeof(kept->etag));
	kept->etag_size = answer->etag_size;
	kept->until = loop_boottime() + KEPT_SECONDS;
	kept->body = OPENSSL_memdup(answer->body, answer->body_size);
	if (kept->body)
		kept->body_size = answer->body_size;
	if (!kept->body ||
	    segment_key_make(request->path, request->path_count, &kept->path) ||
	    segment_key_make(request->query, request->query_count,
			     &kept->query))
		kept_free(peer, kept);
}

/**
 * block_find - the kept answer that a request for a later block means
 * @peer: who asks
 * @request: with the same method, path and query as the first
 * @answer: opened; filled when true is returned
 */
bool block_find(struct transport_peer *peer,
		const struct transport_request *request,
		struct transport_answer *answer)
{
	struct kept_answer *kept = kept_find(peer, request);

	if (!kept)
		return false;
	if (kept->until < loop_boottime()) {
		kept_free(peer, kept);
		return false;
	}
	if (transport_answer_body(answer, kept->format, kept->body,
				  kept->body_size))
		return false;
	answer->code = kept->code;
	memcpy(answer->etag, kept->etag, sizeof(answer->etag));
	answer->etag_size = kept->etag_size;
	return true;
}

/**
 * block_forget - free all kept answers of a peer
 * @peer: the peer
 */
void block_forget(struct transport_peer *peer)
{
	while (peer->kept)
		kept_free(peer, peer->kept);
}
