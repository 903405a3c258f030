/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel tests share: the netlink family, groups set with a known
 * secret (module parameter allow_raw=1), the key schedule in userspace as an
 * independent witness, and AF_ALG with a handle.
 *
 * Every function returns 0 or a positive result, or -errno; nothing exits.
 * A struct cpns_test belongs to one thread and to the network namespace in
 * which it was opened.
 */
#ifndef CPNS_TEST_H
#define CPNS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/netlink.h>
#include <linux/cpns.h>

struct mnl_socket;

/* one netlink connection; @text is the kernel's words on the last refusal */
struct cpns_test {
	struct mnl_socket *socket;
	uint16_t family;
	uint32_t events;
	uint32_t sequence;
	char text[256];
};

int cpns_test_open(struct cpns_test *test);
void cpns_test_close(struct cpns_test *test);

/* message of @command in @buffer (CPNS_TEST_BUFFER), attributes by libmnl */
#define CPNS_TEST_BUFFER	8192
struct nlmsghdr *cpns_test_message(struct cpns_test *test, void *buffer,
				   uint8_t command, uint16_t flags);
/* send, and give each answer's attributes [0..CPNS_A_MAX] to @each */
int cpns_test_talk(struct cpns_test *test, struct nlmsghdr *message,
		   int (*each)(struct nlattr **attributes, void *context),
		   void *context);

/* GROUP_SET with SECRET; @epoch.secret NULL: bytes made from the epoch number */
struct cpns_test_epoch {
	const char *sgid;
	uint32_t number;
	uint32_t atd, dtd, lifetime;
	uint8_t suite;
	uint16_t sid;
	const uint8_t *secret;
	uint16_t evicted;		/* a sender id, 0 for none */
};

void cpns_test_secret(uint32_t number, uint8_t secret[CPNS_SECRET_SIZE]);
/* HEADER of @epoch with its KCV; @secret gets the epoch secret used */
int cpns_test_header(const struct cpns_test_epoch *epoch,
		     uint8_t secret[CPNS_SECRET_SIZE],
		     struct cpns_header *header);
/* serial of the group's key in .cpns */
int32_t cpns_test_group_set(struct cpns_test *test,
			    const struct cpns_test_epoch *epoch);
int cpns_test_group_revoke(struct cpns_test *test, const char *sgid);
int cpns_test_epoch_activate(struct cpns_test *test, const char *sgid,
			     uint32_t number);
/* enum cpns_state of an epoch, CPNS_STATE_NONE if the kernel has none */
int cpns_test_epoch_state(struct cpns_test *test, const char *sgid,
			  uint32_t number);

/* an SA by SA_ADD; addresses as text */
struct cpns_test_sa {
	const char *sgid;
	int32_t serial;			/* to add it by, if not 0 */
	uint32_t epoch;
	uint16_t sid;
	uint8_t dir;
	const char *src, *dst;
	uint32_t spi;
	uint32_t reqid;
	uint8_t mode;
	uint32_t window;
	uint32_t if_id;
	uint32_t mark, mark_mask;
};

int cpns_test_sa_add(struct cpns_test *test, const struct cpns_test_sa *sa);
int cpns_test_sa_del(struct cpns_test *test, const struct cpns_test_sa *sa);
/* what SA_GET says of the state with @spi and @dir; -ENOENT if there is none */
struct cpns_test_sa_state {
	uint32_t state;			/* of its epoch: enum cpns_state */
	uint64_t packets, bytes;
	uint32_t seq;
	uint32_t window;
};

int cpns_test_sa_get(struct cpns_test *test, uint32_t spi, uint8_t dir,
		     struct cpns_test_sa_state *state);
/* number of states of @sgid, of all groups if NULL */
int cpns_test_sa_count(struct cpns_test *test, const char *sgid);

/* the events group; open before what raises them */
int cpns_test_events_open(struct cpns_test *test);
struct cpns_test_event {
	uint8_t command;
	uint32_t epoch, reason, spi, state;
	uint16_t sid;
	uint8_t dir;
	/* 0 where the event has none; addresses as text */
	char sgid[CPNS_SGID_MAX + 1];
	int32_t serial;
	uint8_t tag[CPNS_TAG_SIZE];
	char src[46], dst[46];
	uint32_t reqid;
	uint8_t pubkey[CPNS_X25519_SIZE];
};

/* next event of @command within @milliseconds, others are dropped; -ETIME */
int cpns_test_event(struct cpns_test *test, uint8_t command, int milliseconds,
		    struct cpns_test_event *event);

/* key schedule of linux/cpns.h, by OpenSSL */
void cpns_test_tag(const char *sgid, uint8_t tag[CPNS_TAG_SIZE]);
int cpns_test_prk(const char *sgid, uint32_t epoch, const uint8_t *secret,
		  uint8_t prk[CPNS_SECRET_SIZE]);
int cpns_test_kcv(const char *sgid, uint32_t epoch, const uint8_t *secret,
		  uint8_t kcv[CPNS_KCV_SIZE]);
int cpns_test_traffic_key(const char *sgid, uint32_t epoch,
			  const uint8_t *secret, uint8_t use, uint8_t aead,
			  uint16_t sid, uint8_t key_bytes, uint8_t *key,
			  size_t size);
/* AES-GCM or ChaCha20-Poly1305 open: @sealed is ciphertext | tag of 16 */
int cpns_test_open_sealed(uint8_t aead, const uint8_t *key, size_t key_size,
			  const uint8_t nonce[12], const void *aad,
			  size_t aad_size, const uint8_t *sealed, size_t size,
			  uint8_t *text);

/* the same the other way: @sealed gets ciphertext | tag, @size + 16 bytes */
int cpns_test_seal(uint8_t aead, const uint8_t *key, size_t key_size,
		   const uint8_t nonce[12], const void *aad, size_t aad_size,
		   const void *text, size_t size, uint8_t *sealed);

/* AF_ALG: a socket for requests, keyed by a handle; the parent is closed */
int cpns_test_aead_socket(const char *algorithm, const void *key, size_t size);
void cpns_test_handle(struct cpns_handle *handle, int32_t serial,
		      uint32_t epoch, uint16_t sid, uint8_t use,
		      uint8_t key_bytes);
/*
 * The sending half of a request; with MSG_MORE in @flags more of its text may
 * come by splice(2). 0 or -errno.
 */
int cpns_test_aead_send(int fd, bool encrypt, const void *iv, size_t iv_size,
			size_t aad_size, const void *input, size_t size,
			int flags);
/*
 * One request. @input is AAD | IV | text, or AAD | IV | ciphertext | tag;
 * @out_size bytes are read into @out. @iv may be NULL.
 */
int cpns_test_aead(int fd, bool encrypt, const void *iv, size_t iv_size,
		   size_t aad_size, const void *input, size_t size, void *out,
		   size_t out_size);

/*
 * Like system(3) with a format; the command's output goes to the test's as
 * comments. Exit code, or -errno.
 */
__attribute__((format(printf, 1, 2)))
int cpns_test_run(const char *format, ...);
/* one write to a file that is there; 0 or -errno */
int cpns_test_write(const char *path, const char *text);
/* factor for times on a slow kernel, 1 elsewhere */
unsigned int cpns_test_slowness(void);
/* what --wrap=alarm makes of alarm(2): stretched by that factor */
unsigned int __real_alarm(unsigned int seconds);
unsigned int __wrap_alarm(unsigned int seconds);
/* move the calling thread to the network namespace `ip netns` calls @name */
int cpns_test_enter(const char *name);

#endif
