// SPDX-License-Identifier: GPL-2.0-only
/*
 * Causes in words beside an errno.  No state, any thread.
 */
#include "proto/reason.h"

#include <stdarg.h>
#include <stdio.h>

int reason_give(char *reason, size_t room, int error, const char *format, ...)
{
	va_list arguments;

	if (reason && room) {
		va_start(arguments, format);
		vsnprintf(reason, room, format, arguments);
		va_end(arguments);
	}
	return error;
}
