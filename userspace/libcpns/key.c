// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The keyring side: finding and requesting a group's key, and using it for
 * messages (KEYCTL_PKEY_*) and streams of datagrams (AF_ALG).
 *
 * A key of type `cpns_group` is a name for what the kernel holds; no call
 * here returns key bytes, because no such call exists.
 *
 * Threading: no state; requesting searches the calling thread's keyrings.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <keyutils.h>
#include <linux/if_alg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#ifndef SOL_ALG
#define SOL_ALG 279
#endif

#define STATUS_LINE_ROOM	256
#define CALLOUT_DEFAULT		"pull"
/* as the key's query says: the kernel refuses any larger size by EINVAL */
#define SEALED_MAX	(CPNS_MESSAGE_MAX + CPNS_MESSAGE_HEADER_SIZE + 16)

static int32_t find_as_administrator(const char *sgid)
{
	struct cpns_group_state state;
	struct cpns_node node;
	struct cpns *connection;
	long serial;
	int result;

	result = cpns_open(&connection);
	if (result < 0)
		return result;
	result = cpns_node_get(connection, &node);
	if (result < 0)
		goto close;
	serial = keyctl_search(node.keyring, CPNS_KEY_TYPE, sgid, 0);
	if (serial > 0) {
		result = (int)serial;
		goto close;
	}
	/* .cpns may not be searchable for this user; the family knows too */
	result = cpns_group_get(connection, sgid, &state);
	if (!result)
		result = state.serial > 0 ? state.serial : -ENOKEY;
close:
	cpns_close(connection);
	return result;
}

/**
 * cpns_key_find() - the serial number of a group's key, without asking anyone
 * @sgid: the group
 *
 * Looks for a key that this process already requested, then, with
 * CAP_NET_ADMIN, into the module's keyring .cpns.
 *
 * Return: serial number; -ENOKEY none is there; -EKEYREVOKED, -EKEYEXPIRED;
 * or another -errno.
 */
int32_t cpns_key_find(const char *sgid)
{
	long serial = request_key(CPNS_KEY_TYPE, sgid, NULL, 0);
	int error = errno, result;

	if (serial > 0)
		return (int32_t)serial;
	result = find_as_administrator(sgid);
	/* without the privilege, the keyring's answer stands */
	if (result < 0 && (result == -EPERM || result == -EACCES))
		return -error;
	if (result == -ENOENT)
		return -ENOKEY;
	return result;
}

/**
 * cpns_key_request() - pull a group's key: request_key(2)
 * @sgid: the group
 * @callout: passed to request-key(8), or NULL for "pull"
 *
 * Where this process has no reference yet, the kernel asks the daemon of its
 * network namespace through cpns-request-key(8); this sleeps meanwhile.  The
 * key is put into the process's default keyring, as request_key(2) tells.
 * OMA CPNS CR B.2.1.1: the need that starts the pull.
 *
 * Return: serial number, or -errno as cpns-request-key(8) lists them.
 */
int32_t cpns_key_request(const char *sgid, const char *callout)
{
	long serial = request_key(CPNS_KEY_TYPE, sgid,
				  callout ? callout : CALLOUT_DEFAULT, 0);

	return serial > 0 ? (int32_t)serial : -errno;
}

/**
 * cpns_status_suite() - the suite in a key's status line
 * @line: what `keyctl print` shows, with the word suite=<name>
 *
 * Return: CPNS_SUITE_*, 0 for none or one that is not known.
 */
unsigned int cpns_status_suite(const char *line)
{
	const char *name = strstr(line, " suite=");
	size_t size;

	if (!name)
		return 0;
	name += strlen(" suite=");
	size = strcspn(name, " ");
	for (unsigned int suite = CPNS_SUITE_AES_256_GCM;
	     suite <= CPNS_SUITE_CHACHA20_POLY1305; suite++)
		if (size == strlen(cpns_suite_name(suite)) &&
		    !memcmp(name, cpns_suite_name(suite), size))
			return suite;
	return 0;
}

/* what `keyctl print` shows: suite=<name> and sid=<n> */
static int read_status(int32_t serial, unsigned int *suite, uint16_t *sid)
{
	char line[STATUS_LINE_ROOM];
	const char *word;
	long size = keyctl_read(serial, line, sizeof(line) - 1);

	if (size < 0)
		return -errno;
	if ((size_t)size > sizeof(line) - 1)
		return -EMSGSIZE;
	line[size] = '\0';
	*suite = cpns_status_suite(line);
	word = strstr(line, " sid=");
	*sid = word ? (uint16_t)strtoul(word + 5, NULL, 10) : 0;
	return 0;
}

static int bind_algorithm(int fd, const struct cpns_handle *handle,
			  bool chacha)
{
	struct sockaddr_alg address = {
		.salg_family = AF_ALG,
		.salg_type = "aead",
	};
	int operation;

	snprintf((char *)address.salg_name, sizeof(address.salg_name), "%s",
		 chacha ? "cpns(rfc7539(chacha20,poly1305))" :
			  "cpns(gcm(aes))");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_ALG, ALG_SET_AEAD_AUTHSIZE, NULL, 16) ||
	    setsockopt(fd, SOL_ALG, ALG_SET_KEY, handle, sizeof(*handle)))
		return -errno;
	operation = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	return operation < 0 ? -errno : operation;
}

/**
 * cpns_aead_socket() - an AF_ALG socket keyed by a group's key
 * @serial: the key, from cpns_key_request() or cpns_key_find()
 * @epoch: epoch number, 0 for the one to send with
 * @sid: whose traffic key; one's own to encrypt; 0 stands for one's own
 *
 * The algorithm follows the group's suite: cpns(gcm(aes)), or with suite 3
 * cpns(rfc7539(chacha20,poly1305)).  Messages are AAD | IV | text | tag with
 * an IV of 12 and a tag of 16 bytes; the kernel makes the IV (RFC 6054), the
 * caller gives 12 zero bytes.  Close the socket with close(2).
 *
 * Return: the operation socket, ready for sendmsg(2); -ENOENT the kernel has
 * no AF_ALG for AEADs or lists it as restricted; -EKEYREVOKED, -EKEYEXPIRED,
 * -ENOKEY, -EACCES of the key; or another -errno.
 */
int cpns_aead_socket(int32_t serial, uint32_t epoch, uint16_t sid)
{
	struct cpns_handle handle = {
		.serial = htonl((uint32_t)serial),
		.epoch = htonl(epoch),
		.use = CPNS_USE_AF_ALG,
	};
	unsigned int suite;
	uint16_t own_sid;
	int fd, result;

	result = read_status(serial, &suite, &own_sid);
	if (result < 0)
		return result;
	handle.key_bytes = suite == CPNS_SUITE_AES_128_GCM ? 16 : 32;
	handle.sid = htons(sid ? sid : own_sid);
	fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	result = bind_algorithm(fd, &handle,
				suite == CPNS_SUITE_CHACHA20_POLY1305);
	/* the operation socket holds what it needs of this one */
	close(fd);
	return result;
}

static size_t room_to_use(size_t room)
{
	return room < SEALED_MAX ? room : SEALED_MAX;
}

/**
 * cpns_seal() - encrypt a message to the group
 * @serial: the group's key
 * @text: the message, at most 32 KiB
 * @size: its bytes
 * @sealed: be32 epoch | IV of 8 | ciphertext | tag of 16
 * @room: bytes of @sealed; @size + 28 are needed
 *
 * Return: bytes of @sealed used; -EMSGSIZE too long, or too little room; or
 * another -errno.
 */
ssize_t cpns_seal(int32_t serial, const void *text, size_t size,
		  void *sealed, size_t room)
{
	long result;

	if (size > CPNS_MESSAGE_MAX)
		return -EMSGSIZE;
	result = keyctl_pkey_encrypt(serial, "enc=raw", text, size, sealed,
				     room_to_use(room));
	return result < 0 ? -errno : result;
}

/**
 * cpns_open_message() - decrypt a message of any sender of the group
 * @serial: the group's key
 * @sealed: what cpns_seal() made
 * @size: its bytes
 * @text: the message
 * @room: bytes of @text; @size - 28 are needed
 *
 * Return: bytes of @text used; -EBADMSG tampered; -EMSGSIZE too long, or too
 * little room; -ENOKEY an epoch that is not there; or another -errno.
 */
ssize_t cpns_open_message(int32_t serial, const void *sealed, size_t size,
			  void *text, size_t room)
{
	long result;

	if (size > SEALED_MAX)
		return -EMSGSIZE;
	result = keyctl_pkey_decrypt(serial, "enc=raw", sealed, size, text,
				     room_to_use(room));
	return result < 0 ? -errno : result;
}
