// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificate time: the latest of clock, build time and last time saved, so
 * that a box that starts at 1970 can check certificates and join.
 *
 * One value a process, used from the loop's thread only.  The file is
 * <state>/time, decimal seconds, replaced by rename, at most once a day
 * (flash wear).  It is not secret; whoever may write it may only make
 * certificates look older than they are, never younger than the clock says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/identity.h"
#include "transport/build_time.h"

#define SAVE_EVERY	86400
#define LAST_SECOND	253402300799LL		/* end of 9999, as X.509 has it */

static char state_directory[256] = "/var/lib/cpns";
static time_t saved;
static bool saved_read;

static time_t read_saved(void)
{
	char path[sizeof(state_directory) + 8];
	char line[32];
	long long seconds = 0;
	char *end;
	FILE *file;

	snprintf(path, sizeof(path), "%s/time", state_directory);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file)) {
		errno = 0;
		seconds = strtoll(line, &end, 10);
		if (errno || end == line || (*end && *end != '\n') ||
		    seconds < 0 || seconds > LAST_SECOND)
			seconds = 0;
	}
	fclose(file);
	return seconds;
}

/**
 * identity_time_directory - where the last time is saved
 * @state: the state directory, /var/lib/cpns unless called
 *
 * Call before the first certificate is checked.
 */
void identity_time_directory(const char *state)
{
	snprintf(state_directory, sizeof(state_directory), "%s", state);
	saved_read = false;
}

/**
 * identity_certificate_time - the time that certificates are checked at
 *
 * Returns the latest of clock, build time and last time saved, in seconds
 * since 1970 (wire.md section 1).
 */
time_t identity_certificate_time(void)
{
	time_t now = time(NULL);

	if (!saved_read) {
		saved = read_saved();
		saved_read = true;
	}
	if (now < CPNS_BUILD_TIME)
		now = CPNS_BUILD_TIME;
	return now < saved ? saved : now;
}

/**
 * identity_time_save - keep a time that is known to have come
 * @at_least: seconds since 1970, or 0: the certificate time of now
 *
 * Written when it is a day or more later than what is saved, or when the
 * caller names a time.  Failure is harmless: the file is a help, not a need.
 *
 * Returns 0 or -errno.
 */
int identity_time_save(time_t at_least)
{
	char path[sizeof(state_directory) + 8];
	char fresh[sizeof(state_directory) + 16];
	time_t now = identity_certificate_time();
	int fd, result = 0;
	FILE *file;

	if (at_least > now)
		now = at_least;
	if (now < saved + SAVE_EVERY && !(at_least > saved))
		return 0;

	snprintf(path, sizeof(path), "%s/time", state_directory);
	snprintf(fresh, sizeof(fresh), "%s/time.new", state_directory);
	/* never into a file that another user of the directory put there */
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* whatever the umask: what root wrote is the daemon's to read */
	if (fchmod(fd, 0644))
		result = -errno;
	file = fdopen(fd, "w");
	if (!file) {
		result = -errno;
		close(fd);
		goto remove;
	}
	fprintf(file, "%lld\n", (long long)now);
	if (fflush(file) || fsync(fd))
		result = -errno;
	if (fclose(file) && !result)
		result = -errno;
	if (!result && rename(fresh, path))
		result = -errno;
	if (!result) {
		saved = now;
		return 0;
	}
remove:
	unlink(fresh);
	return result;
}
