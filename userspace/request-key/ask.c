// SPDX-License-Identifier: GPL-2.0-only
/*
 * One request and one answer over the daemon's control socket (JSON lines,
 * verb `request-key`), and what its refusal means as an errno.
 *
 * Threading: one thread, blocking; ASK_SECONDS in all.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"

/* the daemon gives up after 20 s; it shall be the one to say why */
#define ASK_SECONDS	25
#define ANSWER_MAX	65536

static const struct {
	const char *name;
	int number;
} error_names[] = {
	{ "EACCES", EACCES }, { "EPERM", EACCES },
	{ "ENOKEY", ENOKEY }, { "ENOENT", ENOKEY },
	{ "ETIMEDOUT", ETIMEDOUT }, { "EKEYREVOKED", EKEYREVOKED },
	{ "EKEYEXPIRED", EKEYEXPIRED }, { "EKEYREJECTED", EKEYREJECTED },
	{ "EHOSTUNREACH", EHOSTUNREACH }, { "ECONNREFUSED", EHOSTUNREACH },
	{ "ENOTCONN", EHOSTUNREACH }, { "EAGAIN", EAGAIN },
	{ "EBUSY", EBUSY }, { "ENOMEM", ENOMEM }, { "ENOSPC", ENOSPC },
};

/* cpnsctl's exit codes, wire.md section 6 of the design */
static int error_of_exit(int code)
{
	switch (code) {
	case 2:				/* the daemon has no gateway's role */
		return EOPNOTSUPP;
	case 3:
		return ENONET;
	case 4:
		return ENOKEY;
	case 5:
		return EACCES;
	case 6:
		return ETIMEDOUT;
	default:
		return EIO;
	}
}

static int error_of_answer(struct json_object *answer, char *reason,
			   size_t room)
{
	struct json_object *member;

	snprintf(reason, room, "%s",
		 json_object_object_get_ex(answer, "error", &member) ?
		 json_object_get_string(member) : "the daemon gave no reason");
	if (json_object_object_get_ex(answer, "errno", &member)) {
		const char *name = json_object_get_string(member);

		for (size_t i = 0; name && i < sizeof(error_names) /
					       sizeof(error_names[0]); i++)
			if (!strcmp(error_names[i].name, name))
				return -error_names[i].number;
	}
	if (json_object_object_get_ex(answer, "exit", &member))
		return -error_of_exit(json_object_get_int(member));
	return -EIO;
}

/**
 * ask_take_answer() - what an answer line of the daemon says
 * @text: JSON
 * @size: its bytes
 * @serial: set on success
 * @reason: words on failure
 * @room: bytes of @reason
 *
 * Return: 0; -EPROTO not an answer; or the refusal's -errno.
 */
int ask_take_answer(const char *text, size_t size, int32_t *serial,
		    char *reason, size_t room)
{
	struct json_tokener *parser = json_tokener_new_ex(8);
	struct json_object *answer, *member;
	int64_t number = 0;
	int result = -EPROTO;

	if (!parser)
		return -ENOMEM;
	answer = json_tokener_parse_ex(parser, text, (int)size);
	json_tokener_free(parser);
	snprintf(reason, room, "the daemon's answer cannot be read");
	if (!json_object_is_type(answer, json_type_object) ||
	    !json_object_object_get_ex(answer, "ok", &member))
		goto put;
	if (!json_object_get_boolean(member)) {
		result = error_of_answer(answer, reason, room);
		goto put;
	}
	if (json_object_object_get_ex(answer, "serial", &member))
		number = json_object_get_int64(member);
	if (number > 0 && number <= INT32_MAX) {
		*serial = (int32_t)number;
		result = 0;
	}
put:
	json_object_put(answer);
	return result;
}

static void add_number(struct json_object *object, const char *name,
		       int64_t number)
{
	json_object_object_add(object, name, json_object_new_int64(number));
}

static void add_text(struct json_object *object, const char *name,
		     const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text));
}

static char *request_line(const struct requester *requester,
			  const char *callout)
{
	struct json_object *request = json_object_new_object();
	struct json_object *groups = json_object_new_array();
	const char *text;
	char *line = NULL;

	for (size_t i = 0; i < requester->groups_count; i++)
		json_object_array_add(groups,
				      json_object_new_int64(requester->groups[i]));
	add_text(request, "verb", "request-key");
	add_number(request, "key", requester->key);
	add_text(request, "sgid", requester->sgid);
	add_text(request, "callout", callout);
	add_number(request, "uid", requester->uid);
	add_number(request, "gid", requester->gid);
	json_object_object_add(request, "groups", groups);
	add_number(request, "pid", requester->pid);
	text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	if (!text || asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	json_object_put(request);
	return line;
}

static int connect_daemon(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 5 };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	error = errno;
	close(fd);
	return error == ENOENT || error == ECONNREFUSED ? -ENONET : -error;
}

static int send_all(int fd, const char *line)
{
	size_t size = strlen(line);

	while (size) {
		ssize_t sent = send(fd, line, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		line += sent;
		size -= (size_t)sent;
	}
	return 0;
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* one line, without its line feed; -EPROTO when the daemon closes first */
static ssize_t receive_line(int fd, char *text, size_t room)
{
	int64_t until = milliseconds() + ASK_SECONDS * 1000;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t used = 0;

	while (used < room) {
		int64_t left = until - milliseconds();
		ssize_t got;
		char *end;

		if (left <= 0 || poll(&wait, 1, (int)left) == 0)
			return -ETIMEDOUT;
		got = recv(fd, text + used, room - used, MSG_DONTWAIT);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EPROTO;
		used += (size_t)got;
		end = memchr(text, '\n', used);
		if (end)
			return end - text;
	}
	return -EPROTO;
}

static int converse(int fd, const char *line, int32_t *serial, char *reason,
		    size_t room)
{
	char *answer = malloc(ANSWER_MAX);
	ssize_t size;
	int result;

	if (!answer)
		return -ENOMEM;
	result = send_all(fd, line);
	if (!result) {
		size = receive_line(fd, answer, ANSWER_MAX);
		if (size < 0)
			result = (int)size;
		else
			result = ask_take_answer(answer, (size_t)size, serial,
						 reason, room);
	}
	free(answer);
	return result;
}

/**
 * ask_daemon() - have the daemon acquire a group's key (OMA CPNS CR B.2.1.1)
 * @requester: who asks
 * @callout: what the program said, free text
 * @serial: set: the group's key in .cpns
 * @reason: words on failure
 * @room: bytes of @reason
 *
 * The daemon is the one of the requester's network namespace, not of ours.
 *
 * Return: 0; -ENONET no daemon there; -EACCES the access list refuses;
 * -ENOKEY no such group or not a member; -ETIMEDOUT; -EHOSTUNREACH no
 * server; -EOPNOTSUPP the daemon has no gateway's role; -EPROTO; or another
 * -errno.
 */
int ask_daemon(const struct requester *requester, const char *callout,
	       int32_t *serial, char *reason, size_t room)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *line;
	int fd, result;

	result = cpns_control_path(requester->pid, path, sizeof(path));
	if (result < 0) {
		snprintf(reason, room, "process %d has no network namespace",
			 (int)requester->pid);
		return result;
	}
	fd = connect_daemon(path);
	if (fd < 0) {
		snprintf(reason, room, "no daemon at %s", path);
		return fd;
	}
	line = request_line(requester, callout);
	reason[0] = '\0';
	result = line ? converse(fd, line, serial, reason, room) : -ENOMEM;
	if (result < 0 && !reason[0])
		snprintf(reason, room, "asking %s: %s", path,
			 strerror(-result));
	free(line);
	close(fd);
	return result;
}
