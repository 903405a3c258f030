// SPDX-License-Identifier: GPL-2.0-only
/*
 * <cpns:group-key>: where the key is, how long it lasts, what it is for.
 *
 * Single-threaded; writes into the caller's document only.
 */
#include <errno.h>
#include <libxml/uri.h>
#include <string.h>

#include "smf/document_parts.h"

#define LOCATION_PATH "/ace-group/"

static const char *const group_key_attributes[] = {
	"location", "signer", "suite", "lifetime", "atd", "dtd", "batch-ms",
	"delivery", "min-level", "max-senders", "topology", "data", "mode",
	"multicast", "manager", "encap", "allow-default", NULL,
};

static const char *const delivery_words[] = { "pull", "push", NULL };

static const char *const topology_words[] = {
	"central", "direct", "indirect", NULL,
};

static const char *const mode_words[] = { "tunnel", "transport", NULL };

static const char *const encap_words[] = { "none", "udp", NULL };

static const char *const boolean_words[] = {
	"false", "true", "0", "1", NULL,
};

/* the value is a set: bit 0 esp, bit 1 message, less one */
static const char *const data_words[] = { "esp", "message", "both", NULL };

/* the key location's last segment, undone of its percent-encoding */
static int check_location_group(xmlNode *node,
				const struct group_description *document,
				const char *path,
				const struct document_error *error)
{
	char *group = xmlURIUnescapeString(path, 0, NULL);
	int result = 0;

	if (!group)
		return -ENOMEM;
	if (strcmp(group, document->sgid))
		result = document_refuse(error, node,
					 "location names the group \"%.80s\", the document is of \"%.80s\"",
					 group, document->sgid);
	xmlFree(group);
	return result;
}

static int read_location(xmlNode *node, struct group_description *document,
			 const struct document_error *error)
{
	char *text = document_attribute(node, "location");
	const char *authority, *path, *c;
	int result = 0;

	if (!text)
		return document_refuse(error, node,
				       "<group-key> has no location");
	for (c = text; *c > ' ' && *c < 0x7f; c++)
		continue;
	if (*c) {
		result = document_refuse(error, node,
					 "location is not a URI of printable characters");
		goto out;
	}
	if (!strncmp(text, "coaps+tcp://", 12)) {
		authority = text + 12;
	} else if (!strncmp(text, "coaps://", 8)) {
		authority = text + 8;
	} else {
		result = document_refuse(error, node,
					 "location is neither coaps+tcp:// nor coaps://: \"%.80s\"",
					 text);
		goto out;
	}
	path = strchr(authority, '/');
	if (path == authority || !path ||
	    strncmp(path, LOCATION_PATH, strlen(LOCATION_PATH)) ||
	    strchr(path + strlen(LOCATION_PATH), '/') ||
	    strpbrk(text, "?# ")) {
		result = document_refuse(error, node,
					 "location is not <server>/ace-group/<group>: \"%.80s\"",
					 text);
		goto out;
	}
	if (strlen(text) >= sizeof(document->location)) {
		result = document_refuse(error, node,
					 "location has more than %zu bytes",
					 sizeof(document->location) - 1);
		goto out;
	}
	result = check_location_group(node, document,
				      path + strlen(LOCATION_PATH), error);
	strcpy(document->location, text);
out:
	xmlFree(text);
	return result;
}

/* an attribute with a CPNS URI of one kind */
static int read_identity(xmlNode *node, const char *name,
			 enum identity_kind kind, const char *example,
			 struct identity *identity, bool *found,
			 const struct document_error *error)
{
	char *text = document_attribute(node, name);
	int result = 0;

	*found = text;
	if (!text)
		return 0;
	if (identity_parse(text, identity) || identity->kind != kind)
		result = document_refuse(error, node,
					 "%s=\"%.80s\" is not a URI like %s",
					 name, text, example);
	xmlFree(text);
	return result;
}

static int read_signer(xmlNode *node, struct group_description *document,
		       const struct document_error *error)
{
	struct identity identity;
	bool found;
	int result;

	result = read_identity(node, "signer", IDENTITY_SIGNER,
			       "urn:cpns:signer:main", &identity, &found,
			       error);
	if (result)
		return result;
	if (!found)
		return document_refuse(error, node,
				       "<group-key> has no signer");
	identity_uri(&identity, document->signer);
	result = read_identity(node, "manager", IDENTITY_NODE,
			       "urn:cpns:node:gw1", &identity, &found, error);
	if (!result && found)
		strcpy(document->manager, identity.id);
	return result;
}

static int read_multicast(xmlNode *node, struct group_description *document,
			  const struct document_error *error)
{
	char *text = document_attribute(node, "multicast");
	struct roster_address *address = &document->multicast;
	bool multicast;
	int result = 0;

	if (!text)
		return 0;
	if (roster_address_parse(text, address)) {
		result = document_refuse(error, node,
					 "multicast=\"%.60s\" is not an address",
					 text);
		goto out;
	}
	multicast = address->family == AF_INET ?
		(address->address[0] & 0xf0) == 0xe0 :
		address->address[0] == 0xff;
	if (!multicast) {
		result = document_refuse(error, node,
					 "multicast=\"%.60s\" is not a multicast address",
					 text);
		goto out;
	}
	document->has_multicast = true;
out:
	xmlFree(text);
	return result;
}

/* words that become an enum or a flag */
static int read_choices(xmlNode *node, struct group_description *document,
			const struct document_error *error)
{
	int delivery = 0, topology = 0, data = 0, mode = 0, encap = 0;
	int allow = 0, result;

	result = document_word(node, "delivery", delivery_words, &delivery,
			       error);
	if (!result)
		result = document_word(node, "topology", topology_words,
				       &topology, error);
	if (!result)
		result = document_word(node, "data", data_words, &data, error);
	if (!result)
		result = document_word(node, "mode", mode_words, &mode, error);
	if (!result)
		result = document_word(node, "encap", encap_words, &encap,
				       error);
	if (!result)
		result = document_word(node, "allow-default", boolean_words,
				       &allow, error);
	document->push = delivery;
	document->topology = topology;
	document->data_esp = (data + 1) & 1;
	document->data_message = (data + 1) & 2;
	document->transport_mode = mode;
	document->encap = encap;
	document->allow_default = allow & 1;
	return result;
}

static int read_numbers(xmlNode *node, struct group_description *document,
			const struct document_error *error)
{
	unsigned long suite = 1, lifetime = 86400, atd = 2, dtd = 5;
	unsigned long batch = 1000, level = 0, senders = 256;
	unsigned long senders_most = document->data_esp ?
		GROUP_DOCUMENT_SENDERS_ESP_MAX : 65535;
	int result;

	result = document_number(node, "suite", 1, 3, &suite, error);
	if (!result)
		result = document_number(node, "lifetime", 60, 604800,
					 &lifetime, error);
	if (!result)
		result = document_number(node, "atd", 0, 299, &atd, error);
	if (!result)
		result = document_number(node, "dtd", 1, 300, &dtd, error);
	if (!result)
		result = document_number(node, "batch-ms", 0, 60000, &batch,
					 error);
	if (!result)
		result = document_number(node, "min-level", 0, 3, &level,
					 error);
	if (!result)
		result = document_number(node, "max-senders", 1, senders_most,
					 &senders, error);
	if (!result && atd >= dtd)
		result = document_refuse(error, node,
					 "atd %lu is not below dtd %lu", atd,
					 dtd);
	/* else the next epoch could not be in use before this one ends */
	if (!result && dtd >= lifetime)
		result = document_refuse(error, node,
					 "dtd %lu is not below lifetime %lu",
					 dtd, lifetime);
	document->suite = suite;
	document->lifetime = lifetime;
	document->atd = atd;
	document->dtd = dtd;
	document->batch_ms = batch;
	document->min_level = level;
	document->max_senders = senders;
	return result;
}

int document_group_key(xmlNode *node, struct group_description *document,
		       const struct document_error *error)
{
	int result;

	if (document_first(node))
		return document_refuse(error, document_first(node),
				       "<group-key> has no elements inside");
	result = document_known_attributes(node, group_key_attributes, error);
	if (!result)
		result = read_location(node, document, error);
	if (!result)
		result = read_signer(node, document, error);
	if (!result)
		result = read_choices(node, document, error);
	if (!result)
		result = read_numbers(node, document, error);
	if (!result)
		result = read_multicast(node, document, error);
	return result;
}
