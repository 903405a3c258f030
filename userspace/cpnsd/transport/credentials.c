// SPDX-License-Identifier: GPL-2.0-only
/*
 * Our own certificate and private key, read once at opening, so that the
 * daemon needs the files no more once it has given up its rights.
 *
 * The key's bytes are wiped when they are freed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "transport/tls.h"

#define KEY_FILE_MAX 16384

/* an encrypted key would make OpenSSL ask on the terminal */
static int no_password(char *buffer, int size, int writing, void *context)
{
	return 0;
}

static FILE *open_file(const char *path, char *reason, size_t room)
{
	FILE *file = fopen(path ? path : "", "re");

	if (!file)
		snprintf(reason, room, "%s: %s", path && *path ? path :
			 "no file named", strerror(errno));
	return file;
}

/* through a buffer of our own that is cleansed: stdio's would keep the key */
static EVP_PKEY *read_key(FILE *file)
{
	uint8_t bytes[KEY_FILE_MAX];
	EVP_PKEY *key = NULL;
	BIO *memory = NULL;
	size_t size;

	setvbuf(file, NULL, _IONBF, 0);
	size = fread(bytes, 1, sizeof(bytes), file);
	if (size < sizeof(bytes))
		memory = BIO_new_mem_buf(bytes, (int)size);
	if (memory)
		key = PEM_read_bio_PrivateKey(memory, NULL, no_password, NULL);
	BIO_free(memory);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return key;
}

/*
 * The group may read: a key that is given to an unprivileged daemon.  Whoever
 * else can has it, or could have put it there.
 */
static int check_mode(FILE *file, const char *path, char *reason, size_t room)
{
	struct stat status;

	if (fstat(fileno(file), &status)) {
		snprintf(reason, room, "%s: %s", path, strerror(errno));
		return -errno;
	}
	if (!S_ISREG(status.st_mode) ||
	    !(status.st_mode & 0037))
		return 0;
	snprintf(reason, room,
		 "%s has mode %03o, others can get at the key: chmod 600 %s",
		 path, (unsigned int)status.st_mode & 0777, path);
	return -EACCES;
}

/**
 * tls_credentials_read - read certificate and key and see that they fit
 * @credentials: result; tls_credentials_wipe() ends it
 * @cert: PEM file
 * @key: PEM file, EC or RSA, not encrypted, closed to others
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL, -ENOMEM or -ENOENT/-EACCES of the files.
 */
int tls_credentials_read(struct tls_credentials *credentials, const char *cert,
			 const char *key, char *reason, size_t room)
{
	X509 *certificate = NULL;
	EVP_PKEY *private = NULL;
	int result = -EINVAL;
	FILE *file;
	int size;

	memset(credentials, 0, sizeof(*credentials));
	file = open_file(cert, reason, room);
	if (!file)
		return -errno;
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (!certificate) {
		snprintf(reason, room, "%s: not a PEM certificate", cert);
		goto out;
	}
	file = open_file(key, reason, room);
	if (!file) {
		result = -errno;
		goto out;
	}
	result = check_mode(file, key, reason, room);
	if (result) {
		fclose(file);
		goto out;
	}
	result = -EINVAL;
	private = read_key(file);
	fclose(file);
	if (!private) {
		snprintf(reason, room, "%s: not a PEM private key", key);
		goto out;
	}
	if (X509_check_private_key(certificate, private) != 1) {
		snprintf(reason, room, "%s does not belong to %s", key, cert);
		goto out;
	}
	if (EVP_PKEY_is_a(private, "EC")) {
		credentials->key_type = COAP_ASN1_PKEY_EC;
	} else if (EVP_PKEY_is_a(private, "RSA")) {
		credentials->key_type = COAP_ASN1_PKEY_RSA;
	} else {
		snprintf(reason, room, "%s: neither EC nor RSA", key);
		goto out;
	}
	size = i2d_X509(certificate, &credentials->certificate);
	if (size > 0)
		credentials->certificate_size = (size_t)size;
	size = i2d_PrivateKey(private, &credentials->key);
	if (size > 0)
		credentials->key_size = (size_t)size;
	if (credentials->certificate_size && credentials->key_size) {
		credentials->decoded_certificate = certificate;
		credentials->decoded_key = private;
		certificate = NULL;
		private = NULL;
		result = 0;
	} else {
		snprintf(reason, room, "out of memory");
		result = -ENOMEM;
	}
out:
	X509_free(certificate);
	EVP_PKEY_free(private);
	ERR_clear_error();
	if (result)
		tls_credentials_wipe(credentials);
	return result;
}

/**
 * tls_credentials_wipe - free certificate and key, the key's bytes wiped
 * @credentials: may be all zero
 */
void tls_credentials_wipe(struct tls_credentials *credentials)
{
	OPENSSL_clear_free(credentials->key, credentials->key_size);
	OPENSSL_free(credentials->certificate);
	X509_free(credentials->decoded_certificate);
	EVP_PKEY_free(credentials->decoded_key);
	memset(credentials, 0, sizeof(*credentials));
}
