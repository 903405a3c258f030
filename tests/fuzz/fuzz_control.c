// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local control socket (control.c): a peer's bytes in pieces, with
 * handlers that answer at once, later, and never. The source file is taken in
 * whole, because the peer's side of a connection is its own affair: a pair of
 * sockets stands for a connection, no path is bound.
 *
 * The first byte of the input: bit 0 the peer is an administrator, bits 1 and
 * 2 the size of the pieces, bit 3 the peer goes away before the last answer.
 */
#include "control.c"

#include <assert.h>

#include "fuzz.h"

static struct loop loop;
static struct control control;
static struct control_reply *held;

static void echo(void *context, const struct control_request *request,
		 struct control_reply *reply)
{
	struct json_object *answer = json_object_new_object(), *text;

	(void)context;
	if (!json_object_object_get_ex(request->body, "text", &text)) {
		json_object_put(answer);
		control_reply_errno(reply, CONTROL_USAGE, ENOKEY, "no text in %s",
				    request->verb);
		return;
	}
	json_object_object_add(answer, "text", json_object_get(text));
	control_reply_ok(reply, answer);
}

static void later(void *context, const struct control_request *request,
		  struct control_reply *reply)
{
	(void)context;
	(void)request;
	FUZZ_ASSERT(!held);
	held = reply;
}

static void admin(void *context, const struct control_request *request,
		  struct control_reply *reply)
{
	(void)context;
	FUZZ_ASSERT(request->admin);
	control_reply_ok(reply, NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_open("fuzz", LOG_EMERG);
	FUZZ_ASSERT(!loop_open(&loop));
	control.loop = &loop;
	control.fd = -1;
	FUZZ_ASSERT(!control_register(&control, "echo", false, echo, NULL));
	FUZZ_ASSERT(!control_register(&control, "later", false, later, NULL));
	FUZZ_ASSERT(!control_register(&control, "admin", true, admin, NULL));
	return 0;
}

static int connect_peer(bool is_admin)
{
	struct control_client *client = calloc(1, sizeof(*client));
	int ends[2];

	FUZZ_ASSERT(client);
	FUZZ_ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	client->control = &control;
	client->fd = ends[0];
	client->admin = is_admin;
	client->next = control.clients;
	control.clients = client;
	control.clients_count++;
	loop_fd_start(&loop, &client->watch, ends[0], client_ready, client);
	return ends[1];
}

/* every answer is a line of JSON that says whether it went well */
static void take_answers(int peer)
{
	static char text[1 << 18];
	ssize_t got = recv(peer, text, sizeof(text) - 1, MSG_DONTWAIT);
	char *line, *end;

	if (got <= 0)
		return;
	text[got] = '\0';
	for (line = text; *line; line = end + 1) {
		struct json_object *answer, *ok;

		end = strchr(line, '\n');
		FUZZ_ASSERT(end);
		*end = '\0';
		answer = json_tokener_parse(line);
		FUZZ_ASSERT(json_object_object_get_ex(answer, "ok", &ok) &&
			    json_object_is_type(ok, json_type_boolean));
		json_object_put(answer);
	}
	FUZZ_ASSERT(line == text + got);
}

static void answer_held(void)
{
	struct control_reply *reply = held;

	held = NULL;
	if (reply)
		control_reply_ok(reply, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = { 8192, 1, 7, 100 };
	size_t piece, at;
	int peer;

	if (!size)
		return 0;
	piece = pieces[data[0] >> 1 & 3];
	peer = connect_peer(data[0] & 1);
	for (at = 1; at < size && control.clients; at += piece) {
		if (piece > size - at)
			piece = size - at;
		FUZZ_ASSERT(send(peer, data + at, piece, 0) == (ssize_t)piece);
		client_ready(control.clients);
		take_answers(peer);
		if (at + piece < size || !(data[0] & 8))
			answer_held();
		take_answers(peer);
	}
	while (held && !(data[0] & 8)) {
		answer_held();
		take_answers(peer);
	}
	close(peer);
	if (control.clients)
		client_ready(control.clients);
	FUZZ_ASSERT(!control.clients && !control.clients_count);
	/* the peer has gone: nobody is told */
	answer_held();
	return 0;
}
