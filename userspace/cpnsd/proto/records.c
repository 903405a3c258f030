// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bodies of GET /ace-group/G/num and /records: an epoch's number, and the
 * chain of signed records.
 *
 * No state, any thread.
 */
#include <errno.h>

#include "proto/cbor.h"
#include "proto/response.h"

#define RECORDS_MAX	64

/**
 * num_encode() - make the answer to /num
 * @num: number of the newest epoch
 * @bytes: gets the body, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int num_encode(uint32_t num, uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;

	if (!num || num > CPNS_EPOCH_MAX)
		return -EINVAL;
	cbor_writer_open(&writer);
	cbor_write_uint(&writer, num);
	return cbor_writer_finish(&writer, bytes, size);
}

/**
 * num_decode() - read the answer to /num
 * @bytes: the body
 * @size: its bytes
 * @num: gets the number
 *
 * Return: 0 or -EBADMSG.
 */
int num_decode(const uint8_t *bytes, size_t size, uint32_t *num)
{
	struct cbor_reader reader;

	cbor_reader_open(&reader, bytes, size, "num", NULL, 0);
	*num = (uint32_t)cbor_read_uint(&reader, "num", 1, CPNS_EPOCH_MAX);
	return reader.error;
}

/**
 * records_encode() - make the answer to /records
 * @records: signed records, oldest first; each one whole CBOR item
 * @count: their number, at most 64
 * @bytes: gets the body, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0; -EINVAL too many, or no CBOR; -ENOMEM.
 */
int records_encode(const struct record_bytes *records, size_t count,
		   uint8_t **bytes, size_t *size)
{
	struct cbor_reader reader;
	struct cbor_writer writer;
	size_t i;

	if (count > RECORDS_MAX)
		return -EINVAL;
	cbor_writer_open(&writer);
	cbor_write_array(&writer, count);
	for (i = 0; i < count; i++) {
		if (cbor_reader_open(&reader, records[i].bytes,
				     records[i].size, "record", NULL, 0))
			cbor_writer_fail(&writer, -EINVAL);
		cbor_write_encoded(&writer, records[i].bytes,
				   records[i].size);
	}
	return cbor_writer_finish(&writer, bytes, size);
}

/**
 * records_decode() - read the answer to /records
 * @bytes: the body
 * @size: its bytes
 * @records: gets views into @bytes, to be checked by epoch_record_open()
 * @room: entries of @records
 * @count: gets their number
 *
 * Return: 0 or -EBADMSG, also if there are more than 64 or @room.
 */
int records_decode(const uint8_t *bytes, size_t size,
		   struct record_bytes *records, size_t room, size_t *count)
{
	struct cbor_reader reader;
	size_t i;

	*count = 0;
	cbor_reader_open(&reader, bytes, size, "records", NULL, 0);
	if (room > RECORDS_MAX)
		room = RECORDS_MAX;
	*count = cbor_read_array(&reader, "records", 0, room);
	for (i = 0; i < *count; i++)
		records[i].bytes = cbor_read_encoded(&reader, "record",
						     &records[i].size);
	return reader.error;
}
