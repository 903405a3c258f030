// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private keys from PEM files that nobody else can read.
 *
 * No state, any thread.  The file's bytes pass through one buffer here,
 * which is wiped; OpenSSL wipes its own.
 */
#include "proto/private_key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/reason.h"

/**
 * private_key_read() - load a private key
 * @path: PEM, without a passphrase, not readable by others
 * @key: gets the key; EVP_PKEY_free() when done
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -EACCES others may read it; -EINVAL no key in it; or what
 * opening it gave.
 */
int private_key_read(const char *path, EVP_PKEY **key, char *reason,
		     size_t room)
{
	char buffer[4096];
	struct stat status;
	FILE *file;

	*key = NULL;
	file = fopen(path, "re");
	if (!file)
		return reason_give(reason, room, -errno, "%s: %s", path,
				   strerror(errno));
	if (fstat(fileno(file), &status) || !S_ISREG(status.st_mode) ||
	    status.st_mode & 0007) {
		fclose(file);
		return reason_give(reason, room, -EACCES,
				   "%s: a private key must be a file that others cannot read (chmod 0600)",
				   path);
	}
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	*key = PEM_read_PrivateKey(file, NULL, NULL, (void *)"");
	fclose(file);
	OPENSSL_cleanse(buffer, sizeof(buffer));
	if (*key)
		return 0;
	ERR_clear_error();	/* TLS on this thread reads the queue */
	return reason_give(reason, room, -EINVAL, "%s: no private key in PEM",
			   path);
}
