/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * OMA CPNS group keys in the kernel: the bytes.
 *
 * Commands, attributes and events of the generic netlink family "cpns" are in
 * linux/cpns_netlink.h, generated from Documentation/netlink/specs/cpns.yaml.
 * Here stand the byte strings that travel in its binary attributes, the key
 * handle and the constants of the key schedule.
 *
 * All numbers are big-endian. All structures are packed and have the size in
 * their name's table. | means concatenation.
 *
 * Key schedule (HKDF-SHA256, RFC 5869):
 *
 *   PRK         = Extract(salt = tag | be32 epoch, epoch secret)
 *   KCV         = Expand(PRK, "cpns kcv v1", 16)
 *   traffic key = Expand(PRK, "cpns tk v1" | u8 use | u8 AEAD id | be16 SID |
 *                        u8 key bytes, key bytes + salt bytes)
 *
 *   AEAD id   algorithm                      salt bytes   key bytes
 *   1         gcm(aes)                       0            16, 32
 *   2         rfc4106(gcm(aes))              4            16, 32
 *   3         rfc7539(chacha20,poly1305)     0            32
 *   4         rfc7539esp(chacha20,poly1305)  4            32
 *
 * IV: 8 bytes = be16 SID | be48 counter (RFC 6054); 12 = 00000000 | those 8.
 * The counter starts at 1 and belongs to (epoch, SID).
 */
#ifndef _UAPI_LINUX_CPNS_H
#define _UAPI_LINUX_CPNS_H

#include <linux/types.h>
#include <linux/cpns_netlink.h>

#define CPNS_KEY_TYPE		"cpns_group"
#define CPNS_KEYRING		".cpns"

#define CPNS_SGID_MAX		255	/* bytes, without the final 0 */
#define CPNS_TAG_SIZE		12	/* SHA-256(SGID)[0..12] */
#define CPNS_KCV_SIZE		16
#define CPNS_SECRET_SIZE	32	/* epoch secret, KEK, PRK */
#define CPNS_X25519_SIZE	32
#define CPNS_WRAPPED_SIZE	48	/* CPNS_SECRET_SIZE and a tag of 16 */
#define CPNS_ITEMS_MAX		64
#define CPNS_EVICTED_MAX	1024
#define CPNS_EPOCH_MAX		4294901760U
#define CPNS_MESSAGE_MAX	32768	/* bytes of a pkey operation */

#define CPNS_SUITE_AES_256_GCM		1
#define CPNS_SUITE_AES_128_GCM		2
#define CPNS_SUITE_CHACHA20_POLY1305	3

#define CPNS_AEAD_GCM			1
#define CPNS_AEAD_RFC4106		2
#define CPNS_AEAD_RFC7539		3
#define CPNS_AEAD_RFC7539ESP		4

#define CPNS_USE_ESP			1
#define CPNS_USE_AF_ALG			2
#define CPNS_USE_MESSAGE		3

#define CPNS_HPKE_AES_128_GCM		1
#define CPNS_HPKE_AES_256_GCM		2
#define CPNS_HPKE_MODE_BASE		0
#define CPNS_HPKE_MODE_AUTH		2

#define CPNS_INFO_LEAF			"cpns leaf v1"	/* | tag: HPKE info */
#define CPNS_AAD_ITEM			"cpns item v1"
#define CPNS_INFO_KCV			"cpns kcv v1"
#define CPNS_INFO_TRAFFIC		"cpns tk v1"

/**
 * struct cpns_header - HEADER, the same 48 bytes for every member
 * @version: 1
 * @suite: CPNS_SUITE_*
 * @zero: 0
 * @epoch: number, 1 to %CPNS_EPOCH_MAX
 * @atd: Activation Time Delay, seconds from the making of the record until
 *	the epoch is sent with (RFC 5374)
 * @dtd: Deactivation Time Delay, seconds from the making of the record until
 *	older epochs are wiped; more than @atd
 * @lifetime: seconds from the making of the record; 0 for ever
 * @tag: group tag
 * @kcv: key check value
 *
 *	offset  0 version   1 suite   2 zero   4 epoch   8 atd   12 dtd
 *	       16 lifetime 20 tag    32 kcv   48 end
 */
struct cpns_header {
	__u8	version;
	__u8	suite;
	__be16	zero;
	__be32	epoch;
	__be32	atd;
	__be32	dtd;
	__be32	lifetime;
	__u8	tag[CPNS_TAG_SIZE];
	__u8	kcv[CPNS_KCV_SIZE];
} __attribute__((packed));

#define CPNS_HEADER_SIZE	48

/**
 * struct cpns_seal - SEAL, a leaf KEK sealed to one node's kernel (RFC 9180)
 * @aead: CPNS_HPKE_AES_*
 * @mode: CPNS_HPKE_MODE_*
 * @zero: 0
 * @leaf_id: id of the leaf KEK in the key tree
 * @leaf_ver: its version
 * @sid: the node's sender id in the epoch, 0 if it may not send
 * @zero2: 0
 * @first_epoch: the epoch of the HEADER this came with
 * @tag: group tag
 * @enc: the sender's ephemeral X25519 public key
 * @ct: leaf KEK and tag; aad = bytes 0 to 31, info = "cpns leaf v1" | tag
 *
 *	offset  0 aead    2 mode   3 zero    4 leaf_id   8 leaf_ver   12 sid
 *	       14 zero2  16 first_epoch     20 tag      32 enc        64 ct
 *	      112 end
 */
struct cpns_seal {
	__be16	aead;
	__u8	mode;
	__u8	zero;
	__be32	leaf_id;
	__be32	leaf_ver;
	__be16	sid;
	__be16	zero2;
	__be32	first_epoch;
	__u8	tag[CPNS_TAG_SIZE];
	__u8	enc[CPNS_X25519_SIZE];
	__u8	ct[CPNS_WRAPPED_SIZE];
} __attribute__((packed));

#define CPNS_SEAL_SIZE		112
#define CPNS_SEAL_AAD_SIZE	32

/**
 * struct cpns_item - ITEM, one key wrapped under another
 * @id: id of the key inside; 0 is the epoch secret
 * @ver: its version
 * @wid: id of the wrapping key
 * @wver: its version
 * @nonce: of AES-256-GCM
 * @ct: key and tag; aad = "cpns item v1" | (id == 0 ? HEADER :
 *	tag | be32 epoch) | bytes 0 to 15
 *
 *	offset 0 id   4 ver   8 wid   12 wver   16 nonce   28 ct   76 end
 */
struct cpns_item {
	__be32	id;
	__be32	ver;
	__be32	wid;
	__be32	wver;
	__u8	nonce[12];
	__u8	ct[CPNS_WRAPPED_SIZE];
} __attribute__((packed));

#define CPNS_ITEM_SIZE		76

/**
 * struct cpns_handle - what stands where a key would, in setkey of cpns(X)
 * @serial: serial number of the group's key or of a reference to it
 * @epoch: number, 0 for the one to send with
 * @sid: sender whose traffic key this is; one's own to encrypt
 * @use: CPNS_USE_*
 * @key_bytes: of the cipher, without salt: 16 or 32
 *
 *	offset 0 serial   4 epoch   8 sid   10 use   11 key_bytes   12 end
 */
struct cpns_handle {
	__be32	serial;
	__be32	epoch;
	__be16	sid;
	__u8	use;
	__u8	key_bytes;
} __attribute__((packed));

#define CPNS_HANDLE_SIZE	12

/**
 * struct cpns_message - what stands before the ciphertext of a pkey operation
 * @epoch: number
 * @iv: be16 SID | be48 counter; the ciphertext and its tag of 16 follow
 *
 *	offset 0 epoch   4 iv   12 ciphertext
 */
struct cpns_message {
	__be32	epoch;
	__u8	iv[8];
} __attribute__((packed));

#define CPNS_MESSAGE_HEADER_SIZE	12

/**
 * struct cpns_reference_payload - answer to request_key("cpns_group", SGID)
 * @magic: "REF", without a final 0
 * @version: 1
 * @serial: serial number of the group's key in .cpns
 *
 * What the helper of request-key(8) passes to KEYCTL_INSTANTIATE.
 *
 *	offset 0 magic   3 version   4 serial   8 end
 */
struct cpns_reference_payload {
	__u8	magic[3];
	__u8	version;
	__be32	serial;
} __attribute__((packed));

#define CPNS_REFERENCE_SIZE	8

#endif /* _UAPI_LINUX_CPNS_H */
