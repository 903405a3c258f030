/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sealing for many members at once: worker threads, so that the loop goes on
 * serving while an epoch of a large group is sealed.
 *
 * The loop's thread hands over a batch and gets it back in the loop; in
 * between it belongs to the workers.  A batch holds wrapped keys, public keys
 * and SEALs, no secret.
 */
#ifndef CPNSD_CSKMF_SEALING_H
#define CPNSD_CSKMF_SEALING_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "osg/osg.h"
#include "transport/identity.h"

/* fewer are sealed as they are sent */
#define SEALING_FROM	64
#define SEALING_THREADS	4

/* one SEAL, and what it was made of */
struct sealing_task {
	char node[IDENTITY_ID_MAX + 1];
	uint8_t node_key[32];
	struct osg_leaf leaf;
	uint16_t sid;
	int error;
	uint8_t seal[CPNS_SEAL_SIZE];
};

struct sealing_batch {
	struct sealing_batch *next;
	char sgid[CPNS_SGID_MAX + 1];
	uint32_t num;
	struct sealing_task *tasks;
	size_t count;
	size_t taken, done;		/* the pool's */
};

struct sealing;

/* @done gets each batch back in the loop and frees it: sealing_free() */
int sealing_open(struct sealing **sealing, struct loop *loop, struct osg *osg,
		 void (*done)(void *context, struct sealing_batch *batch),
		 void *context);
/* waits for SEALs under way, drops what is left */
void sealing_close(struct sealing *sealing);

struct sealing_batch *sealing_new(const char *sgid, uint32_t num,
				  size_t most);
void sealing_free(struct sealing_batch *batch);

/* takes over @batch; -EAGAIN: no thread could be started, it stays yours */
int sealing_submit(struct sealing *sealing, struct sealing_batch *batch);

#endif
