// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directory of group documents ([server] groups=): one file a group.
 *
 * Files are read at start and at reload; a document whose ETag is another
 * than the stored one is an update.  What verbs and /manage change is written
 * back to the group's file, beside it first and renamed when the CSKMF has
 * taken it; a crash in between is made good at the next reading, so that an
 * old document brings nobody back.  A file that is gone ends no group: only
 * `group delete` does.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "smf/group_document.h"
#include "smf/smf_private.h"

#define SUFFIX ".xml"

struct group_file {
	UT_hash_handle hh;
	char sgid[CPNS_SGID_MAX + 1];
	char name[NAME_MAX + 1];
};

struct file_change {
	struct smf *smf;
	char sgid[CPNS_SGID_MAX + 1];
	char beside[PATH_MAX];
	char place[PATH_MAX];
	char name[NAME_MAX + 1];
};

static struct group_file *file_of(const struct smf *smf, const char *sgid)
{
	struct group_file *file;

	HASH_FIND_STR(smf->files, sgid, file);
	return file;
}

static void remember(struct smf *smf, const char *sgid, const char *name)
{
	struct group_file *file = file_of(smf, sgid);

	if (!file) {
		file = calloc(1, sizeof(*file));
		if (!file)
			return;
		strncpy(file->sgid, sgid, sizeof(file->sgid) - 1);
		HASH_ADD_STR(smf->files, sgid, file);
	}
	strncpy(file->name, name, sizeof(file->name) - 1);
}

static void forget(struct smf *smf, struct group_file *file)
{
	HASH_DEL(smf->files, file);
	free(file);
}

/* the SGID with all but [A-Za-z0-9@_-] as %XX; a hash where that is long */
static void default_name(const char *sgid, char name[NAME_MAX + 1])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char *to = name;
	size_t i;

	for (i = 0; sgid[i] && to - name < 200; i++) {
		if (isalnum((unsigned char)sgid[i]) ||
		    (i && strchr("@_-.", sgid[i])))
			*to++ = sgid[i];
		else
			to += sprintf(to, "%%%02X", (unsigned char)sgid[i]);
	}
	if (sgid[i]) {
		SHA256((const uint8_t *)sgid, strlen(sgid), hash);
		for (to = name, i = 0; i < sizeof(hash); i++)
			to += sprintf(to, "%02x", hash[i]);
	}
	strcpy(to, SUFFIX);
}

static int write_file(const char *path, const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
		      O_NOFOLLOW, 0640);
	ssize_t written;
	size_t done;
	int result = 0;

	if (fd < 0)
		return -errno;
	for (done = 0; done < size; done += written) {
		written = write(fd, text + done, size - done);
		if (written < 0) {
			result = -errno;
			break;
		}
	}
	if (!result && fsync(fd))
		result = -errno;
	close(fd);
	if (result)
		unlink(path);
	return result;
}

static void sync_directory(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

static bool beside_name(const struct smf *smf, const char *name,
			char beside[PATH_MAX])
{
	return snprintf(beside, PATH_MAX, "%s/.%.240s.new",
			smf->config->groups, name) < PATH_MAX;
}

int directory_prepare(struct smf *smf, const char *sgid, const char *text,
		      size_t size, struct file_change **change, char *reason)
{
	const char *directory = smf->config->groups;
	const struct group_file *file = file_of(smf, sgid);
	struct file_change *made;
	int result;

	*change = NULL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->smf = smf;
	strncpy(made->sgid, sgid, sizeof(made->sgid) - 1);
	if (file)
		strcpy(made->name, file->name);
	else
		default_name(sgid, made->name);
	if (mkdir(directory, 0750) && errno != EEXIST) {
		result = -errno;
		goto failed;
	}
	result = -ENAMETOOLONG;
	if (snprintf(made->place, sizeof(made->place), "%s/%s", directory,
		     made->name) >= (int)sizeof(made->place) ||
	    !beside_name(smf, made->name, made->beside))
		goto failed;
	result = write_file(made->beside, text, size);
	if (result)
		goto failed;
	*change = made;
	return 0;
failed:
	snprintf(reason, SMF_REASON_MAX,
		 "the document cannot be written to %s: %s", directory,
		 strerror(-result));
	free(made);
	return result;
}

void directory_finish(struct file_change *change, bool keep)
{
	if (!keep) {
		unlink(change->beside);
	} else if (rename(change->beside, change->place)) {
		log_error("group=%s: %s is not renamed to %s: %s",
			  change->sgid, change->beside, change->place,
			  strerror(errno));
	} else {
		sync_directory(change->smf->config->groups);
		remember(change->smf, change->sgid, change->name);
	}
	free(change);
}

static bool hidden_paths(const struct smf *smf, const struct group_file *file,
			 char place[PATH_MAX], char aside[PATH_MAX])
{
	const char *directory = smf->config->groups;

	return snprintf(place, PATH_MAX, "%s/%s", directory,
			file->name) < PATH_MAX &&
	       snprintf(aside, PATH_MAX, "%s/.%.240s.gone", directory,
			file->name) < PATH_MAX;
}

/*
 * The file goes before the group ends: after a crash in between the group
 * goes on without one, where a file left behind would make it anew.
 */
int directory_hide(struct smf *smf, const char *sgid, char *reason)
{
	const struct group_file *file = file_of(smf, sgid);
	char place[PATH_MAX], aside[PATH_MAX];
	int result;

	if (!file || !hidden_paths(smf, file, place, aside))
		return 0;
	if (rename(place, aside) && errno != ENOENT) {
		result = -errno;
		snprintf(reason, SMF_REASON_MAX,
			 "%.300s cannot be taken away: %s", place,
			 strerror(-result));
		return result;
	}
	sync_directory(smf->config->groups);
	return 0;
}

void directory_hidden(struct smf *smf, const char *sgid, bool deleted)
{
	struct group_file *file = file_of(smf, sgid);
	char place[PATH_MAX], aside[PATH_MAX];

	if (!file || !hidden_paths(smf, file, place, aside))
		return;
	if (deleted) {
		unlink(aside);
		forget(smf, file);
	} else if (rename(aside, place) && errno != ENOENT) {
		log_error("group=%s: %s is not renamed to %s: %s", sgid, aside,
			  place, strerror(errno));
	}
}

static char *read_file(const char *path, size_t *size, char *reason)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	char *text = NULL;
	ssize_t got;

	*size = 0;
	if (fd < 0 || fstat(fd, &status)) {
		snprintf(reason, SMF_REASON_MAX, "%s", strerror(errno));
		goto out;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > GROUP_DOCUMENT_MAX) {
		snprintf(reason, SMF_REASON_MAX,
			 "not a file of at most 1 MiB");
		goto out;
	}
	text = malloc(status.st_size + 1);
	while (text && *size < (size_t)status.st_size) {
		got = read(fd, text + *size, status.st_size - *size);
		if (got <= 0)
			break;
		*size += got;
	}
	if (!text)
		snprintf(reason, SMF_REASON_MAX, "out of memory");
out:
	if (fd >= 0)
		close(fd);
	return text;
}

static bool is_older(const struct stat *one, const struct stat *other)
{
	return one->st_mtim.tv_sec < other->st_mtim.tv_sec ||
	       (one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
		one->st_mtim.tv_nsec < other->st_mtim.tv_nsec);
}

/*
 * The CSKMF has taken a document that never got its place: the file of before
 * is no update, it would list whom the document took out.  A file that was
 * written later is somebody's own change.
 */
static bool put_into_place(const struct smf *smf, const char *name,
			   const uint8_t etag[GROUP_ETAG_SIZE])
{
	char beside[PATH_MAX], place[PATH_MAX], reason[SMF_REASON_MAX];
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct stat old, fresh;
	size_t size;
	char *text;

	if (!beside_name(smf, name, beside) ||
	    snprintf(place, sizeof(place), "%s/%s", smf->config->groups,
		     name) >= (int)sizeof(place) ||
	    stat(place, &old) || stat(beside, &fresh) ||
	    is_older(&fresh, &old))
		return false;
	text = read_file(beside, &size, reason);
	if (!text)
		return false;
	SHA256((const uint8_t *)text, size, hash);
	free(text);
	if (memcmp(hash, etag, GROUP_ETAG_SIZE))
		return false;
	if (rename(beside, place))
		log_error("%s is not renamed to %s: %s", beside, place,
			  strerror(errno));
	else
		log_notice("group document %s: the change that was under way is in place",
			   place);
	sync_directory(smf->config->groups);
	return true;
}

/* a group of the file is new, another, or as it was */
static int take_file(struct smf *smf, const char *name, const char *text,
		     size_t size, enum cskmf_cause cause, char *reason)
{
	struct group_description *description;
	struct cskmf_group_view view;
	struct cskmf_updated updated;
	const struct group_file *file;
	char sgid[CPNS_SGID_MAX + 1];
	uint32_t num;
	int result;

	/* it may be as it was accepted: what is new is looked at below */
	result = group_document_parse_stored(text, size, &description, reason,
					     SMF_REASON_MAX);
	if (result)
		return result;
	strcpy(sgid, description->sgid);
	file = file_of(smf, sgid);
	if (file && strcmp(file->name, name)) {
		snprintf(reason, SMF_REASON_MAX,
			 "the group %s is in %s already", sgid, file->name);
		group_document_free(description);
		return -EEXIST;
	}
	remember(smf, sgid, name);
	if (cskmf_group_view(smf->cskmf, sgid, &view))
		result = smf_group_create(smf, text, size, sgid, &num,
					  reason);
	else if (memcmp(view.description->etag, description->etag,
			sizeof(description->etag)) &&
		 !put_into_place(smf, name, view.description->etag))
		result = smf_group_update(smf, sgid, text, size, cause,
					  &updated, reason);
	group_document_free(description);
	return result;
}

static void read_one(struct smf *smf, const char *name,
		     enum cskmf_cause cause)
{
	char path[PATH_MAX], reason[SMF_REASON_MAX] = "";
	char *text;
	size_t size;

	if (snprintf(path, sizeof(path), "%s/%s", smf->config->groups,
		     name) >= (int)sizeof(path))
		return;
	text = read_file(path, &size, reason);
	if (!text || take_file(smf, name, text, size, cause, reason))
		log_error("group document %s is not used: %s", path, reason);
	free(text);
}

static int is_document(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return *entry->d_name != '.' && length > strlen(SUFFIX) &&
	       !strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX);
}

static int note_missing(void *context, const struct cskmf_group_view *view)
{
	const struct smf *smf = context;

	if (!file_of(smf, view->sgid))
		log_warning("group=%s has no file in %s; it goes on, `cpnsctl group delete` ends it",
			    view->sgid, smf->config->groups);
	return 0;
}

void directory_read(struct smf *smf, enum cskmf_cause cause)
{
	struct dirent **entries = NULL;
	int count, i;

	directory_close(smf);	/* files may have changed their groups */
	count = scandir(smf->config->groups, &entries, is_document,
			alphasort);
	if (count < 0 && errno != ENOENT)
		log_error("group documents in %s: %s", smf->config->groups,
			  strerror(errno));
	for (i = 0; i < count; i++) {
		read_one(smf, entries[i]->d_name, cause);
		free(entries[i]);
	}
	free(entries);
	cskmf_groups_each(smf->cskmf, note_missing, smf);
}

void directory_close(struct smf *smf)
{
	struct group_file *file, *next;

	HASH_ITER(hh, smf->files, file, next)
		forget(smf, file);
}
