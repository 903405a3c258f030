// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local control socket: answers, refusals, answers that come later, and
 * peers that behave badly.  A real socket, the loop in a child process.
 */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <cpns/cpns.h>

#include "control.h"

#define ADMIN_GROUP 54321

static pid_t daemon_process;
static char socket_path[108];
static struct control_reply *held;
static struct loop_timer later;

/* in the place of libc's: the group need not be on this machine */
struct group *getgrnam(const char *name)
{
	static char *nobody[1];
	static struct group admins = {
		.gr_name = "cpns-admin",
		.gr_gid = ADMIN_GROUP,
		.gr_mem = nobody,
	};

	return strcmp(name, admins.gr_name) ? NULL : &admins;
}

static void echo(void *context, const struct control_request *request,
		 struct control_reply *reply)
{
	struct json_object *answer = json_object_new_object(), *text;

	(void)context;
	if (!json_object_object_get_ex(request->body, "text", &text)) {
		json_object_put(answer);
		control_reply_error(reply, CONTROL_USAGE, "no text");
		return;
	}
	json_object_object_add(answer, "text", json_object_get(text));
	control_reply_ok(reply, answer);
}

static void answer_now(void *context)
{
	(void)context;
	control_reply_ok(held, NULL);
}

static void answer_later(void *context, const struct control_request *request,
			 struct control_reply *reply)
{
	(void)context;
	(void)request;
	held = reply;
	loop_timer_start(&later, 0.2);
}

static void serve(int ready)
{
	struct control *control;
	struct loop loop;

	signal(SIGPIPE, SIG_IGN);
	if (loop_open(&loop) || control_open(&control, &loop) ||
	    control_register(control, "echo", false, echo, NULL) ||
	    control_register(control, "later", true, answer_later, NULL) ||
	    control_register(control, "echo", false, echo, NULL) != -EEXIST)
		_exit(1);
	loop_timer_init(&loop, &later, answer_now, NULL);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	loop_run(&loop);
	_exit(0);
}

static int start(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	/* a network namespace of our own has a socket of its own */
	if (unshare(CLONE_NEWNET) || pipe(ends) ||
	    cpns_control_path(0, socket_path, sizeof(socket_path)))
		return -1;
	daemon_process = fork();
	if (!daemon_process)
		serve(ends[1]);
	close(ends[1]);
	return read(ends[0], &byte, 1) == 1 ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	kill(daemon_process, SIGKILL);
	waitpid(daemon_process, NULL, 0);
	return unlink(socket_path);
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, socket_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address,
				 sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect(int fd, const char *text)
{
	char line[512];
	size_t used = 0;

	while (used < sizeof(line) - 1 && read(fd, line + used, 1) == 1 &&
	       line[used] != '\n')
		used++;
	line[used] = '\0';
	assert_string_equal(line, text);
}

static void test_answer(void **state)
{
	int fd = dial();

	(void)state;
	put(fd, "{\"verb\":\"echo\",\"text\":\"a\"}\n");
	expect(fd, "{\"text\":\"a\",\"ok\":true}");
	close(fd);
}

static void test_two_lines_in_one_write(void **state)
{
	int fd = dial();

	(void)state;
	put(fd, "{\"verb\":\"echo\",\"text\":1}\n{\"verb\":\"echo\",\"text\":2}\n");
	expect(fd, "{\"text\":1,\"ok\":true}");
	expect(fd, "{\"text\":2,\"ok\":true}");
	close(fd);
}

static void test_refusals(void **state)
{
	int fd = dial();

	(void)state;
	put(fd, "{\"verb\":\"echo\"}\n");
	expect(fd, "{\"ok\":false,\"error\":\"no text\",\"exit\":2}");
	put(fd, "{\"verb\":\"fly\"}\n");
	expect(fd, "{\"ok\":false,\"error\":\"this cpnsd does not know 'fly' (is it of another role?)\",\"exit\":2}");
	put(fd, "[]\n");
	expect(fd, "{\"ok\":false,\"error\":\"not a JSON object with a verb\",\"exit\":2}");
	put(fd, "{\"verb\":\n");
	expect(fd, "{\"ok\":false,\"error\":\"not a JSON object with a verb\",\"exit\":2}");
	close(fd);
}

static void test_zero_bytes(void **state)
{
	static const char line[] =
		"{\"verb\":\"echo\",\"text\":1}\0\0 {\"verb\":\n";
	char answer[256];
	int fd = dial();

	(void)state;
	assert_int_equal(write(fd, line, sizeof(line) - 1), sizeof(line) - 1);
	assert_true(read(fd, answer, sizeof(answer)) > 0);
	put(fd, "{\"verb\":\"echo\",\"text\":2}\n");
	expect(fd, "{\"text\":2,\"ok\":true}");
	close(fd);
}

static void test_answer_that_comes_later(void **state)
{
	int fd = dial();

	(void)state;
	put(fd, "{\"verb\":\"later\"}\n{\"verb\":\"echo\",\"text\":1}\n");
	expect(fd, "{\"ok\":true}");
	expect(fd, "{\"text\":1,\"ok\":true}");
	close(fd);
}

static void test_peer_goes_before_its_answer(void **state)
{
	int fd = dial();

	(void)state;
	put(fd, "{\"verb\":\"later\"}\n");
	close(fd);
	usleep(400000);
	test_answer(state);
}

static void test_many_short_lines(void **state)
{
	const int lines = 20000;
	int fd = dial(), i;
	pid_t writer;

	(void)state;
	writer = fork();
	if (!writer) {
		for (i = 0; i < lines; i++)
			if (write(fd, "0\n", 2) != 2)
				_exit(1);
		_exit(0);
	}
	for (i = 0; i < lines; i++)
		expect(fd, "{\"ok\":false,\"error\":\"not a JSON object with a verb\",\"exit\":2}");
	waitpid(writer, NULL, 0);
	close(fd);
}

static void test_admin_verbs_are_for_admins(void **state)
{
	pid_t stranger = fork();
	int status;

	(void)state;
	if (!stranger) {
		/* the socket's own mode keeps strangers out altogether */
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		strcpy(address.sun_path, socket_path);
		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(!(connect(fd, (struct sockaddr *)&address,
				sizeof(address)) < 0 && errno == EACCES));
	}
	waitpid(stranger, &status, 0);
	assert_int_equal(status, 0);
}

/* whom a service manager gives the group, without an entry in its list */
static void test_supplementary_group(void **state)
{
	static const char asked[] = "{\"verb\":\"later\"}\n";
	static const char wanted[] = "{\"ok\":true}\n";
	const gid_t groups[] = { 65533, ADMIN_GROUP };
	int status;
	pid_t admin = fork();

	(void)state;
	if (!admin) {
		char answer[256] = "";
		int fd;

		if (setgroups(2, groups) || setgid(65534) || setuid(65534))
			_exit(2);
		fd = dial();
		put(fd, asked);
		if (read(fd, answer, sizeof(answer) - 1) < 0)
			_exit(3);
		_exit(!!strcmp(answer, wanted));
	}
	waitpid(admin, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_two_lines_in_one_write),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_zero_bytes),
		cmocka_unit_test(test_answer_that_comes_later),
		cmocka_unit_test(test_peer_goes_before_its_answer),
		cmocka_unit_test(test_many_short_lines),
		cmocka_unit_test(test_admin_verbs_are_for_admins),
		cmocka_unit_test(test_supplementary_group),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
