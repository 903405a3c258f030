// SPDX-License-Identifier: GPL-2.0-only
/*
 * The revocation list of the small CA (RFC 5280, ca.crl), and the list of what
 * it issued, so that a node can be revoked by its name; see pki.h.
 *
 * One line a certificate: URI, serial number in hexadecimal, end of its time
 * in seconds since 1970.  Nothing in either file is secret.  One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "pki.h"

#define DAY		(24 * 60 * 60)
#define BACKDATE	(60 * 60)
#define LINE_SIZE	256

static int failed(char *reason, size_t room, const char *what, int error)
{
	ERR_clear_error();
	snprintf(reason, room, "%s: %s", what, strerror(error));
	return -error;
}

/**
 * pki_note_issued - keep in mind whose certificate has which number
 * @path: the list, made if it is not there
 * @certificate: what is about to be given out
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0 or -errno; then the certificate is not to be given out.
 */
int pki_note_issued(const char *path, const X509 *certificate, char *reason,
		    size_t room)
{
	char uri[96], *serial = pki_serial_text(certificate);
	time_t end = pki_not_after(certificate);
	struct identity identity;
	int result;

	if (!serial || end < 0 ||
	    identity_from_certificate((X509 *)certificate, &identity)) {
		OPENSSL_free(serial);
		return failed(reason, room, path, EINVAL);
	}
	identity_uri(&identity, uri);
	result = pki_note_serial(path, uri, serial, end, reason, room);
	OPENSSL_free(serial);
	return result;
}

/**
 * pki_note_serial - the same for a certificate that is not here
 * @path: the list, made if it is not there
 * @uri: whose certificate
 * @serial: its number in hexadecimal
 * @end: of its time, s since 1970
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * A line that is there twice does no harm.
 *
 * Returns 0 or -errno.
 */
int pki_note_serial(const char *path, const char *uri, const char *serial,
		    time_t end, char *reason, size_t room)
{
	char line[LINE_SIZE];
	int fd, length, error = 0;

	length = snprintf(line, sizeof(line), "%s %s %lld\n", uri, serial,
			  (long long)end);
	if (length >= (int)sizeof(line))
		return failed(reason, room, path, EINVAL);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return failed(reason, room, path, errno);
	if (write(fd, line, (size_t)length) != length || fsync(fd))
		error = errno ? errno : EIO;
	if (close(fd) && !error)
		error = errno;
	return error ? failed(reason, room, path, error) : 0;
}

static X509_CRL *new_list(X509 *authority)
{
	X509_CRL *list = X509_CRL_new();

	if (list && X509_CRL_set_version(list, X509_CRL_VERSION_2) &&
	    X509_CRL_set_issuer_name(list, X509_get_subject_name(authority)))
		return list;
	X509_CRL_free(list);
	return NULL;
}

/* the list that is there, if this CA made it; or an empty one */
static X509_CRL *open_list(const char *path, X509 *authority,
			   EVP_PKEY *authority_key, char *reason, size_t room)
{
	FILE *file = fopen(path, "re");
	X509_CRL *list;

	if (!file && errno != ENOENT) {
		failed(reason, room, path, errno);
		return NULL;
	}
	list = file ? PEM_read_X509_CRL(file, NULL, NULL, NULL) :
		      new_list(authority);
	if (file)
		fclose(file);
	if (list && file && X509_CRL_verify(list, authority_key) != 1) {
		X509_CRL_free(list);
		list = NULL;
	}
	ERR_clear_error();
	if (!list)
		snprintf(reason, room, "%s is not a list of this CA", path);
	return list;
}

static bool revoke_serial(X509_CRL *list, const char *serial, bool *fresh)
{
	ASN1_TIME *now = ASN1_TIME_set(NULL, identity_certificate_time());
	X509_REVOKED *entry = X509_REVOKED_new(), *there;
	ASN1_INTEGER *number = NULL;
	BIGNUM *value = NULL;
	bool done = false;

	*fresh = false;
	if (now && entry && BN_hex2bn(&value, serial))
		number = BN_to_ASN1_INTEGER(value, NULL);
	if (number && X509_CRL_get0_by_serial(list, &there, number)) {
		done = true;
	} else if (number && X509_REVOKED_set_serialNumber(entry, number) &&
		   X509_REVOKED_set_revocationDate(entry, now) &&
		   X509_CRL_add0_revoked(list, entry)) {
		entry = NULL;
		done = true;
		*fresh = true;
	}
	X509_REVOKED_free(entry);
	ASN1_INTEGER_free(number);
	BN_free(value);
	ASN1_TIME_free(now);
	return done;
}

/* all of @uri's that have time left; what is over needs no list */
static int revoke_issued(X509_CRL *list, const char *issued, const char *uri,
			 unsigned int *count, char *reason, size_t room)
{
	char line[LINE_SIZE], name[96], serial[96];
	FILE *file = fopen(issued, "re");
	long long end;
	bool fresh;
	int result = 0;

	*count = 0;
	if (!file)
		return failed(reason, room, issued, errno);
	while (!result && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%95s %95s %lld", name, serial, &end) != 3 ||
		    strcmp(name, uri) ||
		    end < (long long)identity_certificate_time())
			continue;
		++*count;
		if (!revoke_serial(list, serial, &fresh))
			result = failed(reason, room, "revocation", EIO);
	}
	fclose(file);
	if (!result && !*count) {
		snprintf(reason, room, "%s names no certificate of %s", issued,
			 uri);
		return -ENOENT;
	}
	return result;
}

static bool set_number(X509_CRL *list)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL,
						    NULL);
	int64_t value = 0;
	bool done;

	if (!number)
		number = ASN1_INTEGER_new();
	else if (ASN1_INTEGER_get_int64(&value, number) != 1)
		value = 0;
	done = number && ASN1_INTEGER_set_int64(number, value + 1) &&
	       X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0,
				     X509V3_ADD_REPLACE) == 1;
	ASN1_INTEGER_free(number);
	return done;
}

/* a list is good until the next one; its end must not stop the server */
static bool set_times(X509_CRL *list)
{
	time_t now = identity_certificate_time();
	ASN1_TIME *from = ASN1_TIME_set(NULL, now - BACKDATE);
	ASN1_TIME *to = ASN1_TIME_set(NULL, now + (time_t)PKI_CA_DAYS * DAY);
	bool done = from && to && X509_CRL_set1_lastUpdate(list, from) &&
		    X509_CRL_set1_nextUpdate(list, to);

	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return done;
}

static int write_list(X509_CRL *list, const char *path, char *reason,
		      size_t room)
{
	BIO *memory = BIO_new(BIO_s_mem());
	int result = -ENOMEM;
	char *bytes;
	long size;

	if (memory && PEM_write_bio_X509_CRL(memory, list)) {
		size = BIO_get_mem_data(memory, &bytes);
		result = pki_write_file(path, bytes, (size_t)size, false, true,
					reason, room);
	} else {
		failed(reason, room, path, ENOMEM);
	}
	BIO_free(memory);
	return result;
}

/**
 * pki_revoke - certificates of one identity onto the revocation list
 * @authority: the CA's certificate
 * @authority_key: its key
 * @issued: what pki_note_issued() wrote
 * @uri: urn:cpns:node:..., or NULL: only make the list
 * @path: the list (PEM); what is on it stays there
 * @count: gets how many certificates of @uri have time left
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0; -ENOENT no certificate of @uri is known; -EINVAL @path is not
 * this CA's list; another -errno.  The list is as it was after an error.
 */
int pki_revoke(X509 *authority, EVP_PKEY *authority_key, const char *issued,
	       const char *uri, const char *path, unsigned int *count,
	       char *reason, size_t room)
{
	X509_CRL *list = open_list(path, authority, authority_key, reason,
				   room);
	int result = 0;

	*count = 0;
	if (!list)
		return -EINVAL;
	if (uri)
		result = revoke_issued(list, issued, uri, count, reason, room);
	if (!result &&
	    (!set_times(list) || !set_number(list) || !X509_CRL_sort(list) ||
	     !X509_CRL_sign(list, authority_key, EVP_sha256())))
		result = failed(reason, room, "cannot sign a revocation list",
				EIO);
	if (!result)
		result = write_list(list, path, reason, room);
	X509_CRL_free(list);
	return result;
}
