/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Group Key Management function of the CPNS Server (CSKMF, AD 5.3.1.1.5.1):
 * epochs, policy, delivery.
 *
 * To the SMF it exposes exactly the four operations of the change request's
 * Change 2: create, update, delete, deliver.  To members it serves the
 * resources below /ace-group (RFC 9594).  It calls the OSG and the store,
 * never the SMF but by the events it was given.
 *
 * Threading: the loop's thread.  Events come from the loop, never from
 * inside one of the operations.
 */
#ifndef CPNSD_CSKMF_CSKMF_H
#define CPNSD_CSKMF_CSKMF_H

#include <stddef.h>
#include <stdint.h>

#include "cskmf/group_description.h"
#include "loop.h"
#include "osg/osg.h"
#include "proto/record.h"
#include "store/store.h"
#include "transport/server.h"

/* changes that end the batch window early */
#define CSKMF_BATCH_CHANGES	64

struct cskmf;

/* a new epoch stands (flow step 6), or an update came to nothing */
struct cskmf_alert {
	const char *sgid;
	uint32_t num;
	enum epoch_reason reason;
	int error;			/* -errno: no new epoch, tried again */
	bool list_changed;		/* the members, or their document */
};

struct cskmf_events {
	/*
	 * The group description out of a document (AD 5.3.1.1.5.1: retrieved
	 * from the Shared Group XDMS): 0, or -errno with the reason.
	 */
	int (*describe)(void *context, const void *document, size_t size,
			struct group_description **description,
			char *reason, size_t room);
	void (*forget)(void *context, struct group_description *description);
	/* the CSKMF's own updates are told too (R4) */
	void (*alert)(void *context, const struct cskmf_alert *alert);
	/* a member asks to leave: the SMF takes the entry out; 0 or -errno */
	int (*leave)(void *context, const char *sgid, const char *node);
	void *context;
};

struct cskmf_options {
	struct loop *loop;
	struct osg *osg;
	struct store *store;
	struct transport_server *server;	/* NULL: none is notified */
	struct cskmf_events events;
};

/* loads all groups; an epoch whose time is over is renewed soon: hold.c */
int cskmf_open(struct cskmf **cskmf, const struct cskmf_options *options,
	       char *reason, size_t room);
void cskmf_close(struct cskmf *cskmf);

/**
 * cskmf_create() - make a group's first Group Key
 * @cskmf: the CSKMF
 * @document: the group document
 * @size: bytes of @document
 * @num: gets the epoch's number (above 1 where the SGID had a life before)
 * @reason: gets the cause in words on error
 * @room: bytes of @reason
 *
 * Return: 0, -EEXIST, -EBADMSG for a bad document, -EOPNOTSUPP for
 * what this version has not, what OSG and store return.
 */
int cskmf_create(struct cskmf *cskmf, const void *document, size_t size,
		 uint32_t *num, char *reason, size_t room);

enum cskmf_cause {
	CSKMF_DOCUMENT,		/* the document changed; leave, join */
	CSKMF_AT_START,		/* ... while we were down: hold.c */
	CSKMF_EVICT,		/* ... by throwing members out: no waiting */
				/* without one: those who are out already */
	CSKMF_TIMER,		/* a fresh key, when it fits */
	CSKMF_COMPROMISE,	/* a fresh key and fresh KEKs, no waiting */
	CSKMF_RESTORED,		/* held: go on above the members' numbers */
	CSKMF_UNFOUNDED,	/* held: the members' numbers are not true */
};

struct cskmf_update {
	enum cskmf_cause cause;
	const void *document;	/* NULL: the one there is */
	size_t size;
};

struct cskmf_updated {
	uint32_t num;		/* latest epoch now */
	bool pending;		/* an epoch is to come, an alert will tell */
	double due;		/* in so many seconds */
};

/*
 * Group Key update: the document counts from now on, the epoch comes when
 * the batch window and the spacing of epochs allow.  A group that is held
 * (members know epochs that this server does not) takes CSKMF_RESTORED and
 * CSKMF_UNFOUNDED only: -ESTALE.  0, -ENOENT, -EINVAL not held, -EBADMSG
 * (also a document of another SGID), -EOPNOTSUPP, store and OSG.
 */
int cskmf_update(struct cskmf *cskmf, const char *sgid,
		 const struct cskmf_update *update,
		 struct cskmf_updated *updated, char *reason, size_t room);

/* ends the group with a signed record of reason 6; its number stays taken */
int cskmf_delete(struct cskmf *cskmf, const char *sgid, uint32_t *num,
		 char *reason, size_t room);

/* sends the key there is to all who observe; each gets what it may have */
int cskmf_deliver(struct cskmf *cskmf, const char *sgid);

#endif
