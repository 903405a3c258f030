// SPDX-License-Identifier: GPL-2.0-only
/*
 * The configuration file of cpnsd (config.c, over inih), and what the [access]
 * list then says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_access *entry;
	struct config *config;
	char path[64], error[256] = "";
	int fd = fuzz_file(data, size, path), result;

	result = config_read(path, &config, error, sizeof(error));
	FUZZ_ASSERT(!result || (result == -EINVAL && error[0] && !config));
	if (!result) {
		FUZZ_ASSERT(config->listen_count >= 1 &&
			    config->listen_count <= CONFIG_LISTEN_MAX);
		FUZZ_ASSERT(config->ca && config->cert && config->key &&
			    config->state && config->groups);
		for (entry = config->access; entry; entry = entry->next)
			config_may_request(config, entry->sgid, 1000, 1000);
	}
	config_free(config);
	close(fd);
	return 0;
}
