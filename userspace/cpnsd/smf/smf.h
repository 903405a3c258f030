/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Service Management Function of the CPNS Server (AD 5.3.1.7): groups,
 * members, group documents; tells the CSKMF to create, update, delete and
 * deliver Group Keys.
 */
#ifndef CPNSD_SMF_H
#define CPNSD_SMF_H

#include "config.h"
#include "control.h"
#include "loop.h"

struct smf;

struct smf_options {
	struct loop *loop;
	const struct config *config;
	struct control *control;
};

/* opens the whole server side: KMC, OSG, CSKMF, store, transport, verbs */
int smf_open(struct smf **smf, const struct smf_options *options,
	     char *reason, size_t room);
void smf_close(struct smf *smf);
/* SIGHUP: reads the group directory again; sessions stay */
int smf_reload(struct smf *smf, const struct config *config);

#endif
