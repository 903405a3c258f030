/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SECA from inside: the daemon's member side and one state machine a group.
 *
 * Everything runs in the loop's thread.  struct seca owns the sessions, the
 * groups and the waiting requests; a group owns its exchanges and timers and
 * stops them before it is freed.  A group is never freed while the daemon
 * runs, so callbacks may hold a pointer to it: one that is gone keeps its
 * memory of numbers, and its blocks.
 *
 * The names of who talks to whom are the documents': in a PN GW the SMF
 * (gateway_smf.c) learns of groups, SECA acquires, the CSKMF of the PN GW is
 * the end of the exchange with the server's CSKMF.
 */
#ifndef CPNSD_SECA_CONTEXT_H
#define CPNSD_SECA_CONTEXT_H

#include <cpns/cpns.h>
#include <limits.h>
#include <stdbool.h>
#include <uthash.h>

#include "config.h"
#include "control.h"
#include "dataplane/dataplane.h"
#include "log.h"
#include "loop.h"
#include "proto/properties.h"
#include "proto/response.h"
#include "seca/chain.h"
#include "seca/location.h"
#include "seca/pn_links.h"
#include "seca/seca.h"
#include "seca/verify.h"
#include "transport/client.h"
#include "transport/psk.h"

#define SECA_REASON_MAX		384	/* room for a refusal in words */
#define SECA_REQUEST_SECONDS	20	/* request_key(2) and `join` wait */
#define SECA_EXCHANGE_SECONDS	15	/* one pull */
#define SECA_RETRY_MAX_SECONDS	60

struct seca;

/* a server that key locations name; the home one is the configuration's */
struct seca_session {
	struct seca_session *next;
	struct seca *seca;
	char origin[LOCATION_ORIGIN_MAX];
	struct transport_client *client;
	bool home;
	bool connected;
	bool registered;		/* /smf/N answered on this session */
	bool outdated;			/* what is being registered has changed */
	unsigned int failures;
	struct transport_exchange *registering;
	struct loop_timer retry;
};

enum group_phase {
	GROUP_LISTED,			/* traffic blocked, no key fetched */
	GROUP_ACQUIRING,		/* first key is under way */
	GROUP_HELD,			/* the kernel has a live epoch */
	GROUP_STOPPED,			/* alarm: closed, blocks stay */
	GROUP_LEFT,			/* the admin's `leave` */
	GROUP_GONE,			/* not this node's group any more */
};

struct group {
	UT_hash_handle hh;
	char sgid[CPNS_SGID_MAX + 1];
	struct seca *seca;
	struct group_properties *properties;	/* array of one */
	struct location location;
	struct seca_session *session;
	enum group_phase phase;
	bool unusable;			/* its file is damaged, its location bad */
	bool traffic;			/* policies are set in the data plane */
	bool conflict;			/* another group encrypts its nets */
	bool wanted;			/* as soon as there is a session */
	struct chain chain;
	struct roster roster;		/* newest verified one */
	bool has_roster;
	struct cpns_group_state kernel;	/* as of group_look() */
	bool live, active;
	uint32_t installed;		/* newest live epoch, 0: none */
	uint32_t known;			/* newest number heard of */
	uint32_t ended;			/* epoch that this kernel has ended for
					 * good: only a newer one helps
					 */
	uint16_t own_sid;		/* in that epoch */
	uint32_t sids_full;		/* epoch in which it cannot change */
	unsigned int sid_joins;		/* made for it, one soon after another */
	double sid_joined_at;
	char trouble[SECA_REASON_MAX];	/* last refusal, for people */

	struct transport_exchange *acquiring;
	bool acquiring_join;		/* POST, else GET */
	struct transport_exchange *pushing;	/* Observe of /ace-group/G */
	struct transport_exchange *following;	/* Observe of its /roster */
	struct transport_exchange *polling;	/* GET /num */
	struct transport_exchange *backfilling;	/* GET /records */
	struct transport_exchange *reporting;	/* PUT .../status */
	struct transport_exchange *leaving;	/* DELETE of the own node */
	struct control_reply *leave_reply;	/* who waits for it, or NULL */
	unsigned int failures;
	double observed_at;		/* boottime of the observations */
	double healed_at;
	uint8_t conditions;		/* bit n: STATUS_* n waits to be told */
	bool capabilities_due;		/* those, too */
	uint8_t conditions_sent;	/* in the last report */
	bool capabilities_sent;
	bool report_due;
	struct loop_timer retry;	/* acquire again */
	struct loop_timer sender_id;	/* join for a Sender-ID */
	struct loop_timer timeout;	/* of the pull under way */
	struct loop_timer behind;	/* a push did not come: pull */
	struct loop_timer poll;
	struct loop_timer heal;		/* SAs were taken away */
	struct loop_timer leave_again;
};

/* a program's request_key(2) or the admin's `join`, until the key is there */
struct waiter {
	struct waiter *next;
	struct seca *seca;
	char sgid[CPNS_SGID_MAX + 1];
	struct control_reply *reply;
	struct loop_timer limit;
};

struct seca {
	struct loop *loop;
	const struct config *config;
	struct control *control;
	const char *role;		/* of the flow log: gateway, pne */
	char node[IDENTITY_ID_MAX + 1];
	char directory[PATH_MAX - 64];	/* <state>/groups */
	struct identity_trust *trust;
	struct cpns *kernel;
	struct cpns *events;
	struct loop_fd events_watch;
	struct cpns_node node_state;
	struct capabilities capabilities;
	struct pn_links *links;
	struct dataplane *dataplane;
	struct seca_session *sessions, *home;
	struct transport_exchange *listing;	/* Observe of /smf/N */
	struct loop_timer list_retry;
	bool listed;			/* the server's list has come */
	struct group *groups;
	struct waiter *waiters;
	struct loop_timer arrivals;	/* arrivals.c */
	struct loop_timer conflicts;	/* nets may have become free */
	uint64_t arrivals_count;	/* packets without an SA, last look */
	bool arrivals_known;
	bool closing;
};

/* session.c */
int session_psk(const struct config *config, uint8_t key[PSK_KEY_MAX],
		size_t *size, char *reason, size_t room);
int session_home(struct seca *seca, char *reason, size_t room);
struct seca_session *session_for(struct seca *seca, const char *origin,
				 char *reason, size_t room);
void session_close_all(struct seca *seca);

/* gateway_smf.c: registration and the list of groups, steps 7, 8 and 11 */
void gateway_smf_register(struct seca_session *session);
void gateway_smf_session_lost(struct seca_session *session);
void gateway_smf_restore(struct seca *seca);
void gateway_smf_close(struct seca *seca);

/* capabilities.c */
void seca_links_changed(void *context);
int seca_node_look(struct seca *seca, bool *changed,
		   char *reason, size_t room);

/* group.c */
struct group *seca_group_find(struct seca *seca, const char *sgid);
void group_list_apply(struct seca *seca, struct group_properties *list,
		      size_t count);
void group_look(struct group *group);
void group_ready(struct group *group);
void group_session_lost(struct group *group);
void group_need(struct group *group, const char *why);
void group_gone(struct group *group, const char *why);
void group_leave(struct group *group);
void group_save(struct group *group);
/* groups of an earlier run that the server does not list any more */
void groups_end_forgotten(struct seca *seca);
const char *group_phase_name(const struct group *group);
void group_free_all(struct seca *seca);
void group_trouble(struct group *group, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* traffic.c */
int group_block_traffic(struct group *group);
int group_set_traffic(struct group *group);
void group_close_traffic(struct group *group);
void group_conflicts_fired(void *context);
void group_stop_sending(struct group *group, const char *why);
int group_call(struct group *group, struct transport_call *call,
	       const char *const *below, size_t below_count,
	       struct transport_exchange **exchange);
void group_flow(const struct group *group, const char *flow, unsigned int step,
		const char *from, const char *to, uint32_t num);

/* acquire.c: pull */
void acquire_start(struct group *group, bool join);
void acquire_later(struct group *group);
void acquire_wait_for_newer(struct group *group);
void acquire_cancel(struct group *group);
void acquire_retry_fired(void *context);
void acquire_timed_out(void *context);
/* a refusal of the server; true if the group ended by it */
bool acquire_refused(struct group *group,
		     const struct transport_response *response);

/* sender_id.c */
bool sender_id_missing(const struct group *group);
void sender_id_look(struct group *group);
void sender_id_fired(void *context);

/* leave.c: the server is told, now or later */
void leave_start(struct group *group, struct control_reply *reply);
void leave_send(struct group *group);
void leave_again_fired(void *context);
void leave_forget(struct group *group);

/* arrivals.c: the need to decrypt */
void arrivals_open(struct seca *seca);
void arrivals_close(struct seca *seca);

/* push.c: Observe of /ace-group/G */
void push_start(struct group *group);
void push_stop(struct group *group);

/* follow.c: roster, number, missing records */
void follow_start(struct group *group);
void follow_stop(struct group *group);
void follow_behind(struct group *group, uint32_t num);
void follow_behind_fired(void *context);
void follow_poll_fired(void *context);

/* install.c: GROUP_SET and the SAs; 1 installed, 0 known already */
int install_response(struct group *group, const uint8_t *body, size_t size,
		     bool unasked, char *reason, size_t room);
int install_roster(struct group *group, const uint8_t *body, size_t size,
		   char *reason, size_t room);
void install_traffic(struct group *group);
void install_heal_fired(void *context);

/* status.c */
void status_report_send(struct group *group, uint8_t condition);
void status_session_ready(struct group *group);
void status_send_due(struct group *group);

/* requests.c */
void requests_answer(struct group *group);
void requests_refuse(struct seca *seca, const char *sgid, int error,
		     const char *why);
void requests_list_came(struct seca *seca);
void requests_key(struct seca *seca, const char *sgid, const char *why,
		  struct control_reply *reply);
void requests_join_anew(struct group *group, struct control_reply *reply);
void requests_close(struct seca *seca);
void requests_key_verb(void *context, const struct control_request *request,
		       struct control_reply *reply);

/* events.c: of the kernel */
int events_open(struct seca *seca, char *reason, size_t room);
void events_close(struct seca *seca);

/* verbs.c */
int seca_verbs_register(struct seca *seca);

/* 0.9..1.1 of seconds: gateways must not come in one herd */
double seca_jitter(double seconds);

#endif
