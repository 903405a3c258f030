/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the checks of `cpnsctl doctor` share.
 *
 * Threading: one thread.
 */
#ifndef CPNSCTL_DOCTOR_H
#define CPNSCTL_DOCTOR_H

#include "command.h"

enum finding {
	FINDING_GOOD,
	FINDING_NOTE,		/* works, but something is weaker than it could */
	FINDING_BAD,
};

struct doctor {
	struct json_object *findings;	/* NULL: for people */
	unsigned int bad;
	struct config *config;		/* NULL: could not be read */
	struct cpns *kernel;		/* NULL: no module */
};

/* remedy: the command that mends it, NULL where there is nothing to do */
void doctor_report(struct doctor *doctor, enum finding finding,
		   const char *subject, const char *remedy,
		   const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* doctor_kernel.c */
void doctor_kernel(struct doctor *doctor);
/* doctor_certificates.c */
void doctor_certificates(struct doctor *doctor);
/* doctor_psk.c: true where no certificate is used */
bool doctor_psk(struct doctor *doctor);
/* doctor_policies.c */
void doctor_policies(struct doctor *doctor);

#endif
