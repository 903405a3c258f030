/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sd_notify(3)'s protocol: READY, STATUS, RELOADING, WATCHDOG.
 *
 * One datagram to $NOTIFY_SOCKET; without it every call does nothing.
 */
#ifndef CPNSD_NOTIFY_H
#define CPNSD_NOTIFY_H

#include "loop.h"

void notify_send(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
/* feeds the watchdog at half of $WATCHDOG_USEC from the loop */
void notify_watchdog_start(struct loop *loop);
void notify_watchdog_stop(void);

#endif
