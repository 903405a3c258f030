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

/**
 * struct cpns_node - what NODE_GET tells of this node
 * @public_key: X25519, what servers seal to
 * @has_previous: @previous still opens seals after NODE_ROTATE
 * @previous: public key before that
 * @pinned: @pin is set
 * @pin: the OSG's static public key
 * @features: CPNS_FEATURES_*
 * @keyring: serial number of .cpns
 */
struct cpns_node {
	uint8_t public_key[CPNS_PUBLIC_KEY_SIZE];
	bool has_previous;
	uint8_t previous[CPNS_PUBLIC_KEY_SIZE];
	bool pinned;
	uint8_t pin[CPNS_PUBLIC_KEY_SIZE];
	uint32_t features;
	int32_t keyring;
};

/**
 * struct cpns_epoch_state - one epoch of a group
 * @number: of the epoch
 * @state: enum cpns_state
 * @suite: CPNS_SUITE_*
 * @sid: own sender id, 0: may not send
 * @iv_counter: IVs used of 2^48 - 1
 * @activate_in: seconds, 0 if it was activated
 * @dead_in: seconds until a newer one ends it, UINT64_MAX: none newer
 * @expires: seconds left of its lifetime, UINT64_MAX: never
 * @kcv: key check value
 */
struct cpns_epoch_state {
	uint32_t number;
	uint8_t state;
	uint8_t suite;
	uint16_t sid;
	uint64_t iv_counter;
	uint32_t activate_in;
	uint64_t dead_in;
	uint64_t expires;
	uint8_t kcv[CPNS_KCV_SIZE];
};

#define CPNS_EPOCHS_MAX 4

/**
 * struct cpns_group_state - one group
 * @sgid: Service Group identifier
 * @serial: of its key in .cpns, 0 for a tombstone
 * @tag: group tag
 * @highest: highest epoch ever committed
 * @epochs_count: entries of @epochs
 * @epochs: those that are alive
 */
struct cpns_group_state {
	char sgid[CPNS_SGID_MAX + 1];
	int32_t serial;
	uint8_t tag[CPNS_TAG_SIZE];
	uint32_t highest;
	unsigned int epochs_count;
	struct cpns_epoch_state epochs[CPNS_EPOCHS_MAX];
};

/**
 * struct cpns_group_set - a GROUP_SET message
 * @sgid: Service Group identifier
 * @header: CPNS_HEADER_SIZE bytes
 * @seal: CPNS_SEAL_SIZE bytes, or NULL
 * @items: @items_count times CPNS_ITEM_SIZE bytes, or NULL
 * @items_count: how many
 * @evicted: sender ids, or NULL
 * @evicted_count: how many
 * @elapsed: seconds since the record was made
 * @secret: epoch secret in clear, lab only (allow_raw=1), or NULL
 * @sid: own sender id, with @secret
 */
struct cpns_group_set {
	const char *sgid;
	const uint8_t *header;
	const uint8_t *seal;
	const uint8_t *items;
	size_t items_count;
	const uint16_t *evicted;
	size_t evicted_count;
	uint32_t elapsed;
	const uint8_t *secret;
	uint16_t sid;
};

/**
 * struct cpns_sa - an ESP state of the module
 * @sgid: its group's
 * @serial: of a key, used where @sgid is empty
 * @epoch: number, 0: the one to send with
 * @sid: sender's
 * @outbound: direction
 * @transport: mode, else tunnel
 * @family: AF_INET or AF_INET6, of both addresses
 * @source: outer source
 * @destination: outer destination
 * @spi: host byte order
 * @reqid: of the state
 * @window: replay window, 0: the default
 * @if_id: of the state
 * @mark_value: mark
 * @mark_mask: its mask
 * @key_bytes: 16, 32; 0: as the suite says
 * @state: in answers: enum cpns_state, pending: waits for its epoch
 * @packets: in answers
 * @bytes: in answers
 * @sequence: in answers: last sent or highest received
 */
struct cpns_sa {
	char sgid[CPNS_SGID_MAX + 1];
	int32_t serial;
	uint32_t epoch;
	uint16_t sid;
	bool outbound;
	bool transport;
	sa_family_t family;
	uint8_t source[16], destination[16];
	uint32_t spi;
	uint32_t reqid;
	uint32_t window;
	uint32_t if_id;
	uint32_t mark_value, mark_mask;
	uint8_t key_bytes;
	uint8_t state;
	uint64_t packets, bytes;
	uint32_t sequence;
};

/**
 * struct cpns_event - one event of the kernel; 0 or empty where it has no such part
 * @command: CPNS_CMD_* of the event
 * @sgid: group
 * @serial: of its key
 * @epoch: number
 * @state: enum cpns_state
 * @sid: sender id
 * @spi: host byte order
 * @direction: enum cpns_dir, 0: not about an ESP state
 * @reason: enum cpns_reason
 * @message: the same in words
 * @reqid: of the state
 * @family: of the addresses, AF_UNSPEC: none
 * @source: outer source
 * @destination: outer destination
 */
struct cpns_event {
	uint8_t command;
	char sgid[CPNS_SGID_MAX + 1];
	int32_t serial;
	uint32_t epoch;
	uint8_t state;
	uint16_t sid;
	uint32_t spi;
	uint8_t direction;
	uint32_t reason;
	char message[128];
	uint32_t reqid;
	sa_family_t family;
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
