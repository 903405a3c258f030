// SPDX-License-Identifier: GPL-2.0-only
/*
 * Figures in text exposition format as JSON: one object a sample.
 *
 * Threading: one thread; no state.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* name="value", a backslash before backslash, quote or n; cut in place */
static bool take_label(char **from, struct json_object *labels)
{
	char *at = *from, *name = strsep(&at, "="), *value, *to;

	if (!at || *at++ != '"')
		return false;
	for (value = to = at; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1] && *++at == 'n')
			*to++ = '\n';
		else
			*to++ = *at;
	}
	if (!*at)
		return false;
	*to = '\0';
	json_add_text(labels, name, value);
	*from = at + 1;
	return true;
}

static bool take_labels(char **from, struct json_object *labels)
{
	while (**from != '}') {
		if (!take_label(from, labels))
			return false;
		if (**from == ',')
			(*from)++;
		else if (**from != '}')
			return false;
	}
	(*from)++;
	return true;
}

/* JSON has no infinity */
static struct json_object *number(double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	return isfinite(value) ? json_object_new_double_s(value, text) : NULL;
}

static bool take_sample(char *line, struct json_object *sample)
{
	struct json_object *labels = json_object_new_object();
	size_t size = strcspn(line, "{ ");
	char *at = line + size, *end;
	double value;

	json_object_object_add(sample, "name",
			       json_object_new_string_len(line, (int)size));
	json_object_object_add(sample, "labels", labels);
	if (*at == '{') {
		at++;
		if (!take_labels(&at, labels))
			return false;
	}
	value = strtod(at, &end);
	json_object_object_add(sample, "value", number(value));
	return size && *at == ' ' && end != at && !*end;
}

/**
 * metrics_to_json() - the samples of a text in exposition format
 * @text: the text; its comments are left out
 *
 * Return: an array of {name, labels, value}, or NULL: a line is no sample.
 */
struct json_object *metrics_to_json(const char *text)
{
	struct json_object *samples = json_object_new_array(), *sample;
	char *copy = strdup(text), *rest = copy, *line;
	bool good = copy;

	while (good && (line = strsep(&rest, "\n"))) {
		if (!*line || *line == '#')
			continue;
		sample = json_object_new_object();
		good = take_sample(line, sample);
		json_object_array_add(samples, sample);
	}
	free(copy);
	if (good)
		return samples;
	json_object_put(samples);
	return NULL;
}
