/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Health check of the random generator's output.
 */
#ifndef CPNSD_KMC_HEALTH_H
#define CPNSD_KMC_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kmc_health {
	uint8_t last[32];		/* SHA-256 of the last output */
	bool has_last;
	bool failed;			/* stays */
};

bool kmc_one_value(const uint8_t *output, size_t size);
int kmc_health_check(struct kmc_health *health, const uint8_t *output,
		     size_t size);

#endif
