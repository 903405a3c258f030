// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl doctor: pre-shared keys - a member's own, in the place of its
 * certificate, and the file that a server looks nodes up in.
 *
 * Threading: one thread.  Keys are read only to see that they can be, and
 * wiped.
 */
#include <errno.h>
#include <openssl/crypto.h>

#include "config.h"
#include "doctor.h"
#include "transport/psk.h"

static void report_file(struct doctor *doctor, int error, const char *reason)
{
	const char *path = doctor->config->psk_file;
	char remedy[600];

	if (error == -EACCES)
		snprintf(remedy, sizeof(remedy), "chmod 600 %s", path);
	else
		snprintf(remedy, sizeof(remedy),
			 "write the line NODE = HEX into %s, cpnsd.conf(5)",
			 path);
	doctor_report(doctor, FINDING_BAD, "pre-shared key", remedy, "%s",
		      reason);
}

/**
 * doctor_psk() - look at the pre-shared keys that the configuration asks for
 * @doctor: the run, with its configuration
 *
 * Return: true where they take the place of this node's certificate.
 */
bool doctor_psk(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	bool member = config->psk_identity && !(config->roles & ROLE_SERVER);
	char reason[512] = "";
	uint8_t key[PSK_KEY_MAX];
	struct psk_table *table;
	size_t size;
	int error;

	if (!member && !config->psk_listen_count)
		return false;
	error = psk_table_open(&table, config->psk_file, reason,
			       sizeof(reason));
	if (!error && member) {
		error = psk_table_find(table, config->psk_identity, key, &size);
		OPENSSL_cleanse(key, sizeof(key));
		if (error)
			snprintf(reason, sizeof(reason), "%s has no key of %s",
				 config->psk_file, config->psk_identity);
	}
	psk_table_close(table);
	/* a server that lets nodes enrol needs no keys of others */
	if (error == -ENOENT && !member && config->ca_key)
		return false;
	if (error)
		report_file(doctor, error, reason);
	else
		doctor_report(doctor, FINDING_GOOD, "pre-shared key", NULL,
			      "%s can be read%s%s", config->psk_file,
			      member ? " and has the key of " : "",
			      member ? config->psk_identity : "");
	return member;
}
