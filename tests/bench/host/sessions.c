// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a member's connection costs the CPNS Server: joins with a whole TLS
 * handshake, against the handshakes of `openssl s_server -quiet`, and pulls on
 * open sessions, against libcoap's own coap-server with a static resource of
 * the same size.  Neither logs more than errors: so ours with --quiet, and
 * once more, not judged, with a line for each delivery.
 *
 * usage: bench_sessions join|join-logged|pull|pull-logged DIRECTORY
 * The directory has what `cpnsctl node issue --server main --san 127.0.0.1`
 * made.  Rates are for a second of the server's processor time, all of its
 * threads, so that it does not count what the members cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define OUR_PORT	5684u
#define PEER_PORT	5694u		/* TLS of coap-server -p 5693 */
#define MEMBERS		100u		/* of each group, each joins once a round */
#define SESSIONS	16u
#define PULLS		800u		/* a round */

struct bench {
	const char *name;
	char directory[256];
	struct authority authority;
	struct member members[MEMBERS];
	pid_t ours, peer;
};

static const char *path_in(const struct bench *bench, const char *file)
{
	static char paths[8][512];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", bench->directory, file);
	return path;
}

static void sgid_of(char sgid[64], unsigned int round)
{
	snprintf(sgid, 64, "sip:bench-%u@cpns.example", round);
}

static bool is_logged(const struct bench *bench)
{
	return strstr(bench->name, "-logged");
}

/* our server, and a group for each round: each join is a member's first */
static int start_ours(struct bench *bench, unsigned int groups)
{
	char *const arguments[] = {
		getenv("CPNSD"), "--config-dir", bench->directory,
		is_logged(bench) ? NULL : "--quiet", NULL,
	};
	char sgid[64], *document;
	unsigned int i;
	int error = 0;

	bench->ours = server_start(arguments, path_in(bench, "cpnsd.log"),
				   OUR_PORT);
	if (bench->ours < 0)
		return -1;
	for (i = 0; i < groups && !error; i++) {
		sgid_of(sgid, i);
		document = group_document(sgid, MEMBERS,
					  "roles=\"sender receiver\"",
					  "atd=\"0\" dtd=\"1\" batch-ms=\"0\"");
		error = control_call("group-create", NULL, "document",
				     document);
		free(document);
	}
	return error;
}

static int join_all(struct bench *bench, unsigned int round)
{
	struct message message;
	char sgid[64];
	unsigned int i;
	int error;

	sgid_of(sgid, round);
	for (i = 0; i < MEMBERS; i++) {
		error = member_connect(&bench->members[i], &bench->authority,
				       OUR_PORT) ?:
			member_coap_begin(&bench->members[i]) ?:
			member_join(&bench->members[i], sgid, 3, &message);
		if (error)
			return error;
		member_disconnect(&bench->members[i]);
	}
	return 0;
}

static int shake_hands(struct bench *bench, unsigned int round)
{
	unsigned int i;
	int error;

	for (i = 0; i < MEMBERS; i++) {
		error = member_connect(&bench->members[i], &bench->authority,
				       PEER_PORT);
		if (error)
			return error;
		member_disconnect(&bench->members[i]);
	}
	return 0;
}

/* operations a second of the server's processor time */
static int rate(struct bench *bench, pid_t server, unsigned int count,
		int (*work)(struct bench *bench, unsigned int round),
		unsigned int round, double *result)
{
	double before = server_seconds(server);
	int error = work(bench, round);

	*result = count / (server_seconds(server) - before);
	return error;
}

static int bench_join(struct bench *bench)
{
	double ours[LOAD_ROUNDS], peer[LOAD_ROUNDS], again[LOAD_ROUNDS];
	char *const arguments[] = {
		"openssl", "s_server", "-accept", "5694", "-tls1_3",
		"-num_tickets", "0", "-www", "-quiet", "-Verify", "3",
		"-verify_return_error", "-CAfile",
		(char *)path_in(bench, "ca.pem"),
		"-cert", (char *)path_in(bench, "node.pem"),
		"-key", (char *)path_in(bench, "node.key"), NULL,
	};
	double began;
	int error = start_ours(bench, LOAD_ROUNDS + 1);
	unsigned int i;

	bench->peer = server_start(arguments, path_in(bench, "peer.log"),
				   PEER_PORT);
	if (error || bench->peer < 0)
		return -1;
	/* what is done once in a server's life is no part of it */
	error = join_all(bench, LOAD_ROUNDS) ?: shake_hands(bench, 0);
	for (i = 0; i < LOAD_ROUNDS && !error; i++)
		error = rate(bench, bench->ours, MEMBERS, join_all, i,
			     &ours[i]) ?:
			rate(bench, bench->peer, MEMBERS, shake_hands, i,
			     &peer[i]) ?:
			rate(bench, bench->peer, MEMBERS, shake_hands, i,
			     &again[i]);
	if (error)
		return error;
	print_pair("join", is_logged(bench) ? "the same, each join logged" :
		   "join with full TLS handshake", "join",
		   "openssl s_server, handshake only",
		   is_logged(bench) ? 0 : 0.5, ours, peer, again);
	began = load_now();
	error = shake_hands(bench, 0);
	print_figure("join", "handshake and end with s_server, in all",
		     "us", (load_now() - began) / MEMBERS * 1e6);
	return error;
}

/* --- pulls --- */

struct pulling {
	struct call call;
	unsigned int wanted;		/* code */
	size_t size;			/* of the body */
};

static struct pulling pull_ours, pull_static;
static struct member peers[SESSIONS];

/* all sessions ask, then all are heard: the server always has work */
static int pull(struct member *members, const struct pulling *pulling)
{
	struct message message;
	unsigned int i, turn;
	int error;

	for (turn = 0; turn < PULLS / SESSIONS; turn++) {
		for (i = 0; i < SESSIONS; i++) {
			error = member_send(&members[i], &pulling->call);
			if (error)
				return error;
		}
		for (i = 0; i < SESSIONS; i++) {
			error = member_receive(&members[i], &message);
			if (error)
				return error;
			if (message.code != pulling->wanted ||
			    message.body_size < pulling->size) {
				fprintf(stderr, "pull: %u, %zu bytes\n",
					message.code, message.body_size);
				return -1;
			}
		}
	}
	return 0;
}

static int pull_group(struct bench *bench, unsigned int round)
{
	return pull(bench->members, &pull_ours);
}

static int pull_resource(struct bench *bench, unsigned int round)
{
	return pull(peers, &pull_static);
}

/* a member of the bench's group and the same node with the peer, connected */
static int open_pair(struct bench *bench, unsigned int i,
		     struct message *message)
{
	struct call call = { .method = 1, .path = pull_ours.call.path,
			     .format = -1, .token = 'p' };

	return member_open(&peers[i], &bench->authority,
			   bench->members[i].node) ?:
	       member_connect(&peers[i], &bench->authority, PEER_PORT) ?:
	       member_coap_begin(&peers[i]) ?:
	       member_connect(&bench->members[i], &bench->authority,
			      OUR_PORT) ?:
	       member_coap_begin(&bench->members[i]) ?:
	       member_join(&bench->members[i], "sip:bench-0@cpns.example", 3,
			   message) ?:
	       member_call(&bench->members[i], &call, message);
}

static int prepare_pulls(struct bench *bench)
{
	struct call put = { .method = 3, .path = "key", .format = 42,
			    .token = 'u' };
	struct message message;
	unsigned int i;
	int error = 0;

	pull_ours.call = (struct call){ .method = 1, .format = -1,
		.path = "ace-group|sip:bench-0@cpns.example", .token = 'p' };
	pull_ours.wanted = 205;
	for (i = 0; i < SESSIONS && !error; i++)
		error = open_pair(bench, i, &message);
	if (error)
		return error;
	pull_ours.size = message.body_size;
	pull_static = pull_ours;
	pull_static.call.path = "key";
	put.body = message.body;
	put.body_size = message.body_size;
	error = member_call(&peers[0], &put, &message);
	if (!error && message.code / 100 != 2)
		error = -1;
	return error;
}

static int bench_pull(struct bench *bench)
{
	double ours[LOAD_ROUNDS], peer[LOAD_ROUNDS], again[LOAD_ROUNDS];
	char *const arguments[] = {
		"coap-server-openssl", "-A", "127.0.0.1", "-p", "5693",
		"-d", "4", "-v", "2",
		"-c", (char *)path_in(bench, "node.pem"),
		"-j", (char *)path_in(bench, "node.key"),
		"-C", (char *)path_in(bench, "ca.pem"), NULL,
	};
	int error = start_ours(bench, 1);
	unsigned int i;

	bench->peer = server_start(arguments, path_in(bench, "peer.log"),
				   PEER_PORT);
	if (error || bench->peer < 0)
		return -1;
	error = prepare_pulls(bench) ?: pull_group(bench, 0) ?:
		pull_resource(bench, 0);
	for (i = 0; i < LOAD_ROUNDS && !error; i++)
		error = rate(bench, bench->ours, PULLS, pull_group, i,
			     &ours[i]) ?:
			rate(bench, bench->peer, PULLS, pull_resource, i,
			     &peer[i]) ?:
			rate(bench, bench->peer, PULLS, pull_resource, i,
			     &again[i]);
	if (!error) {
		print_pair("pull", is_logged(bench) ? "the same, each delivery logged" :
			   "pull on an open session", "pull",
			   "libcoap's coap-server, static resource",
			   is_logged(bench) ? 0 : 0.8, ours, peer, again);
		print_figure("pull", "body", "bytes", (double)pull_ours.size);
	}
	for (i = 0; i < SESSIONS; i++)
		member_close(&peers[i]);
	return error;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	char node[24];
	unsigned int i;
	int error;

	if (argc != 3 || !getenv("CPNSD"))
		return 2;
	bench.name = argv[1];
	snprintf(bench.directory, sizeof(bench.directory), "%s", argv[2]);
	error = authority_open(&bench.authority, bench.directory);
	for (i = 0; i < MEMBERS && !error; i++) {
		snprintf(node, sizeof(node), "m%u", i);
		error = member_open(&bench.members[i], &bench.authority, node);
	}
	if (!error)
		error = strncmp(bench.name, "join", 4) ? bench_pull(&bench) :
							 bench_join(&bench);
	for (i = 0; i < MEMBERS; i++)
		member_close(&bench.members[i]);
	server_stop(bench.ours);
	server_stop(bench.peer);
	authority_close(&bench.authority);
	return error ? print_error(bench.name, "server", "see the log") : 0;
}
