/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CBOR (RFC 8949) over libcbor: a deterministic writer and a strict reader.
 *
 * Both keep the first error, so that callers write or read a whole message
 * and look once at the end.  The writer gives shortest heads and definite
 * lengths; map keys are written in bytewise order by the caller (4.2.1).
 * The reader checks the whole message when it is opened, unknown parts too.
 *
 * One thread at a time; the reader borrows the message's bytes.
 */
#ifndef CPNSD_PROTO_CBOR_H
#define CPNSD_PROTO_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CBOR_NESTING_MAX	8
#define CBOR_MAP_PAIRS_MAX	256

struct cbor_writer {
	uint8_t *bytes;
	size_t size, room;
	int error;
};

void cbor_writer_open(struct cbor_writer *writer);
void cbor_write_uint(struct cbor_writer *writer, uint64_t value);
void cbor_write_int(struct cbor_writer *writer, int64_t value);
void cbor_write_bytes(struct cbor_writer *writer, const void *bytes,
		      size_t size);
void cbor_write_text(struct cbor_writer *writer, const char *text);
void cbor_write_array(struct cbor_writer *writer, size_t count);
void cbor_write_map(struct cbor_writer *writer, size_t pairs);
void cbor_write_tag(struct cbor_writer *writer, uint64_t tag);
void cbor_write_bool(struct cbor_writer *writer, bool value);
void cbor_write_encoded(struct cbor_writer *writer, const void *item,
			size_t size);
void cbor_writer_fail(struct cbor_writer *writer, int error);
int cbor_writer_finish(struct cbor_writer *writer, uint8_t **bytes,
		       size_t *size);
void cbor_writer_close(struct cbor_writer *writer);

struct cbor_reader {
	const uint8_t *at, *end;
	const char *subject;
	char *reason;
	size_t room;
	int error;
};

/* what cbor_read_key() gives for a key that is not a small integer */
#define CBOR_KEY_FOREIGN	INT64_MIN

int cbor_reader_open(struct cbor_reader *reader, const void *bytes,
		     size_t size, const char *subject,
		     char *reason, size_t room);
int cbor_reader_fail(struct cbor_reader *reader, int error,
		     const char *format, ...)
	__attribute__((format(printf, 3, 4)));
uint64_t cbor_read_uint(struct cbor_reader *reader, const char *what,
			uint64_t min, uint64_t max);
int64_t cbor_read_int(struct cbor_reader *reader, const char *what,
		      int64_t min, int64_t max);
bool cbor_read_bool(struct cbor_reader *reader, const char *what);
const uint8_t *cbor_read_bytes(struct cbor_reader *reader, const char *what,
			       size_t min, size_t max, size_t *size);
void cbor_read_exactly(struct cbor_reader *reader, const char *what,
		       void *bytes, size_t size);
void cbor_read_text(struct cbor_reader *reader, const char *what,
		    char *text, size_t room);
size_t cbor_read_array(struct cbor_reader *reader, const char *what,
		       size_t min, size_t max);
size_t cbor_read_map(struct cbor_reader *reader, const char *what);
int64_t cbor_read_key(struct cbor_reader *reader);
void cbor_read_tag(struct cbor_reader *reader, const char *what,
		   uint64_t tag);
const uint8_t *cbor_read_encoded(struct cbor_reader *reader, const char *what,
				 size_t *size);
bool cbor_next_is_array(const struct cbor_reader *reader);
bool cbor_next_is_bytes(const struct cbor_reader *reader);
bool cbor_next_is_text(const struct cbor_reader *reader);
void cbor_skip(struct cbor_reader *reader);

#endif
