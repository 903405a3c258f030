// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets time pass as a suspend to memory does: boot time and the wall clock go
 * on by some seconds at once, monotonic time does not. The RTC's driver calls
 * the same on resume. Is never loaded. For tests, where the devices of the
 * machine cannot sleep.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/time64.h>

static unsigned int seconds;
module_param(seconds, uint, 0);
MODULE_PARM_DESC(seconds, "how long it slept");

static int __init cpns_sleep_init(void)
{
	struct kprobe probe = { .symbol_name = "timekeeping_inject_sleeptime64" };
	const struct timespec64 slept = { .tv_sec = seconds };
	void (*inject)(const struct timespec64 *delta);
	int err = register_kprobe(&probe);

	if (err)
		return err;
	unregister_kprobe(&probe);
	inject = (void *)probe.addr;
	inject(&slept);
	return -ECANCELED;
}
module_init(cpns_sleep_init);

MODULE_DESCRIPTION("Lets time pass as if the machine had slept, for tests");
MODULE_AUTHOR("The cpns authors");
MODULE_LICENSE("GPL");
