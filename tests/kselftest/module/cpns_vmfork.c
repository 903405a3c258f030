// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the kernel that this virtual machine was cloned, as drivers/virt/
 * vmgenid.c does; is never loaded. For tests.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/random.h>

static int __init cpns_vmfork_init(void)
{
	struct kprobe probe = { .symbol_name = "add_vmfork_randomness" };
	void (*fork)(const void *id, size_t len);
	u8 id[16];
	int err;

	/* not exported to modules where the driver is built in */
	err = register_kprobe(&probe);
	if (err)
		return err;
	fork = (void *)probe.addr;
	unregister_kprobe(&probe);
	get_random_bytes(id, sizeof(id));
	fork(id, sizeof(id));
	return -ECANCELED;
}
module_init(cpns_vmfork_init);

MODULE_DESCRIPTION("Tells the kernel of a VM fork, for tests");
MODULE_AUTHOR("The cpns authors");
MODULE_LICENSE("GPL");
