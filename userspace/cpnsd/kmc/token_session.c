// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding a PKCS#11 token by its URI (RFC 7512) and logging in: see
 * token_session.h.  The PIN comes from the file that pin-source names, is
 * wiped after use, and is refused where it stands in the URI itself.
 *
 * One thread at a time.
 */
#include "kmc/token_session.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/reason.h"

#define PIN_MAX		255
#define SLOTS_MAX	64

static int read_pin(const char *path, char pin[PIN_MAX + 1], size_t *size,
		    char *reason, size_t room)
{
	struct stat status;
	ssize_t got;
	int file;

	if (!strncmp(path, "file:", 5))
		path += 5;
	if (!strncmp(path, "//", 2))
		path += 2;
	file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file < 0)
		return reason_give(reason, room, -errno, "%s: %s", path,
				   strerror(errno));
	if (fstat(file, &status) || !S_ISREG(status.st_mode) ||
	    status.st_mode & 0077 ||
	    (status.st_uid != geteuid() && status.st_uid)) {
		close(file);
		return reason_give(reason, room, -EACCES,
				   "%s: others can read the token's PIN",
				   path);
	}
	got = read(file, pin, PIN_MAX + 1);
	close(file);
	while (got > 0 && (pin[got - 1] == '\n' || pin[got - 1] == '\r'))
		got--;
	if (got <= 0 || got > PIN_MAX)
		return reason_give(reason, room, -EINVAL,
				   "%s: not a PIN of 1 to %d bytes", path,
				   PIN_MAX);
	*size = (size_t)got;
	return 0;
}

static int login(struct token_session *session,
		 const struct ck_token_info *token, char *reason, size_t room)
{
	const char *source = p11_kit_uri_get_pin_source(session->uri);
	char pin[PIN_MAX + 1];
	size_t size = 0;
	ck_rv_t code;
	int error;

	if (!(token->flags & CKF_LOGIN_REQUIRED))
		return 0;
	if (!source)
		return reason_give(reason, room, -EINVAL,
				   "the token wants a PIN: pin-source=file:... is not there");
	error = read_pin(source, pin, &size, reason, room);
	if (error)
		goto out;
	code = session->module->C_Login(session->session, CKU_USER,
					(unsigned char *)pin, size);
	if (code == CKR_PIN_INCORRECT || code == CKR_PIN_LOCKED ||
	    code == CKR_PIN_INVALID || code == CKR_PIN_LEN_RANGE ||
	    code == CKR_PIN_EXPIRED)
		error = -EPERM;
	else if (code != CKR_OK && code != CKR_USER_ALREADY_LOGGED_IN)
		error = -ENODEV;
	if (error)
		reason_give(reason, room, error, "logging in to the token: %s",
			    p11_kit_strerror(code));
out:
	OPENSSL_cleanse(pin, sizeof(pin));
	return error;
}

/* the first one of this module that the URI fits */
static bool find_slot(const struct token_session *session,
		      struct ck_function_list *module, ck_slot_id_t *slot,
		      struct ck_token_info *token)
{
	ck_slot_id_t slots[SLOTS_MAX], wanted;
	unsigned long count = SLOTS_MAX, i;

	if (module->C_GetSlotList(1, slots, &count) != CKR_OK)
		return false;
	wanted = p11_kit_uri_get_slot_id(session->uri);
	for (i = 0; i < count; i++) {
		if (wanted != (ck_slot_id_t)-1 && wanted != slots[i])
			continue;
		if (module->C_GetTokenInfo(slots[i], token) != CKR_OK ||
		    !(token->flags & CKF_TOKEN_INITIALIZED) ||
		    !p11_kit_uri_match_token_info(session->uri, token))
			continue;
		*slot = slots[i];
		return true;
	}
	return false;
}

static int load_modules(struct token_session *session, char *reason,
			size_t room)
{
	const char *path = p11_kit_uri_get_module_path(session->uri);
	ck_rv_t code;

	if (!path) {
		session->modules = p11_kit_modules_load_and_initialize(0);
		if (!session->modules)
			return reason_give(reason, room, -ENODEV,
					   "PKCS#11 modules: %s",
					   p11_kit_message());
		return 0;
	}
	session->loaded = p11_kit_module_load(path, 0);
	if (!session->loaded)
		return reason_give(reason, room, -ENODEV,
				   "PKCS#11 module %s: %s", path,
				   p11_kit_message());
	code = p11_kit_module_initialize(session->loaded);
	if (code == CKR_OK)
		return 0;
	p11_kit_module_release(session->loaded);
	session->loaded = NULL;
	return reason_give(reason, room, -ENODEV, "PKCS#11 module %s: %s",
			   path, p11_kit_strerror(code));
}

static int find_token(struct token_session *session, ck_slot_id_t *slot,
		      struct ck_token_info *token, char *reason, size_t room)
{
	size_t i;

	if (session->loaded && find_slot(session, session->loaded, slot,
					 token)) {
		session->module = session->loaded;
		return 0;
	}
	for (i = 0; session->modules && session->modules[i]; i++) {
		if (!find_slot(session, session->modules[i], slot, token))
			continue;
		session->module = session->modules[i];
		return 0;
	}
	return reason_give(reason, room, -ENODEV,
			   "no token that the URI fits");
}

/**
 * token_session_open() - load the module, find the token, log in
 * @session: zeroed but for its URI
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -ENODEV no module or token; -EPERM the token does not take
 * the PIN; -EACCES others can read it; -EINVAL no PIN; or what reading it gave.  After an
 * error nothing is open.
 */
int token_session_open(struct token_session *session, char *reason,
		       size_t room)
{
	struct ck_token_info token;
	ck_slot_id_t slot;
	ck_rv_t code;
	int error;

	error = load_modules(session, reason, room);
	if (!error)
		error = find_token(session, &slot, &token, reason, room);
	if (!error && !(token.flags & CKF_RNG))
		error = reason_give(reason, room, -ENODEV,
				    "the token has no random generator");
	if (!error) {
		code = session->module->C_OpenSession(slot,
						      CKF_SERIAL_SESSION |
						      CKF_RW_SESSION, NULL,
						      NULL, &session->session);
		session->open = code == CKR_OK;
		if (!session->open)
			error = reason_give(reason, room, -ENODEV,
					    "session with the token: %s",
					    p11_kit_strerror(code));
	}
	if (!error)
		error = login(session, &token, reason, room);
	if (error)
		token_session_close(session);
	return error;
}

/**
 * token_session_close() - end the session and unload the module
 * @session: open or not; its URI stays
 */
void token_session_close(struct token_session *session)
{
	if (session->open)
		session->module->C_CloseSession(session->session);
	if (session->loaded) {
		p11_kit_module_finalize(session->loaded);
		p11_kit_module_release(session->loaded);
	}
	if (session->modules)
		p11_kit_modules_finalize_and_release(session->modules);
	*session = (struct token_session) { .uri = session->uri };
}
