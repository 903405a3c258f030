// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpns-request-key: the helper that request-key(8) runs when a program asks
 * for a group's key that its keyrings do not have.
 *
 *	cpns-request-key KEY SGID CALLOUT SESSION-KEYRING
 *
 * It answers with a reference to the group's key, or negates with the errno
 * that tells why.  It never calls add_key(2): the requester holds the lock of
 * the key types while it waits.
 *
 * Threading: one process for each request.  No secret passes through it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ask.h"
#include "requester.h"

/* how long the kernel answers with our errno before it asks again */
#define REJECT_SECONDS 10

static int reject(int32_t key, int error)
{
	if (keyctl_reject(key, REJECT_SECONDS, (unsigned int)error, 0) < 0) {
		syslog(LOG_ERR, "key %d cannot be negated: %m", key);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* the requester's keyring already has the key; it is linked nowhere else */
static int instantiate(int32_t key, int32_t serial)
{
	struct cpns_reference_payload payload = {
		.magic = { 'R', 'E', 'F' },
		.version = 1,
		.serial = htonl((uint32_t)serial),
	};

	return keyctl_instantiate(key, &payload, sizeof(payload), 0) < 0 ?
		-errno : 0;
}

static int answer(int32_t key, const char *sgid, const char *callout)
{
	struct requester requester;
	char reason[256] = "";
	int32_t serial = 0;
	int result;

	result = requester_find(key, &requester);
	if (!result && strcmp(requester.sgid, sgid))
		result = -EINVAL;
	if (result < 0) {
		syslog(LOG_ERR, "group %s: the requester of key %d: %s", sgid,
		       key, strerror(-result));
		return reject(key, result == -EPERM ? EACCES : -result);
	}
	result = ask_daemon(&requester, callout, &serial, reason,
			    sizeof(reason));
	if (!result) {
		result = instantiate(key, serial);
		if (result < 0)
			snprintf(reason, sizeof(reason),
				 "the kernel takes no reference to key %d: %s",
				 serial, strerror(-result));
	}
	if (result < 0) {
		syslog(LOG_NOTICE, "group %s: refused to uid %u, pid %d: %s",
		       sgid, requester.uid, (int)requester.pid, reason);
		return reject(key, -result);
	}
	syslog(LOG_INFO, "group %s: key %d given to uid %u, pid %d", sgid,
	       serial, requester.uid, (int)requester.pid);
	return EXIT_SUCCESS;
}

static void usage(FILE *out)
{
	fputs("usage: cpns-request-key KEY SGID CALLOUT SESSION-KEYRING\n"
	      "Run by request-key(8), see cpns-request-key(8).\n", out);
}

int main(int argc, char **argv)
{
	char *end;
	long key;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts(CPNS_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc < 4 || argc > 5) {
		usage(stderr);
		return 2;
	}
	openlog("cpns-request-key", LOG_PID, LOG_AUTHPRIV);
	key = strtol(argv[1], &end, 10);
	if (*end || key <= 0 || key > INT32_MAX) {
		syslog(LOG_ERR, "'%s' is not a key", argv[1]);
		return 2;
	}
	/* request-key(8) did this before us; by hand it is needed */
	if (keyctl_assume_authority((key_serial_t)key) < 0) {
		syslog(LOG_ERR, "no authority over key %ld: %m", key);
		return EXIT_FAILURE;
	}
	return answer((int32_t)key, argv[2], argv[3]);
}
