// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading netlink attributes with their lengths checked.
 *
 * Threading: pure functions.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/**
 * cpns_attributes() - index the attributes of a generic netlink message
 * @message: message
 * @table: filled, NULL where an attribute is missing
 * @count: entries of @table; higher types are left out
 *
 * Return: 0 or -EBADMSG.
 */
int cpns_attributes(const struct nlmsghdr *message,
		    const struct nlattr **table, size_t count)
{
	const struct nlattr *attribute;

	memset(table, 0, count * sizeof(*table));
	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct genlmsghdr))
		return -EBADMSG;
	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
		uint16_t type = mnl_attr_get_type(attribute);

		if (type < count)
			table[type] = attribute;
	}
	return 0;
}

/**
 * cpns_get_bytes() - copy an attribute of a fixed size
 * @attribute: attribute, or NULL
 * @bytes: room for @size bytes, untouched when this fails
 * @size: the exact size
 *
 * Return: whether it was there and had that size.
 */
bool cpns_get_bytes(const struct nlattr *attribute, void *bytes, size_t size)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != size)
		return false;
	memcpy(bytes, mnl_attr_get_payload(attribute), size);
	return true;
}

bool cpns_get_u8(const struct nlattr *attribute, uint8_t *value)
{
	return cpns_get_bytes(attribute, value, sizeof(*value));
}

bool cpns_get_u16(const struct nlattr *attribute, uint16_t *value)
{
	return cpns_get_bytes(attribute, value, sizeof(*value));
}

bool cpns_get_u32(const struct nlattr *attribute, uint32_t *value)
{
	return cpns_get_bytes(attribute, value, sizeof(*value));
}

bool cpns_get_u64(const struct nlattr *attribute, uint64_t *value)
{
	return cpns_get_bytes(attribute, value, sizeof(*value));
}

bool cpns_get_s32(const struct nlattr *attribute, int32_t *value)
{
	return cpns_get_bytes(attribute, value, sizeof(*value));
}

/**
 * cpns_get_string() - copy a string, with or without its final 0
 * @attribute: attribute, or NULL
 * @text: filled and terminated
 * @room: bytes of @text
 *
 * Return: whether it was there and fitted.
 */
bool cpns_get_string(const struct nlattr *attribute, char *text, size_t room)
{
	size_t size;

	if (!attribute)
		return false;
	size = strnlen(mnl_attr_get_payload(attribute),
		       mnl_attr_get_payload_len(attribute));
	if (size >= room)
		return false;
	memcpy(text, mnl_attr_get_payload(attribute), size);
	text[size] = '\0';
	return true;
}
