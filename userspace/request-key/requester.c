// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the requester of a key under construction: the process id stands in
 * the authorisation key's line of /proc/keys, the owner in the key itself.
 *
 * Threading: one thread, no state.
 */
#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "requester.h"

/* /proc/keys shows nine characters of a type; only the kernel may use a dot */
#define AUTHORISATION_TYPE	".request_"
#define TYPE_COLUMN		7

/**
 * requester_pid_of_line() - the pid, if this is the key's authorisation line
 * @line: of /proc/keys
 * @key: key under construction
 * @pid: set
 *
 * Columns: serial flags usage timeout perm uid gid type description, and the
 * description is `key:<hex> pid:<pid> ci:<bytes>`.
 *
 * Return: 0, or -ENOENT for every other line.
 */
int requester_pid_of_line(const char *line, int32_t key, pid_t *pid)
{
	unsigned int serial;
	int found, end = 0;
	char type[16];

	for (int column = 0; column < TYPE_COLUMN; column++) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	if (sscanf(line, "%15s key:%x pid:%d ci:%n", type, &serial, &found,
		   &end) != 3 || !end)
		return -ENOENT;
	if (strcmp(type, AUTHORISATION_TYPE) || serial != (unsigned int)key ||
	    found <= 0)
		return -ENOENT;
	*pid = found;
	return 0;
}

/*
 * Descriptions are free text and may hold a line feed, so that a user can
 * forge a line: two that answer are one too many.
 */
static int find_pid(struct requester *requester)
{
	FILE *keys = fopen("/proc/keys", "re");
	char *line = NULL;
	size_t room = 0;
	int found = 0;

	if (!keys)
		return -errno;
	while (getline(&line, &room, keys) > 0)
		if (!requester_pid_of_line(line, requester->key,
					   &requester->pid))
			found++;
	free(line);
	fclose(keys);
	if (!found)
		return -ESRCH;
	return found == 1 ? 0 : -EBADMSG;
}

/* `type;uid;gid;perm;description` */
static int describe(struct requester *requester)
{
	char *text = NULL;
	unsigned int uid, gid;
	int end = 0, result = 0;

	if (keyctl_describe_alloc(requester->key, &text) < 0)
		return -errno;
	if (sscanf(text, CPNS_KEY_TYPE ";%u;%u;%*x;%n", &uid, &gid, &end) != 2 ||
	    !end || strlen(text + end) > CPNS_SGID_MAX || !text[end]) {
		result = -EINVAL;
	} else {
		requester->uid = uid;
		requester->gid = gid;
		strcpy(requester->sgid, text + end);
	}
	free(text);
	return result;
}

static void take_groups(struct requester *requester, const char *list)
{
	char *end;

	while (requester->groups_count < REQUESTER_GROUPS_MAX) {
		unsigned long group = strtoul(list, &end, 10);

		if (end == list)
			return;
		requester->groups[requester->groups_count++] = (gid_t)group;
		list = end;
	}
}

/* the supplementary groups, and that the process is the key's owner */
static int look_at_process(struct requester *requester)
{
	unsigned int uid = (unsigned int)-1;
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)requester->pid);
	status = fopen(path, "re");
	if (!status)
		return errno == ENOENT ? -ESRCH : -errno;
	while (getline(&line, &room, status) > 0) {
		if (!strncmp(line, "Uid:", 4))
			sscanf(line + 4, "%*u %*u %*u %u", &uid);
		else if (!strncmp(line, "Groups:", 7))
			take_groups(requester, line + 7);
	}
	free(line);
	fclose(status);
	return uid == requester->uid ? 0 : -EPERM;
}

/**
 * requester_find() - who asked for a key
 * @key: key under construction, its authority assumed
 * @requester: filled
 *
 * Return: 0; -ESRCH no authorisation line or no such process; -EBADMSG more
 * than one line; -EPERM the process does not own the key; -EINVAL not one of
 * our keys; or another -errno.
 */
int requester_find(int32_t key, struct requester *requester)
{
	int result;

	memset(requester, 0, sizeof(*requester));
	requester->key = key;
	result = describe(requester);
	if (!result)
		result = find_pid(requester);
	if (!result)
		result = look_at_process(requester);
	return result;
}
