// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl node install: unpack the archive of `node issue`, check that it is
 * whole, write its files, pin the OSG's key in the kernel.
 *
 * Nothing is written before everything has been checked, and no file is
 * replaced by another one without --force; the configuration, which becomes
 * the administrator's own, not even then.  The archive's bytes, which hold the
 * node's private key, are cleansed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "command.h"
#include "config.h"
#include "install.h"

static const char *const names[] = {
	"ca.pem", "node.pem", "node.key", "osg.pub", "cpnsd.conf", NULL,
};

static bool is_private(const char *name)
{
	return !strcmp(name, "node.key");
}

static const char *path_of(const char *name, char *path, size_t room)
{
	snprintf(path, room, "%s/%s", command_config_directory(), name);
	return path;
}

/* the files are read without stdio, whose buffers would keep the key */
static int read_archive(struct install *install, const char *path)
{
	uint8_t *bytes = OPENSSL_malloc(TAR_MAX + 1);
	FILE *file = fopen(path, "re");
	size_t size = 0;
	int result;

	if (!bytes || !file) {
		snprintf(install->reason, sizeof(install->reason), "%s: %s",
			 path, strerror(errno));
		result = bytes ? -ENOENT : -ENOMEM;
		goto out;
	}
	setvbuf(file, NULL, _IONBF, 0);
	size = fread(bytes, 1, TAR_MAX + 1, file);
	if (ferror(file) || size > TAR_MAX) {
		snprintf(install->reason, sizeof(install->reason),
			 "%s: %s", path, size > TAR_MAX ?
			 "too large for an archive of node issue" :
			 "cannot be read");
		result = -EINVAL;
		goto out;
	}
	result = tar_unpack(&install->tar, bytes, size, names, install->reason,
			    sizeof(install->reason));
out:
	OPENSSL_clear_free(bytes, TAR_MAX + 1);
	if (file)
		fclose(file);
	return result;
}

/* signed by the CA that came with it; the clock may not be set yet */
static bool signed_by(X509 *certificate, X509 *authority)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	bool good = false;

	if (context && store && X509_STORE_add_cert(store, authority) == 1 &&
	    X509_STORE_CTX_init(context, store, certificate, NULL) == 1) {
		X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context),
					    X509_V_FLAG_NO_CHECK_TIME);
		good = X509_verify_cert(context) == 1;
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	ERR_clear_error();
	return good;
}

static const char *check_times(struct install *install, X509 *certificate)
{
	struct tm from;
	time_t now;

	if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &from) != 1)
		return "the certificate's dates cannot be read";
	install->not_before = timegm(&from);
	/* the issue proves that its time has come, whatever our clock says */
	now = identity_certificate_time();
	if (now < install->not_before)
		now = install->not_before;
	if (X509_cmp_time(X509_get0_notAfter(certificate), &now) <= 0)
		return "the certificate has expired: issue a new one";
	return NULL;
}

static const char *check_pair(struct install *install, X509 *authority,
			      X509 *certificate, EVP_PKEY *key)
{
	if (!authority || X509_check_ca(authority) < 1)
		return "ca.pem is not a CA's certificate";
	if (!certificate)
		return "node.pem is not a certificate";
	if (!key)
		return "node.key is not a private key";
	if (X509_check_private_key(certificate, key) != 1) {
		ERR_clear_error();
		return "node.key does not belong to node.pem";
	}
	if (!signed_by(certificate, authority))
		return "node.pem is not signed by the CA in ca.pem";
	if (identity_from_certificate(certificate, &install->identity) ||
	    (install->identity.kind != IDENTITY_NODE &&
	     install->identity.kind != IDENTITY_SMF))
		return "node.pem is neither a node's nor an SMF's certificate";
	if (!(X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT))
		return "node.pem lacks extended key usage clientAuth";
	return check_times(install, certificate);
}

static const char *check_osg(struct install *install)
{
	const struct tar_file *file = tar_find(&install->tar, "osg.pub");
	EVP_PKEY *key;
	int result;

	if (!file)
		return install->identity.kind == IDENTITY_NODE ?
		       "osg.pub is not in it" : NULL;
	key = pki_parse_public_key(file->bytes, file->size);
	result = key ? pki_osg_public(key, install->osg) : -EINVAL;
	EVP_PKEY_free(key);
	return result ? "osg.pub is not an X25519 public key" : NULL;
}

/**
 * install_check() - see that a node's files are whole and belong together
 * @install: with its archive; gets the identity and the OSG's key
 *
 * Return: 0 or -EINVAL.
 */
int install_check(struct install *install)
{
	const struct tar_file *ca = tar_find(&install->tar, "ca.pem");
	const struct tar_file *cert = tar_find(&install->tar, "node.pem");
	const struct tar_file *private = tar_find(&install->tar, "node.key");
	X509 *authority, *certificate;
	const char *wrong;
	EVP_PKEY *key;

	if (!ca || !cert || !private) {
		snprintf(install->reason, sizeof(install->reason),
			 "%s is not in it",
			 !ca ? "ca.pem" : !cert ? "node.pem" : "node.key");
		return -EINVAL;
	}
	authority = pki_parse_certificate(ca->bytes, ca->size);
	certificate = pki_parse_certificate(cert->bytes, cert->size);
	key = pki_parse_private_key(private->bytes, private->size);
	wrong = check_pair(install, authority, certificate, key);
	X509_free(authority);
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (!wrong)
		wrong = check_osg(install);
	if (!wrong)
		return 0;
	snprintf(install->reason, sizeof(install->reason), "%s", wrong);
	return -EINVAL;
}

/* 1 the same is there already, 0 nothing is, -EEXIST something else */
static int compare(const struct tar_file *file)
{
	uint8_t there[TAR_FILE_MAX + 1];
	char path[512];
	FILE *open;
	size_t size;
	int result;

	open = fopen(path_of(file->name, path, sizeof(path)), "re");
	if (!open)
		return errno == ENOENT ? 0 : -EEXIST;
	setvbuf(open, NULL, _IONBF, 0);
	size = fread(there, 1, sizeof(there), open);
	fclose(open);
	result = size == file->size && !CRYPTO_memcmp(there, file->bytes, size) ?
		 1 : -EEXIST;
	OPENSSL_cleanse(there, sizeof(there));
	return result;
}

static bool is_configuration(const char *name)
{
	return !strcmp(name, "cpnsd.conf");
}

/**
 * install_may_write() - is none of these files there with another content
 * @install: with its archive; a configuration that is there stays as it is
 *
 * Return: 0 or -EEXIST.
 */
int install_may_write(struct install *install)
{
	size_t i;

	for (i = 0; i < install->tar.count && !install->force; i++) {
		if (is_configuration(install->tar.files[i].name) ||
		    compare(&install->tar.files[i]) != -EEXIST)
			continue;
		snprintf(install->reason, sizeof(install->reason),
			 "another %s is installed already; --force replaces it",
			 install->tar.files[i].name);
		return -EEXIST;
	}
	return 0;
}

/**
 * install_write() - write the archive's files
 * @install: checked
 *
 * Return: 0, -EEXIST, or another -errno.
 */
int install_write(struct install *install)
{
	char path[512];
	int result = install_may_write(install);
	size_t i;

	if (result)
		return result;
	result = pki_make_directory(command_config_directory(),
				    install->reason, sizeof(install->reason));
	for (i = 0; i < install->tar.count && !result; i++) {
		const struct tar_file *file = &install->tar.files[i];
		int there = compare(file);

		path_of(file->name, path, sizeof(path));
		if (there == -EEXIST && is_configuration(file->name))
			fprintf(stderr, "cpnsctl: %s stays as it is, the archive has another\n",
				path);
		if (there == 1 || (there && is_configuration(file->name)))
			continue;
		result = pki_write_file(path, file->bytes, file->size,
					is_private(file->name), install->force,
					install->reason,
					sizeof(install->reason));
		if (!result && is_private(file->name))
			pki_give_daemon(path);
	}
	return result;
}

/* a box at 1970 knows from now on that the time has come */
static void save_time(const struct install *install)
{
	struct config *config = NULL;
	char path[512], error[256];

	path_of("cpnsd.conf", path, sizeof(path));
	if (config_read(path, &config, error, sizeof(error)))
		return;
	identity_time_directory(config->state);
	if (install->not_before > time(NULL))
		identity_time_save(install->not_before);
	config_free(config);
}

static int pin(const struct install *install)
{
	struct cpns *connection = NULL;
	int result = cpns_open(&connection);

	if (result) {
		fprintf(stderr,
			"cpnsctl: the OSG's key is not pinned: the kernel has no family 'cpns' (%s);\n"
			"cpnsctl: later: modprobe cpns_group && cpnsctl node pin\n",
			strerror(-result));
		return install->pin_required ? COMMAND_NO_MODULE : COMMAND_OK;
	}
	result = cpns_node_pin(connection, install->osg);
	if (result == -EPERM)
		command_complain("the OSG's key is not pinned: %s",
				 *cpns_error(connection) ?
				 cpns_error(connection) :
				 "another one is pinned until the next boot, or not permitted");
	else if (result < 0)
		command_complain("the OSG's key is not pinned: %s",
				 *cpns_error(connection) ?
				 cpns_error(connection) : strerror(-result));
	cpns_close(connection);
	if (result == -EPERM)
		return COMMAND_REFUSED;
	return result < 0 ? COMMAND_FAILED : COMMAND_OK;
}

/**
 * install_finish() - what comes after the files: certificate time, the pin
 * @install: written
 *
 * Return: exit code.
 */
int install_finish(struct install *install)
{
	save_time(install);
	printf("%s: %s %s\n", command_config_directory(),
	       identity_kind_name(install->identity.kind),
	       install->identity.id);
	if (install->no_pin || install->identity.kind != IDENTITY_NODE)
		return COMMAND_OK;
	return pin(install);
}

static int install_archive(struct install *install, const char *path)
{
	int result = read_archive(install, path);

	if (!result)
		result = install_check(install);
	if (!result)
		result = install_write(install);
	if (result) {
		command_complain("%s: %s", path, install->reason);
		return result == -EEXIST || result == -EINVAL ?
		       COMMAND_REFUSED : command_exit_of(result);
	}
	return install_finish(install);
}

static bool take_option(void *context, int option, const char *argument)
{
	struct install *install = context;

	(void)argument;
	switch (option) {
	case 'F':
		install->force = true;
		return true;
	case 'N':
		install->no_pin = true;
		return true;
	case 'R':
		install->pin_required = true;
		return true;
	default:
		return false;
	}
}

/**
 * command_node_install() - install an archive of node issue
 * @argc: words
 * @argv: the verb first
 *
 * Return: an exit code of wire.md section 6: 5 for an archive that is not
 * whole, files in the way, or another pin; 7 with --pin-required and no
 * module.
 */
int command_node_install(int argc, char **argv)
{
	static const struct option more[] = {
		{ "force", no_argument, NULL, 'F' },
		{ "no-pin", no_argument, NULL, 'N' },
		{ "pin-required", no_argument, NULL, 'R' },
		{ 0 }
	};
	struct install install = { 0 };
	struct command_options options = {
		.name = "node install",
		.usage = "FILE",
		.help = "Checks an archive of cpnsctl node issue (the key fits the certificate, the CA\n"
			"signed it), writes its files into the configuration directory, and pins the\n"
			"OSG's key in the kernel: from then on it opens only what that OSG sealed.\n\n"
			"  --no-pin        leave the kernel alone\n"
			"  --pin-required  no module is an error (exit code 7); else it is said, and\n"
			"                  cpnsctl node pin does it later, or cpnsd.service at its start\n"
			"  --force         replace keys and certificates that are there; cpnsd.conf stays",
		.operands_min = 1, .operands_max = 1,
		.options = more, .option = take_option, .context = &install,
	};
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	umask(077);
	exit_code = install_archive(&install, argv[first]);
	tar_free(&install.tar);
	return exit_code;
}
