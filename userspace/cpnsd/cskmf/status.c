// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status reports of members (PUT .../status): only they count as "has the
 * epoch".  A member that runs low makes a new epoch at once.
 */
#include <limits.h>
#include <string.h>

#include "cskmf/group.h"
#include "log.h"
#include "proto/response.h"

static const char *const conditions[] = {
	[STATUS_IV_LOW] = "IVs low",
	[STATUS_SEQUENCE_LOW] = "sequence numbers low",
	[STATUS_SPI_COLLISION] = "SPI collision",
	[STATUS_INSTALL_FAILED] = "not installed",
};

/*
 * A report counts for the latest epoch only, and one that comes again within
 * the spacing of epochs waits for it, so that one member cannot make the
 * group spin.
 */
static void on_condition(struct group *group, struct member *member,
			 const struct status_report *report,
			 unsigned int condition)
{
	static struct log_limit limit;
	double now = loop_boottime();
	bool at_once;

	log_limited(&limit, LOG_WARNING,
		    "group=%s num=%u node=%s reports: %s", group->sgid,
		    report->num, member->node, conditions[condition]);
	if (condition == STATUS_INSTALL_FAILED || report->num != group->num)
		return;
	at_once = !member->low_at || now - member->low_at > group->dtd + 1;
	member->low_at = now;
	schedule_want(group, EPOCH_TIMER, at_once);
}

/* the latest number, of another key: this server does not know its own past */
static bool is_other(const struct group *group,
		     const struct status_report *report)
{
	return report->has_record && report->num == group->num &&
	       memcmp(report->record, group->hash, sizeof(report->record));
}

static bool has_failed(const struct status_report *report)
{
	size_t i;

	for (i = 0; i < report->conditions_count; i++)
		if (report->conditions[i] == STATUS_INSTALL_FAILED)
			return true;
	return false;
}

/* each change is a wait for the disk: who flaps is kept out */
static int take_capabilities(struct cskmf *cskmf, const char *node,
			     const struct capabilities *capabilities,
			     struct refusal *refusal)
{
	int result;

	if (nodes_has_capabilities(cskmf->nodes, node, capabilities))
		return 0;
	if (!limits_take(cskmf->limits, node, loop_boottime()))
		return refuse(refusal, COAP_TOO_MANY_REQUESTS, INT32_MIN,
			      "too many changes, wait");
	result = nodes_set_capabilities(cskmf->nodes, node, capabilities);
	if (result)
		return refuse(refusal, COAP_SERVER_ERROR, INT32_MIN,
			      "the capabilities are not stored: %s",
			      strerror(-result));
	return 0;
}

int status_report(struct group *group, const char *node,
		  const uint8_t *body, size_t size, struct refusal *refusal)
{
	struct member *member = member_find(group, node);
	struct status_report report;
	char reason[100];
	size_t i;

	if (status_decode(body, size, &report, reason, sizeof(reason)))
		return refuse(refusal, COAP_BAD_REQUEST, INT32_MIN, "%s",
			      reason);
	/* a newer document lists who joined after the store was copied */
	if (!member && report.num > group->num && member_entry(group, node))
		member = member_get(group, node);
	if (!member)
		return refuse(refusal, COAP_BAD_REQUEST, INT32_MIN,
			      "epoch %u was never made", report.num);
	if (report.num > group->num || is_other(group, &report))
		return hold_report(group, member, report.num, refusal);
	hold_heard(group, member);
	if (report.num > member->reported && !has_failed(&report)) {
		member->reported = report.num;
		reports_note(group->cskmf, member);
	}
	for (i = 0; i < report.conditions_count; i++)
		if (report.conditions[i] >= STATUS_IV_LOW &&
		    report.conditions[i] <= STATUS_INSTALL_FAILED)
			on_condition(group, member, &report,
				     report.conditions[i]);
	return report.has_capabilities ?
	       take_capabilities(group->cskmf, node, &report.capabilities,
				 refusal) : 0;
}
