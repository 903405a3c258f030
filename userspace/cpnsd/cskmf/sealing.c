// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool of sealing.h: threads are started with the first batch and wait
 * for the next ones.
 *
 * Threading: everything between lock and unlock is shared; a task is one
 * worker's alone from when it is taken until it is counted as done.  Workers
 * call the OSG's sealing only, which reads its keys and writes nothing of its
 * own.  The loop is woken by ev_async.
 */
#include "cskmf/sealing.h"

#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sealing {
	ev_async wake;
	struct loop *loop;
	struct osg *osg;
	void (*done)(void *context, struct sealing_batch *batch);
	void *context;
	pthread_t threads[SEALING_THREADS];
	unsigned int threads_count;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct sealing_batch *waiting;		/* tasks left to take */
	struct sealing_batch *running;		/* all taken, not all done */
	struct sealing_batch *finished;
	bool ending;
};

struct sealing_batch *sealing_new(const char *sgid, uint32_t num, size_t most)
{
	struct sealing_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->tasks = calloc(most ? most : 1, sizeof(*batch->tasks));
	if (!batch->tasks) {
		free(batch);
		return NULL;
	}
	snprintf(batch->sgid, sizeof(batch->sgid), "%s", sgid);
	batch->num = num;
	return batch;
}

void sealing_free(struct sealing_batch *batch)
{
	if (!batch)
		return;
	free(batch->tasks);
	free(batch);
}

static void append(struct sealing_batch **list, struct sealing_batch *batch)
{
	while (*list)
		list = &(*list)->next;
	batch->next = NULL;
	*list = batch;
}

static void unlink_batch(struct sealing_batch **list,
			 struct sealing_batch *batch)
{
	while (*list != batch)
		list = &(*list)->next;
	*list = batch->next;
}

/* with the lock; the batch's last task takes it off the list */
static struct sealing_task *take(struct sealing *sealing,
				 struct sealing_batch **batch)
{
	struct sealing_task *task;

	*batch = sealing->waiting;
	task = &(*batch)->tasks[(*batch)->taken++];
	if ((*batch)->taken == (*batch)->count) {
		sealing->waiting = (*batch)->next;
		append(&sealing->running, *batch);
	}
	return task;
}

static void *worker(void *context)
{
	struct sealing *sealing = context;
	struct sealing_batch *batch;
	struct sealing_task *task;

	pthread_mutex_lock(&sealing->mutex);
	for (;;) {
		while (!sealing->waiting && !sealing->ending)
			pthread_cond_wait(&sealing->work, &sealing->mutex);
		if (sealing->ending)
			break;
		task = take(sealing, &batch);
		pthread_mutex_unlock(&sealing->mutex);
		task->error = osg_seal_leaf(sealing->osg, batch->sgid,
					    batch->num, &task->leaf, task->sid,
					    task->node_key, task->seal);
		pthread_mutex_lock(&sealing->mutex);
		if (++batch->done < batch->count)
			continue;
		unlink_batch(&sealing->running, batch);
		append(&sealing->finished, batch);
		ev_async_send(sealing->loop->ev, &sealing->wake);
	}
	pthread_mutex_unlock(&sealing->mutex);
	return NULL;
}

static void woken(struct ev_loop *ev, ev_async *wake, int events)
{
	struct sealing *sealing = (struct sealing *)wake;
	struct sealing_batch *batch;

	for (;;) {
		pthread_mutex_lock(&sealing->mutex);
		batch = sealing->finished;
		if (batch)
			sealing->finished = batch->next;
		pthread_mutex_unlock(&sealing->mutex);
		if (!batch)
			break;
		sealing->done(sealing->context, batch);
	}
}

/**
 * sealing_open() - a pool without threads yet
 * @sealing: gets it
 * @loop: where @done is called
 * @osg: outlives the pool
 * @done: see the header
 * @context: for @done
 *
 * Return: 0 or -ENOMEM.
 */
int sealing_open(struct sealing **sealing, struct loop *loop, struct osg *osg,
		 void (*done)(void *context, struct sealing_batch *batch),
		 void *context)
{
	struct sealing *opened = calloc(1, sizeof(*opened));

	*sealing = opened;
	if (!opened)
		return -ENOMEM;
	opened->loop = loop;
	opened->osg = osg;
	opened->done = done;
	opened->context = context;
	pthread_mutex_init(&opened->mutex, NULL);
	pthread_cond_init(&opened->work, NULL);
	ev_async_init(&opened->wake, woken);
	ev_async_start(loop->ev, &opened->wake);
	/* it alone keeps no loop running */
	ev_unref(loop->ev);
	return 0;
}

static void free_all(struct sealing_batch *list)
{
	struct sealing_batch *next;

	for (; list; list = next) {
		next = list->next;
		sealing_free(list);
	}
}

void sealing_close(struct sealing *sealing)
{
	unsigned int i;

	if (!sealing)
		return;
	pthread_mutex_lock(&sealing->mutex);
	sealing->ending = true;
	pthread_cond_broadcast(&sealing->work);
	pthread_mutex_unlock(&sealing->mutex);
	for (i = 0; i < sealing->threads_count; i++)
		pthread_join(sealing->threads[i], NULL);
	ev_ref(sealing->loop->ev);
	ev_async_stop(sealing->loop->ev, &sealing->wake);
	free_all(sealing->waiting);
	free_all(sealing->running);
	free_all(sealing->finished);
	pthread_cond_destroy(&sealing->work);
	pthread_mutex_destroy(&sealing->mutex);
	free(sealing);
}

/* signals are the loop's thread's */
static void start_threads(struct sealing *sealing)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (sealing->threads_count < SEALING_THREADS &&
	       (long)sealing->threads_count < (processors > 1 ? processors :
								1)) {
		if (pthread_create(&sealing->threads[sealing->threads_count],
				   NULL, worker, sealing))
			break;
		sealing->threads_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/**
 * sealing_submit() - have a batch sealed
 * @sealing: the pool
 * @batch: with one task at least, the pool's from now on
 *
 * Return: 0; -EAGAIN no thread could be started; -EINVAL no task in it.
 */
int sealing_submit(struct sealing *sealing, struct sealing_batch *batch)
{
	if (!batch->count)
		return -EINVAL;
	if (!sealing->threads_count)
		start_threads(sealing);
	if (!sealing->threads_count)
		return -EAGAIN;
	pthread_mutex_lock(&sealing->mutex);
	append(&sealing->waiting, batch);
	pthread_cond_broadcast(&sealing->work);
	pthread_mutex_unlock(&sealing->mutex);
	return 0;
}
