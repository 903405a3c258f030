// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key type cpns_group and the module's keyring .cpns.
 *
 * A key's payload is a cpns_reference: of the group's own key in .cpns, which
 * only cpns_key_create() makes, or of a key that request_key made and the
 * helper of request-key(8) instantiated with REF. Nothing else makes one.
 * Nothing that reads a key gives key bytes.
 */
#include <crypto/sha2.h>
#include <linux/cred.h>
#include <linux/key-type.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "group.h"

#define CPNS_KEY_PERM	(KEY_POS_VIEW | KEY_POS_READ | KEY_POS_SEARCH | \
			 KEY_POS_WRITE | KEY_USR_VIEW | KEY_USR_READ | \
			 KEY_USR_SEARCH | KEY_USR_WRITE | KEY_USR_SETATTR)

static struct key *cpns_keyring;

/* Length of the module's own instantiation; what users give is under 1 MiB. */
#define CPNS_OWN_KEY	SIZE_MAX

/**
 * cpns_reference_put() - give a reference back
 * @reference: reference; any context
 */
void cpns_reference_put(struct cpns_reference *reference)
{
	if (!refcount_dec_and_test(&reference->ref))
		return;
	cpns_group_put(reference->group);
	kfree_rcu(reference, rcu);
}

/**
 * cpns_key_reference() - payload of a key of this type
 * @key: held
 *
 * Any context. Return: the reference, held, or NULL where the key has none
 * (any more).
 */
struct cpns_reference *cpns_key_reference(struct key *key)
{
	struct cpns_reference *reference;

	rcu_read_lock();
	reference = key_read_state(key) == KEY_IS_POSITIVE ?
		    rcu_dereference(key->payload.rcu_data0) : NULL;
	if (reference && !refcount_inc_not_zero(&reference->ref))
		reference = NULL;
	rcu_read_unlock();
	return reference;
}

static int cpns_vet_description(const char *description)
{
	return cpns_sgid_check(description, strnlen(description, 256));
}

/* Holds the module until free_preparse: rmmod waits for calls in flight. */
static int cpns_preparse(struct key_preparsed_payload *prep)
{
	if (!try_module_get(THIS_MODULE))
		return -ENOPKG;	/* free_preparse comes all the same */
	prep->payload.data[0] = THIS_MODULE;
	return 0;
}

static void cpns_free_preparse(struct key_preparsed_payload *prep)
{
	module_put(prep->payload.data[0]);
}

static int cpns_reference_make(struct key *key, struct cpns_group *group,
			       bool own)
{
	struct cpns_reference *reference = kzalloc(sizeof(*reference),
						   GFP_KERNEL);
	int err = -EKEYREVOKED;

	if (!reference)
		return -ENOMEM;
	refcount_set(&reference->ref, 2);	/* key's and list's */
	reference->group = cpns_group_hold(group);
	reference->key = key;
	reference->serial = key->serial;
	reference->own = own;
	mutex_lock(&group->lock);
	if (group->net) {
		err = 0;
		list_add(&reference->node, &group->references);
		rcu_assign_keypointer(key, reference);
	}
	mutex_unlock(&group->lock);
	if (err) {
		cpns_group_put(group);
		kfree(reference);
	}
	return err;
}

/*
 * REF: the named key must be a group's own one, of the domain and description
 * of the key under construction. Not waited for: a key that named itself would
 * wait for ever. No special keyring: looking one up may make it, which takes
 * the key_construction_mutex that is held here.
 */
static int cpns_instantiate_reference(struct key *key,
				      const struct cpns_reference_payload *ref)
{
	key_serial_t serial = be32_to_cpu(ref->serial);
	struct cpns_reference *reference;
	key_ref_t key_ref;
	struct key *own;
	u8 digest[32];
	int err;

	if (serial <= 0)
		return -EINVAL;
	key_ref = lookup_user_key(serial, KEY_LOOKUP_PARTIAL, KEY_NEED_SEARCH);
	if (IS_ERR(key_ref))
		return PTR_ERR(key_ref);
	own = key_ref_to_ptr(key_ref);
	err = -EINVAL;
	if (own->type != &cpns_key_type || own == key)
		goto out;
	err = -EKEYREJECTED;
	if (own->index_key.domain_tag != key->index_key.domain_tag)
		goto out;
	reference = cpns_key_reference(own);
	if (!reference)
		goto out;
	sha256(key->description, strlen(key->description), digest);
	if (reference->own &&
	    !memcmp(digest, reference->group->tag, CPNS_TAG_SIZE))
		err = READ_ONCE(reference->why) ?:
		      cpns_reference_make(key, reference->group, false);
	cpns_reference_put(reference);
out:
	key_put(own);
	return err;
}

static int cpns_instantiate(struct key *key, struct key_preparsed_payload *prep)
{
	const struct cpns_reference_payload *ref = prep->data;

	if (prep->datalen == CPNS_OWN_KEY)
		return cpns_reference_make(key, (void *)prep->data, true);
	if (!test_bit(KEY_FLAG_USER_CONSTRUCT, &key->flags))
		return -EOPNOTSUPP;	/* add_key */
	if (!ref || prep->datalen != CPNS_REFERENCE_SIZE ||
	    memcmp(ref->magic, "REF", 3) || ref->version != 1)
		return -EINVAL;
	return cpns_instantiate_reference(key, ref);
}

static void cpns_reference_end(struct key *key,
			       struct cpns_reference *reference, bool destroy)
{
	/* an expired key may be reaped before the namespace's watch saw it */
	bool expired = key_validate(key) == -EKEYEXPIRED;
	struct cpns_group *group = reference->group;

	mutex_lock(&group->lock);
	if (destroy)
		reference->key = NULL;
	if (!reference->why)
		WRITE_ONCE(reference->why,
			   expired ? -EKEYEXPIRED : -EKEYREVOKED);
	if (reference->own && group->own == reference)
		cpns_group_end(group, reference->why,
			       expired ? CPNS_REASON_EXPIRED :
			       CPNS_REASON_REVOKED);
	mutex_unlock(&group->lock);
	cpns_group_kick(group);
}

static void cpns_revoke(struct key *key)
{
	struct cpns_reference *reference = dereference_key_locked(key);

	if (reference)
		cpns_reference_end(key, reference, false);
}

static void cpns_destroy(struct key *key)
{
	struct cpns_reference *reference;

	reference = rcu_dereference_protected(key->payload.rcu_data0, true);
	if (!reference)
		return;
	rcu_assign_keypointer(key, NULL);
	cpns_reference_end(key, reference, true);
	cpns_reference_put(reference);
}

/* What may be seen of a key: never a key. All of it, or in short. */
static int cpns_line(const struct key *key, char *line, size_t size, bool all)
{
	static const char *const states[] = {
		"none", "pending", "active", "rxonly", "dead",
	};
	static const char *const suites[] = {
		"none", "AES-256-GCM", "AES-128-GCM", "ChaCha20-Poly1305",
	};
	static const struct cpns_epoch none = { .expire_at = CPNS_NEVER };
	const struct cpns_reference *reference;
	const struct cpns_epoch *epoch = NULL;
	u8 state = CPNS_STATE_NONE;
	u32 num = 0;
	int n;

	rcu_read_lock();
	reference = rcu_dereference(key->payload.rcu_data0);
	if (reference) {
		epoch = cpns_epoch_shown(reference->group);
		num = epoch ? epoch->num : READ_ONCE(reference->group->highest);
		if (num)
			state = epoch ? cpns_epoch_state(epoch) :
				CPNS_STATE_DEAD;
	}
	epoch = epoch ?: &none;
	n = scnprintf(line, size, "epoch=%u state=%s", num, states[state]);
	if (all)
		n += scnprintf(line + n, size - n, " suite=%s",
			       suites[epoch->suite]);
	n += scnprintf(line + n, size - n, " sid=%u", cpns_epoch_sid(epoch));
	if (all && epoch->expire_at == CPNS_NEVER)
		n += scnprintf(line + n, size - n, " expires=never");
	else if (all)
		n += scnprintf(line + n, size - n, " expires=%u",
			       cpns_seconds_to(epoch->expire_at));
	if (all)
		n += scnprintf(line + n, size - n, " kcv=%8phN", epoch->kcv);
	rcu_read_unlock();
	return n;
}

/* /proc/keys: under a spinlock and RCU */
static void cpns_describe(const struct key *key, struct seq_file *m)
{
	char line[64];

	seq_puts(m, key->description);
	if (!key_is_positive(key))
		return;
	cpns_line(key, line, sizeof(line), false);
	seq_printf(m, ": %s", line);
}

/* keyctl print */
static long cpns_read(const struct key *key, char *buffer, size_t len)
{
	char line[160];
	long n = cpns_line(key, line, sizeof(line), true);

	if (buffer && len)
		memcpy(buffer, line, min_t(size_t, len, n));
	return n;
}

struct key_type cpns_key_type = {
	.name			= CPNS_KEY_TYPE,
	.def_datalen		= CPNS_REFERENCE_SIZE,
#ifdef KEY_TYPE_INSTANT_REAP
	.flags			= KEY_TYPE_NET_DOMAIN | KEY_TYPE_INSTANT_REAP,
#else
	.flags			= KEY_TYPE_NET_DOMAIN,
#endif
	.vet_description	= cpns_vet_description,
	.preparse		= cpns_preparse,
	.free_preparse		= cpns_free_preparse,
	.instantiate		= cpns_instantiate,
	.revoke			= cpns_revoke,
	.destroy		= cpns_destroy,
	.describe		= cpns_describe,
	.read			= cpns_read,
	.asym_query		= cpns_pkey_query,
	.asym_eds_op		= cpns_pkey_eds_op,
};

/**
 * cpns_key_create() - make a group's own key and link it into .cpns
 * @group: has no living key of its own; its namespace is the caller's
 *
 * Under the namespace's configuration mutex. Belongs to root whoever calls.
 *
 * Return: the key, held; the caller makes it the group's own, or revokes it.
 */
struct key *cpns_key_create(struct cpns_group *group)
{
	struct key *key;
	int err;

	key = key_alloc(&cpns_key_type, group->sgid, GLOBAL_ROOT_UID,
			GLOBAL_ROOT_GID, current_cred(), CPNS_KEY_PERM,
			KEY_ALLOC_NOT_IN_QUOTA, NULL);
	if (IS_ERR(key))
		return key;
	err = key_instantiate_and_link(key, group, CPNS_OWN_KEY, cpns_keyring,
				       NULL);
	/* the keyring is kept, not its keys: they time out and are revoked */
	clear_bit(KEY_FLAG_KEEP, &key->flags);
	if (err) {
		key_put(key);
		return ERR_PTR(err);
	}
	return key;
}

/**
 * cpns_keyring_serial() - serial number of .cpns
 *
 * Return: it. Any context.
 */
key_serial_t cpns_keyring_serial(void)
{
	return key_serial(cpns_keyring);
}

int cpns_key_init(void)
{
	int err;

	cpns_keyring = keyring_alloc(CPNS_KEYRING, GLOBAL_ROOT_UID,
				     GLOBAL_ROOT_GID, current_cred(),
				     KEY_POS_SEARCH | KEY_USR_VIEW |
				     KEY_USR_READ | KEY_USR_SEARCH,
				     KEY_ALLOC_NOT_IN_QUOTA, NULL, NULL);
	if (IS_ERR(cpns_keyring))
		return PTR_ERR(cpns_keyring);
	/* else search permission, which root has, would let invalidate it */
	set_bit(KEY_FLAG_KEEP, &cpns_keyring->flags);
	err = register_key_type(&cpns_key_type);
	if (err) {
		key_revoke(cpns_keyring);
		key_put(cpns_keyring);
	}
	return err;
}

void cpns_key_exit(void)
{
	key_revoke(cpns_keyring);
	unregister_key_type(&cpns_key_type);
	key_put(cpns_keyring);
}
