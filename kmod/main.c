// SPDX-License-Identifier: GPL-2.0-only
/*
 * OMA CPNS group keys: module init and exit, namespaces, notifiers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <crypto/algapi.h>
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
bool cpns_hibernates;

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

static void __net_exit cpns_net_pre_exit(struct net *net)
{
	WRITE_ONCE(cpns_net(net)->exiting, true);
}

static void __net_exit cpns_net_exit(struct net *net)
{
	struct cpns_net *cn = cpns_net(net);

	cpns_group_net_exit(cn);
	cpns_node_drop(cn);
}

/* Registered after xfrm's, so that states end before xfrm looks for them. */
static struct pernet_operations cpns_net_ops = {
	.init		= cpns_net_init,
	.pre_exit	= cpns_net_pre_exit,
	.exit		= cpns_net_exit,
	.id		= &cpns_net_id,
	.size		= sizeof(struct cpns_net),
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

/*
 * The image is of some moment between begin and end. What is counted after it,
 * as packets pass until the machine is off, would be counted again by who
 * resumes: so there is nothing to count with, and GROUP_SET brings nothing.
 * The node key made meanwhile is in the image, and dropped at the end.
 */
static int cpns_pm_event(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	switch (action) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		WRITE_ONCE(cpns_hibernates, true);
		cpns_machine_changed(CPNS_REASON_RESUME);
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		cpns_machine_changed(CPNS_REASON_RESUME);
		WRITE_ONCE(cpns_hibernates, false);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block cpns_pm_notifier = {
	.notifier_call = cpns_pm_event,
};

static int cpns_vmfork_event(struct notifier_block *nb, unsigned long action,
			     void *data)
{
	cpns_machine_changed(CPNS_REASON_VM_FORK);
	return NOTIFY_DONE;
}

static struct notifier_block cpns_vmfork_notifier = {
	.notifier_call = cpns_vmfork_event,
};

#ifndef CPNS_HAVE_VMFORK	/* kernels before 5.18 do not tell */
#define register_random_vmfork_notifier(nb)	((nb) ? 0 : -EINVAL)
#define unregister_random_vmfork_notifier(nb)	((void)(nb))
#endif

/* So that listeners learn of each group's end while there is a family. */
static void cpns_end_groups(void)
{
	struct cpns_net *cn;
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net) {
		cn = cpns_net(net);
		mutex_lock(&cn->config);
		cn->exiting = true;
		mutex_unlock(&cn->config);
		cpns_group_net_end(cn);
	}
	up_read(&net_rwsem);
}

static int __init cpns_init(void)
{
	int err;

	cpns_wq = alloc_workqueue("cpns", WQ_UNBOUND, 0);
	if (!cpns_wq)
		return -ENOMEM;
	err = cpns_hpke_init();
	if (err)
		goto no_hpke;
	err = cpns_key_init();
	if (err)
		goto no_key;
	err = register_pernet_subsys(&cpns_net_ops);
	if (err)
		goto no_net;
	xfrm_register_km(&cpns_km);
	err = crypto_register_template(&cpns_template);
	if (err)
		goto no_template;
	err = register_pm_notifier(&cpns_pm_notifier);
	if (err)
		goto no_pm;
	err = register_random_vmfork_notifier(&cpns_vmfork_notifier);
	if (err)
		goto no_vmfork;
	err = genl_register_family(&cpns_family);
	if (err)
		goto no_family;
	if (cpns_allow_raw)
		pr_warn("epoch secrets in clear are accepted: for lab use only\n");
	return 0;

no_family:
	unregister_random_vmfork_notifier(&cpns_vmfork_notifier);
no_vmfork:
	unregister_pm_notifier(&cpns_pm_notifier);
no_pm:
	crypto_unregister_template(&cpns_template);
no_template:
	xfrm_unregister_km(&cpns_km);
	unregister_pernet_subsys(&cpns_net_ops);
no_net:
	cpns_key_exit();
no_key:
	cpns_hpke_exit();
no_hpke:
	destroy_workqueue(cpns_wq);
	rcu_barrier();
	return err;
}

static void __exit cpns_exit(void)
{
	cpns_end_groups();
	genl_unregister_family(&cpns_family);
	unregister_random_vmfork_notifier(&cpns_vmfork_notifier);
	unregister_pm_notifier(&cpns_pm_notifier);
	crypto_unregister_template(&cpns_template);
	xfrm_unregister_km(&cpns_km);
	unregister_pernet_subsys(&cpns_net_ops);
	cpns_key_exit();
	cpns_hpke_exit();
	destroy_workqueue(cpns_wq);
	rcu_barrier();
}

module_init(cpns_init);
module_exit(cpns_exit);

MODULE_DESCRIPTION("OMA CPNS group keys for IPsec, AF_ALG and messages");
MODULE_AUTHOR("The cpns authors");
MODULE_LICENSE("GPL");
MODULE_ALIAS_GENL_FAMILY(CPNS_GENL_NAME);
MODULE_SOFTDEP("pre: gcm aes ctr ghash");
