// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the server counts, in Prometheus' text exposition format (0.0.4):
 * `cpnsctl metrics`.
 *
 * The loop's thread.  Names of nodes are no labels: only groups are few
 * enough.  No key, no address.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_label.h"
#include "smf/smf_private.h"

static void head(FILE *text, const char *name, const char *type,
		 const char *help)
{
	fprintf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(FILE *text, const char *name, const char *type,
		   const char *help, double value)
{
	head(text, name, type, help);
	fprintf(text, "%s %.15g\n", name, value);
}

struct gauge {
	const char *name, *help;
	double (*value)(struct smf *smf, const struct cskmf_group_view *view);
};

static double epoch(struct smf *smf, const struct cskmf_group_view *view)
{
	return view->num;
}

static double listed(struct smf *smf, const struct cskmf_group_view *view)
{
	return view->description->members_count;
}

static double have_it(struct smf *smf, const struct cskmf_group_view *view)
{
	return cskmf_group_current(smf->cskmf, view->sgid);
}

static double seconds_left(struct smf *smf,
			   const struct cskmf_group_view *view)
{
	return view->seconds_left;
}

static double held(struct smf *smf, const struct cskmf_group_view *view)
{
	return view->held;
}

static double tree(struct smf *smf, const struct cskmf_group_view *view)
{
	return view->tree;
}

struct walk {
	FILE *text;
	struct smf *smf;
	const struct gauge *gauge;
	unsigned int groups;
};

static int group_line(void *context, const struct cskmf_group_view *view)
{
	struct walk *walk = context;

	walk->groups++;
	if (!walk->gauge)
		return 0;
	fprintf(walk->text, "%s{sgid=", walk->gauge->name);
	metrics_label(walk->text, view->sgid);
	fprintf(walk->text, "} %.15g\n",
		walk->gauge->value(walk->smf, view));
	return 0;
}

static void groups(struct smf *smf, FILE *text)
{
	static const struct gauge gauges[] = {
		{ "cpns_server_group_epoch",
		  "Number of the group's latest epoch.", epoch },
		{ "cpns_server_group_members",
		  "Entries of the group document.", listed },
		{ "cpns_server_group_members_current",
		  "Members that reported the latest epoch.", have_it },
		{ "cpns_server_group_epoch_seconds_left",
		  "Seconds until the epoch's lifetime ends.", seconds_left },
		{ "cpns_server_group_held",
		  "Epoch that members have and this server has not, 0: none.",
		  held },
		{ "cpns_server_group_key_tree",
		  "1 where the group has a key tree.", tree },
	};
	struct walk walk = { .text = text, .smf = smf };
	size_t i;

	cskmf_groups_each(smf->cskmf, group_line, &walk);
	single(text, "cpns_server_groups", "gauge", "Groups.", walk.groups);
	for (i = 0; i < sizeof(gauges) / sizeof(*gauges); i++) {
		walk.gauge = &gauges[i];
		head(text, gauges[i].name, "gauge", gauges[i].help);
		cskmf_groups_each(smf->cskmf, group_line, &walk);
	}
}

struct nodes_count {
	struct smf *smf;
	unsigned int all, revoked, connected;
};

static int count_node(void *context, const struct node *node)
{
	struct identity peer = { .kind = IDENTITY_NODE };
	struct nodes_count *count = context;

	snprintf(peer.id, sizeof(peer.id), "%s", node->id);
	count->all++;
	count->revoked += node->revoked;
	count->connected += transport_server_connected(count->smf->server,
						       &peer);
	return 0;
}

static void nodes(struct smf *smf, FILE *text)
{
	struct nodes_count count = { .smf = smf };

	nodes_each(cskmf_nodes(smf->cskmf), count_node, &count);
	single(text, "cpns_server_nodes", "gauge", "Nodes heard of.",
	       count.all);
	single(text, "cpns_server_nodes_revoked", "gauge", "Nodes revoked.",
	       count.revoked);
	single(text, "cpns_server_nodes_connected", "gauge",
	       "Registered nodes with a session.", count.connected);
	single(text, "cpns_server_nodes_banned", "gauge",
	       "Nodes kept out for joining too often.",
	       cskmf_banned(smf->cskmf));
}

static void refusals(const struct cskmf_counters *counters, FILE *text)
{
	static const char *const causes[] = {
		[REFUSED_MALFORMED] = "malformed",
		[REFUSED_NOT_A_MEMBER] = "not_a_member",
		[REFUSED_LEVEL] = "security_level",
		[REFUSED_GONE] = "gone",
		[REFUSED_NOT_YET] = "not_yet",
		[REFUSED_TOO_OFTEN] = "too_often",
		[REFUSED_FAILED] = "server_error",
	};
	static const char name[] = "cpns_server_refusals_total";
	size_t i;

	head(text, name, "counter", "Requests of members refused, by cause.");
	for (i = 0; i < REFUSED_CAUSES; i++)
		fprintf(text, "%s{cause=\"%s\"} %llu\n", name, causes[i],
			(unsigned long long)counters->refused[i]);
}

static void joins(const struct cskmf_counters *counters, FILE *text)
{
	static const double bounds[JOIN_BUCKETS] = JOIN_BOUNDS;
	static const char name[] = "cpns_server_join_seconds";
	uint64_t sum = 0;
	size_t i;

	head(text, name, "histogram",
	     "Time from a join request to its answer.");
	for (i = 0; i < JOIN_BUCKETS; i++) {
		sum += counters->join_buckets[i];
		fprintf(text, "%s_bucket{le=\"%g\"} %llu\n", name, bounds[i],
			(unsigned long long)sum);
	}
	fprintf(text, "%s_bucket{le=\"+Inf\"} %llu\n", name,
		(unsigned long long)counters->joins);
	fprintf(text, "%s_sum %.9g\n%s_count %llu\n", name,
		counters->join_seconds, name,
		(unsigned long long)counters->joins);
}

static void counts(struct smf *smf, FILE *text)
{
	const struct cskmf_counters *counters = cskmf_counters(smf->cskmf);

	single(text, "cpns_server_epochs_total", "counter", "Epochs made.",
	       counters->epochs);
	single(text, "cpns_server_epochs_failed_total", "counter",
	       "Epochs that could not be made or stored.",
	       counters->epochs_failed);
	single(text, "cpns_server_kmc_in_reach", "gauge",
	       "The KMC's provider answered when a key was last wanted.",
	       kmc_in_reach(smf->kmc));
	single(text, "cpns_server_joins_total", "counter",
	       "Join requests answered with a key.", counters->joins);
	single(text, "cpns_server_pulls_total", "counter",
	       "Pulls answered with a key.", counters->pulls);
	single(text, "cpns_server_pushes_total", "counter",
	       "Keys pushed to observers.", counters->pushes);
	single(text, "cpns_server_seals_total", "counter",
	       "Leaf KEKs sealed to node keys.", counters->seals);
	refusals(counters, text);
	joins(counters, text);
	single(text, "cpns_server_store_errors_total", "counter",
	       "Errors of the database.", store_errors(smf->store));
	single(text, "cpns_server_uptime_seconds", "gauge",
	       "Seconds since the server side started.",
	       loop_boottime() - smf->started);
}

/**
 * metrics_text() - all figures as text
 * @smf: the server side
 *
 * Return: the text, to be released with free(), or NULL: out of memory.
 */
char *metrics_text(struct smf *smf)
{
	char *bytes = NULL;
	size_t size;
	FILE *text = open_memstream(&bytes, &size);

	if (!text)
		return NULL;
	groups(smf, text);
	nodes(smf, text);
	counts(smf, text);
	if (fclose(text)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}
