// SPDX-License-Identifier: GPL-2.0-only
/*
 * The links of the Personal Network, put together from their sources.
 *
 * What the configuration states of a kind of link is taken beside what is
 * read; the security level counts the weakest.  A report has each pair of kind
 * and security once, so eight entries are always enough.
 *
 * Runs in the loop's thread.
 */
#include "seca/pn_links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "seca/bluez.h"
#include "seca/hostapd.h"

struct pn_links {
	struct loop *loop;
	const struct config *config;
	void (*changed)(void *context);
	void *context;
	struct hostapd_watch *hostapd;
	struct bluez_watch *bluez;
	struct loop_timer settle;
};

/* several sources may change in one turn of the loop */
static void source_changed(void *context)
{
	struct pn_links *links = context;

	if (!loop_timer_active(&links->settle))
		loop_timer_start(&links->settle, 0);
}

static void settled(void *context)
{
	struct pn_links *links = context;

	links->changed(links->context);
}

static void open_sources(struct pn_links *links)
{
	const struct config *config = links->config;
	int error;

	if (strcmp(config->hostapd, "none")) {
		error = hostapd_watch_open(&links->hostapd, links->loop,
					   config->hostapd, source_changed,
					   links);
		if (error)
			log_error("[gateway] hostapd = %s: %s", config->hostapd,
				  strerror(-error));
	}
	if (strcmp(config->bluez, "none")) {
		error = bluez_watch_open(&links->bluez, links->loop,
					 config->bluez, source_changed, links);
		if (error && error != -ENOENT)
			log_warning("[gateway] bluez = %s: %s; Bluetooth links are not known",
				    config->bluez, strerror(-error));
	}
}

static void close_sources(struct pn_links *links)
{
	hostapd_watch_close(links->hostapd);
	links->hostapd = NULL;
	bluez_watch_close(links->bluez);
	links->bluez = NULL;
}

/**
 * pn_links_open() - watch the links of the Personal Network
 * @links: the result, closed with pn_links_close()
 * @options: loop, configuration, whom to tell
 *
 * A source that cannot be watched is logged and left out.
 *
 * Return: 0 or -ENOMEM.
 */
int pn_links_open(struct pn_links **links,
		  const struct pn_links_options *options)
{
	struct pn_links *made = calloc(1, sizeof(*made));

	*links = made;
	if (!made)
		return -ENOMEM;
	made->loop = options->loop;
	made->config = options->config;
	made->changed = options->changed;
	made->context = options->context;
	loop_timer_init(made->loop, &made->settle, settled, made);
	open_sources(made);
	return 0;
}

/**
 * pn_links_close() - end the watch
 * @links: from pn_links_open(), or NULL
 */
void pn_links_close(struct pn_links *links)
{
	if (!links)
		return;
	loop_timer_stop(&links->settle);
	close_sources(links);
	free(links);
}

/**
 * pn_links_reload() - take over a configuration that was read again
 * @links: from pn_links_open()
 * @config: valid until the next call; the earlier one must still be there
 */
void pn_links_reload(struct pn_links *links, const struct config *config)
{
	const struct config *old = links->config;

	links->config = config;
	/* while a source is opened anew its links would be missing */
	if (strcmp(old->hostapd, config->hostapd) ||
	    strcmp(old->bluez, config->bluez)) {
		close_sources(links);
		open_sources(links);
	}
	source_changed(links);
}

static size_t collect(const struct pn_links *links, struct pn_link *list,
		      size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < links->config->links_count && count < room; i++) {
		list[count].kind = links->config->links[i].kind;
		list[count].security = links->config->links[i].security;
		snprintf(list[count++].source, sizeof(list->source),
			 "configuration");
	}
	if (links->hostapd)
		count += hostapd_watch_links(links->hostapd, list + count,
					     room - count);
	if (links->bluez)
		count += bluez_watch_links(links->bluez, list + count,
					   room - count);
	return count;
}

/**
 * pn_links_fill() - set the links of Device Capabilities
 * @links: from pn_links_open()
 * @capabilities: its links are set, ordered, each pair once
 */
void pn_links_fill(const struct pn_links *links,
		   struct capabilities *capabilities)
{
	struct pn_link list[PN_LINKS_MAX];
	size_t count = collect(links, list, PN_LINKS_MAX);
	bool there[PN_LINK_WIRE + 1][PN_LINK_STRONG + 1] = { 0 };

	for (size_t i = 0; i < count; i++)
		there[list[i].kind][list[i].security] = true;
	memset(capabilities->links, 0, sizeof(capabilities->links));
	capabilities->links_count = 0;
	for (uint8_t security = PN_LINK_OPEN; security <= PN_LINK_STRONG;
	     security++) {
		for (uint8_t kind = PN_LINK_WIFI; kind <= PN_LINK_WIRE; kind++) {
			if (!there[kind][security] ||
			    capabilities->links_count == CAPABILITY_LINKS_MAX)
				continue;
			capabilities->links[capabilities->links_count].kind =
				kind;
			capabilities->links[capabilities->links_count++].security =
				security;
		}
	}
}

/**
 * pn_links_describe() - the links for people
 * @links: from pn_links_open()
 *
 * Return: an array of objects kind, security, source; the caller's.
 */
struct json_object *pn_links_describe(const struct pn_links *links)
{
	static const char *const kinds[] = {
		"none", "wifi", "bluetooth", "wire",
	};
	static const char *const securities[] = { "open", "weak", "strong" };
	struct json_object *array = json_object_new_array(), *object;
	struct pn_link list[PN_LINKS_MAX];
	size_t count = collect(links, list, PN_LINKS_MAX);

	for (size_t i = 0; i < count; i++) {
		object = json_object_new_object();
		json_object_object_add(object, "kind",
				       json_object_new_string(kinds[list[i].kind]));
		json_object_object_add(object, "security",
				       json_object_new_string(securities[list[i].security]));
		json_object_object_add(object, "source",
				       json_object_new_string(list[i].source));
		json_object_array_add(array, object);
	}
	return array;
}
