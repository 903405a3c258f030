// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the place of the CPNS Server in a cpnsd for gateways alone
 * (-Dserver=false), which is smaller and needs neither libxml2 nor SQLite nor
 * p11-kit.
 *
 * Threading: none.  Owns nothing.
 */
#include <errno.h>
#include <stdio.h>

#include "smf/smf.h"

int smf_open(struct smf **smf, const struct smf_options *options,
	     char *reason, size_t room)
{
	*smf = NULL;
	snprintf(reason, room,
		 "role server: this cpnsd is for gateways alone; use one built without -Dserver=false");
	return -EOPNOTSUPP;
}

void smf_close(struct smf *smf)
{
}

int smf_reload(struct smf *smf, const struct config *config)
{
	return -EOPNOTSUPP;
}
