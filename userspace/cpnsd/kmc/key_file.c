// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KMC's files: see key_file.h.  A damaged one is an error and is never
 * replaced: without the key in it every wrapped key of the store is lost.
 *
 * No state.  Bytes go straight between the file and the caller's memory.
 */
#include "kmc/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/reason.h"

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

static int open_directory(const char *directory, char *reason, size_t room)
{
	int opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (opened < 0)
		return reason_give(reason, room, -errno, "%s: %s", directory,
				   strerror(errno));
	return opened;
}

static int load(int directory, const char *name, uint8_t *bytes, size_t size,
		char *fault, size_t room)
{
	struct stat status;
	int file, error;

	snprintf(fault, room, "cannot be read");
	file = openat(directory, name,
		      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file < 0)
		return -errno;
	error = -EINVAL;
	if (fstat(file, &status)) {
		error = -errno;
	} else if (!S_ISREG(status.st_mode) ||
		   status.st_size != (off_t)size) {
		snprintf(fault, room, "is not a file of %zu bytes", size);
	} else if (status.st_mode & 0077 || status.st_uid != geteuid()) {
		snprintf(fault, room,
			 "is not the daemon's own with mode 0600");
		error = -EACCES;
	} else {
		error = read_all(file, bytes, size);
	}
	close(file);
	if (error)
		OPENSSL_cleanse(bytes, size);
	return error;
}

/**
 * key_file_read() - read a file of the KMC
 * @directory: the state directory
 * @name: the file in it
 * @bytes: gets what is in it; the caller wipes it
 * @size: bytes that must be in it
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -ENOENT there is none; -EINVAL or -EACCES not as it was made; or
 * what the file system said.
 */
int key_file_read(const char *directory, const char *name, uint8_t *bytes,
		  size_t size, char *reason, size_t room)
{
	int state = open_directory(directory, reason, room), error;
	char fault[64];

	if (state < 0)
		return state;
	error = load(state, name, bytes, size, fault, sizeof(fault));
	close(state);
	if (error)
		reason_give(reason, room, 0, "%s/%s %s: %s", directory, name,
			    fault, strerror(-error));
	return error;
}

/**
 * key_file_is_empty() - is it there with nothing in it?
 * @directory: the state directory
 * @name: the file in it
 */
bool key_file_is_empty(const char *directory, const char *name)
{
	struct stat status;
	char path[4096];

	return snprintf(path, sizeof(path), "%s/%s", directory, name) <
		       (int)sizeof(path) &&
	       !lstat(path, &status) && S_ISREG(status.st_mode) &&
	       !status.st_size;
}

/**
 * key_file_create() - make a file of the KMC
 * @directory: the state directory
 * @name: the file in it
 * @bytes: for the file
 * @size: how many
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * The whole file appears at once, or not at all; link(2) never replaces one
 * that another start has made meanwhile.
 *
 * Return: 0; -EEXIST there is one; or what the file system said.
 */
int key_file_create(const char *directory, const char *name,
		    const uint8_t *bytes, size_t size, char *reason,
		    size_t room)
{
	int state = open_directory(directory, reason, room), file, error = 0;
	char temporary[64];

	if (state < 0)
		return state;
	snprintf(temporary, sizeof(temporary), ".%s.%ld", name,
		 (long)getpid());
	unlinkat(state, temporary, 0);
	file = openat(state, temporary,
		      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	if (file < 0)
		error = -errno;
	if (!error)
		error = write_all(file, bytes, size);
	if (!error && (fchmod(file, 0600) || fsync(file)))
		error = -errno;
	if (file >= 0)
		close(file);
	if (!error && linkat(state, temporary, state, name, 0))
		error = -errno;
	unlinkat(state, temporary, 0);
	if (!error && fsync(state))
		error = -errno;
	close(state);
	if (error)
		reason_give(reason, room, 0, "%s/%s cannot be made: %s",
			    directory, name, strerror(-error));
	return error;
}

/**
 * key_file_rename() - one file takes the other's place
 * @directory: the state directory
 * @from: the file
 * @to: its name from now on; a file of that name is gone
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0 when the disk has it, or what the file system said.
 */
int key_file_rename(const char *directory, const char *from, const char *to,
		    char *reason, size_t room)
{
	int state = open_directory(directory, reason, room), error = 0;

	if (state < 0)
		return state;
	if (renameat(state, from, state, to) || fsync(state))
		error = -errno;
	close(state);
	if (error)
		reason_give(reason, room, 0,
			    "%s: %s does not take the place of %s: %s",
			    directory, from, to, strerror(-error));
	return error;
}

/**
 * key_file_remove() - take a file of the KMC away
 * @directory: the state directory
 * @name: the file in it
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0, also where there was none, or what the file system said.
 */
int key_file_remove(const char *directory, const char *name, char *reason,
		    size_t room)
{
	int state = open_directory(directory, reason, room), error = 0;

	if (state < 0)
		return state;
	if ((unlinkat(state, name, 0) && errno != ENOENT) || fsync(state))
		error = -errno;
	close(state);
	if (error)
		reason_give(reason, room, 0, "%s/%s is not removed: %s",
			    directory, name, strerror(-error));
	return error;
}
