// SPDX-License-Identifier: GPL-2.0-only
/*
 * The member's memory of a group's record chain; see chain.h.
 *
 * One thread; the caller owns the structure.  A file that is there but
 * cannot be trusted is an error, never "no file": otherwise damage would
 * open the way back to an old epoch.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "proto/key_schedule.h"
#include "proto/record.h"

#define CHAIN_FILE_MAX	(1u << 20)

static int chain_path(const char *directory, const char *sgid, char *path,
		      size_t room)
{
	uint8_t tag[CPNS_TAG_SIZE];
	char name[2 * CPNS_TAG_SIZE + 1];
	size_t i;
	int size;

	if (group_tag(sgid, tag))
		return -EINVAL;
	for (i = 0; i < sizeof(tag); i++)
		snprintf(name + 2 * i, 3, "%02x", tag[i]);
	size = snprintf(path, room, "%s/%s.json", directory, name);
	return size < 0 || (size_t)size >= room ? -ENAMETOOLONG : 0;
}

static struct json_object *hex_string(const uint8_t *bytes, size_t size)
{
	char *text = malloc(2 * size + 1);
	struct json_object *string;
	size_t i;

	if (!text)
		return NULL;
	text[0] = '\0';
	for (i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	string = json_object_new_string(text);
	free(text);
	return string;
}

static int parse_hex(const char *text, uint8_t *bytes, size_t size)
{
	size_t i;

	if (strlen(text) != 2 * size ||
	    strspn(text, "0123456789abcdef") != 2 * size)
		return -EINVAL;
	for (i = 0; i < size; i++)
		if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
			return -EINVAL;
	return 0;
}

static const char *member_string(struct json_object *file, const char *name)
{
	struct json_object *member;

	if (!json_object_object_get_ex(file, name, &member) ||
	    !json_object_is_type(member, json_type_string))
		return NULL;
	return json_object_get_string(member);
}

static int member_number(struct json_object *file, const char *name,
			 uint64_t most, uint64_t *number)
{
	struct json_object *member;

	if (!json_object_object_get_ex(file, name, &member) ||
	    !json_object_is_type(member, json_type_int) ||
	    json_object_get_int64(member) < 0)
		return -EINVAL;
	*number = json_object_get_uint64(member);
	return *number > most ? -EINVAL : 0;
}

static int member_flag(struct json_object *file, const char *name, bool *flag)
{
	struct json_object *member;

	if (!json_object_object_get_ex(file, name, &member) ||
	    !json_object_is_type(member, json_type_boolean))
		return -EINVAL;
	*flag = json_object_get_boolean(member);
	return 0;
}

/* one that files of former versions do not have: false */
static int later_flag(struct json_object *file, const char *name, bool *flag)
{
	*flag = false;
	return json_object_object_get_ex(file, name, NULL) ?
		member_flag(file, name, flag) : 0;
}

static int member_hash(struct json_object *file, const char *name,
		       uint8_t hash[32])
{
	const char *text = member_string(file, name);

	return text ? parse_hex(text, hash, 32) : -EINVAL;
}

/* absent and empty mean: none */
static int member_bytes(struct json_object *file, const char *name,
			uint8_t **bytes, size_t *size)
{
	const char *text = member_string(file, name);

	*bytes = NULL;
	*size = 0;
	if (!text || !*text)
		return 0;
	*bytes = malloc(strlen(text) / 2 + 1);
	if (!*bytes)
		return -ENOMEM;
	*size = strlen(text) / 2;
	return parse_hex(text, *bytes, *size);
}

static int parse_file(struct json_object *file, struct chain *chain)
{
	const char *sgid = member_string(file, "sgid");
	uint64_t num, linked_from, gap_from;

	if (!sgid || strcmp(sgid, chain->sgid))
		return -EINVAL;
	if (member_number(file, "term", INT64_MAX, &chain->term) ||
	    member_number(file, "num", CPNS_EPOCH_MAX, &num) ||
	    member_number(file, "linked_from", CPNS_EPOCH_MAX, &linked_from) ||
	    member_number(file, "gap_from", CPNS_EPOCH_MAX, &gap_from) ||
	    member_number(file, "roster_serial", INT64_MAX,
			  &chain->roster_serial) ||
	    member_flag(file, "broken", &chain->broken) ||
	    member_flag(file, "left", &chain->left) ||
	    later_flag(file, "leave_due", &chain->leave_due) ||
	    later_flag(file, "stopped", &chain->stopped) ||
	    member_hash(file, "hash", chain->hash) ||
	    member_hash(file, "gap_hash", chain->gap_hash) ||
	    member_hash(file, "roster_hash", chain->roster_hash))
		return -EINVAL;
	chain->num = (uint32_t)num;
	chain->linked_from = (uint32_t)linked_from;
	chain->gap_from = (uint32_t)gap_from;
	if (chain->linked_from > chain->num || chain->gap_from > chain->num)
		return -EINVAL;
	return member_bytes(file, "record", &chain->record,
			    &chain->record_size) ?:
		member_bytes(file, "roster", &chain->roster,
			     &chain->roster_size);
}

/* the signed record must be the one that the numbers tell of */
static int check_record(const struct chain *chain, char *reason, size_t room)
{
	struct epoch_record record;
	int error = 0;

	if (!chain->num)
		return 0;
	if (!chain->record) {
		snprintf(reason, room, "the record is missing");
		return -EINVAL;
	}
	if (epoch_record_open(chain->record, chain->record_size, &record,
			      reason, room))
		return -EINVAL;
	if (record.num != chain->num || strcmp(record.sgid, chain->sgid) ||
	    memcmp(record.payload_hash, chain->hash, 32)) {
		snprintf(reason, room, "number or hash is not the record's");
		error = -EINVAL;
	}
	epoch_record_free(&record);
	return error;
}

static struct json_object *read_json(const char *path, int *error)
{
	struct json_object *file = NULL;
	char *text = NULL;
	ssize_t size;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		*error = -errno;
		return NULL;
	}
	*error = -EINVAL;
	text = malloc(CHAIN_FILE_MAX + 1);
	size = text ? read(fd, text, CHAIN_FILE_MAX) : -1;
	if (size >= 0) {
		text[size] = '\0';
		file = json_tokener_parse(text);
	}
	if (file && !json_object_is_type(file, json_type_object)) {
		json_object_put(file);
		file = NULL;
	}
	if (file)
		*error = 0;
	free(text);
	close(fd);
	return file;
}

/**
 * chain_load - read what is remembered of a group
 * @directory: <state>/groups
 * @sgid: the group
 * @chain: the result, freed by chain_free(); empty if nothing is known yet
 * @reason: what is wrong with the file, with its path and what to do
 * @room: bytes of @reason
 *
 * Return: 0; -EUCLEAN if there is a file that cannot be trusted; or another
 * -errno.  On an error the group must not be used.
 */
int chain_load(const char *directory, const char *sgid, struct chain *chain,
	       char *reason, size_t room)
{
	char path[PATH_MAX], cause[128] = "not what cpnsd writes";
	struct json_object *file;
	int error;

	memset(chain, 0, sizeof(*chain));
	snprintf(chain->sgid, sizeof(chain->sgid), "%s", sgid);
	error = chain_path(directory, sgid, path, sizeof(path));
	if (error) {
		snprintf(reason, room, "no file name for this group");
		return error;
	}
	file = read_json(path, &error);
	if (error == -ENOENT)
		return 0;
	if (error && error != -EINVAL) {
		snprintf(reason, room, "%s: %s", path, strerror(-error));
		return error;
	}
	if (!error)
		error = parse_file(file, chain);
	if (!error)
		error = check_record(chain, cause, sizeof(cause));
	json_object_put(file);
	if (error) {
		snprintf(reason, room,
			 "%s is damaged (%s): remove it to take the group's history from the server anew",
			 path, cause);
		chain_free(chain);
		return -EUCLEAN;
	}
	return 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? -errno : -EIO;
		bytes += written;
		size -= (size_t)written;
	}
	return 0;
}

static int sync_directory(const char *path)
{
	char directory[PATH_MAX];
	char *slash;
	int fd, error = 0;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		error = -errno;
	close(fd);
	return error;
}

/**
 * chain_write_file - replace a file as a whole
 * @path: the file; a stale PATH.new of an earlier crash is overwritten
 * @bytes: new contents
 * @size: their size
 * @reason: what failed
 * @room: bytes of @reason
 *
 * Return: 0 or -errno; on an error the old file stands.
 */
int chain_write_file(const char *path, const void *bytes, size_t size,
		     char *reason, size_t room)
{
	char temporary[PATH_MAX];
	int fd, error;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >=
	    (int)sizeof(temporary)) {
		snprintf(reason, room, "path is too long");
		return -ENAMETOOLONG;
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
		  O_NOFOLLOW, 0600);
	if (fd < 0) {
		error = -errno;
		snprintf(reason, room, "%s: %s", temporary, strerror(-error));
		return error;
	}
	error = write_all(fd, bytes, size);
	if (!error && fsync(fd))
		error = -errno;
	if (close(fd) && !error)
		error = -errno;
	if (!error && rename(temporary, path))
		error = -errno;
	if (!error)
		error = sync_directory(path);
	if (error) {
		snprintf(reason, room, "%s: %s", path, strerror(-error));
		unlink(temporary);
	}
	return error;
}

static int add_member(struct json_object *file, const char *name,
		      struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(file, name, value)) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static int build_file(struct json_object *file, const struct chain *chain)
{
	return add_member(file, "sgid", json_object_new_string(chain->sgid)) ?:
		add_member(file, "term", json_object_new_uint64(chain->term)) ?:
		add_member(file, "num", json_object_new_uint64(chain->num)) ?:
		add_member(file, "hash", hex_string(chain->hash, 32)) ?:
		add_member(file, "linked_from",
			   json_object_new_uint64(chain->linked_from)) ?:
		add_member(file, "gap_from",
			   json_object_new_uint64(chain->gap_from)) ?:
		add_member(file, "gap_hash", hex_string(chain->gap_hash, 32)) ?:
		add_member(file, "broken",
			   json_object_new_boolean(chain->broken)) ?:
		add_member(file, "roster_serial",
			   json_object_new_uint64(chain->roster_serial)) ?:
		add_member(file, "roster_hash",
			   hex_string(chain->roster_hash, 32)) ?:
		add_member(file, "left", json_object_new_boolean(chain->left)) ?:
		add_member(file, "leave_due",
			   json_object_new_boolean(chain->leave_due)) ?:
		add_member(file, "stopped",
			   json_object_new_boolean(chain->stopped)) ?:
		add_member(file, "record",
			   hex_string(chain->record, chain->record_size)) ?:
		add_member(file, "roster",
			   hex_string(chain->roster, chain->roster_size));
}

/**
 * chain_save - write what is remembered of a group
 * @directory: <state>/groups
 * @chain: the state
 * @reason: what failed
 * @room: bytes of @reason
 *
 * Return: 0 or -errno; on an error the file of before stands.
 */
int chain_save(const char *directory, const struct chain *chain,
	       char *reason, size_t room)
{
	struct json_object *file = json_object_new_object();
	char path[PATH_MAX];
	const char *text;
	int error;

	snprintf(reason, room, "no memory");
	if (!file)
		return -ENOMEM;
	error = chain_path(directory, chain->sgid, path, sizeof(path));
	if (!error)
		error = build_file(file, chain);
	if (!error) {
		text = json_object_to_json_string_ext(file,
						      JSON_C_TO_STRING_PRETTY);
		error = text ? chain_write_file(path, text, strlen(text),
						reason, room) : -ENOMEM;
	}
	json_object_put(file);
	return error;
}

/**
 * chain_free - give the copies back
 * @chain: from chain_load(); may be used again afterwards as an empty one
 */
void chain_free(struct chain *chain)
{
	free(chain->record);
	free(chain->roster);
	memset(chain, 0, sizeof(*chain));
}

static int set_bytes(uint8_t **to, size_t *to_size, const uint8_t *bytes,
		     size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, size);
	free(*to);
	*to = copy;
	*to_size = size;
	return 0;
}

/**
 * chain_set_record - remember the bytes of the newest record
 * @chain: the state
 * @bytes: COSE_Sign1 as received; copied
 * @size: its size
 *
 * Return: 0 or -ENOMEM, nothing changed then.
 */
int chain_set_record(struct chain *chain, const uint8_t *bytes, size_t size)
{
	return set_bytes(&chain->record, &chain->record_size, bytes, size);
}

/**
 * chain_set_roster - remember the bytes of the newest roster
 * @chain: the state
 * @bytes: COSE_Sign1 as received; copied
 * @size: its size
 *
 * Return: 0 or -ENOMEM, nothing changed then.
 */
int chain_set_roster(struct chain *chain, const uint8_t *bytes, size_t size)
{
	return set_bytes(&chain->roster, &chain->roster_size, bytes, size);
}
