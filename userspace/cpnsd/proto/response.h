/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bodies of the RFC 9594 exchanges (wire.md section 2): registration,
 * join-request, response, status.
 *
 * Reading is strict (duplicate keys, indefinite lengths, trailing bytes:
 * -EBADMSG), unknown map keys are ignored; writing is deterministic.
 */
#ifndef CPNSD_PROTO_RESPONSE_H
#define CPNSD_PROTO_RESPONSE_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/roster.h"

enum capability_custody {
	CUSTODY_PROCESS, CUSTODY_KERNEL, CUSTODY_LOCKDOWN,
};

#define CAPABILITY_LINKS_MAX 16

struct capabilities {
	enum capability_custody custody;
	struct {
		uint8_t kind;		/* 0 none 1 Wi-Fi 2 Bluetooth 3 wire */
		uint8_t security;	/* 0 open 1 weak 2 strong */
	} links[CAPABILITY_LINKS_MAX];
	size_t links_count;
	bool secure_wan;
	bool pinned;
};

/* 0..3, wire.md section 2 */
unsigned int capabilities_level(const struct capabilities *capabilities);

struct registration {
	uint8_t node_key[32];
	struct capabilities capabilities;
	struct roster_address addresses[16];
	size_t addresses_count;
};

#define ROLE_BIT_RECEIVER	1u
#define ROLE_BIT_SENDER		2u

struct join_request {
	char sgid[CPNS_SGID_MAX + 1];
	unsigned int roles;
	uint8_t cnonce[16];
	bool has_node_key;
	uint8_t node_key[32];
};

/* mgt_key_material (27) */
#define RESPONSE_SHARD_ITEMS	16

struct response_shard {
	uint32_t index;
	uint8_t *items;			/* CPNS_ITEM_SIZE each */
	size_t size;
};

struct response_management {
	uint32_t leaf_id;
	uint8_t *path;			/* ITEMs in chain order */
	size_t path_size;
	struct response_shard *shards;
	size_t shards_count;
};

struct response {
	uint8_t *record;
	size_t record_size;
	uint32_t num;
	uint32_t seconds_left;
	uint32_t check_interval;	/* group policy 1 */
	uint32_t expiration_delta;	/* group policy 2 */
	int32_t scheme;
	struct response_management management;
	bool has_sid;
	uint16_t sid;
	bool has_seal;
	uint8_t seal[CPNS_SEAL_SIZE];
	uint8_t *roster;
	size_t roster_size;
	uint32_t age;
};

enum status_condition {
	STATUS_IV_LOW = 1, STATUS_SEQUENCE_LOW, STATUS_SPI_COLLISION,
	STATUS_INSTALL_FAILED,
};

#define STATUS_RECORD_SIZE	8

struct status_report {
	uint32_t num;
	bool has_record;
	uint8_t record[STATUS_RECORD_SIZE];	/* its payload's hash begins so */
	bool has_capabilities;
	struct capabilities capabilities;
	uint8_t conditions[4];
	size_t conditions_count;
};

int registration_encode(const struct registration *registration,
			uint8_t **bytes, size_t *size);
int registration_decode(const uint8_t *bytes, size_t size,
			struct registration *registration,
			char *reason, size_t room);
int join_request_encode(const struct join_request *request,
			uint8_t **bytes, size_t *size);
int join_request_decode(const uint8_t *bytes, size_t size,
			struct join_request *request,
			char *reason, size_t room);
int response_encode(const struct response *response,
		    uint8_t **bytes, size_t *size);
int response_decode(const uint8_t *bytes, size_t size,
		    struct response *response, char *reason, size_t room);
void response_free(struct response *response);
void response_management_free(struct response_management *management);
int status_encode(const struct status_report *status,
		  uint8_t **bytes, size_t *size);
int status_decode(const uint8_t *bytes, size_t size,
		  struct status_report *status, char *reason, size_t room);

/* CBOR uint of /num, and the array of records of /records */
int num_encode(uint32_t num, uint8_t **bytes, size_t *size);
int num_decode(const uint8_t *bytes, size_t size, uint32_t *num);

struct record_bytes {
	const uint8_t *bytes;
	size_t size;
};

int records_encode(const struct record_bytes *records, size_t count,
		   uint8_t **bytes, size_t *size);
/* views into @bytes; at most 64 */
int records_decode(const uint8_t *bytes, size_t size,
		   struct record_bytes *records, size_t room, size_t *count);

/* RFC 9290 concise problem details with RFC 9594's error (key 0) */
#define PROBLEM_NO_ERROR_ID	INT32_MIN

int problem_encode(const char *title, int32_t error_id,
		   uint8_t **bytes, size_t *size);
int problem_decode(const uint8_t *bytes, size_t size, char *title,
		   size_t room, int32_t *error_id);

#endif
