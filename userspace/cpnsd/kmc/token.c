// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KMC with a PKCS#11 token (a TPM, a smart card, an HSM): random bytes
 * are the token's, and the storage key's file is encrypted by an AES key that
 * was made in the token and never leaves it.
 *
 * A token answers some hundred calls a second, a large group has a million
 * wrapped keys, and members are to be served while the token is away: so it
 * guards one storage key, not each key at rest.
 *
 * One thread at a time.  A call waits for the token.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmc/provider.h"
#include "kmc/token_session.h"
#include "log.h"
#include "proto/aead.h"
#include "proto/reason.h"

#define DEFAULT_LABEL	"cpns-kmc"
#define FILE_DOMAIN	"cpns kmc token v1"
#define FILE_SIZE	(AEAD_NONCE_SIZE + PROVIDER_KEY_SIZE + AEAD_TAG_SIZE)

struct token {
	P11KitUri *uri;
	struct token_session session;
	ck_object_handle_t key;
	bool has_key;
	bool had_key;		/* then it does not do without */
	bool refused;		/* another try would use up the PIN's tries */
};

/* label or id of the URI, so that a token can hold keys of several KMCs */
static unsigned long key_name(struct token *token,
			      struct ck_attribute attributes[2])
{
	static const ck_attribute_type_t types[] = { CKA_LABEL, CKA_ID };
	struct ck_attribute *attribute;
	unsigned long count = 0, i;

	for (i = 0; i < 2; i++) {
		attribute = p11_kit_uri_get_attribute(token->uri, types[i]);
		if (attribute)
			attributes[count++] = *attribute;
	}
	if (!count)
		attributes[count++] = (struct ck_attribute) {
			CKA_LABEL, (char *)DEFAULT_LABEL,
			strlen(DEFAULT_LABEL)
		};
	return count;
}

static int check_key(struct token *token, char *reason, size_t room)
{
	unsigned char sensitive = 0, extractable = 1;
	struct ck_attribute attributes[] = {
		{ CKA_SENSITIVE, &sensitive, sizeof(sensitive) },
		{ CKA_EXTRACTABLE, &extractable, sizeof(extractable) },
	};
	struct ck_function_list *module = token->session.module;
	ck_rv_t code;

	code = module->C_GetAttributeValue(token->session.session, token->key,
					   attributes, 2);
	if (code != CKR_OK)
		return reason_give(reason, room, -ENODEV,
				   "master key of the token: %s",
				   p11_kit_strerror(code));
	if (!sensitive || extractable)
		return reason_give(reason, room, -EACCES,
				   "the token's master key can be read out of it");
	return 0;
}

/* -ENOENT: the token has none */
static int find_key(struct token *token, char *reason, size_t room)
{
	struct ck_function_list *module = token->session.module;
	ck_session_handle_t session = token->session.session;
	ck_object_class_t class = CKO_SECRET_KEY;
	ck_key_type_t type = CKK_AES;
	struct ck_attribute search[4] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
	};
	unsigned long count = 2 + key_name(token, search + 2), found = 0;
	ck_object_handle_t keys[2];
	ck_rv_t code;

	code = module->C_FindObjectsInit(session, search, count);
	if (code == CKR_OK) {
		code = module->C_FindObjects(session, keys, 2, &found);
		module->C_FindObjectsFinal(session);
	}
	if (code != CKR_OK)
		return reason_give(reason, room, -ENODEV,
				   "master key of the token: %s",
				   p11_kit_strerror(code));
	if (found > 1)
		return reason_give(reason, room, -EINVAL,
				   "the token has several keys of this name");
	if (!found)
		return reason_give(reason, room, -ENOENT,
				   "the token does not have the KMC's master key");
	token->key = keys[0];
	token->has_key = true;
	token->had_key = true;
	return check_key(token, reason, room);
}

static int make_key(struct token *token, char *reason, size_t room)
{
	unsigned char yes = 1, no = 0;
	unsigned long size = 32;
	struct ck_mechanism mechanism = { .mechanism = CKM_AES_KEY_GEN };
	struct ck_attribute attributes[10] = {
		{ CKA_VALUE_LEN, &size, sizeof(size) },
		{ CKA_TOKEN, &yes, 1 },
		{ CKA_PRIVATE, &yes, 1 },
		{ CKA_SENSITIVE, &yes, 1 },
		{ CKA_EXTRACTABLE, &no, 1 },
		{ CKA_ENCRYPT, &yes, 1 },
		{ CKA_DECRYPT, &yes, 1 },
		{ CKA_MODIFIABLE, &no, 1 },
	};
	unsigned long count = 8 + key_name(token, attributes + 8);
	ck_rv_t code;

	code = token->session.module->C_GenerateKey(token->session.session,
						    &mechanism, attributes,
						    count, &token->key);
	if (code != CKR_OK)
		return reason_give(reason, room, -ENODEV,
				   "the token makes no master key: %s",
				   p11_kit_strerror(code));
	token->has_key = true;
	token->had_key = true;
	log_notice("KMC: a master key was made in the token");
	return check_key(token, reason, room);
}

static void part(struct token *token)
{
	token->has_key = false;
	token_session_close(&token->session);
	ERR_clear_error();	/* a module's OpenSSL is ours, too */
}

static int meet(struct token *token, bool may_make, char *reason, size_t room)
{
	int error = 0;

	if (token->refused)
		return reason_give(reason, room, -ENODEV,
				   "the token did not take the PIN");
	if (!token->session.module)
		error = token_session_open(&token->session, reason, room);
	if (error == -EPERM) {
		token->refused = true;
		log_error("KMC: the token did not take the PIN and is not asked again before a restart");
	}
	if (!error && !token->has_key)
		error = find_key(token, reason, room);
	if (error == -ENOENT && may_make)
		error = make_key(token, reason, room);
	if (error && error != -ENOENT)
		part(token);
	return error;
}

/* an answer that needs the key: a session alone outlives some tokens */
static bool is_there(struct token *token)
{
	unsigned char sensitive;
	struct ck_attribute attribute = {
		CKA_SENSITIVE, &sensitive, sizeof(sensitive)
	};
	struct ck_function_list *module = token->session.module;

	return module->C_GetAttributeValue(token->session.session, token->key,
					   &attribute, 1) == CKR_OK;
}

static int draw(void *self, uint8_t *output, size_t size)
{
	struct token *token = self;
	char reason[160] = "";
	ck_rv_t code;

	if (token->has_key && !is_there(token))
		part(token);
	if ((!token->session.module || token->had_key != token->has_key) &&
	    meet(token, false, reason, sizeof(reason))) {
		log_debug("KMC: %s", reason);
		return -ENODEV;
	}
	code = token->session.module->C_GenerateRandom(token->session.session,
						       output, size);
	ERR_clear_error();
	if (code == CKR_OK)
		return 0;
	log_error("KMC: the token gives no random bytes: %s",
		  p11_kit_strerror(code));
	part(token);
	return -ENODEV;
}

static struct ck_gcm_params gcm(uint8_t *nonce)
{
	return (struct ck_gcm_params) {
		.iv_ptr = nonce,
		.iv_len = AEAD_NONCE_SIZE,
		.iv_bits = 8 * AEAD_NONCE_SIZE,
		.aad_ptr = (unsigned char *)FILE_DOMAIN,
		.aad_len = strlen(FILE_DOMAIN),
		.tag_bits = 8 * AEAD_TAG_SIZE,
	};
}

static int protect(void *self, const uint8_t key[PROVIDER_KEY_SIZE],
		   uint8_t *bytes, char *reason, size_t room)
{
	struct ck_gcm_params parameters = gcm(bytes);
	struct ck_mechanism mechanism = {
		CKM_AES_GCM, &parameters, sizeof(parameters)
	};
	unsigned long size = FILE_SIZE - AEAD_NONCE_SIZE;
	struct token *token = self;
	struct ck_function_list *module;
	ck_session_handle_t session;
	ck_rv_t code;
	int error;

	error = meet(token, true, reason, room);
	if (error)
		return error;
	module = token->session.module;
	session = token->session.session;
	code = module->C_GenerateRandom(session, bytes, AEAD_NONCE_SIZE);
	if (code == CKR_OK)
		code = module->C_EncryptInit(session, &mechanism, token->key);
	if (code == CKR_OK)
		code = module->C_Encrypt(session, (unsigned char *)key,
					 PROVIDER_KEY_SIZE,
					 bytes + AEAD_NONCE_SIZE, &size);
	ERR_clear_error();
	if (code == CKR_OK && size == FILE_SIZE - AEAD_NONCE_SIZE)
		return 0;
	return reason_give(reason, room, -EIO,
			   "the token does not encrypt the storage key: %s",
			   p11_kit_strerror(code));
}

static int recover(void *self, const uint8_t *bytes,
		   uint8_t key[PROVIDER_KEY_SIZE], char *reason, size_t room)
{
	struct ck_gcm_params parameters = gcm((uint8_t *)bytes);
	struct ck_mechanism mechanism = {
		CKM_AES_GCM, &parameters, sizeof(parameters)
	};
	/* a module may want room for the tag, too */
	uint8_t text[FILE_SIZE];
	unsigned long size = sizeof(text);
	struct token *token = self;
	struct ck_function_list *module;
	ck_session_handle_t session;
	ck_rv_t code;
	int error;

	error = meet(token, false, reason, room);
	if (error == -ENOENT)
		return -EBADMSG;
	if (error)
		return error;
	module = token->session.module;
	session = token->session.session;
	code = module->C_DecryptInit(session, &mechanism, token->key);
	if (code == CKR_OK)
		code = module->C_Decrypt(session, (unsigned char *)bytes +
					 AEAD_NONCE_SIZE,
					 FILE_SIZE - AEAD_NONCE_SIZE, text,
					 &size);
	ERR_clear_error();
	if (code == CKR_OK && size == PROVIDER_KEY_SIZE)
		memcpy(key, text, PROVIDER_KEY_SIZE);
	else
		error = reason_give(reason, room, -EBADMSG,
				    "the token does not open the storage key: %s",
				    p11_kit_strerror(code));
	OPENSSL_cleanse(text, sizeof(text));
	return error;
}

static void token_close(void *self)
{
	struct token *token = self;

	part(token);
	p11_kit_uri_free(token->uri);
	free(token);
}

/**
 * token_provider() - the provider with a PKCS#11 token
 * @provider: gets it; its close() ends it
 * @uri: RFC 7512: token, object or id of the master key (default object
 *	cpns-kmc), module-path, pin-source
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * The token must be there now.
 *
 * Return: 0; -EINVAL not such a URI, or the PIN is in it; -ENODEV no such
 * module or token; -EPERM the PIN is not taken; -EACCES others can read it;
 * -ENOMEM.
 */
int token_provider(struct kmc_provider *provider, const char *uri,
		   char *reason, size_t room)
{
	struct token *token = calloc(1, sizeof(*token));
	int error;

	if (!token)
		return -ENOMEM;
	token->uri = p11_kit_uri_new();
	if (!token->uri) {
		free(token);
		return -ENOMEM;
	}
	*provider = (struct kmc_provider) {
		.name = "the PKCS#11 token",
		.file = "kmc.token",
		.file_size = FILE_SIZE,
		.self = token,
		.random = draw,
		.protect = protect,
		.recover = recover,
		.close = token_close,
	};
	token->session.uri = token->uri;
	error = p11_kit_uri_parse(uri, P11_KIT_URI_FOR_ANY, token->uri);
	if (error)
		error = reason_give(reason, room, -EINVAL,
				    "the token's URI: %s",
				    p11_kit_uri_message(error));
	else if (p11_kit_uri_any_unrecognized(token->uri))
		error = reason_give(reason, room, -EINVAL,
				    "the token's URI has an unknown attribute");
	else if (p11_kit_uri_get_pin_value(token->uri))
		error = reason_give(reason, room, -EINVAL,
				    "the PIN may not stand in the URI, use pin-source=file:...");
	else
		error = token_session_open(&token->session, reason, room);
	if (error) {
		token_close(token);
		memset(provider, 0, sizeof(*provider));
	}
	return error;
}
