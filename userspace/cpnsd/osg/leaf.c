// SPDX-License-Identifier: GPL-2.0-only
/*
 * Members' leaves: a key-encryption key for each, wrapped by the KMC at rest
 * and sealed to the member's kernel on the way.
 *
 * One thread at a time.  A KEK is in the clear only on the stack of these
 * functions and is wiped on every path.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "osg/osg_internal.h"
#include "proto/key_schedule.h"

static void leaf_label(char label[OSG_LABEL_MAX], const char *sgid,
		       const struct osg_leaf *leaf)
{
	/* an SGID has no spaces: two labels are never the same text */
	snprintf(label, OSG_LABEL_MAX, "leaf %s %u %u", sgid, leaf->id,
		 leaf->version);
}

/**
 * osg_leaf_create() - a leaf for a new entry of the group document
 * @osg: the OSG
 * @sgid: the group
 * @id: number of the leaf, never used in this group before, not 0
 * @leaf: gets version 1 with a fresh KEK, wrapped
 *
 * Return: 0; -EINVAL @id is 0; -EIO the generator failed; -ENOMEM.
 */
int osg_leaf_create(struct osg *osg, const char *sgid, uint32_t id,
		    struct osg_leaf *leaf)
{
	char label[OSG_LABEL_MAX];
	uint8_t kek[KMC_KEY_SIZE];
	int error;

	memset(leaf, 0, sizeof(*leaf));
	if (!id)
		return -EINVAL;
	leaf->id = id;
	leaf->version = 1;
	error = kmc_generate(osg->kmc, kek);
	if (error)
		return error;
	leaf_label(label, sgid, leaf);
	error = kmc_wrap(osg->kmc, label, kek, leaf->wrapped);
	OPENSSL_cleanse(kek, sizeof(kek));
	return error;
}

/**
 * osg_leaf_unwrap() - KEK of a leaf
 * @osg: the OSG
 * @sgid: the group
 * @leaf: the leaf
 * @kek: gets the KEK; the caller wipes it
 *
 * Return: 0; -EBADMSG not a leaf of this group, version and KMC; -ENOMEM.
 */
int osg_leaf_unwrap(struct osg *osg, const char *sgid,
		    const struct osg_leaf *leaf, uint8_t kek[KMC_KEY_SIZE])
{
	char label[OSG_LABEL_MAX];

	leaf_label(label, sgid, leaf);
	return kmc_unwrap(osg->kmc, label, leaf->wrapped, kek);
}

/**
 * osg_seal_leaf() - SEAL for one member
 * @osg: the OSG
 * @sgid: the group
 * @epoch: number of the record that the SEAL goes with
 * @leaf: the member's leaf
 * @sid: its Sender-ID, 0 if it may not send
 * @node_key: X25519 public key of its kernel
 * @seal: gets 112 bytes: HPKE mode auth from the OSG's static key,
 *	AES-256-GCM, the leaf's KEK inside
 *
 * Return: 0; -EBADMSG not a leaf of this group; -EINVAL a node key of small
 * order; -ENOMEM; -EIO.
 */
int osg_seal_leaf(struct osg *osg, const char *sgid, uint32_t epoch,
		  const struct osg_leaf *leaf, uint16_t sid,
		  const uint8_t node_key[32], uint8_t seal[112])
{
	struct seal_parameters parameters = {
		.aead = CPNS_HPKE_AES_256_GCM,
		.mode = CPNS_HPKE_MODE_AUTH,
		.leaf_id = leaf->id,
		.leaf_version = leaf->version,
		.sid = sid,
		.first_epoch = epoch,
	};
	uint8_t kek[KMC_KEY_SIZE];
	int error;

	error = group_tag(sgid, parameters.tag);
	if (error)
		return error;
	error = osg_leaf_unwrap(osg, sgid, leaf, kek);
	if (!error)
		error = seal_make(&parameters, node_key, &osg->key, kek,
				  seal);
	OPENSSL_cleanse(kek, sizeof(kek));
	return error;
}
