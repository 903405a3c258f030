// SPDX-License-Identifier: GPL-2.0-only
/*
 * See psk_peers.h.
 */
#include "psk_peers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_SECONDS 12.0

char psk_uri[64], psk_dtls_uri[64], psk_reason[256];
static char psk_file[128], ca_key[128];
static bool refused;

static unsigned int free_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	getsockname(fd, (struct sockaddr *)&address, &size);
	close(fd);
	return ntohs(address.sin_port);
}

void psk_server_start(struct fixture *fixture, const char *keys,
		      bool enrolment)
{
	unsigned int port = free_port();
	FILE *file;

	server_stop(fixture);
	snprintf(psk_file, sizeof(psk_file), "%s/psk", fixture->directory);
	snprintf(ca_key, sizeof(ca_key), "%s/ca.key", fixture->directory);
	file = fopen(psk_file, "w");
	assert_non_null(file);
	fputs(keys, file);
	fclose(file);
	chmod(psk_file, 0600);
	snprintf(psk_uri, sizeof(psk_uri), "coaps+tcp://127.0.0.1:%u", port);
	snprintf(psk_dtls_uri, sizeof(psk_dtls_uri), "coaps://127.0.0.1:%u",
		 port);
	fixture->config.psk_listen[0] = psk_uri;
	fixture->config.psk_listen[1] = psk_dtls_uri;
	fixture->config.psk_listen_count = 2;
	fixture->config.psk_file = psk_file;
	fixture->config.ca_key = enrolment ? ca_key : NULL;
	fixture->config.enrol_days = 30;
	server_start(fixture);
}

void psk_server_stop(struct fixture *fixture)
{
	server_stop(fixture);
	fixture->config.psk_listen_count = 0;
	fixture->config.ca_key = NULL;
	server_start(fixture);
}

static void connected(void *context)
{
	((struct peer *)context)->connected = true;
}

static void disconnected(void *context, const char *reason)
{
	((struct peer *)context)->connected = false;
	snprintf(psk_reason, sizeof(psk_reason), "%s", reason);
	refused = true;
}

bool psk_open(struct fixture *fixture, struct peer *peer, const char *uri,
	      const char *identity, const void *key, size_t size)
{
	double end = loop_boottime() + WAIT_SECONDS;
	char reason[256] = "";
	struct transport_client_options options = {
		.loop = &fixture->loop,
		.trust = fixture->trust,
		.uri = uri,
		.psk_identity = identity,
		.psk_key = key,
		.psk_key_size = size,
		.connected = connected,
		.disconnected = disconnected,
		.context = peer,
	};

	memset(peer, 0, sizeof(*peer));
	snprintf(peer->name, sizeof(peer->name), "%s", identity);
	peer_new_kernel(peer);
	refused = false;
	if (transport_client_open(&peer->client, &options, reason,
				  sizeof(reason)))
		fail_msg("%s", reason);
	while (!peer->connected && !refused && loop_boottime() < end)
		run_for(fixture, 0.01);
	if (!peer->connected)
		peer_close(peer);
	return peer->client;
}

int psk_program(struct fixture *fixture, const char *output,
		const char *const *arguments)
{
	int status = -1, waited = 0;
	pid_t child = fork();

	if (!child) {
		int nothing = open("/dev/null", O_RDWR);
		int out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(nothing, 0);
		dup2(out, 1);
		dup2(out, 2);
		execvp(arguments[0], (char *const *)arguments);
		_exit(127);
	}
	while (waitpid(child, &status, WNOHANG) == 0 && waited++ < 300)
		run_for(fixture, 0.1);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

size_t from_hex(const char *hex, uint8_t *bytes)
{
	size_t size = strlen(hex) / 2, i;
	char pair[3] = "";

	for (i = 0; i < size; i++) {
		memcpy(pair, hex + 2 * i, 2);
		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return size;
}
