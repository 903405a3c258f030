// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links of the PN: hostapd's words, a hostapd that runs (driver=none has the
 * control socket of any other), and BlueZ as python3-dbusmock's template of it
 * plays it on a bus of its own: what a real one does not do on demand. The real
 * one is in tests/netns/test_pn_bluetooth.sh, with virtual controllers.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "seca/bluez.h"
#include "seca/hostapd.h"
#include "seca/pn_links.h"

#define HOSTAPD	"/usr/sbin/hostapd"
#define SECRET	"wpa_passphrase=correct horse\n"
#define DEVICE	"/org/bluez/hci0/dev_11_22_33_44_55_66"
#define MOCK	"--object-path /org/bluez --method org.bluez.Mock."
#define UPDATE	"org.freedesktop.DBus.Mock.UpdateProperties"

static struct loop loop;
static unsigned int changes;
static char folder[64];

static void changed(void *context)
{
	changes++;
}

static void stop(void *context)
{
	loop_stop(&loop);
}

static void run(double seconds)
{
	struct loop_timer limit;

	loop_timer_init(&loop, &limit, stop, NULL);
	loop_timer_start(&limit, seconds);
	loop_run(&loop);
	loop_timer_stop(&limit);
}

/* "wifi:open wire:strong" of what would be reported now */
static const char *report(struct pn_links *links)
{
	static const char *const kinds[] = { "", "wifi", "bluetooth", "wire" };
	static const char *const words[] = { "open", "weak", "strong" };
	struct capabilities capabilities = { 0 };
	static char text[256];

	pn_links_fill(links, &capabilities);
	text[0] = '\0';
	for (size_t i = 0; i < capabilities.links_count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s:%s", i ? " " : "",
			 kinds[capabilities.links[i].kind],
			 words[capabilities.links[i].security]);
	return text;
}

/* true as soon as the report says so; 30 s are for a busy machine */
static bool becomes(struct pn_links *links, const char *text)
{
	for (int i = 0; i < 300; i++) {
		if (!strcmp(report(links), text))
			return true;
		run(0.1);
	}
	print_message("report is '%s', not '%s'\n", report(links), text);
	return false;
}

static pid_t start(char *const *argv)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* none outlives a test that failed */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stdout) ||
	    !freopen("/dev/null", "w", stderr))
		_exit(126);
	execvp(argv[0], argv);
	_exit(127);
}

static void end(pid_t pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static void words_of_hostapd(void **state)
{
	static const struct {
		const char *config;
		enum pn_link_security security;
	} cases[] = {
		{ "bssid=02:00:00:00:00:00\nssid=pn\n", PN_LINK_OPEN },
		{ "", PN_LINK_OPEN },
		{ "FAIL\n", PN_LINK_OPEN },
		{ "ssid=wpa=2\n", PN_LINK_OPEN },
		{ "wpa=2\n", PN_LINK_OPEN },
		{ "wpa=1\nkey_mgmt=WPA-PSK\ngroup_cipher=TKIP\nwpa_pairwise_cipher=TKIP\n",
		  PN_LINK_WEAK },
		{ "wpa=3\nkey_mgmt=WPA-PSK\ngroup_cipher=CCMP\nrsn_pairwise_cipher=CCMP\n",
		  PN_LINK_WEAK },
		{ "wpa=2\nkey_mgmt=WPA-PSK\ngroup_cipher=TKIP\nrsn_pairwise_cipher=CCMP\n",
		  PN_LINK_WEAK },
		{ "wpa=2\nkey_mgmt=WPA-PSK\ngroup_cipher=CCMP\nrsn_pairwise_cipher=CCMP TKIP\n",
		  PN_LINK_WEAK },
		{ "wpa=2\nkey_mgmt=OWE\ngroup_cipher=CCMP\nrsn_pairwise_cipher=CCMP\n",
		  PN_LINK_WEAK },
		{ "wpa=2\nkey_mgmt=WPA-PSK\ngroup_cipher=CCMP\nrsn_pairwise_cipher=CCMP\n",
		  PN_LINK_STRONG },
		{ "wpa=2\nkey_mgmt=WPA-PSK SAE\ngroup_cipher=CCMP\nrsn_pairwise_cipher=CCMP GCMP\n",
		  PN_LINK_STRONG },
		{ "wpa=2\nkey_mgmt=WPA-EAP\ngroup_cipher=GCMP-256\nrsn_pairwise_cipher=GCMP-256\n",
		  PN_LINK_STRONG },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(hostapd_security(cases[i].config),
				 cases[i].security);
}

static struct pn_links *open_links(struct config *config)
{
	const struct pn_links_options options = {
		.loop = &loop, .config = config, .changed = changed,
	};
	struct pn_links *links;

	assert_int_equal(pn_links_open(&links, &options), 0);
	return links;
}

static void of_the_configuration(void **state)
{
	struct config config = {
		.hostapd = "none", .bluez = "none", .links_count = 3,
		.links = { { PN_LINK_WIRE, PN_LINK_STRONG },
			   { PN_LINK_WIFI, PN_LINK_WEAK },
			   { PN_LINK_WIRE, PN_LINK_STRONG } },
	}, other = { .hostapd = "none", .bluez = "none" };
	struct pn_links *links = open_links(&config);

	assert_string_equal(report(links), "wifi:weak wire:strong");
	changes = 0;
	pn_links_reload(links, &other);
	run(0.1);
	assert_int_equal(changes, 1);
	assert_string_equal(report(links), "");
	pn_links_close(links);
}

static void write_hostapd(const char *words)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/hostapd.conf", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "interface=pn0\ndriver=none\nctrl_interface=%s/ctrl\nssid=pn\n%s",
		folder, words);
	fclose(file);
}

static void a_running_hostapd(void **state)
{
	char path[96], directory[96];
	char *const argv[] = { HOSTAPD, path, NULL };
	struct config config = { .hostapd = directory, .bluez = "none" };
	struct pn_links *links;
	pid_t hostapd;

	if (access(HOSTAPD, X_OK) || geteuid())
		skip();
	snprintf(path, sizeof(path), "%s/hostapd.conf", folder);
	snprintf(directory, sizeof(directory), "%s/ctrl", folder);
	/* before it runs there is no link */
	links = open_links(&config);
	run(0.2);
	assert_string_equal(report(links), "");
	write_hostapd("wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\n" SECRET);
	hostapd = start(argv);
	assert_true(becomes(links, "wifi:strong"));
	/* the administrator takes the protection away: SIGHUP reads again */
	write_hostapd("");
	changes = 0;
	kill(hostapd, SIGHUP);
	assert_true(becomes(links, "wifi:open"));
	assert_int_equal(changes, 1);
	write_hostapd("wpa=1\nwpa_key_mgmt=WPA-PSK\nwpa_pairwise=TKIP\n" SECRET);
	kill(hostapd, SIGHUP);
	assert_true(becomes(links, "wifi:weak"));
	/* one that hangs is not known to be protected */
	kill(hostapd, SIGSTOP);
	assert_true(becomes(links, "wifi:open"));
	kill(hostapd, SIGCONT);
	assert_true(becomes(links, "wifi:weak"));
	end(hostapd);
	assert_true(becomes(links, ""));
	pn_links_close(links);
}

#ifdef CPNS_HAVE_DBUS
static char address[160];

static int tell_bluez(const char *words)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "DBUS_SYSTEM_BUS_ADDRESS='%s' gdbus call --system --dest org.bluez %s >/dev/null 2>&1",
		 address, words);
	return system(command);
}

/* @properties: name: <value>, ... of the one device */
static void device_gets(const char *properties)
{
	char words[256];

	snprintf(words, sizeof(words),
		 "--object-path " DEVICE " --method " UPDATE
		 " org.bluez.Device1 \"{%s}\"", properties);
	assert_false(tell_bluez(words));
}

static bool wait_for(const char *words)
{
	for (int i = 0; i < 150; i++) {
		if (!tell_bluez(words))
			return true;
		usleep(200000);
	}
	return false;
}

static pid_t start_bus(void)
{
	char path[96], bus_config[160];
	char *const argv[] = { "dbus-daemon", "--nofork", bus_config, NULL };
	FILE *file;
	pid_t bus;

	snprintf(path, sizeof(path), "%s/bus.conf", folder);
	snprintf(bus_config, sizeof(bus_config), "--config-file=%s", path);
	snprintf(address, sizeof(address), "unix:path=%s/bus", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "<busconfig><listen>%s</listen><policy context='default'>",
		address);
	fputs("<allow user='*'/><allow own='*'/>", file);
	fputs("<allow send_destination='*'/><allow receive_sender='*'/>", file);
	fputs("</policy></busconfig>", file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/bus", folder);
	unlink(path);
	bus = start(argv);
	for (int i = 0; i < 150 && access(path, F_OK); i++)
		usleep(200000);
	return bus;
}

static pid_t start_on_bus(char *const *argv)
{
	pid_t pid;

	setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
	pid = start(argv);
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	return pid;
}

/* with one device */
static pid_t start_bluez(void)
{
	char *const argv[] = {
		"/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "bluez5",
		NULL,
	};
	pid_t bluez = start_on_bus(argv);

	assert_true(wait_for(MOCK "AddAdapter hci0 mine"));
	assert_false(tell_bluez(MOCK "AddDevice hci0 11:22:33:44:55:66 phone"));
	return bluez;
}

/* signals without a pause, as while it searches among many devices */
static pid_t start_storm(void)
{
	char *const argv[] = {
		"/usr/bin/python3", "-c",
		"import dbus\n"
		"device = dbus.Interface(dbus.SystemBus().get_object('org.bluez', '" DEVICE "'),\n"
		"                        'org.freedesktop.DBus.Mock')\n"
		"for number in range(1000000):\n"
		"    device.UpdateProperties('org.bluez.Device1', {'Alias': str(number)})\n",
		NULL,
	};

	return start_on_bus(argv);
}

static bool can_mock(void)
{
	return !system("/usr/bin/python3 -c 'import dbusmock' 2>/dev/null") &&
	       !access("/usr/bin/gdbus", X_OK) &&
	       !access("/usr/bin/dbus-daemon", X_OK);
}

static void bluez_of_a_bus(void **state)
{
	struct config config = { .hostapd = "none", .bluez = address };
	struct pn_links *links;
	pid_t bus, bluez, storm;

	if (!can_mock())
		skip();
	bus = start_bus();
	links = open_links(&config);
	run(0.3);
	assert_string_equal(report(links), "");
	bluez = start_bluez();
	run(1);
	/* a device that is not connected is no link */
	assert_string_equal(report(links), "");
	device_gets("'Connected': <true>");
	assert_true(becomes(links, "bluetooth:open"));
	device_gets("'Paired': <true>, 'LegacyPairing': <true>");
	assert_true(becomes(links, "bluetooth:weak"));
	changes = 0;
	device_gets("'LegacyPairing': <false>");
	assert_true(becomes(links, "bluetooth:strong"));
	assert_int_equal(changes, 1);
	storm = start_storm();
	run(2);
	device_gets("'Paired': <false>");
	assert_true(becomes(links, "bluetooth:open"));
	end(storm);
	/* all at once: what it said last counts */
	device_gets("'Connected': <false>");
	end(bluez);
	assert_true(becomes(links, ""));
	/* without its bus the daemon goes on */
	end(bus);
	run(0.5);
	assert_string_equal(report(links), "");
	pn_links_close(links);
}

static void bluez_that_fails(void **state)
{
	struct config config = { .hostapd = "none", .bluez = address };
	struct pn_links *links;
	pid_t bus, bluez;

	if (!can_mock())
		skip();
	bus = start_bus();
	bluez = start_bluez();
	device_gets("'Connected': <true>, 'Paired': <true>");
	/* one that hangs is not known to have no links */
	kill(bluez, SIGSTOP);
	links = open_links(&config);
	assert_true(becomes(links, "bluetooth:open"));
	kill(bluez, SIGCONT);
	assert_true(becomes(links, "bluetooth:strong"));
	/* the kernel keeps the connections of one that dies */
	kill(bluez, SIGKILL);
	waitpid(bluez, NULL, 0);
	assert_true(becomes(links, "bluetooth:open"));
	bluez = start_bluez();
	assert_true(becomes(links, ""));
	device_gets("'Connected': <true>, 'Paired': <true>");
	assert_true(becomes(links, "bluetooth:strong"));
	end(bus);
	assert_true(becomes(links, "bluetooth:open"));
	end(bluez);
	pn_links_close(links);
}
#endif

static int set_up(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/cpns-links.XXXXXX");
	return !mkdtemp(folder) || loop_open(&loop);
}

static int tear_down(void **state)
{
	char command[96];

	loop_close(&loop);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_hostapd),
		cmocka_unit_test(of_the_configuration),
		cmocka_unit_test(a_running_hostapd),
#ifdef CPNS_HAVE_DBUS
		cmocka_unit_test(bluez_of_a_bus),
		cmocka_unit_test(bluez_that_fails),
#endif
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
