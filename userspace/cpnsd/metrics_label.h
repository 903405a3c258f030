/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A label's value in Prometheus' text exposition format (0.0.4), for the
 * metrics of the server and of the gateway.
 *
 * Any thread.  Holds nothing.
 */
#ifndef CPNSD_METRICS_LABEL_H
#define CPNSD_METRICS_LABEL_H

#include <stdio.h>

/* @value between quotes; an SGID has no control characters and no spaces */
static inline void metrics_label(FILE *text, const char *value)
{
	fputc('"', text);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', text);
		fputc(*value, text);
	}
	fputc('"', text);
}

#endif
