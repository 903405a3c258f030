// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes new epochs of a group by `cpnsctl group rekey` and times, by the
 * kernels' own events, when each gateway sends with them.
 *
 * usage: epoch_watch CPNSCTL SGID SERVER-NAMESPACE GATEWAY-NAMESPACE...
 *
 * Time begins before cpnsctl is started and ends at EPOCH_CHANGE to active.
 * The group's ATD is 0, so that what is measured is work, not waiting.  One
 * thread; it moves between network namespaces, its sockets stay in theirs.
 */
#include <cpns/cpns.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS		9
#define GATEWAYS_MOST	64
#define PATIENCE	120.0		/* s */
#define APART		4		/* s; more than DTD + 1 of the group */

struct gateway {
	struct cpns *events;
	uint32_t epoch;			/* that it sends with */
	double since;
};

static struct gateway gateways[GATEWAYS_MOST];
static struct pollfd polled[GATEWAYS_MOST];
static size_t count;
static const char *sgid;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int enter(const char *name)
{
	char path[128];
	int fd, result;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	result = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (result)
		fprintf(stderr, "%s: %s\n", path, strerror(-result));
	return result;
}

/* the epoch that a gateway sends with before the first round */
static uint32_t active_now(void)
{
	struct cpns_group_state state;
	struct cpns *connection;
	uint32_t result = 0;
	unsigned int i;

	if (cpns_open(&connection))
		return 0;
	if (!cpns_group_get(connection, sgid, &state))
		for (i = 0; i < state.epochs_count; i++)
			if (state.epochs[i].state == CPNS_STATE_ACTIVE)
				result = state.epochs[i].number;
	cpns_close(connection);
	return result;
}

static void take(void *context, const struct cpns_event *event)
{
	struct gateway *gateway = context;

	if (event->command != CPNS_CMD_EPOCH_CHANGE ||
	    event->state != CPNS_STATE_ACTIVE ||
	    strcmp(event->sgid, sgid) != 0 || event->epoch <= gateway->epoch)
		return;
	gateway->epoch = event->epoch;
	gateway->since = now();
}

static int rekey(const char *tool)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl(tool, tool, "group", "rekey", sgid, NULL);
		_exit(127);
	}
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : -EIO;
}

static bool all_have(uint32_t epoch)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (gateways[i].epoch < epoch)
			return false;
	return true;
}

/* how long until the first and the last one send, seconds */
static int one_round(const char *tool, double *first, double *last)
{
	double began = now(), took;
	uint32_t wanted = gateways[0].epoch + 1;
	size_t i;

	if (rekey(tool))
		return -EIO;
	while (!all_have(wanted)) {
		if (now() - began > PATIENCE)
			return -ETIMEDOUT;
		if (poll(polled, count, 1000) <= 0)
			continue;
		for (i = 0; i < count; i++)
			if (polled[i].revents)
				cpns_dispatch(gateways[i].events, take,
					      &gateways[i]);
	}
	*first = *last = gateways[0].since - began;
	for (i = 1; i < count; i++) {
		took = gateways[i].since - began;
		*first = took < *first ? took : *first;
		*last = took > *last ? took : *last;
	}
	return 0;
}

static int compare(const void *one, const void *other)
{
	const double *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

static void figure(const char *what, double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	printf("{\"bench\": \"rekey\", \"kind\": \"figure\", \"case\": \"%zu gateways, %s\", \"unit\": \"ms\", \"counted\": false, \"value\": %.4g}\n",
	       count, what, values[ROUNDS / 2] * 1e3);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	double first[ROUNDS], last[ROUNDS];
	int i, error = 0;

	if (argc < 5 || argc - 4 > GATEWAYS_MOST)
		return 2;
	sgid = argv[2];
	count = (size_t)argc - 4;
	for (i = 0; i < (int)count && !error; i++) {
		error = enter(argv[4 + i]);
		if (!error)
			error = cpns_events_open(&gateways[i].events);
		if (error)
			break;
		gateways[i].epoch = active_now();
		polled[i].fd = cpns_fd(gateways[i].events);
		polled[i].events = POLLIN;
	}
	if (!error)
		error = enter(argv[3]);
	for (i = 0; i < ROUNDS && !error; i++) {
		error = one_round(argv[1], &first[i], &last[i]);
		sleep(APART);
	}
	if (error) {
		printf("{\"bench\": \"rekey\", \"kind\": \"error\", \"case\": \"%zu gateways\", \"text\": \"%s\"}\n",
		       count, strerror(-error));
		return 1;
	}
	figure("first one sends", first);
	figure("all send", last);
	return 0;
}
