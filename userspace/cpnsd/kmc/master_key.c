// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KMC's master key: 32 bytes in <state>/kmc.key, mode 0600, made at the
 * first start and never changed.  Without it every wrapped key of the store
 * is lost, so a damaged file is an error, never replaced.
 *
 * No state.  Bytes go straight between the file and the caller's memory.
 */
#include "kmc/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/reason.h"

#define MASTER_KEY_NAME	"kmc.key"

static int write_all(int file, const uint8_t *bytes, size_t size)
{
	ssize_t written;

	while (size) {
		written = write(file, bytes, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? -errno : -EIO;
		bytes += written;
		size -= (size_t)written;
	}
	return 0;
}

static int read_all(int file, uint8_t *bytes, size_t size)
{
	ssize_t got;

	while (size) {
		got = read(file, bytes, size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		bytes += got;
		size -= (size_t)got;
	}
	return 0;
}

/*
 * The whole file appears at once, or not at all; link(2) never replaces a
 * key that another start has made meanwhile (-EEXIST).
 */
static int create(int directory, uint8_t key[KMC_KEY_SIZE])
{
	char temporary[64];
	int file, error;

	snprintf(temporary, sizeof(temporary), ".%s.%ld", MASTER_KEY_NAME,
		 (long)getpid());
	unlinkat(directory, temporary, 0);
	file = openat(directory, temporary,
		      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	if (file < 0)
		return -errno;
	error = RAND_priv_bytes(key, KMC_KEY_SIZE) == 1 ? 0 : -EIO;
	if (!error)
		error = write_all(file, key, KMC_KEY_SIZE);
	if (!error && (fchmod(file, 0600) || fsync(file)))
		error = -errno;
	close(file);
	if (!error && linkat(directory, temporary, directory, MASTER_KEY_NAME,
			     0))
		error = -errno;
	unlinkat(directory, temporary, 0);
	if (!error && fsync(directory))
		error = -errno;
	if (error)
		OPENSSL_cleanse(key, KMC_KEY_SIZE);
	return error;
}

static int load(int directory, uint8_t key[KMC_KEY_SIZE], const char **fault)
{
	struct stat status;
	int file, error;

	*fault = "cannot be read";
	file = openat(directory, MASTER_KEY_NAME,
		      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file < 0)
		return -errno;
	error = -EINVAL;
	if (fstat(file, &status)) {
		error = -errno;
	} else if (!S_ISREG(status.st_mode) ||
		   status.st_size != KMC_KEY_SIZE) {
		*fault = "is not a file of 32 bytes";
	} else if (status.st_mode & 0077 || status.st_uid != geteuid()) {
		*fault = "is not the daemon's own with mode 0600";
		error = -EACCES;
	} else {
		error = read_all(file, key, KMC_KEY_SIZE);
	}
	close(file);
	if (error)
		OPENSSL_cleanse(key, KMC_KEY_SIZE);
	return error;
}

/**
 * master_key_load() - read the master key, make it at the first start
 * @directory: the server's state directory
 * @key: gets the key; the caller's locked memory
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -EINVAL or -EACCES the file is not as it was made; or what the
 * file system said.
 */
int master_key_load(const char *directory, uint8_t key[KMC_KEY_SIZE],
		    char *reason, size_t room)
{
	int state, error;
	const char *fault;

	state = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state < 0)
		return reason_give(reason, room, -errno, "%s: %s", directory,
				   strerror(errno));
	error = load(state, key, &fault);
	if (error == -ENOENT) {
		fault = "cannot be made";
		error = create(state, key);
		if (error == -EEXIST)
			error = load(state, key, &fault);
	}
	close(state);
	if (error)
		reason_give(reason, room, 0, "%s/%s %s: %s", directory,
			    MASTER_KEY_NAME, fault, strerror(-error));
	return error;
}
