// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this node says of its own security (Device Capabilities, AD
 * 5.3.1.7.1.1.1: the server may check the security level within the PN).
 *
 * Claimed, not attested.  Runs in the loop's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "seca/context.h"

#define LOCKDOWN_FILE "/sys/kernel/security/lockdown"

/*
 * Only the mode "confidentiality" keeps root from reading kernel memory;
 * "integrity" does not, and counts as none here.
 */
static bool kernel_is_locked_down(void)
{
	char line[128] = "";
	FILE *file = fopen(LOCKDOWN_FILE, "re");

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return strstr(line, "[confidentiality]");
}

/**
 * seca_node_look - ask the kernel for node key, pin and lockdown
 * @seca: the member side; node_state and capabilities are set
 * @changed: whether node key or capabilities are others than before; may be
 *	NULL
 * @reason: what failed
 * @room: bytes of @reason
 *
 * There are no PN links in this list until the attached PN is known to the
 * daemon: then the node has the level that custody and pin give.
 *
 * Return: 0 or -errno of NODE_GET.
 */
int seca_node_look(struct seca *seca, bool *changed,
		   char *reason, size_t room)
{
	struct capabilities capabilities = { .custody = CUSTODY_KERNEL };
	struct cpns_node node;
	int error;

	error = cpns_node_get(seca->kernel, &node);
	if (error) {
		snprintf(reason, room, "the kernel gives no node key: %s",
			 cpns_error(seca->kernel));
		return error;
	}
	if (kernel_is_locked_down())
		capabilities.custody = CUSTODY_LOCKDOWN;
	capabilities.pinned = node.pinned;
	if (changed)
		*changed = memcmp(node.public_key, seca->node_state.public_key,
				  sizeof(node.public_key)) ||
			   capabilities.custody != seca->capabilities.custody ||
			   capabilities.pinned != seca->capabilities.pinned;
	seca->node_state = node;
	seca->capabilities = capabilities;
	return 0;
}
