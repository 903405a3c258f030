/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Links of the Personal Network behind this node, and how well each protects
 * what it carries (Device Capabilities, AD 5.3.1.7.1.1.1; wire.md section 2,
 * caps 2): from the configuration, from hostapd, from BlueZ.
 *
 * Loop thread only.  struct pn_links owns its sources; what a source says
 * counts until it says otherwise or goes (a BlueZ that goes: bluez.c).
 */
#ifndef CPNSD_SECA_PN_LINKS_H
#define CPNSD_SECA_PN_LINKS_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "loop.h"
#include "proto/response.h"

#define PN_LINKS_MAX 64

enum pn_link_kind {
	PN_LINK_NONE, PN_LINK_WIFI, PN_LINK_BLUETOOTH, PN_LINK_WIRE,
};

enum pn_link_security {
	PN_LINK_OPEN, PN_LINK_WEAK, PN_LINK_STRONG,
};

struct pn_link {
	enum pn_link_kind kind;
	enum pn_link_security security;
	char source[80];		/* who says so, for people */
};

struct pn_links;

/* changed() is called from the loop, never from a call of these functions */
struct pn_links_options {
	struct loop *loop;
	const struct config *config;
	void (*changed)(void *context);
	void *context;
};

int pn_links_open(struct pn_links **links,
		  const struct pn_links_options *options);
void pn_links_close(struct pn_links *links);
void pn_links_reload(struct pn_links *links, const struct config *config);
void pn_links_fill(const struct pn_links *links,
		   struct capabilities *capabilities);
struct json_object *pn_links_describe(const struct pn_links *links);

#endif
