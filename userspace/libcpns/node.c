// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The node key of this network namespace and the pin of the OSG's key.
 *
 * Threading: one thread for each connection.  Nothing here is secret.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

static int take_node(void *context, const struct nlmsghdr *message)
{
	const struct nlattr *table[CPNS_A_MAX + 1];
	struct cpns_node *node = context;

	if (cpns_attributes(message, table, CPNS_A_MAX + 1) < 0 ||
	    !cpns_get_bytes(table[CPNS_A_PUBKEY], node->public_key,
			    sizeof(node->public_key)))
		return -EBADMSG;
	node->has_previous = cpns_get_bytes(table[CPNS_A_PREVIOUS],
					    node->previous,
					    sizeof(node->previous));
	node->pinned = cpns_get_bytes(table[CPNS_A_PIN], node->pin,
				      sizeof(node->pin));
	cpns_get_u32(table[CPNS_A_FEATURES], &node->features);
	cpns_get_s32(table[CPNS_A_SERIAL], &node->keyring);
	return 0;
}

static int ask_node(struct cpns *connection, uint8_t command,
		    struct cpns_node *node)
{
	struct nlmsghdr *request = cpns_request(connection, command, NLM_F_ACK);
	struct cpns_node made = { 0 };
	int result;

	result = cpns_transact(connection, request, take_node, &made);
	if (!result && node)
		*node = made;
	return result;
}

/**
 * cpns_node_get() - the node's public key, its pin and the module's features
 * @connection: connection
 * @node: filled
 *
 * The first call in a network namespace makes the X25519 pair; the private
 * part stays in the kernel.
 *
 * Return: 0 or -errno; -EPERM without CAP_NET_ADMIN.
 */
int cpns_node_get(struct cpns *connection, struct cpns_node *node)
{
	return ask_node(connection, CPNS_CMD_NODE_GET, node);
}

/**
 * cpns_node_rotate() - make a new node key
 * @connection: connection
 * @node: filled with the new state, or NULL
 *
 * The previous key opens seals for 300 s more.
 *
 * Return: 0 or -errno.
 */
int cpns_node_rotate(struct cpns *connection, struct cpns_node *node)
{
	return ask_node(connection, CPNS_CMD_NODE_ROTATE, node);
}

/**
 * cpns_node_pin() - pin the OSG's static X25519 public key
 * @connection: connection
 * @key: the key
 *
 * Once a namespace and boot; from then on only HPKE mode auth (RFC 9180
 * section 5.1.3) under that key opens.  The same value again succeeds.
 *
 * Return: 0, -EPERM where another key is pinned, or another -errno.
 */
int cpns_node_pin(struct cpns *connection,
		  const uint8_t key[CPNS_PUBLIC_KEY_SIZE])
{
	struct nlmsghdr *request = cpns_request(connection, CPNS_CMD_NODE_PIN,
						NLM_F_ACK);

	mnl_attr_put(request, CPNS_A_PUBKEY, CPNS_PUBLIC_KEY_SIZE, key);
	return cpns_transact(connection, request, NULL, NULL);
}
