/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libcpns: group keys of a Converged Personal Network, from programs.
 *
 * A thin layer over the `cpns` generic netlink family (libmnl) and the
 * keyring (libkeyutils).  It never sees a key: what it hands out are
 * serials, states and handles.
 *
 * Threading: a struct cpns belongs to one thread at a time; there are no
 * hidden threads and no globals.  Every function returns 0 or a positive
 * result, or -errno; cpns_error() then has the kernel's own words (extack).
 */
#ifndef CPNS_CPNS_H
#define CPNS_CPNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <linux/cpns.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CPNS_PUBLIC_KEY_SIZE	32
#define CPNS_SGID_MAX		255
#define CPNS_TAG_SIZE		12
#define CPNS_KCV_SIZE		16
#define CPNS_HEADER_SIZE	48
#define CPNS_SEAL_SIZE		112
#define CPNS_ITEM_SIZE		76
#define CPNS_GROUP_SET_ITEMS	64

/* one connection to the kernel's cpns family, in the caller's namespace */
struct cpns;

struct cpns_node {
	uint8_t public_key[CPNS_PUBLIC_KEY_SIZE];
	bool has_previous;		/* still opens seals after NODE_ROTATE */
	uint8_t previous[CPNS_PUBLIC_KEY_SIZE];
	bool pinned;
	uint8_t pin[CPNS_PUBLIC_KEY_SIZE];
	uint32_t features;		/* CPNS_FEATURES_* */
	int32_t keyring;		/* serial of .cpns */
};

struct cpns_epoch_state {
	uint32_t number;
	uint8_t state;			/* enum cpns_state of the uapi */
	uint8_t suite;
	uint16_t sid;
	uint64_t iv_counter;		/* IVs used of 2^48 - 1 */
	uint32_t activate_in;		/* seconds, 0 if it was activated */
	uint64_t dead_in;		/* seconds, UINT64_MAX: none newer */
	uint64_t expires;		/* seconds left, UINT64_MAX never */
	uint8_t kcv[CPNS_KCV_SIZE];
};

#define CPNS_EPOCHS_MAX 4

struct cpns_group_state {
	char sgid[CPNS_SGID_MAX + 1];
	int32_t serial;			/* key in .cpns, 0 for a tombstone */
	uint8_t tag[CPNS_TAG_SIZE];
	uint32_t highest;		/* highest epoch ever committed */
	unsigned int epochs_count;
	struct cpns_epoch_state epochs[CPNS_EPOCHS_MAX];
};

/* GROUP_SET; pointers may be NULL where the message has no such part */
struct cpns_group_set {
	const char *sgid;
	const uint8_t *header;		/* CPNS_HEADER_SIZE */
	const uint8_t *seal;		/* CPNS_SEAL_SIZE */
	const uint8_t *items;		/* items_count * CPNS_ITEM_SIZE */
	size_t items_count;
	const uint16_t *evicted;
	size_t evicted_count;
	uint32_t elapsed;		/* seconds since the record was made */
	const uint8_t *secret;		/* lab only: allow_raw=1 */
	uint16_t sid;			/* with secret */
};

/* an SA of the module; addresses AF_INET or AF_INET6, both the same family */
struct cpns_sa {
	char sgid[CPNS_SGID_MAX + 1];
	int32_t serial;			/* used when sgid is empty */
	uint32_t epoch;
	uint16_t sid;
	bool outbound;
	bool transport;
	sa_family_t family;
	uint8_t source[16], destination[16];
	uint32_t spi;			/* host byte order */
	uint32_t reqid;
	uint32_t window;		/* 0: the default */
	uint32_t if_id;
	uint32_t mark_value, mark_mask;
	uint8_t key_bytes;		/* 16, 32; 0: as the suite says */
	/* in answers */
	uint8_t state;			/* enum cpns_state; pending: waits */
	uint64_t packets, bytes;
	uint32_t sequence;		/* last sent or highest received */
};

struct cpns_event {
	uint8_t command;		/* CPNS_CMD_* of the event */
	char sgid[CPNS_SGID_MAX + 1];
	int32_t serial;
	uint32_t epoch;
	uint8_t state;
	uint16_t sid;
	uint32_t spi;			/* host byte order */
	uint8_t direction;		/* enum cpns_dir, 0: not about an SA */
	uint32_t reason;		/* enum cpns_reason */
	char message[128];		/* the same in words */
	uint32_t reqid;
	sa_family_t family;		/* of the addresses, AF_UNSPEC: none */
	uint8_t source[16], destination[16];
};

int cpns_open(struct cpns **connection);
void cpns_close(struct cpns *connection);
const char *cpns_error(const struct cpns *connection);

int cpns_node_get(struct cpns *connection, struct cpns_node *node);
int cpns_node_rotate(struct cpns *connection, struct cpns_node *node);
int cpns_node_pin(struct cpns *connection,
		  const uint8_t key[CPNS_PUBLIC_KEY_SIZE]);

int cpns_group_set(struct cpns *connection, const struct cpns_group_set *set);
int cpns_group_get(struct cpns *connection, const char *sgid,
		   struct cpns_group_state *state);
int cpns_group_list(struct cpns *connection,
		    int (*each)(void *context,
				const struct cpns_group_state *state),
		    void *context);
int cpns_group_revoke(struct cpns *connection, const char *sgid);
int cpns_epoch_activate(struct cpns *connection, const char *sgid,
			uint32_t epoch);

int cpns_sa_add(struct cpns *connection, const struct cpns_sa *sa);
int cpns_sa_del(struct cpns *connection, const struct cpns_sa *sa);
int cpns_sa_list(struct cpns *connection,
		 int (*each)(void *context, const struct cpns_sa *sa),
		 void *context);

/*
 * Events: a connection of its own; poll cpns_fd() for reading, then dispatch.
 * -ENOBUFS says that events were lost: resync by the dumps.
 */
int cpns_events_open(struct cpns **connection);
int cpns_fd(const struct cpns *connection);
int cpns_dispatch(struct cpns *connection,
		  void (*event)(void *context, const struct cpns_event *event),
		  void *context);

/* words for numbers: "active", "AES-256-GCM", "epoch-change", "revoked" */
const char *cpns_state_name(unsigned int state);
const char *cpns_suite_name(unsigned int suite);
const char *cpns_event_name(unsigned int command);
const char *cpns_reason_name(unsigned int reason);

/* keyring: the pull of the documents is a request_key(2) */
int32_t cpns_key_find(const char *sgid);
int32_t cpns_key_request(const char *sgid, const char *callout);
int cpns_aead_socket(int32_t serial, uint32_t epoch, uint16_t sid);
ssize_t cpns_seal(int32_t serial, const void *text, size_t size,
		  void *sealed, size_t room);
ssize_t cpns_open_message(int32_t serial, const void *sealed, size_t size,
			  void *text, size_t room);

/* /run/cpns/cpnsd.sock, or /run/cpns/net-<inode>.sock in another namespace */
int cpns_control_path(pid_t process, char *path, size_t room);

#ifdef __cplusplus
}
#endif
#endif
