// SPDX-License-Identifier: GPL-2.0-only
/*
 * How cpnsctl writes numbers, times, addresses and JSON.
 *
 * Threading: one thread; no state.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "command.h"

/**
 * print_json() - an object on standard output, for programs
 * @object: taken over
 */
void print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object,
					    JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_SPACED |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

void print_hex(FILE *out, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		fprintf(out, "%02x", bytes[i]);
}

/**
 * json_text() - a member of an object as text
 * @object: object
 * @name: of the member
 *
 * Return: its text, "-" where it is missing or null; owned by @object.
 */
const char *json_text(struct json_object *object, const char *name)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, name, &member) || !member)
		return "-";
	return json_object_get_string(member);
}

void json_add_text(struct json_object *object, const char *name,
		   const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text));
}

void json_add_number(struct json_object *object, const char *name,
		     uint64_t number)
{
	json_object_object_add(object, name, json_object_new_uint64(number));
}

struct json_object *json_hex(const uint8_t *bytes, size_t size)
{
	char text[2 * 64 + 1] = "";

	for (size_t i = 0; i < size && i < 64; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_object_new_string(text);
}

/**
 * print_seconds() - a duration for people
 * @out: stream
 * @seconds: duration; UINT64_MAX is "never"
 */
void print_seconds(FILE *out, uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {
		{ 86400, "day" }, { 3600, "hour" }, { 60, "minute" },
		{ 1, "second" },
	};
	unsigned int parts = 0;

	if (seconds == UINT64_MAX) {
		fputs("never", out);
		return;
	}
	for (size_t i = 0; i < 4 && parts < 2; i++) {
		uint64_t count = seconds / units[i].seconds;

		if (!count && !(i == 3 && !parts))
			continue;
		fprintf(out, "%s%" PRIu64 " %s%s", parts ? ", " : "", count,
			units[i].name, count == 1 ? "" : "s");
		seconds %= units[i].seconds;
		parts++;
	}
}

const char *print_address(sa_family_t family, const uint8_t *address,
			  char *text, size_t room)
{
	if (!inet_ntop(family, address, text, (socklen_t)room))
		snprintf(text, room, "-");
	return text;
}
