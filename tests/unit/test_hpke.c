// SPDX-License-Identifier: GPL-2.0-only
/*
 * HPKE seal against the vectors of RFC 9180, HKDF against RFC 5869, and
 * fresh seals opened by the receiver's side written here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hpke_open.h"
#include "proto/hpke.h"
#include "vectors.h"

static void rfc9180(void **state)
{
	struct hex info, aad, text, sealed, recipient, ephemeral, enc;
	uint8_t got_enc[32], got[256];
	struct hpke_sender sender;
	struct vectors vectors;
	unsigned int count = 0;
	bool auth;

	vectors_open(&vectors, "hpke-rfc9180.txt");
	while (vectors_next(&vectors, "skEm")) {
		vectors_get(&vectors, "info", &info);
		vectors_get(&vectors, "aad", &aad);
		vectors_get(&vectors, "pt", &text);
		vectors_get(&vectors, "ct", &sealed);
		vectors_get(&vectors, "enc", &enc);
		vectors_get(&vectors, "skEm", &ephemeral);
		vectors_get(&vectors, "pkRm", &recipient);
		auth = vectors_number(&vectors, "mode") == 2;
		if (auth) {
			vectors_get_exactly(&vectors, "skSm",
					    sender.private_key, 32);
			vectors_get_exactly(&vectors, "pkSm",
					    sender.public_key, 32);
		}
		assert_int_equal(hpke_seal((uint16_t)vectors_number(&vectors,
								    "aead"),
					   recipient.bytes,
					   auth ? &sender : NULL,
					   ephemeral.bytes, info.bytes,
					   info.size, aad.bytes, aad.size,
					   text.bytes, text.size, got_enc,
					   got), 0);
		assert_memory_equal(got_enc, enc.bytes, 32);
		assert_int_equal(sealed.size, text.size + HPKE_TAG_SIZE);
		assert_memory_equal(got, sealed.bytes, sealed.size);
		count++;
	}
	/* base and auth, AES-128-GCM and AES-256-GCM */
	assert_int_equal(count, 4);
	vectors_close(&vectors);
}

static void rfc9180_open(void **state)
{
	struct hex info, aad, text, sealed, sender, recipient, enc;
	struct vectors vectors;
	uint8_t got[256];
	uint16_t aead;
	bool auth;

	vectors_open(&vectors, "hpke-rfc9180.txt");
	while (vectors_next(&vectors, "skRm")) {
		vectors_get(&vectors, "info", &info);
		vectors_get(&vectors, "aad", &aad);
		vectors_get(&vectors, "pt", &text);
		vectors_get(&vectors, "ct", &sealed);
		vectors_get(&vectors, "enc", &enc);
		vectors_get(&vectors, "skRm", &recipient);
		auth = vectors_number(&vectors, "mode") == 2;
		if (auth)
			vectors_get(&vectors, "pkSm", &sender);
		aead = (uint16_t)vectors_number(&vectors, "aead");
		assert_int_equal(hpke_open(aead, recipient.bytes,
					   auth ? sender.bytes : NULL,
					   enc.bytes, info.bytes, info.size,
					   aad.bytes, aad.size, sealed.bytes,
					   sealed.size, got), 0);
		assert_memory_equal(got, text.bytes, text.size);
		/* another sender than the one who sealed */
		assert_int_equal(hpke_open(aead, recipient.bytes, enc.bytes,
					   enc.bytes, info.bytes, info.size,
					   aad.bytes, aad.size, sealed.bytes,
					   sealed.size, got), -EBADMSG);
	}
	vectors_close(&vectors);
}

static void fresh_seals(void **state)
{
	static const uint8_t info[] = "info", aad[] = "aad", text[] = "text";
	uint8_t recipient[32], recipient_public[32];
	uint8_t enc[2][32], sealed[2][sizeof(text) + 16];
	uint8_t got[sizeof(text)];
	struct hpke_sender sender;
	uint16_t aead;
	int i;

	x25519_pair(recipient, recipient_public);
	x25519_pair(sender.private_key, sender.public_key);
	for (aead = 1; aead <= 2; aead++) {
		for (i = 0; i < 2; i++)
			assert_int_equal(hpke_seal(aead, recipient_public,
						   &sender, NULL, info,
						   sizeof(info), aad,
						   sizeof(aad), text,
						   sizeof(text), enc[i],
						   sealed[i]), 0);
		assert_memory_not_equal(enc[0], enc[1], 32);
		assert_int_equal(hpke_open(aead, recipient,
					   sender.public_key, enc[0], info,
					   sizeof(info), aad, sizeof(aad),
					   sealed[0],
					   sizeof(sealed[0]), got), 0);
		assert_memory_equal(got, text, sizeof(text));
		/* a base mode receiver does not take it */
		assert_int_equal(hpke_open(aead, recipient, NULL, enc[0], info,
					   sizeof(info), aad, sizeof(aad),
					   sealed[0], sizeof(sealed[0]), got),
				 -EBADMSG);
		/* nor with another aad */
		assert_int_equal(hpke_open(aead, recipient,
					   sender.public_key, enc[0], info,
					   sizeof(info), aad, sizeof(aad) - 1,
					   sealed[0],
					   sizeof(sealed[0]), got), -EBADMSG);
	}
}

static void small_order_is_refused(void **state)
{
	static const uint8_t zero[32], one[32] = { 1 };
	uint8_t enc[32], sealed[17];

	assert_int_equal(hpke_seal(2, zero, NULL, NULL, NULL, 0, NULL, 0,
				   one, 1, enc, sealed), -EINVAL);
	assert_int_equal(hpke_seal(2, one, NULL, NULL, NULL, 0, NULL, 0,
				   one, 1, enc, sealed), -EINVAL);
}

static void other_aeads_are_refused(void **state)
{
	uint8_t key[32] = { 9 }, enc[32], sealed[17];

	assert_int_equal(hpke_seal(0, key, NULL, NULL, NULL, 0, NULL, 0, key,
				   1, enc, sealed), -EINVAL);
	assert_int_equal(hpke_seal(3, key, NULL, NULL, NULL, 0, NULL, 0, key,
				   1, enc, sealed), -EINVAL);
}

static void rfc5869(void **state)
{
	struct hex ikm, salt, info, prk, okm;
	uint8_t got_prk[32], got[256];
	struct vectors vectors;
	unsigned int count = 0;

	vectors_open(&vectors, "hkdf-rfc5869.txt");
	while (vectors_next(&vectors, "IKM")) {
		vectors_get(&vectors, "IKM", &ikm);
		vectors_get(&vectors, "salt", &salt);
		vectors_get(&vectors, "info", &info);
		vectors_get(&vectors, "PRK", &prk);
		vectors_get(&vectors, "OKM", &okm);
		assert_int_equal(hkdf_extract(salt.bytes, salt.size, ikm.bytes,
					      ikm.size, got_prk), 0);
		assert_memory_equal(got_prk, prk.bytes, 32);
		assert_int_equal(hkdf_expand(got_prk, info.bytes, info.size,
					     got, okm.size), 0);
		assert_memory_equal(got, okm.bytes, okm.size);
		count++;
	}
	assert_int_equal(count, 3);
	vectors_close(&vectors);
}

static void hkdf_limits(void **state)
{
	static uint8_t out[255 * 32 + 1];
	uint8_t prk[32] = { 1 };

	assert_int_equal(hkdf_extract(NULL, 0, prk, 0, prk), -EINVAL);
	assert_int_equal(hkdf_expand(prk, NULL, 0, out, 0), -EINVAL);
	assert_int_equal(hkdf_expand(prk, NULL, 0, out, sizeof(out)),
			 -EINVAL);
	assert_int_equal(hkdf_expand(prk, NULL, 0, out, sizeof(out) - 1), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc9180),
		cmocka_unit_test(rfc9180_open),
		cmocka_unit_test(fresh_seals),
		cmocka_unit_test(small_order_is_refused),
		cmocka_unit_test(other_aeads_are_refused),
		cmocka_unit_test(rfc5869),
		cmocka_unit_test(hkdf_limits),
	};

	return cmocka_run_group_tests_name("hpke", tests, NULL, NULL);
}
