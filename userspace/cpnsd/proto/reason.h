/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Causes in words beside an errno.
 */
#ifndef CPNSD_PROTO_REASON_H
#define CPNSD_PROTO_REASON_H

#include <stddef.h>

/**
 * reason_give() - say why, and return the error
 * @reason: buffer of the caller, may be NULL
 * @room: its size in bytes
 * @error: negative errno
 * @format: printf format of one line without a full stop
 *
 * Return: @error.
 */
int reason_give(char *reason, size_t room, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
