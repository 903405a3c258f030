/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server's memory: SQLite, WAL, synchronous FULL, secure_delete.
 *
 * Rule: whatever a member may learn is written here before it is sent, and
 * durable but for store_begin_relaxed(), so that after any crash the number
 * of a group never goes back and no SID is given twice in an epoch.  Keys come
 * wrapped by the KMC; no open key is ever handed to these functions.
 *
 * One thread, one process (the database is held with an exclusive lock).
 * All functions return 0 or -errno: -EIO for what SQLite says (its words are
 * logged), -ENOENT where a row is missing.  Row callbacks return 0 to go on;
 * another value ends the walk and is returned.
 */
#ifndef CPNSD_STORE_H
#define CPNSD_STORE_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osg/osg.h"

/* records kept for /records?from=; older ones are pruned */
#define STORE_RECORDS_KEPT	1024

struct store;

/**
 * store_open() - open or make <state>/server.db
 * @store: gets the store; store_close()
 * @state_directory: made 0700 if it is not there
 * @reason: gets the cause in words on error
 * @room: bytes of @reason
 *
 * Return: 0, -EBUSY where another process has it open, -EPROTO for a
 * database of a later version, -EIO.
 */
int store_open(struct store **store, const char *state_directory,
	       char *reason, size_t room);
void store_close(struct store *store);
/* errors of SQLite so far */
uint64_t store_errors(const struct store *store);

/*
 * All or nothing; not nested.  A failing commit rolls back.  Single writes
 * outside are transactions of their own.
 */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

/**
 * store_begin_relaxed() - a transaction whose commit waits for no disk
 * @store: the store, no transaction open
 *
 * The end of the process takes nothing of it away.  A power cut may, all of it
 * and what was committed so behind it, up to the next other commit.
 *
 * Return: 0 or -errno; ends as store_begin()'s does.
 */
int store_begin_relaxed(struct store *store);

/**
 * store_sync() - what store_node_put_early() keeps is written and durable
 * @store: the store, no transaction open
 *
 * Before anything is sent that rests on it.  No cost where a commit came
 * behind it.
 *
 * Return: 0, or -errno: it is still to be done.
 */
int store_sync(struct store *store);

/*
 * Gives every wrapped key to @rewrap, which may change it (result 0 or 1), in
 * one transaction of its own; an error of @rewrap undoes all and is returned.
 */
int store_rewrap(struct store *store,
		 int (*rewrap)(void *context, const struct osg_wrapped *key,
			       uint8_t wrapped[OSG_WRAPPED_SIZE]),
		 void *context);

/* a group; a deleted one stays, its number and hash for ever */
struct store_group {
	const char *sgid;
	uint64_t term;
	uint32_t num;			/* last; 0: no epoch yet */
	uint8_t hash[32];		/* of the last record's payload */
	const void *document;
	size_t document_size;
	uint64_t roster_serial;		/* last */
	uint32_t leaf_last;		/* last leaf id given */
	uint32_t sid_last;		/* where the next SID is looked for */
	bool deleted;
};

int store_group_put(struct store *store, const struct store_group *group);
int store_group_each(struct store *store,
		     int (*each)(void *context,
				 const struct store_group *group),
		     void *context);

/* an epoch; secret and shards are there for the latest one only */
struct store_epoch {
	uint32_t num;
	const void *record;
	size_t record_size;
	uint8_t hash[32];
	uint64_t created;		/* s, wall clock */
	uint32_t lifetime, atd, dtd;	/* s */
	unsigned int reason;
	uint8_t suite;
	const void *wrapped;		/* OSG_WRAPPED_SIZE */
	const void *shards;
	size_t shards_size;
};

/*
 * Adds the epoch, takes secret and shards off all older ones and prunes
 * records above STORE_RECORDS_KEPT.  -EEXIST: a number is never used twice.
 */
int store_epoch_add(struct store *store, const char *sgid,
		    const struct store_epoch *epoch);
int store_epoch_latest(struct store *store, const char *sgid,
		       int (*each)(void *context,
				   const struct store_epoch *epoch),
		       void *context);
/* records from @from on, in order, at most @most */
int store_records(struct store *store, const char *sgid, uint32_t from,
		  unsigned int most,
		  int (*each)(void *context,
			      const struct store_epoch *epoch),
		  void *context);

/* a member with a leaf in the latest epoch, or a former one (gone) */
struct store_leaf {
	const char *node;
	struct osg_leaf leaf;		/* zero wrapped key when gone */
	bool gone;
	uint32_t reported;		/* epoch the member says it has */
	uint32_t parent;		/* in the key tree; 0: none */
};

int store_leaf_put(struct store *store, const char *sgid,
		   const struct store_leaf *leaf);
int store_leaf_report(struct store *store, const char *sgid,
		      const char *node, uint32_t reported);
int store_leaf_each(struct store *store, const char *sgid,
		    int (*each)(void *context, const struct store_leaf *leaf),
		    void *context);

/* the key tree of a large group: leaves and inner nodes find their places */
int store_leaf_place(struct store *store, const char *sgid, uint32_t id,
		     uint32_t parent);

struct store_kek {
	uint32_t id, parent, version;	/* parent 0: the root */
	uint8_t wrapped[OSG_WRAPPED_SIZE];
};

int store_kek_put(struct store *store, const char *sgid,
		  const struct store_kek *kek);
int store_kek_remove(struct store *store, const char *sgid, uint32_t id);
/* the tree goes, the leaves stay */
int store_kek_clear(struct store *store, const char *sgid);
int store_kek_each(struct store *store, const char *sgid,
		   int (*each)(void *context, const struct store_kek *kek),
		   void *context);

/*
 * A group that makes no epoch, for members have seen number @num, which this
 * store has not: it is an old copy.  The highest number counts.
 */
int store_hold_put(struct store *store, const char *sgid, uint32_t num);
int store_hold_remove(struct store *store, const char *sgid);
/* *@num 0: the group is not held */
int store_hold_get(struct store *store, const char *sgid, uint32_t *num);

/* an epoch that is to be made, the end of the process or no end */
struct store_want {
	unsigned int reason;
	bool urgent;			/* it does not wait for anything */
};

/* takes the place of the one before */
int store_want_put(struct store *store, const char *sgid,
		   const struct store_want *want);
int store_want_remove(struct store *store, const char *sgid);
/* -ENOENT: none is */
int store_want_get(struct store *store, const char *sgid,
		   struct store_want *want);

/* a SID, in use or not yet free again */
struct store_sender {
	uint16_t sid;
	const char *node;
	uint32_t num;			/* epoch it was given in */
	uint32_t gone;			/* epoch it went in; 0: in use */
	uint8_t node_key[32];		/* whose kernel counts its IVs */
};

int store_sender_put(struct store *store, const char *sgid,
		     const struct store_sender *sender);
int store_sender_remove(struct store *store, const char *sgid, uint16_t sid);
int store_sender_each(struct store *store, const char *sgid,
		      int (*each)(void *context,
				  const struct store_sender *sender),
		      void *context);

/* a node's last registration, in the bytes of the wire */
struct store_node {
	const char *node;
	const void *registration;	/* CBOR, NULL: none */
	size_t registration_size;
	const char *address;		/* last seen, "" unknown */
	uint64_t seen;			/* s, wall clock */
	bool revoked;
};

int store_node_put(struct store *store, const struct store_node *node);
/*
 * The same for a write that more will follow: one wait for the disk, not two.
 * It is kept in memory and is one of the next transaction's writes, or
 * store_sync()'s.  Within a transaction it is one of that one's.
 */
int store_node_put_early(struct store *store, const struct store_node *node);
int store_node_each(struct store *store,
		    int (*each)(void *context, const struct store_node *node),
		    void *context);

#define STORE_KEY_HASH_SIZE 32

/* a one-time token, one for each node: the PSK that it gives, wrapped */
struct store_token {
	uint8_t wrapped[OSG_WRAPPED_SIZE];
	uint64_t expires;		/* s, wall clock */
	bool used;
	uint8_t key_hash[STORE_KEY_HASH_SIZE];	/* of the key it was used for */
};

/* takes the place of the node's token before; -ENOSPC above @most of them */
int store_token_put(struct store *store, const char *node,
		    const struct store_token *token, unsigned int most);
int store_token_get(struct store *store, const char *node,
		    struct store_token *token);
/* the token is for this key from now on; -EEXIST it was used already */
int store_token_use(struct store *store, const char *node,
		    const uint8_t key_hash[STORE_KEY_HASH_SIZE]);
int store_token_remove(struct store *store, const char *node);
/* those whose time was over before @now go */
int store_token_expire(struct store *store, uint64_t now);

/* a certificate that was issued over the network */
struct store_certificate {
	const char *serial;		/* hexadecimal */
	const char *node;
	uint64_t issued, expires;	/* s, wall clock */
};

int store_certificate_add(struct store *store,
			  const struct store_certificate *certificate);
int store_certificate_each(struct store *store, const char *node,
			   int (*each)(void *context,
				       const struct store_certificate *one),
			   void *context);
/* how many were issued to @node since then, or -errno */
int64_t store_certificate_count(struct store *store, const char *node,
				uint64_t since);
/* those whose time was over before @now go */
int store_certificate_expire(struct store *store, uint64_t now);

#endif
