// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl doctor: looks for what is missing, and names the command that mends
 * it.
 *
 * Threading: one thread.
 */
#include "doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

/* this release was not made before: a clock that says so is wrong */
#define CLOCK_NOT_BEFORE 1735689600	/* 2025-01-01 */

static const char *const words[] = { "good", "note", "bad" };

/**
 * doctor_report() - one finding
 * @doctor: the run
 * @finding: good, a note, or bad
 * @subject: what was looked at
 * @remedy: the command that mends it, or NULL
 * @format: what was found
 */
void doctor_report(struct doctor *doctor, enum finding finding,
		   const char *subject, const char *remedy,
		   const char *format, ...)
{
	struct json_object *object;
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	doctor->bad += finding == FINDING_BAD;
	if (!doctor->findings) {
		printf("%-4s  %-12s %s\n", words[finding], subject, text);
		if (remedy && finding != FINDING_GOOD)
			printf("%-4s  %-12s -> %s\n", "", "", remedy);
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "subject",
			       json_object_new_string(subject));
	json_object_object_add(object, "finding",
			       json_object_new_string(words[finding]));
	json_object_object_add(object, "text", json_object_new_string(text));
	json_object_object_add(object, "remedy",
			       remedy && finding != FINDING_GOOD ?
			       json_object_new_string(remedy) : NULL);
	json_object_array_add(doctor->findings, object);
}

static void check_clock(struct doctor *doctor)
{
	time_t now = time(NULL);
	char text[64];
	struct tm calendar;

	gmtime_r(&now, &calendar);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &calendar);
	if (now < CLOCK_NOT_BEFORE)
		doctor_report(doctor, FINDING_NOTE, "clock",
			      "timedatectl set-ntp true",
			      "%s; certificates are judged by the last time saved",
			      text);
	else
		doctor_report(doctor, FINDING_GOOD, "clock", NULL, "%s", text);
}

static void check_config(struct doctor *doctor)
{
	char path[512], error[512] = "", remedy[600];

	snprintf(path, sizeof(path), "%s/cpnsd.conf",
		 command_config_directory());
	if (config_read(path, &doctor->config, error, sizeof(error))) {
		snprintf(remedy, sizeof(remedy), "editor %s", path);
		doctor_report(doctor, FINDING_BAD, "config", remedy, "%s",
			      error);
	} else if (access(path, F_OK)) {
		doctor_report(doctor, FINDING_NOTE, "config",
			      "cpnsctl node install NODE.tar",
			      "%s is not there, the daemon has no role", path);
	} else {
		doctor_report(doctor, FINDING_GOOD, "config", NULL,
			      "%s can be read", path);
	}
}

static void check_daemon(struct doctor *doctor)
{
	struct json_object *answer;
	int result = daemon_ask(daemon_request("status"), &answer, true);

	json_object_put(answer);
	if (result == COMMAND_NO_DAEMON)
		doctor_report(doctor, FINDING_BAD, "daemon",
			      "systemctl enable --now cpnsd",
			      "none runs in this network namespace");
	else if (result == COMMAND_TIMED_OUT)
		doctor_report(doctor, FINDING_BAD, "daemon",
			      "systemctl restart cpnsd", "does not answer");
	else if (result == COMMAND_REFUSED)
		doctor_report(doctor, FINDING_BAD, "daemon", "sudo cpnsctl doctor",
			      "may not be asked by this user");
	else
		doctor_report(doctor, FINDING_GOOD, "daemon", NULL, "answers");
}

int command_doctor(int argc, char **argv)
{
	bool json = false;
	struct command_options options = {
		.name = "doctor",
		.usage = "[--json]",
		.help = "Looks at the module, the keyrings, request-key(8), AF_ALG, the clock, the\n"
			"certificates, the policies and the daemon, and names the command that mends\n"
			"what is wrong. Exit code 1 if anything is.",
		.json = &json,
	};
	struct doctor doctor = { 0 };
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	if (json)
		doctor.findings = json_object_new_array();
	doctor_kernel(&doctor);
	check_clock(&doctor);
	check_config(&doctor);
	if (doctor.config) {
		if (!doctor_psk(&doctor))
			doctor_certificates(&doctor);
		doctor_policies(&doctor);
	}
	check_daemon(&doctor);
	if (json)
		print_json(json_object_get(doctor.findings));
	else if (doctor.bad)
		printf("%u thing%s to mend\n", doctor.bad,
		       doctor.bad == 1 ? "" : "s");
	json_object_put(doctor.findings);
	if (doctor.config)
		config_free(doctor.config);
	cpns_close(doctor.kernel);
	return doctor.bad ? COMMAND_FAILED : COMMAND_OK;
}
