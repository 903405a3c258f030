// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that asks and does not read: the server keeps what it cannot send
 * for a while, and ends the session then.  One that reads slowly gets all.
 * The client is TLS and bytes, for libcoap's always reads.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/ssl.h>

#include "transport_fixture.h"
#include "transport/server_private.h"

#define BATCH		50		/* requests in one write */
#define WAITS		5000		/* of 2 ms, for the session to end */
#define MEMORY_MAX	(40u << 20)	/* what they may cost the server */

struct raw {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
};

/* Max-Message-Size 69,632 */
static const uint8_t settings[] = { 0x40, 0xe1, 0x23, 0x01, 0x10, 0x00 };
static const uint8_t ping[] = { 0x00, 0xe2 };
static const uint8_t pong[] = { 0x00, 0xe3 };
static const uint8_t get_big[] = {
	0xd1, 0x01, 0x01, 0x55, 0xb9, 'a', 'c', 'e', '-', 'g', 'r', 'o', 'u',
	'p', 0x03, 'b', 'i', 'g',
};

static void raw_open(struct raw *raw)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)fixture_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	unsigned int tries = 0;
	int size = 16384;

	raw->context = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_use_certificate_file(raw->context,
						      fixture_file("gw1.pem"),
						      SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(raw->context,
						     fixture_file("gw1.key"),
						     SSL_FILETYPE_PEM), 1);
	raw->fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(raw->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	assert_int_equal(connect(raw->fd, (struct sockaddr *)&address,
				 sizeof(address)), 0);
	fcntl(raw->fd, F_SETFL, O_NONBLOCK);
	raw->ssl = SSL_new(raw->context);
	SSL_set_fd(raw->ssl, raw->fd);
	while (SSL_connect(raw->ssl) != 1) {
		assert_true(tries++ < 1000);
		run_for(0.01);
	}
	assert_int_equal(SSL_write(raw->ssl, settings, sizeof(settings)),
			 sizeof(settings));
	run_for(0.1);
	assert_non_null(fixture_server->peers);
}

static void raw_close(struct raw *raw)
{
	SSL_free(raw->ssl);
	SSL_CTX_free(raw->context);
	close(raw->fd);
	run_for(0.1);
}

static void raw_send(struct raw *raw, const uint8_t *bytes, size_t size,
		     unsigned int count)
{
	uint8_t batch[4096];
	unsigned int i;

	for (i = 0; i < count; i++)
		memcpy(batch + i * size, bytes, size);
	SSL_write(raw->ssl, batch, (int)(count * size));
}

static size_t memory(void)
{
	struct mallinfo2 now = mallinfo2();

	return now.uordblks + now.hblkhd;
}

/* sends the same over and over; the session must end before */
static void flood(const uint8_t *bytes, size_t size, unsigned int batch,
		  unsigned int most)
{
	size_t before, now, peak = 0;
	struct raw raw;
	unsigned int i;

	raw_open(&raw);
	before = memory();
	for (i = 0; i < WAITS && fixture_server->peers; i++) {
		if (i * batch < most)
			raw_send(&raw, bytes, size, batch);
		run_for(0.002);
		now = memory();
		if (now > before && now - before > peak)
			peak = now - before;
	}
	if (fixture_server->peers)
		fail_msg("%u messages, and nothing of it read: %zu bytes",
			 most, peak);
	if (peak > MEMORY_MAX)
		fail_msg("%zu bytes wait", peak);
	raw_close(&raw);
}

static void test_requests(void **state)
{
	(void)state;
	fixture_server_start("coaps+tcp");
	flood(get_big, sizeof(get_big), BATCH, 40 * BATCH);
}

/* libcoap answers them itself */
static void test_pings(void **state)
{
	(void)state;
	flood(ping, sizeof(ping), 2000, 200000);
}

/* libcoap answers them without a word to us: found at a check of life */
static void test_unknown_options(void **state)
{
	static const uint8_t unknown[] = { 0x10, 0x01, 0x90 };
	struct raw raw;
	unsigned int i;

	(void)state;
	raw_open(&raw);
	for (i = 0; i < WAITS && fixture_server->peers; i++) {
		raw_send(&raw, unknown, sizeof(unknown), 1200);
		run_for(0.002);
		if (i % 8 == 0)
			peers_check_life(fixture_server);
	}
	assert_null(fixture_server->peers);
	raw_close(&raw);
}

/* nothing was asked for */
static void test_notifications(void **state)
{
	static const uint8_t observe[] = {
		0xd1, 0x02, 0x01, 0x55, 0x60, 0x59, 'a', 'c', 'e', '-', 'g',
		'r', 'o', 'u', 'p', 0x03, 'b', 'i', 'g',
	};
	struct transport_segment path[2] = { segment("ace-group"),
					     segment("big") };
	struct raw raw;
	unsigned int i;

	(void)state;
	raw_open(&raw);
	raw_send(&raw, observe, sizeof(observe), 1);
	run_for(0.1);
	assert_non_null(fixture_server->peers->observations);
	for (i = 0; i < WAITS && fixture_server->peers; i++) {
		transport_server_notify(fixture_server, path, 2);
		run_for(0.002);
	}
	assert_null(fixture_server->peers);
	raw_close(&raw);
}

/* always behind, by less than the limit: 60 MB come through */
static void test_slow(void **state)
{
	const size_t all = 1000;
	size_t asked = 0, got = 0;
	static uint8_t piece[16384];
	struct raw raw;
	int size, i;

	(void)state;
	raw_open(&raw);
	while (got < all * BIG_SIZE) {
		while (asked < all && asked < got / BIG_SIZE + 60) {
			raw_send(&raw, get_big, sizeof(get_big), 1);
			asked++;
		}
		run_for(0.0005);
		if (got / BIG_SIZE % 16 == 0)
			peers_check_life(fixture_server);
		assert_non_null(fixture_server->peers);
		for (i = 0; i < 16; i++) {
			size = SSL_read(raw.ssl, piece, sizeof(piece));
			if (size <= 0)
				break;
			got += (size_t)size;
		}
	}
	raw_close(&raw);
}

/* until nothing has come for 0.2 s */
static size_t drain(struct raw *raw)
{
	static uint8_t piece[16384];
	size_t got = 0;
	int size, i;

	for (i = 0; i < 200; i++) {
		while ((size = SSL_read(raw->ssl, piece, sizeof(piece))) > 0) {
			got += (size_t)size;
			i = 0;
		}
		run_for(0.001);
	}
	return got;
}

/* behind for a moment, twice, and much is sent in between: all is read */
static void test_behind_twice(void **state)
{
	struct raw raw;
	int i, round;

	(void)state;
	raw_open(&raw);
	for (round = 0; round < 2; round++) {
		raw_send(&raw, get_big, sizeof(get_big), 200);
		run_for(0.5);
		assert_non_null(fixture_server->peers);
		assert_true(fixture_server->peers->blocked);
		assert_true(drain(&raw) >= 200 * BIG_SIZE);
		/* too little at a time for a look of its own */
		for (i = 0; i < 34; i++) {
			raw_send(&raw, pong, sizeof(pong), 2000);
			run_for(0.02);
			if (i % 2)
				peers_check_life(fixture_server);
		}
		assert_non_null(fixture_server->peers);
	}
	raw_close(&raw);
}

/* never quite through, and reads more than ever waited */
static void test_always_behind(void **state)
{
	const size_t all = 800;
	size_t asked = 0, got = 0;
	static uint8_t piece[16384];
	struct raw raw;
	int size, i;

	(void)state;
	raw_open(&raw);
	while (got < all * BIG_SIZE) {
		while (asked < all && asked < got / BIG_SIZE + 120) {
			raw_send(&raw, get_big, sizeof(get_big), 1);
			raw_send(&raw, pong, sizeof(pong), 70);
			asked++;
		}
		run_for(0.0005);
		peers_check_life(fixture_server);
		assert_non_null(fixture_server->peers);
		for (i = 0; i < 16; i++) {
			size = SSL_read(raw.ssl, piece, sizeof(piece));
			if (size <= 0)
				break;
			got += (size_t)size;
		}
	}
	raw_close(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_pings),
		cmocka_unit_test(test_unknown_options),
		cmocka_unit_test(test_notifications),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_behind_twice),
		cmocka_unit_test(test_always_behind),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
