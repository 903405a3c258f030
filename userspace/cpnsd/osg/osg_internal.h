/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the OSG share; not for others.
 */
#ifndef CPNSD_OSG_INTERNAL_H
#define CPNSD_OSG_INTERNAL_H

#include <linux/limits.h>

#include "osg/osg.h"
#include "proto/hpke.h"

#define OSG_SHARD_ITEMS		16
#define OSG_POINT_TO_POINT_MAX	256	/* leaves; above it LKH-4 */
#define OSG_LABEL_MAX		(CPNS_SGID_MAX + 64)

/* one object in locked memory: it holds the static private key */
struct osg {
	struct hpke_sender key;		/* static */
	struct kmc *kmc;
	struct signer signer;
	char lab_secrets[PATH_MAX];	/* empty in earnest */
};

int osg_leaf_unwrap(struct osg *osg, const char *sgid,
		    const struct osg_leaf *leaf, uint8_t kek[KMC_KEY_SIZE]);
int osg_lab_secret(const struct osg *osg, const char *sgid, uint32_t num,
		   const uint8_t secret[KMC_KEY_SIZE]);

#endif
