// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status reports on their way to the store: many members report a push at
 * once, and a transaction for each of them would keep the loop from telling
 * the rest.  They are written together, REPORTS_WAIT later.
 *
 * A report that a crash takes with it costs a repair that was not needed,
 * never a key: a member that is not known to have an epoch gets it again.
 * The loop's thread.
 */
#include <string.h>

#include "cskmf/group.h"
#include "log.h"

#define REPORTS_WAIT	0.5	/* s */
#define REPORTS_RETRY	10.0	/* s, where the store fails */

void reports_note(struct cskmf *cskmf, struct member *member)
{
	member->unsaved = true;
	if (!loop_timer_active(&cskmf->saving))
		loop_timer_start(&cskmf->saving, REPORTS_WAIT);
}

static int save_group(struct group *group)
{
	struct member *member, *next;
	int result;

	HASH_ITER(hh, group->members, member, next) {
		if (!member->unsaved)
			continue;
		result = store_leaf_report(group->cskmf->options.store,
					   group->sgid, member->node,
					   member->reported);
		if (result)
			return result;
	}
	return 0;
}

static void saved(struct group *group)
{
	struct member *member, *next;

	HASH_ITER(hh, group->members, member, next)
		member->unsaved = false;
}

void reports_save(void *context)
{
	struct cskmf *cskmf = context;
	struct group *group, *next;
	int result;

	loop_timer_stop(&cskmf->saving);
	result = store_begin(cskmf->options.store);
	if (!result) {
		HASH_ITER(hh, cskmf->groups, group, next)
			result = result ? result : save_group(group);
		if (result)
			store_rollback(cskmf->options.store);
		else
			result = store_commit(cskmf->options.store);
	}
	if (result) {
		log_warning("reports of members are not stored: %s",
			    strerror(-result));
		loop_timer_start(&cskmf->saving, REPORTS_RETRY);
		return;
	}
	HASH_ITER(hh, cskmf->groups, group, next)
		saved(group);
}
