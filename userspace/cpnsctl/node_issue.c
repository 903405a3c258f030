// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl node issue: certificates for the server, for nodes and for SMFs.
 *
 * The CA, the signer and the OSG's key are made once, with the server's
 * certificate, and never replaced, not even by --force: nodes are pinned to
 * them.  Everything is a file in the configuration directory; ca.key and the
 * OSG's and signer's keys never leave it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/x509v3.h>

#include "command.h"
#include "config.h"
#include "node_issue_token.h"
#include "pki.h"
#include "tar.h"

#define HOSTS_MAX	16
#define DEFAULT_PORT	"5684"

struct issue {
	const char *server, *smf, *node, *out, *address, *token, *lifetime;
	const char *hosts[HOSTS_MAX];
	size_t hosts_count;
	bool force;
	char reason[512];
};

static const char *file(const char *name)
{
	static char paths[4][512];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", command_config_directory(),
		 name);
	return path;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int give_up(struct issue *issue, int error)
{
	command_complain("%s", issue->reason);
	if (error == -EEXIST)
		return COMMAND_REFUSED;
	return error == -EINVAL ? COMMAND_USAGE : command_exit_of(error);
}

static int make_authority(struct issue *issue)
{
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	int result;

	if (exists(file("ca.pem")) && exists(file("ca.key")))
		return 0;
	if (exists(file("ca.pem")) || exists(file("ca.key"))) {
		snprintf(issue->reason, sizeof(issue->reason),
			 "only one of ca.pem and ca.key is in %s: this is not the CA's host",
			 command_config_directory());
		return -EEXIST;
	}
	result = pki_make_authority(&certificate, &key, issue->reason,
				    sizeof(issue->reason));
	if (!result)
		result = pki_write_private_key(file("ca.key"), key, false,
					       issue->reason,
					       sizeof(issue->reason));
	if (!result)
		result = pki_write_certificate(file("ca.pem"), certificate,
					       false, issue->reason,
					       sizeof(issue->reason));
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (!result)
		printf("%s: a new CA\n", file("ca.pem"));
	return result;
}

static int make_osg_key(struct issue *issue)
{
	EVP_PKEY *key = NULL;
	int result;

	if (exists(file("osg.key"))) {
		key = pki_read_private_key(file("osg.key"), issue->reason,
					   sizeof(issue->reason));
		result = key ? 0 : -EIO;
	} else {
		result = pki_make_osg_key(&key, issue->reason,
					  sizeof(issue->reason));
		if (!result)
			result = pki_write_private_key(file("osg.key"), key,
						       false, issue->reason,
						       sizeof(issue->reason));
		if (!result)
			pki_give_daemon(file("osg.key"));
	}
	/* the public half is made again from the key where it is missing */
	if (!result && !exists(file("osg.pub")))
		result = pki_write_public_key(file("osg.pub"), key, false,
					      issue->reason,
					      sizeof(issue->reason));
	EVP_PKEY_free(key);
	return result;
}

static int read_authority(struct issue *issue, X509 **certificate,
			  EVP_PKEY **key)
{
	*key = NULL;
	*certificate = pki_read_certificate(file("ca.pem"), issue->reason,
					    sizeof(issue->reason));
	if (*certificate)
		*key = pki_read_private_key(file("ca.key"), issue->reason,
					    sizeof(issue->reason));
	if (*key && X509_check_private_key(*certificate, *key) == 1)
		return 0;
	if (*key)
		snprintf(issue->reason, sizeof(issue->reason),
			 "ca.key does not belong to ca.pem");
	X509_free(*certificate);
	EVP_PKEY_free(*key);
	return -EIO;
}

/* a new key and its certificate, both in memory */
static int issue_pair(struct issue *issue, const struct pki_subject *subject,
		      X509 **certificate, EVP_PKEY **key)
{
	EVP_PKEY *authority_key;
	X509 *authority;
	int result;

	*certificate = NULL;
	*key = NULL;
	result = read_authority(issue, &authority, &authority_key);
	if (result)
		return result;
	result = pki_make_key(key, issue->reason, sizeof(issue->reason));
	if (!result)
		result = pki_issue(authority, authority_key, *key, subject,
				   certificate, issue->reason,
				   sizeof(issue->reason));
	X509_free(authority);
	EVP_PKEY_free(authority_key);
	if (result) {
		EVP_PKEY_free(*key);
		*key = NULL;
	}
	return result;
}

static int issue_files(struct issue *issue, const struct pki_subject *subject,
		       const char *name, bool force)
{
	char cert[32], private[32];
	X509 *certificate;
	EVP_PKEY *key;
	int result;

	snprintf(cert, sizeof(cert), "%s.pem", name);
	snprintf(private, sizeof(private), "%s.key", name);
	if (!force && (exists(file(cert)) || exists(file(private)))) {
		snprintf(issue->reason, sizeof(issue->reason),
			 "%s is there already; --force makes a new one",
			 file(cert));
		return -EEXIST;
	}
	result = issue_pair(issue, subject, &certificate, &key);
	if (result)
		return result;
	result = pki_write_private_key(file(private), key, force,
				       issue->reason, sizeof(issue->reason));
	if (!result)
		result = pki_write_certificate(file(cert), certificate, force,
					       issue->reason,
					       sizeof(issue->reason));
	if (!result)
		pki_give_daemon(file(private));
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (!result)
		printf("%s: %s %s\n", file(cert),
		       identity_kind_name(subject->identity.kind),
		       subject->identity.id);
	return result;
}

static int issue_server(struct issue *issue)
{
	static const char configuration[] =
		"[cpnsd]\nroles = server\n\n[server]\n"
		"listen = coaps+tcp://[::]:5684\n";
	struct pki_subject signer = {
		.identity = { .kind = IDENTITY_SIGNER, .id = "main" },
	};
	struct pki_subject server = {
		.identity = { .kind = IDENTITY_SERVER },
		.hosts = issue->hosts, .hosts_count = issue->hosts_count,
	};
	int result;

	strcpy(server.identity.id, issue->server);
	result = pki_make_directory(command_config_directory(), issue->reason,
				    sizeof(issue->reason));
	if (!result)
		result = make_authority(issue);
	if (!result && (!exists(file("signer.pem")) ||
			!exists(file("signer.key"))))
		result = issue_files(issue, &signer, "signer", false);
	if (!result)
		result = make_osg_key(issue);
	if (!result)
		result = issue_files(issue, &server, "node", issue->force);
	if (!result && !exists(file("cpnsd.conf")))
		result = pki_write_file(file("cpnsd.conf"), configuration,
					strlen(configuration), false, false,
					issue->reason, sizeof(issue->reason));
	return result ? give_up(issue, result) : COMMAND_OK;
}

/* the first name of the server's certificate that a gateway can go to */
static bool server_host(X509 *certificate, char *host, size_t room)
{
	GENERAL_NAMES *names;
	bool found = false;
	int i;

	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		char address[INET6_ADDRSTRLEN];
		const uint8_t *bytes;

		if (name->type == GEN_DNS) {
			found = snprintf(host, room, "%s", (const char *)
				ASN1_STRING_get0_data(name->d.dNSName)) <
				(int)room;
		} else if (name->type == GEN_IPADD) {
			bool six = ASN1_STRING_length(name->d.iPAddress) == 16;

			bytes = ASN1_STRING_get0_data(name->d.iPAddress);
			found = inet_ntop(six ? AF_INET6 : AF_INET, bytes,
					  address, sizeof(address)) &&
				snprintf(host, room, six ? "[%s]" : "%s",
					 address) < (int)room;
		}
	}
	GENERAL_NAMES_free(names);
	return found;
}

/* the port that the server's own configuration listens on */
static void server_port(char *port, size_t room)
{
	struct config *config = NULL;
	const char *colon = NULL;
	char error[256];

	snprintf(port, room, "%s", DEFAULT_PORT);
	if (config_read(file("cpnsd.conf"), &config, error, sizeof(error)))
		return;
	if (config->listen_count)
		colon = strrchr(config->listen[0], ':');
	if (colon && strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
	    colon[1])
		snprintf(port, room, "%.5s", colon + 1);
	config_free(config);
}

static int gateway_configuration(struct issue *issue, char *text, size_t room)
{
	char host[300], port[8], address[320], id[96];
	struct identity identity;
	X509 *certificate;
	bool good;

	certificate = pki_read_certificate(file("node.pem"), issue->reason,
					   sizeof(issue->reason));
	if (!certificate)
		return -ENOENT;
	good = !identity_from_certificate(certificate, &identity) &&
	       identity.kind == IDENTITY_SERVER &&
	       server_host(certificate, host, sizeof(host));
	X509_free(certificate);
	if (!good) {
		snprintf(issue->reason, sizeof(issue->reason),
			 "%s is not a server's certificate with a host in it",
			 file("node.pem"));
		return -EIO;
	}
	server_port(port, sizeof(port));
	snprintf(address, sizeof(address), "coaps+tcp://%s:%s", host, port);
	identity_uri(&identity, id);
	if (snprintf(text, room,
		     "[cpnsd]\nroles = gateway\n\n[gateway]\n"
		     "server = %s\nserver-id = %s\n",
		     issue->address ? issue->address : address, id) >=
	    (int)room) {
		snprintf(issue->reason, sizeof(issue->reason),
			 "the server's address is too long");
		return -EINVAL;
	}
	return 0;
}

static int add_pem(struct tar *tar, const char *name, unsigned int mode,
		   int error, uint8_t *pem, size_t size)
{
	if (!error)
		error = tar_add(tar, name, mode, pem, size);
	pki_pem_free(pem, size);
	return error;
}

static int add_file(struct issue *issue, struct tar *tar, const char *name)
{
	size_t size;
	char *bytes;
	int result;

	if (command_read_file(file(name), TAR_FILE_MAX, &bytes, &size)) {
		snprintf(issue->reason, sizeof(issue->reason),
			 "cannot read %s", file(name));
		return -EIO;
	}
	result = tar_add(tar, name, 0644, bytes, size);
	free(bytes);
	return result;
}

static int fill_archive(struct issue *issue, struct tar *tar,
			const struct pki_subject *subject)
{
	bool node = subject->identity.kind == IDENTITY_NODE;
	char configuration[1024];
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	uint8_t *pem = NULL;
	size_t size = 0;
	int result;

	result = issue_pair(issue, subject, &certificate, &key);
	if (!result)
		result = pki_note_issued(file("issued"), certificate,
					 issue->reason, sizeof(issue->reason));
	if (result)
		goto out;
	snprintf(issue->reason, sizeof(issue->reason), "out of memory");
	result = pki_certificate_pem(certificate, &pem, &size);
	result = add_pem(tar, "node.pem", 0644, result, pem, size);
	if (!result) {
		result = pki_private_key_pem(key, &pem, &size);
		result = add_pem(tar, "node.key", 0600, result, pem, size);
	}
	if (!result)
		result = add_file(issue, tar, "ca.pem");
	if (!result && node)
		result = add_file(issue, tar, "osg.pub");
	if (!result && node)
		result = gateway_configuration(issue, configuration,
					       sizeof(configuration));
	if (!result && node)
		result = tar_add(tar, "cpnsd.conf", 0644, configuration,
				 strlen(configuration));
out:
	X509_free(certificate);
	EVP_PKEY_free(key);
	return result;
}

static int issue_archive(struct issue *issue, enum identity_kind kind,
			 const char *id)
{
	struct pki_subject subject = { .identity = { .kind = kind } };
	struct tar tar = { 0 };
	uint8_t *archive = NULL;
	size_t size = 0;
	int result;

	strcpy(subject.identity.id, id);
	if (!exists(file("ca.key"))) {
		command_complain("no CA in %s: first cpnsctl node issue --server ID --san ADDRESS",
				 command_config_directory());
		return COMMAND_CONFIGURATION;
	}
	if (!issue->force && exists(issue->out)) {
		command_complain("%s is there already; --force replaces it",
				 issue->out);
		return COMMAND_REFUSED;
	}
	result = fill_archive(issue, &tar, &subject);
	if (!result)
		result = tar_pack(&tar, &archive, &size);
	if (!result)
		result = pki_write_file(issue->out, archive, size, true,
					issue->force, issue->reason,
					sizeof(issue->reason));
	OPENSSL_clear_free(archive, size);
	tar_free(&tar);
	if (result)
		return give_up(issue, result);
	printf("%s: %s %s; its private key is in it: keep it secret, then cpnsctl node install\n",
	       issue->out, identity_kind_name(kind), id);
	return COMMAND_OK;
}

static bool take_option(void *context, int option, const char *argument)
{
	struct issue *issue = context;

	switch (option) {
	case 'S':
		issue->server = argument;
		return true;
	case 'A':
		if (issue->hosts_count == HOSTS_MAX)
			return false;
		issue->hosts[issue->hosts_count++] = argument;
		return true;
	case 'M':
		issue->smf = argument;
		return true;
	case 'O':
		issue->out = argument;
		return true;
	case 'D':
		issue->address = argument;
		return true;
	case 'T':
		issue->token = argument;
		return true;
	case 'L':
		issue->lifetime = argument;
		return true;
	case 'F':
		issue->force = true;
		return true;
	default:
		return false;
	}
}

static int usage(const char *words)
{
	command_complain("%s (cpnsctl node issue --help)", words);
	return COMMAND_USAGE;
}

static int check(const struct issue *issue)
{
	const char *id = issue->server ? issue->server :
			 issue->smf ? issue->smf : issue->node;

	if (!!issue->server + !!issue->smf + !!issue->node != 1)
		return usage("one of NODE, --server ID and --smf ID is needed");
	if (!identity_id_valid(id))
		return usage("an id is 1 to 64 of A-Z a-z 0-9 . _ -");
	if (issue->server && !issue->hosts_count)
		return usage("--server needs --san with the address or name that gateways go to");
	if (issue->token && (!issue->node || issue->out || issue->address))
		return usage("--enrol-token is for a NODE, and in the place of --out");
	if (issue->lifetime && !issue->token)
		return usage("--lifetime is for --enrol-token");
	if (!issue->server && !issue->out && !issue->token)
		return usage("--out FILE is needed");
	if (!issue->server && issue->hosts_count)
		return usage("--san is for servers");
	if (issue->address && strpbrk(issue->address, "\n\r;#"))
		return usage("--address: not a URI");
	return COMMAND_OK;
}

/**
 * command_node_issue() - make certificates and archives
 * @argc: words
 * @argv: the verb first
 *
 * Return: an exit code of wire.md section 6.
 */
int command_node_issue(int argc, char **argv)
{
	static const struct option more[] = {
		{ "server", required_argument, NULL, 'S' },
		{ "san", required_argument, NULL, 'A' },
		{ "smf", required_argument, NULL, 'M' },
		{ "out", required_argument, NULL, 'O' },
		{ "address", required_argument, NULL, 'D' },
		{ "enrol-token", required_argument, NULL, 'T' },
		{ "lifetime", required_argument, NULL, 'L' },
		{ "force", no_argument, NULL, 'F' },
		{ 0 }
	};
	struct issue issue = { 0 };
	struct command_options options = {
		.name = "node issue",
		.usage = "--server ID --san HOST... | NODE --out FILE | NODE --enrol-token FILE | --smf ID --out FILE",
		.help = "On the CA's host. --server makes the CA, the record signer and the OSG's key\n"
			"where they are not there yet, and this host's certificate as a server. NODE\n"
			"and --smf write an archive for cpnsctl node install, with a new private key.\n\n"
			"  --server ID    certificate of the server urn:cpns:server:ID\n"
			"  --san HOST...  addresses or DNS names that gateways reach it by\n"
			"  --smf ID       certificate of the SMF urn:cpns:smf:ID\n"
			"  --out FILE     the archive (tar): ca.pem node.pem node.key, and for nodes\n"
			"                 osg.pub (PEM) and cpnsd.conf\n"
			"  --address URI  the server's address in that cpnsd.conf; default from the\n"
			"                 server's certificate and configuration\n"
			"  --enrol-token FILE  a one-time token for cpnsctl enrol on the device, from the\n"
			"                 daemon of this server (- for standard output); no key is made\n"
			"  --lifetime S   life of that token in seconds, 60 to 604800; default 3600\n"
			"  --force        replace the server's certificate, or FILE; the CA, the signer\n"
			"                 and the OSG's key are never replaced",
		.operands_max = HOSTS_MAX,
		.options = more, .option = take_option, .context = &issue,
	};
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	umask(077);
	/* --san ONE TWO: further words are hosts of the server */
	if (issue.server) {
		while (first < argc && issue.hosts_count < HOSTS_MAX)
			issue.hosts[issue.hosts_count++] = argv[first++];
	} else if (first < argc) {
		issue.node = argv[first++];
	}
	if (first < argc)
		return usage("too many words");
	exit_code = check(&issue);
	if (exit_code)
		return exit_code;
	if (issue.server)
		return issue_server(&issue);
	if (issue.token)
		return node_issue_token(issue.node, issue.token,
					issue.lifetime, issue.force);
	if (issue.smf)
		return issue_archive(&issue, IDENTITY_SMF, issue.smf);
	return issue_archive(&issue, IDENTITY_NODE, issue.node);
}
