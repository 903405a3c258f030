// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostapd's control interface: one datagram socket for each network that it
 * serves, in a directory.  STATUS tells whether the network is up, GET_CONFIG
 * how it is protected; ATTACH makes hostapd tell of changes.
 *
 * Not every change is told (RELOAD is not), so each network is asked again
 * every few seconds, which also finds networks that came or went.  A network
 * that does not let itself be asked counts as open: what is not known to be
 * protected is not.
 *
 * Runs in the loop's thread.
 */
#include "seca/hostapd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

#define ASK_SECONDS	5
#define ANSWER_MAX	4096
#define NAME_LENGTH	32
#define ACCESS_HINT	": ctrl_interface_group=cpns in hostapd.conf"

enum question {
	ASKED_NOTHING, ASKED_ATTACH, ASKED_STATUS, ASKED_CONFIG,
};

struct network {
	struct network *next;
	struct hostapd_watch *watch;
	char name[NAME_LENGTH];
	int fd;
	struct loop_fd readable;
	enum question asked;
	bool again;			/* an event came in between */
	bool seen;			/* in the directory */
	bool silent;			/* a question has had no answer */
	bool up;
	enum pn_link_security security;
	int error;			/* cannot be asked */
};

struct hostapd_watch {
	struct loop *loop;
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path) -
		       NAME_LENGTH - 1];
	void (*changed)(void *context);
	void *context;
	struct network *networks;
	struct loop_timer tick;
	int error;			/* the directory cannot be read */
};

/* the value of a line `name=value`; NULL where there is none */
static const char *value_of(const char *answer, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = answer; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == '=')
			return line + length + 1;
	}
	return NULL;
}

static bool value_has(const char *answer, const char *name, const char *word)
{
	const char *value = value_of(answer, name), *found;

	if (!value)
		return false;
	found = strstr(value, word);
	return found && found < value + strcspn(value, "\n");
}

/**
 * hostapd_security() - how well a network protects what it carries
 * @config: hostapd's answer to GET_CONFIG
 *
 * Open without WPA (WEP does not show and is no better); weak with WPA 1,
 * TKIP or WEP as a cipher, and with OWE, which encrypts for anybody; strong
 * with WPA2 or WPA3 and ciphers of AES.
 *
 * Return: PN_LINK_OPEN, PN_LINK_WEAK or PN_LINK_STRONG.
 */
enum pn_link_security hostapd_security(const char *config)
{
	static const char *const ciphers[] = {
		"group_cipher", "rsn_pairwise_cipher", "wpa_pairwise_cipher",
	};
	const char *wpa = value_of(config, "wpa");
	int version = wpa ? atoi(wpa) : 0;

	if (!version || !value_of(config, "key_mgmt") ||
	    value_has(config, "key_mgmt", "NONE"))
		return PN_LINK_OPEN;
	if (version != 2 || value_has(config, "key_mgmt", "OWE"))
		return PN_LINK_WEAK;
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++)
		if (value_has(config, ciphers[i], "TKIP") ||
		    value_has(config, ciphers[i], "WEP") ||
		    value_has(config, ciphers[i], "NONE"))
			return PN_LINK_WEAK;
	return PN_LINK_STRONG;
}

static void state(struct network *network, bool up,
		  enum pn_link_security security, int error)
{
	struct hostapd_watch *watch = network->watch;

	if (network->up == up && network->security == security &&
	    network->error == error)
		return;
	if (error)
		log_warning("hostapd %s/%s cannot be asked (%s) and counts as open%s",
			    watch->directory, network->name, strerror(error),
			    error == EACCES ? ACCESS_HINT : "");
	network->up = up;
	network->security = security;
	network->error = error;
	watch->changed(watch->context);
}

static void hang_up(struct network *network)
{
	if (network->fd < 0)
		return;
	loop_fd_stop(&network->readable);
	close(network->fd);
	network->fd = -1;
	network->asked = ASKED_NOTHING;
}

static void ask(struct network *network, enum question question)
{
	static const char *const words[] = {
		[ASKED_ATTACH] = "ATTACH", [ASKED_STATUS] = "STATUS",
		[ASKED_CONFIG] = "GET_CONFIG",
	};
	const char *word = words[question];
	int error;

	network->asked = question;
	if (send(network->fd, word, strlen(word), MSG_NOSIGNAL) >= 0)
		return;
	error = errno;
	hang_up(network);
	/* nobody behind the socket: no network either */
	if (error == ECONNREFUSED || error == ENOTCONN || error == ENOENT)
		state(network, false, PN_LINK_OPEN, 0);
	else
		state(network, true, PN_LINK_OPEN, error);
}

static void look(struct network *network)
{
	if (network->asked != ASKED_NOTHING)
		network->again = true;
	else
		ask(network, ASKED_STATUS);
}

static void answered(struct network *network, const char *answer)
{
	enum question question = network->asked;

	network->asked = ASKED_NOTHING;
	network->silent = false;
	switch (question) {
	case ASKED_ATTACH:
		look(network);
		return;
	case ASKED_STATUS:
		if (value_has(answer, "state", "ENABLED")) {
			ask(network, ASKED_CONFIG);
			return;
		}
		/* also a socket that is not a network's: UNKNOWN COMMAND */
		state(network, false, PN_LINK_OPEN, 0);
		break;
	case ASKED_CONFIG:
		state(network, true, hostapd_security(answer), 0);
		break;
	default:
		return;
	}
	if (network->fd >= 0 && network->again) {
		network->again = false;
		look(network);
	}
}

static void readable(void *context)
{
	struct network *network = context;
	char answer[ANSWER_MAX + 1];
	ssize_t size = recv(network->fd, answer, ANSWER_MAX, MSG_DONTWAIT);

	if (size < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		hang_up(network);
		state(network, false, PN_LINK_OPEN, 0);
		return;
	}
	answer[size] = '\0';
	if (answer[0] == '<')
		look(network);
	else
		answered(network, answer);
}

/* abstract name of our end: a sandboxed daemon has no path hostapd could see */
static void call(struct network *network)
{
	struct hostapd_watch *watch = network->watch;
	struct sockaddr_un there = { .sun_family = AF_UNIX };
	const sa_family_t family = AF_UNIX;
	int error, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC |
			       SOCK_NONBLOCK, 0);

	snprintf(there.sun_path, sizeof(there.sun_path), "%s/%s",
		 watch->directory, network->name);
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&family, sizeof(family)) ||
	    connect(fd, (const struct sockaddr *)&there, sizeof(there))) {
		error = errno;
		if (fd >= 0)
			close(fd);
		if (error == ECONNREFUSED || error == ENOENT)
			state(network, false, PN_LINK_OPEN, 0);
		else
			state(network, true, PN_LINK_OPEN, error);
		return;
	}
	network->fd = fd;
	network->silent = false;
	network->again = false;
	loop_fd_start(watch->loop, &network->readable, fd, readable, network);
	ask(network, ASKED_ATTACH);
}

static struct network *network_named(struct hostapd_watch *watch,
				     const char *name)
{
	struct network *network;

	for (network = watch->networks; network; network = network->next)
		if (!strcmp(network->name, name))
			return network;
	network = calloc(1, sizeof(*network));
	if (!network)
		return NULL;
	network->watch = watch;
	network->fd = -1;
	snprintf(network->name, sizeof(network->name), "%.*s",
		 NAME_LENGTH - 1, name);
	network->next = watch->networks;
	watch->networks = network;
	return network;
}

static void scan(struct hostapd_watch *watch)
{
	DIR *directory = opendir(watch->directory);
	int error = directory || errno == ENOENT ? 0 : errno;
	struct network *network;
	struct dirent *entry;

	if (error != watch->error) {
		if (error)
			log_warning("hostapd %s: %s; its networks count as open%s",
				    watch->directory, strerror(error),
				    error == EACCES ? ACCESS_HINT : "");
		watch->error = error;
		watch->changed(watch->context);
	}
	while (directory && (entry = readdir(directory))) {
		if (entry->d_type != DT_SOCK ||
		    strlen(entry->d_name) >= NAME_LENGTH)
			continue;
		network = network_named(watch, entry->d_name);
		if (network)
			network->seen = true;
	}
	if (directory)
		closedir(directory);
}

static void tick(void *context)
{
	struct hostapd_watch *watch = context;
	struct network **place = &watch->networks, *network;

	scan(watch);
	while ((network = *place)) {
		if (!network->seen) {
			hang_up(network);
			state(network, false, PN_LINK_OPEN, 0);
			*place = network->next;
			free(network);
			continue;
		}
		network->seen = false;
		place = &network->next;
		if (network->fd >= 0 && network->asked != ASKED_NOTHING) {
			/* one tick of patience for a busy machine */
			if (network->silent) {
				hang_up(network);
				state(network, true, PN_LINK_OPEN, ETIMEDOUT);
			}
			network->silent = true;
		} else if (network->fd >= 0) {
			look(network);
		}
		if (network->fd < 0)
			call(network);
	}
	loop_timer_start(&watch->tick, ASK_SECONDS);
}

/**
 * hostapd_watch_open() - watch the networks of hostapd
 * @watch: the result, closed with hostapd_watch_close()
 * @loop: the event loop
 * @directory: of hostapd's control sockets (its ctrl_interface); it need not
 *	be there yet
 * @changed: called from the loop when hostapd_watch_links() has changed
 * @context: of @changed
 *
 * Return: 0, -ENAMETOOLONG or -ENOMEM.
 */
int hostapd_watch_open(struct hostapd_watch **watch, struct loop *loop,
		       const char *directory, void (*changed)(void *context),
		       void *context)
{
	struct hostapd_watch *made;

	*watch = NULL;
	if (strlen(directory) >= sizeof(made->directory))
		return -ENAMETOOLONG;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->loop = loop;
	snprintf(made->directory, sizeof(made->directory), "%s", directory);
	made->changed = changed;
	made->context = context;
	loop_timer_init(loop, &made->tick, tick, made);
	loop_timer_start(&made->tick, 0);
	*watch = made;
	return 0;
}

/**
 * hostapd_watch_close() - end a watch
 * @watch: from hostapd_watch_open(), or NULL
 */
void hostapd_watch_close(struct hostapd_watch *watch)
{
	struct network *network;

	if (!watch)
		return;
	loop_timer_stop(&watch->tick);
	while ((network = watch->networks)) {
		watch->networks = network->next;
		hang_up(network);
		free(network);
	}
	free(watch);
}

/**
 * hostapd_watch_links() - the networks that are up
 * @watch: from hostapd_watch_open()
 * @links: gets them
 * @room: of @links
 *
 * Return: how many.
 */
size_t hostapd_watch_links(const struct hostapd_watch *watch,
			   struct pn_link *links, size_t room)
{
	const struct network *network;
	size_t count = 0;

	if (watch->error && room) {
		links[count].kind = PN_LINK_WIFI;
		links[count].security = PN_LINK_OPEN;
		snprintf(links[count++].source, sizeof(links->source),
			 "hostapd: %s", strerror(watch->error));
	}
	for (network = watch->networks; network && count < room;
	     network = network->next) {
		if (!network->up)
			continue;
		links[count].kind = PN_LINK_WIFI;
		links[count].security = network->security;
		snprintf(links[count++].source, sizeof(links->source),
			 "hostapd %s%s%s", network->name,
			 network->error ? ": " : "",
			 network->error ? strerror(network->error) : "");
	}
	return count;
}
