// SPDX-License-Identifier: GPL-2.0-only
/*
 * Concise problem details (RFC 9290) with the error-id of RFC 9594 section
 * 4.1.2: {0: {0: error-id}, -1: title}.
 *
 * No state, any thread.
 */
#include <errno.h>
#include <stdio.h>

#include "proto/cbor.h"
#include "proto/response.h"

#define PROBLEM_ACE_GROUPCOMM_ERROR	0
#define PROBLEM_TITLE			(-1)
#define ERROR_ID			0
#define TITLE_MAX			1024

/**
 * problem_encode() - make problem details
 * @title: cause in one line, may be NULL
 * @error_id: of RFC 9594, or %PROBLEM_NO_ERROR_ID
 * @bytes: gets the body, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0 or -ENOMEM.
 */
int problem_encode(const char *title, int32_t error_id,
		   uint8_t **bytes, size_t *size)
{
	bool has_error = error_id != PROBLEM_NO_ERROR_ID;
	struct cbor_writer writer;

	cbor_writer_open(&writer);
	cbor_write_map(&writer, (size_t)has_error + !!title);
	if (has_error) {
		cbor_write_int(&writer, PROBLEM_ACE_GROUPCOMM_ERROR);
		cbor_write_map(&writer, 1);
		cbor_write_int(&writer, ERROR_ID);
		cbor_write_int(&writer, error_id);
	}
	if (title) {
		cbor_write_int(&writer, PROBLEM_TITLE);
		cbor_write_text(&writer, title);
	}
	return cbor_writer_finish(&writer, bytes, size);
}

static void read_error(struct cbor_reader *reader, int32_t *error_id)
{
	size_t pairs;

	for (pairs = cbor_read_map(reader, "ace-groupcomm-error");
	     pairs && !reader->error; pairs--) {
		if (cbor_read_key(reader) == ERROR_ID)
			*error_id = (int32_t)cbor_read_int(reader, "error-id",
							   INT32_MIN + 1,
							   INT32_MAX);
		else
			cbor_skip(reader);
	}
}

/**
 * problem_decode() - read problem details
 * @bytes: the body
 * @size: its bytes
 * @title: gets the title, cut to @room, empty if there is none
 * @room: bytes of @title
 * @error_id: gets the error-id, %PROBLEM_NO_ERROR_ID if there is none
 *
 * Return: 0 or -EBADMSG; then title and error_id are set to none.
 */
int problem_decode(const uint8_t *bytes, size_t size, char *title,
		   size_t room, int32_t *error_id)
{
	struct cbor_reader reader;
	char whole[TITLE_MAX];
	size_t pairs;

	title[0] = '\0';
	*error_id = PROBLEM_NO_ERROR_ID;
	cbor_reader_open(&reader, bytes, size, "problem details", NULL, 0);
	for (pairs = cbor_read_map(&reader, "problem details");
	     pairs && !reader.error; pairs--) {
		switch (cbor_read_key(&reader)) {
		case PROBLEM_ACE_GROUPCOMM_ERROR:
			read_error(&reader, error_id);
			break;
		case PROBLEM_TITLE:
			/* RFC 9290 also allows a text with language tag */
			if (cbor_next_is_text(&reader)) {
				cbor_read_text(&reader, "title", whole,
					       sizeof(whole));
				snprintf(title, room, "%s", whole);
			} else {
				cbor_skip(&reader);
			}
			break;
		default:
			cbor_skip(&reader);
		}
	}
	if (reader.error) {
		title[0] = '\0';
		*error_id = PROBLEM_NO_ERROR_ID;
	}
	return reader.error;
}
