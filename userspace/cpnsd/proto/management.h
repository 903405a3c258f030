/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mgt_key_material inside the response; see proto/response.h.
 */
#ifndef CPNSD_PROTO_MANAGEMENT_H
#define CPNSD_PROTO_MANAGEMENT_H

#include "proto/cbor.h"
#include "proto/response.h"

int management_encode(const struct response_management *management,
		      uint8_t **bytes, size_t *size);
int management_decode(const uint8_t *bytes, size_t size,
		      struct response_management *management,
		      char *reason, size_t room);

#endif
