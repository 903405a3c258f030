// SPDX-License-Identifier: GPL-2.0-only
/*
 * KMC: master key file, generator's health check, wrapping.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kmc/health.h"
#include "kmc/kmc.h"
#include "kmc/secret_memory.h"

#define WRAPPED	(KMC_KEY_SIZE + KMC_WRAP_OVERHEAD)

static char state_directory[64];
static char key_file[96];
static const struct kmc_options software = {
	.state_directory = state_directory,
};

static int make_directory(void **state)
{
	strcpy(state_directory, "/tmp/cpns-test-XXXXXX");
	assert_non_null(mkdtemp(state_directory));
	snprintf(key_file, sizeof(key_file), "%s/kmc.key", state_directory);
	return 0;
}

static int remove_directory(void **state)
{
	unlink(key_file);
	return rmdir(state_directory);
}

static struct kmc *open_kmc(void)
{
	char reason[256] = "";
	struct kmc *kmc;

	if (kmc_open(&kmc, &software, reason, sizeof(reason)))
		fail_msg("%s", reason);
	return kmc;
}

static void key_file_is_made_once(void **state)
{
	uint8_t key[KMC_KEY_SIZE], wrapped[WRAPPED], got[KMC_KEY_SIZE];
	struct stat first, second;
	struct kmc *kmc = open_kmc();

	assert_int_equal(stat(key_file, &first), 0);
	assert_int_equal(first.st_mode & 07777, 0600);
	assert_int_equal(first.st_size, KMC_KEY_SIZE);
	assert_int_equal(first.st_nlink, 1);
	assert_int_equal(kmc_generate(kmc, key), 0);
	assert_int_equal(kmc_wrap(kmc, "leaf a 1 1", key, wrapped), 0);
	kmc_close(kmc);

	kmc = open_kmc();
	assert_int_equal(stat(key_file, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	assert_int_equal(kmc_unwrap(kmc, "leaf a 1 1", wrapped, got), 0);
	assert_memory_equal(got, key, KMC_KEY_SIZE);
	kmc_close(kmc);
	kmc_close(NULL);
}

static void refuse(int expected, const char *word)
{
	char reason[256] = "";
	struct kmc *kmc = (void *)1;
	int error;

	error = kmc_open(&kmc, &software, reason, sizeof(reason));
	if (error != expected || !strstr(reason, word))
		fail_msg("%d \"%s\", expected %d \"%s\"", error, reason,
			 expected, word);
	assert_null(kmc);
}

static void damaged_key_files_are_refused(void **state)
{
	char elsewhere[128];

	kmc_close(open_kmc());
	assert_int_equal(chmod(key_file, 0640), 0);
	refuse(-EACCES, "0600");
	assert_int_equal(chmod(key_file, 0600), 0);
	assert_int_equal(truncate(key_file, 31), 0);
	refuse(-EINVAL, "32 bytes");
	assert_int_equal(truncate(key_file, 0), 0);
	refuse(-EINVAL, "32 bytes");
	snprintf(elsewhere, sizeof(elsewhere), "%s/other", state_directory);
	assert_int_equal(rename(key_file, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, key_file), 0);
	refuse(-ELOOP, "kmc.key");
	unlink(key_file);
	unlink(elsewhere);
}

static void missing_directory(void **state)
{
	const struct kmc_options nowhere = {
		.state_directory = "/nonexistent",
	};
	char reason[256] = "";
	struct kmc *kmc;

	assert_int_equal(kmc_open(&kmc, &nowhere, reason, sizeof(reason)),
			 -ENOENT);
	assert_non_null(strstr(reason, "/nonexistent"));
}

static void wrapping(void **state)
{
	uint8_t key[KMC_KEY_SIZE], wrapped[2][WRAPPED], got[KMC_KEY_SIZE];
	static const uint8_t zero[KMC_KEY_SIZE];
	struct kmc *kmc = open_kmc();
	char label[600];
	size_t i;

	assert_int_equal(kmc_generate(kmc, key), 0);
	assert_int_equal(kmc_wrap(kmc, "epoch a 1", key, wrapped[0]), 0);
	assert_int_equal(kmc_wrap(kmc, "epoch a 1", key, wrapped[1]), 0);
	/* another nonce each time */
	assert_memory_not_equal(wrapped[0], wrapped[1], 12);
	/* bound to its place */
	assert_int_equal(kmc_unwrap(kmc, "epoch a 2", wrapped[0], got),
			 -EBADMSG);
	assert_memory_equal(got, zero, sizeof(got));
	for (i = 0; i < WRAPPED; i++) {
		wrapped[0][i] ^= 1;
		assert_int_equal(kmc_unwrap(kmc, "epoch a 1", wrapped[0],
					    got), -EBADMSG);
		wrapped[0][i] ^= 1;
	}
	assert_int_equal(kmc_unwrap(kmc, "epoch a 1", wrapped[0], got), 0);
	assert_memory_equal(got, key, sizeof(got));
	assert_int_equal(kmc_wrap(kmc, "", key, wrapped[0]), -EINVAL);
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	assert_int_equal(kmc_wrap(kmc, label, key, wrapped[0]), -EINVAL);
	kmc_close(kmc);
	/* another master key */
	unlink(key_file);
	kmc = open_kmc();
	assert_int_equal(kmc_unwrap(kmc, "epoch a 1", wrapped[1], got),
			 -EBADMSG);
	kmc_close(kmc);
}

static void keys_differ(void **state)
{
	uint8_t keys[32][KMC_KEY_SIZE];
	struct kmc *kmc = open_kmc();
	int i, j;

	for (i = 0; i < 32; i++) {
		assert_int_equal(kmc_generate(kmc, keys[i]), 0);
		for (j = 0; j < i; j++)
			assert_memory_not_equal(keys[i], keys[j],
						KMC_KEY_SIZE);
	}
	kmc_close(kmc);
}

static void sick_generators(void **state)
{
	uint8_t output[32] = { 1 }, zero[32] = { 0 }, ones[32];
	struct kmc_health health;

	memset(&health, 0, sizeof(health));
	assert_int_equal(kmc_health_check(&health, output, 32), 0);
	output[31]++;
	assert_int_equal(kmc_health_check(&health, output, 32), 0);
	/* the same again, and from then on nothing is taken */
	assert_int_equal(kmc_health_check(&health, output, 32), -EIO);
	output[31]++;
	assert_int_equal(kmc_health_check(&health, output, 32), -EIO);

	memset(&health, 0, sizeof(health));
	assert_int_equal(kmc_health_check(&health, zero, 32), -EIO);
	memset(&health, 0, sizeof(health));
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(kmc_health_check(&health, ones, 32), -EIO);
	memset(&health, 0, sizeof(health));
	assert_int_equal(kmc_health_check(&health, output, 0), -EIO);
}

/* flags of the mapping that @address lies in, from /proc/self/smaps */
static void mapping_flags(const void *address, char *flags, size_t room)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long start, end, at = (unsigned long)address;
	bool inside = false;
	char line[512];

	assert_non_null(file);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = at >= start && at < end;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			snprintf(flags, room, "%s", line + 8);
	}
	fclose(file);
}

static void memory_is_locked_and_not_dumped(void **state)
{
	char flags[512];
	uint8_t *memory;
	int status;

	memory = secret_memory_new(100);
	assert_non_null(memory);
	memory[0] = 42;
	mapping_flags(memory, flags, sizeof(flags));
#ifndef __SANITIZE_ADDRESS__		/* its mlock(2) does nothing */
	assert_non_null(strstr(flags, " lo"));	/* locked */
#endif
	assert_non_null(strstr(flags, " dd"));	/* not in a core file */
	assert_non_null(strstr(flags, " wf"));	/* wiped in a child */
	if (!fork())
		_exit(memory[0]);
	wait(&status);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(memory[0], 42);
	secret_memory_free(memory, 100);
	secret_memory_free(NULL, 100);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(key_file_is_made_once,
						make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(damaged_key_files_are_refused,
						make_directory,
						remove_directory),
		cmocka_unit_test(missing_directory),
		cmocka_unit_test_setup_teardown(wrapping, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(keys_differ, make_directory,
						remove_directory),
		cmocka_unit_test(sick_generators),
		cmocka_unit_test(memory_is_locked_and_not_dumped),
	};

	return cmocka_run_group_tests_name("kmc", tests, NULL, NULL);
}
