// SPDX-License-Identifier: GPL-2.0-only
/*
 * The conversation with the daemon of this network namespace: one JSON line
 * there, one back (design section 6).
 *
 * Threading: one thread, blocking, with a time limit.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "command.h"

/* a join may wait 20 s for the server; the daemon shall say that itself */
#define DAEMON_SECONDS	30
#define ANSWER_MAX	(8u << 20)

/**
 * daemon_request() - begin a request
 * @verb: of the control socket
 *
 * Return: an object to which members are added.
 */
struct json_object *daemon_request(const char *verb)
{
	struct json_object *request = json_object_new_object();

	json_object_object_add(request, "verb", json_object_new_string(verb));
	return request;
}

static int connect_daemon(bool quiet, int *fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 5 };
	int error;

	error = cpns_control_path(0, address.sun_path,
				  sizeof(address.sun_path));
	if (error < 0) {
		if (!quiet)
			command_complain("this network namespace: %s",
					 strerror(-error));
		return COMMAND_FAILED;
	}
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return COMMAND_FAILED;
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!connect(*fd, (struct sockaddr *)&address, sizeof(address)))
		return COMMAND_OK;
	error = errno;
	close(*fd);
	if (error == EACCES || error == EPERM) {
		if (!quiet)
			command_complain("%s: for root and the group cpns-admin",
					 address.sun_path);
		return COMMAND_REFUSED;
	}
	if (!quiet)
		command_complain("no daemon at %s (%s): systemctl start cpnsd",
				 address.sun_path, strerror(error));
	return COMMAND_NO_DAEMON;
}

static int send_request(int fd, struct json_object *request)
{
	const char *text =
		json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	size_t size = strlen(text), total = size + 1;
	char *line = malloc(total + 1);
	const char *from = line;

	if (!line)
		return -ENOMEM;
	memcpy(line, text, size);
	line[size] = '\n';
	while (total) {
		ssize_t sent = send(fd, from, total, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			break;
		from += sent;
		total -= (size_t)sent;
	}
	free(line);
	return total ? -EPIPE : 0;
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -ETIMEDOUT, -EPROTO where the daemon closes before the line's end */
static int receive_line(int fd, char **line)
{
	int64_t until = milliseconds() + DAEMON_SECONDS * 1000;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t used = 0, room = 0;
	char *text = NULL;
	int result = -EPROTO;

	while (used < ANSWER_MAX) {
		int64_t left = until - milliseconds();
		ssize_t got;

		if (used == room) {
			void *grown = realloc(text, room ? 2 * room : 65536);

			if (!grown) {
				result = -ENOMEM;
				break;
			}
			text = grown;
			room = room ? 2 * room : 65536;
		}
		if (left <= 0 || poll(&wait, 1, (int)left) == 0) {
			result = -ETIMEDOUT;
			break;
		}
		got = recv(fd, text + used, room - used, MSG_DONTWAIT);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
		if (text[used - 1] == '\n') {
			text[used - 1] = '\0';
			*line = text;
			return 0;
		}
	}
	free(text);
	return result;
}

static int exit_of_answer(struct json_object *answer, bool quiet)
{
	struct json_object *member;
	int code;

	if (json_object_object_get_ex(answer, "ok", &member) &&
	    json_object_get_boolean(member))
		return COMMAND_OK;
	if (!quiet)
		command_complain("%s",
				 json_object_object_get_ex(answer, "error",
							   &member) ?
				 json_object_get_string(member) :
				 "the daemon refused and gave no reason");
	code = json_object_object_get_ex(answer, "exit", &member) ?
		json_object_get_int(member) : COMMAND_FAILED;
	return code > 0 && code < 126 ? code : COMMAND_FAILED;
}

static int converse(int fd, struct json_object *request,
		    struct json_object **answer, bool quiet)
{
	char *line = NULL;
	int result = send_request(fd, request);

	if (!result)
		result = receive_line(fd, &line);
	if (!result) {
		*answer = json_tokener_parse(line);
		if (!json_object_is_type(*answer, json_type_object)) {
			json_object_put(*answer);
			*answer = NULL;
			result = -EPROTO;
		}
	}
	/* it may hold a one-time token */
	if (line)
		OPENSSL_cleanse(line, strlen(line));
	free(line);
	if (!result)
		return exit_of_answer(*answer, quiet);
	if (!quiet)
		command_complain("%s", result == -ETIMEDOUT ?
				 "the daemon does not answer" :
				 "the daemon's answer cannot be read");
	return result == -ETIMEDOUT ? COMMAND_TIMED_OUT : COMMAND_FAILED;
}

/**
 * daemon_ask() - have the daemon of this network namespace do something
 * @request: taken over
 * @answer: set to its answer, to be released, or NULL
 * @quiet: say nothing on standard error
 *
 * Return: exit code.
 */
int daemon_ask(struct json_object *request, struct json_object **answer,
	       bool quiet)
{
	int fd, result;

	*answer = NULL;
	result = connect_daemon(quiet, &fd);
	if (!result) {
		result = converse(fd, request, answer, quiet);
		close(fd);
	}
	json_object_put(request);
	return result;
}

/**
 * daemon_tell() - the same where no answer matters
 * @request: taken over
 *
 * Return: exit code.
 */
int daemon_tell(struct json_object *request)
{
	struct json_object *answer;
	int result = daemon_ask(request, &answer, false);

	json_object_put(answer);
	return result;
}
