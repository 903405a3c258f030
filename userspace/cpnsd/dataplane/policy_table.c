// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's xfrm policies over NETLINK_XFRM (libnl-xfrm-3).
 *
 * One thread for each policy_table, which owns its socket.  Every request is
 * acknowledged before the call returns.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <netlink/xfrm/selector.h>
#include <netlink/xfrm/sp.h>
#include <netlink/xfrm/template.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/net.h"
#include "dataplane/policy.h"

struct policy_table {
	struct nl_sock *socket;
	int error;		/* errno of the last refusal */
};

static int take_error(struct sockaddr_nl *peer, struct nlmsgerr *message,
		      void *context)
{
	struct policy_table *table = context;

	table->error = -message->error;
	return NL_STOP;
}

/**
 * policy_table_open() - open the policies of this network namespace
 * @table: the table
 *
 * Return: 0 or -errno.
 */
int policy_table_open(struct policy_table **table)
{
	struct policy_table *made = calloc(1, sizeof(*made));

	*table = NULL;
	if (!made)
		return -ENOMEM;
	made->socket = nl_socket_alloc();
	if (!made->socket) {
		free(made);
		return -ENOMEM;
	}
	if (nl_connect(made->socket, NETLINK_XFRM) < 0) {
		int error = errno ? errno : EPROTONOSUPPORT;

		policy_table_close(made);
		return -error;
	}
	nl_socket_modify_err_cb(made->socket, NL_CB_CUSTOM, take_error, made);
	*table = made;
	return 0;
}

/**
 * policy_table_close() - close; the policies stay
 * @table: table, or NULL
 */
void policy_table_close(struct policy_table *table)
{
	if (!table)
		return;
	nl_socket_free(table->socket);
	free(table);
}

/* takes the message over; 0 or -errno of the kernel */
static int request(struct policy_table *table, struct nl_msg *message)
{
	int result;

	table->error = 0;
	result = nl_send_auto(table->socket, message);
	nlmsg_free(message);
	if (result >= 0)
		result = nl_wait_for_ack(table->socket);
	if (table->error)
		return -table->error;
	return result < 0 ? -EIO : 0;
}

static struct nl_addr *address_of(const struct roster_address *address)
{
	return nl_addr_build(address->family, address->address,
			     net_address_bytes(address->family));
}

static struct xfrmnl_sel *selector_of(const struct policy *policy)
{
	struct xfrmnl_sel *selector = xfrmnl_sel_alloc();
	struct nl_addr *source = address_of(&policy->source.network);
	struct nl_addr *destination = address_of(&policy->destination.network);

	if (!selector || !source || !destination ||
	    xfrmnl_sel_set_saddr(selector, source) < 0 ||
	    xfrmnl_sel_set_daddr(selector, destination) < 0) {
		if (selector)
			xfrmnl_sel_put(selector);
		selector = NULL;
	} else {
		xfrmnl_sel_set_family(selector, policy->source.network.family);
		xfrmnl_sel_set_prefixlen_s(selector, policy->source.prefix);
		xfrmnl_sel_set_prefixlen_d(selector,
					   policy->destination.prefix);
		xfrmnl_sel_set_proto(selector, policy->protocol);
		xfrmnl_sel_set_sport(selector, policy->source_port);
		xfrmnl_sel_set_sportmask(selector,
					 policy->source_port ? 0xffff : 0);
		xfrmnl_sel_set_dport(selector, policy->destination_port);
		xfrmnl_sel_set_dportmask(selector,
					 policy->destination_port ? 0xffff : 0);
	}
	nl_addr_put(source);
	nl_addr_put(destination);
	return selector;
}

/* an end that may be any is the zero address of the other end's family */
static struct nl_addr *tunnel_end(const struct roster_address *end,
				  sa_family_t family)
{
	struct roster_address any = { .family = family };

	return address_of(end->family == AF_UNSPEC ? &any : end);
}

static sa_family_t tunnel_family(const struct policy *policy)
{
	if (policy->tunnel_source.family != AF_UNSPEC)
		return policy->tunnel_source.family;
	if (policy->tunnel_destination.family != AF_UNSPEC)
		return policy->tunnel_destination.family;
	return policy->source.network.family;
}

static int put_template(struct xfrmnl_sp *entry, const struct policy *policy)
{
	struct xfrmnl_user_tmpl *template = xfrmnl_user_tmpl_alloc();
	sa_family_t family = tunnel_family(policy);
	struct nl_addr *source = tunnel_end(&policy->tunnel_source, family);
	struct nl_addr *destination = tunnel_end(&policy->tunnel_destination,
						 family);
	int result = -ENOMEM;

	if (template && source && destination &&
	    xfrmnl_user_tmpl_set_saddr(template, source) >= 0 &&
	    xfrmnl_user_tmpl_set_daddr(template, destination) >= 0) {
		xfrmnl_user_tmpl_set_family(template, family);
		xfrmnl_user_tmpl_set_proto(template, IPPROTO_ESP);
		xfrmnl_user_tmpl_set_mode(template, policy->transport ?
					  XFRM_MODE_TRANSPORT :
					  XFRM_MODE_TUNNEL);
		xfrmnl_user_tmpl_set_reqid(template, policy->reqid);
		xfrmnl_user_tmpl_set_optional(template, 0);
		/* the algorithm is the module's business */
		xfrmnl_user_tmpl_set_aalgos(template, ~0u);
		xfrmnl_user_tmpl_set_ealgos(template, ~0u);
		xfrmnl_user_tmpl_set_calgos(template, ~0u);
		xfrmnl_sp_add_usertemplate(entry, template);
		template = NULL;
		result = 0;
	}
	if (template)
		xfrmnl_user_tmpl_free(template);
	nl_addr_put(source);
	nl_addr_put(destination);
	return result;
}

static struct xfrmnl_sp *entry_of(const struct policy *policy)
{
	struct xfrmnl_sp *entry = xfrmnl_sp_alloc();
	struct xfrmnl_sel *selector = selector_of(policy);
	bool good = entry && selector &&
		    xfrmnl_sp_set_sel(entry, selector) >= 0;

	if (selector)
		xfrmnl_sel_put(selector);
	if (good) {
		xfrmnl_sp_set_dir(entry, policy->direction);
		xfrmnl_sp_set_priority(entry, policy->priority);
		xfrmnl_sp_set_action(entry, policy->priority == POLICY_BLOCK ?
				     XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW);
		good = policy->priority != POLICY_ENCRYPT ||
		       !put_template(entry, policy);
	}
	if (!good && entry) {
		xfrmnl_sp_put(entry);
		entry = NULL;
	}
	return entry;
}

/**
 * policy_table_put() - add a policy, or replace the one with the same key
 * @table: table
 * @policy: policy
 *
 * Replacing leaves no moment without either.
 *
 * Return: 0 or -errno.
 */
int policy_table_put(struct policy_table *table, const struct policy *policy)
{
	struct xfrmnl_sp *entry = entry_of(policy);
	struct nl_msg *message = NULL;
	int result;

	if (!entry)
		return -ENOMEM;
	result = xfrmnl_sp_build_update_request(entry, 0, &message);
	xfrmnl_sp_put(entry);
	return result < 0 ? -EINVAL : request(table, message);
}

/**
 * policy_table_remove() - delete a policy by its key
 * @table: table
 * @policy: direction and selector
 *
 * Return: 0, -ENOENT where there is none, or another -errno.
 */
int policy_table_remove(struct policy_table *table,
			const struct policy *policy)
{
	struct xfrmnl_sp *entry = entry_of(policy);
	struct nl_msg *message = NULL;
	int result;

	if (!entry)
		return -ENOMEM;
	result = xfrmnl_sp_build_delete_request(entry, 0, &message);
	xfrmnl_sp_put(entry);
	return result < 0 ? -EINVAL : request(table, message);
}

static bool take_address(struct nl_addr *from, int family,
			 struct roster_address *to)
{
	size_t size = net_address_bytes((sa_family_t)family);

	memset(to, 0, sizeof(*to));
	if (family != AF_INET && family != AF_INET6)
		return false;
	to->family = (sa_family_t)family;
	if (!from || nl_addr_get_len(from) == 0)
		return true;
	if (nl_addr_get_len(from) != size)
		return false;
	memcpy(to->address, nl_addr_get_binary_addr(from), size);
	return true;
}

/* a zero end stands for any */
static void take_tunnel_end(struct nl_addr *from, int family,
			    struct roster_address *to)
{
	static const uint8_t zero[16];

	if (!take_address(from, family, to) ||
	    !memcmp(to->address, zero, sizeof(zero)))
		to->family = AF_UNSPEC;
}

static bool take_template(struct xfrmnl_sp *entry, struct policy *policy)
{
	struct xfrmnl_user_tmpl *template = xfrmnl_sp_usertemplate_n(entry, 0);
	int family;

	if (xfrmnl_sp_get_nusertemplates(entry) != 1 || !template)
		return false;
	if (xfrmnl_user_tmpl_get_proto(template) != IPPROTO_ESP ||
	    xfrmnl_user_tmpl_get_optional(template))
		return false;
	family = xfrmnl_user_tmpl_get_family(template);
	policy->reqid = (uint32_t)xfrmnl_user_tmpl_get_reqid(template);
	policy->transport = xfrmnl_user_tmpl_get_mode(template) ==
			    XFRM_MODE_TRANSPORT;
	take_tunnel_end(xfrmnl_user_tmpl_get_saddr(template), family,
			&policy->tunnel_source);
	take_tunnel_end(xfrmnl_user_tmpl_get_daddr(template), family,
			&policy->tunnel_destination);
	return true;
}

static bool take_selector(struct xfrmnl_sp *entry, struct policy *policy)
{
	struct xfrmnl_sel *selector = xfrmnl_sp_get_sel(entry);
	int family;

	if (!selector)
		return false;
	family = xfrmnl_sel_get_family(selector);
	if (!take_address(xfrmnl_sel_get_saddr(selector), family,
			  &policy->source.network) ||
	    !take_address(xfrmnl_sel_get_daddr(selector), family,
			  &policy->destination.network))
		return false;
	policy->source.prefix =
		(uint8_t)xfrmnl_sel_get_prefixlen_s(selector);
	policy->destination.prefix =
		(uint8_t)xfrmnl_sel_get_prefixlen_d(selector);
	policy->protocol = (uint8_t)xfrmnl_sel_get_proto(selector);
	policy->source_port = (uint16_t)xfrmnl_sel_get_sport(selector);
	policy->destination_port = (uint16_t)xfrmnl_sel_get_dport(selector);
	return true;
}

/* false for what cannot be one of ours */
static bool take_entry(struct xfrmnl_sp *entry, struct policy *policy)
{
	bool block = xfrmnl_sp_get_action(entry) == XFRM_POLICY_BLOCK;

	memset(policy, 0, sizeof(*policy));
	policy->direction = (uint8_t)xfrmnl_sp_get_dir(entry);
	policy->priority = (uint32_t)xfrmnl_sp_get_priority(entry);
	if (!take_selector(entry, policy))
		return false;
	switch (policy->priority) {
	case POLICY_ALLOW:
		return !block && !xfrmnl_sp_get_nusertemplates(entry);
	case POLICY_ENCRYPT:
		return !block && take_template(entry, policy);
	case POLICY_BLOCK:
		return block;
	default:
		return false;
	}
}

/**
 * policy_table_read() - the kernel's policies that could be ours
 * @table: table
 * @list: added to
 *
 * Return: 0 or -errno.
 */
int policy_table_read(struct policy_table *table, struct policy_list *list)
{
	struct nl_cache *cache = NULL;
	struct nl_object *object;
	int result;

	table->error = 0;
	result = xfrmnl_sp_alloc_cache(table->socket, &cache);
	if (result < 0)
		return table->error ? -table->error : -EIO;
	result = 0;
	for (object = nl_cache_get_first(cache); object && !result;
	     object = nl_cache_get_next(object)) {
		struct policy policy;

		if (take_entry((struct xfrmnl_sp *)object, &policy))
			result = policy_list_add(list, &policy);
	}
	nl_cache_free(cache);
	return result;
}
