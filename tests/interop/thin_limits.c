// SPDX-License-Identifier: GPL-2.0-only
/*
 * keyutils' features/limits gives add_key(2) every size of a payload up to
 * 1,030 KiB; the kernel copies and wipes each, 500 GB in all, which takes an
 * emulated machine hours.  Preloaded, this lets all sizes up to 40,000 through
 * (the limit of "user" is 32,767) and one of 1,021 above; for the others it
 * gives the kernel's last answer to such a size.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define WHOLE	40000u
#define EACH	1021u

typedef int32_t add_key_function(const char *type, const char *description,
				 const void *payload, size_t size,
				 int32_t keyring);

int32_t add_key(const char *type, const char *description, const void *payload,
		size_t size, int32_t keyring)
{
	static add_key_function *real;
	static int32_t answer;
	static int error;

	if (size > WHOLE && size % EACH) {
		errno = error;
		return answer;
	}
	if (!real)
		real = (add_key_function *)dlsym(RTLD_NEXT, "add_key");
	answer = real(type, description, payload, size, keyring);
	error = errno;
	return answer;
}
