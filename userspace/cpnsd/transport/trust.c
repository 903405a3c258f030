// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trust store: one CA file and an optional revocation list.
 *
 * Used from the loop's thread only.  The store belongs to the trust; the
 * list's file is read again when it has changed on disk, so that a
 * revocation counts from the next check on.  A list that cannot be read keeps
 * the one before it; one that is out of date refuses (fail closed).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "log.h"
#include "transport/identity.h"

struct identity_trust {
	X509_STORE *store;
	char *ca_file;
	char *crl_file;			/* NULL: no list */
	struct timespec crl_time;	/* of the file that was read */
	off_t crl_size;
	ino_t crl_inode;
};

__attribute__((format(printf, 3, 4)))
static void say(char *reason, size_t room, const char *format, ...)
{
	va_list list;

	if (!reason || !room)
		return;
	va_start(list, format);
	vsnprintf(reason, room, format, list);
	va_end(list);
}

static int add_authorities(X509_STORE *store, const char *path, char *reason,
			   size_t room)
{
	FILE *file = fopen(path, "re");
	unsigned int count = 0;
	X509 *certificate;
	int result = 0;

	if (!file) {
		result = -errno;
		say(reason, room, "%s: %s", path, strerror(-result));
		return result;
	}
	while ((certificate = PEM_read_X509(file, NULL, NULL, NULL))) {
		if (X509_check_ca(certificate) < 1) {
			say(reason, room, "%s: not a CA certificate", path);
			result = -EINVAL;
		} else if (X509_STORE_add_cert(store, certificate) != 1) {
			say(reason, room, "%s: out of memory", path);
			result = -ENOMEM;
		}
		X509_free(certificate);
		if (result)
			break;
		count++;
	}
	ERR_clear_error();
	fclose(file);
	if (!result && !count) {
		say(reason, room, "%s: no certificate in it", path);
		result = -EINVAL;
	}
	return result;
}

static int add_lists(X509_STORE *store, const char *path, char *reason,
		     size_t room)
{
	FILE *file = fopen(path, "re");
	unsigned int count = 0;
	X509_CRL *list;
	int result = 0;

	if (!file) {
		result = -errno;
		say(reason, room, "%s: %s", path, strerror(-result));
		return result;
	}
	while ((list = PEM_read_X509_CRL(file, NULL, NULL, NULL))) {
		if (X509_STORE_add_crl(store, list) != 1)
			result = -ENOMEM;
		X509_CRL_free(list);
		if (result)
			break;
		count++;
	}
	ERR_clear_error();
	fclose(file);
	if (!result && !count)
		result = -EINVAL;
	if (result)
		say(reason, room, "%s: no revocation list in it", path);
	return result;
}

static int build_store(struct identity_trust *trust, X509_STORE **result,
		       char *reason, size_t room)
{
	X509_STORE *store = X509_STORE_new();
	int error;

	if (!store)
		return -ENOMEM;
	error = add_authorities(store, trust->ca_file, reason, room);
	if (!error && trust->crl_file) {
		struct stat status;

		error = add_lists(store, trust->crl_file, reason, room);
		X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
		if (!error && !stat(trust->crl_file, &status)) {
			trust->crl_time = status.st_mtim;
			trust->crl_size = status.st_size;
			trust->crl_inode = status.st_ino;
		}
	}
	if (error) {
		X509_STORE_free(store);
		return error;
	}
	*result = store;
	return 0;
}

static void read_lists_again(struct identity_trust *trust)
{
	char reason[160] = "";
	struct stat status;
	X509_STORE *store;

	if (!trust->crl_file || stat(trust->crl_file, &status))
		return;
	if (status.st_mtim.tv_sec == trust->crl_time.tv_sec &&
	    status.st_mtim.tv_nsec == trust->crl_time.tv_nsec &&
	    status.st_size == trust->crl_size &&
	    status.st_ino == trust->crl_inode)
		return;
	if (build_store(trust, &store, reason, sizeof(reason))) {
		log_warning("revocation list not read again, the one before stays: %s",
			    reason);
		trust->crl_time = status.st_mtim;
		trust->crl_size = status.st_size;
		trust->crl_inode = status.st_ino;
		return;
	}
	X509_STORE_free(trust->store);
	trust->store = store;
}

/**
 * identity_trust_open - read the CA and the revocation list
 * @trust: result; identity_trust_close() ends it
 * @ca_file: PEM, one or more CA certificates
 * @crl_file: PEM, or NULL or "": no revocation check
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL, -ENOMEM or the errno of opening a file.
 */
int identity_trust_open(struct identity_trust **trust, const char *ca_file,
			const char *crl_file, char *reason, size_t room)
{
	struct identity_trust *fresh;
	int result = -ENOMEM;

	*trust = NULL;
	say(reason, room, "out of memory");
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->ca_file = strdup(ca_file ? ca_file : "");
	if (crl_file && *crl_file)
		fresh->crl_file = strdup(crl_file);
	if (fresh->ca_file && (fresh->crl_file || !crl_file || !*crl_file))
		result = build_store(fresh, &fresh->store, reason, room);
	if (result) {
		identity_trust_close(fresh);
		return result;
	}
	say(reason, room, "%s", "");
	*trust = fresh;
	return 0;
}

/**
 * identity_trust_reload - take other files, or the same ones as they are now
 * @trust: the trust
 * @ca_file: as for identity_trust_open()
 * @crl_file: as for identity_trust_open()
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Sessions that are there are not checked again.
 *
 * Returns 0 or the errors of identity_trust_open(); then the old ones stay.
 */
int identity_trust_reload(struct identity_trust *trust, const char *ca_file,
			  const char *crl_file, char *reason, size_t room)
{
	struct identity_trust *fresh, old;
	int result;

	result = identity_trust_open(&fresh, ca_file, crl_file, reason, room);
	if (result)
		return result;
	old = *trust;
	*trust = *fresh;
	*fresh = old;
	identity_trust_close(fresh);
	return 0;
}

/**
 * identity_trust_close - end a trust store
 * @trust: may be NULL
 */
void identity_trust_close(struct identity_trust *trust)
{
	if (!trust)
		return;
	X509_STORE_free(trust->store);
	free(trust->ca_file);
	free(trust->crl_file);
	free(trust);
}

/**
 * identity_trust_store - the store for a caller's own chain checks
 * @trust: the trust; keeps the store
 *
 * The store may be another one after the next check: take a reference if it
 * is to be kept.
 */
X509_STORE *identity_trust_store(struct identity_trust *trust)
{
	read_lists_again(trust);
	return trust->store;
}
