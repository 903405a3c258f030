/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The KMC from inside: its storage key and those before it.
 */
#ifndef CPNSD_KMC_STORAGE_KEY_H
#define CPNSD_KMC_STORAGE_KEY_H

#include <linux/limits.h>

#include "kmc/health.h"
#include "kmc/kmc.h"
#include "kmc/provider.h"

#define STORAGE_KEYS_OLDER	2

/* one object in locked memory */
struct kmc {
	uint8_t storage_key[KMC_KEY_SIZE];
	uint8_t older[STORAGE_KEYS_OLDER][KMC_KEY_SIZE];
	unsigned int older_count;
	bool replaces;		/* <file>.new is to become <file> */
	bool took_over;		/* the previous provider's file is not needed */
	struct kmc_provider provider;
	struct kmc_provider previous;	/* name NULL: none */
	struct kmc_health health;
	bool away;		/* the provider was out of reach last time */
	char state_directory[PATH_MAX];
};

int storage_key_find(struct kmc *kmc, char *reason, size_t room);
int storage_key_settle(struct kmc *kmc, char *reason, size_t room);

#endif
