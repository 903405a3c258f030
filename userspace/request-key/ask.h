/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asks the daemon of the requester's network namespace for a group's key.
 *
 * Threading: one thread, blocking, with a time limit.
 */
#ifndef REQUEST_KEY_ASK_H
#define REQUEST_KEY_ASK_H

#include "requester.h"

/*
 * 0 with the serial number of the group's key in .cpns, or -errno for the
 * requester with the reason in words.
 */
int ask_daemon(const struct requester *requester, const char *callout,
	       int32_t *serial, char *reason, size_t room);
int ask_take_answer(const char *text, size_t size, int32_t *serial,
		    char *reason, size_t room);

#endif
