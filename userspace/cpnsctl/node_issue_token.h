/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpnsctl node issue --enrol-token.
 */
#ifndef CPNSCTL_NODE_ISSUE_TOKEN_H
#define CPNSCTL_NODE_ISSUE_TOKEN_H

#include <stdbool.h>

/* path: "-" for standard output; lifetime: s, or NULL; an exit code */
int node_issue_token(const char *node, const char *path, const char *lifetime,
		     bool force);

#endif
