/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Security Agent (SEC_CF, AD 5.3.1.9.5.1) on a PN GW or PNE: acquires the
 * Group Key of each group that the gateway's SMF learnt of.
 *
 * SECA carries sealed records to the kernel and never holds a key.  It runs
 * in the loop's thread and owns one state machine for each group.
 */
#ifndef CPNSD_SECA_H
#define CPNSD_SECA_H

#include <stdbool.h>

#include "config.h"
#include "control.h"
#include "loop.h"
#include "proto/properties.h"

struct seca;

struct seca_options {
	struct loop *loop;
	const struct config *config;
	struct control *control;
};

int seca_open(struct seca **seca, const struct seca_options *options,
	      char *reason, size_t room);
void seca_close(struct seca *seca);
/* SIGHUP: the new configuration is valid until the next call */
void seca_reload(struct seca *seca, const struct config *config);

#endif
