// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event loop of cpnsd over libev; see loop.h.
 *
 * One thread.  Watchers belong to their callers.
 */
#include <errno.h>
#include <time.h>

#include "loop.h"

/**
 * loop_open - make the daemon's loop
 * @loop: to fill
 *
 * Return: 0, or -ENOMEM if the kernel gives no event facility.
 */
int loop_open(struct loop *loop)
{
	loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	return loop->ev ? 0 : -ENOMEM;
}

/**
 * loop_close - free the loop; all watchers must be stopped
 * @loop: the loop
 */
void loop_close(struct loop *loop)
{
	if (loop->ev)
		ev_loop_destroy(loop->ev);
	loop->ev = NULL;
}

/**
 * loop_run - serve events until loop_stop()
 * @loop: the loop
 */
void loop_run(struct loop *loop)
{
	ev_run(loop->ev, 0);
}

/**
 * loop_stop - let loop_run() return after the running callback
 * @loop: the loop
 */
void loop_stop(struct loop *loop)
{
	ev_break(loop->ev, EVBREAK_ALL);
}

static void fd_ready(struct ev_loop *ev, ev_io *io, int events)
{
	struct loop_fd *watch = (struct loop_fd *)io;

	(void)ev;
	(void)events;
	watch->ready(watch->context);
}

/**
 * loop_fd_start - call back whenever a descriptor is readable
 * @loop: the loop
 * @watch: the caller's watcher, not running
 * @fd: descriptor; the caller closes it, after loop_fd_stop()
 * @ready: called in the loop's thread
 * @context: handed to @ready
 */
void loop_fd_start(struct loop *loop, struct loop_fd *watch, int fd,
		   void (*ready)(void *context), void *context)
{
	watch->loop = loop;
	watch->ready = ready;
	watch->context = context;
	ev_io_init(&watch->io, fd_ready, fd, EV_READ);
	ev_io_start(loop->ev, &watch->io);
}

/**
 * loop_fd_stop - end a watch; harmless on one that never started
 * @watch: the watcher, zeroed or initialised
 */
void loop_fd_stop(struct loop_fd *watch)
{
	if (watch->loop)
		ev_io_stop(watch->loop->ev, &watch->io);
}

static void timer_fired(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct loop_timer *watch = (struct loop_timer *)timer;

	(void)ev;
	(void)events;
	watch->fire(watch->context);
}

/**
 * loop_timer_init - prepare a one-shot timer
 * @loop: the loop
 * @timer: the caller's timer
 * @fire: called in the loop's thread
 * @context: handed to @fire
 */
void loop_timer_init(struct loop *loop, struct loop_timer *timer,
		     void (*fire)(void *context), void *context)
{
	timer->loop = loop;
	timer->fire = fire;
	timer->context = context;
	ev_timer_init(&timer->timer, timer_fired, 0., 0.);
}

/**
 * loop_timer_start - (re)arm a timer
 * @timer: an initialised timer
 * @seconds: from now; 0 or less: at the next turn of the loop
 */
void loop_timer_start(struct loop_timer *timer, double seconds)
{
	ev_timer_stop(timer->loop->ev, &timer->timer);
	/* libev counts from the loop's idea of now, which may be old */
	ev_now_update(timer->loop->ev);
	ev_timer_set(&timer->timer, seconds > 0. ? seconds : 0., 0.);
	ev_timer_start(timer->loop->ev, &timer->timer);
}

/**
 * loop_timer_stop - disarm a timer; harmless on a zeroed one
 * @timer: the timer
 */
void loop_timer_stop(struct loop_timer *timer)
{
	if (timer->loop)
		ev_timer_stop(timer->loop->ev, &timer->timer);
}

/**
 * loop_timer_active - is it armed?
 * @timer: an initialised timer
 */
bool loop_timer_active(const struct loop_timer *timer)
{
	return timer->loop && ev_is_active(&timer->timer);
}

/**
 * loop_boottime - the clock that epochs run on
 *
 * Return: seconds since boot, suspend included.
 */
double loop_boottime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
