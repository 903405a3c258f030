// SPDX-License-Identifier: GPL-2.0-only
/*
 * Token buckets by node: see limit.h.  The identity is the certificate's, so
 * that nobody uses up another one's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cskmf/limit.h"
#include "log.h"
#include "transport/identity.h"

struct bucket {
	UT_hash_handle hh;
	char node[IDENTITY_ID_MAX + 1];
	double tokens, at, banned_until;
};

struct limits {
	struct bucket *buckets;
};

int limits_open(struct limits **limits)
{
	*limits = calloc(1, sizeof(**limits));
	return *limits ? 0 : -ENOMEM;
}

void limits_close(struct limits *limits)
{
	struct bucket *bucket, *next;

	if (!limits)
		return;
	HASH_ITER(hh, limits->buckets, bucket, next) {
		HASH_DEL(limits->buckets, bucket);
		free(bucket);
	}
	free(limits);
}

static void fill(struct bucket *bucket, double now)
{
	bucket->tokens += (now - bucket->at) * LIMIT_RATE;
	if (bucket->tokens > LIMIT_BURST)
		bucket->tokens = LIMIT_BURST;
	bucket->at = now;
}

/* a full bucket says as much as none */
static void forget_the_quiet(struct limits *limits, double now)
{
	struct bucket *bucket, *next;

	HASH_ITER(hh, limits->buckets, bucket, next) {
		fill(bucket, now);
		if (bucket->tokens < LIMIT_BURST ||
		    bucket->banned_until > now)
			continue;
		HASH_DEL(limits->buckets, bucket);
		free(bucket);
	}
}

static struct bucket *bucket_of(struct limits *limits, const char *node,
				double now)
{
	struct bucket *bucket;

	HASH_FIND_STR(limits->buckets, node, bucket);
	if (bucket)
		return bucket;
	if (HASH_COUNT(limits->buckets) >= LIMIT_NODES)
		forget_the_quiet(limits, now);
	bucket = calloc(1, sizeof(*bucket));
	if (!bucket)
		return NULL;
	strncpy(bucket->node, node, sizeof(bucket->node) - 1);
	bucket->tokens = LIMIT_BURST;
	bucket->at = now;
	HASH_ADD_STR(limits->buckets, node, bucket);
	return bucket;
}

bool limits_take(struct limits *limits, const char *node, double now)
{
	struct bucket *bucket = bucket_of(limits, node, now);

	if (!bucket)
		return true;
	if (bucket->banned_until > now)
		return false;
	fill(bucket, now);
	if (bucket->tokens >= 1) {
		bucket->tokens--;
		return true;
	}
	log_warning("node=%s registers, joins or changes too often, it is kept out for %.0f s",
		    node, LIMIT_BAN);
	bucket->banned_until = now + LIMIT_BAN;
	return false;
}

unsigned int limits_banned(const struct limits *limits, double now)
{
	struct bucket *bucket, *next;
	unsigned int banned = 0;

	HASH_ITER(hh, limits->buckets, bucket, next)
		banned += bucket->banned_until > now;
	return banned;
}
