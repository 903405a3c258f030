// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key type cpns_group and the module's keyring .cpns.
 *
 * A key's payload is a cpns_reference: of the group's own key in .cpns, which
 * only cpns_key_create() makes, or of a key that request_key made and the
 * helper of request-key(8) instantiated with REF. Nothing else makes one.
 * Nothing that reads a key gives key bytes.
 */
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

/*
 * The module-private instantiation: the data's address is that of this
 * variable, which no data from user space can have.
 */
static DEFINE_MUTEX(cpns_create_mutex);
static struct cpns_group *cpns_create_group;

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
	prep->quotalen = CPNS_REFERENCE_SIZE;
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
	struct cpns_reference *reference;
	u8 digest[32];
	key_serial_t serial = be32_to_cpu(ref->serial);
	key_ref_t key_ref;
	struct key *own;
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
	if (reference->own &&
	    !cpns_sha256(key->description, strlen(key->description), digest) &&
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

	if (prep->data == &cpns_create_group)
		return cpns_reference_make(key, cpns_create_group, true);
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

/* What may be seen of a group; under RCU. */
struct cpns_status {
	u32		num;
	enum cpns_state	state;
	const char	*suite;
	u16		sid;
	u32		expires;
	u8		kcv[8];
};

static void cpns_status(const struct key *key, struct cpns_status *status)
{
	static const char *const suites[] = {
		"none", "AES-256-GCM", "AES-128-GCM", "ChaCha20-Poly1305",
	};
	const struct cpns_reference *reference;
	const struct cpns_epoch *epoch;

	memset(status, 0, sizeof(*status));
	status->suite = suites[0];
	status->expires = CPNS_NEVER;
	reference = rcu_dereference(key->payload.rcu_data0);
	if (!reference)
		return;
	epoch = cpns_epoch_shown(reference->group);
	if (!epoch) {
		status->num = READ_ONCE(reference->group->highest);
		status->state = status->num ? CPNS_STATE_DEAD :
				CPNS_STATE_NONE;
		return;
	}
	status->num = epoch->num;
	status->state = cpns_epoch_state(epoch);
	status->suite = suites[epoch->suite];
	status->sid = cpns_epoch_sid(epoch);
	if (epoch->expire_at != CPNS_NEVER)
		status->expires = cpns_seconds_to(epoch->expire_at);
	memcpy(status->kcv, epoch->kcv, sizeof(status->kcv));
}

static const char *const cpns_state_names[] = {
	"none", "pending", "active", "rxonly", "dead",
};

/* /proc/keys: under a spinlock and RCU */
static void cpns_describe(const struct key *key, struct seq_file *m)
{
	struct cpns_status status;

	seq_puts(m, key->description);
	if (!key_is_positive(key))
		return;
	rcu_read_lock();
	cpns_status(key, &status);
	rcu_read_unlock();
	seq_printf(m, ": epoch=%u state=%s sid=%u", status.num,
		   cpns_state_names[status.state], status.sid);
}

/* keyctl print */
static long cpns_read(const struct key *key, char *buffer, size_t len)
{
	char line[160], expires[12] = "never";
	struct cpns_status status;
	long n;

	rcu_read_lock();
	cpns_status(key, &status);
	rcu_read_unlock();
	if (status.expires != CPNS_NEVER)
		snprintf(expires, sizeof(expires), "%u", status.expires);
	n = scnprintf(line, sizeof(line),
		      "epoch=%u state=%s suite=%s sid=%u expires=%s kcv=%*phN",
		      status.num, cpns_state_names[status.state], status.suite,
		      status.sid, expires, (int)sizeof(status.kcv), status.kcv);
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
	mutex_lock(&cpns_create_mutex);
	cpns_create_group = group;
	err = key_instantiate_and_link(key, &cpns_create_group,
				       sizeof(cpns_create_group), cpns_keyring,
				       NULL);
	cpns_create_group = NULL;
	mutex_unlock(&cpns_create_mutex);
	/* the keyring is kept, not its keys: they time out and are revoked */
	clear_bit(KEY_FLAG_KEEP, &key->flags);
	if (err) {
		key_put(key);
		return ERR_PTR(err);
	}
	return key;
}

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
