/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Service Group as the CSKMF holds it.  Internal to cskmf/; the loop's
 * thread; everything here is owned by struct cskmf.
 *
 * The store is written first, these structures after it: whoever fails in
 * between leaves memory behind the store, never before it.
 */
#ifndef CPNSD_CSKMF_GROUP_H
#define CPNSD_CSKMF_GROUP_H

#include <sys/socket.h>

#include "cskmf/cskmf.h"
#include "cskmf/hash.h"
#include "cskmf/inspect.h"
#include "cskmf/limit.h"
#include "cskmf/nodes.h"
#include "cskmf/sealing.h"
#include "osg/tree.h"

/* a node that is or was a member */
struct member {
	UT_hash_handle hh;
	char node[IDENTITY_ID_MAX + 1];
	struct osg_leaf leaf;		/* id 0: not in the latest epoch */
	bool listed;			/* while an epoch is made */
	uint32_t reported;
	bool unsaved;			/* that number is not in the store */
	bool heard;			/* it reported since the start */
	uint32_t ahead;			/* it says it has, we never made it */
	double low_at;			/* boottime of the last low report */
	bool receiver_only;		/* its join asked for no SID */
	size_t sender_at;		/* of its Sender-ID: only a hint */
	struct sealing_task *presealed;	/* last SEAL, or NULL */
	/* what the last SEAL that we sent it was made of */
	struct {
		bool made;
		uint8_t node_key[32];
		uint32_t leaf_id, leaf_version;
		uint32_t youngest;	/* inner node of the key tree */
		uint16_t sid;
		struct sockaddr_storage session;
	} sealed;
};

/*
 * A Sender-ID (RFC 6054).  gone: the epoch it went in, 0 in use.  An evicted
 * one has no node any more, and one in reserve none yet: for whoever reads the
 * store it is gone in this epoch.
 */
struct sender {
	uint16_t sid;
	bool reserved;			/* reserve.c */
	char node[IDENTITY_ID_MAX + 1];
	uint32_t num, gone;
	uint8_t node_key[32];
};

/* what observers are to be told */
enum {
	TELL_KEY = 1 << 0,
	TELL_NUM = 1 << 1,
	TELL_ROSTER = 1 << 2,
	TELL_ALERT = 1 << 3,
};

struct group {
	UT_hash_handle hh;
	struct cskmf *cskmf;
	char sgid[CPNS_SGID_MAX + 1];
	uint64_t term;
	uint32_t num;
	uint8_t hash[32];
	uint64_t roster_serial;			/* last given out */
	uint64_t serial_stored;		/* up to here the store knows them */
	uint32_t leaf_last, sid_last;
	bool deleted;
	uint32_t held;				/* 0: not, see hold.c */
	struct group_description *description;	/* NULL if deleted */
	struct member *members;			/* listed and former */
	struct sender *senders;			/* by SID */
	size_t senders_count;
	/* the latest epoch; its leaves in the order of its shards */
	struct osg_epoch epoch;
	enum epoch_reason reason;
	uint64_t created;			/* s, wall clock */
	double made_at;				/* boottime */
	bool aged_by_wall;		/* that is what the wall clock said */
	double older_dead_at;			/* those before the last but one */
	uint32_t lifetime, atd, dtd;		/* s */
	struct osg_leaf *leaves;
	size_t leaves_count;
	bool same_list;			/* they are those of the document */
	struct osg_tree *tree;			/* NULL: point to point */
	/* the signed roster, made when it is asked for */
	uint8_t *roster;
	size_t roster_size;
	/* the epoch to come */
	struct loop_timer timer;
	bool wanted, urgent;
	bool wanted_at_start;		/* before anybody was heard */
	bool wanted_by_clock;		/* only: it was behind at the start */
	enum epoch_reason wanted_reason;
	double wanted_since;			/* boottime */
	unsigned int wanted_changes;
	double not_before;	/* boottime, of an epoch that is due */
	double retry_at;		/* boottime, after one that failed */
	uint32_t presealed;		/* epoch that workers sealed for */
	bool few_seals;			/* with this list: not worth it */
	/* what waits for the loop */
	unsigned int tell;
	struct cskmf_alert alert;
};

struct cskmf {
	struct cskmf_options options;
	struct nodes *nodes;
	struct group *groups;
	struct loop_timer telling;
	struct loop_timer saving;	/* reports.c */
	struct loop_fd wall_clock;
	struct limits *limits;
	struct sealing *sealing;
	size_t presealed_from;		/* SEALING_FROM */
	struct cskmf_counters counters;
};

/* load.c */
int rewrap_keys(struct cskmf *cskmf, char *reason, size_t room);
int groups_load(struct cskmf *cskmf, char *reason, size_t room);

/* group.c */
struct group *group_find(struct cskmf *cskmf, const char *sgid);
struct group *group_add(struct cskmf *cskmf, const char *sgid);
void group_free(struct group *group);
struct member *member_find(const struct group *group, const char *node);
/* finds or adds; NULL: out of memory */
struct member *member_get(struct group *group, const char *node);
/* on the list of the document */
const struct group_member *member_entry(const struct group *group,
					const char *node);
/* the latest epoch's leaves are those of the list */
bool group_settled(const struct group *group);
int group_put(struct group *group, const struct store_group *changes);
/* a view of the group as it is, for group_put() with changes */
void group_stored(const struct group *group, struct store_group *stored);
void group_tell(struct group *group, unsigned int what);
void groups_tell(void *context);
uint32_t group_age(const struct group *group);
uint32_t group_seconds_left(const struct group *group);

/* wall_clock.c: the age of what was made before this start */
int wall_clock_open(struct cskmf *cskmf);
void wall_clock_close(struct cskmf *cskmf);
void wall_clock_set(void *context);
void wall_clock_age(struct group *group);
bool wall_clock_behind(const struct group *group);

/* epoch.c: a new epoch, stored and told; -errno leaves the group as it was */
int epoch_make(struct group *group, enum epoch_reason reason);
int epoch_end(struct group *group);

/* schedule.c */
void schedule_want(struct group *group, enum epoch_reason reason, bool now);
void schedule_request(struct group *group, enum epoch_reason reason, bool now);
/* the same by halves: in the caller's transaction, and when that stands */
int schedule_promise(struct group *group, enum epoch_reason reason, bool now);
void schedule_promised(struct group *group, enum epoch_reason reason,
		       bool now);
void schedule_arm(struct group *group);
void schedule_fire(void *context);

double schedule_due(const struct group *group);

struct refusal;

/* senders.c */
struct sender *sender_of(const struct group *group, const char *node);
/*
 * The SID of a listed sender: the one it has, or a new one where it has none,
 * its kernel is another, or @again.  0 and *sid 0 for a member that does not
 * send; -EAGAIN where all are used up.
 */
int sender_assign(struct group *group, const char *node,
		  const uint8_t node_key[32], bool again, uint16_t *sid);
/* SIDs of members that are listed no more or send no more go */
int senders_retire(struct group *group);
struct sender *sender_with(const struct group *group, uint16_t sid);
/* the same, or the next one of the table, for which there must be room */
struct sender *sender_slot(struct group *group, uint16_t sid);
int sender_put(struct group *group, const struct sender *sender);

/* reserve.c: SIDs that can be told without a wait for the disk */
#define RESERVE_MOST	64

/* SIDs that are free, in the order in which they are given; now: the first */
struct reserve {
	uint16_t sids[RESERVE_MOST];
	size_t count;
};

struct sender *reserve_first(const struct group *group);
bool reserve_waits(const struct group *group);
int reserve_pick(struct group *group, struct reserve *reserve);
int reserve_put(struct group *group, const struct reserve *reserve);
void reserve_take(struct group *group, const struct reserve *reserve);
void reserve_give_back(struct group *group);

/* hold.c: -EACCES and the refusal, -ESTALE and the reason, where it is held */
int hold_refuse(const struct group *group, struct refusal *refusal);
int hold_check(const struct group *group, char *reason, size_t room);
int hold_report(struct group *group, struct member *member, uint32_t num,
		struct refusal *refusal);
int hold_end(struct group *group, bool restored, char *reason, size_t room);
/* members wait up to 60 s between two tries to connect, and 20 s for each */
#define HOLD_BACK_SECONDS	90
void hold_heard(struct group *group, struct member *member);

/* 65,536 rosters a second would outrun the clock */
#define ROSTER_CLOCK_SHIFT	16
/* eight seconds' worth: what the store knows of serials before their use */
#define ROSTER_SERIALS_AHEAD	(8u << ROSTER_CLOCK_SHIFT)

/* roster.c: signed, cached until serial or number change */
int roster_get(struct group *group, const uint8_t **bytes, size_t *size);
int roster_changed(struct group *group);
uint64_t roster_next_serial(const struct group *group);

/* delivery.c */
struct refusal {
	int code;			/* CoAP */
	int32_t error_id;
	char title[128];
};

enum delivery_kind {
	DELIVER_JOIN,			/* POST */
	DELIVER_PULL,			/* GET */
	DELIVER_PUSH,			/* notification, first observation */
	DELIVER_OWN,			/* GET of one's own node resource */
	DELIVER_RENEW,			/* PUT there: a new SID */
};

struct delivery {
	enum delivery_kind kind;
	const struct sockaddr_storage *session;
	bool receiver_only;		/* the join asked for no SID */
};

#define ERROR_SECURITY_LEVEL	(-65601)

/* 0 and bytes, or -EACCES and the refusal */
int delivery_make(struct group *group, const char *node,
		  const struct delivery *delivery, uint8_t **bytes,
		  size_t *size, struct refusal *refusal);
void delivery_etag(const struct group *group, const char *node,
		   uint8_t etag[8]);
/* membership; *group is set where the answer is 0 */
int delivery_admit(struct cskmf *cskmf, const struct identity *peer,
		   const char *sgid, struct group **group,
		   struct refusal *refusal);
int refuse(struct refusal *refusal, int code, int32_t error_id,
	   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* the next push brings a SEAL, even to the same node key and session */
bool delivery_seals(const struct group *group, const struct member *member);

/* presealed.c: true: members are told when the workers are through */
bool presealed_start(struct group *group);
void presealed_done(void *context, struct sealing_batch *batch);
int presealed_get(struct group *group, struct member *member,
		  const uint8_t node_key[32], uint16_t sid,
		  uint8_t seal[CPNS_SEAL_SIZE]);

/* status.c */
int status_report(struct group *group, const char *node,
		  const uint8_t *body, size_t size, struct refusal *refusal);

/* reports.c: a member's number goes to the store, soon or now */
void reports_note(struct cskmf *cskmf, struct member *member);
void reports_save(void *context);

/* resources.c */
void cskmf_serve(void *context, const struct transport_request *request,
		 struct transport_answer *answer);

#endif
