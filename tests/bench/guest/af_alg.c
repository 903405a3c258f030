// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_ALG cpns(gcm(aes)) with a handle against gcm(aes) with a plain key of the
 * same size.
 *
 * Ours carries its IV of 12 bytes in the message and authenticates it. So the
 * peer is measured in two ways: "same bytes" has 12 bytes of associated data in
 * that place, and both do the same work. "text alone" has nothing there, and
 * carrying its IV is left to the program; that is not judged, because AF_ALG
 * takes whole pages: 4096 bytes are one, and with an IV two, for either.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"
#include "cpns_test.h"

#define SGID	"urn:cpns:bench:af-alg"
#define IV	12
#define TAG	16
#define MOST	(16 * 1024)
#define ROOM	(IV + TAG)

struct side {
	int fd;
	bool encrypt;
	size_t size;		/* of the text */
	size_t before;		/* bytes before it: IV, or associated data */
	size_t associated;
	/* as many pages for either */
	_Alignas(4096) unsigned char in[MOST + ROOM];
	_Alignas(4096) unsigned char out[MOST + ROOM];
};

static int message(struct side *side, bool encrypt)
{
	static const unsigned char iv[IV];
	size_t in = side->before + side->size;
	size_t out = in;
	int ret;

	if (encrypt)
		out += TAG;
	else
		in += TAG;
	ret = cpns_test_aead(side->fd, encrypt, iv, IV, side->associated,
			     side->in, in, side->out, out);
	return ret < 0 ? ret : ret == (int)out ? 0 : -EIO;
}

static int messages(void *context, unsigned long count)
{
	struct side *side = context;
	int ret = 0;

	while (count-- && !ret)
		ret = message(side, side->encrypt);
	return ret;
}

/* something that decrypts, for decryption; zeros in the IV's place before */
static int prepare(struct side *side, bool encrypt)
{
	int ret;

	memset(side->in, 0, sizeof(side->in));
	side->encrypt = encrypt;
	if (encrypt)
		return 0;
	ret = message(side, true);
	memcpy(side->in, side->out, sizeof(side->in));
	return ret;
}

static int pair(struct side *ours, struct side *peer, size_t size, bool encrypt)
{
	char what[64];
	const struct bench_pair each = {
		.bench = "af_alg", .what = what, .unit = "message",
		.ours = messages, .ours_context = ours,
		.peer = messages, .peer_context = peer,
		.peer_name = "gcm(aes)",
		.least = peer->before ? 0.90 : 0,
	};
	int ret;

	snprintf(what, sizeof(what), "%s %zu KiB, %s",
		 encrypt ? "encrypt" : "decrypt", size / 1024,
		 peer->before ? "same bytes" : "text alone");
	ours->size = size;
	peer->size = size;
	ret = prepare(ours, encrypt);
	if (!ret)
		ret = prepare(peer, encrypt);
	if (ret)
		return bench_failed("af_alg", what, ret);
	return bench_pair(&each);
}

static int open_ours(void)
{
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 1, .sid = 1,
	};
	struct cpns_handle handle;
	struct cpns_test test;
	int ret;

	ret = cpns_test_open(&test);
	if (ret)
		return ret;
	ret = cpns_test_group_set(&test, &epoch);
	cpns_test_close(&test);
	if (ret < 0)
		return ret;
	cpns_test_handle(&handle, ret, 1, 1, CPNS_USE_AF_ALG, 32);
	return cpns_test_aead_socket("cpns(gcm(aes))", &handle, sizeof(handle));
}

int main(void)
{
	static struct side ours = { .before = IV }, peer;
	static const unsigned char key[32] = { 1 };
	static const size_t sizes[] = { 4096, 16384 };

	if (bench_check_counter("af_alg"))
		return 1;
	ours.fd = open_ours();
	peer.fd = cpns_test_aead_socket("gcm(aes)", key, sizeof(key));
	if (ours.fd < 0 || peer.fd < 0)
		return bench_failed("af_alg", "opening the sockets",
				    ours.fd < 0 ? ours.fd : peer.fd) != 0;
	for (int alone = 0; alone < 2; alone++) {
		peer.before = alone ? 0 : IV;
		peer.associated = peer.before;
		for (int i = 0; i < 2; i++)
			if (pair(&ours, &peer, sizes[i], true) ||
			    pair(&ours, &peer, sizes[i], false))
				return 1;
	}
	return 0;
}
