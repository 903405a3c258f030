// SPDX-License-Identifier: GPL-2.0-only
/*
 * Servers under load: processes of their own, the local socket of ours, and
 * the lines that tests/bench/run reads.  See load.h.
 */
#include <arpa/inet.h>
#include <cpns/cpns.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

double load_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool listens(unsigned int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool result = !connect(fd, (struct sockaddr *)&to, sizeof(to));

	close(fd);
	return result;
}

static cpu_set_t all;			/* processors, if there are two */
static bool apart;

/* on the @which-th of them */
static void stay_on(unsigned int which)
{
	cpu_set_t set;
	unsigned int i;

	CPU_ZERO(&set);
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && !which--)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/**
 * load_apart - keep those who load and the servers on processors of their own
 *
 * Else a scheduler puts both on one now and then, and what a round took says
 * more of that than of the server.  Servers that start from here on run on
 * the second processor.  Where there is one only, all stays as it is.
 */
void load_apart(void)
{
	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2)
		return;
	apart = true;
	stay_on(0);
}

/**
 * server_start - run a server and wait until it listens
 * @arguments: of execvp(), NULL at the end
 * @log: file for what it prints
 * @port: on 127.0.0.1
 *
 * Returns its process, or -1 with a line on standard error.
 */
pid_t server_start(char *const *arguments, const char *log,
		   unsigned int port)
{
	double end = load_now() + 120;
	pid_t server = fork();
	int fd;

	if (server == 0) {
		if (apart)
			stay_on(1);
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
		execvp(arguments[0], arguments);
		_exit(127);
	}
	while (server > 0 && load_now() < end) {
		if (listens(port))
			return server;
		if (waitpid(server, NULL, WNOHANG) == server)
			break;
		usleep(50000);
	}
	fprintf(stderr, "%s does not listen, see %s\n", arguments[0], log);
	return -1;
}

void server_stop(pid_t server)
{
	if (server <= 0)
		return;
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
}

/* in seconds, of all threads; nanoseconds are what the scheduler counts */
double server_seconds(pid_t server)
{
	unsigned long long nanoseconds;
	char path[400], name[64];
	struct dirent *entry;
	double sum = 0;
	DIR *tasks;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/task", (int)server);
	tasks = opendir(name);
	while (tasks && (entry = readdir(tasks))) {
		snprintf(path, sizeof(path), "%s/%s/schedstat", name,
			 entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%llu", &nanoseconds) == 1)
			sum += (double)nanoseconds / 1e9;
		fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

double server_resident(pid_t server)
{
	char path[64], line[256];
	double result = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)server);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmRSS:", 6))
			result = strtod(line + 6, NULL);
	if (file)
		fclose(file);
	return result;
}

static struct json_object *request(const char *verb, const char *sgid,
				   const char *member, const char *value)
{
	struct json_object *body = json_object_new_object();

	json_object_object_add(body, "verb", json_object_new_string(verb));
	if (sgid)
		json_object_object_add(body, "sgid",
				       json_object_new_string(sgid));
	if (member)
		json_object_object_add(body, member,
				       json_object_new_string(value));
	return body;
}

/**
 * control_call - one verb of the daemon in our network namespace
 * @verb: "group-create"
 * @sgid: member of the request, or NULL
 * @member: another one, or NULL
 * @value: of it
 *
 * Returns 0, or -errno with the answer on standard error.
 */
int control_call(const char *verb, const char *sgid, const char *member,
		 const char *value)
{
	struct json_object *body = request(verb, sgid, member, value);
	const char *text = json_object_to_json_string_ext(body,
						JSON_C_TO_STRING_PLAIN);
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[4096] = "";
	size_t have = 0;
	ssize_t size = 1;
	FILE *out;

	cpns_control_path(0, to.sun_path, sizeof(to.sun_path));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		size = -errno;
		perror(to.sun_path);
		close(fd);
		json_object_put(body);
		return (int)size;
	}
	out = fdopen(dup(fd), "w");
	if (out) {
		fprintf(out, "%s\n", text);
		fclose(out);
	}
	json_object_put(body);
	while (size > 0 && have < sizeof(answer) - 1 && !strchr(answer, '\n')) {
		size = read(fd, answer + have, sizeof(answer) - 1 - have);
		have += size > 0 ? (size_t)size : 0;
	}
	close(fd);
	if (strstr(answer, "\"ok\":true") || strstr(answer, "\"ok\": true"))
		return 0;
	fprintf(stderr, "%s: %s\n", verb, answer);
	return -EPROTO;
}

/**
 * group_document - the document of a group of m0, m1, ...
 * @sgid: of it
 * @members: how many
 * @entry: attributes of each entry's cpns:member
 * @attributes: of cpns:group-key, without location and signer
 *
 * Returns text to be freed, or NULL.
 */
char *group_document(const char *sgid, size_t members, const char *entry,
		     const char *attributes)
{
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "<group xmlns=\"urn:oma:xml:poc:list-service\" xmlns:cpns=\"urn:cpns:xml:group-key:1\"><list-service uri=\"%s\"><list>\n",
		sgid);
	for (i = 0; i < members; i++)
		fprintf(out, "<entry uri=\"urn:cpns:node:m%zu\"><cpns:member %s/></entry>\n",
			i, entry);
	fprintf(out, "</list><cpns:group-key location=\"coaps+tcp://127.0.0.1/ace-group/%s\" signer=\"urn:cpns:signer:main\" data=\"message\" %s/></list-service></group>\n",
		sgid, attributes);
	return fclose(out) ? NULL : text;
}

static int compare(const void *one, const void *other)
{
	const double *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

/* the value that has @rank smaller ones; 0 without memory */
double load_order(const double *values, size_t count, size_t rank)
{
	double *sorted = malloc((count + 1) * sizeof(*sorted)), result;

	if (!sorted)
		return 0;
	memcpy(sorted, values, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	result = sorted[rank];
	free(sorted);
	return result;
}

double load_median(const double *values, size_t count)
{
	return load_order(values, count, count / 2);
}

static void print_list(const char *name, const double *values)
{
	size_t i;

	printf(", \"%s\": [", name);
	for (i = 0; i < LOAD_ROUNDS; i++)
		printf("%s%.8g", i ? ", " : "", values[i]);
	putchar(']');
}

void print_pair(const char *bench, const char *what, const char *unit,
		const char *peer_name, double least, const double *ours,
		const double *peer, const double *again)
{
	printf("{\"bench\": \"%s\", \"kind\": \"pair\", \"case\": \"%s\", \"unit\": \"%s\", \"counted\": false, \"peer_name\": \"%s\", \"least\": %g",
	       bench, what, unit, peer_name, least);
	print_list("ours", ours);
	print_list("peer", peer);
	print_list("again", again);
	printf("}\n");
	fflush(stdout);
}

void print_figure(const char *bench, const char *what, const char *unit,
		  double value)
{
	printf("{\"bench\": \"%s\", \"kind\": \"figure\", \"case\": \"%s\", \"unit\": \"%s\", \"counted\": false, \"value\": %.6g}\n",
	       bench, what, unit, value);
	fflush(stdout);
}

int print_error(const char *bench, const char *what, const char *text)
{
	printf("{\"bench\": \"%s\", \"kind\": \"error\", \"case\": \"%s\", \"text\": \"%s\"}\n",
	       bench, what, text);
	fflush(stdout);
	return 1;
}
