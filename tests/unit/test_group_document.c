// SPDX-License-Identifier: GPL-2.0-only
/*
 * The group document: what is taken, what is refused and in which words,
 * and that editing keeps the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/nets.h"
#include "proto/response.h"
#include "smf/group_document.h"

#define DOCUMENTS VECTORS_DIR "/documents/"

static char *read_document(const char *name, size_t *size)
{
	char path[4096], *text;
	FILE *file;

	snprintf(path, sizeof(path), DOCUMENTS "%s", name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("%s cannot be opened", path);
	text = calloc(1, 65536);
	assert_non_null(text);
	*size = fread(text, 1, 65535, file);
	fclose(file);
	return text;
}

static struct group_description *good(const char *name)
{
	struct group_description *description = NULL;
	char reason[256] = "";
	size_t size;
	char *text = read_document(name, &size);

	if (group_document_parse(text, size, &description, reason,
				 sizeof(reason)))
		fail_msg("%s is refused: %s", name, reason);
	assert_int_equal(description->document_size, size);
	assert_memory_equal(description->document, text, size);
	free(text);
	return description;
}

static void test_two_houses(void **state)
{
	struct group_description *description = good("good-two-houses.xml");
	const struct group_member *member;

	assert_string_equal(description->sgid, "sip:sg-42@cpns.example");
	assert_string_equal(description->display_name, "Two houses");
	assert_string_equal(description->signer, "urn:cpns:signer:main");
	assert_string_equal(description->location,
			    "coaps+tcp://192.0.2.10:5684/ace-group/sip:sg-42@cpns.example");
	assert_int_equal(description->members_count, 2);
	member = group_description_find(description, "gw1");
	assert_non_null(member);
	assert_false(member->push);
	assert_int_equal(member->roles, ROLE_BIT_SENDER | ROLE_BIT_RECEIVER);
	assert_int_equal(member->tunnels_count, 1);
	assert_int_equal(member->nets_count, 1);
	assert_int_equal(member->nets[0].prefix, 24);
	member = group_description_find(description, "gw2");
	assert_true(member->push);
	assert_int_equal(member->roles, ROLE_BIT_SENDER | ROLE_BIT_RECEIVER);
	assert_null(group_description_find(description, "gw3"));
	group_document_free(description);
}

/* wire description section 5: "defaults as shown" */
static void test_defaults(void **state)
{
	struct group_description *description = good("good-defaults.xml");

	assert_int_equal(description->suite, 1);
	assert_int_equal(description->lifetime, 86400);
	assert_int_equal(description->atd, 2);
	assert_int_equal(description->dtd, 5);
	assert_int_equal(description->batch_ms, 1000);
	assert_false(description->push);
	assert_int_equal(description->min_level, 0);
	assert_int_equal(description->max_senders, 256);
	assert_int_equal(description->topology, TOPOLOGY_CENTRAL);
	assert_true(description->data_esp);
	assert_false(description->data_message);
	assert_false(description->transport_mode);
	assert_false(description->has_multicast);
	assert_false(description->allow_default);
	assert_int_equal(description->encap, ENCAP_NONE);
	group_document_free(description);
}

static void test_variants(void **state)
{
	struct group_description *description;

	description = good("good-dynamic-ipv6.xml");
	assert_true(description->members[0].tunnel_dynamic);
	assert_int_equal(description->members[0].nets_count, 2);
	assert_int_equal(description->members[1].tunnels_count, 2);
	group_document_free(description);
	description = good("good-multicast.xml");
	assert_true(description->has_multicast);
	assert_true(description->transport_mode);
	assert_true(description->data_esp && description->data_message);
	assert_string_equal(description->manager, "gw1");
	group_document_free(description);
	description = good("good-receiver-only.xml");
	assert_int_equal(description->members[1].roles, ROLE_BIT_RECEIVER);
	group_document_free(description);
}

/* @entries in a group of their own; @stored: as if accepted before */
static int parse_entries(const char *entries, bool stored,
			 struct group_description **description, char *reason,
			 size_t room)
{
	char text[2048];
	int used;

	used = snprintf(text, sizeof(text),
			"<group xmlns=\"urn:oma:xml:poc:list-service\""
			" xmlns:cpns=\"urn:cpns:xml:group-key:1\">"
			"<list-service uri=\"sip:told@cpns.example\"><list>%s</list>"
			"<cpns:group-key signer=\"urn:cpns:signer:main\""
			" location=\"coaps+tcp://192.0.2.10/ace-group/sip:told@cpns.example\"/>"
			"</list-service></group>", entries);
	assert_in_range(used, 1, sizeof(text) - 1);
	return (stored ? group_document_parse_stored : group_document_parse)
		(text, used, description, reason, room);
}

#define ENTRY(node, roles, tunnel, nets) \
	"<entry uri=\"urn:cpns:node:" node "\"><cpns:member" roles \
	" tunnel=\"" tunnel "\" nets=\"" nets "\"/></entry>\n"
#define RECEIVER " roles=\"receiver\""
#define GW1	ENTRY("gw1", "", "192.0.2.1", "10.1.0.0/24")

/* in how many of the nets that are told of a member is the address? */
static unsigned int tells(const struct group_description *description,
			  const char *node, const char *address)
{
	const struct group_member *member;
	struct roster_net host = { .prefix = 32 };
	unsigned int count = 0;
	size_t i;

	assert_int_equal(roster_address_parse(address, &host.network), 0);
	member = group_description_find(description, node);
	assert_non_null(member);
	for (i = 0; i < member->told_count; i++)
		count += roster_net_within(&host, &member->told[i]);
	return count;
}

static unsigned int tellers(const struct group_description *description,
			    const char *address)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < description->members_count; i++)
		count += tells(description, description->members[i].node,
			       address);
	return count;
}

/* a receiver's nets are its own where nobody else has them */
static void test_told_nets(void **state)
{
	static const char *const orders[] = {
		ENTRY("in-gw1", RECEIVER, "192.0.2.3", "10.1.0.7/32 10.9.0.0/24")
		GW1 ENTRY("wide", RECEIVER, "192.0.2.4", "10.9.0.0/16"),
		ENTRY("wide", RECEIVER, "192.0.2.4", "10.9.0.0/16") GW1
		ENTRY("in-gw1", RECEIVER, "192.0.2.3", "10.1.0.7/32 10.9.0.0/24"),
		/* around a sender's, and around the ends of tunnels */
		ENTRY("wide", RECEIVER, "198.51.100.4", "10.0.0.0/8 192.0.2.0/24")
		GW1 ENTRY("twin", RECEIVER, "192.0.2.5", "10.0.0.0/8"),
		/* nested: of one owner, and of two */
		ENTRY("wide", RECEIVER, "192.0.2.4", "10.9.0.0/16 10.9.1.0/24")
		GW1 ENTRY("in-gw1", RECEIVER, "192.0.2.3", "10.9.0.0/20"),
		GW1 ENTRY("in-gw1", RECEIVER, "192.0.2.3", "10.9.0.0/20")
		ENTRY("wide", RECEIVER, "192.0.2.4", "10.9.0.0/16 10.9.1.0/24"),
	};
	struct group_description *description;
	char reason[256];
	size_t i;

	for (i = 0; i < 5; i++) {
		assert_int_equal(parse_entries(orders[i], false, &description,
					       reason, sizeof(reason)), 0);
		assert_int_equal(tellers(description, "10.1.0.7"), 1);
		assert_int_equal(tellers(description, "10.1.0.255"), 1);
		assert_int_equal(tellers(description, "10.9.0.1"), 1);
		assert_int_equal(tellers(description, "10.9.1.0"), 1);
		assert_int_equal(tellers(description, "10.9.255.255"), 1);
		assert_int_equal(tellers(description, "192.0.2.1"), 0);
		assert_int_equal(group_description_find(description, "gw1")
				 ->told_count, 1);
		/* the more specific of two receivers */
		if (i != 2)
			assert_true(tells(description, "in-gw1", "10.9.0.1"));
		if (i > 2)
			assert_true(tells(description, "wide", "10.9.1.0"));
		if (i == 2) {
			assert_int_equal(tellers(description, "10.1.1.0"), 1);
			assert_int_equal(tellers(description, "192.0.2.0"), 1);
			assert_int_equal(tellers(description, "192.0.2.2"), 1);
			assert_int_equal(tellers(description, "192.0.2.5"), 0);
		}
		group_document_free(description);
	}
}

/* as a sender's: what would shut a gateway out */
static void test_refused_nets_of_receivers(void **state)
{
	static const struct {
		const char *entries, *words;
	} cases[] = {
		{ GW1 ENTRY("pne", RECEIVER, "192.0.2.3", "192.0.2.3/32"),
		  "line 2: nets: 192.0.2.3/32 of pne covers its own tunnel" },
		{ GW1 ENTRY("all", RECEIVER, "192.0.2.3", "0.0.0.0/0"),
		  "line 2: nets: 0.0.0.0/0 of all is a default route" },
	};
	struct group_description *description;
	char reason[256];
	size_t i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(parse_entries(cases[i].entries, false,
					       &description, reason,
					       sizeof(reason)), -EBADMSG);
		assert_memory_equal(reason, cases[i].words,
				    strlen(cases[i].words));
		/* one that was accepted once does not stop the server */
		assert_int_equal(parse_entries(cases[i].entries, true,
					       &description, reason,
					       sizeof(reason)), 0);
		assert_int_equal(description->members[1].told_count, 0);
		group_document_free(description);
	}
}

/* @members with a net each, @most of them senders at the same time */
static int parse_many(unsigned int members, const char *roles,
		      unsigned int most, struct group_description **description, char *reason,
		      size_t room)
{
	size_t size = 512 + (size_t)members * 180, used;
	char *text = malloc(size);
	unsigned int i;
	int result;

	assert_non_null(text);
	used = snprintf(text, size,
			"<group xmlns=\"urn:oma:xml:poc:list-service\""
			" xmlns:cpns=\"urn:cpns:xml:group-key:1\">"
			"<list-service uri=\"sip:large@cpns.example\"><list>");
	for (i = 0; i < members; i++)
		used += snprintf(text + used, size - used,
				 "<entry uri=\"urn:cpns:node:node%u\"><cpns:member"
				 " roles=\"%s\" tunnel=\"192.0.%u.%u\" nets=\"10.%u.%u.0/24\"/>"
				 "</entry>\n", i, roles, i >> 8, i & 255,
				 i >> 8, i & 255);
	used += snprintf(text + used, size - used,
			 "</list><cpns:group-key signer=\"urn:cpns:signer:main\""
			 " location=\"coaps+tcp://192.0.2.10/ace-group/sip:large@cpns.example\""
			 " max-senders=\"%u\"/></list-service></group>", most);
	result = group_document_parse(text, used, description, reason, room);
	if (result) {
		assert_int_equal(group_document_parse_stored(text, used,
							     description, NULL,
							     0), 0);
		group_document_free(*description);
		*description = NULL;
	}
	free(text);
	return result;
}

/* the roster of all senders is one answer: said before anybody asks */
static void test_senders_of_one_roster(void **state)
{
	unsigned int low = 1, high = 4096, middle;
	struct group_description *description;
	char reason[256];

	while (low + 1 < high) {
		middle = (low + high) / 2;
		if (parse_many(middle, "sender", middle, &description, reason,
			       sizeof(reason))) {
			assert_non_null(strstr(reason, "signed roster"));
			assert_non_null(strstr(reason, "line "));
			high = middle;
		} else {
			group_document_free(description);
			low = middle;
		}
	}
	printf("senders with one net: %u\n", low);
	assert_true(low >= 1500);
	/* Sender-IDs that went take their place, too */
	assert_int_equal(parse_many(low, "sender", 4096, &description, reason,
				    sizeof(reason)), -EBADMSG);
	assert_int_equal(parse_many(low + 1, "sender", 4096, &description, reason,
				    sizeof(reason)), -EBADMSG);
	assert_int_equal(parse_many(1200, "sender", 4096, &description, reason,
				    sizeof(reason)), 0);
	group_document_free(description);
	/* what each member is told of the others' nets is one answer, too */
	assert_int_equal(parse_many(3000, "receiver", 4096, &description,
				    reason, sizeof(reason)), -EBADMSG);
	assert_non_null(strstr(reason, "list of the members' nets"));
	assert_int_equal(parse_many(1200, "receiver", 4096, &description,
				    reason, sizeof(reason)), 0);
	group_document_free(description);
}

static void test_all_good(void **state)
{
	struct dirent *entry;
	DIR *directory = opendir(DOCUMENTS);
	unsigned int count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, "good-", 5))
			continue;
		group_document_free(good(entry->d_name));
		count++;
	}
	closedir(directory);
	assert_true(count >= 10);
}

static void expect_refusal(const char *name, const char *words)
{
	struct group_description *description = NULL;
	char reason[256] = "", file[128];
	size_t size;
	char *text;

	snprintf(file, sizeof(file), "bad-%s.xml", name);
	text = read_document(file, &size);
	if (group_document_parse(text, size, &description, reason,
				 sizeof(reason)) != -EBADMSG)
		fail_msg("%s is not refused", file);
	assert_null(description);
	if (!strstr(reason, words))
		fail_msg("%s: \"%s\" does not say \"%s\"", name, reason,
			 words);
	free(text);
}

/* each is refused, and the words name line and cause */
static void test_all_bad(void **state)
{
	size_t size;
	char *list = read_document("refused.txt", &size), *rest = list, *line;
	unsigned int count = 0;
	char *tab;

	while ((line = strsep(&rest, "\n"))) {
		if (!*line || *line == '#')
			continue;
		tab = strchr(line, '\t');
		assert_non_null(tab);
		*tab = 0;
		expect_refusal(line, tab + 1);
		count++;
	}
	free(list);
	assert_true(count >= 90);
}

static void test_size(void **state)
{
	struct group_description *description;
	size_t size = GROUP_DOCUMENT_MAX + 1;
	char *text = malloc(size), reason[128];

	assert_non_null(text);
	memset(text, ' ', size);
	assert_int_equal(group_document_parse(text, size, &description,
					      reason, sizeof(reason)),
			 -EFBIG);
	assert_non_null(strstr(reason, "1048576"));
	free(text);
}

/* every prefix of a good document is refused or good, and nothing breaks */
static void test_prefixes(void **state)
{
	struct group_description *description;
	char reason[128];
	size_t size, i;
	char *text = read_document("good-two-houses.xml", &size);

	for (i = 0; i + 3 < size; i++)
		assert_int_not_equal(group_document_parse(text, i,
							  &description,
							  reason,
							  sizeof(reason)), 0);
	free(text);
}

/* with one byte changed the parser may say what it likes, but not break */
static void test_flipped(void **state)
{
	struct group_description *description;
	char reason[128];
	size_t size, i;
	char *text = read_document("good-two-houses.xml", &size);

	for (i = 0; i < size; i++) {
		text[i] ^= 1 << i % 7;
		if (!group_document_parse(text, size, &description, reason,
					  sizeof(reason)))
			group_document_free(description);
		else
			assert_true(*reason);
		text[i] ^= 1 << i % 7;
	}
	free(text);
}

static void test_add_and_remove(void **state)
{
	struct group_description *description =
		good("good-others-extensions.xml"), *more, *less;
	struct group_document_entry entry = {
		.node = "gw3",
		.tunnel = "192.0.2.3",
		.nets = "10.3.0.0/24 10.4.0.0/24",
		.delivery = "push",
	};
	char reason[256], *text = NULL;
	size_t size;

	/* max-participant-count says 2 */
	assert_int_equal(group_document_add_member(description, &entry, &text,
						   &size, reason,
						   sizeof(reason)),
			 -EBADMSG);
	group_document_free(description);
	description = good("good-two-houses.xml");
	assert_int_equal(group_document_add_member(description, &entry, &text,
						   &size, reason,
						   sizeof(reason)), 0);
	assert_int_equal(group_document_parse(text, size, &more, reason,
					      sizeof(reason)), 0);
	assert_non_null(strstr(text, "House 1"));
	assert_non_null(strstr(text, "xml:lang=\"en\""));
	free(text);
	assert_int_equal(more->members_count, 3);
	assert_int_equal(more->members[2].nets_count, 2);
	assert_true(more->members[2].push);
	assert_memory_not_equal(more->etag, description->etag,
				sizeof(more->etag));
	assert_int_equal(group_document_remove_member(more, "gw1", &text,
						      &size, reason,
						      sizeof(reason)), 0);
	assert_int_equal(group_document_parse(text, size, &less, reason,
					      sizeof(reason)), 0);
	free(text);
	assert_int_equal(less->members_count, 2);
	assert_null(group_description_find(less, "gw1"));
	group_document_free(less);
	group_document_free(more);
	group_document_free(description);
}

static void test_edit_refusals(void **state)
{
	struct group_description *description = good("good-two-houses.xml");
	struct group_document_entry entry = { .node = "gw1" };
	char reason[256], *text = NULL;
	size_t size;

	assert_int_equal(group_document_add_member(description, &entry, &text,
						   &size, reason,
						   sizeof(reason)), -EEXIST);
	entry.node = "g w";
	assert_int_equal(group_document_add_member(description, &entry, &text,
						   &size, reason,
						   sizeof(reason)), -EBADMSG);
	entry.node = "gw3";
	assert_int_equal(group_document_add_member(description, &entry, &text,
						   &size, reason,
						   sizeof(reason)), -EBADMSG);
	assert_non_null(strstr(reason, "gw3 sends ESP and has no tunnel"));
	entry.tunnel = "192.0.2.3\"/><x";
	entry.nets = "10.3.0.0/24";
	assert_int_equal(group_document_add_member(description, &entry, &text,
						   &size, reason,
						   sizeof(reason)), -EBADMSG);
	entry.tunnel = "192.0.2.3";
	entry.nets = "10.1.0.0/16";
	assert_int_equal(group_document_add_member(description, &entry, &text,
						   &size, reason,
						   sizeof(reason)), -EBADMSG);
	assert_non_null(strstr(reason, "overlaps"));
	assert_int_equal(group_document_remove_member(description, "gw9",
						      &text, &size, reason,
						      sizeof(reason)),
			 -ENOENT);
	assert_null(text);
	group_document_free(description);
}

static int check_elements(xmlSchemaValidCtxt *validator, xmlNode *node)
{
	int faults = 0;

	for (; node; node = node->next) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		if (node->ns && !strcmp((const char *)node->ns->href,
					"urn:cpns:xml:group-key:1"))
			faults += xmlSchemaValidateOneElement(validator,
							      node) != 0;
		faults += check_elements(validator, node->children);
	}
	return faults;
}

static void silence(void *context, const char *format, ...)
{
}

static int faults_of(xmlSchemaValidCtxt *validator, const char *name)
{
	size_t size;
	char *text = read_document(name, &size);
	xmlDoc *xml = xmlReadMemory(text, (int)size, name, NULL,
				    XML_PARSE_NONET);
	int faults;

	assert_non_null(xml);
	faults = check_elements(validator, xmlDocGetRootElement(xml));
	xmlFreeDoc(xml);
	free(text);
	return faults;
}

/* Documentation/cpns-group-key.xsd says of our elements what the parser says */
static void test_schema(void **state)
{
	static const char *const refused[] = {
		"suite-4", "lifetime-short", "dtd-long", "level-4",
		"key-attribute", "member-attribute", "member-delivery",
		"member-role", "member-roles-empty", "tunnel-host-name",
		"net-without-prefix", "no-signer", "signer-server",
		"location-clear", "location-query", "mode-word",
		"allow-default-word", "tunnel-too-many", "manager-uri",
	};
	xmlSchemaParserCtxt *parser;
	xmlSchemaValidCtxt *validator;
	struct dirent *entry;
	char name[64];
	DIR *directory;
	xmlSchema *schema;
	size_t i;

	xmlSetGenericErrorFunc(NULL, silence);
	parser = xmlSchemaNewParserCtxt(VECTORS_DIR
			"/../../Documentation/cpns-group-key.xsd");
	schema = xmlSchemaParse(parser);
	assert_non_null(schema);
	validator = xmlSchemaNewValidCtxt(schema);
	assert_non_null(validator);
	directory = opendir(DOCUMENTS);
	assert_non_null(directory);
	while ((entry = readdir(directory)))
		if (!strncmp(entry->d_name, "good-", 5) &&
		    faults_of(validator, entry->d_name))
			fail_msg("%s is not valid by the schema",
				 entry->d_name);
	closedir(directory);
	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		snprintf(name, sizeof(name), "bad-%s.xml", refused[i]);
		if (!faults_of(validator, name))
			fail_msg("%s is valid by the schema", name);
	}
	xmlSchemaFreeValidCtxt(validator);
	xmlSchemaFree(schema);
	xmlSchemaFreeParserCtxt(parser);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_houses),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_told_nets),
		cmocka_unit_test(test_refused_nets_of_receivers),
		cmocka_unit_test(test_senders_of_one_roster),
		cmocka_unit_test(test_all_good),
		cmocka_unit_test(test_all_bad),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_add_and_remove),
		cmocka_unit_test(test_edit_refusals),
		cmocka_unit_test(test_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
