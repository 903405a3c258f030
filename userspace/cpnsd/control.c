// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local control socket: JSON lines, one request and one answer a line.
 *
 * One thread.  A client owns its buffer and its replies; a reply outlives
 * its client as an empty shell until its handler finishes it.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cpns/cpns.h>
#include <openssl/crypto.h>

#include "control.h"
#include "log.h"

#define CONTROL_VERBS_MAX	64
#define CONTROL_CLIENTS_MAX	256
#define CONTROL_LINE_MAX	(2u << 20)	/* a group document and more */
#define CONTROL_SEND_SECONDS	2

struct control_verb {
	char name[32];
	bool admin;
	control_handler handler;
	void *context;
};

struct control_client {
	struct control_client *next;
	struct control *control;
	struct loop_fd watch;
	int fd;
	struct ucred peer;
	bool admin;
	char *line;
	size_t used, room;
	struct control_reply *reply;	/* one under way at a time */
	bool serving;			/* client_serve() is on the stack */
	bool closing;			/* it closes the client at its end */
};

struct control_reply {
	struct control_client *client;	/* NULL: the peer has gone */
};

struct control {
	struct loop *loop;
	struct loop_fd watch;
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct control_verb verbs[CONTROL_VERBS_MAX];
	size_t verbs_count;
	struct control_client *clients;
	size_t clients_count;
};

static void client_serve(struct control_client *client);

static void client_close(struct control_client *client)
{
	struct control *control = client->control;
	struct control_client **link;

	if (client->serving) {
		client->closing = true;
		return;
	}
	for (link = &control->clients; *link != client; link = &(*link)->next)
		;
	*link = client->next;
	control->clients_count--;
	if (client->reply)
		client->reply->client = NULL;
	loop_fd_stop(&client->watch);
	close(client->fd);
	free(client->line);
	free(client);
}

/* answers are small against the socket's buffer; a stuck peer is dropped */
static int client_send(struct control_client *client, const char *text,
		       size_t size)
{
	while (size) {
		ssize_t sent = send(client->fd, text, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		text += sent;
		size -= (size_t)sent;
	}
	return 0;
}

/* text members of an answer: one of them may be a one-time token */
static void wipe_texts(struct json_object *answer)
{
	const char *text;

	json_object_object_foreach(answer, name, value) {
		(void)name;
		if (!json_object_is_type(value, json_type_string))
			continue;
		text = json_object_get_string(value);
		OPENSSL_cleanse((char *)(uintptr_t)text, strlen(text));
	}
}

static void reply_finish(struct control_reply *reply,
			 struct json_object *answer)
{
	struct control_client *client = reply->client;
	const char *text;
	char *line = NULL;
	int size;

	free(reply);
	if (client) {
		client->reply = NULL;
		text = json_object_to_json_string_ext(answer,
						      JSON_C_TO_STRING_PLAIN);
		size = asprintf(&line, "%s\n", text);
		/* json-c's copy: an answer may hold a one-time token */
		OPENSSL_cleanse((char *)(uintptr_t)text, strlen(text));
		if (size < 0 || client_send(client, line, (size_t)size))
			client_close(client);
		else
			client_serve(client);
		if (size >= 0) {
			OPENSSL_cleanse(line, (size_t)size);
			free(line);
		}
	}
	wipe_texts(answer);
	json_object_put(answer);
}

/**
 * control_reply_ok - finish a request that succeeded
 * @reply: given to the handler; gone afterwards
 * @result: object whose members are answered, or NULL; taken over
 */
void control_reply_ok(struct control_reply *reply, struct json_object *result)
{
	if (!result)
		result = json_object_new_object();
	json_object_object_add(result, "ok", json_object_new_boolean(1));
	reply_finish(reply, result);
}

/**
 * control_reply_error - finish a request that was refused or failed
 * @reply: given to the handler; gone afterwards
 * @exit_code: cpnsctl's exit code (wire.md section 6)
 * @format: what is wrong and what to do, for people
 */
void control_reply_error(struct control_reply *reply, int exit_code,
			 const char *format, ...)
{
	struct json_object *answer = json_object_new_object();
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_object_object_add(answer, "ok", json_object_new_boolean(0));
	json_object_object_add(answer, "error", json_object_new_string(text));
	json_object_object_add(answer, "exit", json_object_new_int(exit_code));
	reply_finish(reply, answer);
}

/* by hand: strerrorname_np(3) is glibc's alone */
static const char *errno_name(int number)
{
	switch (number) {
	case EACCES:
		return "EACCES";
	case ENOKEY:
		return "ENOKEY";
	case ETIMEDOUT:
		return "ETIMEDOUT";
	case EKEYREJECTED:
		return "EKEYREJECTED";
	case EKEYREVOKED:
		return "EKEYREVOKED";
	case EHOSTUNREACH:
		return "EHOSTUNREACH";
	case EBUSY:
		return "EBUSY";
	case ENOMEM:
		return "ENOMEM";
	default:
		return "EIO";
	}
}

/**
 * control_reply_errno - finish a request that a system call stands behind
 * @reply: given to the handler; gone afterwards
 * @exit_code: cpnsctl's exit code (wire.md section 6)
 * @number: errno that the system call shall fail with, positive
 * @format: what is wrong and what to do, for people
 */
void control_reply_errno(struct control_reply *reply, int exit_code,
			 int number, const char *format, ...)
{
	struct json_object *answer = json_object_new_object();
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_object_object_add(answer, "ok", json_object_new_boolean(0));
	json_object_object_add(answer, "error", json_object_new_string(text));
	json_object_object_add(answer, "exit", json_object_new_int(exit_code));
	json_object_object_add(answer, "errno",
			       json_object_new_string(errno_name(number)));
	reply_finish(reply, answer);
}

static const struct control_verb *find_verb(const struct control *control,
					    const char *name)
{
	size_t i;

	for (i = 0; i < control->verbs_count; i++)
		if (!strcmp(control->verbs[i].name, name))
			return &control->verbs[i];
	return NULL;
}

static void client_request(struct control_client *client, const char *line,
			   size_t size)
{
	struct control_request request = {
		.pid = client->peer.pid,
		.uid = client->peer.uid,
		.gid = client->peer.gid,
		.admin = client->admin,
	};
	struct control_reply *reply = calloc(1, sizeof(*reply));
	const struct control_verb *verb = NULL;
	struct json_tokener *parser = json_tokener_new_ex(16);
	struct json_object *name;

	if (!reply || !parser) {
		free(reply);
		if (parser)
			json_tokener_free(parser);
		client_close(client);
		return;
	}
	reply->client = client;
	client->reply = reply;
	json_tokener_set_flags(parser, JSON_TOKENER_STRICT);
	request.body = json_tokener_parse_ex(parser, line, (int)size);
	json_tokener_free(parser);
	if (!request.body ||
	    !json_object_is_type(request.body, json_type_object) ||
	    !json_object_object_get_ex(request.body, "verb", &name) ||
	    !json_object_is_type(name, json_type_string)) {
		control_reply_error(reply, CONTROL_USAGE,
				    "not a JSON object with a verb");
		json_object_put(request.body);
		return;
	}
	request.verb = json_object_get_string(name);
	verb = find_verb(client->control, request.verb);
	if (!verb)
		control_reply_error(reply, CONTROL_USAGE,
				    "this cpnsd does not know '%s' (is it of another role?)",
				    request.verb);
	else if (verb->admin && !client->admin)
		control_reply_error(reply, CONTROL_REFUSED,
				    "'%s' is for root and the group cpns-admin",
				    request.verb);
	else
		verb->handler(verb->context, &request, reply);
	json_object_put(request.body);
}

/* one whole line out of the buffer, or NULL */
static char *client_take_line(struct control_client *client, size_t *size)
{
	char *end, *line;

	end = client->used ? memchr(client->line, '\n', client->used) : NULL;
	if (!end) {
		if (client->used >= CONTROL_LINE_MAX)
			client->closing = true;
		return NULL;
	}
	*size = (size_t)(end - client->line);
	/* as many bytes as the parser is told of: there may be NULs in it */
	line = malloc(*size + 1);
	if (line) {
		memcpy(line, client->line, *size);
		line[*size] = '\0';
	}
	client->used -= *size + 1;
	memmove(client->line, end + 1, client->used);
	client->closing |= !line;
	return line;
}

/*
 * Serve the lines that are there, one answer after the other.  A reply that
 * is finished while a line is served comes back here: it returns at once and
 * the loop below goes on, so that a peer cannot make us recurse.
 */
static void client_serve(struct control_client *client)
{
	size_t size;
	char *line;

	if (client->serving)
		return;
	client->serving = true;
	while (!client->reply && !client->closing) {
		line = client_take_line(client, &size);
		if (!line)
			break;
		client_request(client, line, size);
		free(line);
	}
	client->serving = false;
	if (client->closing)
		client_close(client);
}

static void client_ready(void *context)
{
	struct control_client *client = context;
	ssize_t got;

	if (client->room - client->used < 4096) {
		size_t room = client->room ? 2 * client->room : 8192;
		char *line;

		if (room > 2 * CONTROL_LINE_MAX) {
			client_close(client);
			return;
		}
		line = realloc(client->line, room);
		if (!line) {
			client_close(client);
			return;
		}
		client->line = line;
		client->room = room;
	}
	got = recv(client->fd, client->line + client->used,
		   client->room - client->used, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		client_close(client);
		return;
	}
	client->used += (size_t)got;
	client_serve(client);
}

/* of the process: SupplementaryGroups= gives it to users not listed for it */
static bool has_group(int fd, gid_t group)
{
	gid_t *groups = NULL, *room;
	socklen_t size = 0;
	bool found = false;
	size_t i;

	while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size)) {
		room = errno == ERANGE ? realloc(groups, size) : NULL;
		if (!room) {
			free(groups);
			return false;
		}
		groups = room;
	}
	for (i = 0; i < size / sizeof(*groups); i++)
		found = found || groups[i] == group;
	free(groups);
	return found;
}

static bool in_admin_group(int fd, const struct ucred *peer)
{
	struct passwd *user;
	struct group *group;
	char **member;

	if (peer->uid == 0)
		return true;
	group = getgrnam("cpns-admin");
	if (!group)
		return false;
	if (peer->gid == group->gr_gid || has_group(fd, group->gr_gid))
		return true;
	user = getpwuid(peer->uid);
	for (member = group->gr_mem; user && *member; member++)
		if (!strcmp(*member, user->pw_name))
			return true;
	return false;
}

static void socket_ready(void *context)
{
	struct timeval limit = { .tv_sec = CONTROL_SEND_SECONDS };
	struct control *control = context;
	struct control_client *client;
	socklen_t size;
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	client = calloc(1, sizeof(*client));
	size = sizeof(client->peer);
	if (!client || control->clients_count >= CONTROL_CLIENTS_MAX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->peer, &size)) {
		free(client);
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	client->control = control;
	client->fd = fd;
	client->admin = in_admin_group(fd, &client->peer);
	client->next = control->clients;
	control->clients = client;
	control->clients_count++;
	loop_fd_start(control->loop, &client->watch, fd, client_ready, client);
}

/* a live daemon's socket must not be taken away from it */
static int bind_socket(struct control *control)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct group *group = getgrnam("cpns-admin");
	int probe, error = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		 control->path);
	if (mkdir("/run/cpns", 0755) && errno != EEXIST)
		return -errno;
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return -errno;
	if (!connect(probe, (struct sockaddr *)&address, sizeof(address)))
		error = -EADDRINUSE;
	close(probe);
	if (error) {
		log_error("another cpnsd of this network namespace serves %s",
			  control->path);
		return error;
	}
	unlink(control->path);
	if (bind(control->fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (chmod(control->path, 0660) ||
	    (group && chown(control->path, (uid_t)-1, group->gr_gid) &&
	     geteuid() == 0))
		return -errno;
	return listen(control->fd, 64) ? -errno : 0;
}

/**
 * control_open - serve the control socket of this network namespace
 * @control: the result
 * @loop: the daemon's loop
 *
 * Return: 0, -EADDRINUSE if another daemon serves it, or -errno.
 */
int control_open(struct control **control, struct loop *loop)
{
	struct control *made = calloc(1, sizeof(*made));
	int error;

	*control = NULL;
	if (!made)
		return -ENOMEM;
	made->loop = loop;
	error = cpns_control_path(0, made->path, sizeof(made->path));
	if (!error) {
		made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		error = made->fd < 0 ? -errno : bind_socket(made);
		if (error && made->fd >= 0)
			close(made->fd);
	}
	if (error) {
		free(made);
		return error;
	}
	loop_fd_start(loop, &made->watch, made->fd, socket_ready, made);
	*control = made;
	return 0;
}

/**
 * control_close - stop serving; replies not finished become no-ops
 * @control: from control_open(), or NULL
 */
void control_close(struct control *control)
{
	if (!control)
		return;
	while (control->clients)
		client_close(control->clients);
	loop_fd_stop(&control->watch);
	close(control->fd);
	unlink(control->path);
	free(control);
}

/**
 * control_register - take a verb
 * @control: the socket
 * @verb: its name, copied
 * @admin: only uid 0 and the group cpns-admin may call it
 * @handler: called in the loop's thread; finishes the reply now or later
 * @context: handed to @handler
 *
 * Return: 0, -EEXIST if a role has taken it, -ENOSPC.
 */
int control_register(struct control *control, const char *verb, bool admin,
		     control_handler handler, void *context)
{
	struct control_verb *slot;

	if (find_verb(control, verb))
		return -EEXIST;
	if (control->verbs_count == CONTROL_VERBS_MAX)
		return -ENOSPC;
	slot = &control->verbs[control->verbs_count++];
	snprintf(slot->name, sizeof(slot->name), "%s", verb);
	slot->admin = admin;
	slot->handler = handler;
	slot->context = context;
	return 0;
}
