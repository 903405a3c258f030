/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the measuring programs share: rounds, clocks and the lines that
 * tests/bench/run reads. One thread; nothing here exits.
 *
 * Two ways to measure, told by the environment:
 *
 *   CPNS_BENCH_COUNT unset   seconds; rates, higher is better
 *   CPNS_BENCH_COUNT=1       the guest runs with CPNS_VM_ICOUNT=0, where the
 *                            time stamp counter is the number of instructions
 *                            executed; instructions an operation, lower is
 *                            better, and what else the machine does is no
 *                            matter
 */
#ifndef CPNS_BENCH_H
#define CPNS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_ROUNDS		9
#define BENCH_ROUNDS_COUNTED	3

/**
 * bench_work - what is measured
 * @context: of the caller
 * @count: how many operations
 *
 * Return: 0, or -errno, which ends the measurement.
 */
typedef int bench_work(void *context, unsigned long count);

/**
 * struct bench_pair - ours against a peer that does the same
 * @bench: name of the program
 * @what: the case
 * @unit: of one operation, in the singular
 * @ours: called in turns with @peer
 * @peer: called twice a round: the second is the same against the same
 * @peer_name: for the table
 * @ours_context: for @ours
 * @peer_context: for @peer
 * @least: rate of ours to the peer's below which it fails, 0 for no limit
 */
struct bench_pair {
	const char	*bench;
	const char	*what;
	const char	*unit;
	bench_work	*ours;
	bench_work	*peer;
	const char	*peer_name;
	void		*ours_context;
	void		*peer_context;
	double		least;
};

bool bench_counting(void);
int bench_check_counter(const char *bench);
int bench_pair(const struct bench_pair *pair);
int bench_series(const char *bench, const char *what, const char *unit,
		 bench_work *work, void *context, unsigned long count);
void bench_figure(const char *bench, const char *what, const char *unit,
		  double value);
void bench_note(const char *bench, const char *text);
int bench_failed(const char *bench, const char *what, int error);

#endif
