/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The KMC's master key in its file.
 */
#ifndef CPNSD_MASTER_KEY_H
#define CPNSD_MASTER_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "kmc/kmc.h"

int master_key_load(const char *directory, uint8_t key[KMC_KEY_SIZE],
		    char *reason, size_t room);

#endif
