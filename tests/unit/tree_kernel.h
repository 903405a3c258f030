/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A member's kernel for unit tests of the key tree: KEK table and GROUP_SET's
 * rules for SEAL and ITEMs, byte by byte as the module applies them, and an
 * attacker who tries every ITEM with every key.
 */
#ifndef CPNS_TEST_TREE_KERNEL_H
#define CPNS_TEST_TREE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.h"
#include "proto/response.h"

#define KERNEL_KEKS 32

struct tree_kek {
	uint32_t id, version;
	uint8_t key[32];
};

struct tree_kernel {
	uint8_t node[32], node_public[32];
	struct tree_kek kek[KERNEL_KEKS];
	unsigned int keks;
	uint32_t leaf;
	uint32_t num;
	uint8_t secret[32];
	unsigned int seals;		/* opened so far */
};

void tree_kernel_new(struct tree_kernel *kernel);

/*
 * NULL, or why the kernel refuses; @seal may be NULL.  A refusal changes
 * nothing.
 */
const char *tree_kernel_set(struct tree_kernel *kernel,
			    const struct epoch_record *record,
			    const uint8_t *seal, const uint8_t osg_public[32],
			    const struct response_management *management);

/*
 * Everything in @items, as often as something new opens, with the keys that
 * @kernel has; @header is the epoch's.  True: the epoch secret comes out.
 */
bool tree_attack(const struct tree_kernel *kernel,
		 const struct epoch_record *record,
		 const uint8_t *items, size_t size);

#endif
