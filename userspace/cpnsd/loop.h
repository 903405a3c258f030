/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event loop of cpnsd: file descriptors and timers over libev.
 *
 * One thread; every callback runs to its end before the next one.  The
 * caller owns the watcher structures, embeds them and stops them before it
 * frees them.
 */
#ifndef CPNSD_LOOP_H
#define CPNSD_LOOP_H

#include <ev.h>
#include <stdbool.h>

struct loop {
	struct ev_loop *ev;
};

struct loop_fd {
	ev_io io;
	struct loop *loop;
	void (*ready)(void *context);
	void *context;
};

struct loop_timer {
	ev_timer timer;
	struct loop *loop;
	void (*fire)(void *context);
	void *context;
};

int loop_open(struct loop *loop);
void loop_close(struct loop *loop);
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

void loop_fd_start(struct loop *loop, struct loop_fd *watch, int fd,
		   void (*ready)(void *context), void *context);
void loop_fd_stop(struct loop_fd *watch);

/* one shot; starting a running timer sets it anew; seconds from now */
void loop_timer_init(struct loop *loop, struct loop_timer *timer,
		     void (*fire)(void *context), void *context);
void loop_timer_start(struct loop_timer *timer, double seconds);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_active(const struct loop_timer *timer);

/* seconds on CLOCK_BOOTTIME */
double loop_boottime(void);

#endif
