// SPDX-License-Identifier: GPL-2.0-only
/*
 * This node's X25519 key pair, and the pin of the OSG's static key. One of
 * each a namespace; all under its configuration mutex.
 */
#include <crypto/curve25519.h>
#include <linux/random.h>

#include "group.h"

#define CPNS_PREVIOUS	300	/* seconds a rotated key still opens seals */

/**
 * cpns_node_expire() - wipe the previous node key when its time is over
 * @cn: namespace
 */
void cpns_node_expire(struct cpns_net *cn)
{
	if (cn->previous.valid && cpns_now() >= cn->previous.until)
		memzero_explicit(&cn->previous, sizeof(cn->previous));
}

/**
 * cpns_node_make() - make a new node key, keep a present one for 300 s
 * @cn: namespace
 *
 * Return: 0, or -EAGAIN no usable random number and no change.
 */
int cpns_node_make(struct cpns_net *cn)
{
	struct cpns_node_key node;
	int err = -EAGAIN;

	/* what comes next does not say that it was interrupted in its wait */
	if (wait_for_random_bytes())
		return -EAGAIN;
	curve25519_generate_secret(node.secret);
	if (curve25519_generate_public(node.public, node.secret)) {
		cn->previous = cn->node;
		cn->previous.until = cpns_after(cpns_ticks(CPNS_PREVIOUS));
		node.valid = true;
		cn->node = node;
		cpns_watch_start(cn);
		err = 0;
	}
	memzero_explicit(&node, sizeof(node));
	return err;
}

/**
 * cpns_node_pin() - pin the OSG's static public key
 * @cn: namespace
 * @key: 32 bytes
 *
 * KEKs that came in mode base, from anybody, are forgotten: they must not open
 * ITEMs after the pin. Return: 0 also where the same key was pinned before,
 * -EPERM another was, -EINVAL not a key.
 */
int cpns_node_pin(struct cpns_net *cn, const u8 *key)
{
	struct cpns_group *group;
	unsigned int i;

	if (!memchr_inv(key, 0, CPNS_X25519_SIZE))
		return -EINVAL;
	if (cn->pinned)
		return memcmp(cn->pin, key, CPNS_X25519_SIZE) ? -EPERM : 0;
	memcpy(cn->pin, key, CPNS_X25519_SIZE);
	cn->pinned = true;
	for (i = 0; i < ARRAY_SIZE(cn->groups); i++)
		hlist_for_each_entry(group, &cn->groups[i], node) {
			mutex_lock(&group->lock);
			memzero_explicit(group->kek, sizeof(*group->kek));
			mutex_unlock(&group->lock);
		}
	return 0;
}

/**
 * cpns_node_drop() - wipe the node key, the previous one too
 * @cn: namespace
 */
void cpns_node_drop(struct cpns_net *cn)
{
	memzero_explicit(&cn->node, sizeof(cn->node));
	memzero_explicit(&cn->previous, sizeof(cn->previous));
}

/**
 * cpns_node_open() - open a SEAL with the node's key, or the previous one
 * @cn: namespace
 * @seal: form checked
 * @leaf: leaf KEK, 32 bytes, written on success only
 * @why: set to a text for the sender on failure
 *
 * Return: 0, -EKEYREJECTED, or another errno.
 */
int cpns_node_open(struct cpns_net *cn, const struct cpns_seal *seal,
		   u8 *leaf, const char **why)
{
	const u8 *sender = seal->mode == CPNS_HPKE_MODE_AUTH ? cn->pin : NULL;
	int err = -EBADMSG;

	cpns_node_expire(cn);
	*why = sender ? "HPKE mode auth needs NODE_PIN first" :
	       "a key is pinned: only HPKE mode auth is accepted";
	if (!sender == cn->pinned)
		return -EKEYREJECTED;
	if (cn->node.valid)
		err = cpns_hpke_open(&cn->node, seal, sender, leaf);
	if (err == -EBADMSG && cn->previous.valid)
		err = cpns_hpke_open(&cn->previous, seal, sender, leaf);
	*why = sender ?
	       "SEAL does not open: altered, or not from the pinned key to this node" :
	       "SEAL does not open: altered, or not sealed to this node";
	return err == -EBADMSG ? -EKEYREJECTED : err;
}
