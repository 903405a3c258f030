// SPDX-License-Identifier: GPL-2.0-only
/*
 * Laboratory only: epoch secrets in clear in a file, so that a demo can
 * search members' memory for them.  Nothing happens here unless the
 * configuration names the file; every line written is warned of.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "osg/osg_internal.h"

#define LINE_MAX_BYTES	(CPNS_SGID_MAX + 16 + 2 * KMC_KEY_SIZE)

/**
 * osg_lab_secret() - append "<sgid> <num> <hex>" to the laboratory's file
 * @osg: the OSG
 * @sgid: the group
 * @num: the epoch
 * @secret: its secret
 *
 * Return: 0, also where no file is configured; -EIO or what the file system
 * said if the line could not be written.
 */
int osg_lab_secret(const struct osg *osg, const char *sgid, uint32_t num,
		   const uint8_t secret[KMC_KEY_SIZE])
{
	char line[LINE_MAX_BYTES];
	int file, length, i, error = 0;

	if (!osg->lab_secrets[0])
		return 0;
	log_warning("OSG: LAB MODE: the secret of group %s epoch %u goes in clear to %s",
		    sgid, num, osg->lab_secrets);
	file = open(osg->lab_secrets,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (file < 0) {
		error = -errno;
		log_error("OSG: %s: %s", osg->lab_secrets, strerror(errno));
		return error;
	}
	length = snprintf(line, sizeof(line), "%s %u ", sgid, num);
	for (i = 0; i < KMC_KEY_SIZE; i++)
		length += snprintf(line + length,
				   sizeof(line) - (size_t)length, "%02x",
				   secret[i]);
	line[length++] = '\n';
	if (write(file, line, (size_t)length) != length)
		error = -EIO;
	close(file);
	OPENSSL_cleanse(line, sizeof(line));
	return error;
}
