/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the measuring programs of the CPNS Server share: members that speak
 * CoAP over TLS (RFC 8323) to a server, and servers as processes whose
 * processor time is known.
 *
 * The members are written on OpenSSL alone, so that the same few
 * instructions load our server and its peers.  One thread.
 */
#ifndef CPNS_BENCH_LOAD_H
#define CPNS_BENCH_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_ROUNDS	9

/* --- load_member.c --- */

struct authority {
	X509 *certificate;
	EVP_PKEY *key;			/* of the CA */
	EVP_PKEY *member_key;		/* one for all members */
	SSL_CTX *tls;
};

struct member {
	char node[24];
	X509 *certificate;
	SSL *ssl;
	int fd;
	uint8_t *in;
	size_t in_size, in_room, taken;
};

struct message {
	unsigned int code;		/* 205 is 2.05 */
	uint8_t token;
	const uint8_t *body;		/* until the next receive */
	size_t body_size;
};

struct call {
	unsigned int method;		/* 1 GET, 2 POST, 3 PUT */
	const char *path;		/* segments with '|' between them */
	bool observe;
	int format;			/* -1: none */
	const uint8_t *etag;		/* 8 bytes, or NULL */
	const void *body;
	size_t body_size;
	uint8_t token;
};

int authority_open(struct authority *authority, const char *directory);
void authority_close(struct authority *authority);
int member_open(struct member *member, struct authority *authority,
		const char *node);
void member_close(struct member *member);
int member_connect(struct member *member, struct authority *authority,
		   unsigned int port);
void member_disconnect(struct member *member);
int member_coap_begin(struct member *member);
int member_send(struct member *member, const struct call *call);
int member_receive(struct member *member, struct message *message);
int member_call(struct member *member, const struct call *call,
		struct message *message);
int member_join(struct member *member, const char *sgid, unsigned int roles,
		struct message *message);

/* --- load_server.c --- */

void load_apart(void);
pid_t server_start(char *const *arguments, const char *log,
		   unsigned int port);
void server_stop(pid_t server);
double server_seconds(pid_t server);	/* processor time so far */
double server_resident(pid_t server);	/* KiB */
int control_call(const char *verb, const char *sgid, const char *member,
		 const char *value);
char *group_document(const char *sgid, size_t members, const char *entry,
		     const char *attributes);

double load_now(void);			/* s, monotonic */

/* the lines that tests/bench/run reads */
void print_pair(const char *bench, const char *what, const char *unit,
		const char *peer_name, double least, const double *ours,
		const double *peer, const double *again);
void print_figure(const char *bench, const char *what, const char *unit,
		  double value);
int print_error(const char *bench, const char *what, const char *text);
double load_order(const double *values, size_t count, size_t rank);
double load_median(const double *values, size_t count);

#endif
