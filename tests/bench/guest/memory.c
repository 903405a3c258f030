// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel memory of groups, epochs and ESP states, by what 1,000 of them add to
 * the pages of all slab caches and to per-processor memory. States against
 * those that `ip xfrm` makes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"
#include "cpns_test.h"

#define MANY	1000
#define PAGE	4096

static struct cpns_test test;

/* what waits for a grace period or for a worker is not to be counted */
static void settle(void)
{
	sleep(2);
}

static double slab_bytes(void)
{
	unsigned long per_slab, slabs, unused;
	double bytes = 0;
	char line[512];
	FILE *file = fopen("/proc/slabinfo", "r");

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %lu %lu %lu %lu %lu : tunables %*u %*u %*u : slabdata %*u %lu",
			   &unused, &unused, &unused, &unused, &per_slab,
			   &slabs) == 6)
			bytes += (double)slabs * per_slab * PAGE;
	fclose(file);
	return bytes;
}

static double meminfo(const char *name)
{
	char line[128];
	double bytes = 0;
	FILE *file = fopen("/proc/meminfo", "r");

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			sscanf(strchr(line, ':') + 1, "%lf", &bytes);
	fclose(file);
	return bytes * 1024;
}

static double used(void)
{
	settle();
	return slab_bytes() + meminfo("Percpu");
}

static int epochs(uint32_t number)
{
	char sgid[64];
	int ret = 0;

	for (int i = 0; i < MANY && ret >= 0; i++) {
		const struct cpns_test_epoch epoch = {
			.sgid = sgid, .number = number, .sid = 1, .dtd = 300,
		};

		snprintf(sgid, sizeof(sgid), "urn:cpns:bench:memory:%d", i);
		ret = cpns_test_group_set(&test, &epoch);
	}
	return ret < 0 ? ret : 0;
}

static int first_epochs(void)
{
	return epochs(1);
}

static int second_epochs(void)
{
	return epochs(2);
}

static int our_states(void)
{
	int ret = 0;

	for (int i = 0; i < MANY && !ret; i++) {
		const struct cpns_test_sa sa = {
			.sgid = "urn:cpns:bench:memory:0", .epoch = 2,
			.sid = 2, .dir = CPNS_DIR_IN, .src = "10.9.0.1",
			.dst = "10.9.0.2", .spi = 0x10000 + i, .reqid = 1,
			.mode = CPNS_SA_MODE_TUNNEL,
		};

		ret = cpns_test_sa_add(&test, &sa);
	}
	return ret;
}

static int plain_states(void)
{
	int ret = cpns_test_run("for i in $(seq 0 %d); do echo xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi $((0x20000 + i)) reqid 2 mode tunnel flag af-unspec replay-window 128 aead \"'rfc4106(gcm(aes))'\" 0x$(printf '%%072x' $((i + 1))) 128; done >/run/cpns-bench-states && ip -batch /run/cpns-bench-states",
				MANY - 1);

	return ret ? -EIO : 0;
}

static int cost(const char *what, int (*make)(void))
{
	double before = used();
	int ret = make();

	if (ret)
		return bench_failed("memory", what, ret);
	bench_figure("memory", what, "bytes", (used() - before) / MANY);
	return 0;
}

int main(void)
{
	static const struct cpns_test_epoch first = {
		.sgid = "urn:cpns:bench:memory", .number = 1, .sid = 1,
	};

	if (unshare(CLONE_NEWNET))
		return 1;
	if (cpns_test_open(&test) || cpns_test_group_set(&test, &first) < 0)
		return bench_failed("memory", "opening", -EIO) != 0;
	if (cost("a group with its key and one epoch", first_epochs) ||
	    cost("an epoch more", second_epochs) ||
	    cost("an ESP state", our_states) ||
	    cost("an ESP state by ip xfrm", plain_states))
		return 1;
	cpns_test_close(&test);
	return 0;
}
