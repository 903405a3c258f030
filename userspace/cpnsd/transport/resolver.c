// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host names to addresses without stopping the loop.
 *
 * Threads: getaddrinfo() runs in a thread of its own, detached, with no
 * signals; it owns its struct lookup, and the loop's side owns struct
 * resolver.  They share a pipe: the thread writes the result as one record
 * and ends; when the loop's side has closed its end, nobody is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/client_private.h"

struct record {
	int error;			/* of getaddrinfo() */
	struct resolved resolved;
};

struct lookup {
	int fd;
	struct transport_endpoint endpoint;
};

struct resolver {
	struct loop_fd readable;
	int fd;
	size_t received;
	struct record record;
	void (*done)(void *context, const struct resolved *result,
		     const char *reason);
	void *context;
};

static int look_up(const struct transport_endpoint *endpoint, int flags,
		   struct resolved *result)
{
	struct addrinfo hints = { .ai_flags = flags | AI_NUMERICSERV };
	struct addrinfo *found = NULL, *at;
	char port[8];
	int error;

	memset(result, 0, sizeof(*result));
	snprintf(port, sizeof(port), "%u", endpoint->port);
	hints.ai_socktype = endpoint->tls ? SOCK_STREAM : SOCK_DGRAM;
	error = getaddrinfo(endpoint->host, port, &hints, &found);
	if (error)
		return error;
	for (at = found; at && result->count < ADDRESSES_MAX; at = at->ai_next) {
		if (at->ai_addrlen > sizeof(result->address[0]))
			continue;
		memcpy(&result->address[result->count], at->ai_addr,
		       at->ai_addrlen);
		result->size[result->count++] = at->ai_addrlen;
	}
	freeaddrinfo(found);
	return result->count ? 0 : EAI_NONAME;
}

/**
 * resolve_numeric - the address of a host that is one already
 * @endpoint: host and port
 * @result: one address
 *
 * Returns 0, or -ENOENT if the host is a name.
 */
int resolve_numeric(const struct transport_endpoint *endpoint,
		    struct resolved *result)
{
	return look_up(endpoint, AI_NUMERICHOST, result) ? -ENOENT : 0;
}

static void *look_up_thread(void *argument)
{
	struct lookup *lookup = argument;
	struct record record;
	size_t sent = 0;

	memset(&record, 0, sizeof(record));
	record.error = look_up(&lookup->endpoint, AI_ADDRCONFIG,
			       &record.resolved);
	while (sent < sizeof(record)) {
		ssize_t size = write(lookup->fd, (uint8_t *)&record + sent,
				     sizeof(record) - sent);

		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			break;
		sent += (size_t)size;
	}
	close(lookup->fd);
	free(lookup);
	return NULL;
}

static void readable(void *context)
{
	struct resolver *resolver = context;
	void (*done)(void *context, const struct resolved *result,
		     const char *reason) = resolver->done;
	void *owner = resolver->context;
	struct record record;
	ssize_t size;

	size = read(resolver->fd,
		    (uint8_t *)&resolver->record + resolver->received,
		    sizeof(resolver->record) - resolver->received);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size > 0) {
		resolver->received += (size_t)size;
		if (resolver->received < sizeof(resolver->record))
			return;
	} else {
		resolver->record.error = EAI_SYSTEM;
	}
	record = resolver->record;
	resolver_cancel(resolver);
	if (record.error)
		done(owner, NULL, gai_strerror(record.error));
	else
		done(owner, &record.resolved, NULL);
}

static int start_thread(struct lookup *lookup)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	if (pthread_attr_init(&attributes))
		return -ENOMEM;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attributes, look_up_thread, lookup);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -error;
}

/**
 * resolver_start - look a host up
 * @resolver: result; gone when @done is called; resolver_cancel() before that
 * @loop: the loop
 * @endpoint: host and port; copied
 * @done: called once, in the loop's thread, with a result or a reason
 * @context: for @done
 *
 * Returns 0, -ENOMEM, -EMFILE or -EAGAIN.
 */
int resolver_start(struct resolver **resolver, struct loop *loop,
		   const struct transport_endpoint *endpoint,
		   void (*done)(void *context, const struct resolved *result,
				const char *reason),
		   void *context)
{
	struct resolver *fresh = calloc(1, sizeof(*fresh));
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	int ends[2] = { -1, -1 };
	int result = -ENOMEM;

	if (!fresh || !lookup)
		goto fail;
	if (pipe2(ends, O_CLOEXEC)) {
		result = -errno;
		goto fail;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	lookup->fd = ends[1];
	lookup->endpoint = *endpoint;
	fresh->fd = ends[0];
	fresh->done = done;
	fresh->context = context;
	result = start_thread(lookup);
	if (result)
		goto fail;
	loop_fd_start(loop, &fresh->readable, fresh->fd, readable, fresh);
	*resolver = fresh;
	return 0;
fail:
	if (ends[0] >= 0)
		close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	free(lookup);
	free(fresh);
	return result;
}

/**
 * resolver_cancel - forget a look-up; the thread ends by itself
 * @resolver: may be NULL
 */
void resolver_cancel(struct resolver *resolver)
{
	if (!resolver)
		return;
	loop_fd_stop(&resolver->readable);
	close(resolver->fd);
	free(resolver);
}
