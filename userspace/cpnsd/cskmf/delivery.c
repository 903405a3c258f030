// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery of the Group Key to one member: admission, security level, SID,
 * SEAL, and the response of RFC 9594 4.3.1 around the signed record.
 *
 * The bytes made here hold keys only sealed to the member's kernel or
 * wrapped under its leaf KEK.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"
#include "log.h"
#include "proto/capabilities.h"
#include "proto/response.h"

#define CHECK_INTERVAL	300	/* s between two looks at /num */

/*
 * What is left of an answer beside the largest record (256 hashes of shards,
 * 1,024 Sender-IDs, a certificate) and 64 ITEMs.
 */
#define ROSTER_BESIDE_KEY_MOST	(TRANSPORT_BODY_MAX - 24 * 1024)

/* RFC 9594 4.1.2, ace-groupcomm-error */
enum {
	GROUPCOMM_ONLY_MEMBERS = 0,
	GROUPCOMM_NO_INDIVIDUAL_KEY = 4,
	GROUPCOMM_MEMBERSHIP_TERMINATED = 5,
	GROUPCOMM_GROUP_DELETED = 6,
};

int refuse(struct refusal *refusal, int code, int32_t error_id,
	   const char *format, ...)
{
	va_list arguments;

	refusal->code = code;
	refusal->error_id = error_id;
	va_start(arguments, format);
	vsnprintf(refusal->title, sizeof(refusal->title), format, arguments);
	va_end(arguments);
	return -EACCES;
}

/* the same words whether the group is not there or not for the asker */
static int not_a_member(struct refusal *refusal)
{
	return refuse(refusal, COAP_FORBIDDEN, GROUPCOMM_ONLY_MEMBERS,
		      "only members of the group may ask");
}

int delivery_admit(struct cskmf *cskmf, const struct identity *peer,
		   const char *sgid, struct group **group,
		   struct refusal *refusal)
{
	struct group *found = group_find(cskmf, sgid);
	/*
	 * The asker is looked for in some group where there is none of this
	 * name, so that the time tells as little as the words.
	 */
	const struct group *looked_at = found ? found : cskmf->groups;
	bool revoked = nodes_revoked(cskmf->nodes, peer->id);
	bool listed = looked_at && member_entry(looked_at, peer->id);
	bool known = looked_at && member_find(looked_at, peer->id);

	if (peer->kind != IDENTITY_NODE || !found || (!listed && !known))
		return not_a_member(refusal);
	if (listed && !revoked) {
		*group = found;
		return 0;
	}
	if (!known)
		return not_a_member(refusal);
	if (found->deleted)
		return refuse(refusal, COAP_NOT_FOUND,
			      GROUPCOMM_GROUP_DELETED,
			      "the group was deleted");
	return refuse(refusal, COAP_NOT_FOUND,
		      GROUPCOMM_MEMBERSHIP_TERMINATED,
		      "no longer a member of the group");
}

static int check_level(const struct group *group, const char *node,
		       struct refusal *refusal)
{
	unsigned int level = nodes_level(group->cskmf->nodes, node);
	static struct log_limit limit;

	if (level >= group->description->min_level)
		return 0;
	log_limited(&limit, LOG_WARNING,
		    "group=%s node=%s refused: security level %u, the group asks for %u",
		    group->sgid, node, level, group->description->min_level);
	return refuse(refusal, COAP_FORBIDDEN, ERROR_SECURITY_LEVEL,
		      "security level %u is below the group's %u", level,
		      group->description->min_level);
}

static uint32_t youngest(const struct group *group,
			 const struct member *member)
{
	return group->tree ? osg_tree_youngest(group->tree, member->leaf.id) :
			     0;
}

/*
 * A SEAL goes out whenever the member's kernel may need one: at join and
 * pull, in the first push of a session, when node key, leaf or SID are not
 * those of the last SEAL, when there is a new key on the way from its leaf to
 * the root of the tree, and when the member has missed an epoch.
 */
bool delivery_seals(const struct group *group, const struct member *member)
{
	if (!member->sealed.made ||
	    member->sealed.leaf_id != member->leaf.id ||
	    member->sealed.leaf_version != member->leaf.version)
		return true;
	/* its kernel has room for one path of keys only */
	if (member->sealed.youngest != youngest(group, member))
		return true;
	return member->reported != group->num &&
	       member->reported + 1 != group->num;
}

static bool seal_needed(const struct group *group,
			const struct member *member,
			const struct delivery *delivery,
			const uint8_t node_key[32], uint16_t sid)
{
	if (delivery->kind == DELIVER_OWN)
		return false;
	if (delivery->kind != DELIVER_PUSH)
		return true;
	return member->sealed.sid != sid ||
	       memcmp(&member->sealed.session, delivery->session,
		      sizeof(*delivery->session)) ||
	       memcmp(member->sealed.node_key, node_key, 32) ||
	       delivery_seals(group, member);
}

static int add_seal(struct group *group, struct member *member,
		    const struct delivery *delivery,
		    const uint8_t node_key[32], struct response *response)
{
	int result = presealed_get(group, member, node_key, response->sid,
				   response->seal);

	if (result)
		return result;
	response->has_seal = true;
	member->sealed.made = true;
	memcpy(member->sealed.node_key, node_key, 32);
	member->sealed.leaf_id = member->leaf.id;
	member->sealed.leaf_version = member->leaf.version;
	member->sealed.youngest = youngest(group, member);
	member->sealed.sid = response->sid;
	member->sealed.session = *delivery->session;
	if (delivery->kind == DELIVER_PUSH)
		group->few_seals = false;	/* look again who needs one */
	group->cskmf->counters.seals++;
	return 0;
}

static int give_sid(struct group *group, struct member *member,
		    const struct delivery *delivery,
		    const uint8_t node_key[32], struct response *response,
		    struct refusal *refusal)
{
	const struct sender *sender = sender_of(group, member->node);
	bool again = delivery->kind == DELIVER_JOIN ||
		     delivery->kind == DELIVER_RENEW;
	int result;

	if (delivery->kind == DELIVER_JOIN)
		member->receiver_only = delivery->receiver_only;
	if (member->receiver_only)
		return 0;
	if (delivery->kind == DELIVER_OWN) {
		response->sid = sender ? sender->sid : 0;
		response->has_sid = sender;
		return 0;
	}
	result = sender_assign(group, member->node, node_key, again,
			       &response->sid);
	response->has_sid = response->sid;
	if (result == -EAGAIN && delivery->kind == DELIVER_PUSH)
		return 0;	/* it may receive; it has to ask for a SID */
	if (result == -EAGAIN)
		return refuse(refusal, COAP_UNAVAILABLE,
			      GROUPCOMM_NO_INDIVIDUAL_KEY,
			      "all %u Sender-IDs are used up: ask again in %u s",
			      group->description->max_senders,
			      group->dtd + 1);
	if (result)
		return refuse(refusal, COAP_SERVER_ERROR, INT32_MIN,
			      "no Sender-ID: %s", strerror(-result));
	return 0;
}

static int encode(struct group *group, struct member *member,
		  struct response *response, uint8_t **bytes, size_t *size)
{
	const uint8_t *roster;
	size_t roster_size;
	int result;

	response->record = group->epoch.record;
	response->record_size = group->epoch.record_size;
	response->num = group->num;
	response->seconds_left = group_seconds_left(group);
	response->check_interval = CHECK_INTERVAL;
	response->expiration_delta = 0;	/* an epoch dies with its lifetime */
	response->scheme = group->tree ? SCHEME_LKH_4 : 0;
	response->age = group_age(group);
	result = roster_get(group, &roster, &roster_size);
	if (result)
		return result;
	/* a large one is asked for by itself, at /ace-group/G/roster */
	if (roster_size <= ROSTER_BESIDE_KEY_MOST) {
		response->roster = (uint8_t *)roster;
		response->roster_size = roster_size;
	}
	if (group->tree)
		result = osg_tree_member(group->cskmf->options.osg,
					 group->sgid, group->num, group->tree,
					 &group->epoch, member->leaf.id,
					 response->has_seal,
					 &response->management);
	else
		result = osg_member_shard(&group->epoch, group->leaves,
					  group->leaves_count,
					  member->leaf.id,
					  &response->management);
	if (result)
		return result;
	result = response_encode(response, bytes, size);
	response_management_free(&response->management);
	return result;
}

int delivery_make(struct group *group, const char *node,
		  const struct delivery *delivery, uint8_t **bytes,
		  size_t *size, struct refusal *refusal)
{
	const struct node *known = nodes_find(group->cskmf->nodes, node);
	struct member *member = member_find(group, node);
	struct response response = { };
	const uint8_t *node_key;
	int result;

	result = hold_refuse(group, refusal);
	if (result)
		return result;
	if (!member || !member->leaf.id)
		return refuse(refusal, COAP_UNAVAILABLE,
			      GROUPCOMM_NO_INDIVIDUAL_KEY,
			      "the epoch with this member is on its way");
	/* kernels would not take it */
	if (!group_seconds_left(group))
		return refuse(refusal, COAP_UNAVAILABLE,
			      GROUPCOMM_NO_INDIVIDUAL_KEY,
			      "the key's lifetime is over, the next key is on its way");
	if (!known || !known->registered)
		return refuse(refusal, COAP_BAD_REQUEST, INT32_MIN,
			      "no node key: register it or send it along");
	result = check_level(group, node, refusal);
	if (result)
		return result;
	node_key = known->registration.node_key;
	result = give_sid(group, member, delivery, node_key, &response,
			  refusal);
	if (result)
		return result;
	/* the node key of this join, where no Sender-ID was stored behind it */
	result = store_sync(group->cskmf->options.store);
	if (!result &&
	    seal_needed(group, member, delivery, node_key, response.sid))
		result = add_seal(group, member, delivery, node_key,
				  &response);
	if (!result)
		result = encode(group, member, &response, bytes, size);
	if (result) {
		log_error("group=%s node=%s: no key delivered: %s",
			  group->sgid, node, strerror(-result));
		return refuse(refusal, COAP_SERVER_ERROR, INT32_MIN,
			      "the key could not be delivered: %s",
			      strerror(-result));
	}
	return 0;
}

/* what an answer to a member is made of, as far as its ETag tells */
struct answer_state {
	uint8_t epoch[32];
	uint64_t serial;		/* of the roster */
	uint32_t leaf, sid;
	uint8_t node_key[32];
};

/*
 * FNV-1a: an ETag tells states apart and proves nothing, and the only part of
 * them that an asker chooses is its own node key.
 */
void delivery_etag(const struct group *group, const char *node,
		   uint8_t etag[8])
{
	const struct sender *sender = sender_of(group, node);
	const struct node *known = nodes_find(group->cskmf->nodes, node);
	const struct member *member = member_find(group, node);
	uint64_t hash = 0xcbf29ce484222325;
	struct answer_state state;
	size_t i;

	memset(&state, 0, sizeof(state));
	memcpy(state.epoch, group->hash, sizeof(state.epoch));
	state.serial = group->roster_serial;
	state.leaf = member ? member->leaf.id : 0;
	state.sid = sender ? sender->sid : 0;
	if (known)
		memcpy(state.node_key, known->registration.node_key, 32);
	for (i = 0; i < sizeof(state); i++)
		hash = (hash ^ ((const uint8_t *)&state)[i]) * 0x100000001b3;
	memcpy(etag, &hash, 8);
}
