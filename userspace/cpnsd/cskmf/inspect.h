/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking at the CSKMF's groups: what the SMF shows to administrators and
 * tells to nodes.  Reads only.  The loop's thread; views are borrowed and
 * end with the next operation.
 */
#ifndef CPNSD_CSKMF_INSPECT_H
#define CPNSD_CSKMF_INSPECT_H

#include "cskmf/cskmf.h"
#include "cskmf/nodes.h"

struct cskmf_group_view {
	const char *sgid;
	uint32_t num;
	const struct group_description *description;
	uint64_t created;		/* of the epoch, s, wall clock */
	uint32_t seconds_left;
	enum epoch_reason reason;	/* of the epoch */
	bool pending;			/* another epoch is to come */
	bool tree;			/* the group has a key tree */
	uint32_t held;			/* members have it, we not; 0: none */
};

struct cskmf_member_view {
	const struct group_member *entry;
	uint16_t sid;			/* 0: none */
	uint32_t reported;		/* epoch it says it has, 0: none */
	uint32_t leaf;			/* 0: in no epoch yet */
};

struct nodes *cskmf_nodes(struct cskmf *cskmf);

/* 0, -ENOENT also for a deleted group */
int cskmf_group_view(struct cskmf *cskmf, const char *sgid,
		     struct cskmf_group_view *view);
/* members that reported the latest epoch */
size_t cskmf_group_current(struct cskmf *cskmf, const char *sgid);
/* in no order; @each returns 0 to go on */
int cskmf_groups_each(struct cskmf *cskmf,
		      int (*each)(void *context,
				  const struct cskmf_group_view *view),
		      void *context);
/* a listed member: 0, -ENOENT */
int cskmf_member_view(struct cskmf *cskmf, const char *sgid, const char *node,
		      struct cskmf_member_view *view);

/* in the latest epoch, listed or no more; not of a deleted group */
bool cskmf_has_key(struct cskmf *cskmf, const char *sgid, const char *node);

/* a node's address is another: rosters with its dynamic tunnel are renewed */
void cskmf_address_changed(struct cskmf *cskmf, const char *node);

/* why members' requests were refused */
enum cskmf_refused {
	REFUSED_MALFORMED,
	REFUSED_NOT_A_MEMBER,		/* or no such group: nobody can tell */
	REFUSED_LEVEL,
	REFUSED_GONE,			/* a former member, a deleted group */
	REFUSED_NOT_YET,		/* no epoch or no SID for it yet */
	REFUSED_TOO_OFTEN,
	REFUSED_FAILED,
	REFUSED_CAUSES,
};

#define JOIN_BUCKETS	5
#define JOIN_BOUNDS	{ 0.001, 0.005, 0.025, 0.1, 1 }		/* s */

struct cskmf_counters {
	uint64_t epochs, epochs_failed, joins, pulls, pushes, refusals, seals;
	uint64_t refused[REFUSED_CAUSES];
	double join_seconds;
	uint64_t join_buckets[JOIN_BUCKETS];	/* those above: in joins only */
};

/*
 * A node registers: false where it does so too often.  The same measure as
 * for its joins.
 */
bool cskmf_may_register(struct cskmf *cskmf, const char *node);
/* nodes kept out for that */
unsigned int cskmf_banned(const struct cskmf *cskmf);

const struct cskmf_counters *cskmf_counters(const struct cskmf *cskmf);

#endif
