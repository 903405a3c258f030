/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Putting a node's files in place: shared by `node install`, which has them
 * from an archive, and `enrol`, which has them from the server.
 *
 * One thread.  tar_free() wipes what the archive held.
 */
#ifndef CPNSCTL_INSTALL_H
#define CPNSCTL_INSTALL_H

#include <stdbool.h>
#include <time.h>

#include "pki.h"
#include "tar.h"

struct install {
	bool force, no_pin, pin_required;
	struct tar tar;			/* ca.pem node.pem node.key osg.pub ... */
	struct identity identity;
	time_t not_before;
	uint8_t osg[PKI_OSG_KEY_SIZE];
	char reason[512];
};

/* nothing is written before all was checked */
int install_check(struct install *install);
int install_may_write(struct install *install);
int install_write(struct install *install);
int install_finish(struct install *install);

#endif
