// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl enrol: a node gets its certificate from the server by a one-time
 * token (EST over CoAP, RFC 9148), for a key that is made here and never
 * leaves; enrol --renew gets another one with the certificate that is there
 * (enrol_renew.c).
 *
 * The token is read from a file or standard input.  The session is agreed
 * with a pre-shared key that the token gives, so that whatever comes by it is
 * from the server that made the token.  Nothing is written, and the token is
 * not used up, where files are in the way; where the answer is lost, the same
 * is asked again with the same key (enrol_key.c).  One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "command.h"
#include "config.h"
#include "enrol.h"
#include "enrolment/certs_only.h"
#include "enrolment/request.h"
#include "enrolment/settings.h"
#include "enrolment/token.h"
#include "install.h"
#include "log.h"
#include "transport/endpoint.h"
#include "transport/psk.h"

#define TOKEN_FILE_MAX	512
#define AUTHORITIES_MAX	4

struct enrol {
	const char *uri, *token_file;
	bool renew, if_due;
	struct identity identity;	/* of kind IDENTITY_ENROLLING */
	struct enrol_session session;
	struct enrol_answer answer;
	struct node_settings settings;
	struct install install;
};

static int refuse(struct enrol *enrol, int error, const char *what)
{
	snprintf(enrol->install.reason, sizeof(enrol->install.reason), "%s",
		 what);
	return error;
}

/* without stdio, whose buffers would keep the token */
static int read_token(struct enrol *enrol, uint8_t psk[TOKEN_PSK_SIZE])
{
	const char *path = enrol->token_file;
	char text[TOKEN_FILE_MAX + 1];
	size_t used = 0;
	ssize_t got = 0;
	int file, error = 0;

	if (!strcmp(path, "-"))
		path = "/dev/stdin";
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0) {
		error = -errno;
		command_complain("%s: %s", enrol->token_file,
				 strerror(-error));
		return error;
	}
	while (used < TOKEN_FILE_MAX) {
		got = read(file, text + used, TOKEN_FILE_MAX - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	close(file);
	text[used] = '\0';
	if (got || strlen(text) != used ||
	    token_parse(text, &enrol->identity, psk)) {
		command_complain("%s: not a token of cpnsctl node issue --enrol-token",
				 enrol->token_file);
		error = -EINVAL;
	}
	OPENSSL_cleanse(text, sizeof(text));
	return error;
}

int enrol_expect(struct enrol_session *session,
		 const struct enrol_answer *answer, int code, int format)
{
	if (answer->code == code && answer->format == format)
		return 0;
	if (answer->code >= 400)
		snprintf(session->reason, sizeof(session->reason),
			 "the server refuses: %d.%02d%s%s", answer->code / 100,
			 answer->code % 100, *answer->problem ? " " : "",
			 answer->problem);
	else
		snprintf(session->reason, sizeof(session->reason),
			 "the server's answer is none of EST");
	return answer->code >= 400 && answer->code < 500 ? -EACCES : -EPROTO;
}

static int add_authorities(struct enrol *enrol, struct stack_st_X509 *list)
{
	BIO *memory = BIO_new(BIO_s_mem());
	bool good = memory;
	char *bytes;
	long size;
	int i, error = -ENOMEM;

	for (i = 0; good && i < sk_X509_num(list); i++)
		good = PEM_write_bio_X509(memory, sk_X509_value(list, i));
	if (good) {
		size = BIO_get_mem_data(memory, &bytes);
		error = tar_add(&enrol->install.tar, "ca.pem", 0644, bytes,
				(size_t)size);
	}
	BIO_free(memory);
	return error;
}

static int get_authorities(struct enrol *enrol)
{
	struct stack_st_X509 *list = NULL;
	int error, i;

	error = enrol_session_call(&enrol->session, METHOD_GET,
				   ".well-known/est/crts", FORMAT_NONE, NULL,
				   0, FORMAT_CERTS_ONLY, &enrol->answer);
	if (!error)
		error = enrol_expect(&enrol->session, &enrol->answer,
				     COAP_CONTENT, FORMAT_CERTS_ONLY);
	if (error)
		return refuse(enrol, error, enrol->session.reason);
	if (certs_only_read(enrol->answer.body, enrol->answer.size,
			    AUTHORITIES_MAX, &list))
		return refuse(enrol, -EPROTO,
			      "the server's list of CA certificates cannot be read");
	for (i = 0; i < sk_X509_num(list) && !error; i++)
		if (X509_check_ca(sk_X509_value(list, i)) < 1)
			error = refuse(enrol, -EPROTO,
				       "the server's list has a certificate that is no CA's");
	if (!error)
		error = add_authorities(enrol, list);
	sk_X509_pop_free(list, X509_free);
	return error;
}

static int add_osg_key(struct enrol *enrol)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL,
						    enrol->settings.osg_key,
						    32);
	uint8_t *pem = NULL;
	size_t size = 0;
	int error = key ? pki_public_key_pem(key, &pem, &size) : -EPROTO;

	if (!error)
		error = tar_add(&enrol->install.tar, "osg.pub", 0644, pem,
				size);
	pki_pem_free(pem, size);
	EVP_PKEY_free(key);
	return error;
}

/* only where none is: an administrator's own stays */
static int add_configuration(struct enrol *enrol)
{
	struct transport_endpoint endpoint;
	char path[512], text[1024], reason[256];
	const char *host;
	bool six;

	snprintf(path, sizeof(path), "%s/cpnsd.conf",
		 command_config_directory());
	if (!access(path, F_OK))
		return 0;
	if (transport_endpoint_parse(enrol->uri, &endpoint, reason,
				     sizeof(reason)))
		return refuse(enrol, -EINVAL, reason);
	host = endpoint.host;
	six = strchr(host, ':');
	snprintf(text, sizeof(text),
		 "[cpnsd]\nroles = gateway\n\n[gateway]\n"
		 "server = %s://%s%s%s:%u\nserver-id = %s\n",
		 enrol->settings.scheme, six ? "[" : "", host, six ? "]" : "",
		 enrol->settings.port, enrol->settings.server_id);
	return tar_add(&enrol->install.tar, "cpnsd.conf", 0644, text,
		       strlen(text));
}

static int get_settings(struct enrol *enrol)
{
	char reason[160] = "";
	int error;

	error = enrol_session_call(&enrol->session, METHOD_GET, "enrolment",
				   FORMAT_NONE, NULL, 0, 0, &enrol->answer);
	if (!error)
		error = enrol_expect(&enrol->session, &enrol->answer,
				     COAP_CONTENT, FORMAT_CBOR);
	if (error)
		return refuse(enrol, error, enrol->session.reason);
	if (node_settings_read(enrol->answer.body, enrol->answer.size,
			       &enrol->settings, reason, sizeof(reason)))
		return refuse(enrol, -EPROTO, reason);
	if (strcmp(enrol->settings.node, enrol->identity.id))
		return refuse(enrol, -EPROTO,
			      "the server takes us for another node");
	error = add_osg_key(enrol);
	return error ? error : add_configuration(enrol);
}

static int add_pair(struct enrol *enrol, X509 *certificate, EVP_PKEY *key)
{
	uint8_t *pem = NULL;
	size_t size = 0;
	int error;

	error = pki_certificate_pem(certificate, &pem, &size);
	if (!error)
		error = tar_add(&enrol->install.tar, "node.pem", 0644, pem,
				size);
	pki_pem_free(pem, size);
	pem = NULL;
	if (!error)
		error = pki_private_key_pem(key, &pem, &size);
	if (!error)
		error = tar_add(&enrol->install.tar, "node.key", 0600, pem,
				size);
	pki_pem_free(pem, size);
	return error;
}

int enrol_request(struct enrol_session *session, const char *path,
		  EVP_PKEY *key, const struct identity *node,
		  struct enrol_answer *answer, X509 **certificate)
{
	uint8_t *request = NULL;
	const uint8_t *at = answer->body;
	size_t size = 0;
	int error;

	*certificate = NULL;
	error = request_make(key, node, &request, &size);
	if (error) {
		snprintf(session->reason, sizeof(session->reason),
			 "cannot make a request");
		return error;
	}
	error = enrol_session_call(session, METHOD_POST, path, FORMAT_PKCS10,
				   request, size, FORMAT_CERTIFICATE, answer);
	OPENSSL_free(request);
	if (!error)
		error = enrol_expect(session, answer, COAP_CHANGED,
				     FORMAT_CERTIFICATE);
	if (error)
		return error;
	*certificate = d2i_X509(NULL, &at, (long)answer->size);
	if (*certificate && at == answer->body + answer->size)
		return 0;
	X509_free(*certificate);
	*certificate = NULL;
	snprintf(session->reason, sizeof(session->reason),
		 "the server's answer is not a certificate");
	return -EPROTO;
}

/* whether the token was used is not known: the same key may be asked for */
static void refuse_request(struct enrol *enrol, int error)
{
	struct install *install = &enrol->install;

	if (enrol->answer.code)
		refuse(enrol, error, enrol->session.reason);
	else
		snprintf(install->reason, sizeof(install->reason),
			 "%s; the token is good for another try from here",
			 enrol->session.reason);
}

static int get_certificate(struct enrol *enrol)
{
	struct identity node = enrol->identity;
	struct install *install = &enrol->install;
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	int error;

	node.kind = IDENTITY_NODE;
	error = enrol_key_take(&key, install->reason, sizeof(install->reason));
	if (error)
		return error;
	error = enrol_request(&enrol->session, ".well-known/est/sen", key,
			      &node, &enrol->answer, &certificate);
	if (enrol->answer.code >= 400)
		enrol_key_end();
	if (error)
		refuse_request(enrol, error);
	else
		error = add_pair(enrol, certificate, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (!error)
		error = install_check(install);
	if (!error && (install->identity.kind != IDENTITY_NODE ||
		       strcmp(install->identity.id, node.id)))
		error = refuse(enrol, -EPROTO,
			       "the certificate is another node's");
	return error;
}

static int check_place(struct enrol *enrol)
{
	static const char *const names[] = { "node.key", "node.pem" };
	char path[512];
	size_t i;

	for (i = 0; i < 2 && !enrol->install.force; i++) {
		snprintf(path, sizeof(path), "%s/%s",
			 command_config_directory(), names[i]);
		if (access(path, F_OK))
			continue;
		snprintf(enrol->install.reason, sizeof(enrol->install.reason),
			 "%s is there already; --force replaces it, --renew renews it",
			 names[i]);
		return -EEXIST;
	}
	return pki_make_directory(command_config_directory(),
				  enrol->install.reason,
				  sizeof(enrol->install.reason));
}

static int converse(struct enrol *enrol, const uint8_t psk[TOKEN_PSK_SIZE])
{
	struct transport_client_options options = {
		.uri = enrol->uri,
		.psk_key = psk,
		.psk_key_size = TOKEN_PSK_SIZE,
	};
	char name[PSK_IDENTITY_MAX + 1];
	int error;

	psk_identity_text(&enrol->identity, name);
	options.psk_identity = name;
	error = enrol_session_open(&enrol->session, &options);
	if (error)
		return refuse(enrol, error, enrol->session.reason);
	error = get_authorities(enrol);
	if (!error)
		error = get_settings(enrol);
	/* before the token is used up */
	if (!error)
		error = install_may_write(&enrol->install);
	if (!error)
		error = get_certificate(enrol);
	if (!error)
		error = install_write(&enrol->install);
	if (!error)
		enrol_key_end();
	return error;
}

int enrol_failed(const char *uri, int error, const char *reason)
{
	command_complain("%s: %s", uri, *reason ? reason : strerror(-error));
	switch (error) {
	case -EEXIST:
	case -EINVAL:
		return COMMAND_REFUSED;
	case -ENOTCONN:
	case -ECONNRESET:
		return COMMAND_FAILED;
	default:
		return command_exit_of(error);
	}
}

static int enrol_by_token(struct enrol *enrol)
{
	uint8_t psk[TOKEN_PSK_SIZE];
	int error;

	error = read_token(enrol, psk);
	if (error)
		return error == -EINVAL ? COMMAND_REFUSED :
					  command_exit_of(error);
	error = check_place(enrol);
	if (!error)
		error = converse(enrol, psk);
	OPENSSL_cleanse(psk, sizeof(psk));
	enrol_session_close(&enrol->session);
	if (error)
		return enrol_failed(enrol->uri, error, enrol->install.reason);
	return install_finish(&enrol->install);
}

static bool take_option(void *context, int option, const char *argument)
{
	struct enrol *enrol = context;

	switch (option) {
	case 'T':
		enrol->token_file = argument;
		return true;
	case 'W':
		enrol->renew = true;
		return true;
	case 'D':
		enrol->if_due = true;
		return true;
	case 'F':
		enrol->install.force = true;
		return true;
	case 'N':
		enrol->install.no_pin = true;
		return true;
	case 'R':
		enrol->install.pin_required = true;
		return true;
	default:
		return false;
	}
}

static int usage(const char *words)
{
	command_complain("%s (cpnsctl enrol --help)", words);
	return COMMAND_USAGE;
}

static int run(struct enrol *enrol)
{
	struct transport_endpoint endpoint;
	char reason[256];

	if (enrol->renew) {
		if (enrol->uri || enrol->token_file)
			return usage("--renew takes neither SERVER nor token");
		return enrol_renew(enrol->if_due);
	}
	if (enrol->if_due)
		return usage("--if-due is for --renew");
	if (!enrol->uri || !enrol->token_file)
		return usage("SERVER and --token-file are needed, or --renew");
	if (transport_endpoint_parse(enrol->uri, &endpoint, reason,
				     sizeof(reason)))
		return usage(reason);
	return enrol_by_token(enrol);
}

/**
 * command_enrol() - get or renew this node's certificate
 * @argc: words
 * @argv: the verb first
 *
 * Return: an exit code of wire.md section 6: 5 the server or the token is
 * refused, or files are in the way; 6 the server does not answer; 7 with
 * --pin-required and no module.
 */
int command_enrol(int argc, char **argv)
{
	static const struct option more[] = {
		{ "token-file", required_argument, NULL, 'T' },
		{ "renew", no_argument, NULL, 'W' },
		{ "if-due", no_argument, NULL, 'D' },
		{ "force", no_argument, NULL, 'F' },
		{ "no-pin", no_argument, NULL, 'N' },
		{ "pin-required", no_argument, NULL, 'R' },
		{ 0 }
	};
	static struct enrol enrol;
	struct command_options options = {
		.name = "enrol",
		.usage = "SERVER --token-file FILE | --renew",
		.help = "On the device: makes a private key, which never leaves it, and has the server\n"
			"certify it (EST over CoAP, RFC 9148). SERVER is the address of the server's\n"
			"PSK port, coaps+tcp://HOST:5685. Writes ca.pem, node.pem, node.key, osg.pub and,\n"
			"where there is none, cpnsd.conf, and pins the OSG's key, as node install does.\n\n"
			"  --token-file FILE  the token of cpnsctl node issue --enrol-token; - reads it\n"
			"                     from standard input. It works for one key; run this\n"
			"                     again if the answer was lost.\n"
			"  --renew            a new key and certificate by the ones that are there, from\n"
			"                     the server of cpnsd.conf; then systemctl reload cpnsd\n"
			"  --if-due           with --renew: only in the last third of its time\n"
			"  --no-pin, --pin-required, --force  as for cpnsctl node install",
		.operands_max = 1,
		.options = more, .option = take_option, .context = &enrol,
	};
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	if (first < argc)
		enrol.uri = argv[first];
	umask(077);
	log_open("cpnsctl", LOG_ERR);
	exit_code = run(&enrol);
	tar_free(&enrol.install.tar);
	return exit_code;
}
