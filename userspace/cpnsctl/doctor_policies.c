// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl doctor: do the blocking policies stand, and is each group's traffic
 * encrypted?
 *
 * Threading: one thread.
 */
#include <string.h>

#include "config.h"
#include "dataplane/block_table.h"
#include "doctor.h"

/* a policy with a template in the same place is stronger than the block */
static size_t count_missing(const struct policy_list *shall,
			    const struct policy_list *there)
{
	size_t missing = 0;

	for (size_t i = 0; i < shall->count; i++) {
		const struct policy *same =
			policy_list_find(there, &shall->items[i]);

		missing += !same || same->priority > shall->items[i].priority;
	}
	return missing;
}

static void report(struct doctor *doctor, const struct policy_list *shall,
		   const struct policy_list *there)
{
	size_t encrypt = 0, missing = count_missing(shall, there);

	for (size_t i = 0; i < there->count; i++)
		encrypt += there->items[i].priority == POLICY_ENCRYPT;
	if (missing)
		doctor_report(doctor, FINDING_BAD, "policies",
			      "cpnsctl policy load",
			      "%zu of %zu blocking policies are missing: traffic may leave in clear",
			      missing, shall->count);
	else
		doctor_report(doctor, FINDING_GOOD, "policies", NULL,
			      "%zu blocking and %zu encrypt policies stand",
			      shall->count, encrypt);
}

static unsigned long long counter(const char *name)
{
	FILE *file = fopen("/proc/net/xfrm_stat", "re");
	unsigned long long value = 0, found = 0;
	char word[64];

	while (file && fscanf(file, "%63s %llu", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	if (file)
		fclose(file);
	return found;
}

/*
 * What is blocked on the way out has met no encrypt policy: the group is
 * closed, or NAT has rewritten the source, and the policy is looked up anew.
 */
static void check_blocked(struct doctor *doctor)
{
	unsigned long long blocked = counter("XfrmOutPolBlock");

	if (blocked)
		doctor_report(doctor, FINDING_NOTE, "traffic",
			      "nft insert rule ip nat postrouting rt ipsec exists accept",
			      "%llu packets to members' nets were blocked: no key at that time, or masquerading rewrites them before they are encrypted",
			      blocked);
}

/**
 * doctor_policies() - compare block.conf with the kernel's policies
 * @doctor: the run, with its configuration
 */
void doctor_policies(struct doctor *doctor)
{
	struct policy_list shall = { 0 }, there = { 0 };
	struct policy_table *kernel = NULL;
	struct block_table table;
	char path[512], reason[512] = "", remedy[600];
	int result;

	snprintf(path, sizeof(path), "%s/block.conf", doctor->config->state);
	result = block_table_read(path, &table, reason, sizeof(reason));
	if (result < 0) {
		snprintf(remedy, sizeof(remedy), "editor %s", path);
		doctor_report(doctor, FINDING_BAD, "policies", remedy, "%s",
			      reason);
		block_table_free(&table);
		return;
	}
	result = block_table_policies(&table, &shall);
	if (!result)
		result = policy_table_open(&kernel);
	if (!result)
		result = policy_table_read(kernel, &there);
	if (result < 0)
		doctor_report(doctor, FINDING_BAD, "policies",
			      "sudo cpnsctl doctor",
			      "the kernel's policies: %s", strerror(-result));
	else
		report(doctor, &shall, &there);
	check_blocked(doctor);
	policy_table_close(kernel);
	policy_list_free(&shall);
	policy_list_free(&there);
	block_table_free(&table);
}
