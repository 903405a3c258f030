// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request_key(2) that finds nothing, until the key is there: cpns_group
 * through cpns-request-key and the gateway's daemon, against a `user` key
 * that /sbin/request-key has `keyctl instantiate` make.
 *
 * usage: request_key SGID
 *
 * Each request is made in a fresh session keyring, so that it never finds
 * the last one's key.  One thread.
 */
#include <errno.h>
#include <keyutils.h>
#include <stdio.h>

#include "bench.h"

static int request(const char *type, const char *description)
{
	if (keyctl_join_session_keyring(NULL) < 0 ||
	    request_key(type, description, "bench",
			KEY_SPEC_SESSION_KEYRING) < 0)
		return -errno;
	return 0;
}

static int group_keys(void *context, unsigned long count)
{
	int result = 0;

	while (count-- && !result)
		result = request("cpns_group", context);
	return result;
}

static int user_keys(void *unused, unsigned long count)
{
	static unsigned long number;
	char description[64];
	int result = 0;

	(void)unused;
	while (count-- && !result) {
		snprintf(description, sizeof(description), "cpns-bench:%lu",
			 number++);
		result = request("user", description);
	}
	return result;
}

int main(int argc, char **argv)
{
	struct bench_pair pair = {
		.bench = "request_key",
		.what = "miss to key, group's key in the kernel",
		.unit = "request",
		.ours = group_keys,
		.peer = user_keys,
		.peer_name = "user key by keyctl instantiate",
	};

	if (argc != 2)
		return 2;
	pair.ours_context = argv[1];
	return bench_pair(&pair) ? 1 : 0;
}
