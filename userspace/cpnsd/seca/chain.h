/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a member remembers of one group's record chain, over restarts: the
 * last number and payload hash, and the signed record and roster themselves
 * (both public).  Never a seal, an item or a key.
 *
 * One JSON file a group below <state>/groups/, written to a temporary file,
 * synced and renamed, so that a power cut leaves the old or the new one.
 */
#ifndef CPNSD_SECA_CHAIN_H
#define CPNSD_SECA_CHAIN_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chain {
	char sgid[CPNS_SGID_MAX + 1];
	uint64_t term;
	uint32_t num;			/* 0: no record seen yet */
	uint8_t hash[32];		/* of the payload of record num */
	uint32_t linked_from;		/* with no gap the hashes link this
					 * number to num; 1: whole chain
					 */
	uint32_t gap_from;		/* first record not linked to num yet,
					 * 0: no gap
					 */
	uint8_t gap_hash[32];		/* of record gap_from - 1 */
	bool broken;			/* records contradicted each other */
	uint64_t roster_serial;
	uint8_t roster_hash[32];	/* of the payload */
	bool left;			/* by the admin's `leave` */
	bool leave_due;			/* the server does not know of it */
	bool stopped;			/* an alarm has closed the traffic */
	uint8_t *record;
	size_t record_size;
	uint8_t *roster;
	size_t roster_size;
};

int chain_load(const char *directory, const char *sgid, struct chain *chain,
	       char *reason, size_t room);
int chain_save(const char *directory, const struct chain *chain,
	       char *reason, size_t room);
void chain_free(struct chain *chain);

int chain_set_record(struct chain *chain, const uint8_t *bytes, size_t size);
int chain_set_roster(struct chain *chain, const uint8_t *bytes, size_t size);

/* write-temp, fsync, rename, fsync the directory; mode 0600 */
int chain_write_file(const char *path, const void *bytes, size_t size,
		     char *reason, size_t room);

#endif
