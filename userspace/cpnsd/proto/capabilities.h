/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parameters of the join exchange in the private range (RFC 9594 section
 * 11: integers below -65536), and the capabilities that registration and
 * status share.
 */
#ifndef CPNSD_PROTO_CAPABILITIES_H
#define CPNSD_PROTO_CAPABILITIES_H

#include "proto/cbor.h"
#include "proto/response.h"

/* RFC 9594 section 9, Table 5 */
#define PARAMETER_SCOPE			3
#define PARAMETER_CNONCE		6
#define PARAMETER_GKTY			7
#define PARAMETER_KEY			8
#define PARAMETER_NUM			9
#define PARAMETER_PROFILE		10
#define PARAMETER_EXI			12
#define PARAMETER_POLICIES		16
#define PARAMETER_REKEYING_SCHEME	20
#define PARAMETER_MANAGEMENT		27
/* ours */
#define PARAMETER_SID			(-65602)
#define PARAMETER_SEAL			(-65603)
#define PARAMETER_ROSTER		(-65604)
#define PARAMETER_AGE			(-65605)
#define PARAMETER_NODE_KEY		(-65606)
#define PARAMETER_CAPABILITIES		(-65607)
#define PARAMETER_ADDRESSES		(-65608)
#define PARAMETER_CONDITIONS		(-65609)
#define PARAMETER_RECORD		(-65620)

#define GKTY_WRAPPED_EPOCH		(-65601)
#define PROFILE_CPNS_IPSEC		(-65601)
#define SCHEME_POINT_TO_POINT		0
#define SCHEME_LKH_4			(-65601)

void capabilities_write(struct cbor_writer *writer,
			const struct capabilities *capabilities);
void capabilities_read(struct cbor_reader *reader,
		       struct capabilities *capabilities);

#endif
