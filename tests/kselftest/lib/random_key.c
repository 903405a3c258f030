// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of the keys API on the groups' keys, their keyring, and what is
 * no key: by the bare system calls, so that sizes and pointers can be wrong.
 *
 * Some calls rightly succeed, a revocation for example. Those that never may
 * are told where they do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/keyctl.h>
#include "random.h"

#define RING KEY_SPEC_PROCESS_KEYRING

static long keyctl_call(struct cpns_random *r, int operation, unsigned long a,
			unsigned long b, unsigned long c, unsigned long d)
{
	long ret = syscall(__NR_keyctl, operation, a, b, c, d);

	r->calls++;
	r->calls_accepted += ret >= 0;
	return ret;
}

#define KEYCTL(r, operation, a, b, c, d) \
	keyctl_call(r, operation, (unsigned long)(a), (unsigned long)(b), \
		    (unsigned long)(c), (unsigned long)(d))

/* a reference, or nearly one, or bytes by chance */
static size_t payload(struct cpns_random *r, uint8_t bytes[64])
{
	struct cpns_reference_payload reference = {
		.magic = { 'R', 'E', 'F' }, .version = 1,
		.serial = htonl(cpns_random_serial(r)),
	};
	size_t size = cpns_random_below(r, 65);

	cpns_random_bytes(r, bytes, 64);
	if (cpns_random_below(r, 4)) {
		memcpy(bytes, &reference, sizeof(reference));
		size = sizeof(reference);
	}
	if (!cpns_random_below(r, 4))
		bytes[cpns_random_below(r, 64)] ^= 1 << cpns_random_below(r, 8);
	return size;
}

static const char *description(struct cpns_random *r, char text[300])
{
	size_t size = cpns_random_below(r, 299);

	if (cpns_random_below(r, 2))
		return cpns_random_group(r)->sgid;
	for (size_t i = 0; i < size; i++)
		text[i] = 1 + cpns_random_below(r, 255);
	text[size] = 0;
	return text;
}

static void make(struct cpns_random *r)
{
	const char *text;
	uint8_t bytes[64];
	char room[300];
	size_t size = payload(r, bytes);

	text = description(r, room);
	r->calls++;
	if (syscall(__NR_add_key, CPNS_KEY_TYPE, text, bytes, size, RING) >= 0)
		cpns_random_violated(r, "add_key made a key");
	/* without a callout: only looks */
	if (syscall(__NR_request_key, CPNS_KEY_TYPE, text, NULL, RING) >= 0)
		r->calls_accepted++;
	if (KEYCTL(r, KEYCTL_UPDATE, cpns_random_serial(r), bytes, size, 0) >=
	    0)
		cpns_random_violated(r, "KEYCTL_UPDATE changed a key");
	if (KEYCTL(r, KEYCTL_INSTANTIATE, cpns_random_serial(r), bytes, size,
		   0) >= 0)
		cpns_random_violated(r, "a key was instantiated");
}

static void look(struct cpns_random *r)
{
	int32_t serial = cpns_random_serial(r);
	size_t size = cpns_random_below(r, 256);
	char text[300], found[256];
	long ret;

	memset(found, 'x', sizeof(found));
	switch (cpns_random_below(r, 5)) {
	case 0:
		ret = KEYCTL(r, KEYCTL_READ, serial, found, size, 0);
		break;
	case 1:
		ret = KEYCTL(r, KEYCTL_DESCRIBE, serial, found, size, 0);
		break;
	case 2:
		ret = KEYCTL(r, KEYCTL_GET_SECURITY, serial, found, size, 0);
		break;
	case 3:
		KEYCTL(r, KEYCTL_SEARCH, r->node.keyring, CPNS_KEY_TYPE,
		       description(r, text), 0);
		return;
	default:
		KEYCTL(r, KEYCTL_READ, serial, NULL, 0, 0);
		return;
	}
	/* no call writes more than it was given room for */
	if (ret >= 0 && size < sizeof(found) && found[size] != 'x')
		cpns_random_violated(r, "written behind a buffer of %zu", size);
}

static void change(struct cpns_random *r)
{
	int32_t serial = cpns_random_serial(r);

	switch (cpns_random_below(r, 12)) {
	case 0:
		KEYCTL(r, KEYCTL_SETPERM, serial, cpns_random_number(r), 0, 0);
		break;
	case 1:
		KEYCTL(r, KEYCTL_CHOWN, serial, cpns_random_below(r, 2),
		       cpns_random_below(r, 2), 0);
		break;
	case 2:
		KEYCTL(r, KEYCTL_SET_TIMEOUT, serial, cpns_random_below(r, 4),
		       0, 0);
		break;
	case 3:
		KEYCTL(r, KEYCTL_REVOKE, cpns_random_group(r)->serial, 0, 0,
		       0);
		break;
	case 4:
		KEYCTL(r, KEYCTL_INVALIDATE, cpns_random_group(r)->serial, 0,
		       0, 0);
		break;
	case 5:
		KEYCTL(r, KEYCTL_LINK, serial, RING, 0, 0);
		break;
	case 6:
		KEYCTL(r, KEYCTL_MOVE, serial, r->node.keyring, RING,
		       cpns_random_below(r, 3));
		break;
	case 7:
		KEYCTL(r, KEYCTL_NEGATE, serial, cpns_random_below(r, 4),
		       RING, 0);
		break;
	case 8:
		KEYCTL(r, KEYCTL_REJECT, serial, cpns_random_below(r, 4),
		       EKEYREJECTED, RING);
		break;
	case 9:
		KEYCTL(r, KEYCTL_ASSUME_AUTHORITY, serial, 0, 0, 0);
		break;
	default:
		/* .cpns is the module's */
		if (KEYCTL(r, KEYCTL_UNLINK, serial, r->node.keyring, 0, 0) >=
		    0 ||
		    KEYCTL(r, KEYCTL_CLEAR, r->node.keyring, 0, 0, 0) >= 0 ||
		    KEYCTL(r, KEYCTL_REVOKE, r->node.keyring, 0, 0, 0) >= 0 ||
		    KEYCTL(r, KEYCTL_INVALIDATE, r->node.keyring, 0, 0, 0) >=
		    0 ||
		    KEYCTL(r, KEYCTL_RESTRICT_KEYRING, r->node.keyring, NULL,
			   NULL, 0) >= 0)
			cpns_random_violated(r, ".cpns was changed");
	}
}

static void public_key(struct cpns_random *r)
{
	static const char *const infos[] = {
		"enc=raw", "enc=raw hash=sha256", "enc=pkcs1", "hash=", "",
		"enc=raw enc=raw", "nothing",
	};
	static const int operations[] = {
		KEYCTL_PKEY_ENCRYPT, KEYCTL_PKEY_ENCRYPT, KEYCTL_PKEY_DECRYPT,
		KEYCTL_PKEY_SIGN, KEYCTL_PKEY_VERIFY,
	};
	static uint8_t in[33000], out[33000];
	const char *info = infos[cpns_random_below(r, 2) ? 0 :
		cpns_random_below(r, sizeof(infos) / sizeof(infos[0]))];
	struct keyctl_pkey_params params = {
		.key_id = cpns_random_serial(r),
	};
	struct keyctl_pkey_query query;
	size_t header = cpns_random_below(r, 13);

	params.in_len = cpns_random_below(r, 16) ? cpns_random_below(r, 200) :
			cpns_random_number(r) % (sizeof(in) + 1);
	params.out_len = cpns_random_below(r, 4) ? params.in_len + 28 :
			 cpns_random_below(r, 200);
	if (params.out_len > sizeof(out))
		params.out_len = sizeof(out);
	if (!cpns_random_below(r, 8)) {
		KEYCTL(r, KEYCTL_PKEY_QUERY, params.key_id, 0, info, &query);
		return;
	}
	/* what the last encryption gave is decrypted, altered or not */
	if (cpns_random_below(r, 4))
		memcpy(in, out, 200);
	if (!cpns_random_below(r, 4))
		cpns_random_bytes(r, in, header);
	KEYCTL(r, operations[cpns_random_below(r, 5)], &params, info, in, out);
}

void cpns_random_key(struct cpns_random *random)
{
	switch (cpns_random_below(random, 8)) {
	case 0:
		make(random);
		break;
	case 1:
	case 2:
	case 3:
		look(random);
		break;
	case 4:
		change(random);
		break;
	default:
		public_key(random);
	}
}
