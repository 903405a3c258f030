// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading tests/vectors/ in unit tests.
 */
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void vectors_open(struct vectors *vectors, const char *name)
{
	char path[4096];
	FILE *file;
	long size;

	memset(vectors, 0, sizeof(*vectors));
	snprintf(path, sizeof(path), VECTORS_DIR "/%s", name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("%s cannot be opened", path);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	vectors->text = calloc(1, (size_t)size + 1);
	assert_non_null(vectors->text);
	assert_int_equal(fread(vectors->text, 1, (size_t)size, file), size);
	fclose(file);
	vectors->next = vectors->text;
}

void vectors_close(struct vectors *vectors)
{
	free(vectors->text);
	free(vectors->block);
	memset(vectors, 0, sizeof(*vectors));
}

static void take_title(struct vectors *vectors)
{
	const char *line = vectors->block, *end;

	while (line && *line) {
		end = strchrnul(line, '\n');
		if (*line == '#')
			snprintf(vectors->title, sizeof(vectors->title),
				 "%.*s", (int)(end - line) - 2, line + 2);
		line = *end ? end + 1 : NULL;
	}
}

static bool next_block(struct vectors *vectors)
{
	char *end;

	if (!*vectors->next)
		return false;
	end = strstr(vectors->next, "\n\n");
	free(vectors->block);
	vectors->block = end ? strndup(vectors->next,
				       (size_t)(end - vectors->next) + 1) :
			       strdup(vectors->next);
	assert_non_null(vectors->block);
	vectors->next = end ? end + 2 : vectors->next + strlen(vectors->next);
	take_title(vectors);
	return true;
}

static const char *find_line(const struct vectors *vectors, const char *name)
{
	size_t size = strlen(name);
	const char *line = vectors->block;

	while (line && *line) {
		if (!strncmp(line, name, size) &&
		    !strncmp(line + size, " =", 2))
			return line + size + 2;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return NULL;
}

bool vectors_has(const struct vectors *vectors, const char *name)
{
	return find_line(vectors, name);
}

bool vectors_next(struct vectors *vectors, const char *name)
{
	while (next_block(vectors)) {
		if (vectors_has(vectors, name))
			return true;
	}
	return false;
}

void vectors_find(struct vectors *vectors, const char *title)
{
	vectors->next = vectors->text;
	while (next_block(vectors)) {
		if (!strncmp(vectors->title, title, strlen(title)))
			return;
	}
	fail_msg("no vector \"%s\"", title);
}

void vectors_get(const struct vectors *vectors, const char *name,
		 struct hex *hex)
{
	const char *at = find_line(vectors, name);
	unsigned int byte;

	if (!at)
		fail_msg("vector \"%s\" has no %s", vectors->title, name);
	hex->size = 0;
	at += *at == ' ';
	while (*at && *at != '\n') {
		assert_true(hex->size < sizeof(hex->bytes));
		if (sscanf(at, "%2x", &byte) != 1)
			fail_msg("vector \"%s\": %s is not hex",
				 vectors->title, name);
		hex->bytes[hex->size++] = (uint8_t)byte;
		at += 2;
	}
}

void vectors_get_exactly(const struct vectors *vectors, const char *name,
			 void *bytes, size_t size)
{
	struct hex hex;

	vectors_get(vectors, name, &hex);
	assert_int_equal(hex.size, size);
	memcpy(bytes, hex.bytes, size);
}

uint64_t vectors_number(const struct vectors *vectors, const char *name)
{
	uint64_t number = 0;
	struct hex hex;
	size_t i;

	vectors_get(vectors, name, &hex);
	assert_true(hex.size <= sizeof(number));
	for (i = 0; i < hex.size; i++)
		number = number << 8 | hex.bytes[i];
	return number;
}
