// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl node pin: the OSG's static X25519 public key into this kernel
 * (NODE_PIN), before the unprivileged daemon starts.
 *
 * Threading: one thread.  The key is public.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "command.h"

static int read_public_key(const char *path, uint8_t key[CPNS_PUBLIC_KEY_SIZE])
{
	size_t size = CPNS_PUBLIC_KEY_SIZE;
	FILE *file = fopen(path, "re");
	EVP_PKEY *public_key;
	bool good;

	if (!file) {
		command_complain("%s: %m", path);
		return errno == ENOENT ? COMMAND_NOT_FOUND : COMMAND_FAILED;
	}
	public_key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
	fclose(file);
	good = public_key && EVP_PKEY_get_id(public_key) == EVP_PKEY_X25519 &&
	       EVP_PKEY_get_raw_public_key(public_key, key, &size) == 1 &&
	       size == CPNS_PUBLIC_KEY_SIZE;
	EVP_PKEY_free(public_key);
	if (good)
		return COMMAND_OK;
	command_complain("%s: not an X25519 public key in PEM", path);
	return COMMAND_CONFIGURATION;
}

static bool take_option(void *context, int option, const char *argument)
{
	*(const char **)context = argument;
	return true;
}

static int pin(const uint8_t key[CPNS_PUBLIC_KEY_SIZE])
{
	struct cpns *connection;
	int result = command_open_kernel(&connection);

	if (result)
		return result;
	result = cpns_node_pin(connection, key);
	if (result < 0)
		result = command_kernel_failed(connection, result,
					       "pinning the OSG's key");
	cpns_close(connection);
	return result;
}

int command_node_pin(int argc, char **argv)
{
	static const struct option more[] = {
		{ "key", required_argument, NULL, 'K' },
		{ 0 }
	};
	const char *path = NULL;
	struct command_options options = {
		.name = "node pin",
		.usage = "[--key FILE]",
		.help = "Pins the OSG's public key in the kernel, once a network namespace and boot:\n"
			"from then on the kernel opens only what that OSG sealed. The same key again\n"
			"succeeds, another is refused.\n\n"
			"  --key FILE  X25519 public key in PEM; default osg.pub in the configuration\n"
			"              directory",
		.options = more, .option = take_option, .context = &path,
	};
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);
	uint8_t key[CPNS_PUBLIC_KEY_SIZE];
	char default_path[512];

	if (first < 0)
		return exit_code;
	snprintf(default_path, sizeof(default_path), "%s/osg.pub",
		 command_config_directory());
	exit_code = read_public_key(path ? path : default_path, key);
	return exit_code ? exit_code : pin(key);
}
