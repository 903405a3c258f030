// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsd: the daemon of CPNS group keys.  Starts the roles that the
 * configuration names, on one loop, in one thread.
 *
 * Threading: none.  Owns loop, control socket and the roles; they are closed
 * in the reverse order.  SIGHUP reads the configuration again, SIGTERM and
 * SIGINT end the daemon; the kernel's blocking policies stay.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config.h"
#include "control.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "resident.h"
#include "seca/seca.h"
#include "smf/smf.h"

struct daemon {
	struct loop loop;
	struct loop_fd signals;
	int signal_fd;
	struct config *config;
	char config_path[4096];
	struct control *control;
	struct smf *smf;
	struct seca *seca;
};

static void usage(FILE *out)
{
	fputs("Usage: cpnsd [--config FILE | --config-dir DIR]\n"
	      "             [--quiet | --debug]\n"
	      "\n"
	      "The daemon of CPNS group keys: CPNS Server (SMF, CSKMF, OSG, KMC),\n"
	      "PN GW or PNE (SECA), as [cpnsd] roles= of the configuration says.\n"
	      "\n"
	      "  -c, --config FILE      default /etc/cpns/cpnsd.conf\n"
	      "  -d, --config-dir DIR   the same as --config DIR/cpnsd.conf, and\n"
	      "                         certificates are looked for in DIR\n"
	      "      --check            read the configuration and end\n"
	      "      --quiet            warnings and errors only\n"
	      "      --debug            more log lines\n"
	      "  -V, --version\n"
	      "  -h, --help\n"
	      "\n"
	      "Exit: 0 ended by SIGTERM, 1 failed, 2 usage, 78 configuration.\n",
	      out);
}

static const char *role_name(unsigned int roles)
{
	if (roles & ROLE_SERVER)
		return "server";
	if (roles & ROLE_GATEWAY)
		return "gateway";
	if (roles & ROLE_PNE)
		return "pne";
	return "cpnsd";
}

static void reload(struct daemon *daemon)
{
	struct config *config;
	char reason[256];
	int error;

	notify_send("RELOADING=1");
	error = config_read(daemon->config_path, &config, reason,
			    sizeof(reason));
	if (error) {
		log_error("configuration not read again, the old one stays: %s",
			  reason);
	} else if (config->roles != daemon->config->roles) {
		log_error("configuration not read again, the old one stays: roles change with a restart only");
		config_free(config);
	} else {
		if (daemon->smf)
			smf_reload(daemon->smf, config);
		if (daemon->seca)
			seca_reload(daemon->seca, config);
		config_free(daemon->config);
		daemon->config = config;
		log_info("configuration read again");
	}
	notify_send("READY=1");
}

static void signal_ready(void *context)
{
	struct daemon *daemon = context;
	struct signalfd_siginfo info;

	while (read(daemon->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			reload(daemon);
		} else {
			log_info("ending on signal %u", info.ssi_signo);
			loop_stop(&daemon->loop);
		}
	}
}

/*
 * Signals come through the loop; SIGPIPE would end us on a control client
 * that went away.
 */
static int signals_open(struct daemon *daemon)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	daemon->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (daemon->signal_fd < 0)
		return -errno;
	loop_fd_start(&daemon->loop, &daemon->signals, daemon->signal_fd,
		      signal_ready, daemon);
	return 0;
}

/*
 * The server holds wrapped keys and, for a moment, open ones: no core dumps,
 * no ptrace by others of our uid.  A lab may ask for cores to show that a
 * gateway's hold no key.
 */
static void forbid_core_dumps(const struct config *config)
{
	const struct rlimit none = { 0, 0 };

	if (!(config->roles & ROLE_SERVER))
		return;
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

static int roles_open(struct daemon *daemon, char *reason, size_t room)
{
	struct smf_options smf = {
		.loop = &daemon->loop,
		.config = daemon->config,
		.control = daemon->control,
	};
	struct seca_options seca = {
		.loop = &daemon->loop,
		.config = daemon->config,
		.control = daemon->control,
	};
	int error = 0;

	if (daemon->config->roles & ROLE_SERVER)
		error = smf_open(&daemon->smf, &smf, reason, room);
	if (!error && daemon->config->roles & (ROLE_GATEWAY | ROLE_PNE))
		error = seca_open(&daemon->seca, &seca, reason, room);
	return error;
}

static int run(struct daemon *daemon)
{
	char reason[512] = "";
	int error;

	error = loop_open(&daemon->loop);
	if (error) {
		log_error("no event loop: %s", strerror(-error));
		return EXIT_FAILURE;
	}
	error = signals_open(daemon);
	if (!error)
		error = control_open(&daemon->control, &daemon->loop);
	if (error)
		log_error("not started: %s", strerror(-error));
	if (!error) {
		error = roles_open(daemon, reason, sizeof(reason));
		if (error)
			log_error("not started: %s",
				  reason[0] ? reason : strerror(-error));
	}
	if (!error) {
		notify_watchdog_start(&daemon->loop);
		/* a server has handshakes all the time */
		if (!(daemon->config->roles & ROLE_SERVER))
			resident_start(&daemon->loop);
		notify_send("READY=1\nSTATUS=%s", role_name(daemon->config->roles));
		log_info("cpnsd %s started", CPNS_VERSION);
		loop_run(&daemon->loop);
		notify_send("STOPPING=1");
	}
	resident_stop();
	notify_watchdog_stop();
	seca_close(daemon->seca);
	smf_close(daemon->smf);
	control_close(daemon->control);
	loop_fd_stop(&daemon->signals);
	if (daemon->signal_fd >= 0)
		close(daemon->signal_fd);
	loop_close(&daemon->loop);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "config-dir", required_argument, NULL, 'd' },
		{ "check", no_argument, NULL, 'C' },
		{ "quiet", no_argument, NULL, 'Q' },
		{ "debug", no_argument, NULL, 'D' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct daemon daemon = { .signal_fd = -1 };
	int option, level = LOG_INFO, error, status;
	bool check = false;
	char reason[256];

	snprintf(daemon.config_path, sizeof(daemon.config_path),
		 "/etc/cpns/cpnsd.conf");
	while ((option = getopt_long(argc, argv, "c:d:Vh", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			snprintf(daemon.config_path, sizeof(daemon.config_path),
				 "%s", optarg);
			break;
		case 'd':
			snprintf(daemon.config_path, sizeof(daemon.config_path),
				 "%s/cpnsd.conf", optarg);
			break;
		case 'C':
			check = true;
			break;
		case 'Q':
			level = LOG_WARNING;
			break;
		case 'D':
			level = LOG_DEBUG;
			break;
		case 'V':
			puts(CPNS_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return CONTROL_USAGE;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return CONTROL_USAGE;
	}
	error = config_read(daemon.config_path, &daemon.config, reason,
			    sizeof(reason));
	if (error) {
		fprintf(stderr, "cpnsd: %s\n", reason);
		return CONTROL_CONFIGURATION;
	}
	if (check) {
		config_free(daemon.config);
		return EXIT_SUCCESS;
	}
	log_open(role_name(daemon.config->roles), level);
	forbid_core_dumps(daemon.config);
	status = run(&daemon);
	config_free(daemon.config);
	return status;
}
