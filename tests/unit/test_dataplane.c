// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data plane's arithmetic: SPI and reqid against numbers that an
 * independent program computed (Python, hashlib), nets that must be refused,
 * the policies and SAs of a group, and block.conf.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/net.h"
#include "dataplane/plan.h"
#include "dataplane/tag.h"

#define SGID "sip:sg-42@cpns.example"

static char reason[256];

static struct roster_net net(const char *text)
{
	struct roster_net made;

	assert_int_equal(roster_net_parse(text, &made), 0);
	return made;
}

static struct roster_address address(const char *text)
{
	struct roster_address made;

	assert_int_equal(roster_address_parse(text, &made), 0);
	return made;
}

static void spi_vectors(void **state)
{
	static const struct {
		const char *sgid;
		uint32_t num;
		uint16_t sid;
		const char *destination;
		uint32_t spi;
	} vectors[] = {
		{ SGID, 1u, 1, "192.0.2.1", 0x85bf3260u },
		{ SGID, 1u, 2, "192.0.2.1", 0xa58acc14u },
		{ SGID, 2u, 1, "192.0.2.1", 0x32a8e183u },
		{ SGID, 1u, 1, "2001:db8::1", 0xa970f79cu },
		{ SGID, 4294901760u, 65535, "239.1.2.3", 0x10d70920u },
		{ "urn:x", 7u, 300, "ff15::1", 0x3274e38eu },
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct roster_address to = address(vectors[i].destination);
		uint8_t tag[CPNS_TAG_SIZE], mapped[16];

		net_mapped(&to, mapped);
		assert_true(dataplane_tag(vectors[i].sgid, tag));
		assert_int_equal(dataplane_spi(tag, vectors[i].num,
					       vectors[i].sid, mapped),
				 vectors[i].spi);
	}
}

static void reqid_vectors(void **state)
{
	assert_int_equal(dataplane_reqid(SGID), 0x400fdb08u);
	assert_int_equal(dataplane_reqid("sip:sg-43@cpns.example"),
			 0x43e80c34u);
	assert_int_equal(dataplane_reqid("urn:x"), 0x5ff30242u);
}

static void nets_cover(void **state)
{
	struct roster_address a = address("10.1.0.7"), b = address("10.2.0.7");
	struct roster_address c = address("2001:db8:1::7");
	struct roster_net n = net("10.1.0.0/24"), odd = net("10.0.0.0/13");
	struct roster_net all = net("0.0.0.0/0"), six = net("2001:db8:1::/48");

	assert_true(net_covers(&n, &a));
	assert_false(net_covers(&n, &b));
	assert_false(net_covers(&n, &c));
	assert_true(net_covers(&odd, &a));
	assert_true(net_covers(&all, &b));
	assert_false(net_covers(&all, &c));
	assert_true(net_covers(&six, &c));
	assert_true(net_is_default(&all));
	assert_false(net_is_default(&n));
}

struct fixture {
	struct roster_net local, remote;
	struct roster_address own, other;
	struct roster_peer_nets peer;
	struct dataplane_group group;
};

static void fixture_make(struct fixture *f, const char *local,
			 const char *remote)
{
	memset(f, 0, sizeof(*f));
	f->local = net(local);
	f->remote = net(remote);
	f->own = address("192.0.2.1");
	f->other = address("192.0.2.2");
	strcpy(f->peer.node, "gw2");
	f->peer.tunnels = &f->other;
	f->peer.tunnels_count = 1;
	f->peer.nets = &f->remote;
	f->peer.nets_count = 1;
	strcpy(f->group.sgid, SGID);
	f->group.local_nets = &f->local;
	f->group.local_nets_count = 1;
	f->group.tunnels = &f->own;
	f->group.tunnels_count = 1;
	f->group.remotes = &f->peer;
	f->group.remotes_count = 1;
}

static int checked(const char *local, const char *remote, bool transport,
		   bool allow_default)
{
	struct fixture f;

	fixture_make(&f, local, remote);
	f.group.transport = transport;
	f.group.allow_default = allow_default;
	reason[0] = '\0';
	return plan_check_nets(&f.group, reason, sizeof(reason));
}

static void nets_refused(void **state)
{
	assert_int_equal(checked("10.1.0.0/24", "10.2.0.0/24", false, false),
			 0);
	assert_int_equal(checked("10.1.0.0/24", "0.0.0.0/0", false, false),
			 -EINVAL);
	assert_non_null(strstr(reason, "default route"));
	assert_non_null(strstr(reason, "gw2"));
	assert_int_equal(checked("10.1.0.0/24", "192.0.2.0/24", false, false),
			 -EINVAL);
	assert_non_null(strstr(reason, "192.0.2.1"));
	assert_int_equal(checked("192.0.2.0/24", "10.2.0.0/24", false, false),
			 -EINVAL);
	assert_int_equal(checked("192.0.2.1/32", "192.0.2.2/32", true, false),
			 0);
	assert_int_equal(checked("192.0.2.1/32", "192.0.2.0/24", true, false),
			 -EINVAL);
	assert_int_equal(checked("10.1.0.0/24", "0.0.0.0/0", false, true), 0);
	assert_int_equal(checked("10.1.0.0/24", "192.0.2.0/24", false, true),
			 0);
}

static const struct policy *find(const struct policy_list *list,
				 uint8_t direction, const char *source,
				 const char *destination)
{
	struct policy key = { .direction = direction };

	key.source = net(source);
	key.destination = net(destination);
	return policy_list_find(list, &key);
}

/* of a group that is refused the harmless nets are blocked all the same */
static void refused_nets_are_not_blocked(void **state)
{
	struct roster_net nets[3] = { net("10.2.0.0/24"), net("0.0.0.0/0"),
				      net("192.0.2.0/24") };
	struct roster_peer_nets peer = { .node = "gw2", .nets = nets,
					 .nets_count = 3 };
	struct block_table table = { 0 };
	struct fixture f;

	fixture_make(&f, "10.1.0.0/24", "10.2.0.0/24");
	f.group.remotes = &peer;
	f.group.remotes_count = 1;
	assert_int_equal(plan_check_nets(&f.group, reason, sizeof(reason)),
			 -EINVAL);
	assert_int_equal(plan_blocks(&f.group, &table), 1);
	assert_int_equal(table.count, 1);
	assert_true(net_equal(&table.entries[0].net, &nets[0]));
	block_table_free(&table);
}

static void policies_of_a_group(void **state)
{
	struct block_table table = { 0 };
	struct policy_list list = { 0 };
	const struct policy *policy;
	struct fixture f;

	fixture_make(&f, "10.1.0.0/24", "10.2.0.0/24");
	assert_int_equal(plan_blocks(&f.group, &table), 1);
	assert_int_equal(plan_blocks(&f.group, &table), 0);
	assert_int_equal(block_table_policies(&table, &list), 0);
	assert_int_equal(list.count, 3);
	policy = find(&list, XFRM_POLICY_OUT, "0.0.0.0/0", "10.2.0.0/24");
	assert_non_null(policy);
	assert_int_equal(policy->priority, 2000);
	assert_non_null(find(&list, XFRM_POLICY_IN, "10.2.0.0/24",
			     "0.0.0.0/0"));
	assert_non_null(find(&list, XFRM_POLICY_FWD, "10.2.0.0/24",
			     "0.0.0.0/0"));

	assert_int_equal(plan_encrypt(&f.group, &list), 0);
	assert_int_equal(list.count, 6);
	policy = find(&list, XFRM_POLICY_OUT, "10.1.0.0/24", "10.2.0.0/24");
	assert_non_null(policy);
	assert_int_equal(policy->priority, 1000);
	assert_int_equal(policy->reqid, 0x400fdb08u);
	assert_true(net_address_equal(&policy->tunnel_source, &f.own));
	assert_true(net_address_equal(&policy->tunnel_destination, &f.other));
	policy = find(&list, XFRM_POLICY_FWD, "10.2.0.0/24", "10.1.0.0/24");
	assert_non_null(policy);
	assert_true(net_address_equal(&policy->tunnel_source, &f.other));
	assert_non_null(find(&list, XFRM_POLICY_IN, "10.2.0.0/24",
			     "10.1.0.0/24"));
	policy_list_free(&list);
	block_table_free(&table);
}

/* a gateway that stands by for another has the same net */
static void own_net_is_not_anothers(void **state)
{
	struct roster_address group = address("239.1.2.3");
	struct block_table table = { 0 };
	struct policy_list list = { 0 };
	struct fixture f;

	fixture_make(&f, "10.9.0.0/24", "10.9.0.0/24");
	f.group.multicast_family = group.family;
	memcpy(f.group.multicast, group.address, 16);
	assert_int_equal(plan_blocks(&f.group, &table), 1);
	assert_int_equal(block_table_policies(&table, &list), 0);
	assert_int_equal(plan_encrypt(&f.group, &list), 0);
	/* to the multicast group, and nothing else */
	assert_int_equal(list.count, 2);
	assert_non_null(find(&list, XFRM_POLICY_OUT, "10.9.0.0/24",
			     "239.1.2.3/32"));
	policy_list_free(&list);
	block_table_free(&table);
}

/* a wider net of another's: all but the own one */
static void own_net_within_anothers(void **state)
{
	struct block_table table = { 0 };
	struct policy_list list = { 0 };
	struct fixture f;

	fixture_make(&f, "10.9.1.0/24", "10.9.0.0/22");
	assert_int_equal(plan_blocks(&f.group, &table), 1);
	assert_int_equal(plan_blocks(&f.group, &table), 0);
	assert_int_equal(table.count, 2);
	assert_int_equal(block_table_policies(&table, &list), 0);
	assert_non_null(find(&list, XFRM_POLICY_OUT, "0.0.0.0/0",
			     "10.9.0.0/24"));
	assert_non_null(find(&list, XFRM_POLICY_FWD, "10.9.2.0/23",
			     "0.0.0.0/0"));
	policy_list_free(&list);
	assert_int_equal(plan_encrypt(&f.group, &list), 0);
	assert_int_equal(list.count, 6);
	assert_non_null(find(&list, XFRM_POLICY_OUT, "10.9.1.0/24",
			     "10.9.2.0/23"));
	policy_list_free(&list);
	block_table_free(&table);

	/* and of a hub's net around it, the more specific is elsewhere */
	fixture_make(&f, "10.0.0.0/8", "10.9.0.0/22");
	assert_int_equal(plan_blocks(&f.group, &table), 1);
	assert_int_equal(table.count, 1);
	assert_true(net_equal(&table.entries[0].net, &f.remote));
	block_table_free(&table);
}

/* gw1 is replaced: its net is this gateway's now, and no longer blocked */
static void blocked_net_becomes_own(void **state)
{
	struct roster_net moved = net("10.9.0.0/24"), wide = net("10.8.0.0/15");
	struct roster_net other = net("10.2.0.0/24");
	struct policy_list removed = { 0 }, list = { 0 };
	struct block_table table = { 0 };

	assert_int_equal(block_table_add(&table, SGID, &moved), 1);
	assert_int_equal(block_table_add(&table, SGID, &other), 1);
	assert_int_equal(block_table_add(&table, "urn:x", &wide), 1);
	assert_int_equal(block_table_spare(&table, SGID, &moved, 1, &removed),
			 1);
	assert_int_equal(table.count, 2);
	assert_int_equal(removed.count, 3);
	assert_non_null(find(&removed, XFRM_POLICY_OUT, "0.0.0.0/0",
			     "10.9.0.0/24"));
	assert_int_equal(block_table_spare(&table, SGID, &moved, 1, &removed),
			 0);
	assert_int_equal(removed.count, 3);
	policy_list_free(&removed);
	/* the rest of a wider one stays blocked */
	assert_int_equal(block_table_spare(&table, "urn:x", &moved, 1,
					   &removed), 1);
	assert_int_equal(block_table_policies(&table, &list), 0);
	assert_null(find(&list, XFRM_POLICY_OUT, "0.0.0.0/0", "10.8.0.0/15"));
	assert_non_null(find(&list, XFRM_POLICY_OUT, "0.0.0.0/0",
			     "10.8.0.0/16"));
	assert_non_null(find(&list, XFRM_POLICY_IN, "10.9.128.0/17",
			     "0.0.0.0/0"));
	assert_null(find(&list, XFRM_POLICY_OUT, "0.0.0.0/0", "10.9.0.0/24"));
	policy_list_free(&removed);
	policy_list_free(&list);
	block_table_free(&table);
}

static void policies_of_a_multicast_group(void **state)
{
	struct roster_address group = address("239.1.2.3");
	struct block_table table = { 0 };
	struct policy_list list = { 0 };
	const struct policy *policy;
	struct fixture f;

	fixture_make(&f, "10.1.0.0/24", "10.2.0.0/24");
	f.group.multicast_family = group.family;
	memcpy(f.group.multicast, group.address, 16);
	assert_int_equal(plan_check_nets(&f.group, reason, sizeof(reason)), 0);
	assert_int_equal(plan_blocks(&f.group, &table), 1);
	assert_int_equal(block_table_policies(&table, &list), 0);
	/* nothing comes from a multicast group: out only */
	assert_int_equal(list.count, 4);
	assert_non_null(find(&list, XFRM_POLICY_OUT, "0.0.0.0/0",
			     "239.1.2.3/32"));
	assert_int_equal(plan_encrypt(&f.group, &list), 0);
	assert_int_equal(list.count, 10);
	policy = find(&list, XFRM_POLICY_OUT, "10.1.0.0/24", "239.1.2.3/32");
	assert_non_null(policy);
	assert_true(net_address_equal(&policy->tunnel_source, &f.own));
	assert_true(net_address_equal(&policy->tunnel_destination, &group));
	policy = find(&list, XFRM_POLICY_IN, "10.2.0.0/24", "239.1.2.3/32");
	assert_non_null(policy);
	assert_int_equal(policy->tunnel_source.family, AF_UNSPEC);
	assert_non_null(find(&list, XFRM_POLICY_FWD, "10.2.0.0/24",
			     "239.1.2.3/32"));
	policy_list_free(&list);
	block_table_free(&table);

	f.group.multicast[0] = 10;
	assert_int_equal(plan_check_nets(&f.group, reason, sizeof(reason)),
			 -EINVAL);
}

/* a default route as own net has the block's selector: the encrypt one wins */
static void stronger_of_one_selector(void **state)
{
	struct block_table table = { 0 };
	struct policy_list list = { 0 };
	const struct policy *policy;
	struct fixture f;

	fixture_make(&f, "0.0.0.0/0", "10.2.0.0/24");
	assert_int_equal(plan_blocks(&f.group, &table), 1);
	assert_int_equal(block_table_policies(&table, &list), 0);
	assert_int_equal(plan_encrypt(&f.group, &list), 0);
	assert_int_equal(list.count, 3);
	policy = find(&list, XFRM_POLICY_OUT, "0.0.0.0/0", "10.2.0.0/24");
	assert_int_equal(policy->priority, 1000);
	policy_list_free(&list);
	block_table_free(&table);
}

static void server_let_through_where_covered(void **state)
{
	struct block_server server = { .protocol = 6, .port = 5684 };
	struct block_table table = { 0 };
	struct policy_list list = { 0 }, removed = { 0 };
	struct roster_net far = net("10.2.0.0/24"), near = net("192.0.2.0/24");
	size_t allows = 0;

	server.address = address("192.0.2.10");
	assert_int_equal(block_table_add_server(&table, &server), 1);
	assert_int_equal(block_table_add(&table, SGID, &far), 1);
	assert_int_equal(block_table_policies(&table, &list), 0);
	assert_int_equal(list.count, 3);
	policy_list_free(&list);

	assert_int_equal(block_table_add(&table, SGID, &near), 1);
	assert_int_equal(block_table_add(&table, "urn:x", &far), 1);
	assert_int_equal(block_table_policies(&table, &list), 0);
	for (size_t i = 0; i < list.count; i++) {
		const struct policy *policy = &list.items[i];

		if (policy->priority != POLICY_ALLOW)
			continue;
		allows++;
		if (policy->direction == XFRM_POLICY_OUT)
			assert_int_equal(policy->destination_port, 5684);
		else
			assert_int_equal(policy->source_port, 5684);
	}
	assert_int_equal(allows, 2);
	policy_list_free(&list);

	/* what another group blocks too stays blocked */
	assert_int_equal(block_table_open_group(&table, SGID, &removed), 0);
	assert_int_equal(removed.count, 5);
	assert_null(find(&removed, XFRM_POLICY_OUT, "0.0.0.0/0",
			 "10.2.0.0/24"));
	assert_int_equal(block_table_open_group(&table, SGID, &removed),
			 -ENOENT);
	policy_list_free(&removed);
	block_table_free(&table);
}

static void block_file_round(void **state)
{
	struct block_server server = { .protocol = 17, .port = 5684 };
	struct block_table table = { 0 }, again;
	struct roster_net four = net("10.2.0.0/24"), six = net("2001:db8::/32");
	char path[] = "/tmp/cpns-block-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	server.address = address("2001:db8::10");
	block_table_add(&table, SGID, &four);
	block_table_add(&table, SGID, &six);
	block_table_add_server(&table, &server);
	assert_int_equal(block_table_write(path, &table), 0);
	assert_int_equal(block_table_read(path, &again, reason,
					  sizeof(reason)), 0);
	assert_int_equal(again.count, 2);
	assert_string_equal(again.entries[1].sgid, SGID);
	assert_true(net_equal(&again.entries[1].net, &six));
	assert_int_equal(again.servers_count, 1);
	assert_int_equal(again.servers[0].port, 5684);
	block_table_free(&again);
	block_table_free(&table);
	unlink(path);
	assert_int_equal(block_table_read(path, &again, reason,
					  sizeof(reason)), 0);
	assert_int_equal(again.count, 0);
}

static void block_file_refused(void **state)
{
	static const char *const lines[] = {
		"block " SGID "\n", "block " SGID " 10.2.0.7/24\n",
		"open " SGID " 10.2.0.0/24\n", "allow tcp 192.0.2.10\n",
		"allow icmp 192.0.2.10 1\n", "allow tcp 192.0.2.10 0\n",
		"allow tcp 192.0.2.10 65536\n", "allow udp ten 1\n",
		"block " SGID " 10.2.0.0/24 more\n", "block\n", "allow\n",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char path[] = "/tmp/cpns-block-XXXXXX", text[600];
		struct block_table table;
		int fd = mkstemp(path);

		snprintf(text, sizeof(text),
			 "# comment\n%sblock " SGID " 10.9.0.0/24\n",
			 lines[i]);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
		close(fd);
		assert_int_equal(block_table_read(path, &table, reason,
						  sizeof(reason)), -EINVAL);
		assert_non_null(strstr(reason, ":2:"));
		/* its neighbour is there for who can block that at least */
		assert_int_equal(table.entries[table.count - 1].net.prefix,
				 24);
		block_table_free(&table);
		unlink(path);
	}
}

static void states_of_an_epoch(void **state)
{
	struct roster_address own[2] = { address("192.0.2.1"),
					 address("2001:db8::1") };
	struct roster_address two = address("192.0.2.2");
	struct roster_address three[2] = { address("192.0.2.3"),
					   address("2001:db8::3") };
	struct roster_address receiver = address("192.0.2.4");
	struct roster_sender senders[] = {
		{ .sid = 1, .tunnels = own, .tunnels_count = 2 },
		{ .sid = 2, .tunnels = &two, .tunnels_count = 1 },
		{ .sid = 3, .tunnels = three, .tunnels_count = 2 },
		/* this gateway before its last registration */
		{ .sid = 9, .tunnels = own, .tunnels_count = 1 },
	};
	struct roster roster = { .senders = senders, .senders_count = 4 };
	struct plan_states plan = {
		.sgid = SGID, .epoch = 1, .own_sid = 1, .may_send = true,
		.tunnels = own, .tunnels_count = 2, .peers = &receiver,
		.peers_count = 1, .roster = &roster,
	};
	struct state_list list = { 0 };
	size_t inbound = 0, outbound = 0;

	assert_int_equal(plan_sas(&plan, &list), 0);
	for (size_t i = 0; i < list.count; i++) {
		assert_int_equal(list.items[i].reqid, 0x400fdb08u);
		if (list.items[i].outbound) {
			outbound++;
			assert_int_equal(list.items[i].sid, 1);
		} else {
			inbound++;
			assert_int_equal(outbound, 0);
			assert_in_range(list.items[i].sid, 2, 3);
		}
	}
	assert_int_equal(inbound, 3);
	assert_int_equal(outbound, 4);
	assert_int_equal(list.items[0].spi, 0xa58acc14u);
	state_list_free(&list);

	plan.may_send = false;
	plan.multicast = address("239.1.2.3");
	assert_int_equal(plan_sas(&plan, &list), 0);
	assert_int_equal(list.count, 5);
	state_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spi_vectors),
		cmocka_unit_test(reqid_vectors),
		cmocka_unit_test(nets_cover),
		cmocka_unit_test(nets_refused),
		cmocka_unit_test(refused_nets_are_not_blocked),
		cmocka_unit_test(policies_of_a_group),
		cmocka_unit_test(own_net_is_not_anothers),
		cmocka_unit_test(own_net_within_anothers),
		cmocka_unit_test(blocked_net_becomes_own),
		cmocka_unit_test(policies_of_a_multicast_group),
		cmocka_unit_test(stronger_of_one_selector),
		cmocka_unit_test(server_let_through_where_covered),
		cmocka_unit_test(block_file_round),
		cmocka_unit_test(block_file_refused),
		cmocka_unit_test(states_of_an_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
