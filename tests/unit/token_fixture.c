// SPDX-License-Identifier: GPL-2.0-only
/*
 * See token_fixture.h.  A token is unplugged by taking its objects away:
 * SoftHSM2 looks at their files whenever they are used.
 */
#include "token_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

bool token_available(void)
{
	return !access(MODULE, R_OK);
}

static void write_file(const char *directory, const char *name,
		       const char *text)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(chmod(path, 0600), 0);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void token_make(const char *directory)
{
	char text[320], path[160];

	snprintf(path, sizeof(path), "%s/tokens", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(text, sizeof(text),
		 "directories.tokendir = %s\nlog.level = ERROR\n", path);
	write_file(directory, "softhsm2.conf", text);
	write_file(directory, "pin", TOKEN_PIN "\n");
	snprintf(path, sizeof(path), "%s/softhsm2.conf", directory);
	assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
	assert_int_equal(system("softhsm2-util --init-token --free"
				" --label kmc --so-pin 12345678 --pin "
				TOKEN_PIN " >/dev/null"), 0);
}

void token_uri(const char *directory, const char *more, char *uri,
	       size_t room)
{
	assert_true(snprintf(uri, room,
			     "pkcs11:token=kmc%s?module-path=" MODULE
			     "&pin-source=file:%s/pin", more, directory) <
		    (int)room);
}

static void move(const char *directory, const char *from, const char *to)
{
	char old[160], new[160];

	snprintf(old, sizeof(old), "%s/%s", directory, from);
	snprintf(new, sizeof(new), "%s/%s", directory, to);
	assert_int_equal(rename(old, new), 0);
}

void token_unplug(const char *directory)
{
	move(directory, "tokens", "drawer");
}

void token_plug(const char *directory)
{
	move(directory, "drawer", "tokens");
}
