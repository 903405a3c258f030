// SPDX-License-Identifier: GPL-2.0-only
/*
 * "No such group" and "not a member" are the same answer, after the same time
 * (wire description section 2): else a stranger with a good certificate could
 * find out which groups there are.
 *
 * Times are compared in pairs that are asked one after the other, each second
 * pair in the other order, so that whatever else the machine does hits both.
 */
#include "server_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cskmf/group.h"

#define NO_GROUP "ace-group|sip:sg-43@cpns.example"
#define PAIRS 400
/* requests behind each time, so that their own noise averages out */
#define IN_A_ROW 8

struct times {
	double first[PAIRS], second[PAIRS];	/* microseconds, of all in a row */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int by_value(const void *one, const void *other)
{
	const double *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

/* @values is sorted afterwards */
static double quantile(double *values, size_t count, double part)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[(size_t)(part * (double)(count - 1))];
}

/*
 * Medians nearer to each other than the middle half of the times is wide, and
 * neither side slower in far more than half of the pairs: 400 throws of a
 * coin bring fewer than 80 or more than 320 heads never in a lifetime.
 */
static bool alike(struct times *times)
{
	double medians[2], width;
	unsigned int slower = 0, i;

	for (i = 0; i < PAIRS; i++)
		slower += times->first[i] > times->second[i];
	medians[0] = quantile(times->first, PAIRS, 0.5);
	medians[1] = quantile(times->second, PAIRS, 0.5);
	width = quantile(times->first, PAIRS, 0.75) -
		quantile(times->first, PAIRS, 0.25);
	printf("medians %.1f and %.1f us, middle half %.1f us wide, first one slower in %u of %u pairs\n",
	       medians[0], medians[1], width, slower, PAIRS);
	return medians[0] - medians[1] < width &&
	       medians[1] - medians[0] < width &&
	       slower > PAIRS / 5 && slower < PAIRS - PAIRS / 5;
}

static double ask(struct fixture *fixture, struct peer *peer,
		  enum transport_method method, const char *path)
{
	double begun = now();
	int i;

	for (i = 0; i < IN_A_ROW; i++)
		peer_call(fixture, peer, method, path, FORMAT_NONE, NULL, 0);
	return now() - begun;
}

static void compare(struct fixture *fixture, struct peer *asker,
		    struct peer *other, enum transport_method method,
		    const char *there, const char *elsewhere,
		    struct times *times)
{
	unsigned int i;

	for (i = 0; i < PAIRS; i++) {
		if (i % 2)
			times->first[i] = ask(fixture, asker, method, there);
		times->second[i] = ask(fixture, other, method, elsewhere);
		if (!(i % 2))
			times->first[i] = ask(fixture, asker, method, there);
	}
}

/* large enough that looking for somebody in it takes steps */
static void set_up(struct fixture *fixture)
{
	char *document = document_make(SGID, QUICK,
				       ENTRY("gw1", "1", ""), NULL);
	static char text[65536];
	size_t used, i;
	char *end;

	end = strstr(document, "</list>");
	used = (size_t)(end - document);
	memcpy(text, document, used);
	for (i = 0; i < 250; i++)
		used += snprintf(text + used, sizeof(text) - used,
				 "<entry uri=\"urn:cpns:node:n%zu\"><cpns:member roles=\"receiver\"/></entry>",
				 i);
	snprintf(text + used, sizeof(text) - used, "%s", end);
	assert_int_equal(create(fixture, text), 1);
	peer_open(fixture, &fixture->gw1, "gw1");
	peer_join(fixture, &fixture->gw1, SGID, SGID, BOTH);
	kernel_install(fixture, &fixture->gw1, &fixture->gw1.answer);
	peer_open(fixture, &fixture->gw3, "gw3");
}

static void test_over_a_session(void **state)
{
	static const struct {
		enum transport_method method;
		const char *below;
	} requests[] = {
		{ METHOD_GET, "" }, { METHOD_GET, "|num" },
		{ METHOD_GET, "|roster" }, { METHOD_DELETE, "|nodes|gw3" },
	};
	struct fixture *fixture = *state;
	struct peer *gw3 = &fixture->gw3;
	char there[128], elsewhere[128], words[128];
	static struct times times;
	size_t i;

	set_up(fixture);
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		snprintf(there, sizeof(there), GROUP "%s", requests[i].below);
		snprintf(elsewhere, sizeof(elsewhere), NO_GROUP "%s",
			 requests[i].below);
		ask(fixture, gw3, requests[i].method, there);
		assert_refused(&gw3->answer, COAP_FORBIDDEN, 0);
		strcpy(words, gw3->answer.problem);
		ask(fixture, gw3, requests[i].method, elsewhere);
		assert_refused(&gw3->answer, COAP_FORBIDDEN, 0);
		assert_string_equal(gw3->answer.problem, words);
		compare(fixture, gw3, gw3, requests[i].method, there,
			elsewhere, &times);
		assert_true(alike(&times));
	}
	/* the measure sees a difference where there is one: a SEAL is made */
	compare(fixture, &fixture->gw1, gw3, METHOD_GET, GROUP, NO_GROUP,
		&times);
	assert_int_equal(fixture->gw1.answer.code, COAP_CONTENT);
	assert_false(alike(&times));
}

/* many decisions in a row, without the noise of a session */
static double decide(struct cskmf *cskmf, const char *sgid)
{
	const struct identity gw3 = { .kind = IDENTITY_NODE, .id = "gw3" };
	double begun = now();
	struct refusal refusal;
	struct group *group;
	int i;

	for (i = 0; i < 200; i++)
		assert_true(delivery_admit(cskmf, &gw3, sgid, &group,
					   &refusal) < 0);
	return now() - begun;
}

static void test_the_decision_alone(void **state)
{
	struct fixture *fixture = *state;
	struct cskmf *cskmf;
	static struct times times;
	double medians[2];
	unsigned int i;

	set_up(fixture);
	cskmf = fixture->smf->cskmf;
	for (i = 0; i < PAIRS; i++) {
		times.first[i] = decide(cskmf, SGID);
		times.second[i] = decide(cskmf, "sip:sg-43@cpns.example");
	}
	medians[0] = quantile(times.first, PAIRS, 0.5) / 200;
	medians[1] = quantile(times.second, PAIRS, 0.5) / 200;
	printf("not a member %.3f us, no such group %.3f us\n", medians[0],
	       medians[1]);
	assert_true(medians[0] < 1.5 * medians[1]);
	assert_true(medians[1] < 1.5 * medians[0]);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_over_a_session),
		TEST(test_the_decision_alone),
	};

	return cmocka_run_group_tests_name("same_answer", tests, NULL, NULL);
}
