// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a leave costs the OSG: time and bytes of the epoch that evicts one of
 * 256 members point to point, and one of 256 to a million with a key tree.
 *
 * argv[1] is a directory with signer.pem, signer.key and osg.key, as `cpnsctl
 * node issue --server` makes them.  Times are medians of 9.  The tree is
 * synthetic: leaves without nodes, no store, no network.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "osg/tree.h"

#define SGID	"sip:bench@cpns.example"
#define ROUNDS	9
#define POINT	256

static struct osg *osg;
static struct kmc *kmc;

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int compare(const void *one, const void *other)
{
	const double *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static void figure(const char *what, size_t members, const char *unit,
		   double value)
{
	printf("{\"bench\": \"leave\", \"kind\": \"figure\", \"case\": \"%zu members, %s\", \"unit\": \"%s\", \"value\": %.6g}\n",
	       members, what, unit, value);
	fflush(stdout);
}

static int failed(const char *what, int error)
{
	printf("{\"bench\": \"leave\", \"kind\": \"error\", \"case\": \"%s\", \"text\": \"%s\"}\n",
	       what, strerror(-error));
	return 1;
}

static void fill(struct epoch_record *record, uint32_t num)
{
	memset(record, 0, sizeof(*record));
	snprintf(record->sgid, sizeof(record->sgid), "%s", SGID);
	record->num = num;
	record->reason = num == 1 ? EPOCH_CREATE : EPOCH_EVICT;
	record->suite = 1;
	record->created = 1732000000;
	record->lifetime = 86400;
	record->dtd = 5;
}

static struct osg_leaf *make_leaves(size_t count)
{
	struct osg_leaf *leaves = calloc(count, sizeof(*leaves));
	size_t i;

	for (i = 0; leaves && i < count; i++)
		if (osg_leaf_create(osg, SGID, (uint32_t)i + 1, &leaves[i])) {
			free(leaves);
			return NULL;
		}
	return leaves;
}

static int point_to_point(void)
{
	struct osg_leaf *leaves = make_leaves(POINT);
	double times[ROUNDS], began;
	struct epoch_record record;
	struct osg_epoch epoch;
	size_t size = 0;
	int round, error;

	if (!leaves)
		return failed("leaves", -ENOMEM);
	for (round = 0; round < ROUNDS; round++) {
		fill(&record, (uint32_t)round + 1);
		began = milliseconds();
		error = osg_create_group_key(osg, &record, leaves, POINT - 1,
					     &epoch);
		times[round] = milliseconds() - began;
		if (error)
			return failed("point to point", error);
		size = epoch.record_size + epoch.shards_size;
		epoch_record_free(&record);
		osg_epoch_release(&epoch);
	}
	free(leaves);
	figure("point to point: time of a leave", POINT, "ms", median(times));
	figure("point to point: record and ITEMs", POINT, "bytes",
	       (double)size);
	return 0;
}

static int grow(struct osg_tree *tree, size_t members, uint32_t *last)
{
	struct osg_leaf *leaves = make_leaves(members);
	int error = leaves ? 0 : -ENOMEM;

	*last = (uint32_t)members;
	if (!error)
		error = osg_tree_add(tree, leaves, members, 0, last);
	free(leaves);
	return error;
}

static int key_tree(size_t members)
{
	double times[ROUNDS], copies[ROUNDS], began;
	struct osg_tree *tree, *copy;
	struct epoch_record record;
	size_t most = 0, size;
	struct osg_epoch epoch;
	uint32_t last, num = 1;
	int round, error;

	error = osg_tree_new(&tree);
	if (!error)
		error = grow(tree, members, &last);
	for (round = -1; round < ROUNDS && !error; round++, num++) {
		if (round >= 0) {
			began = milliseconds();
			error = osg_tree_copy(tree, &copy);
			if (error)
				break;
			copies[round] = milliseconds() - began;
			osg_tree_free(tree);
			tree = copy;
		}
		fill(&record, num);
		began = milliseconds();
		if (round >= 0)
			error = osg_tree_remove(tree, (uint32_t)(members / 11 *
						(size_t)(round + 1)) + 1);
		if (!error)
			error = osg_tree_create_group_key(osg, &record, tree,
							  &epoch);
		if (error)
			break;
		if (round >= 0)
			times[round] = milliseconds() - began;
		size = epoch.record_size + epoch.shards_size;
		if (round >= 0 && size > most)
			most = size;
		epoch_record_free(&record);
		osg_epoch_release(&epoch);
	}
	osg_tree_free(tree);
	if (error)
		return failed("key tree", error);
	figure("key tree: time of a leave", members, "ms", median(times));
	figure("key tree: copying it for the epoch", members, "ms",
	       median(copies));
	figure("key tree: record and ITEMs", members, "bytes", (double)most);
	return 0;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 256, 10000, 100000, 1000000 };
	const struct kmc_options keys = { .state_directory = argv[1] };
	struct osg_options options = { };
	char cert[512], key[512], seal[512], reason[512] = "";
	int result;
	size_t i;

	if (argc != 2)
		return 2;
	log_open("bench", LOG_EMERG);
	snprintf(cert, sizeof(cert), "%s/signer.pem", argv[1]);
	snprintf(key, sizeof(key), "%s/signer.key", argv[1]);
	snprintf(seal, sizeof(seal), "%s/osg.key", argv[1]);
	options.signer_cert = cert;
	options.signer_key = key;
	options.osg_key = seal;
	if (kmc_open(&kmc, &keys, reason, sizeof(reason))) {
		fprintf(stderr, "%s\n", reason);
		return 1;
	}
	options.kmc = kmc;
	if (osg_open(&osg, &options, reason, sizeof(reason))) {
		fprintf(stderr, "%s\n", reason);
		kmc_close(kmc);
		return 1;
	}
	result = point_to_point();
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes) && !result; i++)
		result = key_tree(sizes[i]);
	osg_close(osg);
	kmc_close(kmc);
	return result;
}
