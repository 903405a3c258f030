// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPI and reqid: every member computes them alike, nobody negotiates
 * (wire.md section 4).
 *
 * Pure functions, any thread.
 */
#include <openssl/evp.h>
#include <string.h>

#include "dataplane/dataplane.h"
#include "dataplane/tag.h"

#define SPI_LABEL	"cpns spi v1"
/* 256 .. 0xbfffffff + 256: RFC 4303 reserves 1 to 255 */
#define SPI_FIRST	256u
#define SPI_COUNT	3221225216u
#define REQID_BITS	0x3fffffffu
#define REQID_OURS	0x40000000u

static uint32_t be32_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | bytes[3];
}

/**
 * dataplane_spi() - SPI of one sender's SA towards one outer destination
 * @tag: group tag
 * @num: epoch number
 * @sid: sender id
 * @destination: outer destination, IPv4 mapped
 *
 * A packet for one receiver is not one for another.
 *
 * Return: 256 to 3221225471; 0 where SHA-256 failed.
 */
uint32_t dataplane_spi(const uint8_t tag[CPNS_TAG_SIZE], uint32_t num,
		       uint16_t sid, const uint8_t destination[16])
{
	uint8_t input[sizeof(SPI_LABEL) - 1 + CPNS_TAG_SIZE + 4 + 2 + 16];
	uint8_t digest[EVP_MAX_MD_SIZE], *to = input;

	memcpy(to, SPI_LABEL, sizeof(SPI_LABEL) - 1);
	to += sizeof(SPI_LABEL) - 1;
	memcpy(to, tag, CPNS_TAG_SIZE);
	to += CPNS_TAG_SIZE;
	*to++ = (uint8_t)(num >> 24);
	*to++ = (uint8_t)(num >> 16);
	*to++ = (uint8_t)(num >> 8);
	*to++ = (uint8_t)num;
	*to++ = (uint8_t)(sid >> 8);
	*to++ = (uint8_t)sid;
	memcpy(to, destination, 16);
	if (EVP_Digest(input, sizeof(input), digest, NULL, EVP_sha256(),
		       NULL) != 1)
		return 0;
	return SPI_FIRST + be32_at(digest) % SPI_COUNT;
}

/**
 * dataplane_reqid() - what ties a group's policies to its SAs
 * @sgid: Service Group identifier
 *
 * Return: 0x40000000 to 0x7fffffff; 0 where SHA-256 failed.
 */
uint32_t dataplane_reqid(const char *sgid)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(sgid, strlen(sgid), digest, NULL, EVP_sha256(),
		       NULL) != 1)
		return 0;
	return (be32_at(digest) & REQID_BITS) | REQID_OURS;
}

/**
 * dataplane_tag() - group tag: SHA-256(SGID)[0..12]
 * @sgid: Service Group identifier
 * @tag: filled
 *
 * Return: whether SHA-256 worked.
 */
bool dataplane_tag(const char *sgid, uint8_t tag[CPNS_TAG_SIZE])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(sgid, strlen(sgid), digest, NULL, EVP_sha256(),
		       NULL) != 1)
		return false;
	memcpy(tag, digest, CPNS_TAG_SIZE);
	return true;
}
