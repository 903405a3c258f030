// SPDX-License-Identifier: GPL-2.0-only
/*
 * GROUP_SET messages with SEAL and ITEMs for tests, see sealed.h.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include "proto/key_schedule.h"
#include "sealed.h"

static int take_node(struct nlattr **a, void *context)
{
	struct cpns_test_node *node = context;

	if (!a[CPNS_A_PUBKEY])
		return 0;
	memcpy(node->public, mnl_attr_get_payload(a[CPNS_A_PUBKEY]),
	       CPNS_X25519_SIZE);
	node->has_previous = a[CPNS_A_PREVIOUS];
	if (node->has_previous)
		memcpy(node->previous,
		       mnl_attr_get_payload(a[CPNS_A_PREVIOUS]),
		       CPNS_X25519_SIZE);
	node->has_pin = a[CPNS_A_PIN];
	if (node->has_pin)
		memcpy(node->pin, mnl_attr_get_payload(a[CPNS_A_PIN]),
		       CPNS_X25519_SIZE);
	if (a[CPNS_A_FEATURES])
		node->features = mnl_attr_get_u32(a[CPNS_A_FEATURES]);
	if (a[CPNS_A_SERIAL])
		node->keyring = mnl_attr_get_u32(a[CPNS_A_SERIAL]);
	return 0;
}

int cpns_test_node(struct cpns_test *test, uint8_t command,
		   struct cpns_test_node *node)
{
	char buffer[CPNS_TEST_BUFFER];
	struct cpns_test_node none;

	if (!node)
		node = &none;
	memset(node, 0, sizeof(*node));
	return cpns_test_talk(test,
			      cpns_test_message(test, buffer, command, 0),
			      take_node, node);
}

int cpns_test_pin(struct cpns_test *test, const uint8_t *public_key)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(test, buffer, CPNS_CMD_NODE_PIN, 0);
	mnl_attr_put(message, CPNS_A_PUBKEY, CPNS_X25519_SIZE, public_key);
	return cpns_test_talk(test, message, NULL, NULL);
}

static void derived(const char *what, uint32_t a, uint32_t b, uint8_t *bytes)
{
	char text[64];

	snprintf(text, sizeof(text), "cpns test %s %u %u", what, a, b);
	SHA256((const uint8_t *)text, strlen(text), bytes);
}

void cpns_test_osg(int which, uint8_t private_key[CPNS_X25519_SIZE],
		   uint8_t public_key[CPNS_X25519_SIZE])
{
	size_t size = CPNS_X25519_SIZE;
	EVP_PKEY *key;

	derived("osg", which, 0, private_key);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key,
					   CPNS_X25519_SIZE);
	EVP_PKEY_get_raw_public_key(key, public_key, &size);
	EVP_PKEY_free(key);
}

void cpns_test_kek(uint32_t id, uint32_t version, uint8_t key[CPNS_SECRET_SIZE])
{
	derived("kek", id, version, key);
}

int cpns_test_set_begin(struct cpns_test_set *set,
			const struct cpns_test_epoch *epoch)
{
	memset(set, 0, sizeof(*set));
	set->sgid = epoch->sgid;
	set->header_size = CPNS_HEADER_SIZE;
	set->item_size = CPNS_ITEM_SIZE;
	return cpns_test_header(epoch, set->epoch_secret,
				(struct cpns_header *)set->header);
}

/* both halves of a sender's pair, from the private one */
static int sender_pair(const uint8_t *private_key, struct hpke_sender *sender)
{
	size_t size = CPNS_X25519_SIZE;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL,
						     private_key, size);
	int ok = EVP_PKEY_get_raw_public_key(key, sender->public_key, &size);

	memcpy(sender->private_key, private_key, CPNS_X25519_SIZE);
	EVP_PKEY_free(key);
	return ok == 1 ? 0 : -EIO;
}

int cpns_test_set_seal(struct cpns_test_set *set, const uint8_t *node_key,
		       const struct cpns_test_leaf *leaf)
{
	const struct cpns_header *header = (void *)set->header;
	struct seal_parameters parameters = {
		.aead = leaf->aead ? leaf->aead : CPNS_HPKE_AES_256_GCM,
		.mode = leaf->sender ? CPNS_HPKE_MODE_AUTH
				     : CPNS_HPKE_MODE_BASE,
		.leaf_id = leaf->id,
		.leaf_version = leaf->version,
		.sid = leaf->sid,
		.first_epoch = ntohl(header->epoch),
	};
	uint8_t key[CPNS_SECRET_SIZE];
	struct hpke_sender sender;

	if (leaf->sender && sender_pair(leaf->sender, &sender))
		return -EIO;
	memcpy(parameters.tag, header->tag, CPNS_TAG_SIZE);
	cpns_test_kek(leaf->id, leaf->version, key);
	set->seal_size = CPNS_SEAL_SIZE;
	return seal_make(&parameters, node_key, leaf->sender ? &sender : NULL,
			 key, set->seal);
}

int cpns_test_set_item(struct cpns_test_set *set, uint32_t id, uint32_t version,
		       uint32_t wid, uint32_t wversion)
{
	const struct item_parameters parameters = {
		.id = id,
		.version = version,
		.wrapping_id = wid,
		.wrapping_version = wversion,
	};
	uint8_t wrapping[CPNS_SECRET_SIZE], key[CPNS_SECRET_SIZE];

	if (set->items > CPNS_ITEMS_MAX)
		return -E2BIG;
	cpns_test_kek(wid, wversion, wrapping);
	if (id)
		cpns_test_kek(id, version, key);
	else
		memcpy(key, set->epoch_secret, sizeof(key));
	return item_make(&parameters, set->header, wrapping, key,
			 set->item[set->items++]);
}

static int take_serial(struct nlattr **a, void *context)
{
	if (a[CPNS_A_SERIAL])
		*(int32_t *)context = mnl_attr_get_u32(a[CPNS_A_SERIAL]);
	return 0;
}

int32_t cpns_test_set_send(struct cpns_test *test,
			   const struct cpns_test_set *set)
{
	char buffer[3 * CPNS_TEST_BUFFER];
	struct nlmsghdr *message;
	int32_t serial = 0;
	int ret;

	message = cpns_test_message(test, buffer, CPNS_CMD_GROUP_SET, 0);
	if (set->sgid)
		mnl_attr_put_strz(message, CPNS_A_SGID, set->sgid);
	if (set->header_size)
		mnl_attr_put(message, CPNS_A_HEADER, set->header_size,
			     set->header);
	if (set->seal_size)
		mnl_attr_put(message, CPNS_A_SEAL, set->seal_size, set->seal);
	for (unsigned int i = 0; i < set->items; i++)
		mnl_attr_put(message, CPNS_A_ITEM,
			     i + 1 == set->items ? set->item_size
						 : CPNS_ITEM_SIZE,
			     set->item[i]);
	for (unsigned int i = 0; i < set->evicted_count; i++)
		mnl_attr_put_u16(message, CPNS_A_EVICTED,
				 htons(set->evicted[i]));
	if (set->elapsed)
		mnl_attr_put_u32(message, CPNS_A_ELAPSED, set->elapsed);
	if (set->secret)
		mnl_attr_put(message, CPNS_A_SECRET, CPNS_SECRET_SIZE,
			     set->secret);
	if (set->has_sid)
		mnl_attr_put_u16(message, CPNS_A_SID, set->sid);
	ret = cpns_test_talk(test, message, take_serial, &serial);
	return ret ? ret : serial;
}

int cpns_test_line(int32_t serial, char line[256])
{
	long size = keyctl_read(serial, line, 255);

	line[size < 0 ? 0 : size < 255 ? size : 255] = 0;
	return size < 0 ? -errno : 0;
}

int cpns_test_keyed(int32_t serial, uint32_t epoch, uint16_t sid)
{
	struct cpns_handle handle;

	cpns_test_handle(&handle, serial, epoch, sid, CPNS_USE_AF_ALG, 32);
	return cpns_test_aead_socket("cpns(gcm(aes))", &handle,
				     sizeof(handle));
}

int cpns_test_out(int fd, uint8_t sealed[CPNS_TEST_SEALED])
{
	const uint8_t input[12 + 16] = { 0 };
	int ret = cpns_test_aead(fd, true, NULL, 0, 0, input, sizeof(input),
				 sealed, CPNS_TEST_SEALED);

	return ret < 0 ? ret : ret == CPNS_TEST_SEALED ? 0 : -EIO;
}

int cpns_test_back(int fd, const uint8_t sealed[CPNS_TEST_SEALED])
{
	uint8_t plain[12 + 16];
	int ret = cpns_test_aead(fd, false, NULL, 0, 0, sealed,
				 CPNS_TEST_SEALED, plain, sizeof(plain));

	if (ret < 0)
		return ret;
	for (int i = 12; i < (int)sizeof(plain); i++)
		if (plain[i])
			return -EIO;
	return ret == sizeof(plain) ? 0 : -EIO;
}

int cpns_test_sent_by(const char *sgid, uint32_t epoch, uint16_t sid,
		      uint8_t sealed[CPNS_TEST_SEALED])
{
	const uint8_t iv[12] = { 0, 0, 0, 0, sid >> 8, sid, 0, 0, 0, 0, 0, 1 };
	uint8_t key[32], secret[CPNS_SECRET_SIZE];
	const uint8_t text[16] = { 0 };
	int ret;

	cpns_test_secret(epoch, secret);
	ret = cpns_test_traffic_key(sgid, epoch, secret, CPNS_USE_AF_ALG,
				    CPNS_AEAD_GCM, sid, sizeof(key), key,
				    sizeof(key));
	if (ret)
		return ret;
	memcpy(sealed, iv, sizeof(iv));
	return cpns_test_seal(CPNS_AEAD_GCM, key, sizeof(key), iv, iv,
			      sizeof(iv), text, sizeof(text),
			      sealed + sizeof(iv));
}

int cpns_test_works(int32_t serial, uint32_t epoch, uint16_t sid)
{
	int fd = cpns_test_keyed(serial, epoch, sid);
	uint8_t sealed[CPNS_TEST_SEALED];
	int ret;

	if (fd < 0)
		return fd;
	ret = cpns_test_out(fd, sealed);
	if (!ret)
		ret = cpns_test_back(fd, sealed);
	close(fd);
	return ret;
}
