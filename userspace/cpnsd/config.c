// SPDX-License-Identifier: GPL-2.0-only
/*
 * The configuration file (wire.md section 6), read with inih.
 *
 * Unknown sections and keys are errors with their line: a mistyped key must
 * not silently leave a default standing.  Relative defaults stand beside the
 * file, so that several daemons can have a directory each.  One thread.
 */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <ini.h>
#include <libgen.h>
#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "transport/endpoint.h"
#include "transport/identity.h"

#define CONFIG_SMF_MAX		64
#define CONFIG_ACCESS_IDS_MAX	256
#define ENROL_DAYS		825	/* as cpnsctl node issue */
#define ENROL_DAYS_MAX		3650

struct reading {
	struct config *config;
	char *error;		/* reason of the first refusal */
	size_t room;
	bool refused;
};

static int refuse(struct reading *reading, const char *format, ...)
{
	va_list arguments;

	if (!reading->refused) {
		va_start(arguments, format);
		vsnprintf(reading->error, reading->room, format, arguments);
		va_end(arguments);
	}
	reading->refused = true;
	return 0;		/* inih: an error on this line */
}

static int set_string(char **field, const char *value)
{
	free(*field);
	*field = value[0] ? strdup(value) : NULL;
	return !value[0] || *field;
}

/* the next word of a list, cut out of *rest; NULL at the end */
static char *next_word(char **rest)
{
	char *word;

	do {
		word = strsep(rest, " \t");
	} while (word && !*word);
	return word;
}

static int read_roles(struct reading *reading, const char *value)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} roles[] = {
		{ "server", ROLE_SERVER }, { "gateway", ROLE_GATEWAY },
		{ "pne", ROLE_PNE },
		/* distributed topology */
		{ "manager", 0 }, { "relay", 0 },
	};
	char *copy = strdup(value), *rest = copy, *word;
	unsigned int set = 0;
	size_t i;

	while (copy && (word = next_word(&rest))) {
		for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
			if (!strcmp(word, roles[i].name))
				break;
		if (i == sizeof(roles) / sizeof(roles[0]) || !roles[i].bit) {
			refuse(reading, i == sizeof(roles) / sizeof(roles[0]) ?
			       "unknown role '%s' (server gateway pne)" :
			       "role '%s' (distributed topology) is not in this version",
			       word);
			free(copy);
			return 0;
		}
		set |= roles[i].bit;
	}
	free(copy);
	reading->config->roles = set;
	return 1;
}

static int read_list(struct reading *reading, const char *value, char **list,
		     size_t room, size_t *count)
{
	char *copy = strdup(value), *rest = copy, *word;

	while (copy && (word = next_word(&rest))) {
		if (*count == room) {
			refuse(reading, "more than %zu entries", room);
			free(copy);
			return 0;
		}
		list[*count] = strdup(word);
		if (!list[*count])
			break;
		(*count)++;
	}
	free(copy);
	return 1;
}

/* decimal ids as they are, names through the user database */
static int read_access_id(struct reading *reading, struct config_access *entry,
			  const char *word)
{
	const char *name;
	unsigned long id;
	bool number;
	char *end;

	if (strncmp(word, "uid:", 4) && strncmp(word, "gid:", 4))
		return refuse(reading, "'%s' is neither uid:... nor gid:...",
			      word);
	name = word + 4;
	id = strtoul(name, &end, 10);
	number = isdigit((unsigned char)*name) && !*end && id <= UINT32_MAX;
	if (entry->uids_count == CONFIG_ACCESS_IDS_MAX ||
	    entry->gids_count == CONFIG_ACCESS_IDS_MAX)
		return refuse(reading, "more than %d ids",
			      CONFIG_ACCESS_IDS_MAX);
	if (word[0] == 'u') {
		struct passwd *user = number ? NULL : getpwnam(name);

		if (!number && !user)
			return refuse(reading, "no such user '%s'", name);
		entry->uids[entry->uids_count++] = number ? (uid_t)id : user->pw_uid;
	} else {
		struct group *group = number ? NULL : getgrnam(name);

		if (!number && !group)
			return refuse(reading, "no such group of users '%s'",
				      name);
		entry->gids[entry->gids_count++] = number ? (gid_t)id : group->gr_gid;
	}
	return 1;
}

static int read_access(struct reading *reading, const char *sgid,
		       const char *value)
{
	struct config_access *entry = calloc(1, sizeof(*entry));
	char *copy = strdup(value), *rest = copy, *word;
	int good = 1;

	if (!entry || !copy) {
		free(entry);
		free(copy);
		return 0;
	}
	entry->next = reading->config->access;
	reading->config->access = entry;
	entry->sgid = strdup(sgid);
	entry->uids = calloc(CONFIG_ACCESS_IDS_MAX, sizeof(*entry->uids));
	entry->gids = calloc(CONFIG_ACCESS_IDS_MAX, sizeof(*entry->gids));
	if (!entry->sgid || !entry->uids || !entry->gids)
		good = 0;
	while (good && (word = next_word(&rest)))
		good = read_access_id(reading, entry, word);
	free(copy);
	return good;
}

/*
 * inih ends a key at the first '=' or ':', and an SGID is a URI: what is left
 * of it stands at the head of the value, up to the '=' before the ids.
 */
static int read_access_line(struct reading *reading, const char *name,
			    const char *value)
{
	const char *ids = strrchr(value, '=');
	char *sgid;
	int size, good;

	if (!ids)
		return read_access(reading, name, value);
	for (size = (int)(ids - value); size && isspace((unsigned char)value[size - 1]); size--)
		;
	if (asprintf(&sgid, "%s:%.*s", name, size, value) < 0)
		return 0;
	good = read_access(reading, sgid, ids + 1);
	free(sgid);
	return good;
}

static int read_days(struct reading *reading, const char *value)
{
	char *end;
	unsigned long days = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)*value) || *end || !days ||
	    days > ENROL_DAYS_MAX)
		return refuse(reading, "enrol-days is not 1 to %d",
			      ENROL_DAYS_MAX);
	reading->config->enrol_days = (unsigned int)days;
	return 1;
}

static int read_kmc(struct reading *reading, char **field, const char *value)
{
	if (value[0] && strcmp(value, "software") &&
	    strncmp(value, "pkcs11:", 7))
		return refuse(reading, "the KMC is either software or pkcs11:...");
	return set_string(field, value);
}

/* what the daemon takes at its start */
static int check_endpoint(struct reading *reading, const char *uri, bool listen)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST };
	struct transport_endpoint endpoint;
	struct addrinfo *found;
	char cause[160], *interface;

	if (transport_endpoint_parse(uri, &endpoint, cause, sizeof(cause)))
		return refuse(reading, "%s", cause);
	interface = strchr(endpoint.host, '%');
	if (!listen)
		return !interface ||
		       refuse(reading, "%s: no interface may stand in it", uri);
	/* it may come later than this file is read */
	if (interface)
		*interface = '\0';
	if (getaddrinfo(endpoint.host, NULL, &hints, &found))
		return refuse(reading, "%s: an address of numbers is needed",
			      uri);
	freeaddrinfo(found);
	return 1;
}

static int read_listen(struct reading *reading, const char *value, char **list,
		       size_t *count)
{
	size_t i = *count;
	int good = read_list(reading, value, list, CONFIG_LISTEN_MAX, count);

	while (good && i < *count)
		good = check_endpoint(reading, list[i++], true);
	return good;
}

static int read_server(struct reading *reading, const char *name,
		       const char *value)
{
	struct config *config = reading->config;

	if (!strcmp(name, "listen"))
		return read_listen(reading, value, config->listen,
				   &config->listen_count);
	if (!strcmp(name, "smf-allowed")) {
		if (!config->smf_allowed)
			config->smf_allowed = calloc(CONFIG_SMF_MAX,
						     sizeof(char *));
		return config->smf_allowed &&
		       read_list(reading, value, config->smf_allowed,
				 CONFIG_SMF_MAX, &config->smf_allowed_count);
	}
	if (!strcmp(name, "groups"))
		return set_string(&config->groups, value);
	if (!strcmp(name, "state"))
		return set_string(&config->state, value);
	if (!strcmp(name, "signer-cert"))
		return set_string(&config->signer_cert, value);
	if (!strcmp(name, "signer-key"))
		return set_string(&config->signer_key, value);
	if (!strcmp(name, "kmc"))
		return read_kmc(reading, &config->kmc, value);
	if (!strcmp(name, "kmc-previous"))
		return read_kmc(reading, &config->kmc_previous, value);
	if (!strcmp(name, "osg-key"))
		return set_string(&config->osg_key, value);
	if (!strcmp(name, "psk-listen"))
		return read_listen(reading, value, config->psk_listen,
				   &config->psk_listen_count);
	if (!strcmp(name, "ca-key"))
		return set_string(&config->ca_key, value);
	if (!strcmp(name, "enrol-days"))
		return read_days(reading, value);
	if (!strcmp(name, "lab-secrets"))
		return set_string(&config->lab_secrets, value);
	return refuse(reading, "unknown key '%s' in [server]", name);
}

/* index of a word in a list that ends with NULL; -1 if it is not there */
static int word_index(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], word))
			return i;
	return -1;
}

/* links = wifi:strong wire:weak ... */
static int read_links(struct reading *reading, const char *value)
{
	static const char *const kinds[] = {
		"", "wifi", "bluetooth", "wire", NULL,
	};
	static const char *const securities[] = {
		"open", "weak", "strong", NULL,
	};
	struct config *config = reading->config;
	char *copy = strdup(value), *rest = copy, *word;
	int kind, security, good = !!copy;

	while (good && (word = next_word(&rest))) {
		kind = word_index(kinds, strsep(&word, ":"));
		security = word ? word_index(securities, word) : -1;
		if (kind < 1 || security < 0)
			good = refuse(reading, "links are of the form KIND:SECURITY (cpnsd.conf)");
		else if (config->links_count == CONFIG_LINKS_MAX)
			good = refuse(reading, "more than %d links",
				      CONFIG_LINKS_MAX);
		else
			config->links[config->links_count++] =
				(struct config_link){
					.kind = (uint8_t)kind,
					.security = (uint8_t)security,
				};
	}
	free(copy);
	return good;
}

static int read_gateway(struct reading *reading, const char *name,
			const char *value)
{
	struct config *config = reading->config;
	struct identity identity;

	if (!strcmp(name, "server"))
		return (!value[0] || check_endpoint(reading, value, false)) &&
		       set_string(&config->server, value);
	if (!strcmp(name, "state"))
		return set_string(&config->state, value);
	if (!strcmp(name, "server-id")) {
		if (value[0] && (identity_parse(value, &identity) ||
				 identity.kind != IDENTITY_SERVER))
			return refuse(reading, "server-id is not of the form urn:cpns:server:<id>");
		return set_string(&config->server_id, value);
	}
	if (!strcmp(name, "links"))
		return read_links(reading, value);
	if (!strcmp(name, "hostapd"))
		return set_string(&config->hostapd, value);
	if (!strcmp(name, "bluez"))
		return set_string(&config->bluez, value);
	return refuse(reading, "unknown key '%s' in [gateway]", name);
}

static int read_tls(struct reading *reading, const char *name,
		    const char *value)
{
	struct config *config = reading->config;

	if (!strcmp(name, "ca"))
		return set_string(&config->ca, value);
	if (!strcmp(name, "cert"))
		return set_string(&config->cert, value);
	if (!strcmp(name, "key"))
		return set_string(&config->key, value);
	if (!strcmp(name, "crl"))
		return set_string(&config->crl, value);
	if (!strcmp(name, "psk-file"))
		return set_string(&config->psk_file, value);
	if (!strcmp(name, "psk-identity")) {
		if (value[0] && !identity_id_valid(value))
			return refuse(reading, "psk-identity is not a node id");
		return set_string(&config->psk_identity, value);
	}
	return refuse(reading, "unknown key '%s' in [tls]", name);
}

static int read_pair(void *context, const char *section, const char *name,
		     const char *value)
{
	struct reading *reading = context;

	if (!strcmp(section, "cpnsd")) {
		if (!strcmp(name, "roles"))
			return read_roles(reading, value);
		return refuse(reading, "unknown key '%s' in [cpnsd]", name);
	}
	if (!strcmp(section, "tls"))
		return read_tls(reading, name, value);
	if (!strcmp(section, "server"))
		return read_server(reading, name, value);
	if (!strcmp(section, "gateway"))
		return read_gateway(reading, name, value);
	if (!strcmp(section, "access"))
		return read_access_line(reading, name, value);
	return refuse(reading, "unknown section [%s]", section);
}

static int default_string(char **field, const char *directory,
			  const char *name)
{
	if (*field)
		return 0;
	if (asprintf(field, "%s%s%s", directory, *directory ? "/" : "",
		     name) < 0) {
		*field = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int set_defaults(struct config *config)
{
	char *copy = strdup(config->path);
	const char *directory;
	int error;

	if (!copy)
		return -ENOMEM;
	directory = dirname(copy);
	error = default_string(&config->ca, directory, "ca.pem") ?:
		default_string(&config->cert, directory, "node.pem") ?:
		default_string(&config->key, directory, "node.key") ?:
		default_string(&config->groups, directory, "groups.d") ?:
		default_string(&config->signer_cert, directory, "signer.pem") ?:
		default_string(&config->signer_key, directory, "signer.key") ?:
		default_string(&config->osg_key, directory, "osg.key") ?:
		default_string(&config->psk_file, directory, "psk") ?:
		default_string(&config->hostapd, "", "/run/hostapd") ?:
		default_string(&config->bluez, "", "system") ?:
		default_string(&config->state, "", CONFIG_STATE);
	free(copy);
	if (!config->enrol_days)
		config->enrol_days = ENROL_DAYS;
	if (!error && !config->listen_count) {
		config->listen[0] = strdup("coaps+tcp://[::]:5684");
		if (!config->listen[0])
			return -ENOMEM;
		config->listen_count = 1;
	}
	return error;
}

/* what one line cannot tell */
static int check_whole(const struct config *config, char *error, size_t room)
{
	if (config->roles & (ROLE_GATEWAY | ROLE_PNE) && !config->server) {
		snprintf(error, room,
			 "%s: roles gateway and pne need [gateway] server = coaps+tcp://...",
			 config->path);
		return -EINVAL;
	}
	return 0;
}

/**
 * config_read - read a configuration file
 * @path: the file; one that does not exist gives the defaults
 * @config: the result, freed by config_free()
 * @error: the reason of a refusal, with file and line
 * @room: bytes of @error
 *
 * Return: 0, -EINVAL for a bad file, another -errno if it cannot be read.
 */
int config_read(const char *path, struct config **config, char *error,
		size_t room)
{
	char cause[160] = "not of the form key = value";
	struct reading reading = { .error = cause, .room = sizeof(cause) };
	int line, result = 0;
	FILE *file;

	*config = NULL;
	reading.config = calloc(1, sizeof(*reading.config));
	if (!reading.config)
		return -ENOMEM;
	reading.config->path = strdup(path);
	file = fopen(path, "re");
	if (!file && errno != ENOENT) {
		result = -errno;
		snprintf(error, room, "%s: %s", path, strerror(errno));
	} else if (file) {
		line = ini_parse_file(file, read_pair, &reading);
		/* inih takes a read error for the end of the file */
		if (ferror(file)) {
			result = -EIO;
			snprintf(error, room, "%s: cannot be read", path);
		}
		fclose(file);
		if (!result && line) {
			result = -EINVAL;
			snprintf(error, room, "%s:%d: %s", path, line, cause);
		}
	}
	if (!result && (!reading.config->path || set_defaults(reading.config))) {
		result = -ENOMEM;
		snprintf(error, room, "no memory");
	}
	if (!result)
		result = check_whole(reading.config, error, room);
	if (result)
		config_free(reading.config);
	else
		*config = reading.config;
	return result;
}

struct state_reading {
	char *state;
	size_t room;
};

static int read_state(void *context, const char *section, const char *name,
		      const char *value)
{
	struct state_reading *reading = context;

	if (!strcmp(name, "state") &&
	    (!strcmp(section, "server") || !strcmp(section, "gateway")))
		snprintf(reading->state, reading->room, "%s",
			 value[0] ? value : CONFIG_STATE);
	return 1;
}

/**
 * config_state - the state directory, whatever else the file says
 * @path: the file; one that cannot be read gives the default
 * @state: the directory
 * @room: bytes of @state
 *
 * For what stands there and must not wait until a mistake is mended.
 */
void config_state(const char *path, char *state, size_t room)
{
	struct state_reading reading = { .state = state, .room = room };

	snprintf(state, room, "%s", CONFIG_STATE);
	ini_parse(path, read_state, &reading);
}

/**
 * config_free - give a configuration back
 * @config: from config_read(), or NULL
 */
void config_free(struct config *config)
{
	struct config_access *entry;
	size_t i;

	if (!config)
		return;
	while ((entry = config->access)) {
		config->access = entry->next;
		free(entry->sgid);
		free(entry->uids);
		free(entry->gids);
		free(entry);
	}
	for (i = 0; i < config->listen_count; i++)
		free(config->listen[i]);
	for (i = 0; i < config->psk_listen_count; i++)
		free(config->psk_listen[i]);
	for (i = 0; i < config->smf_allowed_count; i++)
		free(config->smf_allowed[i]);
	free(config->smf_allowed);
	free(config->path);
	free(config->ca);
	free(config->cert);
	free(config->key);
	free(config->crl);
	free(config->psk_file);
	free(config->psk_identity);
	free(config->ca_key);
	free(config->groups);
	free(config->state);
	free(config->signer_cert);
	free(config->signer_key);
	free(config->kmc);
	free(config->kmc_previous);
	free(config->osg_key);
	free(config->lab_secrets);
	free(config->server);
	free(config->server_id);
	free(config->hostapd);
	free(config->bluez);
	free(config);
}

/**
 * config_may_request - the [access] list of a group
 * @config: the configuration
 * @sgid: the group
 * @uid: the requester's user
 * @gid: the requester's group
 *
 * Without an entry for the group only root may.  Several entries add up.
 */
bool config_may_request(const struct config *config, const char *sgid,
			uid_t uid, gid_t gid)
{
	const struct config_access *entry;
	bool listed = false;
	size_t i;

	for (entry = config->access; entry; entry = entry->next) {
		if (strcmp(entry->sgid, sgid))
			continue;
		listed = true;
		for (i = 0; i < entry->uids_count; i++)
			if (entry->uids[i] == uid)
				return true;
		for (i = 0; i < entry->gids_count; i++)
			if (entry->gids[i] == gid)
				return true;
	}
	return !listed && uid == 0;
}
