// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl doctor: certificates - readable, of the right kind, in time, of the
 * CA, with their keys, and no key readable by others.
 *
 * Threading: one thread.  Private keys are read only to compare them, and
 * freed through OpenSSL, which cleanses them.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "doctor.h"
#include "transport/identity.h"

#define REMEDY_INSTALL	"cpnsctl node install --force NODE.tar"
#define REMEDY_ISSUE	"on the server cpnsctl node issue --force NODE --out NODE.tar, here " \
			REMEDY_INSTALL

static X509 *read_certificate(struct doctor *doctor, const char *path,
			      const char *subject)
{
	FILE *file = fopen(path, "re");
	X509 *certificate;

	if (!file) {
		doctor_report(doctor, FINDING_BAD, subject, REMEDY_INSTALL,
			      "%s: %m", path);
		return NULL;
	}
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (!certificate)
		doctor_report(doctor, FINDING_BAD, subject, REMEDY_INSTALL,
			      "%s: not a certificate in PEM", path);
	return certificate;
}

static void check_mode(struct doctor *doctor, const char *path)
{
	char remedy[600];
	struct stat status;

	/* the daemon refuses it, too */
	if (stat(path, &status) || !(status.st_mode & 0037))
		return;
	snprintf(remedy, sizeof(remedy), "chmod 600 %s", path);
	doctor_report(doctor, FINDING_BAD, "private key", remedy,
		      "%s has mode %03o: others can get at the key", path,
		      (unsigned int)status.st_mode & 0777);
}

static void check_key(struct doctor *doctor, X509 *certificate,
		      const char *path)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key;

	if (!file) {
		doctor_report(doctor, FINDING_BAD, "private key",
			      REMEDY_INSTALL, "%s: %m", path);
		return;
	}
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	if (!key)
		doctor_report(doctor, FINDING_BAD, "private key",
			      REMEDY_INSTALL, "%s: not a private key in PEM",
			      path);
	else if (X509_check_private_key(certificate, key) != 1)
		doctor_report(doctor, FINDING_BAD, "private key",
			      REMEDY_INSTALL,
			      "%s does not belong to the certificate", path);
	else
		doctor_report(doctor, FINDING_GOOD, "private key", NULL,
			      "%s belongs to the certificate", path);
	EVP_PKEY_free(key);
	ERR_clear_error();
	check_mode(doctor, path);
}

static void check_days(struct doctor *doctor, X509 *certificate)
{
	int days, seconds;

	if (!ASN1_TIME_diff(&days, &seconds, NULL,
			    X509_get0_notAfter(certificate)))
		return;
	if (days < 30 && days >= 0)
		doctor_report(doctor, FINDING_NOTE, "certificate",
			      REMEDY_ISSUE, "ends in %d days", days);
}

/**
 * doctor_certificates() - look at this node's certificate, key and CA
 * @doctor: the run, with its configuration
 */
void doctor_certificates(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	enum identity_kind kind = config->roles & ROLE_SERVER ?
		IDENTITY_SERVER : IDENTITY_NODE;
	struct identity_trust *trust;
	char reason[256] = "", uri[96];
	struct identity identity;
	X509 *certificate;

	certificate = read_certificate(doctor, config->cert, "certificate");
	if (!certificate)
		return;
	/* as the daemon judges: a clock at 1970 counts for nothing */
	identity_time_directory(config->state);
	if (identity_trust_open(&trust, config->ca, config->crl, reason,
				sizeof(reason))) {
		doctor_report(doctor, FINDING_BAD, "CA", REMEDY_INSTALL, "%s",
			      reason);
	} else {
		if (identity_verify(trust, certificate, NULL, kind, &identity,
				    reason, sizeof(reason))) {
			doctor_report(doctor, FINDING_BAD, "certificate",
				      REMEDY_ISSUE, "%s: %s", config->cert,
				      reason);
		} else {
			identity_uri(&identity, uri);
			doctor_report(doctor, FINDING_GOOD, "certificate",
				      NULL, "%s is %s", config->cert, uri);
		}
		identity_trust_close(trust);
	}
	check_days(doctor, certificate);
	check_key(doctor, certificate, config->key);
	X509_free(certificate);
}
