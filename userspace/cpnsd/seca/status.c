// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status reports (wire.md section 2, /ace-group/G/nodes/N/status): only a
 * report counts as "has the epoch", as CoAP over TCP acknowledges nothing.
 *
 * Runs in the loop's thread; one report a group is under way, what happens
 * meanwhile goes with the next.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seca/context.h"

static void report_send(struct group *group);

static void reported(void *context, const struct transport_response *response)
{
	struct group *group = context;
	bool newer = group->report_due;

	group->reporting = NULL;
	if (!response->error && response->code / 100 != 2)
		log_warning("group %s: status report refused (%d.%02d): %s",
			    group->sgid, response->code / 100,
			    response->code % 100,
			    response->problem ? response->problem : "");
	/*
	 * Not taken for now: with the next report, session or poll.  What came
	 * meanwhile has not been told at all, and makes that report at once.
	 */
	if (response->error || response->code == COAP_TOO_MANY_REQUESTS ||
	    response->code / 100 == 5) {
		group->conditions |= group->conditions_sent;
		group->capabilities_due |= group->capabilities_sent;
		group->report_due = true;
		if (response->error == -ECONNRESET)
			return;
	}
	if (newer)
		report_send(group);
}

static void fill_report(struct group *group, struct status_report *report)
{
	const unsigned int failed = 1u << STATUS_INSTALL_FAILED;
	unsigned int conditions = group->conditions, condition;
	struct seca *seca = group->seca;
	char reason[SECA_REASON_MAX];
	bool changed = false;

	/*
	 * With no epoch held the number says which one failed.  Where none
	 * did, it is the last one known, so that a server whose state is an
	 * old copy hears of it.  Neither must count as held, whatever else is
	 * wrong.
	 */
	report->num = group->installed ? group->installed : group->known;
	if (!group->installed && (conditions || group->chain.num)) {
		if (!(conditions & failed) && group->chain.num)
			report->num = group->chain.num;
		conditions |= failed;
	}
	report->has_record = report->num == group->chain.num;
	memcpy(report->record, group->chain.hash, sizeof(report->record));
	for (condition = STATUS_IV_LOW; condition <= STATUS_INSTALL_FAILED;
	     condition++)
		if (conditions & 1u << condition)
			report->conditions[report->conditions_count++] =
				(uint8_t)condition;
	if (!seca_node_look(seca, &changed, reason, sizeof(reason)) &&
	    (changed || group->capabilities_due)) {
		report->has_capabilities = true;
		report->capabilities = seca->capabilities;
	}
}

static void report_send(struct group *group)
{
	const char *const below[] = { "nodes", group->seca->node, "status" };
	struct status_report report = { 0 };
	struct transport_call call = {
		.method = METHOD_PUT,
		.format = FORMAT_CBOR,
		.done = reported,
		.context = group,
	};
	uint8_t *body = NULL;
	int error;

	fill_report(group, &report);
	group->capabilities_due |= report.has_capabilities;
	if (!report.num || (!group->installed && !report.conditions_count)) {
		group->report_due = false;
		return;
	}
	error = status_encode(&report, &body, &call.body_size);
	if (!error) {
		call.body = body;
		error = group_call(group, &call, below, 3, &group->reporting);
	}
	free(body);
	group->report_due = error != 0;
	if (!error) {
		group->capabilities_due &= !report.has_capabilities;
		group->conditions_sent = group->conditions;
		group->capabilities_sent = report.has_capabilities;
		group->conditions = 0;
	} else if (error != -ENOTCONN) {
		log_warning("group %s: status not reported: %s", group->sgid,
			    strerror(-error));
	}
}

/**
 * status_report_send - tell the CSKMF what this node holds, and what is wrong
 * @group: the group
 * @condition: STATUS_*, or 0
 *
 * Without a session the report goes out at the next connection.
 */
void status_report_send(struct group *group, uint8_t condition)
{
	if (condition)
		group->conditions |= (uint8_t)(1u << condition);
	group->report_due = true;
	status_send_due(group);
}

/**
 * status_send_due - send what was not taken or could not be sent before
 * @group: the group
 */
void status_send_due(struct group *group)
{
	if (group->report_due && !group->reporting)
		report_send(group);
}

/**
 * status_session_ready - a session is there (again): report what is held, or was
 * @group: the group
 */
void status_session_ready(struct group *group)
{
	if (group->live || group->chain.num)
		group->report_due = true;
	status_send_due(group);
}
