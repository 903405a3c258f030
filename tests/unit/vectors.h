/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading tests/vectors/ in unit tests: blocks between empty lines, in them
 * lines of "name = hex"; # begins a comment.  VECTORS_DIR is set by meson.
 */
#ifndef CPNS_TEST_VECTORS_H
#define CPNS_TEST_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vectors {
	char *text;			/* the whole file */
	char *next;			/* after the current block */
	char *block;
	char title[128];		/* last comment before the block's lines */
};

struct hex {
	uint8_t bytes[4096];
	size_t size;
};

void vectors_open(struct vectors *vectors, const char *name);
void vectors_close(struct vectors *vectors);
/* to the next block that has a line of @name; false at the end */
bool vectors_next(struct vectors *vectors, const char *name);
bool vectors_has(const struct vectors *vectors, const char *name);
/* fails the test if the block has no such line */
void vectors_get(const struct vectors *vectors, const char *name,
		 struct hex *hex);
void vectors_get_exactly(const struct vectors *vectors, const char *name,
			 void *bytes, size_t size);
/* big-endian number of up to 8 bytes */
uint64_t vectors_number(const struct vectors *vectors, const char *name);
/* the first block whose title begins with @title; fails if there is none */
void vectors_find(struct vectors *vectors, const char *title);

#endif
