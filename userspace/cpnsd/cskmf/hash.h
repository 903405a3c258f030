/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uthash for tables of thousands: with its own ten entries a bucket, each
 * look-up reads four others first, which no cache holds after a while.
 */
#ifndef CPNSD_CSKMF_HASH_H
#define CPNSD_CSKMF_HASH_H

#include <uthash.h>

#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 4U

#endif
