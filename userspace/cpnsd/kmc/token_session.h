/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session with a PKCS#11 token, by p11-kit.  Internal to kmc/; one thread.
 */
#ifndef CPNSD_KMC_TOKEN_SESSION_H
#define CPNSD_KMC_TOKEN_SESSION_H

#include <stdbool.h>
#include <stddef.h>		/* p11-kit's headers want it before them */

#define CRYPTOKI_GNU 1
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

struct token_session {
	P11KitUri *uri;				/* borrowed */
	struct ck_function_list **modules;	/* all that are set up, or */
	struct ck_function_list *loaded;	/* the one that the URI names */
	struct ck_function_list *module;	/* of the token */
	ck_session_handle_t session;
	bool open;
};

int token_session_open(struct token_session *session, char *reason,
		       size_t room);
void token_session_close(struct token_session *session);

#endif
