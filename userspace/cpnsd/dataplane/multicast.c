// SPDX-License-Identifier: GPL-2.0-only
/*
 * Joining a multicast group on the interfaces of the tunnel addresses.
 *
 * No state; the descriptor belongs to the caller.
 */
#include "dataplane/multicast.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/net.h"

static unsigned int interface_of(const struct ifaddrs *list,
				 const struct roster_address *address)
{
	for (; list; list = list->ifa_next) {
		const void *bytes;

		if (!list->ifa_addr ||
		    list->ifa_addr->sa_family != address->family)
			continue;
		if (address->family == AF_INET)
			bytes = &((struct sockaddr_in *)
				  list->ifa_addr)->sin_addr;
		else
			bytes = &((struct sockaddr_in6 *)
				  list->ifa_addr)->sin6_addr;
		if (!memcmp(bytes, address->address,
			    net_address_bytes(address->family)))
			return if_nametoindex(list->ifa_name);
	}
	return 0;
}

static int join_on(int fd, unsigned int interface,
		   const struct roster_address *group)
{
	struct group_req request = { .gr_interface = interface };

	request.gr_group.ss_family = group->family;
	if (group->family == AF_INET) {
		struct sockaddr_in *to = (void *)&request.gr_group;

		memcpy(&to->sin_addr, group->address, 4);
		return setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &request,
				  sizeof(request));
	}
	memcpy(&((struct sockaddr_in6 *)&request.gr_group)->sin6_addr,
	       group->address, 16);
	return setsockopt(fd, IPPROTO_IPV6, MCAST_JOIN_GROUP, &request,
			  sizeof(request));
}

/**
 * multicast_join() - join a group where the tunnel addresses are
 * @group: multicast address
 * @tunnels: this gateway's tunnel addresses
 * @count: their number
 *
 * Return: a descriptor that keeps the membership; -EADDRNOTAVAIL no tunnel
 * address of that family is on an interface; or another -errno.
 */
int multicast_join(const struct roster_address *group,
		   const struct roster_address *tunnels, size_t count)
{
	int fd = socket(group->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = -EADDRNOTAVAIL;
	struct ifaddrs *list;

	if (fd < 0)
		return -errno;
	if (getifaddrs(&list)) {
		result = -errno;
		close(fd);
		return result;
	}
	for (size_t i = 0; i < count; i++) {
		unsigned int interface;

		if (tunnels[i].family != group->family)
			continue;
		interface = interface_of(list, &tunnels[i]);
		/* two tunnel addresses on one interface: joined already */
		if (interface && (!join_on(fd, interface, group) ||
				  errno == EADDRINUSE))
			result = fd;
	}
	freeifaddrs(list);
	if (result < 0)
		close(fd);
	return result;
}
