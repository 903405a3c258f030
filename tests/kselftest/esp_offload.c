// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network device that would take ESP states: netdevsim, the kernel's own
 * (tests/kselftest/Makefile builds it where the kernel is without). It takes a
 * plain state, and shows its key; of the module's states it is told nothing,
 * whatever xfrm's own family is asked for. Needs the module with allow_raw=1,
 * root, iproute2, CPNS_BUILD.
 */
#define _GNU_SOURCE
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/utsname.h>
#include "kselftest_harness.h"
#include "xfrm.h"

#define SGID	"urn:cpns:test:esp-offload"
#define REQID	0x40000019
#define DEVICE	7
#define TAKEN	"/sys/kernel/debug/netdevsim/netdevsim7/ports/0/ipsec"
#define STATE	"src 10.10.0.1 dst 10.10.0.2 proto esp spi"
#define PLAIN	"aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128"
#define OURS	"aead 'cpns(rfc4106(gcm(aes)))' 0x43504e5300000001 128"

FIXTURE(offload)
{
	struct cpns_test test;
	struct cpns_test_sa out;
	bool device;
};

/* 0, or 4 where the device's source is not there for this kernel */
static int device_begin(void)
{
	struct utsname name;

	uname(&name);
	return cpns_test_run("set -e; module=%s/kselftest-netdevsim/%s/netdevsim.ko\n"
			     "if [ -e $module ]; then\n"
			     "for d in $(modinfo -F depends $module | tr , ' '); do modprobe $d; done\n"
			     "[ -e /sys/bus/netdevsim ] || insmod $module\n"
			     "else modprobe -q netdevsim || exit 4; fi\n"
			     "modprobe esp4_offload || true\n"
			     "mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug\n"
			     "echo '%d 1' >/sys/bus/netdevsim/new_device\n"
			     "name=$(ip -d -o link | awk '/parentdev netdevsim%d /{ print $2 }')\n"
			     "ip link set ${name%%:} name sim\n"
			     "ip link set sim arp off up\n"
			     "ip addr add 10.10.0.1/24 dev sim",
			     getenv("CPNS_BUILD") ?: "", name.release, DEVICE,
			     DEVICE);
}

FIXTURE_SETUP(offload)
{
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 1, .sid = 1,
	};
	int ret;

	self->device = false;
	ASSERT_EQ(0, cpns_test_lonely());
	ASSERT_EQ(0, cpns_test_open(&self->test));
	ret = device_begin();
	if (ret == 4)
		SKIP(return, "no netdevsim: neither in this kernel nor built for it");
	ASSERT_EQ(0, ret);
	self->device = true;
	ASSERT_LT(0, cpns_test_group_set(&self->test, &epoch)) {
		TH_LOG("%s", self->test.text);
	}
	self->out = (struct cpns_test_sa){
		.sgid = SGID, .epoch = 1, .sid = 1, .dir = CPNS_DIR_OUT,
		.src = "10.10.0.1", .dst = "10.10.0.2", .spi = 0x1000,
		.reqid = REQID, .mode = CPNS_SA_MODE_TRANSPORT,
	};
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out)) {
		TH_LOG("%s", self->test.text);
	}
}

FIXTURE_TEARDOWN(offload)
{
	cpns_test_close(&self->test);
	if (self->device)
		cpns_test_run("ip xfrm state flush; echo %d >/sys/bus/netdevsim/del_device",
			      DEVICE);
}

/* 0 if the device has @count states */
static int taken(int count)
{
	return cpns_test_run("cat " TAKEN "; grep -q 'SA count=%d ' " TAKEN,
			     count);
}

static int packets(struct cpns_test *test, const struct cpns_test_sa *sa)
{
	struct cpns_test_sa_state state;
	int ret = cpns_test_sa_get(test, sa->spi, sa->dir, &state);

	return ret ? ret : (int)state.packets;
}

TEST_F_TIMEOUT(offload, takes_a_plain_state, 60)
{
	if (!self->device)
		return;
	ASSERT_EQ(0, taken(0));
	ASSERT_EQ(0, cpns_test_run("ip xfrm state add " STATE " 0x2000 reqid 9 mode transport "
				   PLAIN " offload dev sim dir out"));
	EXPECT_EQ(0, taken(1));
	EXPECT_EQ(0, cpns_test_run("grep -q 'key=0x03020100' " TAKEN));
	EXPECT_EQ(0, cpns_test_run("ip -d xfrm state get " STATE " 0x2000 | grep 'dev sim'"));
}

TEST_F_TIMEOUT(offload, is_told_nothing_of_ours, 60)
{
	if (!self->device)
		return;
	EXPECT_EQ(0, taken(0));
	/* an update takes limits over, not the device */
	ASSERT_EQ(0, cpns_test_xfrm_update(&self->out, XFRM_INF,
					   if_nametoindex("sim")));
	EXPECT_EQ(1, cpns_test_run("ip -d xfrm state | grep 'dev sim'"));
	EXPECT_EQ(0, taken(0));
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy add dir out src 0.0.0.0/0 dst 10.10.0.0/24 "
				   "tmpl src 10.10.0.1 dst 10.10.0.2 proto esp reqid %u mode transport",
				   REQID));
	ASSERT_EQ(0, cpns_test_udp("10.10.0.2", 10));
	EXPECT_EQ(1, packets(&self->test, &self->out));
	/* nor can a state of xfrm's own name the template */
	EXPECT_NE(0, cpns_test_run("ip xfrm state add " STATE " 0x3000 reqid 9 mode transport "
				   OURS " offload dev sim dir out"));
	EXPECT_EQ(0, taken(0));
}

TEST_HARNESS_MAIN
