// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the kernel that this virtual machine was cloned, as drivers/virt/
 * vmgenid.c does; is never loaded. For tests.
 */
#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/random.h>

#if IS_MODULE(CONFIG_VMGENID)
static void *cpns_fork_function(void)
{
	return add_vmfork_randomness;
}
#else
/* not exported to modules where the driver is built in */
static void *cpns_fork_function(void)
{
	struct kprobe probe = { .symbol_name = "add_vmfork_randomness" };
	int err = register_kprobe(&probe);

	if (err)
		return ERR_PTR(err);
	unregister_kprobe(&probe);
	return probe.addr;
}
#endif

static int __init cpns_vmfork_init(void)
{
	void (*fork)(const void *id, size_t len) = cpns_fork_function();
	u8 id[16];

	if (IS_ERR(fork))
		return PTR_ERR(fork);
	get_random_bytes(id, sizeof(id));
	fork(id, sizeof(id));
	return -ECANCELED;
}
module_init(cpns_vmfork_init);

MODULE_DESCRIPTION("Tells the kernel of a VM fork, for tests");
MODULE_AUTHOR("The cpns authors");
MODULE_LICENSE("GPL");
