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

static bool same_links(const struct capabilities *a,
		       const struct capabilities *b)
{
	return a->links_count == b->links_count &&
	       !memcmp(a->links, b->links,
		       a->links_count * sizeof(a->links[0]));
}

/**
 * seca_links_changed - a link of the PN is protected otherwise than before
 * @context: the member side
 *
 * Every CPNS Server hears of it at once: it may refuse keys from now on, or
 * give them again.
 */
void seca_links_changed(void *context)
{
	struct seca *seca = context;
	struct seca_session *session;
	char reason[SECA_REASON_MAX];
	bool changed = false;

	if (seca_node_look(seca, &changed, reason, sizeof(reason))) {
		log_error("%s", reason);
		return;
	}
	if (!changed)
		return;
	log_notice("links of the PN have changed, security level %u",
		   capabilities_level(&seca->capabilities));
	for (session = seca->sessions; session; session = session->next)
		gateway_smf_register(session);
}

/**
 * seca_node_look - ask the kernel for node key, pin and lockdown
 * @seca: the member side; node_state and capabilities are set
 * @changed: whether node key or capabilities are others than before; may be
 *	NULL
 * @reason: what failed
 * @room: bytes of @reason
 *
 * Without links of a PN the node has the level that custody and pin give.
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
	if (seca->links)
		pn_links_fill(seca->links, &capabilities);
	if (changed)
		*changed = memcmp(node.public_key, seca->node_state.public_key,
				  sizeof(node.public_key)) ||
			   capabilities.custody != seca->capabilities.custody ||
			   capabilities.pinned != seca->capabilities.pinned ||
			   !same_links(&capabilities, &seca->capabilities);
	seca->node_state = node;
	seca->capabilities = capabilities;
	return 0;
}
