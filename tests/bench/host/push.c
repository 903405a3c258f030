// SPDX-License-Identifier: GPL-2.0-only
/*
 * A new epoch to many observers: how long until the slowest have received it
 * and until their reports are taken, against libcoap's own coap-server that
 * sends a static body of the same size to as many, over TLS too; and what a
 * member takes of the server's memory.
 *
 * usage: bench_push push DIRECTORY, as bench_sessions.
 *
 * Time begins before the request that causes it: `group rekey`
 * for ours (epoch, signature and store are part of it), a PUT of the resource
 * for the peer's.  Each observer reports at once, ours to its status
 * resource, the peer's with the same bytes to another resource.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"
#include "proto/response.h"

#define OUR_PORT	5684u
#define PEER_PORT	5694u
#define PATIENCE	60.0		/* s for one round */
/*
 * s after each round: our epochs are DTD + 1 s apart, and a server that rested
 * is faster to begin with than one that has just served.
 */
#define REST		3
#define EVENTS		256
#define SGID_FORM	"sip:push-%u%s@cpns.example"

struct observer {
	struct member member;
	char report[128];		/* path of its status */
	double received, reported;	/* s since the cause, 0: not yet */
};

struct run {
	unsigned int count;		/* observers */
	bool logged;			/* a line for each delivery */
};

/* one server and those who observe it */
struct side {
	unsigned int port;
	pid_t server;
	struct observer *observers;
	unsigned int count;
	char path[64];			/* what is observed */
	int epoll;
	size_t body_size;		/* of the last notification */
	uint8_t body[65536];
	uint32_t num;			/* of the last notification */
	unsigned int notified, reported;
	double began;
};

struct times {
	double received_half, received_most, reported_half, reported_most;
};

static int report(struct side *side, struct observer *observer,
		  unsigned int format)
{
	struct status_report status = { .num = side->num };
	struct call call = { .method = 3, .path = observer->report,
			     .format = (int)format, .token = 's' };
	uint8_t *body;
	int result = status_encode(&status, &body, &call.body_size);

	if (result)
		return result;
	call.body = body;
	result = member_send(&observer->member, &call);
	free(body);
	return result;
}

/* label 9 of the response: enough for the number, and cheap */
static uint32_t num_of(const struct message *message)
{
	struct response response;
	char reason[128];
	uint32_t num = 0;

	if (!response_decode(message->body, message->body_size, &response,
			     reason, sizeof(reason))) {
		num = response.num;
		response_free(&response);
	}
	return num;
}

static int take(struct side *side, struct observer *observer,
		const struct message *message)
{
	double now = load_now() - side->began;

	if (message->token == 'o' && message->code == 205) {
		if (observer->received)
			return 0;
		observer->received = now;
		side->notified++;
		/* the first tells what all of them have */
		if (side->notified == 1 && side->port == OUR_PORT) {
			side->num = num_of(message);
			side->body_size = message->body_size;
		}
		return report(side, observer, 261);
	}
	if (message->token == 's' && message->code / 100 == 2 &&
	    !observer->reported) {
		observer->reported = now;
		side->reported++;
		return 0;
	}
	fprintf(stderr, "%s: unexpected %u, token %c\n", observer->member.node,
		message->code, message->token);
	return message->code / 100 == 2 ? 0 : -EPROTO;
}

static int hear(struct side *side, struct observer *observer)
{
	struct message message;
	int result;

	for (;;) {
		result = member_receive(&observer->member, &message);
		if (result == -EAGAIN)
			return 0;
		if (!result)
			result = take(side, observer, &message);
		if (result)
			return result;
	}
}

/* answers what came meanwhile: a session whose pings are not is ended */
static int stay_alive(struct side *side)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(side->epoll, events, EVENTS, 0), i, result;

	for (i = 0; i < count; i++) {
		result = hear(side, events[i].data.ptr);
		if (result)
			return result;
	}
	return 0;
}

/* until all have reported */
static int wait_for_all(struct side *side)
{
	struct epoll_event events[EVENTS];
	int count, i, result;

	while (side->reported < side->count) {
		if (load_now() - side->began > PATIENCE) {
			fprintf(stderr, "%u received, %u reported of %u\n",
				side->notified, side->reported, side->count);
			return -ETIMEDOUT;
		}
		count = epoll_wait(side->epoll, events, EVENTS, 1000);
		for (i = 0; i < count; i++) {
			result = hear(side, events[i].data.ptr);
			if (result)
				return result;
		}
	}
	return 0;
}

static void percentiles(const struct side *side, struct times *times)
{
	double *values = malloc(side->count * 2 * sizeof(*values));
	double *other = values + side->count;
	unsigned int i, most = side->count / 100;

	if (!values)
		return;
	for (i = 0; i < side->count; i++) {
		values[i] = side->observers[i].received;
		other[i] = side->observers[i].reported;
	}
	times->received_half = load_order(values, side->count,
					  side->count / 2);
	times->received_most = load_order(values, side->count,
					  side->count - 1 - most);
	times->reported_half = load_order(other, side->count,
					  side->count / 2);
	times->reported_most = load_order(other, side->count,
					  side->count - 1 - most);
	free(values);
}

static void begin(struct side *side)
{
	unsigned int i;

	for (i = 0; i < side->count; i++) {
		side->observers[i].received = 0;
		side->observers[i].reported = 0;
	}
	side->notified = 0;
	side->reported = 0;
	side->began = load_now();
}

static int push_ours(struct side *side, const char *sgid,
		     struct times *times)
{
	int result;

	begin(side);
	result = control_call("group-rekey", sgid, "reason", "timer") ?:
		 wait_for_all(side);
	percentiles(side, times);
	sleep(REST);
	return result;
}

static int push_peer(struct side *side, struct member *cause,
		     struct times *times)
{
	struct call put = { .method = 3, .path = "key", .format = 42,
			    .token = 'u', .body = side->body,
			    .body_size = side->body_size };
	struct message message;
	int result;

	/* a PUT of what is there already notifies nobody */
	side->body[0]++;
	begin(side);
	result = member_send(cause, &put) ?: wait_for_all(side) ?:
		 member_receive(cause, &message);
	percentiles(side, times);
	sleep(REST);
	return result;
}

/* observes, takes the first answer, and is non-blocking from then on */
static int observe(struct side *side, struct observer *observer)
{
	struct call call = { .method = 1, .path = side->path, .observe = true,
			     .format = -1, .token = 'o' };
	struct epoll_event event = { .events = EPOLLIN,
				     .data.ptr = observer };
	struct message message;
	int result = member_call(&observer->member, &call, &message);

	if (result)
		return result;
	if (message.code != 205)
		return -EPROTO;
	if (side->port == OUR_PORT) {
		side->num = num_of(&message);
		side->body_size = message.body_size;
		memcpy(side->body, message.body, message.body_size);
	}
	result = report(side, observer, 261) ?:
		 member_receive(&observer->member, &message);
	if (result || message.code / 100 != 2)
		return result ?: -EPROTO;
	if (fcntl(observer->member.fd, F_SETFL, O_NONBLOCK) ||
	    epoll_ctl(side->epoll, EPOLL_CTL_ADD, observer->member.fd, &event))
		return -errno;
	return 0;
}

/* @other is connected already, or NULL */
static int connect_all(struct side *side, struct side *other,
		       struct authority *authority, const char *sgid)
{
	struct observer *observer;
	struct message message;
	char node[24];
	unsigned int i;
	int result = 0;

	side->observers = calloc(side->count, sizeof(*side->observers));
	side->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!side->observers || side->epoll < 0)
		return -ENOMEM;
	for (i = 0; i < side->count && !result; i++) {
		observer = &side->observers[i];
		snprintf(node, sizeof(node), "m%u", i);
		if (side->port == OUR_PORT)
			snprintf(observer->report, sizeof(observer->report),
				 "ace-group|%s|nodes|%s|status", sgid, node);
		else
			snprintf(observer->report, sizeof(observer->report),
				 "status");
		result = member_open(&observer->member, authority, node) ?:
			 member_connect(&observer->member, authority,
					side->port) ?:
			 member_coap_begin(&observer->member);
		if (!result && side->port == OUR_PORT)
			result = member_join(&observer->member, sgid,
					     ROLE_BIT_RECEIVER, &message);
		if (!result)
			result = observe(side, observer);
		if (!result && other)
			result = stay_alive(other);
		if (!result && i % 64 == 63)
			result = stay_alive(side);
	}
	if (result)
		fprintf(stderr, "observer %u: %s\n", i, strerror(-result));
	return result;
}

static void disconnect_all(struct side *side)
{
	unsigned int i;

	for (i = 0; side->observers && i < side->count; i++) {
		/* no farewell: the server may be one that ends anyway */
		if (side->observers[i].member.ssl)
			SSL_set_quiet_shutdown(side->observers[i].member.ssl,
					       1);
		member_close(&side->observers[i].member);
	}
	free(side->observers);
	close(side->epoll);
}

struct series {
	double ours[LOAD_ROUNDS], peer[LOAD_ROUNDS], again[LOAD_ROUNDS];
};

static void keep(struct series series[4], unsigned int round, int which,
		 const struct times *times)
{
	const double values[4] = {
		times->received_half, times->received_most,
		times->reported_half, times->reported_most,
	};
	int i;

	/* as rates: of two the larger is the better, as in all pairs */
	for (i = 0; i < 4; i++)
		(which == 0 ? series[i].ours : which == 1 ? series[i].peer :
		 series[i].again)[round] = 1 / values[i];
}

static void print(const struct series series[4], const struct run *run)
{
	static const char *const names[] = {
		"received, p50", "received, p99", "reported, p50",
		"reported, p99",
	};
	char what[64];
	int i;

	for (i = 0; i < 4; i++) {
		snprintf(what, sizeof(what), "%u observers%s, %s", run->count,
			 run->logged ? ", logged" : "", names[i]);
		print_pair("push", what, "push",
			   "libcoap's coap-server, static body",
			   run->logged ? 0 : 1 / 1.5,
			   series[i].ours, series[i].peer, series[i].again);
		print_figure("push", what, "ms",
			     1e3 / load_median(series[i].ours, LOAD_ROUNDS));
	}
}

static int measure(struct authority *authority, const struct run *run,
		   struct side *ours, struct side *peer, const char *sgid)
{
	static struct series series[4];
	struct member cause;
	struct call put = { .method = 3, .path = "key", .format = 42,
			    .token = 'u' };
	struct message message;
	struct times times;
	double listed, joined;
	unsigned int i;
	int result;

	listed = server_resident(ours->server);
	result = connect_all(ours, NULL, authority, sgid);
	if (result)
		return result;
	joined = server_resident(ours->server);
	print_figure("push", "server's memory for a member with a session",
		     "KiB", (joined - listed) / ours->count);
	memcpy(peer->body, ours->body, ours->body_size);
	peer->body_size = ours->body_size;
	peer->num = ours->num;
	print_figure("push", "body of a notification", "bytes",
		     (double)ours->body_size);
	put.body = peer->body;
	put.body_size = peer->body_size;
	result = member_open(&cause, authority, "cause") ?:
		 member_connect(&cause, authority, PEER_PORT) ?:
		 member_coap_begin(&cause) ?:
		 member_call(&cause, &put, &message) ?:
		 connect_all(peer, ours, authority, sgid);
	if (!result)	/* once for what is done once in a session */
		result = push_ours(ours, sgid, &times) ?:
			 push_peer(peer, &cause, &times);
	for (i = 0; i < LOAD_ROUNDS && !result; i++) {
		result = push_ours(ours, sgid, &times);
		keep(series, i, 0, &times);
		result = result ?: push_peer(peer, &cause, &times);
		keep(series, i, 1, &times);
		result = result ?: push_peer(peer, &cause, &times);
		keep(series, i, 2, &times);
	}
	if (!result)
		print(series, run);
	member_close(&cause);
	return result;
}

static int bench(struct authority *authority, const char *directory,
		 const struct run *run)
{
	static struct side ours, peer;
	char cert[300], key[300], ca[300], log[300], sgid[64], *document;
	char *const our_arguments[] = {
		getenv("CPNSD"), "--config-dir", (char *)directory,
		run->logged ? NULL : "--quiet", NULL,
	};
	char *const peer_arguments[] = {
		"coap-server-openssl", "-A", "127.0.0.1", "-p", "5693",
		"-d", "4", "-v", "2", "-c", cert, "-j", key, "-C", ca, NULL,
	};
	double before;
	int result;

	memset(&ours, 0, sizeof(ours));
	memset(&peer, 0, sizeof(peer));
	ours.count = run->count;
	peer.count = run->count;
	ours.port = OUR_PORT;
	peer.port = PEER_PORT;
	snprintf(cert, sizeof(cert), "%s/node.pem", directory);
	snprintf(key, sizeof(key), "%s/node.key", directory);
	snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
	snprintf(sgid, sizeof(sgid), SGID_FORM, run->count,
		 run->logged ? "-logged" : "");
	snprintf(ours.path, sizeof(ours.path), "ace-group|%.50s", sgid);
	snprintf(peer.path, sizeof(peer.path), "key");
	snprintf(log, sizeof(log), "%s/cpnsd.log", directory);
	ours.server = server_start(our_arguments, log, OUR_PORT);
	snprintf(log, sizeof(log), "%s/peer.log", directory);
	peer.server = server_start(peer_arguments, log, PEER_PORT);
	if (ours.server < 0 || peer.server < 0)
		return -1;
	document = group_document(sgid, run->count, "roles=\"receiver\" delivery=\"push\"",
				  "atd=\"0\" dtd=\"1\" batch-ms=\"0\"");
	before = server_resident(ours.server);
	result = control_call("group-create", NULL, "document", document);
	free(document);
	if (!result)
		print_figure("push", "server's memory for a listed member",
			     "KiB", (server_resident(ours.server) - before) /
				    run->count);
	if (!result)
		result = measure(authority, run, &ours, &peer, sgid);
	disconnect_all(&ours);
	disconnect_all(&peer);
	server_stop(ours.server);
	server_stop(peer.server);
	return result;
}

int main(int argc, char **argv)
{
	static const struct run runs[] = {
		{ 1000, false }, { 4000, false }, { 1000, true },
	};
	struct authority authority = { };
	int result;
	size_t i;

	if (argc != 3 || !getenv("CPNSD"))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	load_apart();
	result = authority_open(&authority, argv[2]);
	for (i = 0; i < sizeof(runs) / sizeof(*runs) && !result; i++)
		result = bench(&authority, argv[2], &runs[i]);
	authority_close(&authority);
	return result ? print_error("push", "server", "see the log") : 0;
}
