// SPDX-License-Identifier: GPL-2.0-only
/*
 * PEM in memory and in files; see pki.h.
 *
 * A file is written beside its place, synced, then linked (never over
 * another) or renamed (with force) to it, and its directory synced: a power
 * cut leaves the old state or the new one, and nobody ever sees half a key.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "pki.h"

#define DAEMON_USER "cpns"
#define KEY_FILE_MAX 16384

static int no_password(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return 0;
}

static int complain(char *reason, size_t room, const char *path, int error)
{
	snprintf(reason, room, "%s: %s", path, strerror(error));
	return -error;
}

static const struct passwd *daemon_user(void)
{
	return geteuid() ? NULL : getpwnam(DAEMON_USER);
}

/**
 * pki_give_daemon - let the unprivileged daemon read a private file
 * @path: of mode 0600
 *
 * Nothing happens where the caller is not root or there is no user cpns: the
 * daemon then runs as the caller does.
 */
void pki_give_daemon(const char *path)
{
	const struct passwd *user = daemon_user();

	if (user && chown(path, user->pw_uid, user->pw_gid))
		fprintf(stderr, "cpnsctl: %s: cannot be given to user %s: %s\n",
			path, DAEMON_USER, strerror(errno));
}

/**
 * pki_make_directory - a directory of mode 0700, if it is not there yet
 * @path: its parent exists
 *
 * Where root has a user cpns, the directory stays root's, so that a daemon
 * that was broken into cannot put another osg.pub there, but the daemon's
 * group may look into it (0750).
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0 or -errno.
 */
int pki_make_directory(const char *path, char *reason, size_t room)
{
	const struct passwd *user = daemon_user();
	struct stat status;

	if (!mkdir(path, 0700)) {
		if (user && !chown(path, 0, user->pw_gid))
			chmod(path, 0750);
		return 0;
	}
	if (errno != EEXIST)
		return complain(reason, room, path, errno);
	if (stat(path, &status))
		return complain(reason, room, path, errno);
	if (!S_ISDIR(status.st_mode))
		return complain(reason, room, path, ENOTDIR);
	return 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -EIO;
		bytes += written;
		size -= (size_t)written;
	}
	return fsync(fd) ? -errno : 0;
}

static int sync_directory(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (fd < 0)
		return -errno;
	result = fsync(fd) ? -errno : 0;
	close(fd);
	return result;
}

/**
 * pki_write_file - write a whole file, or none
 * @path: where
 * @bytes: what
 * @size: of @bytes
 * @private_file: mode 0600, else 0644
 * @force: replace a file that is there
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EEXIST without @force, or another -errno.
 */
int pki_write_file(const char *path, const void *bytes, size_t size,
		   bool private_file, bool force, char *reason, size_t room)
{
	char fresh[PATH_MAX];
	int fd, result;

	if (snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path) >=
	    (int)sizeof(fresh))
		return complain(reason, room, path, ENAMETOOLONG);
	fd = mkostemp(fresh, O_CLOEXEC);	/* mode 0600 */
	if (fd < 0)
		return complain(reason, room, path, errno);
	result = write_all(fd, bytes, size);
	if (!result && !private_file && fchmod(fd, 0644))
		result = -errno;
	if (close(fd) && !result)
		result = -errno;
	if (!result && (force ? rename(fresh, path) : link(fresh, path)))
		result = -errno;
	if (result || !force)
		unlink(fresh);
	if (!result)
		result = sync_directory(dirname(fresh));
	return result ? complain(reason, room, path, -result) : 0;
}

static int take_memory(BIO *memory, uint8_t **pem, size_t *size)
{
	char *bytes;
	long length = BIO_get_mem_data(memory, &bytes);

	*pem = length > 0 ? OPENSSL_memdup(bytes, (size_t)length) : NULL;
	*size = *pem ? (size_t)length : 0;
	return *pem ? 0 : -ENOMEM;
}

static int to_pem(int (*write)(BIO *memory, void *object), void *object,
		  uint8_t **pem, size_t *size)
{
	/* a secure memory BIO cleanses what it held */
	BIO *memory = BIO_new(BIO_s_secmem());
	int result = -ENOMEM;

	*pem = NULL;
	*size = 0;
	if (memory && write(memory, object))
		result = take_memory(memory, pem, size);
	BIO_free(memory);
	ERR_clear_error();
	return result;
}

static int write_certificate(BIO *memory, void *object)
{
	return PEM_write_bio_X509(memory, object);
}

static int write_private_key(BIO *memory, void *object)
{
	return PEM_write_bio_PKCS8PrivateKey(memory, object, NULL, NULL, 0,
					     NULL, NULL);
}

static int write_public_key(BIO *memory, void *object)
{
	return PEM_write_bio_PUBKEY(memory, object);
}

/**
 * pki_certificate_pem - a certificate as PEM
 * @certificate: which
 * @pem: result, not ended by NUL; pki_pem_free() ends it
 * @size: of @pem
 *
 * Returns 0 or -ENOMEM; so do the two below.
 */
int pki_certificate_pem(X509 *certificate, uint8_t **pem, size_t *size)
{
	return to_pem(write_certificate, certificate, pem, size);
}

/** pki_private_key_pem - a private key as PEM (PKCS #8, not encrypted) */
int pki_private_key_pem(EVP_PKEY *key, uint8_t **pem, size_t *size)
{
	return to_pem(write_private_key, key, pem, size);
}

/** pki_public_key_pem - a public key as PEM (SubjectPublicKeyInfo) */
int pki_public_key_pem(EVP_PKEY *key, uint8_t **pem, size_t *size)
{
	return to_pem(write_public_key, key, pem, size);
}

/**
 * pki_pem_free - cleanse and free
 * @pem: may be NULL
 * @size: of @pem
 */
void pki_pem_free(uint8_t *pem, size_t size)
{
	OPENSSL_clear_free(pem, size);
}

static int write_pem(const char *path, int error, uint8_t *pem, size_t size,
		     bool private_file, bool force, char *reason, size_t room)
{
	int result;

	if (error)
		return complain(reason, room, path, -error);
	result = pki_write_file(path, pem, size, private_file, force, reason,
				room);
	pki_pem_free(pem, size);
	return result;
}

/** pki_write_certificate - PEM file, 0644; see pki_write_file() */
int pki_write_certificate(const char *path, X509 *certificate, bool force,
			  char *reason, size_t room)
{
	uint8_t *pem;
	size_t size;
	int error = pki_certificate_pem(certificate, &pem, &size);

	return write_pem(path, error, pem, size, false, force, reason, room);
}

/** pki_write_private_key - PEM file, 0600; see pki_write_file() */
int pki_write_private_key(const char *path, EVP_PKEY *key, bool force,
			  char *reason, size_t room)
{
	uint8_t *pem;
	size_t size;
	int error = pki_private_key_pem(key, &pem, &size);

	return write_pem(path, error, pem, size, true, force, reason, room);
}

/** pki_write_public_key - PEM file, 0644; see pki_write_file() */
int pki_write_public_key(const char *path, EVP_PKEY *key, bool force,
			 char *reason, size_t room)
{
	uint8_t *pem;
	size_t size;
	int error = pki_public_key_pem(key, &pem, &size);

	return write_pem(path, error, pem, size, false, force, reason, room);
}

/**
 * pki_read_certificate - the first certificate of a PEM file
 * @path: the file
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns NULL on an error, errno says which when the file was not there.
 */
X509 *pki_read_certificate(const char *path, char *reason, size_t room)
{
	FILE *file = fopen(path, "re");
	X509 *certificate;

	if (!file) {
		complain(reason, room, path, errno);
		return NULL;
	}
	certificate = PEM_read_X509(file, NULL, no_password, NULL);
	fclose(file);
	if (!certificate)
		snprintf(reason, room, "%s: not a PEM certificate", path);
	ERR_clear_error();
	return certificate;
}

/**
 * pki_read_private_key - the private key of a PEM file
 * @path: the file
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns NULL on an error.
 */
EVP_PKEY *pki_read_private_key(const char *path, char *reason, size_t room)
{
	FILE *file = fopen(path, "re");
	uint8_t pem[KEY_FILE_MAX];
	EVP_PKEY *key = NULL;
	size_t size;

	if (!file) {
		complain(reason, room, path, errno);
		return NULL;
	}
	/* stdio's buffer would keep the key; ours is cleansed */
	setvbuf(file, NULL, _IONBF, 0);
	size = fread(pem, 1, sizeof(pem), file);
	fclose(file);
	if (size < sizeof(pem))
		key = pki_parse_private_key(pem, size);
	OPENSSL_cleanse(pem, sizeof(pem));
	if (!key)
		snprintf(reason, room, "%s: not a PEM private key", path);
	ERR_clear_error();
	return key;
}

/** pki_parse_certificate - a certificate out of PEM bytes, or NULL */
X509 *pki_parse_certificate(const uint8_t *pem, size_t size)
{
	BIO *memory = BIO_new_mem_buf(pem, (int)size);
	X509 *certificate = NULL;

	if (memory)
		certificate = PEM_read_bio_X509(memory, NULL, no_password,
						NULL);
	BIO_free(memory);
	ERR_clear_error();
	return certificate;
}

/** pki_parse_private_key - a private key out of PEM bytes, or NULL */
EVP_PKEY *pki_parse_private_key(const uint8_t *pem, size_t size)
{
	BIO *memory = BIO_new_mem_buf(pem, (int)size);
	EVP_PKEY *key = NULL;

	if (memory)
		key = PEM_read_bio_PrivateKey(memory, NULL, no_password, NULL);
	BIO_free(memory);
	ERR_clear_error();
	return key;
}

/** pki_parse_public_key - a public key out of PEM bytes, or NULL */
EVP_PKEY *pki_parse_public_key(const uint8_t *pem, size_t size)
{
	BIO *memory = BIO_new_mem_buf(pem, (int)size);
	EVP_PKEY *key = NULL;

	if (memory)
		key = PEM_read_bio_PUBKEY(memory, NULL, no_password, NULL);
	BIO_free(memory);
	ERR_clear_error();
	return key;
}
