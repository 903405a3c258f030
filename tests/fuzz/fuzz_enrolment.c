// SPDX-License-Identifier: GPL-2.0-only
/*
 * What enrolment reads: a node's PKCS #10 request, lists of certificates, the
 * settings of a node, tokens, PSK identities and files of pre-shared keys
 * (enrolment/request.c, certs_only.c, settings.c, token.c, transport/psk.c).
 * The first byte says which. The mutator signs requests anew, else no name in
 * them would be seen.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "enrolment/certs_only.h"
#include "enrolment/request.h"
#include "enrolment/settings.h"
#include "enrolment/token.h"
#include "fuzz.h"
#include "transport/psk.h"

enum { REQUEST, RENEWAL, CERTIFICATES, SETTINGS, TOKEN, IDENTITY, KEYS, KINDS };

#define CERTIFICATES_MAX 4

static const struct identity node = { .kind = IDENTITY_NODE, .id = "gw9" };

static size_t sign_anew(uint8_t *bytes, size_t size, size_t max_size)
{
	static EVP_PKEY *key;
	const uint8_t *at = bytes;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)size);
	uint8_t *fresh = NULL;
	int length = -1;

	if (!key)
		key = EVP_EC_gen("P-256");
	if (request && X509_REQ_set_pubkey(request, key) &&
	    X509_REQ_sign(request, key, EVP_sha256()))
		length = i2d_X509_REQ(request, &fresh);
	X509_REQ_free(request);
	if (length > 0 && (size_t)length <= max_size) {
		memcpy(bytes, fresh, (size_t)length);
		size = (size_t)length;
	}
	OPENSSL_free(fresh);
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	if (size > 1 && data[0] % KINDS == SETTINGS && seed % 2)
		return 1 + cbor_mutate(data + 1, size - 1, max_size - 1, seed);
	size = LLVMFuzzerMutate(data, size, max_size);
	if (size > 1 && data[0] % KINDS <= RENEWAL && seed % 4)
		size = 1 + sign_anew(data + 1, size - 1, max_size - 1);
	return size;
}

static void check_request(const uint8_t *bytes, size_t size, bool exact)
{
	char reason[256] = "";
	EVP_PKEY *key = NULL;
	int error;

	error = request_check(bytes, size, &node, exact, &key, reason,
			      sizeof(reason));
	FUZZ_ASSERT(!error == !!key);
	FUZZ_ASSERT(!error || reason[0]);
	FUZZ_ASSERT(!key || EVP_PKEY_is_a(key, "EC"));
	FUZZ_ASSERT(error || size <= REQUEST_MAX);
	EVP_PKEY_free(key);
}

static void check_certificates(const uint8_t *bytes, size_t size)
{
	struct stack_st_X509 *list, *again;
	uint8_t *written;
	size_t length;

	if (certs_only_read(bytes, size, CERTIFICATES_MAX, &list))
		return;
	FUZZ_ASSERT(sk_X509_num(list) > 0 &&
		    sk_X509_num(list) <= CERTIFICATES_MAX);
	FUZZ_ASSERT(!certs_only_write(list, &written, &length));
	FUZZ_ASSERT(!certs_only_read(written, length, CERTIFICATES_MAX,
				     &again));
	FUZZ_ASSERT(sk_X509_num(again) == sk_X509_num(list));
	OPENSSL_free(written);
	sk_X509_pop_free(list, X509_free);
	sk_X509_pop_free(again, X509_free);
}

static void check_settings(const uint8_t *bytes, size_t size)
{
	struct node_settings first, second;
	char reason[160] = "";
	uint8_t *written;
	size_t length;
	int error;

	error = node_settings_read(bytes, size, &first, reason,
				   sizeof(reason));
	FUZZ_ASSERT(!error || reason[0]);
	if (error)
		return;
	FUZZ_ASSERT(identity_id_valid(first.node));
	FUZZ_ASSERT(first.port > 0 && first.port <= 65535);
	FUZZ_ASSERT(!node_settings_write(&first, &written, &length));
	FUZZ_ASSERT(!node_settings_read(written, length, &second, reason,
					sizeof(reason)));
	FUZZ_ASSERT(!strcmp(first.node, second.node) &&
		    !strcmp(first.server_id, second.server_id) &&
		    !strcmp(first.scheme, second.scheme) &&
		    !memcmp(first.osg_key, second.osg_key,
			    sizeof(first.osg_key)) &&
		    first.port == second.port);
	free(written);
}

static void check_token(const uint8_t *bytes, size_t size)
{
	uint8_t psk[TOKEN_PSK_SIZE];
	struct identity identity;
	char *text = fuzz_text(bytes, size);
	int error;

	error = token_parse(text, &identity, psk);
	FUZZ_ASSERT(error ? identity.kind == IDENTITY_NONE :
			    identity.kind == IDENTITY_ENROLLING &&
			    identity_id_valid(identity.id));
	free(text);
}

static void check_identity(const uint8_t *bytes, size_t size)
{
	char text[PSK_IDENTITY_MAX + 1];
	struct identity identity;

	if (psk_identity_parse(bytes, size, &identity))
		return;
	/* one way to write each */
	psk_identity_text(&identity, text);
	FUZZ_ASSERT(strlen(text) == size && !memcmp(text, bytes, size));
}

static void check_keys(const uint8_t *bytes, size_t size)
{
	uint8_t key[PSK_KEY_MAX];
	char reason[256] = "", path[64];
	struct psk_table *table;
	size_t key_size = 0;
	int file = fuzz_file(bytes, size, path), error;

	FUZZ_ASSERT(!fchmod(file, 0600));
	error = psk_table_open(&table, path, reason, sizeof(reason));
	FUZZ_ASSERT(error ? !table && reason[0] : !!table);
	if (!psk_table_find(table, node.id, key, &key_size))
		FUZZ_ASSERT(key_size >= PSK_KEY_MIN && key_size <= PSK_KEY_MAX);
	psk_table_close(table);
	close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (!size)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	switch (data[0] % KINDS) {
	case REQUEST:
	case RENEWAL:
		check_request(copy, size - 1, data[0] % KINDS == RENEWAL);
		break;
	case CERTIFICATES:
		check_certificates(copy, size - 1);
		break;
	case SETTINGS:
		check_settings(copy, size - 1);
		break;
	case TOKEN:
		check_token(copy, size - 1);
		break;
	case IDENTITY:
		check_identity(copy, size - 1);
		break;
	case KEYS:
		check_keys(copy, size - 1);
		break;
	}
	free(copy);
	return 0;
}
