// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rounds and clocks of the measuring programs, see bench.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>
#include "bench.h"

/*
 * A measurement is made of slices that take turns with the others', each so
 * short that some are not disturbed by what else the machine does. The
 * quickest quarter counts.
 */
#define SLICES			40
#define SERIES_SLICES		8
#define SLICE_SECONDS		0.005
#define SLICE_INSTRUCTIONS	30e6
#define COUNT_MAX		1000000UL

/**
 * bench_counting() - are instructions counted instead of seconds?
 */
bool bench_counting(void)
{
	const char *text = getenv("CPNS_BENCH_COUNT");

	return text && *text == '1';
}

static double now(void)
{
	struct timespec time;

	if (bench_counting())
		return __rdtsc();
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static double slice(void)
{
	return bench_counting() ? SLICE_INSTRUCTIONS : SLICE_SECONDS;
}

static unsigned int slices(void)
{
	return bench_counting() ? 1 : SLICES;
}

static unsigned int rounds(void)
{
	return bench_counting() ? BENCH_ROUNDS_COUNTED : BENCH_ROUNDS;
}

/**
 * bench_failed() - tell that a measurement could not be made
 * @bench: name of the program
 * @what: what failed
 * @error: -errno
 *
 * Return: @error.
 */
int bench_failed(const char *bench, const char *what, int error)
{
	printf("{\"bench\":\"%s\",\"kind\":\"error\",\"case\":\"%s\",\"text\":\"%s\"}\n",
	       bench, what, strerror(-error));
	fflush(stdout);
	return error;
}

/**
 * bench_check_counter() - does the counter count instructions?
 * @bench: name of the program
 *
 * Runs a loop of known length. Return: 0, or -ERANGE after telling so.
 */
int bench_check_counter(const char *bench)
{
	unsigned long loops = 5000000;
	double begin, each;

	if (!bench_counting())
		return 0;
	begin = now();
	asm volatile("1: dec %0\n\tjnz 1b" : "+r"(loops) : : "cc");
	each = (now() - begin) / 5000000;
	/* two instructions a turn, and the timer's interrupts */
	if (each >= 1.9 && each <= 2.2)
		return 0;
	return bench_failed(bench, "the counter does not count instructions",
			    -ERANGE);
}

/* seconds or instructions of @count operations; negative: -errno */
static double measure(bench_work *work, void *context, unsigned long count)
{
	double begin = now();
	int ret = work(context, count);

	return ret < 0 ? ret : now() - begin;
}

/* as many operations as fill a slice; 0 with @error on failure */
static unsigned long calibrate(bench_work *work, void *context, int *error)
{
	unsigned long count = 4;
	double took, again;

	for (;;) {
		took = measure(work, context, count);
		/* the machine may have been busy with something else */
		for (int i = 0; i < 4 && took >= 0 && !bench_counting(); i++) {
			again = measure(work, context, count);
			if (again < took)
				took = again;
		}
		if (took < 0) {
			*error = took;
			return 0;
		}
		if (took >= slice() / 2 || count >= COUNT_MAX)
			break;
		count *= took > slice() / 16 ? slice() / took + 1 : 8;
	}
	count = count * slice() / took;
	return count < 1 ? 1 : count > COUNT_MAX ? COUNT_MAX : count;
}

static double result(double took, unsigned long count)
{
	return bench_counting() ? took / count : count / took;
}

static void print_values(const char *name, const double *value)
{
	printf(",\"%s\":[", name);
	for (unsigned int i = 0; i < rounds(); i++)
		printf("%s%.6g", i ? "," : "", value[i]);
	printf("]");
}

static void print_head(const char *bench, const char *kind, const char *what,
		       const char *unit)
{
	printf("{\"bench\":\"%s\",\"kind\":\"%s\",\"case\":\"%s\",\"unit\":\"%s\",\"counted\":%s",
	       bench, kind, what, unit, bench_counting() ? "true" : "false");
}

enum side { OURS, PEER, AGAIN, SIDES };

static int shorter(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* mean of the quickest quarter */
static double quickest(double *took, unsigned int many)
{
	unsigned int count = many > 4 ? many / 4 : 1;
	double sum = 0;

	qsort(took, many, sizeof(*took), shorter);
	for (unsigned int i = 0; i < count; i++)
		sum += took[i];
	return sum / count;
}

/* one round's measurements into @took; the slices' order changes each time */
static int pair_round(const struct bench_pair *pair, unsigned long count,
		      double took[SIDES])
{
	double each[SIDES][SLICES];

	for (unsigned int i = 0; i < slices(); i++)
		for (unsigned int turn = 0; turn < SIDES; turn++) {
			enum side side = (turn + i) % SIDES;

			each[side][i] = side == OURS ?
				measure(pair->ours, pair->ours_context, count) :
				measure(pair->peer, pair->peer_context, count);
			if (each[side][i] < 0)
				return each[side][i];
		}
	for (enum side side = 0; side < SIDES; side++)
		took[side] = quickest(each[side], slices());
	return 0;
}

/**
 * bench_pair() - measure ours and the peer in turns, and tell
 * @pair: what
 *
 * Return: 0 or -errno after telling so.
 */
int bench_pair(const struct bench_pair *pair)
{
	double value[SIDES][BENCH_ROUNDS], took[SIDES];
	unsigned long count;
	int error = 0;

	count = calibrate(pair->peer, pair->peer_context, &error);
	/* warm as well */
	if (!error)
		error = pair->ours(pair->ours_context, count);
	for (unsigned int round = 0; round < rounds() && !error; round++) {
		error = pair_round(pair, count, took);
		for (int side = 0; side < SIDES; side++)
			value[side][round] = result(took[side], count);
	}
	if (error)
		return bench_failed(pair->bench, pair->what, error);
	print_head(pair->bench, "pair", pair->what, pair->unit);
	printf(",\"peer_name\":\"%s\",\"least\":%g,\"count\":%lu",
	       pair->peer_name, pair->least, count);
	print_values("ours", value[OURS]);
	print_values("peer", value[PEER]);
	print_values("again", value[AGAIN]);
	printf("}\n");
	fflush(stdout);
	return 0;
}

/**
 * bench_series() - measure one thing several times, and tell
 * @bench: name of the program
 * @what: the case
 * @unit: of one operation, in the singular
 * @work: called for an eighth of @count at a time
 * @context: for @work
 * @count: operations a round, a multiple of 8
 *
 * Return: 0 or -errno after telling so.
 */
int bench_series(const char *bench, const char *what, const char *unit,
		 bench_work *work, void *context, unsigned long count)
{
	double value[BENCH_ROUNDS], took[SERIES_SLICES];
	unsigned long each = count / SERIES_SLICES;

	for (unsigned int round = 0; round < rounds(); round++) {
		for (unsigned int i = 0; i < SERIES_SLICES; i++) {
			took[i] = measure(work, context, each);
			if (took[i] < 0)
				return bench_failed(bench, what, took[i]);
		}
		value[round] = result(quickest(took, SERIES_SLICES), each);
	}
	print_head(bench, "series", what, unit);
	printf(",\"count\":%lu", count);
	print_values("ours", value);
	printf("}\n");
	fflush(stdout);
	return 0;
}

/**
 * bench_figure() - tell one figure
 * @bench: name of the program
 * @what: the case
 * @unit: of the figure
 * @value: it
 */
void bench_figure(const char *bench, const char *what, const char *unit,
		  double value)
{
	print_head(bench, "figure", what, unit);
	printf(",\"value\":%.6g}\n", value);
	fflush(stdout);
}

/**
 * bench_note() - a line below the table
 * @bench: name of the program
 * @text: without quotation marks
 */
void bench_note(const char *bench, const char *text)
{
	printf("{\"bench\":\"%s\",\"kind\":\"note\",\"text\":\"%s\"}\n", bench,
	       text);
	fflush(stdout);
}
