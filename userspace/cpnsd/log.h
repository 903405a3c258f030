/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log lines of cpnsd: standard error or the journal's socket.
 *
 * Never give a key, a KEK or a sealed byte string to these functions.
 */
#ifndef CPNSD_LOG_H
#define CPNSD_LOG_H

#include <stdint.h>
#include <syslog.h>

struct log_flow {
	const char *role;	/* server, gateway, pne */
	const char *flow;	/* B.2.1.1 or B.2.1.2 */
	unsigned int step;	/* 1..11 */
	const char *from, *to;	/* SMF, CSKMF, OSG, KMC, SECA */
	const char *sgid;
	uint32_t num;		/* 0: left out */
	const char *node;	/* NULL: left out */
};

void log_open(const char *role, int level);
void log_message(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * For lines that a peer can cause as often as it likes: LOG_BURST at once and
 * one a second, counted by place.  Static, all zero at first.
 */
#define LOG_BURST 20

struct log_limit {
	unsigned int used;	/* of LOG_BURST */
	unsigned int left_out;
	long at;		/* boottime of the last line, s */
};

void log_limited(struct log_limit *limit, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(...)	log_message(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)	log_message(LOG_INFO, __VA_ARGS__)
#define log_notice(...)	log_message(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_error(...)	log_message(LOG_ERR, __VA_ARGS__)

/*
 * One step of a flow of the OMA documents, as
 * `<role> B.2.1.1 step <n> <FROM>-><TO> group=<SGID> [num=<n>] [node=<id>]`
 * with the same as journal fields and boottime in microseconds.
 */
void log_flow_step(const struct log_flow *step);

#endif
