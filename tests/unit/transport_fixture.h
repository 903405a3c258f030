/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A real server and real clients on 127.0.0.1, in one process and one loop,
 * with certificates made in a temporary directory.
 */
#ifndef TESTS_TRANSPORT_FIXTURE_H
#define TESTS_TRANSPORT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "loop.h"
#include "transport/client.h"
#include "transport/server.h"

#define SGID_PATH "sip:sg-42@cpns.example"
#define BIG_SIZE 60000

struct seen {
	unsigned int count;		/* responses */
	unsigned int notifications;
	int code, error, format;
	bool ended;
	int32_t error_id;
	char problem[128];
	char etag[9];
	size_t body_size;
	uint8_t body[65536];
};

struct side {
	struct transport_client *client;
	struct identity_trust *trust;
	bool connected;
	unsigned int losses;
	char reason[256];
};

extern struct loop fixture_loop;
extern struct transport_server *fixture_server;
extern struct identity_trust *fixture_trust;
extern char fixture_directory[64];
extern char fixture_uri[64];
extern unsigned int fixture_port;
/* what the handler saw last */
extern struct transport_request fixture_request;
extern char fixture_peer[96];
extern unsigned int fixture_value;	/* served under /ace-group/... */
extern int fixture_answer_code;		/* other than 0: served as a problem */
extern uint8_t fixture_stored[65536];
extern size_t fixture_stored_size;

const char *fixture_file(const char *name);	/* in the directory */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_server_start(const char *listen_scheme);
void fixture_server_stop(void);
/* runs the loop until *flag is at least wanted; fails after seconds */
void run_until(const unsigned int *count, unsigned int wanted, double seconds);
void run_for(double seconds);

void side_open(struct side *side, const char *name, const char *uri,
	       const char *server_id);
void side_close(struct side *side);
void side_wait_connected(struct side *side);
void side_wait_loss(struct side *side);

struct transport_segment segment(const char *text);
void call(struct side *side, enum transport_method method,
	  const struct transport_segment *path, size_t count, struct seen *seen);
void call_wait(struct side *side, const struct transport_call *call,
	       struct seen *seen);
void seen_done(void *context, const struct transport_response *response);
void make_revocation_list(const char *name, const char *revoked);

#endif
