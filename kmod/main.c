// SPDX-License-Identifier: GPL-2.0-only
/*
 * OMA CPNS group keys: module init and exit, namespaces, notifiers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/random.h>
#include <linux/suspend.h>
#include <net/netns/generic.h>

#include "group.h"

bool cpns_allow_raw;
module_param_named(allow_raw, cpns_allow_raw, bool, 0444);
MODULE_PARM_DESC(allow_raw, "accept epoch secrets in clear (lab and tests only; default 0)");

struct workqueue_struct *cpns_wq;
atomic_t cpns_generation = ATOMIC_INIT(0);

static unsigned int cpns_net_id;

/**
 * cpns_net() - our part of a namespace
 * @net: namespace
 */
struct cpns_net *cpns_net(const struct net *net)
{
	return net_generic(net, cpns_net_id);
}

static int __net_init cpns_net_init(struct net *net)
{
	struct cpns_net *cn = cpns_net(net);

	cn->net = net;
	mutex_init(&cn->config);
	INIT_DELAYED_WORK(&cn->watch, cpns_watch);
	cpns_sa_net_init(cn);
	return 0;
}

static void __net_exit cpns_net_exit(struct net *net)
{
	struct cpns_net *cn = cpns_net(net);

	cpns_group_net_exit(cn);
	cpns_node_drop(cn);
}

/* Registered after xfrm's, so that states end before xfrm looks for them. */
static struct pernet_operations cpns_net_ops = {
	.init	= cpns_net_init,
	.exit	= cpns_net_exit,
	.id	= &cpns_net_id,
	.size	= sizeof(struct cpns_net),
};

/*
 * Another machine may have our counters and our node key: forget both. The
 * generation stops a GROUP_SET that is on its way.
 */
static void cpns_machine_changed(enum cpns_reason reason)
{
	const struct cpns_event event = {
		.cmd = CPNS_CMD_NODE_CHANGE, .reason = reason,
	};
	struct cpns_group *group;
	struct cpns_net *cn;
	struct net *net;
	unsigned int i;

	atomic_inc(&cpns_generation);
	down_read(&net_rwsem);
	for_each_net(net) {
		cn = cpns_net(net);
		mutex_lock(&cn->config);
		for (i = 0; i < ARRAY_SIZE(cn->groups); i++)
			hlist_for_each_entry(group, &cn->groups[i], node)
				cpns_group_drop_senders(group, reason);
		cpns_node_drop(cn);
		mutex_unlock(&cn->config);
		cpns_event_send(net, &event, GFP_KERNEL);
	}
	up_read(&net_rwsem);
}

static int cpns_pm_event(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	if (action == PM_POST_HIBERNATION || action == PM_POST_RESTORE)
		cpns_machine_changed(CPNS_REASON_RESUME);
	return NOTIFY_DONE;
}

static struct notifier_block cpns_pm_notifier = {
	.notifier_call = cpns_pm_event,
};

#ifdef CPNS_HAVE_VMFORK
static int cpns_vmfork_event(struct notifier_block *nb, unsigned long action,
			     void *data)
{
	cpns_machine_changed(CPNS_REASON_VM_FORK);
	return NOTIFY_DONE;
}

static struct notifier_block cpns_vmfork_notifier = {
	.notifier_call = cpns_vmfork_event,
};

static int cpns_vmfork_register(void)
{
	return register_random_vmfork_notifier(&cpns_vmfork_notifier);
}

static void cpns_vmfork_unregister(void)
{
	unregister_random_vmfork_notifier(&cpns_vmfork_notifier);
}
#else
static int cpns_vmfork_register(void)
{
	return 0;
}

static void cpns_vmfork_unregister(void)
{
}
#endif

static int cpns_wq_init(void)
{
	cpns_wq = alloc_workqueue("cpns", WQ_UNBOUND, 0);
	return cpns_wq ? 0 : -ENOMEM;
}

static void cpns_wq_exit(void)
{
	destroy_workqueue(cpns_wq);
}

static int cpns_pernet_init(void)
{
	return register_pernet_subsys(&cpns_net_ops);
}

static void cpns_pernet_exit(void)
{
	unregister_pernet_subsys(&cpns_net_ops);
}

static int cpns_pm_init(void)
{
	return register_pm_notifier(&cpns_pm_notifier);
}

static void cpns_pm_exit(void)
{
	unregister_pm_notifier(&cpns_pm_notifier);
}

/* In this order; undone in the other one. */
static const struct {
	int (*init)(void);
	void (*exit)(void);
} cpns_parts[] = {
	{ cpns_kdf_init, cpns_kdf_exit },
	{ cpns_hpke_init, cpns_hpke_exit },
	{ cpns_wq_init, cpns_wq_exit },
	{ cpns_key_init, cpns_key_exit },
	{ cpns_pernet_init, cpns_pernet_exit },
	{ cpns_esp_init, cpns_esp_exit },
	{ cpns_template_init, cpns_template_exit },
	{ cpns_pm_init, cpns_pm_exit },
	{ cpns_vmfork_register, cpns_vmfork_unregister },
	{ cpns_netlink_init, cpns_netlink_exit },
};

static void cpns_undo(unsigned int parts)
{
	while (parts--)
		cpns_parts[parts].exit();
	rcu_barrier();
}

static int __init cpns_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(cpns_parts); i++) {
		err = cpns_parts[i].init();
		if (err) {
			cpns_undo(i);
			return err;
		}
	}
	if (cpns_allow_raw)
		pr_warn("epoch secrets in clear are accepted: for lab use only\n");
	return 0;
}

static void __exit cpns_exit(void)
{
	cpns_undo(ARRAY_SIZE(cpns_parts));
}

module_init(cpns_init);
module_exit(cpns_exit);

MODULE_DESCRIPTION("OMA CPNS group keys for IPsec, AF_ALG and messages");
MODULE_AUTHOR("The cpns authors");
MODULE_LICENSE("GPL");
MODULE_ALIAS_GENL_FAMILY(CPNS_GENL_NAME);
MODULE_SOFTDEP("pre: sha256 gcm aes ctr ghash");
