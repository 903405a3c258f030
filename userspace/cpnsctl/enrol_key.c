// SPDX-License-Identifier: GPL-2.0-only
/*
 * The private key of an enrolment whose answer is still awaited.
 *
 * It is on disk before the server is asked: a token is good for one key, so
 * that a node whose answer was lost, or that lost power before its files were
 * in place, has to ask again with the same one.  One thread.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "enrol.h"
#include "pki.h"

#define NAME "node.key.enrolling"

static int make_path(char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/" NAME,
			command_config_directory()) < PATH_MAX ?
	       0 : -ENAMETOOLONG;
}

/**
 * enrol_key_take() - the key that is to be certified
 * @key: gets the one of an earlier try, or a new one; EVP_PKEY_free() ends it
 * @reason: gets the cause of an error in words
 * @room: bytes of @reason
 *
 * Return: 0; -EINVAL the earlier one cannot be read; or the errors of
 * pki_make_key() and pki_write_private_key().
 */
int enrol_key_take(EVP_PKEY **key, char *reason, size_t room)
{
	char path[PATH_MAX];
	int error = make_path(path);

	*key = NULL;
	if (error)
		return error;
	if (!access(path, F_OK)) {
		*key = pki_read_private_key(path, reason, room);
		if (*key)
			return 0;
		snprintf(reason, room,
			 "%s of an earlier try cannot be read; remove it", path);
		return -EINVAL;
	}
	error = pki_make_key(key, reason, room);
	if (!error)
		error = pki_write_private_key(path, *key, false, reason, room);
	if (error) {
		EVP_PKEY_free(*key);
		*key = NULL;
	}
	return error;
}

/**
 * enrol_key_end() - nothing is awaited for it any more
 *
 * The certified key is in its place, or the server has refused it.
 */
void enrol_key_end(void)
{
	char path[PATH_MAX];

	if (!make_path(path) && unlink(path) && errno != ENOENT)
		command_complain("%s: %s", path, strerror(errno));
}
