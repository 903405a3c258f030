// SPDX-License-Identifier: GPL-2.0-only
/*
 * OMA Security Gateway (AD 5.3.1.9.5.1): its keys, from start to stop.
 *
 * One thread at a time.  struct osg lies in locked memory and is wiped when
 * it is closed; the KMC is borrowed.
 */
#include "osg/osg.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "kmc/secret_memory.h"
#include "log.h"
#include "osg/osg_internal.h"
#include "proto/private_key.h"
#include "proto/reason.h"

static int read_osg_key(struct osg *osg, const char *path, char *reason,
			size_t room)
{
	size_t private_size = 32, public_size = 32;
	EVP_PKEY *key;
	int error;

	error = private_key_read(path, &key, reason, room);
	if (error)
		return error;
	error = -EINVAL;
	if (EVP_PKEY_is_a(key, "X25519") &&
	    EVP_PKEY_get_raw_private_key(key, osg->key.private_key,
					 &private_size) == 1 &&
	    EVP_PKEY_get_raw_public_key(key, osg->key.public_key,
					&public_size) == 1)
		error = 0;
	EVP_PKEY_free(key);
	if (error) {
		ERR_clear_error();	/* TLS on this thread reads the queue */
		reason_give(reason, room, 0,
			    "%s: not an X25519 private key", path);
	}
	return error;
}

/**
 * osg_open() - start the OSG
 * @osg: gets it; osg_close() when done
 * @options: KMC, signer, static key; strings are copied
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -EINVAL a key of another kind; -EACCES a key others can read;
 * -ENOMEM, -EPERM or -EAGAIN no memory that can be locked; or what opening
 * the files gave.
 */
int osg_open(struct osg **osg, const struct osg_options *options,
	     char *reason, size_t room)
{
	struct osg *new;
	int error;

	*osg = NULL;
	new = secret_memory_new(sizeof(*new));
	if (!new)
		return reason_give(reason, room, -errno,
				   "no locked memory for the OSG's key: %s",
				   strerror(errno));
	new->kmc = options->kmc;
	error = signer_open(&new->signer, options->signer_cert,
			    options->signer_key, reason, room);
	if (!error)
		error = read_osg_key(new, options->osg_key, reason, room);
	if (!error && options->lab_secrets && options->lab_secrets[0]) {
		if (strlen(options->lab_secrets) >= sizeof(new->lab_secrets))
			error = reason_give(reason, room, -ENAMETOOLONG,
					    "lab-secrets: path too long");
		else
			snprintf(new->lab_secrets, sizeof(new->lab_secrets),
				 "%s", options->lab_secrets);
	}
	if (error) {
		osg_close(new);
		return error;
	}
	if (new->lab_secrets[0])
		log_warning("OSG: LAB MODE: every epoch secret is written in clear to %s; whoever reads it reads all traffic",
			    new->lab_secrets);
	*osg = new;
	return 0;
}

/**
 * osg_close() - stop the OSG and wipe its keys
 * @osg: the OSG, may be NULL
 */
void osg_close(struct osg *osg)
{
	if (!osg)
		return;
	signer_close(&osg->signer);
	secret_memory_free(osg, sizeof(*osg));
}

/**
 * osg_public_key() - static public key, which members pin
 * @osg: the OSG
 * @key: gets the X25519 public key
 */
void osg_public_key(const struct osg *osg, uint8_t key[32])
{
	memcpy(key, osg->key.public_key, 32);
}

/**
 * osg_sign_roster() - sign a roster
 * @osg: the OSG
 * @roster: the senders
 * @signed_roster: gets the COSE_Sign1, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0; -EINVAL a field out of its range; -ENOMEM; -EIO.
 */
int osg_sign_roster(struct osg *osg, const struct roster *roster,
		    uint8_t **signed_roster, size_t *size)
{
	return roster_sign(roster, &osg->signer, signed_roster, size);
}
