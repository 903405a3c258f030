/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration file of cpnsd (INI, inih): /etc/cpns/cpnsd.conf.
 *
 * Read at start and at SIGHUP into a new struct config; the daemon then
 * compares and swaps.  A missing file gives the defaults.
 */
#ifndef CPNSD_CONFIG_H
#define CPNSD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONFIG_STATE "/var/lib/cpns"
#define CONFIG_LISTEN_MAX 8
#define CONFIG_LINKS_MAX 9

enum config_role {
	ROLE_SERVER = 1 << 0,
	ROLE_GATEWAY = 1 << 1,
	ROLE_PNE = 1 << 2,
};

/* [access]: who may request_key(2) a group */
struct config_access {
	struct config_access *next;
	char *sgid;
	uid_t *uids;
	size_t uids_count;
	gid_t *gids;
	size_t gids_count;
};

/* a link of the PN behind a gateway that its administrator answers for */
struct config_link {
	uint8_t kind;			/* 1 Wi-Fi 2 Bluetooth 3 wire */
	uint8_t security;		/* 0 open 1 weak 2 strong */
};

struct config {
	char *path;
	unsigned int roles;
	/* [tls] */
	char *ca, *cert, *key, *crl;
	char *psk_file;			/* lines "id = hex", 0600 */
	char *psk_identity;		/* member: PSK instead of cert, key */
	/* [server] */
	char *listen[CONFIG_LISTEN_MAX];
	size_t listen_count;
	char *psk_listen[CONFIG_LISTEN_MAX];	/* none: no PSK, no tokens */
	size_t psk_listen_count;
	char *ca_key;			/* none: no enrolment */
	unsigned int enrol_days;	/* life of certificates made so */
	char *groups;			/* directory of group documents */
	char *state;			/* default CONFIG_STATE */
	char *signer_cert, *signer_key;
	char *kmc;			/* NULL, "software" or "pkcs11:..." */
	char *kmc_previous;		/* whose keys are to be taken over */
	char *osg_key;			/* X25519 private key, PEM, 0600 */
	char **smf_allowed;
	size_t smf_allowed_count;
	char *lab_secrets;		/* lab only: file that epoch secrets
					 * are written to; NULL in earnest
					 */
	/* [gateway] */
	char *server;			/* coaps+tcp://192.0.2.10:5684 */
	char *server_id;		/* urn:cpns:server:main */
	struct config_link links[CONFIG_LINKS_MAX];
	size_t links_count;
	char *hostapd;			/* directory of control sockets */
	char *bluez;			/* system, a D-Bus address, none */
	/* [access] */
	struct config_access *access;
};

/* 0, or -errno with the reason, and its line number, in error */
int config_read(const char *path, struct config **config,
		char *error, size_t room);
/* the state directory, also of a file with mistakes elsewhere */
void config_state(const char *path, char *state, size_t room);
void config_free(struct config *config);
bool config_may_request(const struct config *config, const char *sgid,
			uid_t uid, gid_t gid);

#endif
