/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an idle gateway's daemon keeps resident.
 */
#ifndef CPNSD_RESIDENT_H
#define CPNSD_RESIDENT_H

#include "loop.h"

void resident_start(struct loop *loop);
void resident_stop(void);
void resident_give_back(void);

#endif
