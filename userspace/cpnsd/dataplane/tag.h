/* SPDX-License-Identifier: GPL-2.0-only */
/* The group tag, for SPIs. */
#ifndef CPNSD_DATAPLANE_TAG_H
#define CPNSD_DATAPLANE_TAG_H

#include <cpns/cpns.h>

bool dataplane_tag(const char *sgid, uint8_t tag[CPNS_TAG_SIZE]);

#endif
