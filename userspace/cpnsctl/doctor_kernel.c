// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl doctor: the kernel's side - keyrings, module, netlink family,
 * request-key(8), AF_ALG.
 *
 * Threading: one thread.
 */
#include <errno.h>
#include <glob.h>
#include <linux/if_alg.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doctor.h"

#define REQUEST_KEY_PROGRAM	"/sbin/request-key"
#define REQUEST_KEY_RULE	"/etc/request-key.d/cpns_group.conf"

static void check_keys(struct doctor *doctor)
{
	if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID,
		    KEY_SPEC_PROCESS_KEYRING, 0) < 0 && errno != ENOKEY)
		doctor_report(doctor, FINDING_BAD, "keyrings",
			      "install a kernel built with CONFIG_KEYS=y",
			      "keyctl(2): %s", strerror(errno));
	else
		doctor_report(doctor, FINDING_GOOD, "keyrings", NULL,
			      "the kernel has them (CONFIG_KEYS)");
}

static void check_node(struct doctor *doctor)
{
	struct cpns_node node;
	int result = cpns_node_get(doctor->kernel, &node);

	if (result < 0) {
		doctor_report(doctor, FINDING_BAD, "node key",
			      "sudo cpnsctl doctor", "%s",
			      cpns_error(doctor->kernel));
		return;
	}
	doctor_report(doctor, FINDING_GOOD, "node key", NULL,
		      "the kernel has one");
	if (node.pinned)
		doctor_report(doctor, FINDING_GOOD, "pin", NULL,
			      "the OSG's key is pinned");
	else
		doctor_report(doctor, FINDING_NOTE, "pin", "cpnsctl node pin",
			      "the OSG's key is not pinned (a server needs none)");
	if (node.features & CPNS_FEATURES_ALLOW_RAW)
		doctor_report(doctor, FINDING_BAD, "module",
			      "modprobe -r cpns_group && modprobe cpns_group allow_raw=0",
			      "allow_raw=1: epoch secrets in clear are accepted, for labs only");
}

static void check_module(struct doctor *doctor)
{
	int result = cpns_open(&doctor->kernel);

	if (result == -ENOENT)
		doctor_report(doctor, FINDING_BAD, "module",
			      "modprobe cpns_group",
			      access("/sys/module/cpns_group", F_OK) ?
			      "cpns_group is not loaded" :
			      "cpns_group is loaded but has no netlink family");
	else if (result < 0)
		doctor_report(doctor, FINDING_BAD, "module",
			      "sudo cpnsctl doctor", "netlink: %s",
			      strerror(-result));
	else
		doctor_report(doctor, FINDING_GOOD, "module", NULL,
			      "cpns_group and its netlink family are there");
	if (doctor->kernel)
		check_node(doctor);
}

static void check_request_key(struct doctor *doctor)
{
	if (access(REQUEST_KEY_PROGRAM, X_OK))
		doctor_report(doctor, FINDING_BAD, "request-key",
			      "apt-get install keyutils",
			      REQUEST_KEY_PROGRAM " is not there: programs cannot request keys");
	else if (access(REQUEST_KEY_RULE, R_OK))
		doctor_report(doctor, FINDING_BAD, "request-key",
			      "apt-get install --reinstall cpns, or make install",
			      REQUEST_KEY_RULE " is not there: programs cannot request keys");
	else
		doctor_report(doctor, FINDING_GOOD, "request-key", NULL,
			      "programs can request keys");
}

/* a line of modprobe.d(5) that keeps the module out; the file's name */
static bool blocklisted(const char *module, char *where, size_t room)
{
	static const char *const directories[] = {
		"/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d",
		"/lib/modprobe.d",
	};
	char line[256], word[16], name[64];
	bool found = false;
	glob_t files;

	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories) &&
	     !found; i++) {
		snprintf(line, sizeof(line), "%s/*.conf", directories[i]);
		if (glob(line, 0, NULL, &files))
			continue;
		for (size_t j = 0; j < files.gl_pathc && !found; j++) {
			FILE *file = fopen(files.gl_pathv[j], "re");

			while (file && !found &&
			       fgets(line, sizeof(line), file))
				found = sscanf(line, " %15s %63s", word,
					       name) == 2 &&
					(!strcmp(word, "blacklist") ||
					 !strcmp(word, "install")) &&
					!strcmp(name, module);
			if (file)
				fclose(file);
			if (found)
				snprintf(where, room, "%s", files.gl_pathv[j]);
		}
		globfree(&files);
	}
	return found;
}

static void algif_missing(struct doctor *doctor, int error)
{
	char where[256] = "", remedy[320];

	if (!blocklisted("algif_aead", where, sizeof(where))) {
		doctor_report(doctor, FINDING_NOTE, "AF_ALG",
			      "modprobe algif_aead; sysctl crypto.af_alg_restrict=0",
			      "cpns(gcm(aes)): %s; ESP and messages work without",
			      strerror(error));
		return;
	}
	snprintf(remedy, sizeof(remedy),
		 "sed -i '/algif_aead/d' %s && modprobe algif_aead",
		 where);
	doctor_report(doctor, FINDING_NOTE, "AF_ALG", remedy,
		      "%s blocklists algif_aead; ESP and messages work without",
		      where);
}

static void check_algif(struct doctor *doctor)
{
	struct sockaddr_alg address = {
		.salg_family = AF_ALG,
		.salg_type = "aead",
		.salg_name = "cpns(gcm(aes))",
	};
	int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)))
		doctor_report(doctor, FINDING_GOOD, "AF_ALG", NULL,
			      "cpns(gcm(aes)) can be bound");
	else if (fd < 0)
		doctor_report(doctor, FINDING_NOTE, "AF_ALG",
			      "modprobe af_alg",
			      "the kernel has none: %s; ESP and messages work without",
			      strerror(errno));
	else
		algif_missing(doctor, errno);
	if (fd >= 0)
		close(fd);
}

/**
 * doctor_kernel() - look at the kernel's side
 * @doctor: the run; gets the connection to the module
 */
void doctor_kernel(struct doctor *doctor)
{
	check_keys(doctor);
	check_module(doctor);
	check_request_key(doctor);
	if (doctor->kernel)
		check_algif(doctor);
}
